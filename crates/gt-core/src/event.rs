//! What happened, in the append-only log that feed, views and audit read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent_id::AgentId;

/// The kinds of event. The word is stored; a reader that meets a word it does not know shows it
/// as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The daemon began to supervise.
    DaemonStarted,
    /// The daemon ended in order.
    DaemonStopped,
    /// A running agent was found and taken over after the daemon started.
    Adopted,
    /// An agent's session was made.
    SessionCreated,
    /// Nothing of an agent is left in tmux.
    SessionRemoved,
    /// An agent's program is about to be started; the text says why.
    Starting,
    /// An agent's program was started.
    Started,
    /// An agent's program ended.
    Exited,
    /// An agent was stopped on purpose; the text says by whom and why.
    Stopped,
    /// A restart is being held back.
    RestartDelayed,
    /// Too many restarts: the circuit opened.
    CircuitOpened,
    /// The circuit closed again.
    CircuitClosed,
    /// A message is to be brought to an agent.
    NudgeQueued,
    /// A message was typed or handed over, and taken.
    NudgeDelivered,
    /// A message ended without that; the text says why.
    NudgeEnded,
    /// A message could not be brought now.
    NudgeRefused,
    /// A poke was answered.
    PokeAnswered,
    /// A poke went unanswered.
    PokeMissed,
    /// An agent's screen shows another state.
    StateChanged,
    /// A hook of an agent's program told what cannot be used.
    HookIgnored,
    /// A person's or agent's wish changed.
    IntentChanged,
    /// A lifecycle request came in.
    RequestReceived,
    /// A lifecycle request is being carried out from now on.
    RequestTaken,
    /// A lifecycle request was carried out.
    RequestDone,
    /// A lifecycle request was closed without effect.
    RequestRefused,
    /// Mail was sent.
    MailSent,
    /// A sender was not who it said.
    Forgery,
    /// Something needs a person.
    Escalation,
    /// Something that was to be observed could not be.
    Unobservable,
    /// An action failed; the text says what and why.
    ActionFailed,
    /// The machine slept or the clock jumped.
    ClockJumped,
    /// A rig came or went.
    RigChanged,
    /// Configuration was read anew.
    Reloaded,
    /// Configuration was changed and cannot be read; the last good one is in force.
    ReloadFailed,
}

/// One row of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Rises by one per event, never reused.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// The kind's word.
    pub kind: String,
    /// Whom it concerns, if one agent.
    pub agent: Option<AgentId>,
    /// Who caused it: `daemon`, `overseer` or an agent's id.
    pub actor: String,
    /// What happened and why, for a person.
    pub text: String,
}

/// An event before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What kind.
    pub kind: EventKind,
    /// Whom it concerns, if one agent.
    pub agent: Option<AgentId>,
    /// Who caused it.
    pub actor: String,
    /// What happened and why.
    pub text: String,
}

impl NewEvent {
    /// An event of the daemon's own doing.
    pub fn by_daemon(kind: EventKind, agent: Option<&AgentId>, text: impl Into<String>) -> Self {
        Self {
            kind,
            agent: agent.cloned(),
            actor: "daemon".to_owned(),
            text: text.into(),
        }
    }
}

impl EventKind {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DaemonStarted => "daemon_started",
            Self::DaemonStopped => "daemon_stopped",
            Self::Adopted => "adopted",
            Self::SessionCreated => "session_created",
            Self::SessionRemoved => "session_removed",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Exited => "exited",
            Self::Stopped => "stopped",
            Self::RestartDelayed => "restart_delayed",
            Self::CircuitOpened => "circuit_opened",
            Self::CircuitClosed => "circuit_closed",
            Self::NudgeQueued => "nudge_queued",
            Self::NudgeEnded => "nudge_ended",
            Self::NudgeDelivered => "nudge_delivered",
            Self::NudgeRefused => "nudge_refused",
            Self::PokeAnswered => "poke_answered",
            Self::PokeMissed => "poke_missed",
            Self::StateChanged => "state_changed",
            Self::HookIgnored => "hook_ignored",
            Self::IntentChanged => "intent_changed",
            Self::RequestReceived => "request_received",
            Self::RequestTaken => "request_taken",
            Self::RequestDone => "request_done",
            Self::RequestRefused => "request_refused",
            Self::MailSent => "mail_sent",
            Self::Forgery => "forgery",
            Self::Escalation => "escalation",
            Self::Unobservable => "unobservable",
            Self::ActionFailed => "action_failed",
            Self::ClockJumped => "clock_jumped",
            Self::RigChanged => "rig_changed",
            Self::Reloaded => "reloaded",
            Self::ReloadFailed => "reload_failed",
        }
    }
}
