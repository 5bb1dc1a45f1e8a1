//! What an agent's screen shows is what the town says of it.

use gt_api::view::State;
use gt_host::process::Signal;
use gt_testkit::town::signal;

use crate::nudges::times_taken;
use crate::{prompt, town};

/// Covers F67: a dialog is told of as soon as it stands there, although nobody owes anything and
/// nothing is typed, and is over as soon as a person answered.
#[test]
fn a_screen_that_shows_another_state_is_told_of() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    let idle = town.wait_for_state("mayor", State::Idle);
    town.type_line("mayor", "/dialog Delete everything");
    let asked = town.wait_for_state("mayor", State::NeedsAnswer);
    assert!(asked.since > idle.since, "{asked:?}");
    let evidence = "its screen: needs-answer, `blocked` matches `Do you want to proceed?`";
    assert!(
        asked.evidence.iter().any(|line| line == evidence),
        "{asked:?}"
    );
    town.press("mayor", &["Enter"]);
    town.wait_for_state("mayor", State::Idle);
    let told = town.wait_for("the events", || {
        let events = town.gt(&["events"]).ok();
        events.contains("needs-answer → idle").then_some(events)
    });
    assert!(told.contains("idle → needs-answer, by `blocked`"), "{told}");
    assert_eq!(town.events("nudge_refused", "mayor"), 0);
}

/// Covers F63: the key that interrupts is the preset's, and goes to nothing but work: at a prompt it
/// would open or answer something.
#[test]
fn only_work_is_interrupted() {
    let town = town("");
    let busy = "esc to interrupt";
    town.gt(&["config", "set", "agents.scripted.busy", busy])
        .ok();
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    let refused = town.gt(&["interrupt", "mayor"]).code(1);
    assert!(refused.contains("shows no work to interrupt"), "{refused}");
    town.type_line("mayor", "/busy 600");
    town.wait_for_state("mayor", State::Working);
    let done = town.gt(&["interrupt", "mayor"]);
    assert!(
        done.stderr
            .contains("mayor is interrupted: it is at its empty prompt")
    );
    town.type_line("mayor", "/dialog Delete everything");
    town.wait_for_state("mayor", State::NeedsAnswer);
    town.gt(&["interrupt", "mayor"]).code(1);
    assert_eq!(town.agent("mayor").state, State::NeedsAnswer);
}

/// A new daemon looks at the screens that it finds, and does not take an old run for a new one.
#[test]
fn a_new_daemon_knows_what_the_screens_show() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    town.type_line("mayor", "/dialog Delete everything");
    town.wait_for_state("mayor", State::NeedsAnswer);
    let run = town.agent("mayor").incarnation;
    town.gt(&["daemon", "restart"]).ok();
    town.wait_for_state("mayor", State::NeedsAnswer);
    assert_eq!(town.agent("mayor").incarnation, run);
}

/// What one run showed is nothing of the next.
#[test]
fn a_new_run_begins_with_a_new_screen() {
    let town = town("[restart]\nbase = '10ms'\n");
    town.script("mayor", "first: /dialog Delete everything\n");
    town.gt(&["up"]).ok();
    let first = town.wait_for_run("mayor", None);
    town.wait_for_state("mayor", State::NeedsAnswer);
    town.gt(&["mayor", "restart"]).ok();
    town.wait_for_run("mayor", first.incarnation.as_deref());
    town.wait_for_state("mayor", State::Idle);
}

/// Covers F67: a refused login is asked for once, and brings nobody else of its account up to meet it, until
/// a person asks for one.
#[test]
fn a_refused_login_holds_its_account() {
    let town = town("[restart]\nbase = '10ms'\n");
    let rule = "^● key refused";
    town.gt(&["config", "set", "agents.scripted.states.auth-dead", rule])
        .ok();
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    town.type_line("mayor", "/say key refused");
    town.wait_for_state("mayor", State::AuthDead);
    let told = town.wait_for("the mail", || {
        let mail = town.gt(&["mail", "inbox"]).ok();
        mail.contains("mayor").then_some(mail)
    });
    let before = town.agent("deacon");
    signal(town.pid("deacon").unwrap(), Signal::KILL);
    town.wait_for("the deacon to wait", || {
        let on = town.agent("deacon").waiting?.on;
        on.contains("a login: that of mayor is refused")
            .then_some(())
    });
    town.gt(&["deacon", "start"]).ok();
    town.wait_for_run("deacon", before.incarnation.as_deref());
    assert_eq!(town.gt(&["mail", "inbox"]).ok(), told, "told once");
}

/// Covers F67: a limit that says when it ends is waited for; an agent that goes on by itself is spoken to
/// again at once.
#[test]
fn a_limit_is_waited_for_until_its_end() {
    let town = town("");
    for (key, rule) in [("states.limited", "^● limit reached"), ("turn", "^❯ ")] {
        town.gt(&["config", "set", &format!("agents.scripted.{key}"), rule])
            .ok();
    }
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    town.type_line("mayor", "/say limit reached, try again in 2 hours");
    town.wait_for_state("mayor", State::Limited);
    town.gt(&["nudge", "mayor", "-m", "hello"]).ok();
    let waiting = town.wait_for("the mayor to wait", || {
        town.agent("mayor")
            .waiting
            .filter(|waiting| waiting.on == "its limit to end")
    });
    assert!(waiting.until.is_some(), "{waiting:?}");
    assert_eq!(times_taken(&town, "mayor", "hello"), 0);
    town.type_line("mayor", "/say on I go");
    town.wait_for("the message", || {
        (times_taken(&town, "mayor", "hello") == 1).then_some(())
    });
}

/// What is put into a directory of presets that was not there when the daemon began counts, too.
#[test]
fn a_preset_that_comes_while_the_town_runs_is_seen() {
    let town = town("");
    assert!(!town.root().join("presets").exists());
    town.gt(&["up"]).ok();
    let presets = town.root().join("presets");
    fs_err::write(presets.join("claude.toml"), "redy = 'x'\n").unwrap();
    town.wait_for("the problem", || {
        let problems = town.status().problems;
        let named = problems.iter().find(|it| it.contains("line 1: `redy`"))?;
        named.contains("did you mean `ready`?").then_some(())
    });
}

/// A preset's file that is broken while the town runs is named with its line, and nothing else changes.
#[test]
fn a_broken_preset_is_named_and_the_town_goes_on() {
    let town = town("");
    let presets = town.root().join("presets");
    fs_err::create_dir(&presets).unwrap();
    fs_err::write(presets.join("claude.toml"), "settle = '1s'\n").unwrap();
    fs_err::write(presets.join(".#claude.toml"), "an editor's lock").unwrap();
    town.gt(&["up"]).ok();
    assert_eq!(town.status().problems, [""; 0]);
    let before = town.wait_for_run("mayor", None);
    fs_err::write(presets.join("claude.toml"), "\nready = '('\n").unwrap();
    let problem = town.wait_for("the problem", || {
        let problems = town.status().problems;
        problems
            .into_iter()
            .find(|problem| problem.contains("claude.toml"))
    });
    assert!(problem.contains("line 2: `ready`"), "{problem}");
    assert_eq!(town.agent("mayor").incarnation, before.incarnation);
    fs_err::write(presets.join("claude.toml"), "settle = '1s'\n").unwrap();
    town.wait_for("it to be mended", || {
        town.status().problems.is_empty().then_some(())
    });
}
