//! What a holder and its clients say to each other: one JSON object a line.
//!
//! Every message has `"v":1`. A reader ignores fields that it does not know, and a holder answers
//! a request that it does not know with an error: holders live for weeks, and every later program
//! must be able to speak to them. What answers a request carries the request's `id`; what a holder
//! says by itself carries none and goes to every client.

use gt_core::incarnation::pids;
use gt_core::{AgentId, Exit, IncarnationId, ProcessId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version in `v`. It changes only when an older reader would misunderstand.
pub const VERSION: u32 = 1;

/// Longest line that is read, the line end not counted: twice what the kernel takes as arguments
/// and environment of a program.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<T> {
    /// See [`VERSION`].
    pub v: u32,
    /// Chosen by the client, and repeated in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What is said.
    #[serde(flatten)]
    pub body: T,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Answered by [`Answer::Report`].
    Hello,
    /// Ends what is left of the previous run and starts a new one. Answered by
    /// [`Answer::Started`] once it runs, or [`Answer::Refused`].
    Start(Box<Start>),
    /// Ends a run: TERM, a time of grace, KILL. Answered by [`Answer::Stopping`] at once;
    /// [`Answer::Exited`] and [`Answer::Gone`] follow.
    Stop {
        /// Which run: any other is left alone.
        incarnation: IncarnationId,
        /// Milliseconds between TERM and KILL.
        grace_ms: u64,
    },
    /// Signals the agent's process group. Answered by [`Answer::Signalled`].
    Signal {
        /// Which run: any other is left alone.
        incarnation: IncarnationId,
        /// Which signal.
        signal: SignalName,
    },
    /// Ends the holder when nothing runs, after what is left of its last run. Answered by
    /// [`Answer::Quitting`] once nothing is left, or [`Answer::Refused`].
    Quit,
    /// A request of a later version.
    #[serde(other)]
    Unknown,
}

/// How to start a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The new run; `env` must hold it as `GT_INCARNATION`.
    pub incarnation: IncarnationId,
    /// Program and arguments, executed as they are. A program without `/` is looked for in the
    /// `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The work directory.
    pub cwd: String,
    /// File names of programs that outlive the run.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Milliseconds between TERM and KILL for what is left of the previous run, and for this one
    /// when its pane goes away.
    pub grace_ms: u64,
}

/// The signals that a client may send to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalName {
    /// What Ctrl-C sends.
    Int,
    /// Asks it to end.
    Term,
    /// Its terminal went away.
    Hup,
    /// What Ctrl-\ sends.
    Quit,
    /// Lets a stopped one go on.
    Cont,
    /// Its own meaning.
    Usr1,
    /// Its own meaning.
    Usr2,
    /// The window's size changed.
    Winch,
    /// Ends it at once.
    Kill,
}

/// What a holder says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum Answer {
    /// All that the holder knows.
    Report {
        /// As in its state file.
        report: Box<Report>,
    },
    /// A run started.
    Started {
        /// Which run.
        incarnation: IncarnationId,
        /// The agent's own process: its pid and start time.
        #[serde(flatten)]
        process: ProcessId,
        /// When.
        at: Timestamp,
    },
    /// A run is being ended.
    Stopping {
        /// Which run.
        incarnation: IncarnationId,
    },
    /// The agent's group was signalled.
    Signalled {
        /// Which run.
        incarnation: IncarnationId,
    },
    /// The holder ends, after the run that it may have. It says so by itself when its pane is
    /// gone: no start will be carried out any more.
    Quitting,
    /// Nothing was done.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// The request was not understood; nothing was done.
    Error {
        /// Why.
        message: String,
    },
    /// The agent's own process ended. Others of its run may still be there.
    Exited {
        /// Which run.
        incarnation: IncarnationId,
        /// How it ended.
        exit: Exit,
        /// What it used.
        usage: Usage,
        /// When.
        at: Timestamp,
    },
    /// A run was ended with all its processes, except `survivors`.
    Gone {
        /// Which run.
        incarnation: IncarnationId,
        /// What could not be ended.
        survivors: Vec<ProcessId>,
        /// Why it is not known what is left; `survivors` then says nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unknown: Option<String>,
    },
    /// Something that only a later version says.
    #[serde(other)]
    Unknown,
}

/// Why a holder did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// An agent runs already.
    #[error("an agent runs already, as incarnation {incarnation}")]
    Running {
        /// Its run.
        incarnation: IncarnationId,
    },
    /// This very run was started before.
    #[error("this incarnation was started before")]
    AlreadyStarted,
    /// Another start waits for the previous run to be gone.
    #[error("another start is under way")]
    StartPending,
    /// The request is for a run that is not the current one.
    #[error("the request is for another incarnation")]
    OtherIncarnation {
        /// The current or last run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        current: Option<IncarnationId>,
    },
    /// No agent runs.
    #[error("no agent runs")]
    NothingRuns,
    /// The environment lacks the run's mark, so its processes could not be found again.
    #[error("GT_INCARNATION is not the new incarnation in the given environment")]
    Unmarked,
    /// Processes of the previous run are still there.
    #[error("{} of the previous incarnation could not be ended", pids(survivors))]
    Leftovers {
        /// Which.
        survivors: Vec<ProcessId>,
    },
    /// It is not known what is left of the previous run.
    #[error("what is left of the previous incarnation is unknown: {message}")]
    Unobservable {
        /// Why.
        message: String,
    },
    /// The program could not be executed.
    #[error("{what} cannot be used: {}", std::io::Error::from_raw_os_error(*errno))]
    NotStarted {
        /// The operating system's error number.
        errno: i32,
        /// What it is about.
        what: NotStarted,
    },
    /// The request makes no sense.
    #[error("{message}")]
    Invalid {
        /// Why.
        message: String,
    },
    /// The run was stopped before it had started.
    #[error("it was stopped before it started")]
    Stopped,
    /// The holder is about to end.
    #[error("the holder is ending")]
    Ending,
    /// Something that only a later version refuses.
    #[error("refused for a reason unknown to this version")]
    #[serde(other)]
    Unknown,
}

/// What a start failed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotStarted {
    /// The work directory.
    WorkDirectory,
    /// The program: missing, not executable, or out of memory or processes.
    Program,
}

impl std::fmt::Display for NotStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WorkDirectory => "the work directory",
            Self::Program => "the program",
        })
    }
}

/// What an agent and the children that it waited for used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Milliseconds of processor time in its programs.
    pub user_ms: u64,
    /// Milliseconds of processor time in the kernel.
    pub sys_ms: u64,
    /// Largest resident memory of one process.
    pub max_rss_kib: u64,
}

/// All that a holder knows: the answer to `hello`, and the content of its state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// See [`VERSION`].
    pub version: u32,
    /// The version of the program that the holder runs.
    pub gt: String,
    /// Whose seat it is.
    pub agent: AgentId,
    /// Where it listens.
    pub socket: String,
    /// The holder itself.
    pub holder: ProcessId,
    /// The boot that all processes here belong to.
    pub boot_id: String,
    /// The tmux pane, such as `%7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<String>,
    /// What it is doing.
    pub phase: Phase,
    /// The current or last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<IncarnationId>,
    /// The agent's own process in that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// When that run started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// How that run ended; none while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exited_at: Option<Timestamp>,
    /// What it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// File names of programs that outlive that run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// What could not be ended when a run of this seat was ended last, under whichever holder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub survivors: Vec<ProcessId>,
    /// A run under an earlier holder of this seat, whose processes are ended before the next
    /// start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
}

/// What a holder is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No agent runs.
    Idle,
    /// The agent runs.
    Running,
    /// A run is being ended.
    Ending,
    /// Something that only a later version does.
    #[serde(other)]
    Unknown,
}

/// A run under an earlier holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Which run.
    pub incarnation: IncarnationId,
    /// When its first process started, in clock ticks since boot.
    pub since: u64,
    /// File names of programs that outlive it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

/// Why a line says nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// It is of a version that this program does not speak.
    #[error("protocol version {0} is not spoken here, but {VERSION}")]
    Version(u32),
    /// It is no such message.
    #[error("not a message of the holder's protocol")]
    Form(#[source] serde_json::Error),
}

/// Version and id of a message whose body may be of any form.
#[derive(Deserialize)]
pub(crate) struct Head {
    v: u32,
    #[serde(default)]
    pub(crate) id: Option<u64>,
}

/// The line for a message, with its line end.
pub fn encode<T: Serialize>(id: Option<u64>, body: &T) -> Vec<u8> {
    let message = Message {
        v: VERSION,
        id,
        body,
    };
    let mut line = serde_json::to_vec(&message).expect("messages are plain data with string keys");
    line.push(b'\n');
    line
}

/// Reads a line.
///
/// # Errors
/// [`ProtocolError`] for anything but a message of this version.
pub fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<Message<T>, ProtocolError> {
    head(line)?;
    serde_json::from_slice(line).map_err(ProtocolError::Form)
}

pub(crate) fn head(line: &[u8]) -> Result<Head, ProtocolError> {
    let head: Head = serde_json::from_slice(line).map_err(ProtocolError::Form)?;
    if head.v == VERSION {
        Ok(head)
    } else {
        Err(ProtocolError::Version(head.v))
    }
}

#[cfg(test)]
mod tests;
