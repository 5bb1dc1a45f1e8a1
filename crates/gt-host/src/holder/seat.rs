//! Taking a seat: at most one holder per agent.

use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::AgentId;

use crate::lock::lock_within;
use crate::paths::TownPaths;
use crate::town::private::{self, PrivateError};
use crate::{environment, local_socket};

/// Why a seat could not be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SeatError {
    #[error("another holder has the seat of {agent}")]
    Taken { agent: AgentId },
    #[error("the seat is not private")]
    Private(#[source] PrivateError),
    #[error("cannot lock the seat of {agent}")]
    Lock {
        agent: AgentId,
        #[source]
        source: io::Error,
    },
    #[error("cannot listen on `{}`", socket.display())]
    Listen {
        socket: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot {doing}")]
    System {
        doing: &'static str,
        #[source]
        source: io::Error,
    },
}

/// Whoever looks whether the lock is held holds it meanwhile, for microseconds.
const LOOKED_AT: Duration = Duration::from_millis(100);

/// A taken seat.
pub(super) struct Seat {
    /// Locked while the holder lives; the lock, not the socket, is the truth. The file is never
    /// removed: two holders could then lock two files of the same name.
    _lock: fs_err::File,
    pub(super) socket: PathBuf,
}

/// Takes the seat and listens on its socket. The file of a dead holder's socket is replaced.
pub(super) fn take(paths: &TownPaths, agent: &AgentId) -> Result<(Seat, UnixListener), SeatError> {
    private::secure(paths).map_err(SeatError::Private)?;
    let lock = lock(&paths.holder_lock(agent), agent)?;
    let socket = paths.holder_socket(agent);
    let listener = listen(&socket).map_err(|source| SeatError::Listen {
        socket: socket.clone(),
        source,
    })?;
    let seat = Seat {
        _lock: lock,
        socket,
    };
    Ok((seat, listener))
}

fn lock(path: &Path, agent: &AgentId) -> Result<fs_err::File, SeatError> {
    let failed = |source| SeatError::Lock {
        agent: agent.clone(),
        source,
    };
    let file = fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    match lock_within(file.file(), LOOKED_AT) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SeatError::Taken {
            agent: agent.clone(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

pub(super) fn listen(socket: &Path) -> io::Result<UnixListener> {
    // Nobody listens on it: the lock is ours.
    local_socket::clear(socket)?;
    let listener = UnixListener::bind(socket)?;
    fs_err::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Executes this program anew when it carries an agent's mark, which cannot be taken off a running
/// process: a holder that an agent started must not be in that agent's kill set. Returns when
/// there is no mark.
#[expect(
    clippy::disallowed_methods,
    reason = "it replaces this process rather than starting another"
)]
pub(super) fn shed_mark() -> Result<(), SeatError> {
    if environment::variable(environment::GT_INCARNATION).is_none() {
        return Ok(());
    }
    let mut again = std::process::Command::new("/proc/self/exe");
    again.args(std::env::args_os().skip(1));
    let marks = environment::all().into_iter().map(|(name, _)| name);
    // The pane's id is in a variable that tmux set for this very process.
    for name in marks.filter(|name| environment::is_mark(name) && name != environment::TMUX_PANE) {
        again.env_remove(name);
    }
    Err(SeatError::System {
        doing: "start anew without the mark of an agent",
        source: again.exec(),
    })
}
