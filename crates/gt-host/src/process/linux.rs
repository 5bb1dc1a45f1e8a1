//! `/proc`.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use gt_core::ProcessId;

use super::Facts;

/// Names this boot of the machine: pids and start times mean nothing in another.
///
/// # Errors
/// When the kernel does not tell it.
pub fn boot_id() -> io::Result<String> {
    let text = fs_err::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim_end().to_owned())
}

pub(super) fn facts(pid: u32) -> io::Result<Option<Facts>> {
    // A line of 52 numbers; the name in it has at most 64 bytes.
    let mut buffer = [0; 1024];
    let read =
        fs_err::File::open(format!("/proc/{pid}/stat")).and_then(|mut file| file.read(&mut buffer));
    match read {
        Ok(length) => parse(pid, &buffer[..length]).map(Some).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`/proc/{pid}/stat` has an unknown form"),
            )
        }),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A process that ends while its files are read gives ESRCH rather than ENOENT.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// Reads a `stat` line. The name, in parentheses, may itself hold spaces, parentheses and line
/// ends, so what counts is the last `)`.
pub(super) fn parse(pid: u32, line: &[u8]) -> Option<Facts> {
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&line[end + 1..]).ok()?;
    // The third field of the line is the first of these.
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse().ok();
    // Sessions and groups of another pid namespace are 0, and -1 stands for none.
    let pid_at = |index: usize| Some(u32::try_from(number(index)?).unwrap_or(0));
    // A first thread that ended while others of its process run on is shown as a zombie, too.
    let threads: i64 = number(17)?;
    Some(Facts {
        id: ProcessId {
            pid,
            start: fields.get(19)?.parse().ok()?,
        },
        parent: pid_at(1)?,
        group: pid_at(2)?,
        session: pid_at(3)?,
        zombie: matches!(*fields.first()?, "Z" | "X" | "x") && threads <= 1,
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

/// Whether this user may look into the process. The owner of its directory is its effective user,
/// or root when it made itself undumpable.
pub(super) fn is_own(pid: u32) -> bool {
    fs_err::metadata(format!("/proc/{pid}"))
        .is_ok_and(|directory| directory.uid() == rustix::process::geteuid().as_raw())
}

/// Whether a process was started with this variable set to this value. Its own later changes do
/// not count. False for one that is gone.
///
/// # Errors
/// When its environment may not be read.
pub fn initial_environment_has(pid: u32, name: &str, value: &str) -> io::Result<bool> {
    let found = fs_err::File::open(format!("/proc/{pid}/environ"))
        .and_then(|file| has_entry(file, format!("{name}={value}").as_bytes()));
    match found {
        Err(error) if is_gone(&error) => Ok(false),
        other => other,
    }
}

/// Whether one of the NUL-ended entries of `source` is `wanted`. Keeps nothing in memory, since
/// an environment may have megabytes.
pub(super) fn has_entry(mut source: impl io::Read, wanted: &[u8]) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    // How many bytes of `wanted` the entry has matched so far; none once it differs.
    let mut matched = Some(0);
    loop {
        let length = match source.read(&mut buffer) {
            Ok(0) => return Ok(matched == Some(wanted.len())),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for byte in &buffer[..length] {
            if *byte == 0 {
                if matched == Some(wanted.len()) {
                    return Ok(true);
                }
                matched = Some(0);
            } else {
                matched = matched
                    .filter(|count| wanted.get(*count) == Some(byte))
                    .map(|count| count + 1);
            }
        }
    }
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
