//! One tmux server: where it listens, which process it is, and its sure end.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gt_core::{Observed, ProcessId};

use crate::clock;
use crate::command::Program;
use crate::process::{self, Signal};
use crate::tmux::command::Command;
use crate::tmux::error::TmuxError;
use crate::tmux::forked::Forked;

/// The session that the control client is attached to. It holds no agent, and listings leave it
/// out: agents' names start with `gt-`.
pub const QUIET_SESSION: &str = "_gt-quiet";

/// Pause between two looks at a server that is ending.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A tmux server, running or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its socket, absolute.
    pub(super) socket: PathBuf,
    /// The configuration that it reads when it starts, instead of a person's own.
    pub(super) config: PathBuf,
    /// How long one request may take.
    pub(super) deadline: Duration,
}

impl Server {
    /// The server that listens on `socket`, is started with the file `config`, and must answer a
    /// request within `deadline`. Both paths must be absolute.
    pub fn new(socket: &Path, config: &Path, deadline: Duration) -> Self {
        Self {
            socket: socket.to_owned(),
            config: config.to_owned(),
            deadline,
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The process that listens on the socket; none if no process does. It answers even for a
    /// server that hangs, because the kernel is asked and not the server.
    ///
    /// # Errors
    /// [`TmuxError::Connect`] when that cannot be told.
    pub fn process(&self) -> Result<Option<ProcessId>, TmuxError> {
        match self.connect() {
            Ok(stream) => self.listener(&stream),
            Err(error) if is_nobody(error.kind()) => Ok(None),
            Err(source) => Err(self.cannot_connect(source)),
        }
    }

    /// Ends the server: asks it to, then makes sure, then kills it. It is gone when this returns
    /// `Ok`, or no server ran. Programs in its panes get SIGHUP; those that ignore it live on.
    ///
    /// It takes at most three deadlines.
    ///
    /// # Errors
    /// [`TmuxError::StillAlive`] if it survived, [`TmuxError::Connect`] if that is unknown.
    pub fn kill(&self) -> Result<(), TmuxError> {
        match self.process()? {
            Some(process) => self.kill_process(process),
            None => Ok(()),
        }
    }

    /// [`kill`](Self::kill) for a server whose process is known.
    pub(super) fn kill_process(&self, process: ProcessId) -> Result<(), TmuxError> {
        // A server that hangs or drops the connection says so here; what counts is whether it
        // is gone.
        let _ = Forked::new(self.clone()).run(&[Command::kill_server()]);
        if self.outlives(process) {
            kill(process);
        }
        match self.outlives(process) {
            false => Ok(()),
            true => Err(TmuxError::StillAlive {
                socket: self.socket.clone(),
                pid: process.pid,
            }),
        }
    }

    /// `tmux` with the arguments that name this server, and without marks of an agent or a pane:
    /// it may become the server.
    pub(super) fn program(&self) -> Program {
        Program::new("tmux", Path::new("/"), self.deadline)
            .args(self.arguments())
            .without_marks()
    }

    /// `-u`: names come as they are, whatever the locale.
    pub(super) fn arguments(&self) -> [&std::ffi::OsStr; 5] {
        [
            "-u".as_ref(),
            "-S".as_ref(),
            self.socket.as_os_str(),
            "-f".as_ref(),
            self.config.as_os_str(),
        ]
    }

    /// Whether the process is still there after the deadline. Its socket does not tell: a server
    /// that stopped listening may still wait for a client that does not read.
    fn outlives(&self, process: ProcessId) -> bool {
        let until = clock::monotonic() + self.deadline;
        while is_alive(process) && clock::monotonic() < until {
            clock::pause(LOOK_AGAIN);
        }
        is_alive(process)
    }

    /// Connects without waiting: the queue of a server that hangs can be full.
    #[cfg(target_os = "linux")]
    pub(super) fn connect(&self) -> std::io::Result<UnixStream> {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(&self.socket)?)?;
        Ok(socket.into())
    }

    /// Elsewhere a full queue refuses, and nobody waits.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(&self.socket)
    }

    #[cfg(target_os = "linux")]
    fn listener(&self, stream: &UnixStream) -> Result<Option<ProcessId>, TmuxError> {
        let peer = rustix::net::sockopt::socket_peercred(stream)
            .map_err(|errno| self.cannot_connect(errno.into()))?;
        let pid = peer.pid.as_raw_nonzero().get().unsigned_abs();
        self.identify(pid)
    }

    /// Elsewhere the server itself is asked, and must answer.
    #[cfg(not(target_os = "linux"))]
    fn listener(&self, _stream: &UnixStream) -> Result<Option<ProcessId>, TmuxError> {
        let question = Command::server_pid();
        let lines = Forked::new(self.clone()).run(std::slice::from_ref(&question))?;
        let pid = lines
            .first()
            .and_then(|line| str::from_utf8(line).ok()?.parse().ok())
            .ok_or_else(|| TmuxError::malformed(self, &question.to_string(), &lines))?;
        self.identify(pid)
    }

    /// The process of this pid; none when it ended since it accepted the connection.
    fn identify(&self, pid: u32) -> Result<Option<ProcessId>, TmuxError> {
        process::identify(pid).map_err(|source| self.cannot_connect(source))
    }

    fn cannot_connect(&self, source: std::io::Error) -> TmuxError {
        TmuxError::Connect {
            socket: self.socket.clone(),
            source: Arc::new(source),
        }
    }
}

fn is_nobody(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// SIGKILL, unless the pid belongs to somebody else by now.
fn kill(process: ProcessId) {
    // Gone in this instant is as good; refused shows in the look that follows.
    let _ = process::signal(process, Signal::KILL);
}

/// Whether the process may still be there: what cannot be looked at is not taken for gone.
pub(super) fn is_alive(process: ProcessId) -> bool {
    process::is_alive(process) != Observed::Known(false)
}
