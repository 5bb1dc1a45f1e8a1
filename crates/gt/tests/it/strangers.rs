//! What a person keeps in the town's tmux server, under whatever name, is the person's.

use gt_api::view::State;
use gt_host::process::Signal;
use gt_testkit::town::{TestTown, is_gone, signal};

use crate::nudges::times_taken;
use crate::town;

/// The first process of a new pane.
fn open(town: &TestTown, command: &[&str]) -> u32 {
    let program = ["-P", "-F", "#{pane_pid}", "--", "sleep", "1000"];
    let printed = town.gt(&[&["tmux"], command, &program].concat()).ok();
    printed.trim().parse().unwrap()
}

/// Covers T2, T8, F9, F10: a name makes nothing the town's. The agent waits until its name is free, says
/// so, and then runs; no way down ends what is not gt's.
#[test]
fn a_session_of_a_persons_is_not_an_agents_whatever_its_name() {
    let town = town("[roles.mayor]\nrun = 'never'\n");
    town.gt(&["up"]).ok();
    let own = open(&town, &["new-session", "-d", "-s", "gt-mayor"]);
    let said = town.gt(&["up", "mayor", "--wait", "0"]).code(1);
    assert!(said.contains("mayor does not run"), "{said}");
    town.wait_for("the wait for the name", || {
        let waiting = town.agent("mayor").waiting?;
        waiting.on.contains("the name `gt-mayor`").then_some(())
    });
    let said = town.gt(&["down"]).code(1);
    assert!(
        said.contains("not the town's: session `gt-mayor`"),
        "{said}"
    );
    assert!(!is_gone(own));
    town.gt(&["up", "mayor", "--wait", "0"]).code(1);
    town.gt(&["tmux", "rename-session", "-t", "=gt-mayor", "mine"])
        .ok();
    town.wait_for_run("mayor", None);
    town.gt(&["mayor", "stop"]).ok();
    assert!(!is_gone(own));
    town.gt(&["tmux", "kill-session", "-t", "=mine"]).ok();
}

/// Covers F10: what a person opened beside an agent outlives the agent and its holder.
#[test]
fn a_window_split_beside_an_agent_stays() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let own = open(&town, &["split-window", "-d", "-t", "=gt-mayor:"]);
    signal(mayor.holder_pid.unwrap(), Signal::KILL);
    town.wait_for("the name to be missed", || {
        let waiting = town.agent("mayor").waiting?;
        waiting.on.contains("the name `gt-mayor`").then_some(())
    });
    assert!(is_gone(mayor.pid.unwrap()));
    assert!(!is_gone(own));
    signal(own, Signal::KILL);
    let mayor = town.wait_for_run("mayor", mayor.incarnation.as_deref());
    let own = open(&town, &["split-window", "-d", "-t", "=gt-mayor:"]);
    town.gt(&["mayor", "stop"]).ok();
    assert!(is_gone(mayor.pid.unwrap()));
    assert!(!is_gone(own));
    town.gt(&["down"]).code(1);
    assert!(!is_gone(own));
    town.gt(&["tmux", "kill-session", "-t", "=gt-mayor"]).ok();
}

/// Covers F6: a pane that a person splits off in an agent's window, and is in, is not the agent's: its
/// own is read and typed at.
#[test]
fn a_pane_beside_an_agents_is_neither_read_nor_typed_at() {
    let town = town("");
    town.gt(&["up"]).ok();
    let before = town.wait_for_run("mayor", None);
    crate::prompt(&town, "mayor");
    let own = open(&town, &["split-window", "-t", "=gt-mayor:"]);
    let sent = [
        "nudge",
        "mayor",
        "-m",
        "to the agent",
        "--wait",
        "confirmed",
    ];
    town.gt(&sent).ok();
    assert_eq!(times_taken(&town, "mayor", "to the agent"), 1);
    assert!(town.screen("mayor").contains("? for shortcuts"));
    let after = town.wait_for_state("mayor", State::Idle);
    assert_eq!(after.incarnation, before.incarnation);
    signal(own, Signal::KILL);
    town.wait_for("the end of the pane", || is_gone(own).then_some(()));
}
