//! What can go wrong with the store, told apart by what the caller does next.
//!
//! Invariant: every error names the database, and its cause is in `source`, not in the text.

use std::path::{Path, PathBuf};

use rusqlite::{Error as SqliteError, ErrorCode, ffi};

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is not there, cannot be made, or may not be opened.
    #[error("cannot open the store {}", path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// What the operating system or SQLite said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its file was removed, and the log with what was written last was left.
    #[error(
        "the store {} was removed, and its log `{}` is still there",
        path.display(),
        log.display()
    )]
    Removed {
        /// The database.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// Its file was removed or replaced while something was written to it.
    #[error(
        "the store {} was removed while it was used: what was written to it may be lost",
        path.display()
    )]
    Replaced {
        /// The database.
        path: PathBuf,
    },
    /// A newer gt has written it. Nothing was changed.
    #[error(
        "the store {} has format {found}, this gt knows formats up to {known}; use the newer gt",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this binary reads.
        known: u32,
    },
    /// It was opened to read only and has a format that must be migrated first.
    #[error(
        "the store {} has the old format {found}; the next writing gt command brings it to {known}",
        path.display()
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format that this binary reads.
        known: u32,
    },
    /// Others kept it locked for the whole busy time. Trying again later is right.
    #[error("the store {} was busy while {doing}", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: SqliteError,
    },
    /// No room. What was there before is unharmed.
    #[error("no room in the store {} for {doing}", path.display())]
    Full {
        /// The database.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: SqliteError,
    },
    /// It can be read, not written.
    #[error("the store {} is read-only, which stopped {doing}", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: SqliteError,
    },
    /// It is no database, or a damaged one.
    #[error("the store {} is damaged (found while {doing})", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: SqliteError,
    },
    /// Any other refusal of SQLite: a broken rule of the schema, or input and output.
    #[error("the store {} failed while {doing}", path.display())]
    Query {
        /// The database.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: SqliteError,
    },
    /// A row holds something that this gt cannot read.
    #[error("the store {} holds an unreadable row (found while {what})", path.display())]
    BadRow {
        /// The database.
        path: PathBuf,
        /// What was being read.
        what: &'static str,
        /// Which column, and what it holds.
        #[source]
        source: SqliteError,
    },
    /// There is no such thing.
    #[error("there is no {what} in the store {}", path.display())]
    NotFound {
        /// The database.
        path: PathBuf,
        /// What was looked for.
        what: String,
    },
    /// More than one thing is meant.
    #[error("{what} could be any of {matches} in the store {}", path.display())]
    Ambiguous {
        /// The database.
        path: PathBuf,
        /// What was looked for.
        what: String,
        /// How many fit.
        matches: usize,
    },
    /// A message for nobody, which would vanish.
    #[error("a message needs at least one recipient")]
    NoRecipients,
}

impl StoreError {
    /// Whether it is the store's own trouble, which other writes will meet as well, rather than
    /// what was asked of it.
    pub fn is_of_store(&self) -> bool {
        match self {
            Self::Open { .. }
            | Self::Removed { .. }
            | Self::Replaced { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::Busy { .. }
            | Self::Full { .. }
            | Self::ReadOnly { .. }
            | Self::Corrupt { .. }
            | Self::Query { .. } => true,
            Self::BadRow { .. }
            | Self::NotFound { .. }
            | Self::Ambiguous { .. }
            | Self::NoRecipients => false,
        }
    }

    pub(crate) fn from_sqlite(path: &Path, doing: &'static str, source: SqliteError) -> Self {
        let path = path.to_owned();
        if is_unreadable(&source) {
            let what = doing;
            return Self::BadRow { path, what, source };
        }
        if is_no_room_to_share(&source) {
            return Self::Full {
                path,
                doing,
                source,
            };
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy {
                path,
                doing,
                source,
            },
            Some(ErrorCode::DiskFull) => Self::Full {
                path,
                doing,
                source,
            },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly {
                path,
                doing,
                source,
            },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt {
                path,
                doing,
                source,
            },
            Some(ErrorCode::CannotOpen) => {
                let source = Box::new(source);
                Self::Open { path, source }
            }
            _ => Self::Query {
                path,
                doing,
                source,
            },
        }
    }
}

/// Whether the small file by which processes share the log could not be made. That is what a full
/// disk looks like to the first who opens the database, even to read.
fn is_no_room_to_share(error: &SqliteError) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether SQLite gave the row and it is the value that makes no sense.
fn is_unreadable(error: &SqliteError) -> bool {
    matches!(
        error,
        SqliteError::FromSqlConversionFailure(..)
            | SqliteError::IntegralValueOutOfRange(..)
            | SqliteError::InvalidColumnType(..)
            | SqliteError::Utf8Error(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: i32, expect: &str) {
        let source = SqliteError::SqliteFailure(ffi::Error::new(code), None);
        let error = StoreError::from_sqlite(Path::new("t/store.db"), "reading mail", source);
        assert_eq!(error.to_string(), expect, "{code}");
    }

    #[test]
    fn what_the_caller_does_next_differs_by_error() {
        check(
            ffi::SQLITE_BUSY_SNAPSHOT,
            "the store t/store.db was busy while reading mail",
        );
        check(
            ffi::SQLITE_FULL,
            "no room in the store t/store.db for reading mail",
        );
        check(
            ffi::SQLITE_IOERR_SHMSIZE,
            "no room in the store t/store.db for reading mail",
        );
        check(
            ffi::SQLITE_READONLY_DBMOVED,
            "the store t/store.db is read-only, which stopped reading mail",
        );
        check(
            ffi::SQLITE_CORRUPT_INDEX,
            "the store t/store.db is damaged (found while reading mail)",
        );
        check(ffi::SQLITE_CANTOPEN, "cannot open the store t/store.db");
        check(
            ffi::SQLITE_IOERR_READ,
            "the store t/store.db failed while reading mail",
        );
    }
}
