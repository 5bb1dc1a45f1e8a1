//! `gt mail`: messages between agents and people.
//!
//! Invariant: the sender is who runs the command, as proven, and an agent changes only its own
//! mail. What others wrote reaches a terminal only through [`text`].

use gt_core::Roll;
use gt_core::address::Address;
use gt_core::mail::Message;
use gt_store::{Store, StoreError};

use crate::cli::Mail;
use crate::context::{Context, no_agent};
use crate::error::{CliError, CliResult, Doing as _, Kind};

mod check;
mod remove;
mod send;
mod show;
pub(super) mod text;

pub(super) use check::unread;
pub(super) use send::{body, draft};

/// Sends and reads mail.
pub(crate) fn mail(context: &Context, verb: Mail) -> CliResult {
    if let Some(command) = run_on_purpose(&verb) {
        context.keepalive(command);
    }
    match verb {
        Mail::Send(arguments) => send::send(context, &arguments),
        Mail::Reply {
            id,
            subject,
            message,
        } => send::reply(context, &id, subject, &message),
        Mail::Inbox {
            address,
            unread,
            json,
        } => show::inbox(context, address.as_deref(), unread, json),
        Mail::Read { id, json } => show::read(context, &id, json),
        Mail::Thread { id, json } => show::thread(context, &id, json),
        Mail::Check {
            inject: true,
            identity,
            json: _,
        } => {
            check::inject(context, identity.as_deref());
            Ok(())
        }
        Mail::Check {
            inject: false,
            identity,
            json,
        } => check::check(context, identity.as_deref(), json),
        Mail::Ack { ids } => remove::ack(context, &ids),
        Mail::Delete { id } => remove::delete(context, &id),
    }
}

/// The command's name, if an agent runs it by its own decision. Its hooks run `check --inject` at
/// every turn, which says nothing about the agent.
fn run_on_purpose(verb: &Mail) -> Option<&'static str> {
    match verb {
        Mail::Send(_) => Some("mail send"),
        Mail::Inbox { .. } => Some("mail inbox"),
        Mail::Read { .. } => Some("mail read"),
        Mail::Reply { .. } => Some("mail reply"),
        Mail::Thread { .. } => Some("mail thread"),
        Mail::Check { inject, .. } => (!inject).then_some("mail check"),
        Mail::Ack { .. } => Some("mail ack"),
        Mail::Delete { .. } => Some("mail delete"),
    }
}

/// Whose mail is meant: that of the address given, else one's own.
fn mailbox(context: &Context, given: Option<&str>) -> CliResult<String> {
    let Some(given) = given else {
        return Ok(context.caller()?.address().to_string());
    };
    match resolve(given, &context.roll())? {
        address @ (Address::Agent(_) | Address::Overseer) => Ok(address.to_string()),
        address @ (Address::Daemon | Address::Rig(_)) => Err(CliError::new(
            Kind::Usage,
            format!("`{address}` has no inbox"),
        )
        .hint("name one agent, or `overseer`")),
    }
}

fn resolve(address: &str, roll: &Roll) -> CliResult<Address> {
    Address::resolve(address, roll).map_err(|error| {
        no_agent(address, &error, roll, &["overseer"])
            .hint("`overseer` is the person, `RIG/` everyone in a rig")
    })
}

/// The message that an id, or a part of it, names.
fn find(store: &Store, id: &str) -> CliResult<Message> {
    let found = store.message(id);
    let hint = match &found {
        Err(StoreError::NotFound { .. }) => "`gt mail inbox` lists your messages",
        Err(StoreError::Ambiguous { .. }) => "give more of the id",
        _ => "`gt doctor` looks at the store",
    };
    found
        .doing("find the message")
        .map_err(|error| error.hint(hint))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[track_caller]
    fn check(line: &str, expect: Option<&str>) {
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Command::Mail(verb) => assert_eq!(run_on_purpose(&verb), expect),
            other => panic!("{other:?}"),
        }
    }

    /// Covers D3: what a hook runs at every turn is no sign of life.
    #[test]
    fn a_hooks_look_at_the_mail_is_no_sign_of_life() {
        check("gt mail check", Some("mail check"));
        check("gt mail check --inject", None);
        check("gt mail inbox -u", Some("mail inbox"));
    }
}
