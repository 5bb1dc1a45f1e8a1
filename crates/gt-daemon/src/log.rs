//! The daemon's log: one line per event, size-capped, rotated once, repeats folded.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};
use jiff::Timestamp;

/// At this size the log becomes `daemon.log.1`: enough for weeks of a busy town, and never more
/// than twice this on disk (F82).
const MAX_BYTES: u64 = 4 << 20;

/// The log file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    last: String,
    repeats: u32,
}

/// Opens a log of the owner's alone: what agents and people do is nobody else's.
fn open(path: &Path) -> io::Result<File> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

impl Log {
    /// Opens the log for appending.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            last: String::new(),
            repeats: 0,
        })
    }

    /// Appends one line: time, kind, subject, text. The same line again is only counted until
    /// another comes.
    pub(crate) fn line(
        &mut self,
        now: Timestamp,
        kind: &str,
        subject: &str,
        text: &str,
    ) -> io::Result<()> {
        let message = format!("{kind} {subject} {}", gt_core::mail::printable_line(text));
        if message == self.last {
            self.repeats += 1;
            return Ok(());
        }
        let mut lines = String::new();
        if self.repeats > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(
                lines,
                "{now:.3} repeated {} times: {}",
                self.repeats, self.last
            );
        }
        let _ = writeln!(lines, "{now:.3} {message}");
        self.repeats = 0;
        self.last = message;
        self.write(&lines)
    }

    fn write(&mut self, lines: &str) -> io::Result<()> {
        if self.size + lines.len() as u64 > MAX_BYTES {
            self.rotate()?;
        }
        self.file.write_all(lines.as_bytes())?;
        self.size += lines.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs_err::rename(&self.path, self.path.with_extension("log.1"))?;
        self.file = open(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        fs_err::read_to_string(path).unwrap()
    }

    /// Covers F82, D22: the log stays below its cap and says a thing once.
    #[test]
    fn the_log_is_capped_and_repeats_are_folded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("daemon.log");
        let mut log = Log::open(&path).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..1_000 {
            log.line(now, "unobservable", "mayor", "tmux does not answer")
                .unwrap();
        }
        log.line(now, "started", "mayor", "again\u{1b}[2J").unwrap();
        assert_eq!(
            read(&path),
            "1970-01-01T00:00:00.000Z unobservable mayor tmux does not answer\n\
             1970-01-01T00:00:00.000Z repeated 999 times: unobservable mayor tmux does not answer\n\
             1970-01-01T00:00:00.000Z started mayor again[2J\n"
        );
        let long = "x".repeat(1 << 16);
        for number in 0..200 {
            log.line(now, "event", "mayor", &format!("{number} {long}"))
                .unwrap();
        }
        assert!(read(&path).len() as u64 <= MAX_BYTES);
        assert!(path.with_extension("log.1").exists());
    }
}
