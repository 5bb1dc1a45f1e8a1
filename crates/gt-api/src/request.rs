//! What a client asks the daemon over its socket: one JSON object a line, one line back.

use gt_core::AgentId;
use serde::{Deserialize, Serialize};

use crate::view::{Status, Why};

/// A request with the version it is written in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// [`PROTOCOL`](crate::PROTOCOL) of the client.
    pub v: u32,
    /// The request.
    #[serde(flatten)]
    pub request: Request,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Who are you? Answered by [`Response::Hello`].
    Hello,
    /// The whole town. Answered by [`Response::Status`].
    Status,
    /// The town without the seats that rest: of hundreds, most do. Answered by
    /// [`Response::Glance`].
    Glance,
    /// One agent, explained. Answered by [`Response::Why`].
    Why {
        /// Which.
        agent: AgentId,
    },
    /// The store or a file changed: look again. Answered by [`Response::Done`].
    Wake,
    /// Read town.toml and the registry anew. Answered by [`Response::Done`] or an error.
    Reload,
    /// The town shall be down. Answered by [`Response::Done`] once decided, not once reached.
    Down,
    /// The town shall be up. Answered by [`Response::Done`].
    Up,
    /// Tell when all these agents have reached this. Answered by [`Response::Reached`].
    Await {
        /// Which agents; empty means every agent that has a seat.
        agents: Vec<AgentId>,
        /// What they shall reach.
        goal: Reach,
        /// After how many milliseconds to give up.
        timeout_ms: u64,
    },
    /// End the daemon; the agents go on. Answered by [`Response::Done`] before it ends.
    Stop,
}

/// What [`Request::Await`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Its program runs.
    Running,
    /// Nothing of it runs.
    Stopped,
}

/// An answer. Its content has a key of its own, after its kind: a status of hundreds of agents is
/// then read once, and not first into a tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "response", content = "content", rename_all = "snake_case")]
pub enum Response {
    /// The daemon.
    Hello {
        /// Version of its binary.
        version: String,
        /// Its process.
        pid: u32,
        /// Protocol it speaks.
        protocol: u32,
    },
    /// The town.
    Status(Box<Status>),
    /// The town at a glance.
    Glance {
        /// The town, its agents without those that rest.
        status: Box<Status>,
        /// How many rest: nothing is wanted of them and nothing of them is there.
        resting: usize,
    },
    /// One agent, explained.
    Why(Box<Why>),
    /// It was done.
    Done,
    /// How the wait ended.
    Reached {
        /// Agents that did not get there in time, each with what it waits on.
        missing: Vec<Missing>,
    },
    /// It was not done.
    Error {
        /// Why, with its causes.
        message: String,
        /// Whether it was refused as unsafe.
        refused: bool,
    },
}

/// An agent that did not get where it should in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Which.
    pub agent: AgentId,
    /// What it waits on.
    pub waiting: String,
    /// Whether only a person can end that wait: its program or its work directory is missing.
    #[serde(default)]
    pub needs_person: bool,
}
