//! Telling the service manager that started this process how it goes (sd_notify(3)). Without one
//! nothing is told, and nothing fails.
//!
//! The daemon calls [`ready`] once it answers on its socket and [`alive`] from its loop at least as
//! often as [`interval`] says: a loop that hangs stops telling, and is replaced.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use crate::environment::variable;

/// Where the manager listens.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// After how many microseconds without a sign of life the manager replaces the process.
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
/// Which process it watches.
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// Tells that the start is over. False: no manager listens.
///
/// # Errors
/// When there is a manager and it could not be told.
pub fn ready() -> io::Result<bool> {
    tell("READY=1")
}

/// Tells that the loop goes round. False: no manager listens.
///
/// # Errors
/// As [`ready`].
pub fn alive() -> io::Result<bool> {
    tell("WATCHDOG=1")
}

/// Tells that an orderly end has begun. False: no manager listens.
///
/// # Errors
/// As [`ready`].
pub fn stopping() -> io::Result<bool> {
    tell("STOPPING=1")
}

/// How often to call [`alive`]: half the time after which the manager acts. None when nobody
/// watches this process.
pub fn interval() -> Option<Duration> {
    interval_of(
        variable(WATCHDOG_USEC).as_deref(),
        variable(WATCHDOG_PID).as_deref(),
        std::process::id(),
    )
}

fn interval_of(microseconds: Option<&str>, watched: Option<&str>, own: u32) -> Option<Duration> {
    let watches_us = watched.is_none_or(|pid| pid.parse() == Ok(own));
    let microseconds: u64 = microseconds?.parse().ok()?;
    (watches_us && microseconds > 0).then(|| Duration::from_micros(microseconds / 2))
}

fn tell(state: &str) -> io::Result<bool> {
    match variable(NOTIFY_SOCKET) {
        Some(address) => send(&address, state).map(|()| true),
        None => Ok(false),
    }
}

/// Sends without waiting: a manager whose queue is full is told the next time.
fn send(address: &str, state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match address.strip_prefix('@') {
        Some(name) => send_to_abstract(&socket, name, state),
        None => socket
            .send_to(state.as_bytes(), Path::new(address))
            .map(drop),
    }
}

#[cfg(target_os = "linux")]
fn send_to_abstract(socket: &UnixDatagram, name: &str, state: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn send_to_abstract(_: &UnixDatagram, _: &str, _: &str) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn the_manager_is_told_at_a_path_and_at_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        send(&path.to_string_lossy(), "READY=1").unwrap();
        assert_eq!(received(&manager), "READY=1");
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt as _;
            let name = format!("gt-notify-{}", std::process::id());
            let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
            let manager = UnixDatagram::bind_addr(&address).unwrap();
            send(&format!("@{name}"), "WATCHDOG=1").unwrap();
            assert_eq!(received(&manager), "WATCHDOG=1");
        }
    }

    #[test]
    fn a_manager_that_is_gone_is_an_error_and_none_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let gone = directory.path().join("notify");
        assert!(send(&gone.to_string_lossy(), "READY=1").is_err());
        assert!(!ready().unwrap(), "no service manager runs the tests");
    }

    #[test]
    fn only_the_process_that_is_watched_gives_signs_of_life() {
        let half = Some(Duration::from_secs(30));
        assert_eq!(interval_of(Some("60000000"), None, 7), half);
        assert_eq!(interval_of(Some("60000000"), Some("7"), 7), half);
        assert_eq!(interval_of(Some("60000000"), Some("8"), 7), None);
        assert_eq!(interval_of(Some("0"), None, 7), None);
        assert_eq!(interval_of(Some("soon"), None, 7), None);
        assert_eq!(interval_of(None, None, 7), None);
    }
}
