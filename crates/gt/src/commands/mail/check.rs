//! Telling whether there is mail, to a person or script and to an agent's context.

use gt_api::view::MailCheck;
use gt_core::mail::Message;
use gt_store::Store;

use super::{mailbox, text};
use crate::cli::Json;
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// Exit code 0 when there is unread mail, 1 when there is none; always 0 with `--json`.
pub(super) fn check(context: &Context, identity: Option<&str>, json: Json) -> CliResult {
    let address = mailbox(context, identity)?;
    let unread = context
        .store()?
        .unread_count(&address)
        .doing(format!("count the unread mail of {address}"))?;
    if json.json {
        printer::json(&MailCheck {
            address,
            unread,
            has_new: unread > 0,
        });
        return Ok(());
    }
    if unread == 0 {
        printer::talk(format!("no unread mail for {address}"));
        return Err(CliError::new(Kind::Answer, "no unread mail"));
    }
    printer::data(format!("{} for {address}", text::unread(unread)));
    Ok(())
}

/// Prints the reminder. It never fails: an agent's turn must not depend on its mail.
pub(super) fn inject(context: &Context, identity: Option<&str>) {
    let unread = mailbox(context, identity).and_then(|address| unread(&context.store()?, &address));
    match unread {
        Ok(unread) => printer::text(&text::reminder(&unread)),
        Err(error) => printer::talk(error),
    }
}

/// The unread mail of an address.
pub(in crate::commands) fn unread(store: &Store, address: &str) -> CliResult<Vec<Message>> {
    store
        .inbox(address, true)
        .doing(format!("read the inbox of {address}"))
}
