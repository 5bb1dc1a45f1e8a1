//! `daemon/state.json`, in the original's format: what `gt daemon status` and old tools show. Never
//! read to decide whether a daemon runs.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::json_file::{self, JsonFileError};

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DaemonState {
    /// Whether the writer was running when it wrote.
    pub running: bool,
    /// The writer's pid.
    pub pid: i64,
    /// When it started.
    #[serde(with = "crate::gotime::serde")]
    pub started_at: Option<Timestamp>,
    /// When its last beat ended; none before the first one.
    #[serde(with = "crate::gotime::serde")]
    pub last_heartbeat: Option<Timestamp>,
    /// How many beats it has done.
    pub heartbeat_count: i64,
}

impl DaemonState {
    /// Reads the file; all zero without one.
    ///
    /// # Errors
    /// [`JsonFileError`] when it is there and cannot be read.
    pub fn read(path: &Path) -> Result<Self, JsonFileError> {
        Ok(json_file::read(path)?.unwrap_or_default())
    }

    /// Writes the file, as every heartbeat does: without waiting for the disk.
    ///
    /// # Errors
    /// An [`io::Error`] that names the file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        atomic::write_for_boot(path, json_file::text(self).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The original's keys, order, indentation and zero time.
    #[test]
    fn the_file_reads_as_the_originals() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        let state = DaemonState {
            running: true,
            pid: 7,
            started_at: "2025-12-20T10:00:00Z".parse().ok(),
            ..DaemonState::default()
        };
        state.write(&path).unwrap();
        let expect = "{\n  \"running\": true,\n  \"pid\": 7,\n  \"started_at\": \
            \"2025-12-20T10:00:00Z\",\n  \"last_heartbeat\": \"0001-01-01T00:00:00Z\",\n  \
            \"heartbeat_count\": 0\n}";
        assert_eq!(fs_err::read_to_string(&path).unwrap(), expect);
        assert_eq!(DaemonState::read(&path).unwrap(), state);
    }

    /// Covers D19: half a file is an error that names it, not a daemon that never ran.
    #[test]
    fn a_truncated_file_is_an_error_and_a_missing_one_is_zero() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        assert_eq!(DaemonState::read(&path).unwrap(), DaemonState::default());
        fs_err::write(&path, "{\"running\": tr").unwrap();
        let error = gt_core::observed::chain(&DaemonState::read(&path).unwrap_err());
        assert!(
            error.contains("state.json` is damaged: ") && error.contains("line 1"),
            "{error}"
        );
    }
}
