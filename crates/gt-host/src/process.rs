//! Facts about processes, and signals to them.
//!
//! A process is always a [`ProcessId`], pid and start time, and never a bare pid: a signal meant
//! for one that ended cannot reach a later one with its number. Failing to look is an error or
//! [`Observed::Unknown`], never "gone".

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use gt_core::{IncarnationId, Observed, ProcessId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use crate::environment::GT_INCARNATION;

pub use rustix::process::Signal;

#[cfg_attr(target_os = "linux", path = "process/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "process/elsewhere.rs")]
mod system;

pub use system::{boot_id, command_line, initial_environment_has, program_name};

/// What the kernel says of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Which process.
    pub id: ProcessId,
    /// Its parent's pid; 0 for the first process.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// It ended and waits for its parent to notice.
    pub zombie: bool,
}

/// What the kernel says of `pid`, zombies included; none when there is no such process.
///
/// # Errors
/// When the kernel cannot be asked: the process may be there or not.
pub fn facts(pid: u32) -> io::Result<Option<Facts>> {
    system::facts(pid)
}

/// The process that has this pid now. None is proof that nothing runs under it: a zombie counts
/// as gone.
///
/// # Errors
/// As [`facts`].
pub fn identify(pid: u32) -> io::Result<Option<ProcessId>> {
    Ok(facts(pid)?
        .filter(|process| !process.zombie)
        .map(|process| process.id))
}

/// Whether this very process still runs. A zombie does not, and neither does one whose pid was
/// given to another.
pub fn is_alive(process: ProcessId) -> Observed<bool> {
    Observed::from(identify(process.pid)).map(|found| found == Some(process))
}

/// This process.
///
/// # Errors
/// As [`facts`].
pub fn own() -> io::Result<ProcessId> {
    let found = identify(std::process::id())?;
    found.ok_or_else(|| io::Error::other("this process is not in its own process table"))
}

/// Every process that runs, zombies left out, in the order of their pids.
///
/// # Errors
/// When the process table cannot be listed; a process that ends meanwhile is no error.
pub fn table() -> io::Result<Vec<Facts>> {
    let mut table = system::pids()?
        .into_iter()
        .filter_map(|pid| facts(pid).transpose())
        .collect::<io::Result<Vec<Facts>>>()?;
    table.retain(|process| !process.zombie);
    Ok(table)
}

/// The parent of `pid`, its parent, and so on to the first process.
///
/// # Errors
/// As [`facts`], and `NotFound` where no process `pid` is: nobody knows whose it was.
pub fn ancestors(pid: u32) -> io::Result<Vec<ProcessId>> {
    /// Deeper than any real tree: the walk ends even if pids are reused under it.
    const DEEPEST: usize = 256;
    let mut ancestors = Vec::new();
    let process = facts(pid)?.ok_or(io::ErrorKind::NotFound)?;
    let mut parent = process.parent;
    while parent != 0 && ancestors.len() < DEEPEST {
        let Some(process) = facts(parent)? else { break };
        ancestors.push(process.id);
        parent = process.parent;
    }
    Ok(ancestors)
}

/// The processes that `pid` started, or that came to it as their reaper.
///
/// # Errors
/// As [`table`].
pub fn children(pid: u32) -> io::Result<Vec<ProcessId>> {
    let table = table()?;
    let children = table.iter().filter(|process| process.parent == pid);
    Ok(children.map(|process| process.id).collect())
}

/// The children of `pid`, their children, and so on.
///
/// # Errors
/// As [`table`].
pub fn descendants(pid: u32) -> io::Result<Vec<ProcessId>> {
    Ok(below(&table()?, pid))
}

/// The descendants of `pid` that are found without a look at every process of the machine, zombies
/// left out. Some can be missing: who must know that there are none asks [`table`].
pub fn descendants_at_hand(pid: u32) -> Vec<Facts> {
    let mut found: Vec<Facts> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for child in system::child_pids(parent) {
            let Ok(Some(facts)) = facts(child) else {
                continue;
            };
            // Guards against lists that were read while pids were reused.
            if !found.iter().any(|known| known.id == facts.id) {
                found.push(facts);
                parents.push(child);
            }
        }
    }
    found.retain(|process| !process.zombie);
    found
}

fn below(table: &[Facts], pid: u32) -> Vec<ProcessId> {
    let mut found: Vec<ProcessId> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for process in table.iter().filter(|process| process.parent == parent) {
            // Guards against a table that was read while pids were reused.
            if !found.contains(&process.id) {
                found.push(process.id);
                parents.push(process.id.pid);
            }
        }
    }
    found
}

/// The session of `pid`; none when there is no such process.
///
/// # Errors
/// As [`facts`].
pub fn session(pid: u32) -> io::Result<Option<u32>> {
    Ok(facts(pid)?.map(|process| process.session))
}

/// This user's processes that belong to a run: `GT_INCARNATION` was in the environment that they
/// were started with. A process whose environment cannot be read (it made itself undumpable, or
/// it changed user) is not among them: nothing is killed that is not known to be ours.
///
/// # Errors
/// As [`table`].
pub fn marked(incarnation: IncarnationId) -> io::Result<Vec<ProcessId>> {
    started_with(GT_INCARNATION, &incarnation.to_string())
}

/// This user's processes that were started with this variable set to this value, as far as that
/// can be read.
///
/// # Errors
/// As [`table`].
pub fn started_with(name: &str, value: &str) -> io::Result<Vec<ProcessId>> {
    let table = table()?.into_iter().map(|process| process.id);
    Ok(table
        .filter(|id| was_started_with(id.pid, name, value).unwrap_or(false))
        .collect())
}

/// Whether a process carries the mark of the incarnation written `value`; one of another user
/// does not.
///
/// # Errors
/// As [`initial_environment_has`].
pub(crate) fn carries(pid: u32, value: &str) -> io::Result<bool> {
    was_started_with(pid, GT_INCARNATION, value)
}

/// Whether a process was started with this variable, whatever its value.
///
/// # Errors
/// When its environment may not be read.
pub(crate) fn has_variable(pid: u32, name: &str) -> io::Result<bool> {
    system::initial_environment_names(pid, name)
}

/// Whether it is this user's.
pub(crate) fn is_own(pid: u32) -> bool {
    system::is_own(pid)
}

fn was_started_with(pid: u32, name: &str, value: &str) -> io::Result<bool> {
    Ok(system::is_own(pid) && initial_environment_has(pid, name, value)?)
}

/// Sends a signal to this very process. False: it is gone, and nothing was signalled.
///
/// # Errors
/// `InvalidInput` for pid 0 and 1, `PermissionDenied` for another user's process, and what
/// [`facts`] says.
pub fn signal(process: ProcessId, signal: Signal) -> io::Result<bool> {
    match PidFd::open(process)? {
        Some(descriptor) => descriptor.signal(signal),
        None => Ok(false),
    }
}

/// A descriptor of one process: readable once it has ended. Give it to `poll`, or to tokio's
/// `AsyncFd`.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens a descriptor of this very process; none when it is gone.
    ///
    /// # Errors
    /// `InvalidInput` for pid 0 and 1, and what [`facts`] says.
    pub fn open(process: ProcessId) -> io::Result<Option<Self>> {
        let descriptor = match pidfd_open(checked(process.pid)?, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(None),
            other => other?,
        };
        // The descriptor is of whatever has the pid now. Only when that is the process that was
        // meant, seen after opening, is it the right one for good.
        let meant = facts(process.pid)?.is_some_and(|found| found.id == process);
        Ok(meant.then_some(Self(descriptor)))
    }

    /// Sends a signal. False: the process is gone.
    ///
    /// # Errors
    /// `PermissionDenied` for another user's process.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        match pidfd_send_signal(&self.0, signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the process has ended.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn has_ended(&self) -> io::Result<bool> {
        let mut descriptors = [PollFd::new(&self.0, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        Ok(poll(&mut descriptors, Some(&at_once))? > 0)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for PidFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A pid that may be signalled: to the kernel, 0 and negative numbers mean whole groups, and 1 is
/// the first process.
fn checked(pid: u32) -> io::Result<Pid> {
    let refused = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("pid {pid} is not signalled"),
        )
    };
    let raw = i32::try_from(pid).map_err(|_| refused())?;
    Pid::from_raw(raw).filter(|_| raw > 1).ok_or_else(refused)
}

#[cfg(test)]
mod tests;
