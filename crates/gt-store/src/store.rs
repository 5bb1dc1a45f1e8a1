//! The open database: how it is opened, how a transaction is made, and the probes of its health.
//!
//! Invariant: a write begins with `BEGIN IMMEDIATE`, so that waiting for others happens before
//! anything was read, and a transaction never fails half-way for want of the lock.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{
    Connection, DEFAULT_NAME, FileControl, OpenFlags, Transaction, TransactionBehavior,
};

use crate::error::StoreError;
use crate::migrate;

/// No URI names: a town may well be called `file:x?y`. No mutex: a store has one owner at a time.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_EXRESCODE);

/// Per connection. The page cache is small (KiB when negative) because the daemon keeps its
/// connection for life and reads little; the log is cut back to nothing once it is written back.
const SETTINGS: &str = "
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -256;
    PRAGMA journal_size_limit = 0;";

/// The town's database, opened by this process.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// Which file it must be in for what is written to count.
    file: Option<FileId>,
}

/// The device and number of a file.
type FileId = (u64, u64);

impl Store {
    /// Opens the database at `path`; makes it (0600) if it is not there, and brings its format up
    /// to date. Every operation waits up to `busy` for others.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer gt wrote it; nothing is changed then.
    pub fn open(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        // Asked first: SQLite opens a file that appears between its two tries to read only.
        if is_missing(path) {
            refuse_orphaned_log(path)?;
            create(path)?;
        }
        Self::open_for_writing(path, busy)
    }

    /// [`open`](Self::open) for who shares it with a daemon, which keeps it there: it must be there, and
    /// what is written to it while its file is removed or replaced is an error.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`StoreError::Open`] when it is not there.
    pub fn open_shared(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        let before = file_at(path);
        let store = Self::open_for_writing(path, busy)?;
        let file = file_at(path);
        if file.is_none() || file != before {
            let path = path.to_owned();
            return Err(StoreError::Replaced { path });
        }
        Ok(Self { file, ..store })
    }

    fn open_for_writing(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        let mut store = Self::connect(path, busy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.refuse_newer()?;
        set_write_ahead(&store.connection).map_err(|source| store.failed("opening it", source))?;
        migrate::migrate(&mut store.connection, path)?;
        Ok(store)
    }

    /// Opens the database to read only. It must be there and in the present format.
    ///
    /// # Errors
    /// [`StoreError::Older`] when it must be migrated first.
    pub fn open_read_only(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        let store = Self::connect(path, busy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        migrate::check(&store.connection, path)?;
        Ok(store)
    }

    fn connect(path: &Path, busy: Duration, mode: OpenFlags) -> Result<Self, StoreError> {
        let failed = |source| StoreError::from_sqlite(path, "opening it", source);
        let connection = Connection::open_with_flags(path, FLAGS | mode).map_err(failed)?;
        connection.busy_timeout(busy).map_err(failed)?;
        connection.execute_batch(SETTINGS).map_err(failed)?;
        keep_log_file(&connection).map_err(failed)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            file: None,
        })
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A number that changes when another connection has committed. Compare for equality only.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        self.read("asking whether it changed", |connection| {
            connection.pragma_query_value(None, "data_version", |row| row.get(0))
        })
    }

    /// Writes the database anew to where it was, after somebody removed its file, and goes on there.
    /// What others wrote to the removed one until a moment before is in it as well; who writes later
    /// is told that it does not count ([`open_shared`](Self::open_shared)). False where another
    /// database has come there meanwhile, which is left alone.
    ///
    /// # Errors
    /// It goes on with the removed file, which is gone with its last connection.
    pub fn write_back(&mut self, busy: Duration) -> Result<bool, StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::Open {
            path: path.clone(),
            source: Box::new(source),
        };
        let copy = self.copy().map_err(|error| match error {
            CopyError::File(error) => failed(error),
            CopyError::Store(error) => error,
        })?;
        if !is_missing(&path) {
            return Ok(false);
        }
        // Whatever is in the log is in the copy, and would be applied to it once more.
        for log in log_files(&path) {
            match fs_err::remove_file(log) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        if !put(copy, &path)? {
            return Ok(false);
        }
        *self = Self::open(&path, busy)?;
        Ok(true)
    }

    /// All of it in a file beside it, with what others wrote while it was copied.
    fn copy(&self) -> Result<tempfile::TempPath, CopyError> {
        const TRIES: usize = 5;
        let mut copy = None;
        for _ in 0..TRIES {
            let before = self.data_version().map_err(CopyError::Store)?;
            let made = temporary(&self.path).map_err(CopyError::File)?;
            self.read("writing it anew", |connection| {
                connection.execute("VACUUM INTO ?1", [made.to_string_lossy()])
            })
            .map_err(CopyError::Store)?;
            copy = Some(made);
            if self.data_version().map_err(CopyError::Store)? == before {
                break;
            }
        }
        Ok(copy.expect("there is a first try"))
    }

    /// Whether what was written is where everybody looks for it.
    fn check_place(&self) -> Result<(), StoreError> {
        match self.file {
            Some(file) if file_at(&self.path) != Some(file) => {
                let path = self.path.clone();
                Err(StoreError::Replaced { path })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Reads the whole database and its indexes for damage. Slow on a large one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the first thing found.
    pub fn integrity_check(&self) -> Result<(), StoreError> {
        self.read("checking its integrity", |connection| {
            let found: String =
                connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            if found == "ok" {
                return Ok(());
            }
            Err(sqlite_failure(rusqlite::ffi::SQLITE_CORRUPT, found))
        })
    }

    /// Writes the log back into the database as far as that goes without waiting for anybody.
    /// True when all of it was; a reader that hangs must not hang the daemon.
    pub fn checkpoint(&self) -> Result<bool, StoreError> {
        self.read("writing its log back", |connection| {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                let busy: bool = row.get(0)?;
                let (logged, written): (i64, i64) = (row.get(1)?, row.get(2)?);
                Ok(!busy && logged == written)
            })
        })
    }

    /// Finds out whether it can be written, by writing: a store that can only be read answers
    /// every other question well.
    pub fn check_writable(&mut self) -> Result<(), StoreError> {
        const PROBE: &str = "INSERT INTO meta (key, value) VALUES ('probe', '0')
            ON CONFLICT (key) DO UPDATE SET value = CASE value WHEN '0' THEN '1' ELSE '0' END";
        self.write("a trial write", |transaction| {
            transaction.execute(PROBE, []).map(drop)
        })
    }

    /// Reads. More than one statement sees one state only inside a transaction of its own.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        query(&self.connection).map_err(|source| self.failed(doing, source))
    }

    /// Reads several things as they were at one moment.
    pub(crate) fn read_together<T>(
        &self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.read(doing, |connection| {
            let transaction = connection.unchecked_transaction()?;
            let read = query(&transaction)?;
            transaction.commit()?;
            Ok(read)
        })
    }

    /// Writes all that `change` writes, or nothing.
    pub(crate) fn write<T>(
        &mut self,
        doing: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let written = write(&mut self.connection, change)
            .map_err(|source| StoreError::from_sqlite(&self.path, doing, source))?;
        self.check_place()?;
        Ok(written)
    }

    /// The changed row count of an update by id, turned into an error when there is no such row.
    pub(crate) fn found(&self, changed: usize, what: String) -> Result<(), StoreError> {
        if changed > 0 {
            return Ok(());
        }
        Err(self.not_found(what))
    }

    pub(crate) fn not_found(&self, what: String) -> StoreError {
        let path = self.path.clone();
        StoreError::NotFound { path, what }
    }

    fn refuse_newer(&self) -> Result<(), StoreError> {
        match migrate::check(&self.connection, &self.path) {
            Ok(()) | Err(StoreError::Older { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, doing: &'static str, source: rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(&self.path, doing, source)
    }
}

fn write<T>(
    connection: &mut Connection,
    change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let changed = change(&transaction)?;
    transaction.commit()?;
    Ok(changed)
}

/// Refuses to make a database beside the log of one that was removed: it would be applied to it. A log
/// that is in use has its database beside it.
fn refuse_orphaned_log(path: &Path) -> Result<(), StoreError> {
    let [log, _] = log_files(path);
    let has_content = fs_err::metadata(&log).is_ok_and(|found| found.len() > 0);
    if has_content && is_missing(path) {
        let path = path.to_owned();
        return Err(StoreError::Removed { path, log });
    }
    Ok(())
}

/// Makes an empty database in write-ahead mode and moves it to `path` in one step.
///
/// Changing the mode of a database that others are opening at the same moment fails as busy
/// without waiting, and SQLite makes files that everyone may read. Under a name of its own nobody
/// is in the way, and `tempfile` makes it 0600. The handle is closed before the move: closing one
/// on a database that this process has open elsewhere would drop SQLite's locks.
fn create(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open {
        path: path.to_owned(),
        source: Box::new(source),
    };
    let made = temporary(path).map_err(failed)?;
    let connection = Connection::open_with_flags(&made, FLAGS | OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|source| StoreError::from_sqlite(path, "making it", source))?;
    set_write_ahead(&connection)
        .and_then(|()| connection.close().map_err(|(_, error)| error))
        .map_err(|source| StoreError::from_sqlite(path, "making it", source))?;
    put(made, path).map(drop)
}

/// A file beside the database that is not its own yet.
fn temporary(path: &Path) -> io::Result<tempfile::TempPath> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let made = tempfile::Builder::new()
        .prefix(".store-")
        .tempfile_in(directory.unwrap_or(Path::new(".")))?;
    Ok(made.into_temp_path())
}

/// Moves a database to its place; false where somebody has put another there meanwhile.
fn put(made: tempfile::TempPath, path: &Path) -> Result<bool, StoreError> {
    match made.persist_noclobber(path) {
        Ok(()) => Ok(true),
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(lost) => Err(StoreError::Open {
            path: path.to_owned(),
            source: Box::new(lost.error),
        }),
    }
}

/// The log of a database and its index.
fn log_files(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Free when it is so already, as it is for every database made here; one that came back from a
/// back-up may have lost it.
fn set_write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    let message = format!("its journal mode is `{mode}` and cannot be made `wal`");
    Err(sqlite_failure(rusqlite::ffi::SQLITE_CANTOPEN, message))
}

/// Has the last to close leave the log and its index, empty: making both anew costs a command in a
/// town without a daemon more than everything else it does.
fn keep_log_file(connection: &Connection) -> rusqlite::Result<()> {
    let mut keep = 1;
    connection.file_control(DEFAULT_NAME, FileControl::PersistWal(&mut keep))
}

/// Why there is no copy.
enum CopyError {
    File(io::Error),
    Store(StoreError),
}

fn file_at(path: &Path) -> Option<FileId> {
    let found = fs_err::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

fn is_missing(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

fn sqlite_failure(code: i32, message: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gt_core::event::{EventKind, NewEvent};
    use jiff::Timestamp;

    /// A file that is removed under its owner is written anew, with what was still in its log.
    #[test]
    fn a_removed_file_is_written_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        for whole in [true, false] {
            let mut store = Store::open(&path, Duration::ZERO).unwrap();
            let kept = if whole { "one" } else { "two" };
            store.set_meta(kept, "kept").unwrap();
            fs_err::remove_file(&path).unwrap();
            if whole {
                for log in log_files(&path) {
                    fs_err::remove_file(log).unwrap();
                }
            }
            store.set_meta("late", kept).unwrap();
            assert!(store.write_back(Duration::ZERO).unwrap());
            for store in [store, Store::open(&path, Duration::ZERO).unwrap()] {
                store.integrity_check().unwrap();
                assert_eq!(store.meta("one").unwrap().as_deref(), Some("kept"));
                assert_eq!(store.meta("late").unwrap().as_deref(), Some(kept));
            }
        }
    }

    /// Who writes to a database that is not there any more is told so, and another in its place is left
    /// alone.
    #[test]
    fn what_is_written_to_a_removed_file_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let refused = Store::open_shared(&path, Duration::ZERO).unwrap_err();
        assert!(is_missing(&path), "{refused}");
        let mut owner = Store::open(&path, Duration::ZERO).unwrap();
        let mut shared = Store::open_shared(&path, Duration::ZERO).unwrap();
        shared.set_meta("one", "kept").unwrap();
        for file in [&path, &log_files(&path)[0], &log_files(&path)[1]] {
            fs_err::remove_file(file).unwrap();
        }
        let refused = shared.set_meta("two", "lost").unwrap_err();
        assert!(matches!(refused, StoreError::Replaced { .. }), "{refused}");
        let other = Store::open(&path, Duration::ZERO).unwrap();
        assert!(!owner.write_back(Duration::ZERO).unwrap());
        assert_eq!(other.meta("one").unwrap(), None);
        assert_eq!(owner.meta("one").unwrap().as_deref(), Some("kept"));
    }

    /// The log of a database that was removed is applied to no other, and left as it is.
    #[test]
    fn a_log_without_its_database_is_no_new_store() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let mut removed = Store::open(&path, Duration::ZERO).unwrap();
        removed.set_meta("one", "lost").unwrap();
        fs_err::remove_file(&path).unwrap();
        let refused = Store::open(&path, Duration::ZERO).unwrap_err();
        assert!(matches!(refused, StoreError::Removed { .. }), "{refused}");
        assert!(is_missing(&path));
        removed.write_back(Duration::ZERO).unwrap();
        assert_eq!(removed.meta("one").unwrap().as_deref(), Some("lost"));
    }

    /// What is left beside a database that nobody has open would be applied to whatever is put in
    /// its place.
    #[test]
    fn the_last_to_close_leaves_an_empty_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let mut store = Store::open(&path, Duration::from_secs(1)).unwrap();
        store.set_meta("key", "value").unwrap();
        let log = directory.path().join("store.db-wal");
        assert!(fs_err::metadata(&log).unwrap().len() > 0);
        drop(store);
        assert_eq!(fs_err::metadata(&log).unwrap().len(), 0);
    }

    #[test]
    fn a_full_disk_is_told_and_harms_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let mut store = Store::open(&path, Duration::from_secs(1)).unwrap();
        store.set_meta("kept", "yes").unwrap();
        store
            .connection
            .pragma_update(None, "max_page_count", 1)
            .unwrap();
        let large = "x".repeat(100_000);
        let event = NewEvent::by_daemon(EventKind::Escalation, None, large);
        let error = store.append(Timestamp::UNIX_EPOCH, &event).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");

        assert_eq!(store.last_seq().unwrap(), 0);
        assert_eq!(store.meta("kept").unwrap().as_deref(), Some("yes"));
        store.integrity_check().unwrap();
        drop(store);
        let mut again = Store::open(&path, Duration::from_secs(1)).unwrap();
        again.append(Timestamp::UNIX_EPOCH, &event).unwrap();
    }
}
