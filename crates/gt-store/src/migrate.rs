//! The schema, brought up to date by numbered steps.
//!
//! Invariant: the format number and the schema change in one transaction, taken by one process at
//! a time. A step that was released is never edited; the next one goes behind it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// The steps, in order. The format number is how many were applied.
const STEPS: &[&str] = &[
    include_str!("migrations/0001_founding.sql"),
    include_str!("migrations/0002_circuit_wish.sql"),
    include_str!("migrations/0003_resting.sql"),
    include_str!("migrations/0004_nudge.sql"),
    include_str!("migrations/0005_session.sql"),
];

/// The format that this binary reads and writes.
pub(crate) const KNOWN: u32 = STEPS.len() as u32;

const DOING: &str = "bringing its format up to date";

/// Applies the steps that lack. Costs one read when there are none, which is nearly always.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::from_sqlite(path, DOING, source);
    if lacking(connection, path)?.is_empty() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    // Many processes meet a fresh database at once: what was read before the lock no longer counts.
    for step in lacking(&transaction, path)? {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction
        .pragma_update(None, "user_version", KNOWN)
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Refuses a database that is not in exactly the known format.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if lacking(connection, path)?.is_empty() {
        return Ok(());
    }
    Err(StoreError::Older {
        path: path.to_owned(),
        found: format_of(connection, path)?,
        known: KNOWN,
    })
}

fn lacking(connection: &Connection, path: &Path) -> Result<&'static [&'static str], StoreError> {
    let found = format_of(connection, path)?;
    STEPS
        .get(found as usize..)
        .ok_or_else(|| StoreError::Newer {
            path: path.to_owned(),
            found,
            known: KNOWN,
        })
}

fn format_of(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|source| StoreError::from_sqlite(path, "reading its format", source))
}
