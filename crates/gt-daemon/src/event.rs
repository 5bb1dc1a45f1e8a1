//! What wakes the loop. Events carry facts; the decision reads the whole snapshot.

use gt_api::request::{Request, Response};
use gt_core::agent_id::AgentId;
use gt_core::incarnation::{IncarnationId, ProcessId};
use gt_core::observed::{Observed, Reason};
use gt_core::screen::Look;
use gt_host::holder::protocol::Answer;
use gt_host::hook::HookEvent;
use gt_store::TownRows;
use tokio::sync::oneshot;

use crate::act::Outcome;
use crate::files::{Found, Settings};
use crate::link::{Link, LinkError, LinkId};
use crate::remembered::FirstReading;
use crate::terminal::Listing;
use crate::watch::{Fresh, Watched};

impl Event {
    /// Whom it is about, if it is about one agent.
    pub(crate) fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::HolderReady(agent)
            | Self::HolderLate(agent)
            | Self::LostRun(agent, ..)
            | Self::Linked(agent, _)
            | Self::Holder(agent, _)
            | Self::HolderLost(agent, _)
            | Self::Acted(agent, _) => Some(agent),
            Self::Tick
            | Self::Changed
            | Self::Reload
            | Self::Terminate
            | Self::Rows(_)
            | Self::FirstRows(_)
            | Self::StoreWritable(_)
            | Self::Found(_)
            | Self::Settings(_)
            | Self::LookAtTmux
            | Self::LookAtLock
            | Self::Panes(_)
            | Self::Drawn { .. }
            | Self::Seen(..)
            | Self::Told(..)
            | Self::ToldStrangely(..)
            | Self::Keepalive(_)
            | Self::Client { .. }
            | Self::Trouble(_) => None,
        }
    }

    /// Whether it calls for a decision by itself: a question that is answered from what is known does
    /// not, and its answer shall not wait for one.
    pub(crate) fn stirs(&self) -> bool {
        match self {
            Self::Client { request, .. } => !matches!(
                request,
                Request::Hello | Request::Status | Request::Glance | Request::Why { .. }
            ),
            // Its handler says whether it is news: most heartbeats find everything as it was.
            Self::Rows(_)
            | Self::FirstRows(_)
            | Self::Found(_)
            | Self::Settings(_)
            | Self::LookAtLock
            | Self::Panes(_)
            | Self::Drawn { .. }
            | Self::Seen(..)
            | Self::Told(..)
            | Self::ToldStrangely(..) => false,
            Self::Tick
            | Self::Changed
            | Self::Reload
            | Self::Terminate
            | Self::StoreWritable(_)
            | Self::LookAtTmux
            | Self::HolderReady(_)
            | Self::Linked(..)
            | Self::HolderLate(_)
            | Self::LostRun(..)
            | Self::Holder(..)
            | Self::HolderLost(..)
            | Self::Keepalive(_)
            | Self::Acted(..)
            | Self::Trouble(_) => true,
        }
    }
}

/// A closed list: who adds a source adds a variant.
#[derive(Debug)]
pub(crate) enum Event {
    /// The safety net's tick, or a wait that the last plan named is over.
    Tick,
    /// SIGUSR1, a datagram or a file change: something in store or files may be new.
    Changed,
    /// SIGHUP or a request: read the configuration anew.
    Reload,
    /// SIGTERM or SIGINT.
    Terminate,
    /// The store was read.
    Rows(Observed<TownRows>),
    /// The store was read for the first time, which failed when the daemon began.
    FirstRows(Observed<Box<FirstReading>>),
    /// Writes to the store fail, or go through again.
    StoreWritable(Result<(), Reason>),
    /// It was read who is in the town.
    Found(Box<Found>),
    /// Configuration and captured environment were read.
    Settings(Box<Settings>),
    /// tmux could not be looked at a while ago.
    LookAtTmux,
    /// The file of the daemon's lock was removed, or another is in its place.
    LookAtLock,
    /// tmux was asked for its panes.
    Panes(Observed<Listing>),
    /// Something was drawn in these panes.
    Drawn {
        /// Where.
        drawn: Vec<Fresh>,
        /// Where it is told of which runs they are.
        reply: oneshot::Sender<Vec<Watched>>,
    },
    /// The screen of a run was looked at.
    Seen(IncarnationId, Box<Look>),
    /// The program of a run told what it is doing.
    Told(IncarnationId, HookEvent),
    /// A hook told what cannot be used: of this run if that is sure, and why.
    ToldStrangely(Option<IncarnationId>, String),
    /// A holder said that it listens.
    HolderReady(AgentId),
    /// A connection to a holder was made, with its first report; or not.
    Linked(AgentId, Result<Box<Link>, LinkError>),
    /// A session was made a while ago; its holder should have spoken by now.
    HolderLate(AgentId),
    /// What a lost run left behind was looked for.
    LostRun(AgentId, IncarnationId, Observed<Vec<ProcessId>>),
    /// A holder says something of its own accord.
    Holder(AgentId, Box<Answer>),
    /// The connection to a holder ended.
    HolderLost(AgentId, LinkId),
    /// An agent showed activity.
    Keepalive(IncarnationId),
    /// An action ended.
    Acted(AgentId, Outcome),
    /// A client asks.
    Client {
        /// What.
        request: Request,
        /// Its pid, 0 where the system does not tell.
        peer: u32,
        /// Where the answer goes.
        reply: oneshot::Sender<Response>,
    },
    /// Something failed that no agent is to blame for; it is logged.
    Trouble(String),
}
