//! Mail, hand-offs and what an agent reads at the start of a session, from end to end.

use crate::town;

/// Covers M10, M14: who sends is who runs the command, whatever the environment says, and only the
/// reader's own mail is marked.
#[test]
fn mail_goes_from_who_runs_the_command_to_whom_it_names() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    town.gt(&[
        "mail",
        "send",
        "mayor",
        "-s",
        "Fix\u{1b}[2J it",
        "-m",
        "Now.",
        "--urgent",
    ])
    .ok();
    let inbox = town.gt(&["mail", "inbox", "mayor/"]).ok();
    assert!(inbox.contains("overseer  urgent    Fix[2J it"), "{inbox}");
    let id = inbox
        .lines()
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();

    town.gt(&["mail", "read", &id]).ok();
    town.gt(&["mail", "check", "--identity", "mayor"]).ok();
    town.type_line("mayor", &format!("/run gt mail read {id}"));
    town.wait_for("the mayor reads", || {
        let check = town.gt(&["mail", "check", "--identity", "mayor"]);
        (check.code == 1).then_some(())
    });
    town.type_line("mayor", &format!("/run gt mail reply {id} -m Done."));
    let mine = town.wait_for("an answer", || {
        let inbox = town.gt(&["mail", "inbox"]).ok();
        inbox.contains("Re: Fix").then_some(inbox)
    });
    assert!(mine.contains("mayor/"), "{mine}");
    let thread = town.gt(&["mail", "thread", &id]).ok();
    assert_eq!(thread.matches("Subject:").count(), 2, "{thread}");

    let mut forged = town.command(town.root());
    forged
        .env("GT_AGENT", "deacon")
        .args(["mail", "send", "mayor", "-s", "I am the deacon"]);
    assert_eq!(forged.output().unwrap().status.code(), Some(5));
    assert_eq!(
        town.gt(&["mail", "inbox", "--json", "deacon"]).ok().trim(),
        "[]"
    );
    assert_eq!(town.gt(&["status-line", "--session=gt-mayor"]).ok(), "");
    town.gt(&["mail", "send", "deacon", "-s", "Hello"]).ok();
    assert_eq!(
        town.gt(&["status-line", "--session=gt-deacon"]).ok(),
        "📬 1 |\n"
    );
    assert_eq!(town.gt(&["status-line", "--session=gt-nobody"]).ok(), "");
}

/// Covers L1, L5, L6, L18: a hand-off is carried out once, for the run that asked, and its words
/// reach the successor.
#[test]
fn a_hand_off_brings_a_successor_that_finds_the_words() {
    let town = town("");
    town.gt(&["up"]).ok();
    let first = town.wait_for_run("mayor", None);
    town.type_line("mayor", "/run gt handoff -m continue-at-42");
    let second = town.wait_for_run("mayor", first.incarnation.as_deref());
    assert_eq!(second.holder_pid, first.holder_pid, "the seat stays");
    assert_eq!(town.events("request_done", "mayor"), 1, "{}", town.story());
    let inbox = town.gt(&["mail", "inbox", "mayor", "--json"]).ok();
    assert_eq!(inbox.matches("HANDOFF").count(), 1, "{inbox}");
    town.type_line("mayor", "/run gt prime");
    town.wait_for("the words on its screen", || {
        town.screen("mayor")
            .contains("continue-at-42")
            .then_some(())
    });
    assert_eq!(town.starts("mayor"), 2);
}

#[test]
fn a_shutdown_by_hand_off_stays() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    town.type_line("mayor", "/handoff shutdown");
    town.wait_for("the mayor to be gone", || {
        town.agent("mayor").pid.is_none().then_some(())
    });
    town.wait_for("the request is closed", || {
        (town.events("request_done", "mayor") == 1).then_some(())
    });
    assert_eq!(town.starts("mayor"), 1);
    let refused = town.gt(&["handoff"]).code(2);
    assert!(refused.contains("hint: a person restarts one"), "{refused}");
}

/// Covers L18: without a daemon nothing is asked for, so that nothing strikes later.
#[test]
fn a_hand_off_without_a_daemon_leaves_nothing_behind() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    town.gt(&["daemon", "stop"]).ok();
    let mut handoff = town.command(town.root());
    handoff
        .env("GT_AGENT", "mayor")
        .env("GT_INCARNATION", mayor.incarnation.as_deref().unwrap())
        .args(["handoff", "-m", "too late"]);
    let output = handoff.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("hint: start it with `gt daemon start`"),
        "{said}"
    );
    assert_eq!(
        town.gt(&["mail", "inbox", "mayor", "--json"]).ok().trim(),
        "[]"
    );
    town.gt(&["daemon", "start"]).ok();
    let again = town.wait_for_run("mayor", None);
    assert_eq!(again.incarnation, mayor.incarnation);
    assert_eq!(town.events("request_received", "mayor"), 0);
}
