//! What is shown, by every front end alike. `--json` prints these; their schema is committed.

use gt_core::nudge::NudgeState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The town at a glance: `gt status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The town.
    pub town: Town,
    /// Its daemon.
    pub daemon: Daemon,
    /// Every agent of the roster, in the order in which a town is listed.
    pub agents: Vec<Agent>,
    /// What keeps the town from being seen or run as a whole: an unreadable store, a tmux that
    /// does not answer, a configuration that was refused.
    pub problems: Vec<String>,
}

/// Which town.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Town {
    /// Its name.
    pub name: String,
    /// Its root directory.
    pub root: String,
    /// Whether it was told to be down.
    pub down: bool,
}

/// The daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Daemon {
    /// Whether it runs, by its lock; null when that cannot be seen.
    pub running: Option<bool>,
    /// Its process.
    pub pid: Option<u32>,
    /// Version of its binary.
    pub version: Option<String>,
    /// When it started (RFC 3339).
    pub started_at: Option<String>,
    /// When it last looked at the whole town (RFC 3339).
    pub last_heartbeat: Option<String>,
    /// How often it has.
    pub heartbeat_count: Option<u64>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// Its id, such as `gastown/witness`.
    pub id: String,
    /// Its role.
    pub role: String,
    /// Its rig.
    pub rig: Option<String>,
    /// Its tmux session.
    pub session: String,
    /// What is wanted: `up`, `down`, `parked`, `resting`, or by its role `always`, `on_demand`, `never`.
    pub intent: String,
    /// What it is doing.
    pub state: State,
    /// Since when (RFC 3339).
    pub since: Option<String>,
    /// The agent's own process; null when it does not run.
    pub pid: Option<u32>,
    /// Its seat's process.
    pub holder_pid: Option<u32>,
    /// Its run.
    pub incarnation: Option<String>,
    /// How often its program was started again since the town was made, by whomever.
    pub restarts: Option<u32>,
    /// What it waits on, if it is not as it should be.
    pub waiting: Option<Waiting>,
    /// What the state was read from.
    pub evidence: Vec<String>,
}

/// What an agent was found to be doing. Liveness is a fact; the rest is evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its program was started and has shown no activity yet.
    Starting,
    /// It is active.
    Working,
    /// Its turn is over, and work that it began goes on.
    BackgroundWork,
    /// It asks whether it may do something: a person must answer.
    NeedsApproval,
    /// It shows another dialog that a person must answer.
    NeedsAnswer,
    /// A limit of its account or model is reached.
    Limited,
    /// Its login or key is refused.
    AuthDead,
    /// Its model is not to be had.
    ModelUnavailable,
    /// Its context is full.
    ContextFull,
    /// It runs, is not active and owes nothing that is overdue.
    Idle,
    /// It was poked and does not answer.
    Stalled,
    /// It is being stopped.
    Stopping,
    /// Its program ended.
    Exited,
    /// It has no session.
    Gone,
    /// It could not be looked at.
    Unknown,
}

/// Why something that is not as it should be is left alone now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// What it waits on.
    pub on: String,
    /// Since when (RFC 3339).
    pub since: Option<String>,
    /// When the next look is due (RFC 3339).
    pub until: Option<String>,
}

/// One agent, explained: `gt why AGENT`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    /// The agent.
    pub agent: Agent,
    /// What is wanted of it and why.
    pub goal: String,
    /// The decision of the last beat: what is being done or waited on.
    pub decision: String,
    /// What it was decided from, a line each.
    pub facts: Vec<String>,
    /// What happened to it lately, newest last.
    pub events: Vec<Event>,
}

/// One row of the event log: `gt events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Rises by one per event.
    pub seq: i64,
    /// When (RFC 3339).
    pub at: String,
    /// What kind.
    pub kind: String,
    /// Whom it concerns.
    pub agent: Option<String>,
    /// Who caused it.
    pub actor: String,
    /// What happened and why.
    pub text: String,
}

impl From<&gt_core::event::Event> for Event {
    fn from(event: &gt_core::event::Event) -> Self {
        Self {
            seq: event.seq,
            at: gt_core::time::stamp(event.at),
            kind: event.kind.clone(),
            agent: event.agent.as_ref().map(ToString::to_string),
            actor: event.actor.clone(),
            text: gt_core::mail::printable_line(&event.text),
        }
    }
}

/// One message that is brought to an agent: `gt nudge list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nudge {
    /// Its id; a unique beginning of it is enough to name it.
    pub id: String,
    /// To whom.
    pub agent: String,
    /// A newer one under this name replaces one that is queued.
    pub slot: Option<String>,
    /// urgent, high, normal or low.
    pub priority: String,
    /// From whom.
    pub from: String,
    /// The text.
    pub text: String,
    /// Since when it is queued (RFC 3339).
    pub queued_at: String,
    /// After this it is not brought any more (RFC 3339).
    pub expires_at: String,
    /// queued, typing, confirmed, expired, cancelled or replaced.
    pub state: String,
    /// When it was over (RFC 3339).
    pub ended_at: Option<String>,
    /// Why it was over.
    pub reason: Option<String>,
}

impl From<&(gt_core::nudge::Nudge, NudgeState)> for Nudge {
    fn from((nudge, state): &(gt_core::nudge::Nudge, NudgeState)) -> Self {
        let (ended_at, reason) = match state {
            NudgeState::Ended { at, reason, .. } => (Some(*at), Some(reason.clone())),
            NudgeState::Queued | NudgeState::Typing(_) => (None, None),
        };
        Self {
            id: nudge.id.to_string(),
            agent: nudge.agent.to_string(),
            slot: nudge.slot.clone(),
            priority: format!("{:?}", nudge.priority).to_lowercase(),
            from: nudge.actor.to_string(),
            text: nudge.text.as_str().to_owned(),
            queued_at: gt_core::time::stamp(nudge.queued_at),
            expires_at: gt_core::time::stamp(nudge.expires_at),
            state: state.to_string(),
            ended_at: ended_at.map(gt_core::time::stamp),
            reason,
        }
    }
}

/// One message: `gt mail inbox`, `gt mail read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Its id; a unique beginning of it is enough to name it.
    pub id: String,
    /// Who sent it.
    pub from: String,
    /// Whose copy it is.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// When (RFC 3339).
    pub timestamp: String,
    /// Whether its recipient has read it.
    pub read: bool,
    /// Whether it stays at the top.
    pub pinned: bool,
    /// urgent, high, normal or low.
    pub priority: String,
    /// notification, task or reply.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its conversation.
    pub thread_id: String,
    /// The message it answers.
    pub reply_to: Option<String>,
}

impl From<&gt_core::mail::Message> for Message {
    fn from(message: &gt_core::mail::Message) -> Self {
        Self {
            id: message.id.to_string(),
            from: message.from.clone(),
            to: message.to.clone(),
            subject: gt_core::mail::printable_line(&message.subject),
            body: gt_core::mail::printable(&message.body),
            timestamp: gt_core::time::stamp(message.sent_at),
            read: message.read_at.is_some(),
            pinned: message.pinned,
            priority: format!("{:?}", message.priority).to_lowercase(),
            kind: message.kind.as_str().to_owned(),
            thread_id: message.thread.to_string(),
            reply_to: message.reply_to.map(|id| id.to_string()),
        }
    }
}

/// Whether there is mail: `gt mail check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MailCheck {
    /// Whose mail.
    pub address: String,
    /// How many are unread.
    pub unread: u32,
    /// Whether any is.
    pub has_new: bool,
}

/// What a screen shows by the rules of a preset: `gt agent explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScreenReading {
    /// The state, such as `idle` or `needs-approval`; `unknown` where no rule matches.
    pub state: String,
    /// The rule and the line, in words.
    pub evidence: String,
    /// The key of the rule that decided.
    pub rule: Option<String>,
    /// The line on which it matched.
    pub line: Option<String>,
    /// Whether text may be typed: only at an empty prompt.
    pub may_type: bool,
    /// What the input row shows, in words.
    pub input: String,
}

/// One rig: `gt rig list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rig {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub path: String,
    /// Where it was cloned from; null for a rig that the registry does not know.
    pub git_url: Option<String>,
    /// Crew workspaces found on disk.
    pub crew: Vec<String>,
    /// Polecat worktrees found on disk.
    pub polecats: Vec<String>,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// One check of `gt doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// How it went.
    pub result: CheckResult,
    /// What was found.
    pub message: String,
    /// The next command, where there is one.
    pub hint: Option<String>,
    /// Whether `--fix` mended it.
    pub fixed: bool,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// As it should be.
    Ok,
    /// Works, with something to know.
    Warning,
    /// Does not work.
    Error,
}
