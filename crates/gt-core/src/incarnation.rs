//! One run of one agent, and the process that runs it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agent_id::AgentId;

/// Names one run of one agent. Hook events, keepalives, heartbeats and requests carry it; those of
/// another incarnation are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncarnationId(pub Uuid);

impl fmt::Display for IncarnationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for IncarnationId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// A process that cannot be mistaken for a later one with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The kernel's number.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start: u64,
}

/// Processes as a message names them: `pid 17` or `pids 17, 18`.
pub fn pids(processes: &[ProcessId]) -> String {
    let pids: Vec<String> = processes
        .iter()
        .map(|process| process.pid.to_string())
        .collect();
    let noun = if pids.len() == 1 { "pid" } else { "pids" };
    format!("{noun} {}", pids.join(", "))
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It could not be executed; the operating system's error number.
    NotStarted(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::NotStarted(errno) => write!(f, "not started (errno {errno})"),
        }
    }
}

/// The record of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// Its id, UUIDv7, made by the daemon before the start.
    pub id: IncarnationId,
    /// Whose run it is.
    pub agent: AgentId,
    /// The tmux pane it runs in, such as `%7`.
    pub pane: String,
    /// The seat's process.
    pub holder: ProcessId,
    /// The agent's own process; none if it could not be executed.
    pub process: Option<ProcessId>,
    /// The boot that `holder` and `process` belong to.
    pub boot_id: String,
    /// Hash of argv and work directory: a change means that a restart would change something.
    pub command_hash: String,
    /// When it was started.
    pub started_at: Timestamp,
}
