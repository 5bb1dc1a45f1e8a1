//! `gt hook`: what the hooks of an agent's program call. It tells the daemon what happened, and
//! hands over what is due.
//!
//! Invariant: the agent's turn depends on nothing here. Whatever goes wrong, the exit code is 0 and
//! standard output holds what the program's contract allows, or nothing.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use gt_core::nudge::{Nudge, NudgeEnd};
use gt_core::observed::chain;
use gt_core::{AgentId, IncarnationId};
use gt_host::hook::{HookEvent, HookKind, MAX_LENGTH};
use gt_host::identity::Caller;
use gt_host::wake::{self, Wake};
use gt_host::{clock, environment};
use gt_store::Store;
use serde_json::{Value, json};

use super::{mail, prime};
use crate::context::Context;
use crate::error::{CliResult, Doing as _};
use crate::printer;

/// How long the store's lock is waited for. The agent waits meanwhile.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long the program may take to tell the event.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// The most bytes of messages that are added to a turn: Claude Code cuts off longer additions. What
/// is longer is typed.
const ADDED: usize = 8 << 10;

/// Takes in an event and answers it.
pub(super) fn hook(town: Option<&Path>, name: &str) {
    if io::stdin().is_terminal() {
        printer::talk(
            "`gt hook` is for the hooks of agents' programs: an event is read from standard input",
        );
        return;
    }
    let told = read_event();
    let of_town = || environment::variable(environment::GT_TOWN).map(PathBuf::from);
    let Some(town) = town.map(Path::to_owned).or_else(of_town) else {
        // A program that no town started, with hooks of a town.
        return;
    };
    let answered = Context::find(Some(&town))
        .and_then(|context| answer(&context.within(PATIENCE), name, told));
    if let Err(error) = answered {
        printer::talk(error);
    }
}

/// What was told, up to one byte more than is read as an event.
fn read_event() -> io::Result<Vec<u8>> {
    let (send, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let limit = u64::try_from(MAX_LENGTH)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let read = io::stdin().lock().take(limit).read_to_end(&mut text);
        // Nobody listens any more after the time for it.
        let _ = send.send(read.map(|_| text));
    });
    let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut));
    told.recv_timeout(TOLD_WITHIN).unwrap_or_else(late)
}

fn answer(context: &Context, name: &str, told: io::Result<Vec<u8>>) -> CliResult {
    let Some((agent, run)) = Caller::borne_out(context.paths()) else {
        if environment::variable(environment::GT_INCARNATION).is_some() {
            ignore(
                context,
                None,
                "its process is not of the run that it names".to_owned(),
            );
        }
        return Ok(());
    };
    let text = told.doing("read the event")?;
    let event = match HookEvent::read(&text, name) {
        Ok(event) => event,
        Err(error) => {
            ignore(context, Some(run), format!("`{name}`: {}", chain(&error)));
            return Ok(());
        }
    };
    let session = Session {
        context,
        agent,
        run,
    };
    let handed_over = session.hand_over(&event);
    let goes_on = matches!(handed_over, Ok(true));
    session.tell(HookEvent {
        kind: if goes_on {
            HookKind::PromptTaken
        } else {
            event.kind
        },
        ..event
    });
    handed_over.map(drop)
}

/// Tells the daemon of what cannot be used; it counts it.
fn ignore(context: &Context, incarnation: Option<IncarnationId>, problem: String) {
    let strange = Wake::StrangeHook {
        incarnation,
        problem,
    };
    // A daemon that does not run has nothing to count.
    let _ = wake::send(context.paths(), &strange);
}

/// The session of a run, which called its hook.
struct Session<'a> {
    context: &'a Context,
    agent: AgentId,
    run: IncarnationId,
}

impl Session<'_> {
    fn caller(&self) -> Caller {
        Caller::Agent {
            agent: self.agent.clone(),
            incarnation: Some(self.run),
        }
    }

    /// Whether an event is of the run's own session, as far as that is known. Another one is of a
    /// program that the agent started in turn, with its environment: the messages are not for it.
    fn is_own(&self, store: &Store, event: &HookEvent) -> CliResult<bool> {
        let known = store.session_of(self.run);
        let known = known.doing("read the session of the run")?;
        let told = event.session.as_deref();
        Ok(known
            .zip(told)
            .is_none_or(|(known, told)| known.id.as_str() == told))
    }

    fn tell(&self, event: HookEvent) {
        let hook = Wake::Hook {
            incarnation: self.run,
            event,
        };
        // What a daemon that does not run misses, the screen shows to the next.
        let _ = wake::send(self.context.paths(), &hook);
    }

    /// Hands over what is due; true when a turn that had ended goes on with it.
    fn hand_over(&self, event: &HookEvent) -> CliResult<bool> {
        match event.kind {
            HookKind::SessionStarted => {
                let role = prime::context_of(self.context, &self.caller());
                print(&added(&event.name, &role));
                Ok(false)
            }
            HookKind::PromptTaken => self.add_messages(event).map(|()| false),
            // A program ends a turn that its hooks prolong again and again, and drops what they say:
            // Claude Code at the ninth time.
            HookKind::TurnEnded {
                prolonged: false, ..
            } => self.give_next(event),
            HookKind::TurnEnded {
                prolonged: true, ..
            }
            | HookKind::ToolUsed
            | HookKind::PermissionAsked
            | HookKind::LimitReached
            | HookKind::LoginRefused
            | HookKind::TurnFailed
            | HookKind::Other => Ok(false),
        }
    }

    /// Adds the news of mail and the messages that fit to the turn that begins.
    fn add_messages(&self, event: &HookEvent) -> CliResult {
        let mut store = self.context.store()?;
        if !self.is_own(&store, event)? {
            return Ok(());
        }
        let address = self.caller().address();
        let mail = mail::text::news(&mail::unread(&store, &address.to_string())?);
        let mut room = ADDED;
        let nudges = self.claim(&mut store, |nudge| {
            let length = nudge.text.as_str().len();
            let fits = !nudge.text.is_command() && length <= room;
            room -= if fits { length } else { 0 };
            fits
        })?;
        let text: String = std::iter::once(mail)
            .chain(nudges.iter().map(message))
            .collect();
        if !text.is_empty() && print(&added(&event.name, &text)) {
            self.end(&mut store, &nudges, &event.name)?;
        }
        Ok(())
    }

    /// Lets the turn go on with the next message; true when there is one.
    fn give_next(&self, event: &HookEvent) -> CliResult<bool> {
        let mut store = self.context.store()?;
        if !self.is_own(&store, event)? {
            return Ok(false);
        }
        let mut is_first = true;
        let nudges = self.claim(&mut store, |nudge| {
            std::mem::take(&mut is_first)
                && !nudge.text.is_command()
                && nudge.text.as_str().len() <= ADDED
        })?;
        let Some(next) = nudges.first() else {
            return Ok(false);
        };
        let goes_on = json!({ "decision": "block", "reason": next.text.as_str() });
        if print(&goes_on) {
            self.end(&mut store, &nudges, &event.name)?;
        }
        Ok(true)
    }

    fn claim(&self, store: &mut Store, take: impl FnMut(&Nudge) -> bool) -> CliResult<Vec<Nudge>> {
        store
            .claim_nudges(&self.agent, self.run, clock::now(), take)
            .doing("claim the agent's messages")
    }

    /// They were handed over. One that is not put down as such stays on its way to this run, and the
    /// daemon finds out what became of it.
    fn end(&self, store: &mut Store, nudges: &[Nudge], event: &str) -> CliResult {
        if nudges.is_empty() {
            return Ok(());
        }
        let reason = format!("handed over by its hook `{event}`");
        for nudge in nudges {
            store
                .end_nudge(nudge.id, clock::now(), NudgeEnd::Confirmed, &reason)
                .doing("put down that a message was handed over")?;
        }
        self.context.wake();
        Ok(())
    }
}

/// What adds a text to the context of the model.
fn added(event: &str, text: &str) -> Value {
    json!({ "hookSpecificOutput": { "hookEventName": event, "additionalContext": text } })
}

fn message(nudge: &Nudge) -> String {
    format!("Message from {}:\n{}\n", nudge.actor, nudge.text.as_str())
}

/// Whether it was taken. A program that closed its end has not.
fn print(answer: &Value) -> bool {
    printer::whole(&format!("{answer}\n")).is_ok()
}

#[cfg(test)]
mod tests {
    use gt_core::Actor;
    use gt_core::mail::Priority;
    use gt_core::nudge::NudgeText;
    use insta::assert_snapshot;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_message_that_is_added_to_a_turn_says_from_whom_it_is() {
        let nudge = Nudge {
            id: Uuid::nil(),
            agent: AgentId::Mayor,
            slot: None,
            priority: Priority::Normal,
            text: NudgeText::new("two\nlines".to_owned()).unwrap(),
            actor: Actor::Overseer,
            queued_at: jiff::Timestamp::UNIX_EPOCH,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
        };
        assert_snapshot!(added("UserPromptSubmit", &message(&nudge)), @r#"{"hookSpecificOutput":{"additionalContext":"Message from overseer:\ntwo\nlines\n","hookEventName":"UserPromptSubmit"}}"#);
    }
}
