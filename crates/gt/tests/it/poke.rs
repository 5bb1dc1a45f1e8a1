//! Agents that owe something are woken, and nothing else is ever typed.

use std::time::Duration;

use gt_core::mail::{MessageType, Priority};
use gt_host::clock;
use gt_host::wake::{self, Wake};
use gt_store::{NewMessage, Store};
use gt_testkit::town::TestTown;

use crate::town;

/// Leaves a message for an agent, from the overseer, as `gt mail send` does.
pub(crate) fn post(town: &TestTown, to: &str) {
    let id = clock::fresh_id();
    let message = NewMessage {
        id,
        from: "overseer".to_owned(),
        recipients: vec![to.to_owned()],
        subject: "Word".to_owned(),
        body: "Nothing urgent.".to_owned(),
        sent_at: clock::now(),
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id,
        reply_to: None,
        pinned: false,
    };
    let mut store = Store::open(&town.paths().store(), Duration::from_secs(5)).unwrap();
    store.send(&message).unwrap();
    // Without a daemon, the next one reads the store.
    let _ = wake::send(&town.paths(), &Wake::Store);
}

/// The deacon is poked whenever it is not fresh, the others when they owe something.
fn pokes(fresh: &str, very_stale: &str) -> String {
    format!(
        "[poke]\nfresh = '{fresh}'\nvery_stale = '{very_stale}'\nbase = '1s'\nfactor = 1.0\nmax = '1s'\n\
         unanswered_before_restart = 2\n[roles.deacon]\npoke = 'always'\n"
    )
}

/// How often an agent was given such a prompt.
fn prompts(town: &TestTown, agent: &str, text: &str) -> usize {
    let journal = town.journal(agent);
    let prompt = format!(" prompt {text}");
    journal
        .lines()
        .filter(|line| line.contains(&prompt))
        .count()
}

/// Covers F59, F60: text that a daemon pasted before it was killed is submitted by the next, and
/// not taken for a person's half-typed line for ever.
#[test]
fn a_poke_that_was_pasted_and_not_submitted_is_submitted() {
    let town = town(&pokes("1s", "10s"));
    town.gt(&["up"]).ok();
    town.wait_for_run("deacon", None);
    let text = "HEARTBEAT: from the daemon before";
    fs_err::write(town.paths().pastes().join("deacon"), text).unwrap();
    town.gt(&["tmux", "send-keys", "-t", "=gt-deacon:", "-l", text])
        .ok();
    town.wait_for("the text submitted", || {
        (prompts(&town, "deacon", text) == 1).then_some(())
    });
}
