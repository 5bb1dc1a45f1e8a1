//! The daemon's pid file, in the original's format: the number in ASCII without a newline. For
//! people and old tools only; whether a daemon runs is told by its [`lock`](crate::lock).

use std::io;
use std::path::{Path, PathBuf};

/// Why the pid file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// The system refused; its text names the file.
    #[error(transparent)]
    Io(io::Error),
    /// It names no process that could be a daemon.
    #[error("pid file `{}` holds `{found}`, which is no process id", path.display())]
    NotAPid {
        /// Which file.
        path: PathBuf,
        /// The start of its content, escaped.
        found: String,
    },
}

/// Writes `pid`.
///
/// # Errors
/// [`PidFileError::Io`].
pub fn write(path: &Path, pid: u32) -> Result<(), PidFileError> {
    crate::atomic::write(path, pid.to_string().as_bytes()).map_err(PidFileError::Io)
}

/// Reads the pid; none without a file. White space around the number is taken, as hand-written
/// files have it. Pids 0 and 1 are refused: a signal to them would reach a whole group, or init.
///
/// # Errors
/// [`PidFileError`] when the file is there and names no process.
pub fn read(path: &Path) -> Result<Option<u32>, PidFileError> {
    let content = match fs_err::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PidFileError::Io(error)),
    };
    let text = String::from_utf8_lossy(&content);
    match text.trim().parse::<i32>() {
        Ok(pid) if pid > 1 => Ok(Some(pid.unsigned_abs())),
        _ => Err(PidFileError::NotAPid {
            path: path.to_owned(),
            found: text
                .chars()
                .take(20)
                .collect::<String>()
                .escape_default()
                .to_string(),
        }),
    }
}

/// Removes the file if it still names `pid`: a successor's file stays.
///
/// # Errors
/// [`PidFileError`] when it cannot be read or removed.
pub fn remove_own(path: &Path, pid: u32) -> Result<(), PidFileError> {
    if read(path)? == Some(pid) {
        fs_err::remove_file(path).map_err(PidFileError::Io)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("daemon.pid");
        fs_err::write(&path, content).unwrap();
        (directory, path)
    }

    #[test]
    fn the_file_is_the_bare_number_as_the_original_reads_it() {
        let (_directory, path) = file("");
        write(&path, 4242).unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "4242");
        assert_eq!(read(&path).unwrap(), Some(4242));
    }

    /// Covers D15: a newline is no reason to take a live daemon for dead.
    #[test]
    fn white_space_around_the_number_is_taken() {
        let (_directory, path) = file(" 4242\n");
        assert_eq!(read(&path).unwrap(), Some(4242));
    }

    /// Covers F36, D15: an empty file, pid 0 and junk are errors, not "no daemon" and not a
    /// process to signal; the file stays.
    #[test]
    fn what_names_no_process_is_an_error_and_stays() {
        for bad in ["", "0", "1", "-1", "4242 junk", "99999999999", "\u{1b}[2J"] {
            let (_directory, path) = file(bad);
            let error = read(&path).unwrap_err().to_string();
            assert!(
                error.contains("no process id") && !error.contains('\u{1b}'),
                "{error}"
            );
            assert!(path.exists());
        }
    }

    /// Covers D18, F37: who stops removes only its own file.
    #[test]
    fn a_successors_file_is_not_removed() {
        let (_directory, path) = file("4242");
        remove_own(&path, 17).unwrap();
        assert_eq!(read(&path).unwrap(), Some(4242));
        remove_own(&path, 4242).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
}
