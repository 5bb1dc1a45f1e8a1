//! Requests of agents to be cycled, restarted or shut down, and the mail form of the original.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Actor;
use crate::agent_id::AgentId;
use crate::incarnation::IncarnationId;

/// What an agent asks for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A fresh session, with the hand-off text for its successor.
    Cycle,
    /// A fresh session.
    Restart,
    /// No session until somebody wants one.
    Shutdown,
}

impl Action {
    /// The word in requests, mail and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cycle => "cycle",
            Self::Restart => "restart",
            Self::Shutdown => "shutdown",
        }
    }

    /// Reads one of the original's words: `cycle`, `cycling`, `restart`, `shutdown`, `stop`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "cycle" | "cycling" => Some(Self::Cycle),
            "restart" | "restarting" => Some(Self::Restart),
            "shutdown" | "stop" => Some(Self::Shutdown),
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One stored request: executed at most once, never for another incarnation, never after expiry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// UUIDv7, made by the requester.
    pub id: Uuid,
    /// Whom it concerns.
    pub agent: AgentId,
    /// The run that asked. None when mail or a person asked, which mean the run that there was.
    pub incarnation: Option<IncarnationId>,
    /// What is asked.
    pub action: Action,
    /// Who asked.
    pub actor: Actor,
    /// Text for the successor.
    pub message: Option<String>,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// After this it is not executed.
    pub expires_at: Timestamp,
}

/// What a mail subject in the original's form asks for. The identity is still plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRequest<'a> {
    /// As written, case kept; empty means the sender.
    pub identity: &'a str,
    /// What is asked.
    pub action: Action,
}

/// Why a subject that begins with `LIFECYCLE:` is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// Anything but `LIFECYCLE: <identity> requesting <action>`.
    #[error("expected `LIFECYCLE: <identity> requesting <cycle|restart|shutdown>`")]
    Shape,
    /// The last word is no action.
    #[error("unknown action `{0}`; expected cycle, restart or shutdown")]
    UnknownAction(String),
}

/// Reads a mail subject: none if it is no lifecycle mail at all.
///
/// # Errors
/// [`GrammarError`] for lifecycle mail that asks for nothing known.
pub fn parse_subject(subject: &str) -> Option<Result<MailRequest<'_>, GrammarError>> {
    const PREFIX: &str = "lifecycle:";
    let head = subject.trim_start();
    if !head.get(..PREFIX.len())?.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    Some(parse_request(&head[PREFIX.len()..]))
}

fn parse_request(rest: &str) -> Result<MailRequest<'_>, GrammarError> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (identity, action) = match words.as_slice() {
        [verb, action] if is_requesting(verb) => ("", *action),
        [identity, verb, action] if is_requesting(verb) => (*identity, *action),
        _ => return Err(GrammarError::Shape),
    };
    let action = Action::from_word(action)
        .ok_or_else(|| GrammarError::UnknownAction(action.escape_default().to_string()))?;
    Ok(MailRequest { identity, action })
}

fn is_requesting(word: &str) -> bool {
    word.eq_ignore_ascii_case("requesting")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(subject: &str, expect: &str) {
        let read = match parse_subject(subject) {
            None => "no lifecycle mail".to_owned(),
            Some(Ok(request)) => format!("{} {}", request.identity, request.action),
            Some(Err(error)) => error.to_string(),
        };
        assert_eq!(read, expect, "{subject}");
    }

    /// Covers L1, L8: each action is its own, case of the identity is kept, and a subject that
    /// asks for nothing known is an error, not a cycle.
    #[test]
    fn a_subject_asks_for_exactly_what_it_says() {
        check(
            "LIFECYCLE: rigA-witness requesting restart",
            "rigA-witness restart",
        );
        check("lifecycle: mayor requesting SHUTDOWN", "mayor shutdown");
        check("LIFECYCLE: mayor requesting stop", "mayor shutdown");
        check("LIFECYCLE: mayor requesting cycling", "mayor cycle");
        check("LIFECYCLE: requesting cycle", " cycle");
        check(
            "LIFECYCLE: mayor requesting lunch",
            "unknown action `lunch`; expected cycle, restart or shutdown",
        );
        check(
            "LIFECYCLE: mayor is requesting cycle",
            "expected `LIFECYCLE: <identity> requesting <cycle|restart|shutdown>`",
        );
        check("Re: lifecycle of frogs", "no lifecycle mail");
        check("é", "no lifecycle mail");
    }
}
