//! What an agent's program tells by its hooks: the JSON of an event, and what it says of the agent.

use serde::{Deserialize, Serialize};

use gt_core::screen::ScreenState;

/// The longest event that is read, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

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

/// The fields that are read. Claude Code, Codex and Gemini have the same names.
#[derive(Deserialize)]
struct Fields {
    hook_event_name: String,
    session_id: Option<String>,
    /// Only within a sub-agent.
    agent_id: Option<String>,
    error: Option<String>,
    notification_type: Option<String>,
    #[serde(default)]
    background_tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Task {
    status: Option<String>,
}

impl HookEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// When it is no JSON of a known form.
    pub fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
        let fields: Fields = serde_json::from_slice(text)?;
        Ok(Self {
            kind: fields.kind(),
            name: fields.hook_event_name,
            session: fields.session_id,
        })
    }

    /// What the agent is doing from now on, if the event says it.
    pub fn state(&self) -> Option<ScreenState> {
        match self.kind {
            HookKind::PromptTaken | HookKind::ToolUsed => Some(ScreenState::Working),
            HookKind::PermissionAsked => Some(ScreenState::NeedsApproval),
            HookKind::TurnEnded {
                in_background: true,
            } => Some(ScreenState::BackgroundWork),
            HookKind::TurnEnded { .. } | HookKind::TurnFailed => Some(ScreenState::Idle),
            HookKind::LimitReached => Some(ScreenState::Limited),
            HookKind::LoginRefused => Some(ScreenState::AuthDead),
            HookKind::SessionStarted | HookKind::Other => None,
        }
    }
}

impl Fields {
    fn kind(&self) -> HookKind {
        if self.agent_id.is_some() {
            return HookKind::Other;
        }
        match self.hook_event_name.as_str() {
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
                let in_background = self.background_tasks.iter().any(runs);
                HookKind::TurnEnded { in_background }
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
        HookEvent::read(text.as_bytes()).unwrap().kind
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
            HookEvent::read(text.as_bytes()).unwrap().state()
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
        assert!(HookEvent::read(b"{}").is_err());
        assert!(HookEvent::read(b"no JSON").is_err());
    }
}
