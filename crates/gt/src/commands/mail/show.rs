//! Showing: an inbox, a message, a conversation.

use gt_api::view;
use gt_core::mail::Message;
use gt_host::clock;
use gt_store::{Store, StoreError};
use uuid::Uuid;

use super::{find, mailbox, text};
use crate::cli::Json;
use crate::context::Context;
use crate::error::{CliResult, Doing as _};
use crate::printer;

/// Lists messages: pinned ones first, then by priority, then the newest.
pub(super) fn inbox(
    context: &Context,
    address: Option<&str>,
    unread_only: bool,
    json: Json,
) -> CliResult {
    let address = mailbox(context, address)?;
    let messages = context
        .store()?
        .inbox(&address, unread_only)
        .doing(format!("read the inbox of {address}"))?;
    if json.json {
        print_json(&messages);
    } else if messages.is_empty() {
        let unread = if unread_only { "unread " } else { "" };
        printer::talk(format!("no {unread}messages for {address}"));
    } else {
        printer::text(&text::inbox(&messages));
    }
    Ok(())
}

/// Prints a message, and marks it read if it is one's own. In this order: a store that cannot be
/// written to keeps nobody from reading.
pub(super) fn read(context: &Context, id: &str, json: Json) -> CliResult {
    let own = mailbox(context, None)?;
    let mut store = context.store()?;
    let message = find(&store, id)?;
    if json.json {
        printer::json(&view::Message::from(&message));
    } else {
        printer::text(&text::message(&message));
    }
    if message.to != own {
        return Ok(());
    }
    store
        .mark_read(message.id, clock::now())
        .doing("mark the message read")?;
    // What is owed no more needs no poke.
    context.wake();
    Ok(())
}

/// Prints a conversation, oldest first.
pub(super) fn thread(context: &Context, id: &str, json: Json) -> CliResult {
    let messages = conversation(&context.store()?, id)?;
    if json.json {
        print_json(&messages);
    } else {
        printer::text(&text::thread(&messages));
    }
    Ok(())
}

/// The conversation that a message belongs to. Its first message may be deleted, and its id, given
/// whole, still names the conversation.
fn conversation(store: &Store, id: &str) -> CliResult<Vec<Message>> {
    let thread = match store.message(id) {
        Err(StoreError::NotFound { .. }) => Uuid::parse_str(id).ok(),
        _ => None,
    };
    let thread = match thread {
        Some(thread) => thread,
        None => find(store, id)?.thread,
    };
    let messages = store.thread(thread).doing("read the conversation")?;
    if messages.is_empty() {
        // Says that there is no such message, and what to do.
        find(store, id)?;
    }
    Ok(messages)
}

fn print_json(messages: &[Message]) {
    let views: Vec<view::Message> = messages.iter().map(view::Message::from).collect();
    printer::json(&views);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gt_core::address::Address;

    use super::*;
    use crate::commands::mail::draft;

    #[test]
    fn a_conversation_is_found_by_a_deleted_first_message() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("town.db");
        let mut store = Store::open(&path, Duration::from_secs(5)).unwrap();
        let to = || vec!["mayor/".to_owned()];
        let first = draft(&Address::Overseer, to(), "First", String::new()).unwrap();
        let mut second = draft(&Address::Overseer, to(), "Second", String::new()).unwrap();
        second.thread = first.thread;
        store.send(&first).unwrap();
        store.send(&second).unwrap();
        store.delete_message(first.id, clock::now()).unwrap();

        let check = |id: &str| match conversation(&store, id) {
            Ok(messages) => messages
                .into_iter()
                .map(|message| message.subject)
                .collect(),
            Err(error) => error.to_string(),
        };
        assert_eq!(check(&first.id.to_string()), "Second");
        assert_eq!(check(&second.id.to_string()), "Second");
        assert!(check("ffffffff").contains("hint: `gt mail inbox` lists your messages"));
        assert!(check(&Uuid::nil().to_string()).starts_with("error: cannot find the message"));
    }
}
