//! Taking messages out of an inbox: dealt with, or deleted.

use gt_core::mail::Message;
use gt_host::clock;
use gt_host::identity::Caller;
use gt_store::Store;

use super::{find, text};
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// Marks messages as dealt with. Nothing is marked unless every id is of a message that may be.
pub(super) fn ack(context: &Context, ids: &[String]) -> CliResult {
    let caller = context.caller()?;
    let mut store = context.store()?;
    let messages = ids
        .iter()
        .map(|id| changeable(&store, &caller, id))
        .collect::<CliResult<Vec<Message>>>()?;
    for message in &messages {
        store
            .acknowledge(message.id, clock::now())
            .doing(format!("mark {} as dealt with", text::short(message.id)))?;
        left_inbox(&store, message)?;
        printer::talk(format!("dealt with {}", text::line(message)));
    }
    // What is owed no more needs no poke.
    context.wake();
    Ok(())
}

/// Deletes a message.
pub(super) fn delete(context: &Context, id: &str) -> CliResult {
    let caller = context.caller()?;
    let mut store = context.store()?;
    let message = changeable(&store, &caller, id)?;
    store
        .delete_message(message.id, clock::now())
        .doing(format!("delete {}", text::short(message.id)))?;
    left_inbox(&store, &message)?;
    printer::talk(format!("deleted {}", text::line(&message)));
    context.wake();
    Ok(())
}

/// The message, if the caller may change it: an agent its own, the person any (M10).
fn changeable(store: &Store, caller: &Caller, id: &str) -> CliResult<Message> {
    let message = find(store, id)?;
    let own = caller.address().to_string();
    match caller {
        Caller::Agent { .. } if message.to != own => Err(CliError::new(
            Kind::Refused,
            format!(
                "message {} is for {}, and you are {own}",
                text::short(message.id),
                message.to
            ),
        )
        .hint("`gt mail inbox` lists your messages")),
        Caller::Agent { .. } | Caller::Overseer => Ok(message),
    }
}

/// Looks that it is gone, before anybody is told so.
fn left_inbox(store: &Store, message: &Message) -> CliResult {
    let inbox = store
        .inbox(&message.to, false)
        .doing(format!("read the inbox of {}", message.to))?;
    if inbox.iter().any(|other| other.id == message.id) {
        let id = text::short(message.id);
        return Err(CliError::failed(format!(
            "message {id} is still in the inbox"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gt_core::AgentId;
    use gt_core::address::Address;

    use super::*;
    use crate::commands::mail::draft;

    /// Covers M10: no agent takes another's mail away.
    #[test]
    fn an_agent_changes_only_its_own_mail_and_the_person_any() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("town.db");
        let mut store = Store::open(&path, Duration::from_secs(5)).unwrap();
        let to = vec!["mayor/".to_owned()];
        let message = draft(&Address::Overseer, to, "Hello", String::new()).unwrap();
        store.send(&message).unwrap();
        let agent = |agent| Caller::Agent {
            agent,
            incarnation: None,
        };

        let may = |caller: &Caller| changeable(&store, caller, &message.id.to_string());
        assert!(may(&agent(AgentId::Mayor)).is_ok());
        assert!(may(&Caller::Overseer).is_ok());
        let error = may(&agent(AgentId::Deacon)).unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
        let id = text::short(message.id);
        assert_eq!(
            error.to_string(),
            format!(
                "error: message {id} is for mayor/, and you are deacon/\n\
                 hint: `gt mail inbox` lists your messages"
            )
        );
    }

    #[test]
    fn what_is_still_there_is_not_called_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("town.db");
        let mut store = Store::open(&path, Duration::from_secs(5)).unwrap();
        let to = vec!["mayor/".to_owned()];
        let draft = draft(&Address::Overseer, to, "Hello", String::new()).unwrap();
        store.send(&draft).unwrap();
        let message = store.message(&draft.id.to_string()).unwrap();
        assert!(left_inbox(&store, &message).is_err());
        store.acknowledge(message.id, clock::now()).unwrap();
        assert!(left_inbox(&store, &message).is_ok());
    }
}
