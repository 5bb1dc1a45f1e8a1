//! A simulated town: what is true, what can be seen of it, and what acting does to it.
//!
//! [`World`] plays [`Event`]s, lets the daemon's beats run in between (the real `decide` and the
//! real memory transitions over a fake town) and checks after each beat what design.md demands of
//! every beat: idempotent, safe, explained. [`World::settle`] checks convergence. It is not a
//! model of tmux or of the store's SQL. Invariant: `decide` sees nothing but the snapshot.

mod act;
mod check;
mod clock;
mod daemon;
mod event;
mod happen;
mod journal;
mod observe;
mod request;
mod seat;
mod settle;
mod store;

pub use event::{Event, Manner, StoreHealth, Whose};
pub use journal::Violation;

use gt_core::decide;
use gt_core::policy::{Poke, Policy, Run};
use gt_core::{AgentId, IncarnationId, RigName, WorkerName};

use act::Acting;
use clock::Clock;
use daemon::Daemon;
use journal::Journal;
use request::Ledger;
use seat::Seat;
use store::Store;

/// How long the loop sleeps when no plan says otherwise.
const TICK_MS: i64 = 60_000;

/// A simulated town and its daemon.
#[derive(Debug)]
pub struct World {
    clock: Clock,
    policy: Policy,
    seats: Vec<Seat>,
    store: Store,
    daemon: Daemon,
    acting: Acting,
    tmux_answers: bool,
    /// Whether the `down` file is there, which needs no store; none while that cannot be seen.
    down: Option<bool>,
    /// How many ids were given out.
    ids: u128,
    ledger: Ledger,
    /// Actions by seat since the last watch began.
    counts: Vec<usize>,
    tick_ms: i64,
    journal: Journal,
}

impl World {
    /// A town whose deacon is poked as said; everything is healthy and nothing runs yet.
    pub fn new(deacon_poke: Poke, policy: Policy) -> Self {
        let seats = roster(deacon_poke);
        let clock = Clock::new();
        Self {
            store: Store::new(seats.len(), clock.now()),
            daemon: Daemon::new(seats.len(), clock.now()),
            acting: Acting::default(),
            tmux_answers: true,
            down: Some(false),
            ids: 0,
            ledger: Ledger::default(),
            counts: Vec::new(),
            tick_ms: TICK_MS,
            journal: Journal::default(),
            clock,
            policy,
            seats,
        }
    }

    /// How many agents the town has; events name them by their place.
    pub fn size(&self) -> usize {
        self.seats.len()
    }

    /// The run that this agent has now.
    pub fn run_of(&self, seat: usize) -> Option<IncarnationId> {
        let process = self.seats.get(seat)?.process.as_ref()?;
        Some(process.incarnation)
    }

    /// Plays one event and the beats that follow it.
    ///
    /// # Errors
    /// The first [`Violation`] of a property.
    pub fn play(&mut self, event: &Event) -> Result<(), Violation> {
        self.journal.write_event(event);
        match event {
            Event::Wait(seconds) => self.run_for(i64::from(*seconds) * 1000),
            other => {
                self.apply(other);
                self.run_for(0)
            }
        }
    }

    /// Runs beats until that much time has passed; at least one.
    fn run_for(&mut self, milliseconds: i64) -> Result<(), Violation> {
        let end = self.clock.elapsed() + milliseconds;
        loop {
            let next = self.beat()?;
            let left = end - self.clock.elapsed();
            if left <= 0 {
                return Ok(());
            }
            self.advance(next.min(left));
        }
    }

    /// One beat; after how many milliseconds the next is due.
    fn beat(&mut self) -> Result<i64, Violation> {
        self.end_actions_in_flight()?;
        let snapshot = self.observe();
        let plan = decide(&snapshot, &self.policy);
        self.journal.write_plan(snapshot.now, &plan);
        self.check_plan(&snapshot, &plan)?;
        self.count_actions(&plan);
        let done = self.act(&plan)?;
        self.check_idempotent(&done)?;
        Ok(self.next_beat(&plan))
    }

    /// A second while something happens, else when the plan wants to look again.
    fn next_beat(&self, plan: &gt_core::plan::Plan) -> i64 {
        const SOON_MS: i64 = 1000;
        if !plan.steps.is_empty() || self.daemon.is_acting() {
            return SOON_MS;
        }
        let until = plan
            .next_look()
            .map_or(self.tick_ms, |until| self.clock.until(until));
        until.clamp(SOON_MS, self.tick_ms)
    }

    fn advance(&mut self, milliseconds: i64) {
        self.clock.advance(milliseconds);
        for seat in &mut self.seats {
            seat.live_on(&self.clock);
        }
    }

    fn fresh_id(&mut self) -> uuid::Uuid {
        self.ids += 1;
        uuid::Uuid::from_u128(self.ids)
    }
}

fn roster(deacon_poke: Poke) -> Vec<Seat> {
    let rig = RigName::new("gas").expect("`gas` is a valid name");
    let worker = |name| WorkerName::new(name).expect("a valid name");
    vec![
        Seat::new(AgentId::Deacon, Run::Always, deacon_poke),
        Seat::new(AgentId::Mayor, Run::Always, Poke::Owed),
        Seat::new(AgentId::Witness(rig.clone()), Run::OnDemand, Poke::Owed),
        Seat::new(
            AgentId::Crew(rig.clone(), worker("max")),
            Run::Never,
            Poke::Owed,
        ),
        Seat::new(
            AgentId::Polecat(rig, worker("nux")),
            Run::OnDemand,
            Poke::Always,
        ),
    ]
}
