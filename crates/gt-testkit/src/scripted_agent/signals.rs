//! Signals, received as bytes on a socket that the poll loop reads.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::Signal;

/// The signals that an agent hears. The others keep their default effect.
const HEARD: [Signal; 6] = [
    Signal::TERM,
    Signal::HUP,
    Signal::INT,
    Signal::CONT,
    Signal::WINCH,
    Signal::CHILD,
];

/// The names that people use, without `SIG`.
const NAMES: [(&str, Signal); 18] = [
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("ILL", Signal::ILL),
    ("TRAP", Signal::TRAP),
    ("ABRT", Signal::ABORT),
    ("BUS", Signal::BUS),
    ("FPE", Signal::FPE),
    ("KILL", Signal::KILL),
    ("USR1", Signal::USR1),
    ("SEGV", Signal::SEGV),
    ("USR2", Signal::USR2),
    ("PIPE", Signal::PIPE),
    ("ALRM", Signal::ALARM),
    ("TERM", Signal::TERM),
    ("STOP", Signal::STOP),
    ("TSTP", Signal::TSTP),
    ("XCPU", Signal::XCPU),
];

/// Where the handler writes; -1 until [`Signals::catch`].
static WRITE_END: AtomicI32 = AtomicI32::new(-1);

/// The reading end of the caught signals.
#[derive(Debug)]
pub(super) struct Signals {
    read: UnixStream,
    _write: UnixStream,
}

impl Signals {
    /// Begins to catch signals. Once a process.
    pub(super) fn catch() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        WRITE_END.store(write.as_raw_fd(), Ordering::Relaxed);
        for signal in HEARD {
            set_action(signal, on_signal as *const () as libc::sighandler_t)?;
        }
        Ok(Self {
            read,
            _write: write,
        })
    }

    /// The signals that came since the last call.
    pub(super) fn caught(&self) -> Vec<Signal> {
        let mut bytes = [0; 64];
        // Nothing there, or an error of a socket that is never closed, is no signal.
        let count = (&self.read).read(&mut bytes).unwrap_or(0);
        bytes[..count]
            .iter()
            .filter_map(|byte| Signal::from_named_raw(i32::from(*byte)))
            .collect()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// The signal that a person calls `TERM`, `SIGTERM` or `15`.
pub(super) fn from_name(name: &str) -> Option<Signal> {
    if let Ok(number) = name.parse() {
        return Signal::from_named_raw(number);
    }
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let named = NAMES.iter().find(|(known, _)| *known == name)?;
    Some(named.1)
}

/// The name of a signal, or its number if people do not use it.
pub(super) fn name(signal: Signal) -> String {
    match NAMES.iter().find(|(_, known)| *known == signal) {
        Some((name, _)) => (*name).to_owned(),
        None => signal.as_raw().to_string(),
    }
}

/// Gives a signal its default effect again. KILL and STOP never had another.
pub(super) fn set_default(signal: Signal) {
    // Refused for KILL and STOP, which is as good.
    let _ = set_action(signal, libc::SIG_DFL);
}

/// For a process that was forked off: it hears nothing any more (it would tell its parent), and
/// ignores TERM and HUP.
pub(super) fn become_unhearing() -> io::Result<()> {
    for signal in HEARD {
        set_action(signal, libc::SIG_DFL)?;
    }
    set_action(Signal::TERM, libc::SIG_IGN)?;
    set_action(Signal::HUP, libc::SIG_IGN)
}

#[expect(unsafe_code, reason = "there is no safe way to set a signal's action")]
fn set_action(signal: Signal, action: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: an all-zero `sigaction` is a valid value of that plain C struct.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = action;
    // Programs that were begun need not know that a signal came; `poll` returns in any case.
    new.sa_flags = libc::SA_RESTART;
    // SAFETY: `new` is initialised, its handler (if any) is `on_signal`, which does nothing but
    // what POSIX allows in a handler; no old action is asked for.
    match unsafe { libc::sigaction(signal.as_raw(), &raw const new, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(
    unsafe_code,
    reason = "a handler may only make system calls such as write"
)]
extern "C" fn on_signal(signal: libc::c_int) {
    let byte = signal.to_le_bytes()[0];
    // SAFETY: `byte` lives during the call; the descriptor is the socket of `Signals`, or -1 and
    // then refused. It does not block; a full socket already holds signals to be seen.
    unsafe {
        libc::write(
            WRITE_END.load(Ordering::Relaxed),
            (&raw const byte).cast(),
            1,
        )
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_its_common_names() {
        for written in ["TERM", "SIGTERM", "15"] {
            assert_eq!(from_name(written), Some(Signal::TERM), "{written}");
        }
        assert_eq!(name(Signal::TERM), "TERM");
        assert_eq!(from_name("4096"), None);
    }
}
