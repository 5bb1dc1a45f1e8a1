//! The runs of agents: how each began and how it ended.
//!
//! Invariant: a run ends once. Whoever records its end first is believed; later tellings change
//! nothing.

use std::collections::BTreeMap;

use gt_core::event::NewEvent;
use gt_core::memory::AgentMemory;
use gt_core::session::{Session, SessionId};
use gt_core::snapshot::{End, LastEnd};
use gt_core::{AgentId, Exit, Incarnation, IncarnationId, ProcessId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use crate::columns::{agent, incarnation, millis, time, unreadable, word};
use crate::events::append;
use crate::memory::save_memory;
use crate::{Store, StoreError};

impl Store {
    /// Records that a run begins, what is now remembered of its agent, and the event, in one
    /// transaction: after a crash there is no run whose attempt was not counted.
    pub fn record_start(
        &mut self,
        run: &Incarnation,
        memory: &AgentMemory,
        event: &NewEvent,
    ) -> Result<(), StoreError> {
        self.write("recording a start", |transaction| {
            insert(transaction, run)?;
            save_memory(transaction, &run.agent, memory)?;
            append(transaction, run.started_at, event).map(drop)
        })
    }

    /// Records which process the run turned out to be, with the event that tells of it. A run
    /// that was never recorded stays so.
    pub fn record_process(
        &mut self,
        id: IncarnationId,
        process: ProcessId,
        now: Timestamp,
        event: &NewEvent,
    ) -> Result<(), StoreError> {
        self.write("recording a process", |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE incarnation SET process_pid = ?2, process_start = ?3 WHERE id = ?1",
                )?
                .execute((id.to_string(), process.pid, process.start.cast_signed()))?;
            append(transaction, now, event).map(drop)
        })
    }

    /// Records the program's own session of a run.
    pub fn set_session(&mut self, id: IncarnationId, session: &Session) -> Result<(), StoreError> {
        self.write("recording a session", |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE incarnation SET session = ?2, session_used = ?3 WHERE id = ?1",
                )?
                .execute((id.to_string(), session.id.as_str(), session.used))
                .map(drop)
        })
    }

    /// The program's own session of a run, if it told of one.
    pub fn session_of(&self, run: IncarnationId) -> Result<Option<Session>, StoreError> {
        self.read("reading a session", |connection| {
            let session = connection
                .prepare_cached(
                    "SELECT session, session_used FROM incarnation
                     WHERE id = ?1 AND session IS NOT NULL",
                )?
                .query_row([run.to_string()], read_session);
            session.optional()
        })
    }

    /// The session of the latest run of each agent, for those that told of one.
    pub fn last_sessions(&self) -> Result<BTreeMap<AgentId, Session>, StoreError> {
        self.read("reading the last sessions", |connection| {
            connection
                .prepare_cached(
                    "SELECT agent, session, session_used FROM incarnation
                     WHERE seq IN (SELECT max(seq) FROM incarnation GROUP BY agent)
                         AND session IS NOT NULL",
                )?
                .query_map([], |row| Ok((agent(row, "agent")?, read_session(row)?)))?
                .collect()
        })
    }

    /// Records the end of a run. Does nothing when it has ended already, or is not known.
    pub fn end_incarnation(&mut self, end: LastEnd) -> Result<(), StoreError> {
        let (how, exit) = end_columns(end.how);
        self.write("recording an end", |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE incarnation SET ended_at = :at, ended_how = :how,
                         exit_kind = :exit_kind, exit_number = :exit_number
                     WHERE id = :id AND ended_at IS NULL",
                )?
                .execute(named_params! {
                    ":id": end.incarnation.to_string(),
                    ":at": millis(end.at),
                    ":how": how,
                    ":exit_kind": exit.map(|exit| exit_columns(exit).0),
                    ":exit_number": exit.map(|exit| exit_columns(exit).1),
                })
                .map(drop)
        })
    }

    /// Tells a store from a copy of it: one that lay somewhere else in this boot has the runs of the
    /// town that it was copied from, which are not its own and end here.
    pub fn settle(&mut self, boot: &str, place: &str, now: Timestamp) -> Result<(), StoreError> {
        const KEY: &str = "place";
        let present = format!("{boot} {place}");
        let before = self.meta(KEY)?;
        if before.as_ref() == Some(&present) {
            return Ok(());
        }
        let is_of_this_boot = |before: &String| before.split(' ').next() == Some(boot);
        let is_copy = before.as_ref().is_some_and(is_of_this_boot);
        if is_copy {
            self.write("leaving another town its runs", |transaction| {
                transaction
                    .prepare_cached(
                        "UPDATE incarnation SET ended_at = ?1, ended_how = ?2
                         WHERE ended_at IS NULL",
                    )?
                    .execute((millis(now), end_columns(End::Dismissed).0))
            })?;
        }
        // A disk that is full now has room at a later start.
        let _ = self.set_meta(KEY, &present);
        Ok(())
    }

    /// The latest run of each agent, for those whose latest run is not known to have ended.
    pub fn open_runs(&self) -> Result<BTreeMap<AgentId, IncarnationId>, StoreError> {
        self.read("reading the open runs", |connection| {
            connection
                .prepare_cached(
                    "SELECT agent, id FROM incarnation
                     WHERE seq IN (SELECT max(seq) FROM incarnation GROUP BY agent)
                         AND ended_at IS NULL",
                )?
                .query_map([], |row| {
                    Ok((agent(row, "agent")?, incarnation(row, "id")?))
                })?
                .collect()
        })
    }

    /// How the latest run of each agent ended, for those whose latest run has.
    pub fn last_ends(&self) -> Result<BTreeMap<AgentId, LastEnd>, StoreError> {
        self.read("reading the last ends", |connection| {
            connection
                .prepare_cached(
                    "SELECT agent, id, ended_at, ended_how, exit_kind, exit_number
                     FROM incarnation
                     WHERE seq IN (SELECT max(seq) FROM incarnation GROUP BY agent)
                         AND ended_at IS NOT NULL",
                )?
                .query_map([], |row| Ok((agent(row, "agent")?, read_end(row)?)))?
                .collect()
        })
    }

    /// How many runs each agent has had. An attempt that brought no process is none.
    pub fn starts(&self) -> Result<BTreeMap<AgentId, u32>, StoreError> {
        self.read("counting starts", |connection| {
            connection
                .prepare_cached(
                    "SELECT agent, count(process_pid) AS runs FROM incarnation GROUP BY agent",
                )?
                .query_map([], |row| Ok((agent(row, "agent")?, row.get("runs")?)))?
                .collect()
        })
    }
}

/// A start time is kept bit for bit: SQLite's integers have a sign, the kernel's do not.
fn insert(connection: &Connection, run: &Incarnation) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO incarnation (id, agent, pane, holder_pid, holder_start, process_pid,
                 process_start, boot_id, command_hash, started_at)
             VALUES (:id, :agent, :pane, :holder_pid, :holder_start, :process_pid,
                 :process_start, :boot_id, :command_hash, :started_at)",
        )?
        .execute(named_params! {
            ":id": run.id.to_string(),
            ":agent": run.agent.to_string(),
            ":pane": run.pane,
            ":holder_pid": run.holder.pid,
            ":holder_start": run.holder.start.cast_signed(),
            ":process_pid": run.process.map(|process| process.pid),
            ":process_start": run.process.map(|process| process.start.cast_signed()),
            ":boot_id": run.boot_id,
            ":command_hash": run.command_hash,
            ":started_at": millis(run.started_at),
        })
        .map(drop)
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: word(row, "session", SessionId::new)?,
        used: row.get("session_used")?,
    })
}

fn read_end(row: &Row<'_>) -> rusqlite::Result<LastEnd> {
    Ok(LastEnd {
        incarnation: incarnation(row, "id")?,
        at: time(row, "ended_at")?,
        how: read_how(row)?,
    })
}

fn end_columns(how: End) -> (&'static str, Option<Exit>) {
    match how {
        End::Exited(exit) => ("exited", Some(exit)),
        End::Lost => ("lost", None),
        End::Requested => ("requested", None),
        End::Unresponsive => ("unresponsive", None),
        End::Dismissed => ("dismissed", None),
    }
}

fn read_how(row: &Row<'_>) -> rusqlite::Result<End> {
    let word: String = row.get("ended_how")?;
    match (word.as_str(), read_exit(row)?) {
        ("exited", Some(exit)) => Ok(End::Exited(exit)),
        ("lost", _) => Ok(End::Lost),
        ("requested", _) => Ok(End::Requested),
        ("unresponsive", _) => Ok(End::Unresponsive),
        ("dismissed", _) => Ok(End::Dismissed),
        _ => Err(unreadable("ended_how", &word)),
    }
}

fn exit_columns(exit: Exit) -> (&'static str, i32) {
    match exit {
        Exit::Code(code) => ("code", code),
        Exit::Signal(signal) => ("signal", signal),
        Exit::NotStarted(errno) => ("not_started", errno),
    }
}

fn read_exit(row: &Row<'_>) -> rusqlite::Result<Option<Exit>> {
    let kind: Option<String> = row.get("exit_kind")?;
    let Some(kind) = kind else {
        return Ok(None);
    };
    let number: i32 = row.get("exit_number")?;
    match kind.as_str() {
        "code" => Ok(Some(Exit::Code(number))),
        "signal" => Ok(Some(Exit::Signal(number))),
        "not_started" => Ok(Some(Exit::NotStarted(number))),
        _ => Err(unreadable("exit_kind", &kind)),
    }
}
