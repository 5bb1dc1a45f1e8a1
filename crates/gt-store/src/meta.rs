//! Single values of the town, by key.
//!
//! Invariant: a key that was never set is none, not an empty text.

use rusqlite::OptionalExtension as _;

use crate::{Store, StoreError};

impl Store {
    /// The text under `key`.
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.read("reading a setting", |connection| {
            connection
                .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()
        })
    }

    /// Puts `value` under `key`.
    pub fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.write("saving a setting", |transaction| {
            transaction
                .execute(
                    "INSERT INTO meta (key, value) VALUES (?1, ?2)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    [key, value],
                )
                .map(drop)
        })
    }
}
