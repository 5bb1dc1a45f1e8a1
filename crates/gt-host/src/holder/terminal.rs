//! The pane's terminal, as the holder uses it between two agents.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{
    Action, OptionalActions, QueueSelector, Termios, tcflow, tcflush, tcgetattr, tcsetattr,
    tcsetpgrp,
};

/// Takes back what a full-screen program may have left behind: a half-sent sequence, the
/// alternate screen, mouse, focus and paste reports, the kitty and xterm keyboards, a hidden
/// cursor. The full reset (`ESC c`) comes last and clears the screen.
const RESET: &str = "\x18\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\
                     \x1b[?2004l\x1b[<u\x1b[>4;0m\x1b[?25h\x1bc";

/// A terminal that is never waited for: it has an open file of its own, so that its being
/// non-blocking is not the agent's, and a pane that was stopped with Ctrl-S stops no holder.
///
/// Every failure here is left alone: the terminal may be gone, which SIGHUP tells, and nothing
/// that is decided hangs on it.
pub(super) struct Terminal {
    device: OwnedFd,
    original: Termios,
}

impl Terminal {
    /// This process's own terminal, if it has one.
    pub(super) fn open() -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let device = rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()?;
        // A new pane has a sane line discipline: that is what each agent gets.
        let original = tcgetattr(&device).ok()?;
        Some(Self { device, original })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }

    /// Whether the pane is gone. It is so before SIGHUP tells, and an agent that reads its
    /// terminal may know, and end, first.
    pub(super) fn is_hung_up(&self) -> bool {
        let mut device = [PollFd::new(&self.device, PollFlags::empty())];
        // What cannot be told now, SIGHUP tells later.
        let _ = poll(&mut device, Some(&Timespec::default()));
        device[0].revents().contains(PollFlags::HUP)
    }

    /// Makes the terminal new for the next agent. What was typed for the last one is dropped.
    pub(super) fn reset(&self) {
        self.restore();
        // Linux takes back a Ctrl-S only after a stop that was asked for by this call.
        let _ = tcflow(&self.device, Action::OOff);
        let _ = tcflow(&self.device, Action::OOn);
        let _ = tcflush(&self.device, QueueSelector::IFlush);
        let _ = rustix::io::write(&self.device, RESET.as_bytes());
    }

    /// Takes the terminal back from an agent that ended.
    pub(super) fn take(&self) {
        self.give(getpgrp());
        self.restore();
    }

    /// Makes a process group the one that reads from the terminal.
    pub(super) fn give(&self, group: Pid) {
        let _ = tcsetpgrp(&self.device, group);
    }

    fn restore(&self) {
        let _ = tcsetattr(&self.device, OptionalActions::Now, &self.original);
    }

    /// Shows one line to whoever looks at the pane.
    pub(super) fn say(&self, text: &str) {
        let line: String = text.chars().filter(|char| !char.is_control()).collect();
        let _ = rustix::io::write(&self.device, format!("\r\n{line}\r\n").as_bytes());
    }
}
