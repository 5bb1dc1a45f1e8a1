//! Single columns, read into the types of the core and written from them.
//!
//! Invariant: a value that does not parse is an error that names its column; there is no default.

use gt_core::{AgentId, IncarnationId};
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use uuid::Uuid;

/// How much of an unreadable value an error shows.
const SHOWN_CHARACTERS: usize = 80;

/// What an unreadable column holds.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` holds `{value}`")]
struct Unreadable {
    column: &'static str,
    value: String,
}

pub(crate) fn unreadable(column: &'static str, value: &str) -> rusqlite::Error {
    let value = value
        .chars()
        .take(SHOWN_CHARACTERS)
        .flat_map(char::escape_debug)
        .collect();
    let error = Box::new(Unreadable { column, value });
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error)
}

/// The time as it is stored; what is finer than a millisecond is cut off.
pub(crate) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

pub(crate) fn time(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Timestamp> {
    let stored: i64 = row.get(column)?;
    timestamp(stored, column)
}

pub(crate) fn time_if_any(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<Option<Timestamp>> {
    let stored: Option<i64> = row.get(column)?;
    stored.map(|stored| timestamp(stored, column)).transpose()
}

fn timestamp(stored: i64, column: &'static str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(stored).map_err(|_| unreadable(column, &stored.to_string()))
}

pub(crate) fn agent(row: &Row<'_>, column: &'static str) -> rusqlite::Result<AgentId> {
    word(row, column, |text| AgentId::from_canonical(text).ok())
}

pub(crate) fn agent_if_any(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<Option<AgentId>> {
    word_if_any(row, column, |text| AgentId::from_canonical(text).ok())
}

pub(crate) fn uuid(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Uuid> {
    word(row, column, |text| Uuid::try_parse(text).ok())
}

pub(crate) fn uuid_if_any(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Option<Uuid>> {
    word_if_any(row, column, |text| Uuid::try_parse(text).ok())
}

pub(crate) fn incarnation(row: &Row<'_>, column: &'static str) -> rusqlite::Result<IncarnationId> {
    uuid(row, column).map(IncarnationId)
}

/// Reads a text column by `parse`, which gives none for what it does not know.
pub(crate) fn word<T>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let stored: String = row.get(column)?;
    parse(&stored).ok_or_else(|| unreadable(column, &stored))
}

/// [`word`] of a column that may be null.
pub(crate) fn word_if_any<T>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    let stored: Option<String> = row.get(column)?;
    let Some(stored) = stored else {
        return Ok(None);
    };
    parse(&stored)
        .map(Some)
        .ok_or_else(|| unreadable(column, &stored))
}

/// A LIMIT; more rows than an `i64` counts is no limit.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
