//! Mail that the daemon itself writes.

use gt_core::address::Address;
use gt_core::mail::{MessageType, Priority};
use gt_core::plan::Step;
use gt_core::snapshot::End;
use gt_store::NewMessage;
use jiff::Timestamp;

/// The answer to whoever asked; none to the daemon itself.
pub(crate) fn answer(to: &str, subject: &str, body: &str, now: Timestamp) -> Option<NewMessage> {
    (to != Address::Daemon.to_string())
        .then(|| notification(to, subject.to_owned(), body.to_owned(), now))
}

/// What is known of an agent's trouble besides.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// How its last run ended.
    pub(crate) last_end: Option<End>,
    /// It is not restarted for now.
    pub(crate) is_given_up: bool,
}

/// What the overseer is told of an agent that needs a person.
pub(crate) fn escalation_mail(step: &Step, trouble: &Trouble, now: Timestamp) -> NewMessage {
    let agent = &step.agent;
    let mut body = step.because.clone();
    if let Some(end) = trouble.last_end {
        body.push_str(&format!("; the last time, {end}"));
    }
    body.push_str(&format!(
        "\n\n`gt why {agent}` explains; `gt attach {agent}` shows its terminal"
    ));
    if trouble.is_given_up {
        body.push_str(&format!("; `gt up {agent}` tries again at once"));
    }
    body.push_str(".\n");
    NewMessage {
        priority: Priority::High,
        ..notification(
            &Address::Overseer.to_string(),
            format!("{agent} needs you: {}", step.because),
            body,
            now,
        )
    }
}

fn notification(to: &str, subject: String, body: String, now: Timestamp) -> NewMessage {
    let id = gt_host::clock::fresh_id();
    NewMessage {
        id,
        from: Address::Daemon.to_string(),
        recipients: vec![to.to_owned()],
        subject,
        body,
        sent_at: now,
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id,
        reply_to: None,
        pinned: false,
    }
}
