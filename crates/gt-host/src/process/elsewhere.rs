//! Systems whose process table this program cannot read yet: every fact is unknown, so nothing is
//! ever killed or restarted on one.

use std::io;

use super::Facts;

fn unknown() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "processes cannot be observed on this system",
    )
}

/// Names this boot of the machine.
///
/// # Errors
/// Always, here.
pub fn boot_id() -> io::Result<String> {
    Err(unknown())
}

pub(super) fn facts(_pid: u32) -> io::Result<Option<Facts>> {
    Err(unknown())
}

pub(super) fn pids() -> io::Result<Vec<u32>> {
    Err(unknown())
}

pub(super) fn is_own(_pid: u32) -> bool {
    false
}

/// Whether a process was started with this variable set to this value.
///
/// # Errors
/// Always, here.
pub fn initial_environment_has(_pid: u32, _name: &str, _value: &str) -> io::Result<bool> {
    Err(unknown())
}

/// Not known here.
///
/// # Errors
/// Always, here.
pub(super) fn initial_environment_names(_pid: u32, _name: &str) -> io::Result<bool> {
    Err(unknown())
}

/// Not known here.
pub fn command_line(_pid: u32) -> Option<Vec<String>> {
    None
}

/// The file name of the program that a process runs.
pub fn program_name(_pid: u32) -> Option<String> {
    None
}

/// No lists are kept here.
pub(super) fn child_pids(_: u32) -> Vec<u32> {
    Vec::new()
}
