//! Sockets of this machine: their files, and connecting within a deadline, for commands that block.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// Whether a socket that was bound is not at its path any more.
pub fn is_removed(socket: &Path) -> bool {
    matches!(socket.try_exists(), Ok(false))
}

/// Removes the file that a socket left which nobody listens on, to bind it anew.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn clear(socket: &Path) -> io::Result<()> {
    match fs_err::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Connects within `patience`, which is then also that of every write: a server that does not take
/// connections (it may be stopped) would otherwise hold the command up for ever once its queue is
/// full.
///
/// # Errors
/// `WouldBlock` when the time is over, and what the system says.
pub fn connect_within(socket: &Path, patience: Duration) -> io::Result<UnixStream> {
    if patience.is_zero() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let address = SocketAddrUnix::new(socket)?;
    let stream = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    set_socket_timeout(&stream, Timeout::Send, Some(patience))?;
    // With a timeout set, a stop and continue of this process interrupts the call.
    rustix::io::retry_on_intr(|| connect(&stream, &address))?;
    Ok(UnixStream::from(stream))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Covers F39: a server that takes no connections costs a command its patience and no more.
    #[test]
    fn a_full_queue_is_waited_for_only_so_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let server = UnixListener::bind(&path).unwrap();
        // As short as it gets: a person may have no more than 1,024 open files.
        rustix::net::listen(&server, 0).unwrap();
        let patience = Duration::from_millis(10);
        let mut queued = Vec::new();
        let refused = loop {
            match connect_within(&path, patience) {
                Ok(stream) => queued.push(stream),
                Err(error) => break error,
            }
            assert!(queued.len() < 100, "the queue never fills");
        };
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    }
}
