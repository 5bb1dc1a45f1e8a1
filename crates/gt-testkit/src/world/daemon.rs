//! What the daemon holds in memory, and loses when it dies.

use gt_core::memory::AgentMemory;
use gt_core::plan::{ActionKind, Step};
use gt_core::snapshot::Failure;
use jiff::Timestamp;

use super::store::{Rows, Store};

/// An action that takes several beats.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) step: Step,
    pub(super) since: Timestamp,
    pub(super) beats_left: u8,
}

#[derive(Debug)]
pub(super) struct Daemon {
    /// No age is counted from before this.
    pub(super) epoch: Timestamp,
    /// When a person last brought the town up.
    pub(super) raised_at: Option<Timestamp>,
    /// The last good copy of the store; none until it could be read once.
    pub(super) copy: Option<Rows>,
    /// By seat, written through.
    pub(super) memory: Vec<AgentMemory>,
    /// By seat.
    pub(super) in_flight: Vec<Option<Begun>>,
    /// By seat.
    pub(super) failures: Vec<Option<Failure>>,
}

impl Daemon {
    pub(super) fn new(seats: usize, now: Timestamp) -> Self {
        Self {
            epoch: now,
            raised_at: None,
            copy: None,
            memory: vec![AgentMemory::default(); seats],
            in_flight: vec![None; seats],
            failures: vec![None; seats],
        }
    }

    /// Reads the store anew. A daemon that has just started takes its memory from there; any
    /// other brings to it what could not be stored when it was remembered.
    pub(super) fn read(&mut self, store: &mut Store) -> Option<&Rows> {
        let is_new = self.copy.is_none();
        if let Some(rows) = store.write().filter(|_| !is_new) {
            rows.memory.clone_from(&self.memory);
        }
        if let Some(rows) = store.read() {
            if is_new {
                self.memory.clone_from(&rows.memory);
            }
            self.copy = Some(rows.clone());
        }
        self.copy.as_ref()
    }

    /// Changes what is remembered of a seat and stores it if it can be stored.
    pub(super) fn remember(
        &mut self,
        store: &mut Store,
        seat: usize,
        change: impl FnOnce(&mut AgentMemory),
    ) {
        change(&mut self.memory[seat]);
        if let Some(rows) = store.write() {
            rows.memory[seat].clone_from(&self.memory[seat]);
        }
    }

    /// An action failed.
    pub(super) fn take_failure(&mut self, seat: usize, what: ActionKind, at: Timestamp) {
        let earlier = self.failures[seat].take();
        let times = earlier
            .filter(|failure| failure.what == what)
            .map_or(0, |failure| failure.times);
        self.failures[seat] = Some(Failure {
            what,
            at,
            times: times + 1,
            why: "the world refused".to_owned(),
        });
    }

    /// An action succeeded; failures of its kind are over.
    pub(super) fn take_success(&mut self, seat: usize, what: ActionKind) {
        let failure = &mut self.failures[seat];
        if failure.as_ref().is_some_and(|failure| failure.what == what) {
            *failure = None;
        }
    }

    pub(super) fn is_acting(&self) -> bool {
        self.in_flight.iter().any(Option::is_some)
    }
}
