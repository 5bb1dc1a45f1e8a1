//! What is wanted of each agent.
//!
//! Invariant: a change of desire and the event that tells of it are written together.

use gt_core::Actor;
use std::collections::BTreeMap;

use gt_core::event::EventKind;
use gt_core::{AgentId, Desire, Intent};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use crate::columns::{agent, millis, time, word};
use crate::events::{append, event_of};
use crate::{Store, StoreError};

impl Store {
    /// All stored wishes.
    pub fn intents(&self) -> Result<BTreeMap<AgentId, Intent>, StoreError> {
        self.read("reading intents", intents)
    }

    /// Stores these wishes, all or none. The newest wish counts, with its own actor and reason,
    /// even when the desire stays what it was; an event tells only of a desire that changed.
    ///
    /// None is stored where one would replace what its actor may not take back: that agent and what is
    /// wanted of it are given back.
    pub fn set_intents(
        &mut self,
        wishes: &[(AgentId, Intent)],
    ) -> Result<Option<(AgentId, Intent)>, StoreError> {
        self.write("saving intents", |transaction| {
            let present = intents(transaction)?;
            let is_kept = |(agent, wish): &&(AgentId, Intent)| {
                let before = present.get(agent);
                before.is_some_and(|before| !wish.actor.may_take_back(before))
            };
            if let Some((agent, _)) = wishes.iter().find(is_kept) {
                let kept = present.get(agent).cloned();
                return Ok(kept.map(|kept| (agent.clone(), kept)));
            }
            wishes
                .iter()
                .try_for_each(|(agent, intent)| set_intent(transaction, agent, intent))?;
            Ok(None)
        })
    }

    /// Forgets the wishes for these agents: their roles' rule counts again.
    pub fn clear_intents(
        &mut self,
        agents: &[AgentId],
        now: Timestamp,
        actor: &str,
    ) -> Result<(), StoreError> {
        self.write("clearing intents", |transaction| {
            agents
                .iter()
                .try_for_each(|agent| clear_intent(transaction, agent, now, actor))
        })
    }
}

pub(crate) fn intents(connection: &Connection) -> rusqlite::Result<BTreeMap<AgentId, Intent>> {
    connection
        .prepare_cached("SELECT * FROM intent")?
        .query_map([], |row| Ok((agent(row, "agent")?, read_intent(row)?)))?
        .collect()
}

pub(crate) fn set_intent(
    connection: &Connection,
    agent: &AgentId,
    intent: &Intent,
) -> rusqlite::Result<()> {
    let before = desire_of(connection, agent)?;
    connection
        .prepare_cached(
            "INSERT INTO intent (agent, desire, actor, reason, at)
             VALUES (:agent, :desire, :actor, :reason, :at)
             ON CONFLICT (agent) DO UPDATE SET desire = excluded.desire, actor = excluded.actor,
                 reason = excluded.reason, at = excluded.at",
        )?
        .execute(named_params! {
            ":agent": agent.to_string(),
            ":desire": intent.desire.as_str(),
            ":actor": intent.actor.to_string(),
            ":reason": intent.reason,
            ":at": millis(intent.at),
        })?;
    if before == Some(intent.desire) {
        return Ok(());
    }
    let text = format!("{}: {}", change(before, Some(intent.desire)), intent.reason);
    let event = event_of(
        EventKind::IntentChanged,
        agent,
        &intent.actor.to_string(),
        text,
    );
    append(connection, intent.at, &event).map(drop)
}

pub(crate) fn clear_intent(
    connection: &Connection,
    agent: &AgentId,
    now: Timestamp,
    actor: &str,
) -> rusqlite::Result<()> {
    let before = desire_of(connection, agent)?;
    if before.is_none() {
        return Ok(());
    }
    connection.execute("DELETE FROM intent WHERE agent = ?1", [agent.to_string()])?;
    let event = event_of(EventKind::IntentChanged, agent, actor, change(before, None));
    append(connection, now, &event).map(drop)
}

fn desire_of(connection: &Connection, agent: &AgentId) -> rusqlite::Result<Option<Desire>> {
    connection
        .prepare_cached("SELECT desire FROM intent WHERE agent = ?1")?
        .query_row([agent.to_string()], |row| {
            word(row, "desire", Desire::from_word)
        })
        .optional()
}

fn read_intent(row: &Row<'_>) -> rusqlite::Result<Intent> {
    Ok(Intent {
        desire: word(row, "desire", Desire::from_word)?,
        actor: Actor::from(row.get::<_, String>("actor")?),
        reason: row.get("reason")?,
        at: time(row, "at")?,
    })
}

fn change(before: Option<Desire>, after: Option<Desire>) -> String {
    let shown = |desire: Option<Desire>| desire.map_or("unset", Desire::as_str);
    format!("{} to {}", shown(before), shown(after))
}
