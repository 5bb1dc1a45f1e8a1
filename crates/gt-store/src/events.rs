//! The log of what happened.
//!
//! Invariant: events are only ever appended, and pruned from the old end; a sequence number is
//! never given twice.

use gt_core::AgentId;
use gt_core::event::{Event, EventKind, NewEvent};
use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use crate::columns::{agent_if_any, limit, millis, time};
use crate::{Store, StoreError};

impl Store {
    /// Appends one event and gives its number.
    pub fn append(&mut self, now: Timestamp, event: &NewEvent) -> Result<i64, StoreError> {
        self.write("recording an event", |transaction| {
            append(transaction, now, event)
        })
    }

    /// Appends several events, or none.
    pub fn append_all(&mut self, now: Timestamp, events: &[NewEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.write("recording events", |transaction| {
            events
                .iter()
                .try_for_each(|event| append(transaction, now, event).map(drop))
        })
    }

    /// The events after number `seq`, oldest first, at most `rows`.
    pub fn since(&self, seq: i64, rows: usize) -> Result<Vec<Event>, StoreError> {
        self.read("reading events", |connection| {
            connection
                .prepare_cached("SELECT * FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2")?
                .query_map((seq, limit(rows)), read_event)?
                .collect()
        })
    }

    /// The newest `rows` events, oldest first.
    pub fn latest(&self, rows: usize) -> Result<Vec<Event>, StoreError> {
        let newest_first = self.read("reading events", |connection| {
            connection
                .prepare_cached("SELECT * FROM event ORDER BY seq DESC LIMIT ?1")?
                .query_map([limit(rows)], read_event)?
                .collect()
        })?;
        Ok(reversed(newest_first))
    }

    /// The newest `rows` events of one agent, oldest first.
    pub fn of_agent(&self, agent: &AgentId, rows: usize) -> Result<Vec<Event>, StoreError> {
        let newest_first = self.read("reading an agent's events", |connection| {
            connection
                .prepare_cached("SELECT * FROM event WHERE agent = ?1 ORDER BY seq DESC LIMIT ?2")?
                .query_map((agent.to_string(), limit(rows)), read_event)?
                .collect()
        })?;
        Ok(reversed(newest_first))
    }

    /// The number of the newest event; 0 before the first.
    pub fn last_seq(&self) -> Result<i64, StoreError> {
        self.read("reading events", last_seq)
    }

    /// Forgets all but the newest `keep` events and says how many that were.
    pub fn prune_events(&mut self, keep: usize) -> Result<usize, StoreError> {
        self.write("pruning events", |transaction| {
            let last = last_seq(transaction)?.saturating_sub(limit(keep));
            transaction.execute("DELETE FROM event WHERE seq <= ?1", [last])
        })
    }
}

/// Appends within a transaction of somebody else's.
pub(crate) fn append(
    connection: &Connection,
    now: Timestamp,
    event: &NewEvent,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO event (at, kind, agent, actor, text)
             VALUES (:at, :kind, :agent, :actor, :text)",
        )?
        .insert(named_params! {
            ":at": millis(now),
            ":kind": event.kind.as_str(),
            ":agent": event.agent.as_ref().map(AgentId::to_string),
            ":actor": event.actor,
            ":text": event.text,
        })
}

/// An event of `actor`'s about `agent`.
pub(crate) fn event_of(
    kind: EventKind,
    agent: &AgentId,
    actor: &str,
    text: impl Into<String>,
) -> NewEvent {
    NewEvent {
        kind,
        agent: Some(agent.clone()),
        actor: actor.to_owned(),
        text: text.into(),
    }
}

fn last_seq(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT ifnull(max(seq), 0) FROM event")?
        .query_row([], |row| row.get(0))
}

/// The kind stays text: a newer gt may have written one that this gt has no name for.
fn read_event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        seq: row.get("seq")?,
        at: time(row, "at")?,
        kind: row.get("kind")?,
        agent: agent_if_any(row, "agent")?,
        actor: row.get("actor")?,
        text: row.get("text")?,
    })
}

fn reversed(mut events: Vec<Event>) -> Vec<Event> {
    events.reverse();
    events
}
