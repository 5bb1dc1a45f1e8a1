//! A lock that is held for life on a file that is never removed. The lock is the truth about who
//! runs; the pid written inside is for people.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::Observed;

use crate::clock;

/// How long to wait between two tries for a lock that another process holds. The kernel has no
/// waiting with a deadline; ten milliseconds are not noticed.
const PAUSE: Duration = Duration::from_millis(10);

/// The lock, held until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    /// Closing it releases the lock. Nobody else has it: it is closed in every child.
    file: File,
    path: PathBuf,
}

/// What became of the file of a lock that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockFile {
    /// It is where it was.
    There,
    /// Somebody removed it, and nothing is there.
    Removed,
    /// Somebody removed it, and another process has made its own.
    Replaced,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file cannot be opened, locked or written; the text names it.
    #[error("cannot lock `{}`", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("`{}` is locked by {}", path.display(), holder_words(*holder))]
    Held {
        /// Which file.
        path: PathBuf,
        /// The pid that the holder wrote inside.
        holder: Option<u32>,
    },
}

fn holder_words(holder: Option<u32>) -> String {
    holder.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

impl Lock {
    /// Takes the lock, trying for as long as `patience`. A daemon gives a fraction of a second,
    /// for [`is_held`] holds the lock for a moment while it looks.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn acquire(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let refused = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = open(path).map_err(refused)?;
        match lock_within(&file, patience) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder: written_pid(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(refused(source)),
        }
        write_pid(&mut file).map_err(refused)?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// What became of its file: whoever finds none there takes another lock.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn look(&self) -> io::Result<LockFile> {
        let held = self.file.metadata()?;
        match fs_err::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => {
                Ok(LockFile::There)
            }
            Ok(_) => Ok(LockFile::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LockFile::Removed),
            Err(error) => Err(error),
        }
    }
}

/// Locks an open file, trying for as long as `patience`.
pub(crate) fn lock_within(file: &File, patience: Duration) -> Result<(), TryLockError> {
    let until = clock::monotonic() + patience;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if clock::monotonic() < until => pause(),
            outcome => return outcome,
        }
    }
}

/// Whether some process holds the lock: known only when the file could be opened and tried.
pub fn is_held(path: &Path) -> Observed<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Observed::Known(false),
        Err(error) => return Observed::unknown(format_args!("`{}`: {error}", path.display())),
    };
    match file.try_lock_shared() {
        Ok(()) => Observed::Known(false),
        Err(TryLockError::WouldBlock) => Observed::Known(true),
        Err(TryLockError::Error(error)) => {
            Observed::unknown(format_args!("`{}`: {error}", path.display()))
        }
    }
}

/// The pid that the holder of the lock wrote inside; none when nobody is known to hold it.
pub fn holder(path: &Path) -> Option<u32> {
    let mut file = File::open(path).ok()?;
    let pid = written_pid(&mut file);
    // Looked at last: a pid that was read before the lock was lost names nobody.
    pid.filter(|_| is_held(path) == Observed::Known(true))
}

fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .open(path)
}

fn pause() {
    let timeout = rustix::event::Timespec::try_from(PAUSE).expect("ten milliseconds are a time");
    // An early end by a signal only means one more try.
    let _ = rustix::event::poll(&mut [], Some(&timeout));
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn written_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("daemon.lock");
        (directory, path)
    }

    /// Covers F34, D14: of two starters one gets the lock, and the other learns who has it.
    #[test]
    fn a_second_holder_is_refused_with_the_firsts_pid() {
        let (_directory, path) = path();
        let _first = Lock::acquire(&path, Duration::ZERO).unwrap();
        let error = Lock::acquire(&path, Duration::from_millis(30)).unwrap_err();
        let expect = format!(
            "`{}` is locked by process {}",
            path.display(),
            std::process::id()
        );
        assert_eq!(error.to_string(), expect);
    }

    /// Covers F34: who holds a lock whose file was removed learns of it, and of who came after.
    #[test]
    fn a_lock_without_its_file_is_noticed() {
        let (_directory, path) = path();
        let first = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert_eq!(first.look().unwrap(), LockFile::There);
        fs_err::remove_file(&path).unwrap();
        assert_eq!(first.look().unwrap(), LockFile::Removed);
        let second = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert_eq!(first.look().unwrap(), LockFile::Replaced);
        assert_eq!(second.look().unwrap(), LockFile::There);
    }

    /// Covers F35, F40: the file outlives its holder and says nothing; only the lock does.
    #[test]
    fn a_file_left_behind_is_no_lock() {
        let (_directory, path) = path();
        drop(Lock::acquire(&path, Duration::ZERO).unwrap());
        assert!(path.exists(), "a lock file is never removed");
        assert_eq!(is_held(&path), Observed::Known(false));
        Lock::acquire(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_lock_is_seen_from_outside_without_being_taken() {
        let (_directory, path) = path();
        assert_eq!(is_held(&path), Observed::Known(false), "no file, no holder");
        let lock = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert_eq!(is_held(&path), Observed::Known(true));
        assert_eq!(holder(&path), Some(std::process::id()));
        drop(lock);
        assert_eq!(is_held(&path), Observed::Known(false));
        assert_eq!(holder(&path), None);
    }

    /// Covers D15: what cannot be looked at is unknown, not "nobody".
    #[test]
    fn a_lock_that_cannot_be_opened_is_unknown() {
        let (directory, _) = path();
        let looped = directory.path().join("loop");
        std::os::unix::fs::symlink(&looped, &looped).unwrap();
        assert!(matches!(is_held(&looped), Observed::Unknown(_)));
    }
}
