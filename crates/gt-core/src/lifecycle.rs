//! Requests of agents to be cycled, restarted or shut down, and the mail form of the original.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Actor;
use crate::address::Address;
use crate::agent_id::{AgentId, Roll};
use crate::incarnation::IncarnationId;
use crate::mail::Message;

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

/// How long a request that came by mail may wait to be carried out.
const MAIL_REQUEST_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// What a mail asks for; the sender must be the agent itself or the overseer. It concerns the run
/// that there was when it was sent, whichever there is when it is read.
///
/// # Errors
/// Why it is no request, for its sender.
pub fn read_mail(mail: &Message, roll: &Roll) -> Result<Request, String> {
    let parsed = parse_subject(&mail.subject).ok_or("it is no lifecycle mail")?;
    let parsed = parsed.map_err(|error| error.to_string())?;
    let sender = Address::from_canonical(&mail.from).ok_or("its sender is nobody here")?;
    let agent = match parsed.identity {
        "" => match &sender {
            Address::Agent(agent) => agent.clone(),
            Address::Overseer | Address::Daemon | Address::Rig(_) => {
                return Err("it names no agent".to_owned());
            }
        },
        identity => roll.resolve(identity).map_err(|error| error.to_string())?,
    };
    let actor = match &sender {
        Address::Overseer => Actor::Overseer,
        Address::Agent(own) if *own == agent => Actor::Agent(agent.clone()),
        Address::Agent(_) | Address::Daemon | Address::Rig(_) => {
            return Err(format!("{sender} may not ask for {agent}"));
        }
    };
    Ok(Request {
        // The mail's own id: read twice, it is one request.
        id: mail.id,
        agent,
        incarnation: None,
        action: parsed.action,
        actor,
        message: Some(mail.body.clone()).filter(|body| !body.is_empty()),
        requested_at: mail.sent_at,
        expires_at: mail.sent_at + MAIL_REQUEST_LIFE,
    })
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
    use crate::mail::{MessageType, Priority};

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

    /// Covers L11, L12, F84: a mail asks for its sender, or for anybody if the person sent it.
    #[test]
    fn a_mail_asks_for_its_own_sender_alone() {
        let roll = Roll::new(Vec::new(), [AgentId::Mayor, AgentId::Deacon]);
        let read = |from: &str, subject: &str| {
            let mail = Message {
                from: from.to_owned(),
                subject: subject.to_owned(),
                id: Uuid::nil(),
                to: "deacon/".to_owned(),
                body: String::new(),
                sent_at: Timestamp::UNIX_EPOCH,
                read_at: None,
                pinned: false,
                priority: Priority::Normal,
                kind: MessageType::Task,
                thread: Uuid::nil(),
                reply_to: None,
            };
            match read_mail(&mail, &roll) {
                Ok(request) => format!("{} {} by {}", request.agent, request.action, request.actor),
                Err(why) => why,
            }
        };
        let cycle = "LIFECYCLE: mayor requesting cycle";
        assert_eq!(read("mayor/", cycle), "mayor cycle by mayor");
        assert_eq!(
            read("mayor/", "LIFECYCLE: requesting stop"),
            "mayor shutdown by mayor"
        );
        assert_eq!(read("overseer", cycle), "mayor cycle by overseer");
        assert_eq!(read("deacon/", cycle), "deacon/ may not ask for mayor");
        assert_eq!(read("daemon", cycle), "daemon may not ask for mayor");
        assert_eq!(
            read("overseer", "LIFECYCLE: requesting stop"),
            "it names no agent"
        );
        assert_eq!(read("a stranger", cycle), "its sender is nobody here");
    }
}
