//! `gt prime`: what an agent reads at the start of a session: its role, the words its predecessor
//! left, and its new mail. An agent's hook runs it, so it is no sign of life.

use gt_core::mail::{Message, printable};
use gt_core::time::shown;
use gt_host::identity::Caller;

use super::handoff;
use super::mail::{self, text::short};
use crate::context::Context;
use crate::error::CliResult;
use crate::{printer, prompts};

/// Prints it.
pub(crate) fn prime(context: &Context) -> CliResult {
    printer::text(&context_of(context, &context.caller()?));
    Ok(())
}

/// What it is. Mail that cannot be read is told of, and does not keep the role from being known.
pub(super) fn context_of(context: &Context, caller: &Caller) -> String {
    let prompt = prompts::instructions(&context.town, caller.agent());
    if let Some(problem) = &prompt.problem {
        printer::talk(format!("warning: {problem}"));
    }
    let news = match caller {
        Caller::Agent { .. } => news(context, &caller.address().to_string())
            .unwrap_or_else(|error| format!("\nYour mail could not be read.\n{error}\n")),
        Caller::Overseer => String::new(),
    };
    prompt.text + &news
}

/// The hand-off and the news of unread mail, each after an empty line.
fn news(context: &Context, address: &str) -> CliResult<String> {
    let unread = mail::unread(&context.store()?, address)?;
    let handoff = left_for_successor(&unread, address).map(render);
    let mail = mail::text::news(&unread);
    Ok(handoff
        .into_iter()
        .chain((!mail.is_empty()).then_some(mail))
        .map(|part| format!("\n{part}"))
        .collect())
}

/// The newest words that a run of the same agent left. Nobody else can leave them: the sender is
/// proven.
fn left_for_successor<'a>(unread: &'a [Message], address: &str) -> Option<&'a Message> {
    unread
        .iter()
        .filter(|message| message.subject == handoff::SUBJECT && message.from == address)
        .max_by_key(|message| message.sent_at)
}

fn render(handoff: &Message) -> String {
    format!(
        "## Hand-off from your predecessor, {}\n\n{}\n\nOnce you have taken it over: `gt mail ack {}`\n",
        shown(handoff.sent_at),
        printable(&handoff.body).trim_end(),
        short(handoff.id)
    )
}

#[cfg(test)]
mod tests {
    use gt_core::mail::{MessageType, Priority};
    use insta::assert_snapshot;
    use uuid::Uuid;

    use super::*;

    fn mail(number: i64, from: &str, subject: &str) -> Message {
        Message {
            id: Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001),
            from: from.to_owned(),
            to: "gas/witness".to_owned(),
            subject: subject.to_owned(),
            body: format!("words {number}\u{1b}[2J\n"),
            sent_at: jiff::Timestamp::from_second(number).unwrap(),
            read_at: None,
            pinned: false,
            priority: Priority::Normal,
            kind: MessageType::Notification,
            thread: Uuid::nil(),
            reply_to: None,
        }
    }

    #[test]
    fn the_newest_words_of_the_same_agent_are_handed_on() {
        let unread = [
            mail(9, "gas/refinery", "HANDOFF"),
            mail(1, "gas/witness", "HANDOFF"),
            mail(2, "gas/witness", "HANDOFF"),
            mail(3, "gas/witness", "Re: HANDOFF"),
        ];
        let found = left_for_successor(&unread, "gas/witness").unwrap();
        assert_snapshot!(render(found), @"
        ## Hand-off from your predecessor, 1970-01-01T00:00:02Z

        words 2[2J

        Once you have taken it over: `gt mail ack 00000001`
        ");
        assert!(left_for_successor(&unread, "mayor/").is_none());
    }
}
