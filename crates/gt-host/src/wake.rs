//! Datagrams that wake the daemon. Each is a hint: what counts is what the daemon then sees.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use gt_core::{AgentId, IncarnationId};
use serde::{Deserialize, Serialize};

use crate::hook::HookEvent;
use crate::paths::TownPaths;

/// How long the sender of a datagram that says more than "look" waits for room in the daemon's
/// queue, which may hold as few as ten.
const PATIENCE: Duration = Duration::from_millis(50);

/// Longest datagram that is read.
pub const MAX_LENGTH: usize = 4096;

/// Why the daemon should look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wake {
    /// Something changed in this agent's seat: `{"holder":"mayor"}`.
    Holder(AgentId),
    /// An agent ran a command on purpose.
    Keepalive {
        /// The run it belongs to.
        incarnation: IncarnationId,
        /// Who it says it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        /// Which command, such as `mail send`.
        command: String,
    },
    /// The program of a run told of an event by its hook.
    Hook {
        /// The run that it belongs to.
        incarnation: IncarnationId,
        /// What it told.
        event: HookEvent,
    },
    /// A hook was called with what cannot be read, or by whom it is not for.
    StrangeHook {
        /// The run that it belongs to, where that is sure.
        incarnation: Option<IncarnationId>,
        /// What is wrong with it.
        problem: String,
    },
    /// The store was written: `"store"`.
    Store,
    /// No more than that: `"poke"`.
    Poke,
}

impl Wake {
    /// Whether nothing is lost with it as long as the daemon looks.
    fn is_hint(&self) -> bool {
        match self {
            Self::Holder(_) | Self::Store | Self::Poke => true,
            Self::Keepalive { .. } | Self::Hook { .. } | Self::StrangeHook { .. } => false,
        }
    }
}

/// Tells the daemon, if there is one. A hint never waits; what says more waits for a daemon that
/// is behind, for 50 ms at most. False: nobody listens.
///
/// # Errors
/// When the socket is there and cannot be written to, or its queue stays full for what is no hint.
pub fn send(paths: &TownPaths, wake: &Wake) -> io::Result<bool> {
    let text = serde_json::to_vec(wake)?;
    let socket = UnixDatagram::unbound()?;
    match wake.is_hint() {
        true => socket.set_nonblocking(true)?,
        false => socket.set_write_timeout(Some(PATIENCE))?,
    }
    match socket.send_to(&text, paths.wake_socket()) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(false),
            // Its queue is full of wake-ups: it will look.
            io::ErrorKind::WouldBlock if wake.is_hint() => Ok(true),
            _ => Err(error),
        },
    }
}

/// Reads a datagram; none when it is of a kind unknown here. It wakes the daemon all the same.
pub fn decode(datagram: &[u8]) -> Option<Wake> {
    serde_json::from_slice(datagram).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn town() -> (tempfile::TempDir, TownPaths) {
        let directory = tempfile::tempdir().unwrap();
        let paths = TownPaths::new(directory.path());
        fs_err::create_dir_all(paths.sockets()).unwrap();
        (directory, paths)
    }

    #[test]
    fn without_a_daemon_nobody_is_woken_and_nothing_fails() {
        let (_directory, paths) = town();
        assert!(!send(&paths, &Wake::Store).unwrap());
        drop(UnixDatagram::bind(paths.wake_socket()).unwrap());
        assert!(
            !send(&paths, &Wake::Store).unwrap(),
            "a dead daemon's socket"
        );
    }

    #[test]
    fn a_full_queue_does_not_hold_the_sender_up() {
        let (_directory, paths) = town();
        let _daemon = UnixDatagram::bind(paths.wake_socket()).unwrap();
        for _ in 0..5000 {
            assert!(send(&paths, &Wake::Poke).unwrap());
        }
    }

    /// What a hook tells is not lost because twenty others tell at the same moment.
    #[test]
    fn what_says_more_waits_for_room() {
        let (_directory, paths) = town();
        let daemon = UnixDatagram::bind(paths.wake_socket()).unwrap();
        for _ in 0..5000 {
            send(&paths, &Wake::Poke).unwrap();
        }
        let told = Wake::Keepalive {
            incarnation: IncarnationId(uuid::Uuid::nil()),
            agent: None,
            command: "mail send".to_owned(),
        };
        send(&paths, &told).expect_err("there is no room, and nobody reads");
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; MAX_LENGTH];
            loop {
                let length = daemon.recv(&mut buffer).unwrap();
                match decode(&buffer[..length]) {
                    Some(Wake::Poke) => {}
                    other => return other,
                }
            }
        });
        let is_sent = (0..100).any(|_| send(&paths, &told).is_ok());
        assert!(is_sent);
        assert_eq!(reader.join().unwrap(), Some(told));
    }

    #[test]
    fn datagrams_read_back_and_unknown_ones_are_none() {
        let (_directory, paths) = town();
        let daemon = UnixDatagram::bind(paths.wake_socket()).unwrap();
        let wake = Wake::Keepalive {
            incarnation: IncarnationId(uuid::Uuid::nil()),
            agent: None,
            command: "mail send".to_owned(),
        };
        send(&paths, &wake).unwrap();
        let mut buffer = [0; MAX_LENGTH];
        let length = daemon.recv(&mut buffer).unwrap();
        assert_eq!(decode(&buffer[..length]), Some(wake));
        assert_eq!(
            decode(br#"{"holder":"rig/crew/max"}"#),
            AgentId::from_canonical("rig/crew/max")
                .ok()
                .map(Wake::Holder)
        );
        assert_eq!(decode(br#"{"later":1}"#), None);
    }
}
