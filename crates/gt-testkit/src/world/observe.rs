//! What can be seen of the world: less than the truth, and never something else.

use gt_core::observed::Reason;
use gt_core::snapshot::{AgentFacts, Begun, InFlight, Snapshot};
use gt_core::{IncarnationId, Observed, decide};

use super::World;
use super::event::StoreHealth;
use super::seat::Seat;
use super::store::Rows;

impl World {
    /// The snapshot of a beat. A daemon that has just started and cannot read the store knows who
    /// is in the town, and nobody's wishes.
    pub(super) fn observe(&mut self) -> Snapshot {
        self.daemon.read(&mut self.store);
        let fresh: Vec<IncarnationId> = (0..self.size())
            .map(|_| IncarnationId(self.fresh_id()))
            .collect();
        let rows = self.daemon.copy.as_ref();
        let agents = (0..self.seats.len())
            .map(|seat| self.observe_seat(seat, rows, fresh[seat]))
            .collect();
        let frozen = self.store.health == StoreHealth::Broken;
        let mut snapshot = Snapshot {
            now: self.clock.now(),
            epoch: self.daemon.epoch,
            down: match self.down {
                Some(down) => Observed::Known(down),
                None => Observed::unknown("it cannot be looked at"),
            },
            raised_at: self.daemon.raised_at,
            frozen: frozen.then(|| Reason("the store is broken".to_owned())),
            agents,
            requests: rows.map_or_else(Vec::new, |rows| rows.requests.clone()),
        };
        decide::look_at_launches(&mut snapshot, |agent| {
            let seat = self.seats.iter().find(|seat| seat.id == *agent);
            seat.map_or_else(|| Observed::unknown("no such seat"), observe_launch)
        });
        snapshot
    }

    fn observe_seat(&self, place: usize, rows: Option<&Rows>, fresh: IncarnationId) -> AgentFacts {
        let seat = &self.seats[place];
        let begun = self.daemon.in_flight[place].as_ref();
        AgentFacts {
            id: seat.id.clone(),
            run: seat.run_when,
            poke: seat.poke,
            can_type: true,
            intent: rows.map_or_else(
                || Observed::unknown("the store is broken"),
                |rows| Observed::Known(rows.intents[place].clone()),
            ),
            launch: Observed::unknown("no start is wanted now"),
            pane: if self.tmux_answers {
                Observed::Known(seat.seen_pane())
            } else {
                Observed::unknown("tmux does not answer")
            },
            name_taken: self.tmux_answers && seat.stranger,
            holder: if seat.holder_answers {
                Observed::Known(seat.seen_holder())
            } else {
                Observed::unknown("it does not answer")
            },
            last_end: seat.last_end,
            activity: seat.seen_activity(),
            shown: None,
            login_refused: None,
            owed: if self.store.read().is_some() {
                Observed::Known(seat.owed)
            } else {
                Observed::unknown("the store is broken")
            },
            nudge: None,
            memory: self.daemon.memory[place].clone(),
            in_flight: begun.map(|begun| InFlight {
                what: Begun::Action(begun.step.action.kind()),
                since: begun.since,
            }),
            failure: self.daemon.failures[place].clone(),
            fresh,
        }
    }
}

fn observe_launch(seat: &Seat) -> Observed<Result<(), String>> {
    match seat.launch {
        Some(true) => Observed::Known(Ok(())),
        Some(false) => Observed::Known(Err("its work dir is missing".to_owned())),
        None => Observed::unknown("its work dir does not answer"),
    }
}
