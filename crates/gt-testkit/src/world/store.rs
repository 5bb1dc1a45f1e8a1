//! What is stored, and what can be had of it.

use gt_core::Actor;
use gt_core::memory::AgentMemory;
use gt_core::snapshot::RequestFacts;
use gt_core::{Desire, Intent};
use jiff::Timestamp;

use super::event::StoreHealth;

/// The rows.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// By seat.
    pub(super) intents: Vec<Option<Intent>>,
    /// By seat.
    pub(super) memory: Vec<AgentMemory>,
    pub(super) requests: Vec<RequestFacts>,
}

#[derive(Debug)]
pub(super) struct Store {
    pub(super) health: StoreHealth,
    pub(super) rows: Rows,
}

/// The place of the crew in the roster, which a person has up from the start.
const CREW: usize = 3;

impl Store {
    pub(super) fn new(seats: usize, now: Timestamp) -> Self {
        let wanted = Intent {
            desire: Desire::Up,
            actor: Actor::Overseer,
            reason: "gt crew start".to_owned(),
            at: now,
        };
        let mut intents = vec![None; seats];
        intents[CREW] = Some(wanted);
        Self {
            health: StoreHealth::Good,
            rows: Rows {
                intents,
                memory: vec![AgentMemory::default(); seats],
                requests: Vec::new(),
            },
        }
    }

    pub(super) fn read(&self) -> Option<&Rows> {
        (self.health != StoreHealth::Broken).then_some(&self.rows)
    }

    pub(super) fn write(&mut self) -> Option<&mut Rows> {
        (self.health == StoreHealth::Good).then_some(&mut self.rows)
    }
}
