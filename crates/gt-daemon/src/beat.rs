//! One beat: observe, decide, act.

use gt_api::request::{Missing, Reach, Response};
use gt_core::AgentId;
use gt_core::event::EventKind;
use gt_core::memory::AgentMemory;
use gt_core::observed::Observed;
use gt_core::plan::{Action, Plan, Step, WaitKind};
use gt_core::snapshot::{Begun, Holder, InFlight};
use gt_core::{decide, plan};
use gt_host::clock;

use crate::act;
use crate::daemon::{Daemon, Waiter};

impl Daemon {
    /// Looks at everything that is known, decides, and begins what is to be done. Takes no
    /// arguments: whatever woke the loop, the decision is the same.
    pub(crate) fn beat(&mut self) {
        if self.has_given_way() {
            return;
        }
        self.clear_seats();
        let snapshot = self.observe();
        let mut plan = decide(&snapshot, &self.policy);
        for facts in snapshot.agents.iter().filter(|it| it.in_flight.is_some()) {
            if decide::is_to_end(&snapshot, facts) {
                self.seats[&facts.id].hush.set(true);
            }
        }
        for step in &plan.steps {
            self.begin(step);
        }
        // The next beat may be as far off as the end of what was begun.
        let begun = plan.steps.iter().filter_map(|step| self.under_way(step));
        plan.waiting.extend(begun);
        self.report_changes(&plan);
        self.plan = plan;
        self.answer_waiters();
        self.end_if_over();
    }

    /// Begins one step. What only changes memory is done here; the rest in a task that tells of
    /// its outcome.
    fn begin(&mut self, step: &Step) {
        let now = clock::now();
        let Some(seat) = self.seats.get_mut(&step.agent) else {
            self.close_orphaned_request(step);
            return;
        };
        match &step.action {
            Action::ForgetPokes => {
                self.remember(step, EventKind::PokeAnswered, AgentMemory::forget_pokes);
            }
            Action::CloseCircuit => {
                self.remember(step, EventKind::CircuitClosed, AgentMemory::close_circuit);
            }
            Action::CreateSession
            | Action::RemoveSession { .. }
            | Action::Sweep { .. }
            | Action::Start { .. }
            | Action::Stop { .. }
            | Action::Poke { .. }
            | Action::Nudge { .. }
            | Action::EndNudge { .. }
            | Action::TakeRequest { .. }
            | Action::CloseRequest { .. }
            | Action::OpenCircuit { .. }
            | Action::Escalate => {
                seat.in_flight = Some(InFlight {
                    what: Begun::Action(step.action.kind()),
                    since: now,
                });
                act::begin(self, step, now);
            }
        }
    }

    /// What the step's agent waits on if the step was begun and did not end at once.
    fn under_way(&self, step: &Step) -> Option<plan::Waiting> {
        let seat = self.seats.get(&step.agent)?;
        let in_flight = seat.in_flight.as_ref()?;
        Some(plan::Waiting {
            agent: step.agent.clone(),
            on: decide::under_way(in_flight, seat.failure.as_ref()),
            kind: WaitKind::Passing,
            since: Some(in_flight.since),
            until: None,
        })
    }

    /// Changes what is remembered of the step's agent, stores it, and says why.
    fn remember(&mut self, step: &Step, kind: EventKind, change: impl FnOnce(&mut AgentMemory)) {
        let Some(seat) = self.seats.get_mut(&step.agent) else {
            return;
        };
        change(&mut seat.memory);
        self.save_memory(&step.agent);
        self.note(kind, Some(&step.agent), step.because.clone());
    }

    /// A request for an agent that is not in the town is closed without a seat.
    fn close_orphaned_request(&mut self, step: &Step) {
        if let Action::CloseRequest { request, .. } = step.action {
            act::close_without_seat(self, request, step);
        }
    }

    /// Says once when something begins to wait, and not at every beat.
    fn report_changes(&mut self, plan: &Plan) {
        let news: Vec<plan::Waiting> = plan
            .waiting
            .iter()
            .filter(|waiting| waiting.kind == WaitKind::Gate)
            .filter(|waiting| {
                !self
                    .plan
                    .waiting
                    .iter()
                    .any(|old| is_same_wait(old, waiting))
            })
            .cloned()
            .collect();
        for waiting in news {
            self.note(EventKind::RestartDelayed, Some(&waiting.agent), waiting.on);
        }
    }

    /// Answers the clients whose agents have got where they should or cannot get there without a
    /// person, or whose time is over.
    pub(crate) fn answer_waiters(&mut self) {
        let now = clock::monotonic();
        let waiters = std::mem::take(&mut self.waiters);
        for waiter in waiters {
            let settled = |agent| {
                self.has_reached(agent, waiter.goal) || self.needs_person(agent, waiter.goal)
            };
            if now >= waiter.deadline || waiter.agents.iter().all(settled) {
                let missing = self.missing(&waiter);
                // The client may have hung up.
                let _ = waiter.reply.send(Response::Reached { missing });
            } else {
                self.waiters.push(waiter);
            }
        }
    }

    fn missing(&self, waiter: &Waiter) -> Vec<Missing> {
        waiter
            .agents
            .iter()
            .filter(|agent| !self.has_reached(agent, waiter.goal))
            .map(|agent| Missing {
                agent: agent.clone(),
                waiting: self.waits_on(agent),
                needs_person: self.needs_person(agent, waiter.goal),
            })
            .collect()
    }

    pub(crate) fn has_reached(&self, agent: &AgentId, goal: Reach) -> bool {
        let Some(seat) = self.seats.get(agent) else {
            return goal == Reach::Stopped;
        };
        match goal {
            Reach::Running => seat.running().is_some() && seat.in_flight.is_none(),
            Reach::Stopped => {
                seat.holder.known() == Some(&Holder::Gone)
                    && seat.pane.known() == Some(&None)
                    && seat.in_flight.is_none()
            }
        }
    }

    /// Whether it cannot be started as its seat is now, once tmux was looked at, or waits on a person.
    fn needs_person(&self, agent: &AgentId, goal: Reach) -> bool {
        // A wish that was stored a moment ago may change it.
        if self.store_reading.is_under_way() {
            return false;
        }
        let waiting = self.planned_wait(agent);
        if waiting.is_some_and(|waiting| waiting.kind == WaitKind::Person) {
            return goal == Reach::Running;
        }
        let seat = self.seats.get(agent).filter(|_| goal == Reach::Running);
        seat.is_some_and(|seat| {
            seat.pane.known().is_some()
                && seat.in_flight.is_none()
                && seat.running().is_none()
                && matches!(self.launch(seat), Observed::Known(Err(_)))
        })
    }

    /// What the last beat decided about an agent, in one line.
    pub(crate) fn decision(&self, agent: &AgentId) -> String {
        if let Some(step) = self.plan.steps.iter().find(|step| step.agent == *agent) {
            return format!("`{}`: {}", step.action.kind(), step.because);
        }
        match self.planned_wait(agent).map(|waiting| waiting.until) {
            Some(Some(until)) => format!("it waits on {} until {until:.3}", self.waits_on(agent)),
            Some(None) => format!("it waits on {}", self.waits_on(agent)),
            None => self.waits_on(agent),
        }
    }

    pub(crate) fn planned_wait(&self, agent: &AgentId) -> Option<&plan::Waiting> {
        let mut waiting = self.plan.waiting.iter();
        waiting.find(|waiting| waiting.agent == *agent)
    }

    /// What an agent waits on, in one line.
    fn waits_on(&self, agent: &AgentId) -> String {
        self.planned_wait(agent)
            .map_or_else(|| "nothing".to_owned(), |waiting| waiting.on.clone())
    }
}

fn is_same_wait(one: &plan::Waiting, other: &plan::Waiting) -> bool {
    one.agent == other.agent && one.on == other.on
}
