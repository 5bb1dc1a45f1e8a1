//! The step from a holder to its agent's process.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt as _;

use gt_core::ProcessId;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, getpid};
use rustix::termios::tcsetpgrp;

use super::protocol::{NotStarted, Refusal, Start};
use super::signals;
use super::terminal::Terminal;
use crate::process;

/// Why an order to start cannot be carried out, as far as can be told before anything is ended.
pub(super) fn objection(order: &Start) -> Option<Refusal> {
    let invalid = |message: &str| {
        Some(Refusal::Invalid {
            message: message.to_owned(),
        })
    };
    if order.argv.first().is_none_or(String::is_empty) {
        return invalid("there is no program to start");
    }
    let pairs = order.env.iter().flat_map(|(name, value)| [name, value]);
    let mut texts = order.argv.iter().chain(pairs).chain([&order.cwd]);
    if texts.any(|text| text.contains('\0')) {
        return invalid("an argument or variable contains a NUL");
    }
    if !is_marked(order) {
        return Some(Refusal::Unmarked);
    }
    work_directory_error(&order.cwd)
}

/// Whether every `GT_INCARNATION` of the new environment, and there is one, is the new run.
fn is_marked(order: &Start) -> bool {
    let expected = order.incarnation.to_string();
    let mut marks = order
        .env
        .iter()
        .filter(|(name, _)| name == crate::environment::GT_INCARNATION)
        .peekable();
    marks.peek().is_some() && marks.all(|(_, value)| *value == expected)
}

fn work_directory_error(path: &str) -> Option<Refusal> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let error = rustix::fs::open(path, flags, Mode::empty()).err()?;
    Some(Refusal::NotStarted {
        errno: error.raw_os_error(),
        what: NotStarted::WorkDirectory,
    })
}

/// Executes the program in a process group of its own, which gets the terminal. The holder must be
/// the only one to reap.
#[expect(
    clippy::disallowed_methods,
    reason = "an agent has no deadline, and its group must be the terminal's before it runs"
)]
pub(super) fn spawn(order: &Start, terminal: Option<&Terminal>) -> Result<ProcessId, Refusal> {
    let (program, arguments) = order.argv.split_first().ok_or_else(|| Refusal::Invalid {
        message: "there is no program to start".to_owned(),
    })?;
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(order.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.cwd)
        .process_group(0);
    let device = terminal.map(|terminal| terminal.descriptor().as_raw_fd());
    prepare(&mut command, device);
    let child = command.spawn().map_err(|error| not_started(&error))?;
    // It cannot have been reaped yet, so it is in the process table, as a zombie perhaps.
    match process::facts(child.id()) {
        Ok(Some(facts)) => Ok(facts.id),
        Ok(None) => Err(abandon(child, &io::Error::from_raw_os_error(libc::ESRCH))),
        Err(error) => Err(abandon(child, &error)),
    }
}

/// Ends an agent that cannot be identified, and so could not be supervised.
fn abandon(mut child: std::process::Child, error: &io::Error) -> Refusal {
    // It is an unreaped child: both act on it alone, and fail only when it ended.
    let _ = child.kill();
    let _ = child.wait();
    not_started(error)
}

fn not_started(error: &io::Error) -> Refusal {
    Refusal::NotStarted {
        errno: error.raw_os_error().unwrap_or(libc::EIO),
        what: NotStarted::Program,
    }
}

#[expect(
    unsafe_code,
    reason = "the terminal must change hands between fork and exec"
)]
fn prepare(command: &mut std::process::Command, device: Option<RawFd>) {
    // SAFETY: the closure makes system calls only: no allocation, no lock, no panic.
    unsafe { command.pre_exec(move || become_foreground(device)) };
}

/// Runs in the child between fork and exec.
fn become_foreground(device: Option<RawFd>) -> io::Result<()> {
    signals::default_dispositions();
    signals::block_terminal_stop()?;
    if let Some(device) = device {
        take_terminal(device, getpid());
    }
    signals::clear_mask()
}

#[expect(
    unsafe_code,
    reason = "a closure run after fork cannot borrow the terminal"
)]
fn take_terminal(device: RawFd, group: Pid) {
    // SAFETY: the holder keeps its terminal open for its whole life, so it is open in the child.
    let device = unsafe { BorrowedFd::borrow_raw(device) };
    // A terminal that is gone is told by SIGHUP; the agent starts in any case.
    let _ = tcsetpgrp(device, group);
}
