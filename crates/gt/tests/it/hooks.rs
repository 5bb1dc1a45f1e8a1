//! What the hooks of an agent's program tell, and what they hand over.

use std::io::Write as _;
use std::process::Stdio;

use gt_api::view::State;
use gt_core::session::SessionId;
use gt_host::process::Signal;
use gt_testkit::town::{TestTown, is_gone, signal};

use crate::nudges::times_taken;
use crate::robustness::answer;
use crate::{prompt, town};

/// A town whose agents call hooks, with the mayor at its prompt.
fn town_with_hooks() -> TestTown {
    let town = town("");
    town.gt(&["config", "set", "agents.scripted.hooks", "claude"])
        .ok();
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    town
}

/// Lets the mayor work until the file is there that this returns.
fn busy_mayor(town: &TestTown) -> std::path::PathBuf {
    let file = town.beside().join("go-on");
    town.type_line("mayor", &format!("/wait-file {}", file.display()));
    town.wait_for("the mayor to work", || {
        town.events("state_changed", "mayor").checked_sub(1)?;
        town.screen("mayor")
            .contains("esc to interrupt")
            .then_some(())
    });
    file
}

fn queue(town: &TestTown, text: &str) {
    town.gt(&["nudge", "mayor", "-m", text]).ok();
}

/// What the list says of the one message with this text.
fn listed(town: &TestTown, text: &str) -> String {
    let list = town.gt(&["nudge", "list", "mayor"]).ok();
    let line = list.lines().find(|line| line.contains(text));
    line.unwrap_or_else(|| panic!("{text} is not in {list}"))
        .to_owned()
}

/// Covers F59, F62: at the end of a turn the agent's own hook takes the next message without a key, once
/// a turn: a program drops what a hook says that prolongs a turn for ever. The rest is typed.
#[test]
fn the_end_of_a_turn_takes_the_next_message() {
    let town = town_with_hooks();
    let file = busy_mayor(&town);
    queue(&town, "the first");
    queue(&town, "the second");
    fs_err::write(file, "").unwrap();
    let said = town.wait_for("both", || {
        let said = [listed(&town, "the first"), listed(&town, "the second")];
        let are_over = said.iter().all(|line| line.contains("confirmed"));
        are_over.then_some(said)
    });
    assert!(
        said[0].contains("handed over by its hook `Stop`"),
        "{}",
        said[0]
    );
    assert!(said[1].contains("its screen took it"), "{}", said[1]);
    let journal = town.journal("mayor");
    let [first, second] = ["prompt the first", "prompt the second"].map(|line| journal.find(line));
    assert!(first.is_some() && first < second, "{journal}");
    assert_eq!(times_taken(&town, "mayor", "the first"), 1);
    assert_eq!(times_taken(&town, "mayor", "the second"), 1);
}

/// What a prompt takes for a command of its own is typed there: a hook would make it words.
#[test]
fn a_command_is_typed() {
    let town = town_with_hooks();
    let file = busy_mayor(&town);
    queue(&town, "/say typed");
    fs_err::write(file, "").unwrap();
    let line = town.wait_for("the command", || {
        let line = listed(&town, "/say typed");
        line.contains("confirmed").then_some(line)
    });
    assert!(line.contains("its screen took it"), "{line}");
}

/// Covers T14: a session begins with the role, once; a turn begins with news of mail and the messages that wait.
#[test]
fn a_turn_begins_with_what_is_due() {
    let town = town_with_hooks();
    let contexts = |town: &TestTown| -> Vec<String> {
        let journal = town.journal("mayor");
        let context = |line: &str| {
            line.split_once(" context ")
                .map(|(_, text)| text.to_owned())
        };
        journal.lines().filter_map(context).collect()
    };
    let start = contexts(&town);
    assert!(start.len() == 1 && start[0].contains("mayor"), "{start:?}");
    let file = busy_mayor(&town);
    town.gt(&["mail", "send", "mayor", "-s", "ask", "-m", "x"])
        .ok();
    queue(&town, "a word");
    queue(&town, "another word");
    town.type_line("mayor", "/say hello");
    let turn = town.wait_for("the turn's context", || contexts(&town).into_iter().nth(1));
    for part in ["ask", "Message from overseer:\\na word\\n", "another word"] {
        assert!(turn.contains(part), "{part} is not in {turn}");
    }
    let line = listed(&town, "another word");
    assert!(
        line.contains("handed over by its hook `UserPromptSubmit`"),
        "{line}"
    );
    fs_err::write(file, "").unwrap();
    assert_eq!(times_taken(&town, "mayor", "a word"), 0);
}

/// What a program that the agent started in turn tells by its hooks is not the agent's: it gets none
/// of the agent's messages.
#[test]
fn a_session_within_a_session_gets_no_message() {
    let town = town_with_hooks();
    let [script, heard] = ["nested.sh", "heard"].map(|name| town.beside().join(name));
    let event = r#"{"hook_event_name":"Stop","session_id":"nested"}"#;
    let lines = format!(
        "{gt} nudge mayor -m 'for the mayor'\necho '{event}' | {gt} hook Stop > {}\n",
        heard.display(),
        gt = env!("CARGO_BIN_EXE_gt"),
    );
    fs_err::write(&script, lines).unwrap();
    let command = format!("sh {}", script.display());
    town.type_line("mayor", &format!("/run {command}"));
    assert_eq!(answer(&town, "mayor", &command), 0);
    assert_eq!(fs_err::read_to_string(heard).unwrap(), "");
    town.wait_for("the message, handed over to the mayor", || {
        listed(&town, "for the mayor")
            .contains("confirmed")
            .then_some(())
    });
}

/// Claude Code takes the exit code of a wrong line for a refusal of the turn: one of another gt's settings
/// is told of, and fails nothing.
#[test]
fn a_wrong_line_of_a_hook_fails_nothing() {
    let town = town("");
    for line in [&["hook"][..], &["hook", "Stop", "--not-yet-known"]] {
        let said = town.gt(line);
        assert_eq!(said.code, 0, "{line:?}");
        assert!(said.stderr.contains("error: "), "{}", said.stderr);
    }
}

/// Covers F57: a session whose memory was cut down is told its role, and how to end its work, again.
#[test]
fn after_a_compaction_the_role_is_told_again() {
    let town = town_with_hooks();
    let (script, heard) = (
        town.beside().join("compact.sh"),
        town.beside().join("heard"),
    );
    let lines = format!(
        "echo '{{\"hook_event_name\":\"SessionStart\",\"source\":\"compact\"}}' | {} hook SessionStart > {}\n",
        env!("CARGO_BIN_EXE_gt"),
        heard.display()
    );
    fs_err::write(&script, lines).unwrap();
    let command = format!("sh {}", script.display());
    town.type_line("mayor", &format!("/run {command}"));
    assert_eq!(answer(&town, "mayor", &command), 0);
    let heard = fs_err::read_to_string(heard).unwrap();
    assert!(
        heard.contains("You are the mayor") && heard.contains("gt handoff"),
        "{heard}"
    );
}

/// What a program tells is believed at once, with the event as evidence.
#[test]
fn what_a_program_tells_is_its_state() {
    let town = town_with_hooks();
    town.type_line("mayor", "/dialog danger");
    let told = town.wait_for("the events", || {
        let events = town.gt(&["events", "--since", "0"]).ok();
        events
            .contains("needs-approval, by `PermissionRequest`")
            .then_some(events)
    });
    assert!(told.contains("working, by `UserPromptSubmit`"), "{told}");
}

/// What no event can be is ignored, counted and told of once; a stranger's changes
/// nothing. The agent never sees a failure.
#[test]
fn what_no_hook_would_tell_is_ignored() {
    let town = town_with_hooks();
    let script = town.beside().join("strange.sh");
    let gt = env!("CARGO_BIN_EXE_gt");
    let lines = format!(
        "echo no JSON | {gt} hook Stop || exit 1\n\
         head -c 1100000 /dev/zero | {gt} hook Stop || exit 1\n\
         echo '{{}}' | GT_INCARNATION=x {gt} hook Stop || exit 1\n"
    );
    fs_err::write(&script, lines).unwrap();
    let command = format!("sh {}", script.display());
    town.type_line("mayor", &format!("/run {command}"));
    assert_eq!(answer(&town, "mayor", &command), 0);
    let why = town.wait_for("the count", || {
        let why = town.gt(&["why", "mayor"]).ok();
        why.contains("hooks ignored: 2").then_some(why)
    });
    assert!(why.contains("the first: `Stop`: it is no JSON"), "{why}");
    assert_eq!(town.events("hook_ignored", "mayor"), 1);
    let screen = town.screen("mayor");
    assert!(!screen.contains("error"), "{screen}");
    assert_eq!(stranger(&town), (0, String::new()));
}

/// What a person's own program with the town's hooks gets.
fn stranger(town: &TestTown) -> (i32, String) {
    let mut hook = town.command(town.root());
    let mut hook = hook
        .args(["hook", "Stop"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = hook.stdin.take().unwrap();
    stdin.write_all(br#"{"hook_event_name":"Stop"}"#).unwrap();
    drop(stdin);
    let output = hook.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

/// A program that tells nothing is given a name for its session, and goes on with it once it took a
/// message or was seen at work, under a daemon that knows the name from its store alone, too.
#[test]
fn a_session_that_the_town_named_is_gone_on_with() {
    let town = town("");
    for (key, value) in [
        ("restart.base", "10ms"),
        ("agents.scripted.busy", "esc to interrupt"),
        (
            "agents.scripted.session",
            "[\"--session-id\", \"{session}\"]",
        ),
        ("agents.scripted.resume", "[\"--resume\", \"{session}\"]"),
    ] {
        town.gt(&["config", "set", key, value]).ok();
    }
    town.gt(&["up"]).ok();
    let first = town.wait_for_state("mayor", State::Idle);
    signal(town.pid("mayor").unwrap(), Signal::KILL);
    let second = town.wait_for_run("mayor", first.incarnation.as_deref());
    prompt(&town, "mayor");
    assert!(
        !town.journal("mayor").contains(" resume "),
        "no turn of it was begun"
    );
    town.wait_for_state("mayor", State::Idle);
    let quick = ["nudge", "deacon", "-m", "/say hello", "--wait", "confirmed"];
    town.gt(&quick).ok();
    signal(town.pid("deacon").unwrap(), Signal::KILL);
    town.wait_for("a turn that was too short to be seen", || {
        town.journal("deacon").contains(" resume ").then_some(())
    });
    let go_on = busy_mayor(&town);
    town.wait_for_state("mayor", State::Working);
    fs_err::write(go_on, "").unwrap();
    town.wait_for_state("mayor", State::Idle);
    let daemon = town.daemon_pid();
    signal(daemon, Signal::KILL);
    town.wait_for("the daemon's death", || is_gone(daemon).then_some(()));
    signal(town.pid("mayor").unwrap(), Signal::KILL);
    town.gt(&["daemon", "start"]).ok();
    let run = second.incarnation.as_deref();
    town.wait_for_run("mayor", run);
    let session = SessionId::of_run(run.unwrap().parse().unwrap());
    let journal = town.wait_for("the conversation", || {
        let journal = town.journal("mayor");
        journal.contains(" resume ").then_some(journal)
    });
    let lines = [format!(" session {session}"), format!(" resume {session}")];
    assert!(lines.iter().all(|line| journal.contains(line)), "{journal}");
}

/// A run that was cut off in the middle goes on with its conversation, told of by a daemon
/// that died since, too; one that was asked for begins afresh.
#[test]
fn a_crash_goes_on_with_the_conversation() {
    let town = town_with_hooks();
    town.gt(&["down"]).ok();
    town.gt(&["config", "set", "restart.base", "10ms"]).ok();
    let resume = "[\"--resume\", \"{session}\"]";
    town.gt(&["config", "set", "agents.scripted.resume", resume])
        .ok();
    town.gt(&["up"]).ok();
    let resumed = |town: &TestTown| town.journal("mayor").matches(" resume ").count();
    let first = town.wait_for_state("mayor", State::Idle);
    signal(town.pid("mayor").unwrap(), Signal::KILL);
    let second = town.wait_for_run("mayor", first.incarnation.as_deref());
    assert_eq!(resumed(&town), 0, "no turn of it was begun");
    prompt(&town, "mayor");
    town.type_line("mayor", "/say hello");
    town.wait_for("the turn", || {
        town.journal("mayor").contains("/say hello").then_some(())
    });
    let told = || {
        let events = town.gt(&["events", "--since", "0"]).ok();
        events.contains("idle, by `Stop`").then_some(())
    };
    town.wait_for("the end of the turn", told);
    let daemon = town.daemon_pid();
    signal(daemon, Signal::KILL);
    town.wait_for("the daemon's death", || is_gone(daemon).then_some(()));
    signal(town.pid("mayor").unwrap(), Signal::KILL);
    town.gt(&["daemon", "start"]).ok();
    let third = town.wait_for_run("mayor", second.incarnation.as_deref());
    let session = second.incarnation.unwrap();
    let journal = town.wait_for("the conversation", || {
        let journal = town.journal("mayor");
        journal
            .contains(&format!(" resume {session}"))
            .then_some(journal)
    });
    assert_eq!(resumed(&town), 1, "{journal}");
    town.gt(&["mayor", "restart"]).ok();
    town.wait_for_run("mayor", third.incarnation.as_deref());
    assert_eq!(resumed(&town), 1, "a fresh run was asked for");
}
