//! Processes that an agent leaves behind, as build servers and shells of real agents do.
//!
//! They carry the agent's environment from their first moment, ignore TERM and HUP, and write
//! `left KIND` to the journal with their own pid once they do.

use std::io;

use rustix::event::{Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, WaitOptions, chdir, setsid, waitpid};

use super::journal::{Happening, Journal};
use super::signals;

/// How long a survivor lives if nobody ends it: longer than any test, so that none is left for
/// ever when a test fails.
const LIFETIME: Timespec = Timespec {
    tv_sec: 600,
    tv_nsec: 0,
};

/// How far a process gets away from its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Survivor {
    /// In a session of its own, still the agent's child, the terminal still open.
    Session,
    /// As a daemon: no longer the agent's child, the terminal closed.
    Daemon,
}

impl Survivor {
    /// Starts it.
    pub(super) fn leave(self, journal: &Journal) -> io::Result<()> {
        let Some(child) = fork()? else {
            match self {
                Self::Session => linger("setsid", journal, setsid),
                Self::Daemon => daemonize(journal),
            }
        };
        if self == Self::Daemon {
            // The process between ends at once.
            waitpid(Some(child), WaitOptions::empty())?;
        }
        Ok(())
    }
}

/// In the child: forks again, so that init becomes the parent.
fn daemonize(journal: &Journal) -> ! {
    match fork() {
        Ok(None) => linger("daemonize", journal, || {
            let group = setsid()?;
            chdir("/")?;
            let null = open("/dev/null", OFlags::RDWR, Mode::empty())?;
            rustix::stdio::dup2_stdin(&null)?;
            rustix::stdio::dup2_stdout(&null)?;
            rustix::stdio::dup2_stderr(&null)?;
            Ok(group)
        }),
        Ok(Some(_)) => std::process::exit(0),
        Err(_) => std::process::exit(1),
    }
}

/// In the process that stays: gets away, says so, and waits to be killed.
fn linger(kind: &str, journal: &Journal, get_away: impl FnOnce() -> rustix::io::Result<Pid>) -> ! {
    // Without its line in the journal, a survivor that failed is one that a test waits for in vain.
    if get_away().is_err() || signals::become_unhearing().is_err() {
        std::process::exit(1);
    }
    // So that a test can have one that does not even take KILL.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_ptracer(rustix::process::PTracer::Any);
    journal.record(&Happening::Left(kind));
    // Its end before the time (a signal that is not ignored but does not kill) is as good.
    let _ = poll(&mut [], Some(&LIFETIME));
    std::process::exit(0)
}

/// The child in the parent, none in the child.
#[expect(unsafe_code, reason = "there is no safe fork")]
fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the agent has one thread (`run` is called before any other), so that the child may
    // do whatever its parent might.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}
