//! Everything that was seen in one beat: the only input of [`decide`](crate::decide::decide)
//! besides the policy.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::agent_id::AgentId;
use crate::incarnation::{Exit, IncarnationId, ProcessId, pids};
use crate::intent::{Desire, Intent};
use crate::lifecycle::Request;
use crate::memory::{AgentMemory, PokeResult};
use crate::observed::{Observed, Reason};
use crate::plan::ActionKind;
use crate::policy::{Poke, Run};
use crate::screen::ScreenState;

/// The world as seen at `now`.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Wall time of the beat.
    pub now: Timestamp,
    /// No age is counted from before this: the daemon's start, or the last jump of the clock or
    /// sleep of the machine.
    pub epoch: Timestamp,
    /// The town was told to be down: nothing starts, everything stops.
    pub down: Observed<bool>,
    /// When a person last brought the town up, as far as this daemon was told: each agent gets a new
    /// chance by that, and what was started before counts for nothing.
    pub raised_at: Option<Timestamp>,
    /// Why destructive automatic actions are frozen: the store cannot be read.
    pub frozen: Option<Reason>,
    /// Every seat of the roster.
    pub agents: Vec<AgentFacts>,
    /// Lifecycle requests that are open or taken, oldest first.
    pub requests: Vec<RequestFacts>,
}

impl Snapshot {
    /// Whether the town is known to be down.
    pub fn is_down(&self) -> bool {
        self.down == Observed::Known(true)
    }

    /// Whether `stamp` was made later than `other`, where a clock that was set back may have left
    /// either in the future. Such a stamp is from before the epoch.
    pub fn is_later(&self, stamp: Timestamp, other: Timestamp) -> bool {
        match (stamp > self.now, other > self.now) {
            (true, false) => false,
            (false, true) => stamp >= self.epoch,
            (true, true) | (false, false) => stamp > other,
        }
    }
}

/// What was seen of one seat.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentFacts {
    /// Whose seat it is.
    pub id: AgentId,
    /// `[roles.ROLE] run`.
    pub run: Run,
    /// `[roles.ROLE] poke`.
    pub poke: Poke,
    /// Its program has a `ready` pattern, so that something can be typed at all.
    pub can_type: bool,
    /// The stored wish; none follows `run`. Unknown until the store was read once.
    pub intent: Observed<Option<Intent>>,
    /// Whether a successor could be started now; the text names what lacks.
    pub launch: Observed<Result<(), String>>,
    /// Its pane in tmux.
    pub pane: Observed<Option<Pane>>,
    /// Something that is not its own keeps the name of its session: a person's window, for instance.
    pub name_taken: bool,
    /// Its seat's process.
    pub holder: Observed<Holder>,
    /// How its last run ended, if it had one and has none now.
    pub last_end: Option<LastEnd>,
    /// Last activity of its present run: keepalive or heartbeat.
    pub activity: Option<Timestamp>,
    /// What its screen shows, if it was looked at.
    pub shown: Option<Shown>,
    /// The earliest other run of its account whose login is refused, and since when.
    pub login_refused: Option<(AgentId, Timestamp)>,
    /// What it owes.
    pub owed: Observed<Owed>,
    /// The next message that is to be brought to it.
    pub nudge: Option<NudgeFacts>,
    /// What is remembered of it.
    pub memory: AgentMemory,
    /// An action on it that has not ended yet.
    pub in_flight: Option<InFlight>,
    /// The last action on it that failed, until one of its kind succeeds.
    pub failure: Option<Failure>,
    /// An id for its next run.
    pub fresh: IncarnationId,
}

impl AgentFacts {
    /// The stored wish, if there is known to be one.
    pub fn wish(&self) -> Option<&Intent> {
        self.intent.known()?.as_ref()
    }

    /// A person's stored wish that it shall run, if that is the wish.
    pub fn wish_of_person_to_run(&self) -> Option<&Intent> {
        self.wish()
            .filter(|wish| wish.desire == Desire::Up && wish.actor.is_person())
    }
}

/// What the screen of a run shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// What.
    pub state: ScreenState,
    /// Since when.
    pub since: Timestamp,
    /// When a limit ends, where it says so.
    pub until: Option<Timestamp>,
}

/// The messages that are to be brought to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NudgeFacts {
    /// The one that is brought next.
    pub id: Uuid,
    /// The one that expires first.
    pub expiring: Uuid,
    /// After this that one is not brought any more.
    pub expires_at: Timestamp,
    /// The run that it is being typed to, if it is: it is typed to no other.
    pub typing: Option<IncarnationId>,
    /// The last try that did not bring it, if there was one.
    pub tried: Option<NudgeTry>,
}

/// A try to bring a message that did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NudgeTry {
    /// When.
    pub at: Timestamp,
    /// How many there were.
    pub times: u32,
    /// How it went.
    pub result: PokeResult,
}

/// A pane of the town's tmux server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pane {
    /// The driver's id of the session.
    pub session: String,
    /// The driver's id of the pane.
    pub pane: String,
    /// When the attached person was last active; none when nobody is attached.
    pub attached: Option<Timestamp>,
}

/// What the seat's process says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// There is none, and nothing of an earlier run is left.
    Gone,
    /// It was killed and left processes of this run behind.
    Orphaned {
        /// Whose processes they are.
        incarnation: IncarnationId,
        /// Which there are.
        survivors: Vec<ProcessId>,
    },
    /// It is there and runs nothing.
    Idle,
    /// It runs the agent.
    Running {
        /// Which run.
        incarnation: IncarnationId,
        /// The agent's process.
        process: ProcessId,
        /// Since when.
        since: Timestamp,
    },
    /// It was told to stop the agent and has not finished.
    Stopping {
        /// Which run.
        incarnation: IncarnationId,
    },
}

impl fmt::Display for Pane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in session {}", self.pane, self.session)?;
        match self.attached {
            Some(at) => write!(f, "; a person was active there at {at:.3}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("there is none"),
            Self::Orphaned {
                incarnation,
                survivors,
            } => write!(f, "gone; it left {} of run {incarnation}", pids(survivors)),
            Self::Idle => f.write_str("there, and runs nothing"),
            Self::Running {
                incarnation,
                process,
                since,
            } => write!(
                f,
                "runs pid {} since {since:.3}, run {incarnation}",
                process.pid
            ),
            Self::Stopping { incarnation } => write!(f, "is stopping run {incarnation}"),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEnd {
    /// Which run.
    pub incarnation: IncarnationId,
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: End,
}

/// The ways a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exited(Exit),
    /// With its seat: holder killed, tmux server gone.
    Lost,
    /// Because it or a person asked for a fresh run.
    Requested,
    /// Because it left pokes unanswered.
    Unresponsive,
    /// Because it was not wanted any more.
    Dismissed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(exit) => write!(f, "its run ended with {exit}"),
            Self::Lost => f.write_str("its seat was lost"),
            Self::Requested => f.write_str("a fresh run was asked for"),
            Self::Unresponsive => f.write_str("its run left pokes unanswered"),
            Self::Dismissed => f.write_str("it was stopped"),
        }
    }
}

/// What an agent owes. Nothing owed, nothing sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owed {
    /// Unread messages.
    pub mail: u32,
    /// When the newest of them was sent.
    pub newest: Option<Timestamp>,
}

impl Owed {
    /// Whether it owes anything.
    pub fn anything(self) -> bool {
        self.mail > 0
    }
}

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mail {
            0 => f.write_str("nothing"),
            1 => f.write_str("1 unread message"),
            mail => write!(f, "{mail} unread messages"),
        }
    }
}

/// Something that was begun and must end before the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// What.
    pub what: Begun,
    /// Since when.
    pub since: Timestamp,
}

/// What holds the next step of an agent up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// An action.
    Action(ActionKind),
    /// A request was written, and the store has to be read before the next decision.
    StoreReading,
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(kind) => kind.fmt(f),
            Self::StoreReading => f.write_str("read the store"),
        }
    }
}

/// An action that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub what: ActionKind,
    /// When.
    pub at: Timestamp,
    /// How often in a row.
    pub times: u32,
    /// Why, the last time.
    pub why: String,
}

/// A lifecycle request and how far it has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    /// The request.
    pub request: Request,
    /// When it was taken; none while it is open.
    pub taken_at: Option<Timestamp>,
}
