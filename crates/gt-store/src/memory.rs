//! What is remembered of each agent from beat to beat.
//!
//! Invariant: an agent's memory is replaced as a whole, its attempts with it.

use std::collections::BTreeMap;

use gt_core::AgentId;
use gt_core::memory::{AgentMemory, Attempt, Cause, Circuit, LastPoke, PokeResult};
use gt_core::screen::Screen;
use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use crate::columns::{agent, incarnation, millis, time, time_if_any, unreadable, word};
use crate::{Store, StoreError};

const CAUSES: [Cause; 5] = [
    Cause::Wanted,
    Cause::Exited,
    Cause::SeatLost,
    Cause::Requested,
    Cause::Unresponsive,
];

const SCREENS: [Screen; 4] = [Screen::Prompt, Screen::Draft, Screen::Dialog, Screen::Busy];

impl Store {
    /// All that is remembered.
    pub fn memories(&self) -> Result<BTreeMap<AgentId, AgentMemory>, StoreError> {
        self.read_together("reading memories", |connection| {
            let mut memories = read_memories(connection)?;
            for (agent, attempt) in read_attempts(connection)? {
                memories.entry(agent).or_default().attempts.push(attempt);
            }
            Ok(memories)
        })
    }

    /// Replaces what is remembered of one agent.
    pub fn save_memory(&mut self, agent: &AgentId, memory: &AgentMemory) -> Result<(), StoreError> {
        self.write("saving a memory", |transaction| {
            save_memory(transaction, agent, memory)
        })
    }
}

/// Replaces it within a transaction of somebody else's.
pub(crate) fn save_memory(
    connection: &Connection,
    agent: &AgentId,
    memory: &AgentMemory,
) -> rusqlite::Result<()> {
    let agent = agent.to_string();
    upsert(connection, &agent, memory)?;
    connection
        .prepare_cached("DELETE FROM attempt WHERE agent = ?1")?
        .execute([&agent])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO attempt (agent, position, at, cause) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (position, attempt) in (0_i64..).zip(&memory.attempts) {
        let cause = attempt.cause.as_str();
        insert.execute((&agent, position, millis(attempt.at), cause))?;
    }
    Ok(())
}

fn upsert(connection: &Connection, agent: &str, memory: &AgentMemory) -> rusqlite::Result<()> {
    let AgentMemory {
        attempts: _,
        circuit,
        poke,
        misses,
        escalated_at,
    } = memory;
    let (result, screen, digest) = poke.map_or((None, None, None), |poke| {
        let (result, screen, digest) = result_columns(poke.result);
        (Some(result), screen, digest)
    });
    connection
        .prepare_cached(
            "INSERT INTO memory (agent, circuit_opened_at, circuit_tries, circuit_last_try_at,
                 circuit_wish_at, poke_at, poke_incarnation, poke_result, poke_screen, poke_digest, misses,
                 escalated_at)
             VALUES (:agent, :circuit_opened_at, :circuit_tries, :circuit_last_try_at,
                 :circuit_wish_at, :poke_at, :poke_incarnation, :poke_result, :poke_screen, :poke_digest, :misses,
                 :escalated_at)
             ON CONFLICT (agent) DO UPDATE SET
                 circuit_opened_at = excluded.circuit_opened_at,
                 circuit_tries = excluded.circuit_tries,
                 circuit_last_try_at = excluded.circuit_last_try_at,
                 circuit_wish_at = excluded.circuit_wish_at,
                 poke_at = excluded.poke_at,
                 poke_incarnation = excluded.poke_incarnation,
                 poke_result = excluded.poke_result,
                 poke_screen = excluded.poke_screen,
                 poke_digest = excluded.poke_digest,
                 misses = excluded.misses,
                 escalated_at = excluded.escalated_at",
        )?
        .execute(named_params! {
            ":agent": agent,
            ":circuit_opened_at": circuit.map(|circuit| millis(circuit.opened_at)),
            ":circuit_tries": circuit.map(|circuit| circuit.tries),
            ":circuit_last_try_at": circuit.map(|circuit| millis(circuit.last_try_at)),
            ":circuit_wish_at": circuit.and_then(|circuit| circuit.wish_at).map(millis),
            ":poke_at": poke.map(|poke| millis(poke.at)),
            ":poke_incarnation": poke.map(|poke| poke.incarnation.to_string()),
            ":poke_result": result,
            ":poke_screen": screen,
            ":poke_digest": digest,
            ":misses": misses,
            ":escalated_at": escalated_at.map(millis),
        })
        .map(drop)
}

fn read_memories(connection: &Connection) -> rusqlite::Result<BTreeMap<AgentId, AgentMemory>> {
    connection
        .prepare_cached("SELECT * FROM memory")?
        .query_map([], |row| Ok((agent(row, "agent")?, read_memory(row)?)))?
        .collect()
}

fn read_attempts(connection: &Connection) -> rusqlite::Result<Vec<(AgentId, Attempt)>> {
    connection
        .prepare_cached("SELECT * FROM attempt ORDER BY agent, position")?
        .query_map([], |row| Ok((agent(row, "agent")?, read_attempt(row)?)))?
        .collect()
}

fn read_attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        at: time(row, "at")?,
        cause: word(row, "cause", |text| {
            CAUSES.into_iter().find(|cause| cause.as_str() == text)
        })?,
    })
}

fn read_memory(row: &Row<'_>) -> rusqlite::Result<AgentMemory> {
    Ok(AgentMemory {
        attempts: Vec::new(),
        circuit: time_if_any(row, "circuit_opened_at")?
            .map(|opened_at| read_circuit(row, opened_at))
            .transpose()?,
        poke: time_if_any(row, "poke_at")?
            .map(|at| read_poke(row, at))
            .transpose()?,
        misses: row.get("misses")?,
        escalated_at: time_if_any(row, "escalated_at")?,
    })
}

fn read_circuit(row: &Row<'_>, opened_at: Timestamp) -> rusqlite::Result<Circuit> {
    Ok(Circuit {
        opened_at,
        tries: row.get("circuit_tries")?,
        last_try_at: time(row, "circuit_last_try_at")?,
        wish_at: time_if_any(row, "circuit_wish_at")?,
    })
}

fn read_poke(row: &Row<'_>, at: Timestamp) -> rusqlite::Result<LastPoke> {
    Ok(LastPoke {
        at,
        incarnation: incarnation(row, "poke_incarnation")?,
        result: read_result(row)?,
    })
}

fn read_result(row: &Row<'_>) -> rusqlite::Result<PokeResult> {
    let result: String = row.get("poke_result")?;
    match result.as_str() {
        "delivered" => Ok(PokeResult::Delivered),
        "not_tried" => Ok(PokeResult::NotTried),
        "not_typed" => Ok(PokeResult::NotTyped {
            screen: word(row, "poke_screen", |text| {
                SCREENS
                    .into_iter()
                    .find(|screen| screen_word(*screen) == text)
            })?,
            digest: row.get::<_, i64>("poke_digest")?.cast_unsigned(),
        }),
        _ => Err(unreadable("poke_result", &result)),
    }
}

fn result_columns(result: PokeResult) -> (&'static str, Option<&'static str>, Option<i64>) {
    match result {
        PokeResult::Delivered => ("delivered", None, None),
        PokeResult::NotTried => ("not_tried", None, None),
        PokeResult::NotTyped { screen, digest } => (
            "not_typed",
            Some(screen_word(screen)),
            Some(digest.cast_signed()),
        ),
    }
}

fn screen_word(screen: Screen) -> &'static str {
    match screen {
        Screen::Prompt => "prompt",
        Screen::Draft => "draft",
        Screen::Dialog => "dialog",
        Screen::Busy => "busy",
    }
}
