//! `/proc`, read with std's files: `fs_err` would hide the error number that tells a process that
//! ended from one that cannot be looked at.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use gt_core::ProcessId;

use super::Facts;
use crate::clock;

/// Names this boot of the machine: pids and start times mean nothing in another.
///
/// # Errors
/// When the kernel does not tell it.
pub fn boot_id() -> io::Result<String> {
    let text = fs_err::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim_end().to_owned())
}

pub(super) fn facts(pid: u32) -> io::Result<Option<Facts>> {
    let mut buffer = [0; STAT_LENGTH];
    let Some(fields) = stat(pid, &mut buffer)? else {
        return Ok(None);
    };
    parse(pid, &fields)
        .map(Some)
        .ok_or_else(|| unknown_form(pid))
}

/// Longer than a `stat` line gets: 52 numbers, and a name of 64 bytes at the most.
const STAT_LENGTH: usize = 1536;

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// The fields of a `stat` line from the third on; none when there is no such process.
fn stat(pid: u32, buffer: &mut [u8; STAT_LENGTH]) -> io::Result<Option<Vec<&str>>> {
    let read = File::open(format!("/proc/{pid}/stat")).and_then(|mut file| file.read(buffer));
    let length = match read {
        Err(error) if is_gone(&error) => return Ok(None),
        other => other?,
    };
    fields(&buffer[..length])
        .map(Some)
        .ok_or_else(|| unknown_form(pid))
}

fn unknown_form(pid: u32) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("`/proc/{pid}/stat` has an unknown form"),
    )
}

/// A process that ends while its files are read gives ESRCH rather than ENOENT.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// The name, in parentheses, may itself hold spaces, parentheses and line ends, so what counts is
/// the last `)`.
pub(super) fn fields(line: &[u8]) -> Option<Vec<&str>> {
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&line[end + 1..]).ok()?;
    Some(rest.split_ascii_whitespace().collect())
}

fn number<T: std::str::FromStr>(fields: &[&str], index: usize) -> Option<T> {
    fields.get(index)?.parse().ok()
}

pub(super) fn parse(pid: u32, fields: &[&str]) -> Option<Facts> {
    // Sessions and groups of another pid namespace are 0, and -1 stands for none.
    let pid_at = |index| Some(u32::try_from(number::<i64>(fields, index)?).unwrap_or(0));
    // A first thread that ended while others of its process run on is shown as a zombie, too.
    let threads: i64 = number(fields, 17)?;
    Some(Facts {
        id: ProcessId {
            pid,
            start: number(fields, 19)?,
        },
        parent: pid_at(1)?,
        group: pid_at(2)?,
        session: pid_at(3)?,
        zombie: matches!(*fields.first()?, "Z" | "X") && threads <= 1,
    })
}

pub(super) fn pids() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs_err::read_dir("/proc")? {
        let name = entry?.file_name();
        pids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(pids)
}

/// The children of a process, as far as the kernel lists them now: one that ends while the list is
/// read can hide its neighbours. Empty where the kernel keeps no lists.
pub(super) fn child_pids(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs_err::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs_err::read_to_string(thread.path().join("children")).ok());
    let mut children = Vec::new();
    for list in lists {
        let pids = list.split_ascii_whitespace();
        children.extend(pids.filter_map(|pid| pid.parse::<u32>().ok()));
    }
    children
}

/// Whether the process runs as this user. The owner of its directory is its user, or root while it
/// executes a program or when it made itself undumpable.
pub(super) fn is_own(pid: u32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    match fs_err::metadata(format!("/proc/{pid}")) {
        Ok(directory) if directory.uid() == own => true,
        Ok(directory) if directory.uid() == 0 => effective_user(pid) == Some(own),
        _ => false,
    }
}

fn effective_user(pid: u32) -> Option<u32> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// How long an exec may hide the environment. It takes microseconds, and longer only when the
/// program comes from a slow disk.
const EXEC_WAIT: Duration = Duration::from_millis(100);

/// The same for an exec that hides it from all but root. It is short, because a process that made
/// itself undumpable looks the same for all its life.
const DENIED_WAIT: Duration = Duration::from_millis(3);

/// Whether a process was started with this variable set to this value. Its own later changes do
/// not count. False for one that is gone.
///
/// # Errors
/// When its environment may not be read, or `TimedOut` when it has none for too long because it is
/// executing a program.
pub fn initial_environment_has(pid: u32, name: &str, value: &str) -> io::Result<bool> {
    let wanted = format!("{name}={value}");
    let until = clock::monotonic() + EXEC_WAIT;
    let denied_until = clock::monotonic() + DENIED_WAIT;
    loop {
        let read = File::open(format!("/proc/{pid}/environ"))
            .and_then(|file| find_entry(file, wanted.as_bytes()));
        let length = match read {
            Ok(Search::Found) => return Ok(true),
            Ok(Search::NotIn(length)) => length,
            Err(error) if is_gone(&error) => return Ok(false),
            // Nobody but root may look into a process at one point of an exec.
            Err(error) if is_denied(&error) && clock::monotonic() < denied_until => {
                std::thread::yield_now();
                continue;
            }
            Err(error) => return Err(error),
        };
        if environment_length(pid)?.is_none_or(|whole| whole == length) {
            return Ok(false);
        }
        if clock::monotonic() > until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::yield_now();
    }
}

/// Whether a process was started with this variable.
///
/// # Errors
/// When its environment may not be read.
pub(super) fn initial_environment_names(pid: u32, name: &str) -> io::Result<bool> {
    let environment = fs_err::read(format!("/proc/{pid}/environ"))?;
    let is_it = |entry: &[u8]| {
        entry
            .strip_prefix(name.as_bytes())
            .is_some_and(|it| it.starts_with(b"="))
    };
    Ok(environment.split(|byte| *byte == 0).any(is_it))
}

/// How long the environment of a process is; none when it can have none. While the process
/// executes a program, between its old memory and its new, what is read is empty or cut short, and
/// a marked process would pass as unmarked: not found counts only in the whole.
fn environment_length(pid: u32) -> io::Result<Option<u64>> {
    /// Set for the kernel's own threads.
    const KERNEL_THREAD: u32 = 0x0020_0000;
    /// Longer than anything that is read.
    const NOT_KNOWN_YET: u64 = u64::MAX;
    let mut buffer = [0; STAT_LENGTH];
    let Some(fields) = stat(pid, &mut buffer)? else {
        return Ok(None);
    };
    let flags: u32 = number(&fields, 6).unwrap_or(KERNEL_THREAD);
    let state = fields.first().copied().unwrap_or_default();
    if flags & KERNEL_THREAD != 0 || matches!(state, "Z" | "X") {
        return Ok(None);
    }
    let (start, end): (u64, u64) = match (number(&fields, 47), number(&fields, 48)) {
        (Some(start), Some(end)) => (start, end),
        _ => return Ok(None),
    };
    // An exec sets the end to 0, then to the start, then to what it will be, and sleeps at none of
    // them. A process that does sleep with equal ones was started without any variable.
    let is_running = matches!(state, "R" | "D");
    Ok(Some(match end.saturating_sub(start) {
        0 if end == 0 || is_running => NOT_KNOWN_YET,
        length => length,
    }))
}

/// What came of looking for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    Found,
    /// Not in these so many bytes.
    NotIn(u64),
}

/// Looks for `wanted` among the NUL-ended entries of `source`. Keeps nothing in memory, since an
/// environment may have megabytes.
pub(super) fn find_entry(mut source: impl io::Read, wanted: &[u8]) -> io::Result<Search> {
    let mut buffer = [0; 4096];
    let mut total = 0;
    // How many bytes of `wanted` the entry has matched so far; none once it differs.
    let mut matched = Some(0);
    loop {
        let length = match source.read(&mut buffer) {
            Ok(0) if matched == Some(wanted.len()) => return Ok(Search::Found),
            Ok(0) => return Ok(Search::NotIn(total)),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for byte in &buffer[..length] {
            total += 1;
            if *byte != 0 {
                matched = matched
                    .filter(|count| wanted.get(*count) == Some(byte))
                    .map(|count| count + 1);
            } else if matched == Some(wanted.len()) {
                return Ok(Search::Found);
            } else {
                matched = Some(0);
            }
        }
    }
}

/// The words that a process was started with. None when they cannot be read.
pub fn command_line(pid: u32) -> Option<Vec<String>> {
    let words = fs_err::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = String::from_utf8_lossy(&words).into_owned();
    Some(words.split_terminator('\0').map(str::to_owned).collect())
}

/// The file name of the program that a process runs: for a script, its interpreter's. None when
/// it cannot be told.
pub fn program_name(pid: u32) -> Option<String> {
    let path: PathBuf = fs_err::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    // The kernel's word for a program that was replaced, by an update for instance.
    let current = name.strip_suffix(" (deleted)").map(str::to_owned);
    Some(current.unwrap_or(name))
}
