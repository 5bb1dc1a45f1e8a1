//! What the store knows from before this daemon.

use std::collections::BTreeMap;

use gt_core::AgentId;
use gt_core::memory::AgentMemory;
use gt_core::session::Session;
use gt_core::snapshot::LastEnd;
use gt_store::{Store, StoreError, TownRows};

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
    ends: BTreeMap<AgentId, LastEnd>,
    starts: BTreeMap<AgentId, u32>,
    sessions: BTreeMap<AgentId, Session>,
}

impl Remembered {
    fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            memories: store.memories()?,
            ends: store.last_ends()?,
            starts: store.starts()?,
            sessions: store.last_sessions()?,
        })
    }

    /// Tells a seat what is remembered of its agent. What was observed of it counts more.
    pub(crate) fn give_to(&mut self, seat: &mut Seat) {
        let agent = &seat.spec.agent;
        seat.memory = self.memories.remove(agent).unwrap_or_default();
        seat.starts = self.starts.remove(agent).unwrap_or(0);
        seat.last_end = seat.last_end.or(self.ends.remove(agent));
        let session = self.sessions.remove(agent);
        seat.session = seat.session.take().or(session);
    }

    /// Keeps what is known of an agent that leaves the town: it may come back.
    pub(crate) fn keep(&mut self, seat: Seat) {
        let agent = seat.spec.agent;
        self.memories.insert(agent.clone(), seat.memory);
        self.starts.insert(agent.clone(), seat.starts);
        self.sessions
            .extend(seat.session.map(|session| (agent.clone(), session)));
        self.ends.extend(seat.last_end.map(|end| (agent, end)));
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
