//! Who did what: by ancestry, not by what an environment claims.

use gt_api::view::Message;
use gt_testkit::town::TestTown;

use crate::poke::post;
use crate::robustness::answer;
use crate::town;

/// An agent's mail, as `gt mail inbox` shows it to the overseer.
fn inbox(town: &TestTown, address: &str) -> Vec<Message> {
    let listed = town.gt(&["mail", "inbox", address, "--json"]).ok();
    serde_json::from_str(&listed).unwrap()
}

/// Has an agent run `gt mail send deacon` in some way, and gives the command's exit code.
fn send_from(town: &TestTown, agent: &str, way: &str, subject: &str) -> i32 {
    let gt = env!("CARGO_BIN_EXE_gt");
    let command = format!("{way} {gt} mail send deacon -s {subject} -m text");
    town.type_line(agent, &format!("/run {command}"));
    answer(town, agent, &command)
}

fn forgeries(town: &TestTown) -> usize {
    let events = town.gt(&["events", "--json", "--since", "0"]).ok();
    events
        .lines()
        .filter(|line| line.contains(r#""forgery""#))
        .count()
}

/// Covers D10, F84: what an agent runs is the agent's, with its environment emptied or
/// in a session of its own, too; a claim to be another is refused and on record.
#[test]
fn an_agent_is_known_whatever_its_environment_says() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    assert_eq!(send_from(&town, "mayor", "env", "plain"), 0);
    assert_eq!(send_from(&town, "mayor", "env -i", "emptied"), 0);
    assert_eq!(send_from(&town, "mayor", "setsid -w env -i", "detached"), 0);
    let senders: Vec<String> = inbox(&town, "deacon")
        .into_iter()
        .map(|message| message.from)
        .collect();
    assert_eq!(senders, ["mayor/", "mayor/", "mayor/"]);

    assert_eq!(
        send_from(&town, "mayor", "env GT_AGENT=deacon", "forged"),
        5
    );
    assert_eq!(inbox(&town, "deacon").len(), 3);
    assert_eq!(forgeries(&town), 1);
    // The deacon's heartbeat would hide that the deacon hangs.
    town.type_line("mayor", "/run gt deacon heartbeat all is well");
    assert_eq!(answer(&town, "mayor", "gt deacon heartbeat all is well"), 5);
}

/// Covers F21, F84, D10: outside of every holder it takes the mark of a run that runs now to
/// be an agent; a name alone, or the mark of an earlier run, is refused and on record.
#[test]
fn a_shell_is_an_agent_only_with_the_mark_of_the_present_run() {
    let town = town("");
    town.gt(&["up"]).ok();
    let first = town.wait_for_run("mayor", None).incarnation.unwrap();
    let send = |variables: &[(&str, &str)]| {
        let mut command = town.command(town.root());
        command.args(["mail", "send", "deacon", "-s", "word", "-m", "text"]);
        command.envs(variables.iter().copied());
        command.output().unwrap().status.code().unwrap()
    };
    assert_eq!(send(&[("GT_AGENT", "mayor")]), 5);
    assert_eq!(
        send(&[("GT_AGENT", "mayor"), ("GT_INCARNATION", &first)]),
        0
    );
    assert_eq!(
        send(&[("GT_AGENT", "deacon"), ("GT_INCARNATION", &first)]),
        5
    );
    town.gt(&["mayor", "restart"]).ok();
    assert_eq!(
        send(&[("GT_AGENT", "mayor"), ("GT_INCARNATION", &first)]),
        5
    );
    assert_eq!(send(&[]), 0);
    let senders: Vec<String> = inbox(&town, "deacon")
        .into_iter()
        .map(|message| message.from)
        .collect();
    let mut sorted = senders;
    sorted.sort();
    assert_eq!(sorted, ["mayor/", "overseer"]);
    assert_eq!(forgeries(&town), 3);
}

/// Covers L11, L12, F25: mail in the original's form that asks for another agent's end does
/// nothing, is answered once, and is not looked at again.
#[test]
fn an_agent_cannot_ask_for_the_end_of_another() {
    let town = town("");
    town.gt(&["up"]).ok();
    let deacon = town.wait_for_run("deacon", None);
    town.wait_for_run("mayor", None);
    let mut asked = town.command(town.root());
    let mayor = town.agent("mayor").incarnation.unwrap();
    asked.env("GT_AGENT", "mayor").env("GT_INCARNATION", mayor);
    asked.args(["mail", "send", "deacon/", "-m", "now"]);
    asked.args(["-s", "LIFECYCLE: deacon requesting shutdown"]);
    assert!(asked.output().unwrap().status.success());
    town.wait_for("the answer", || {
        let answers = inbox(&town, "mayor");
        answers
            .iter()
            .any(|message| message.from == "daemon")
            .then_some(())
    });
    post(&town, "deacon");
    town.gt(&["daemon", "restart"]).ok();
    town.wait_for_run("deacon", None);
    assert_eq!(town.agent("deacon").incarnation, deacon.incarnation);
    assert_eq!(inbox(&town, "mayor").len(), 1);
}
