//! What the store knows from before this daemon.

use std::collections::BTreeMap;

use gt_core::AgentId;
use gt_core::incarnation::Exit;
use gt_core::memory::AgentMemory;
use gt_core::snapshot::{End, LastEnd};
use gt_store::{Ended, Store, StoreError, TownRows};

use crate::daemon::Daemon;
use crate::seat::Seat;

/// The first reading of the store. Until there was one, no wish is known and nothing is remembered,
/// which is not the same as none and nothing.
#[derive(Debug)]
pub(crate) struct FirstReading {
    rows: TownRows,
    remembered: Remembered,
}

impl FirstReading {
    /// Reads everything, for the daemon that has nothing yet.
    pub(crate) fn of(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            remembered: Remembered::read(store)?,
            rows: store.read_town()?,
        })
    }
}

/// What the store remembers of the agents from before this daemon.
#[derive(Debug)]
pub(crate) struct Remembered {
    memories: BTreeMap<AgentId, AgentMemory>,
    ends: BTreeMap<AgentId, Ended>,
    starts: BTreeMap<AgentId, u32>,
}

impl Remembered {
    fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            memories: store.memories()?,
            ends: store.last_ends()?,
            starts: store.starts()?,
        })
    }

    /// Tells a seat what is remembered of its agent. What was observed of it counts more.
    pub(crate) fn give_to(&mut self, seat: &mut Seat) {
        let agent = &seat.spec.agent;
        seat.memory = self.memories.remove(agent).unwrap_or_default();
        seat.starts = self.starts.get(agent).copied().unwrap_or(0);
        let ended = self.ends.remove(agent).and_then(last_end);
        seat.last_end = seat.last_end.or(ended);
    }
}

fn last_end(ended: Ended) -> Option<LastEnd> {
    Some(LastEnd {
        incarnation: ended.id,
        at: ended.at,
        how: end_from_word(&ended.how, ended.exit)?,
    })
}

fn end_from_word(word: &str, exit: Option<Exit>) -> Option<End> {
    match (word, exit) {
        ("exited", Some(exit)) => Some(End::Exited(exit)),
        ("lost", _) => Some(End::Lost),
        ("requested", _) => Some(End::Requested),
        ("unresponsive", _) => Some(End::Unresponsive),
        ("dismissed", _) => Some(End::Dismissed),
        _ => None,
    }
}

impl Daemon {
    /// Takes over what is remembered; the rows are left to be taken.
    pub(crate) fn remember_all(&mut self, reading: FirstReading) -> TownRows {
        let mut remembered = reading.remembered;
        for seat in self.seats.values_mut() {
            remembered.give_to(seat);
        }
        self.remembered = Some(remembered);
        reading.rows
    }
}
