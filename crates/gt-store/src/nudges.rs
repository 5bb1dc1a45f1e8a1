//! Nudges: queued, typing, ended.
//!
//! Invariant: a nudge is being typed to one run only, and ends once.

use std::collections::BTreeMap;

use gt_core::event::{EventKind, NewEvent};
use gt_core::mail::Priority;
use gt_core::nudge::{Nudge, NudgeEnd, NudgeState, NudgeText};
use gt_core::{Actor, AgentId, IncarnationId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use uuid::Uuid;

use crate::columns::{agent, incarnation, limit, millis, time, unreadable, uuid};
use crate::events::{append, event_of};
use crate::{Store, StoreError};

/// The next nudge of an agent, without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingNudge {
    /// Which.
    pub id: Uuid,
    /// The run that it is being typed to, if it is.
    pub typing: Option<IncarnationId>,
    /// Which of the agent's nudges expires first.
    pub expiring: Uuid,
    /// After this that one is not brought any more.
    pub expires_at: Timestamp,
}

impl Store {
    /// Queues nudges, all or none, each with its event. One that is still queued in the same slot
    /// is replaced. One that was queued before is not queued again.
    pub fn queue_nudges(&mut self, nudges: &[Nudge]) -> Result<(), StoreError> {
        self.write("queueing nudges", |transaction| {
            nudges
                .iter()
                .try_for_each(|nudge| queue(transaction, nudge))
        })
    }

    /// The text of a nudge that is not over; none when it is, or never was.
    pub fn nudge_text(&self, id: Uuid) -> Result<Option<NudgeText>, StoreError> {
        self.read("reading a nudge", |connection| {
            connection
                .prepare_cached(
                    "SELECT text FROM nudge WHERE id = ?1 AND state IN ('queued', 'typing')",
                )?
                .query_row([id.to_string()], read_text)
                .optional()
        })
    }

    /// Notes that a queued nudge is typed to this run from now on. False, and nothing written, when
    /// it is not queued any more.
    pub fn type_nudge(&mut self, id: Uuid, run: IncarnationId) -> Result<bool, StoreError> {
        self.write("typing a nudge", |transaction| {
            set_typing(transaction, id, run)
        })
    }

    /// Takes queued nudges of an agent for a run that hands them over itself, in their order and as
    /// long as `take` wants the next: each is being typed to that run from now on. None while
    /// another one is.
    pub fn claim_nudges(
        &mut self,
        agent: &AgentId,
        run: IncarnationId,
        now: Timestamp,
        take: impl FnMut(&Nudge) -> bool,
    ) -> Result<Vec<Nudge>, StoreError> {
        // At almost every turn there is none, and the lock for writing is not asked for.
        let waiting = self.read("reading nudges", |connection| {
            claimable(connection, agent, now)
        })?;
        if waiting.is_empty() {
            return Ok(waiting);
        }
        self.write("claiming nudges", |transaction| {
            let waiting = claimable(transaction, agent, now)?;
            let claimed: Vec<Nudge> = waiting.into_iter().take_while(take).collect();
            for nudge in &claimed {
                set_typing(transaction, nudge.id, run)?;
            }
            Ok(claimed)
        })
    }

    /// Ends a nudge, with its event. False, and nothing written, when it was over already.
    pub fn end_nudge(
        &mut self,
        id: Uuid,
        now: Timestamp,
        end: NudgeEnd,
        reason: &str,
    ) -> Result<bool, StoreError> {
        self.write("ending a nudge", |transaction| {
            end_one(transaction, id, now, end, reason)
        })
    }

    /// Withdraws a nudge of which nothing was typed. False when there is none.
    pub fn cancel_nudge(
        &mut self,
        id: Uuid,
        now: Timestamp,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let reason = format!("withdrawn by {actor}");
        self.write("withdrawing a nudge", |transaction| {
            let is_queued = matches!(state_of(transaction, id)?, Some(NudgeState::Queued));
            Ok(is_queued && end_one(transaction, id, now, NudgeEnd::Cancelled, &reason)?)
        })
    }

    /// How far a nudge has got; none when there never was one.
    pub fn nudge_state(&self, id: Uuid) -> Result<Option<NudgeState>, StoreError> {
        self.read("reading a nudge", |connection| state_of(connection, id))
    }

    /// The newest nudges, of one agent or of all, oldest first.
    pub fn nudges(
        &self,
        of: Option<&AgentId>,
        newest: usize,
    ) -> Result<Vec<(Nudge, NudgeState)>, StoreError> {
        self.read("reading nudges", |connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM (
                         SELECT * FROM nudge WHERE ?1 IS NULL OR agent = ?1
                         ORDER BY seq DESC LIMIT ?2)
                     ORDER BY seq",
                )?
                .query_map((of.map(ToString::to_string), limit(newest)), |row| {
                    Ok((read_nudge(row)?, read_state(row)?))
                })?
                .collect()
        })
    }

    /// Forgets all but the newest nudges that are over.
    pub fn prune_nudges(&mut self, kept: usize) -> Result<(), StoreError> {
        self.write("pruning nudges", |transaction| {
            transaction
                .prepare_cached(
                    "DELETE FROM nudge WHERE ended_at IS NOT NULL AND seq NOT IN (
                         SELECT seq FROM nudge WHERE ended_at IS NOT NULL
                         ORDER BY seq DESC LIMIT ?1)",
                )?
                .execute([limit(kept)])
                .map(drop)
        })
    }
}

/// The next nudge of each agent that has one: what is being typed, then what is most urgent, then
/// what is oldest.
pub(crate) fn next_nudges(
    connection: &Connection,
) -> rusqlite::Result<BTreeMap<AgentId, PendingNudge>> {
    let mut next = BTreeMap::new();
    let mut query = connection.prepare_cached(
        "SELECT agent, id, expires_at, state, incarnation FROM nudge
         WHERE state IN ('queued', 'typing')
         ORDER BY state = 'typing' DESC, priority, seq",
    )?;
    let rows = query.query_map([], |row| Ok((agent(row, "agent")?, read_pending(row)?)))?;
    for row in rows {
        let (agent, nudge) = row?;
        let first = next.entry(agent).or_insert(nudge);
        if nudge.expires_at < first.expires_at {
            first.expires_at = nudge.expires_at;
            first.expiring = nudge.id;
        }
    }
    Ok(next)
}

/// The queued nudges of an agent that may be brought now, in their order; none while one is typed.
fn claimable(
    connection: &Connection,
    agent: &AgentId,
    now: Timestamp,
) -> rusqlite::Result<Vec<Nudge>> {
    connection
        .prepare_cached(
            "SELECT * FROM nudge WHERE agent = ?1 AND state = 'queued' AND expires_at > ?2
                 AND NOT EXISTS (SELECT 1 FROM nudge WHERE agent = ?1 AND state = 'typing')
             ORDER BY priority, seq",
        )?
        .query_map((agent.to_string(), millis(now)), read_nudge)?
        .collect()
}

/// False when it is not queued any more.
fn set_typing(connection: &Connection, id: Uuid, run: IncarnationId) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE nudge SET state = 'typing', incarnation = ?2
             WHERE id = ?1 AND state = 'queued'",
        )?
        .execute((id.to_string(), run.to_string()))?;
    Ok(changed > 0)
}

/// Ends it with its event; false when it was over already.
fn end_one(
    connection: &Connection,
    id: Uuid,
    now: Timestamp,
    end: NudgeEnd,
    reason: &str,
) -> rusqlite::Result<bool> {
    let ended = connection
        .prepare_cached(
            "UPDATE nudge SET state = ?2, ended_at = ?3, reason = ?4
             WHERE id = ?1 AND state IN ('queued', 'typing') RETURNING *",
        )?
        .query_row(
            (id.to_string(), end.as_str(), millis(now), reason),
            read_nudge,
        )
        .optional()?;
    if let Some(nudge) = &ended {
        append(connection, now, &ending(nudge, end, reason))?;
    }
    Ok(ended.is_some())
}

fn state_of(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<NudgeState>> {
    connection
        .prepare_cached("SELECT * FROM nudge WHERE id = ?1")?
        .query_row([id.to_string()], read_state)
        .optional()
}

fn queue(connection: &Connection, nudge: &Nudge) -> rusqlite::Result<()> {
    let replaced = connection
        .prepare_cached(
            "UPDATE nudge SET state = 'replaced', ended_at = ?3, reason = 'a newer one has its slot'
             WHERE agent = ?1 AND slot = ?2 AND id <> ?4 AND state = 'queued' RETURNING *",
        )?
        .query_map(
            (
                nudge.agent.to_string(),
                &nudge.slot,
                millis(nudge.queued_at),
                nudge.id.to_string(),
            ),
            read_nudge,
        )?
        .collect::<rusqlite::Result<Vec<Nudge>>>()?;
    for old in replaced {
        let event = ending(&old, NudgeEnd::Replaced, "a newer one has its slot");
        append(connection, nudge.queued_at, &event)?;
    }
    if insert(connection, nudge)? {
        append(connection, nudge.queued_at, &queued(nudge))?;
    }
    Ok(())
}

fn insert(connection: &Connection, nudge: &Nudge) -> rusqlite::Result<bool> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO nudge (id, agent, slot, priority, text, actor, queued_at, expires_at)
             VALUES (:id, :agent, :slot, :priority, :text, :actor, :queued_at, :expires_at)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": nudge.id.to_string(),
            ":agent": nudge.agent.to_string(),
            ":slot": nudge.slot,
            ":priority": nudge.priority.number(),
            ":text": nudge.text.as_str(),
            ":actor": nudge.actor.to_string(),
            ":queued_at": millis(nudge.queued_at),
            ":expires_at": millis(nudge.expires_at),
        })?;
    Ok(inserted > 0)
}

fn queued(nudge: &Nudge) -> NewEvent {
    let text = format!("nudge {}, {} bytes", nudge.id, nudge.text.as_str().len());
    event_of(
        EventKind::NudgeQueued,
        &nudge.agent,
        &nudge.actor.to_string(),
        text,
    )
}

fn ending(nudge: &Nudge, end: NudgeEnd, reason: &str) -> NewEvent {
    let kind = match end {
        NudgeEnd::Confirmed => EventKind::NudgeDelivered,
        NudgeEnd::Expired | NudgeEnd::Cancelled | NudgeEnd::Replaced => EventKind::NudgeEnded,
    };
    let text = format!("nudge {}: {}, {reason}", nudge.id, end.as_str());
    NewEvent::by_daemon(kind, Some(&nudge.agent), text)
}

fn read_pending(row: &Row<'_>) -> rusqlite::Result<PendingNudge> {
    let typing = match row.get::<_, String>("state")?.as_str() {
        "typing" => Some(incarnation(row, "incarnation")?),
        _ => None,
    };
    let id = uuid(row, "id")?;
    Ok(PendingNudge {
        id,
        typing,
        expiring: id,
        expires_at: time(row, "expires_at")?,
    })
}

fn read_nudge(row: &Row<'_>) -> rusqlite::Result<Nudge> {
    let priority: i64 = row.get("priority")?;
    Ok(Nudge {
        id: uuid(row, "id")?,
        agent: agent(row, "agent")?,
        slot: row.get("slot")?,
        priority: Priority::from_number(priority)
            .ok_or_else(|| unreadable("priority", &priority.to_string()))?,
        text: read_text(row)?,
        actor: Actor::from(row.get::<_, String>("actor")?),
        queued_at: time(row, "queued_at")?,
        expires_at: time(row, "expires_at")?,
    })
}

fn read_text(row: &Row<'_>) -> rusqlite::Result<NudgeText> {
    Ok(NudgeText::of_store(row.get("text")?))
}

fn read_state(row: &Row<'_>) -> rusqlite::Result<NudgeState> {
    let state: String = row.get("state")?;
    match state.as_str() {
        "queued" => Ok(NudgeState::Queued),
        "typing" => incarnation(row, "incarnation").map(NudgeState::Typing),
        word => Ok(NudgeState::Ended {
            end: NudgeEnd::from_word(word).ok_or_else(|| unreadable("state", word))?,
            at: time(row, "ended_at")?,
            reason: row.get("reason")?,
        }),
    }
}
