//! What shall be done: actions that leave no choice, each with its precondition, and the reason
//! why everything else waits.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::agent_id::AgentId;
use crate::incarnation::IncarnationId;
use crate::memory::Cause;
use crate::nudge::NudgeEnd;
use crate::snapshot::Pane;

/// One beat's decision.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "a plan that nobody acts on supervises nothing"]
pub struct Plan {
    /// What to do now; at most one action per agent.
    pub steps: Vec<Step>,
    /// What is not in its goal state and why nothing is done about it now.
    pub waiting: Vec<Waiting>,
}

/// One action and its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Whom it concerns.
    pub agent: AgentId,
    /// What to do.
    pub action: Action,
    /// Why, for the log and `gt why`.
    pub because: String,
}

/// An action. Where it names an incarnation or a pane, that is its precondition: if the world has
/// moved on, it does nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make the session with its holder.
    CreateSession,
    /// Remove a session whose seat is empty; the holder is told to quit first.
    RemoveSession {
        /// Which.
        pane: Pane,
    },
    /// Kill what a killed holder left of this run.
    Sweep {
        /// Which run.
        incarnation: IncarnationId,
    },
    /// Start the agent's program in its idle seat.
    Start {
        /// The new run's id.
        incarnation: IncarnationId,
        /// Why it is started.
        cause: Cause,
    },
    /// Stop this run.
    Stop {
        /// Which run.
        incarnation: IncarnationId,
        /// To what end.
        purpose: StopPurpose,
    },
    /// Bring the poke to this run, if its screen is an empty prompt.
    Poke {
        /// Which run.
        incarnation: IncarnationId,
        /// Where.
        pane: Pane,
        /// What to type.
        text: String,
        /// How many pokes in a row went unanswered, this beat's finding included.
        misses: u32,
    },
    /// Bring a message to this run, if its screen is an empty prompt.
    Nudge {
        /// Which message.
        nudge: Uuid,
        /// Which run.
        incarnation: IncarnationId,
        /// Where.
        pane: Pane,
    },
    /// End a message that does not arrive any more.
    EndNudge {
        /// Which.
        nudge: Uuid,
        /// How it ended.
        end: NudgeEnd,
    },
    /// Forget unanswered pokes: the agent showed activity.
    ForgetPokes,
    /// Hold restarts back: too many.
    OpenCircuit {
        /// When the wish was made that holds now.
        wish_at: Option<Timestamp>,
    },
    /// Allow restarts again: it has run long enough, or a person asked for it anew.
    CloseCircuit,
    /// Tell a person, once.
    Escalate,
    /// Take the request for this run, which is stored with it: from now on it is carried out, at
    /// most once, and stops no other run whatever the clock does. What
    /// [`crate::outcome::intent_after`] says is stored in the same transaction.
    TakeRequest {
        /// Which.
        request: Uuid,
        /// For which run.
        incarnation: IncarnationId,
    },
    /// End the request.
    CloseRequest {
        /// Which.
        request: Uuid,
        /// How it ended.
        end: RequestEnd,
    },
}

/// What an action does, by which an action under way and a failed one are told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// [`Action::CreateSession`].
    CreateSession,
    /// [`Action::RemoveSession`].
    RemoveSession,
    /// [`Action::Sweep`].
    Sweep,
    /// [`Action::Start`].
    Start,
    /// [`Action::Stop`].
    Stop,
    /// [`Action::Poke`].
    Poke,
    /// [`Action::Nudge`].
    Nudge,
    /// [`Action::EndNudge`].
    EndNudge,
    /// [`Action::ForgetPokes`].
    ForgetPokes,
    /// [`Action::OpenCircuit`].
    OpenCircuit,
    /// [`Action::CloseCircuit`].
    CloseCircuit,
    /// [`Action::Escalate`].
    Escalate,
    /// [`Action::TakeRequest`].
    TakeRequest,
    /// [`Action::CloseRequest`], which ends it so.
    CloseRequest(RequestEnd),
}

/// Why a run is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopPurpose {
    /// It is not wanted.
    Dismiss,
    /// A request asks for it.
    Request,
    /// It left pokes unanswered. Not carried out while its screen shows a dialog: that is
    /// remembered as a poke that was not typed.
    Unresponsive,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEnd {
    /// Carried out.
    Done,
    /// Not carried out; the step's `because` says why, and its sender is told.
    Refused,
    /// Its time was over.
    Expired,
}

/// What sort of thing is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitKind {
    /// What comes by itself.
    Passing,
    /// The restart gate, which is worth an event.
    Gate,
    /// What only a person can do.
    Person,
}

/// Why something that is not in its goal state is left alone now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whom it concerns.
    pub agent: AgentId,
    /// What it waits on, for a person.
    pub on: String,
    /// What sort of wait it is.
    pub kind: WaitKind,
    /// Since when it is so, where that is known.
    pub since: Option<Timestamp>,
    /// When the next look is due; none when only an event can end it.
    pub until: Option<Timestamp>,
}

impl Plan {
    /// When the loop should look again although nothing happened.
    pub fn next_look(&self) -> Option<Timestamp> {
        self.waiting
            .iter()
            .filter_map(|waiting| waiting.until)
            .min()
    }
}

impl Action {
    /// Its kind, without whom and what it is about.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::CreateSession => ActionKind::CreateSession,
            Self::RemoveSession { .. } => ActionKind::RemoveSession,
            Self::Sweep { .. } => ActionKind::Sweep,
            Self::Start { .. } => ActionKind::Start,
            Self::Stop { .. } => ActionKind::Stop,
            Self::Poke { .. } => ActionKind::Poke,
            Self::Nudge { .. } => ActionKind::Nudge,
            Self::EndNudge { .. } => ActionKind::EndNudge,
            Self::ForgetPokes => ActionKind::ForgetPokes,
            Self::OpenCircuit { .. } => ActionKind::OpenCircuit,
            Self::CloseCircuit => ActionKind::CloseCircuit,
            Self::Escalate => ActionKind::Escalate,
            Self::TakeRequest { .. } => ActionKind::TakeRequest,
            Self::CloseRequest { end, .. } => ActionKind::CloseRequest(*end),
        }
    }
}

impl fmt::Display for ActionKind {
    /// Its name in logs and events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateSession => "create session",
            Self::RemoveSession => "remove session",
            Self::Sweep => "sweep",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Poke => "poke",
            Self::Nudge => "nudge",
            Self::EndNudge => "end nudge",
            Self::ForgetPokes => "forget pokes",
            Self::OpenCircuit => "open circuit",
            Self::CloseCircuit => "close circuit",
            Self::Escalate => "escalate",
            Self::TakeRequest => "take request",
            Self::CloseRequest(RequestEnd::Done) => "close request",
            Self::CloseRequest(RequestEnd::Refused) => "refuse request",
            Self::CloseRequest(RequestEnd::Expired) => "expire request",
        })
    }
}

impl fmt::Display for Plan {
    /// One line per step and per waiting, as `gt why` and the tests read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(
                f,
                "{}: {} ({})",
                step.agent,
                step.action.kind(),
                step.because
            )?;
        }
        for waiting in &self.waiting {
            write!(f, "{}: waiting on {}", waiting.agent, waiting.on)?;
            match waiting.until {
                Some(until) => writeln!(f, " until {until}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
