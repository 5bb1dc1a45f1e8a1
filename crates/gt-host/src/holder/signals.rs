//! The holder's signals and its children's changes of state, by descriptor.

#![expect(
    unsafe_code,
    reason = "signalfd, signal masks and wait4 with usage are not in rustix"
)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};

use gt_core::Exit;

use super::protocol::Usage;

/// What only a fault raises: blocked, it would end the process all the same.
const FAULTS: [i32; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// Every signal of this process, except faults, KILL and STOP. None of them acts by itself any
/// more.
pub(super) struct Signals(OwnedFd);

impl Signals {
    /// Blocks all signals and opens the descriptor on which they arrive.
    pub(super) fn take_over() -> io::Result<Self> {
        default_dispositions();
        let mask = all_but_faults();
        set_mask(libc::SIG_SETMASK, &mask)?;
        // SAFETY: `mask` is an initialised set, and -1 asks for a new descriptor.
        let descriptor =
            unsafe { libc::signalfd(-1, &raw const mask, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given out this descriptor, and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// The next signal that arrived; none when there is no more.
    pub(super) fn next(&self) -> Option<i32> {
        let mut record = [0; size_of::<libc::signalfd_siginfo>()];
        let length = rustix::io::read(&self.0, &mut record).ok()?;
        // The number is the record's first field.
        let number = record.first_chunk::<4>().filter(|_| length >= 4)?;
        i32::try_from(u32::from_ne_bytes(*number)).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sets every signal to its default: an ignored SIGCHLD would lose exits, and what is ignored
/// here stays ignored in the agent. Safe between fork and exec.
pub(super) fn default_dispositions() {
    for signal in 1..=64 {
        // SAFETY: no handler of this process is replaced that anything relies on. The numbers
        // that cannot be set (KILL, STOP, the C library's own) are refused without effect.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Lets the calling process, between fork and exec, change the terminal's foreground group.
pub(super) fn block_terminal_stop() -> io::Result<()> {
    set_mask(libc::SIG_BLOCK, &set_of(&[libc::SIGTTOU]))
}

/// Blocks nothing, as a program expects at its start.
pub(super) fn clear_mask() -> io::Result<()> {
    set_mask(libc::SIG_SETMASK, &set_of(&[]))
}

fn set_mask(how: i32, mask: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: `mask` is an initialised set, and the old one is not asked for.
    match unsafe { libc::sigprocmask(how, mask, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set, and `sigaddset` gets valid numbers.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

fn all_but_faults() -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the set, and `sigdelset` gets valid numbers.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        for signal in FAULTS {
            libc::sigdelset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

/// What became of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It ended and is reaped: its pid may be given to another from now on.
    Ended(Exit, Usage),
    /// It was stopped by this signal.
    Stopped(i32),
}

/// The next change of any child, orphans of the agent included; none when there is no more.
pub(super) fn next_change() -> Option<(u32, Change)> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both out pointers are valid for writes; all zeroes is a valid `rusage`.
    let (pid, usage) = unsafe {
        let options = libc::WNOHANG | libc::WUNTRACED;
        let pid = libc::wait4(-1, &raw mut status, options, usage.as_mut_ptr());
        (pid, usage.assume_init())
    };
    let pid = u32::try_from(pid).ok().filter(|pid| *pid > 0)?;
    Some((pid, change(status, &usage)))
}

/// Whether there is any child, zombies included. A reaper of orphans that has none has no
/// descendant at all: who loses its parent comes to it.
pub(super) fn has_children() -> bool {
    let mut status = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the out pointer is valid for writes, and nothing is read from it.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, status.as_mut_ptr(), options) };
    // Only this very error says that there is none.
    let none = result < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD);
    !none
}

fn change(status: i32, usage: &libc::rusage) -> Change {
    if libc::WIFSTOPPED(status) {
        Change::Stopped(libc::WSTOPSIG(status))
    } else if libc::WIFSIGNALED(status) {
        Change::Ended(Exit::Signal(libc::WTERMSIG(status)), used(usage))
    } else {
        Change::Ended(Exit::Code(libc::WEXITSTATUS(status)), used(usage))
    }
}

fn used(usage: &libc::rusage) -> Usage {
    Usage {
        user_ms: milliseconds(usage.ru_utime),
        sys_ms: milliseconds(usage.ru_stime),
        max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    }
}

fn milliseconds(time: libc::timeval) -> u64 {
    u64::try_from(time.tv_sec.saturating_mul(1000) + time.tv_usec / 1000).unwrap_or(0)
}
