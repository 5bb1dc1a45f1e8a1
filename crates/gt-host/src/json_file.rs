//! The original's small JSON files: two-space indented, no newline at the end, written by rename.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why such a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JsonFileError {
    /// The system refused; its text names the file and what was being done.
    #[error(transparent)]
    Io(io::Error),
    /// It is there and not readable as what it should be; the cause names line and column.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads a file; none when there is none. A file that is there and empty is damaged, not absent.
///
/// # Errors
/// [`JsonFileError`] when it is there and cannot be read.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, JsonFileError> {
    let text = match fs_err::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(JsonFileError::Io(error)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| JsonFileError::Damaged {
            path: path.to_owned(),
            source,
        })
}

/// Writes a file whole.
///
/// # Errors
/// [`JsonFileError::Io`]; the old file is then still there.
pub fn write<T: Serialize>(path: &Path, content: &T) -> Result<(), JsonFileError> {
    crate::atomic::write(path, text(content).as_bytes()).map_err(JsonFileError::Io)
}

/// The text of such a file.
pub(crate) fn text<T: Serialize>(content: &T) -> String {
    serde_json::to_string_pretty(content).expect("keys are strings and no value fails to serialize")
}
