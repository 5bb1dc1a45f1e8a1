//! What the store knows from before this daemon.

use std::collections::BTreeMap;

use gt_core::memory::AgentMemory;
use gt_core::observed::Observed;
use gt_core::session::Session;
use gt_core::snapshot::{Holder, LastEnd};
use gt_core::{AgentId, IncarnationId};
use gt_host::clock;
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
    /// Reads everything, for the daemon that has nothing yet, of a store that lies in this place.
    pub(crate) fn of(store: &mut Store, boot: &str, place: &str) -> Result<Self, StoreError> {
        store.settle(boot, place, clock::now())?;
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
    open: BTreeMap<AgentId, IncarnationId>,
}

impl Remembered {
    fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            memories: store.memories()?,
            ends: store.last_ends()?,
            starts: store.starts()?,
            sessions: store.last_sessions()?,
            open: store.open_runs()?,
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
        let is_over =
            |run: &IncarnationId| seat.last_end.is_some_and(|end| end.incarnation == *run);
        seat.open_run = self.open.remove(agent).filter(|run| !is_over(run));
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
        let mut lost = Vec::new();
        for (agent, seat) in &mut self.seats {
            remembered.give_to(seat);
            if seat.holder == Observed::Known(Holder::Gone) && seat.open_run.is_some() {
                lost.push(agent.clone());
            }
        }
        self.remembered = Some(remembered);
        for agent in lost {
            self.bury_unreported(&agent);
        }
        reading.rows
    }
}
