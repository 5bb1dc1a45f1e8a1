//! What an agent's program tells by its hooks: the JSON of an event, and what it says of the agent.

pub mod extension;
pub mod style;

use gt_core::mail::printable_line;
use serde::{Deserialize, Serialize};

use gt_core::screen::ScreenState;

/// The longest event that is read, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// The longest name of an event or a session: each goes into a datagram. The longest name of an
/// event has 18 characters, and sessions are named by UUIDs.
const LONGEST_NAME: usize = 100;

/// An event of a program's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEvent {
    /// The program's word for it, such as `Stop`.
    pub name: String,
    /// What happened.
    pub kind: HookKind,
    /// The program's own name for its session, where it gives one.
    pub session: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookKind {
    /// A session began or was resumed.
    SessionStarted,
    /// A turn began: its prompt was taken.
    PromptTaken,
    /// A tool is used, or was.
    ToolUsed,
    /// It asks whether it may do something.
    PermissionAsked,
    /// The turn is over.
    TurnEnded {
        /// Work that it began goes on.
        in_background: bool,
        /// A hook let the turn go on when it was over before.
        prolonged: bool,
    },
    /// The turn failed: a limit of the account or the model is reached.
    LimitReached,
    /// The turn failed: the login or key is refused.
    LoginRefused,
    /// The turn failed otherwise.
    TurnFailed,
    /// Something that says nothing of the agent, or is a sub-agent's.
    Other,
}

/// Why an event says nothing.
#[derive(Debug, thiserror::Error)]
pub enum HookEventError {
    /// It is too long.
    #[error("it has more than {MAX_LENGTH} bytes")]
    TooLarge,
    /// It cannot be read.
    #[error("it is no JSON of a known form")]
    Form(#[source] serde_json::Error),
    /// No program names its events or sessions like that.
    #[error("its name or its session's has more than {LONGEST_NAME} bytes")]
    Name,
}

/// The fields that are read. Claude Code, Codex and Gemini have the same names.
#[derive(Deserialize)]
struct Fields {
    hook_event_name: Option<String>,
    session_id: Option<String>,
    /// Only within a sub-agent.
    agent_id: Option<String>,
    error: Option<String>,
    notification_type: Option<String>,
    stop_hook_active: Option<bool>,
    background_tasks: Option<Vec<Task>>,
}

#[derive(Deserialize)]
struct Task {
    status: Option<String>,
}

impl HookEvent {
    /// Reads an event; `name` is the event's where it does not say its own.
    ///
    /// # Errors
    /// [`HookEventError`] when it is no JSON of a known form, or too large.
    pub fn read(text: &[u8], name: &str) -> Result<Self, HookEventError> {
        if text.len() > MAX_LENGTH {
            return Err(HookEventError::TooLarge);
        }
        let fields: Fields = serde_json::from_slice(text).map_err(HookEventError::Form)?;
        let name = fields.hook_event_name.as_deref().unwrap_or(name);
        let session = fields.session_id.as_deref();
        if [Some(name), session]
            .into_iter()
            .flatten()
            .any(|name| name.len() > LONGEST_NAME)
        {
            return Err(HookEventError::Name);
        }
        Ok(Self {
            kind: fields.kind(name),
            name: printable_line(name),
            session: session.map(str::to_owned),
        })
    }

    /// What the agent is doing from now on, if the event says it.
    pub fn state(&self) -> Option<ScreenState> {
        match self.kind {
            HookKind::PromptTaken | HookKind::ToolUsed => Some(ScreenState::Working),
            HookKind::PermissionAsked => Some(ScreenState::NeedsApproval),
            HookKind::TurnEnded {
                in_background: true,
                ..
            } => Some(ScreenState::BackgroundWork),
            HookKind::TurnEnded { .. } | HookKind::TurnFailed => Some(ScreenState::Idle),
            HookKind::LimitReached => Some(ScreenState::Limited),
            HookKind::LoginRefused => Some(ScreenState::AuthDead),
            HookKind::SessionStarted | HookKind::Other => None,
        }
    }
}

impl Fields {
    fn kind(&self, name: &str) -> HookKind {
        if self.agent_id.is_some() {
            return HookKind::Other;
        }
        match name {
            "SessionStart" => HookKind::SessionStarted,
            "UserPromptSubmit" | "BeforeAgent" => HookKind::PromptTaken,
            "PreToolUse" | "PostToolUse" | "PostToolUseFailure" | "BeforeTool" | "AfterTool" => {
                HookKind::ToolUsed
            }
            "PermissionRequest" => HookKind::PermissionAsked,
            "Notification" if self.notification_type.as_deref() == Some("ToolPermission") => {
                HookKind::PermissionAsked
            }
            "Stop" | "AfterAgent" => {
                let runs = |task: &Task| task.status.as_deref() == Some("running");
                let in_background = self.background_tasks.iter().flatten().any(runs);
                HookKind::TurnEnded {
                    in_background,
                    prolonged: self.stop_hook_active == Some(true),
                }
            }
            "StopFailure" => match self.error.as_deref() {
                Some("rate_limit") => HookKind::LimitReached,
                Some("authentication_failed" | "billing_error") => HookKind::LoginRefused,
                _ => HookKind::TurnFailed,
            },
            _ => HookKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> HookKind {
        HookEvent::read(text.as_bytes(), "").unwrap().kind
    }

    /// What a sub-agent does is not what the agent does.
    #[test]
    fn the_events_of_a_sub_agent_say_nothing() {
        let own = r#"{"hook_event_name":"PreToolUse","session_id":"s"}"#;
        assert_eq!(kind(own), HookKind::ToolUsed);
        let nested = r#"{"hook_event_name":"PreToolUse","session_id":"s","agent_id":"a"}"#;
        assert_eq!(kind(nested), HookKind::Other);
        let end = r#"{"hook_event_name":"SubagentStop","session_id":"s"}"#;
        assert_eq!(kind(end), HookKind::Other);
    }

    #[test]
    fn a_turn_that_failed_says_why() {
        let failure = |error: &str| {
            let text = format!(r#"{{"hook_event_name":"StopFailure","error":"{error}"}}"#);
            HookEvent::read(text.as_bytes(), "").unwrap().state()
        };
        assert_eq!(failure("rate_limit"), Some(ScreenState::Limited));
        assert_eq!(
            failure("authentication_failed"),
            Some(ScreenState::AuthDead)
        );
        assert_eq!(failure("server_error"), Some(ScreenState::Idle));
    }

    #[test]
    fn an_unknown_event_is_no_error_and_no_event_is_one() {
        assert_eq!(kind(r#"{"hook_event_name":"New"}"#), HookKind::Other);
        assert!(HookEvent::read(b"no JSON", "Stop").is_err());
        assert!(HookEvent::read(b"[]", "Stop").is_err());
    }

    #[test]
    fn an_event_without_a_name_has_that_of_its_hook() {
        let event = HookEvent::read(b"{}", "Stop").unwrap();
        assert_eq!(event.state(), Some(ScreenState::Idle));
    }

    /// Nothing that a program tells makes a datagram too long, or a line of the log two.
    #[test]
    fn what_is_too_large_or_strange_is_refused() {
        let large = vec![b' '; MAX_LENGTH + 1];
        let said = |text: &[u8]| HookEvent::read(text, "Stop").unwrap_err().to_string();
        assert_eq!(said(&large), "it has more than 1048576 bytes");
        let session = format!(r#"{{"session_id":"{}"}}"#, "s".repeat(LONGEST_NAME + 1));
        assert!(said(session.as_bytes()).contains("name"));
        let lines = HookEvent::read(br#"{"hook_event_name":"a\nb"}"#, "").unwrap();
        assert_eq!(lines.name, "a b");
    }
}
