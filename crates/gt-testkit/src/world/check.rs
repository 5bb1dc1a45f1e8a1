//! The properties of design.md, checked against what was planned and what is true.
//!
//! What the hosts make sure of themselves is built into the world and cannot go wrong in it: a
//! holder refuses a second run, and nothing is typed but at a prompt. Their own tests show that.

use gt_core::Actor;
use gt_core::decide::{Goal, goal};
use gt_core::lifecycle::Request;
use gt_core::memory::Cause;
use gt_core::plan::{Action, Plan, Step, StopPurpose};
use gt_core::snapshot::{AgentFacts, Holder, Snapshot};
use gt_core::{IncarnationId, Observed, Role, decide};
use uuid::Uuid;

use super::World;
use super::journal::Violation;

const SAFE: &str = "safe";

/// Whether a person asked for a run since the last one ended.
fn wants_another(snapshot: &Snapshot, facts: &AgentFacts) -> bool {
    let is_new = |at| {
        facts
            .last_end
            .is_some_and(|end| snapshot.is_later(at, end.at))
    };
    let mut requests = snapshot.requests.iter().map(|it| &it.request);
    facts
        .wish_of_person_to_run()
        .is_some_and(|wish| is_new(wish.at))
        || requests.any(|asked| asked.agent == facts.id && asked.actor.is_person())
}

impl World {
    pub(super) fn check_plan(&mut self, snapshot: &Snapshot, plan: &Plan) -> Result<(), Violation> {
        for facts in &snapshot.agents {
            self.check_explained(snapshot, facts, plan)?;
        }
        for step in &plan.steps {
            let facts = snapshot.agents.iter().find(|facts| facts.id == step.agent);
            if let Some(facts) = facts {
                self.check_step(snapshot, facts, step)?;
            }
        }
        Ok(())
    }

    /// Whatever is not in its goal state has one step or one wait.
    fn check_explained(
        &self,
        snapshot: &Snapshot,
        facts: &AgentFacts,
        plan: &Plan,
    ) -> Result<(), Violation> {
        let steps = plan.steps.iter().filter(|step| step.agent == facts.id);
        let waits = plan.waiting.iter().filter(|wait| wait.agent == facts.id);
        let said = steps.count() + waits.count();
        self.unless(said <= 1, "explained", || {
            format!("{} is planned for {said} times", facts.id)
        })?;
        self.unless(
            said == 1 || is_at_goal(snapshot, facts),
            "explained",
            || format!("{} is not at its goal and nothing says why", facts.id),
        )
    }

    fn check_step(
        &mut self,
        snapshot: &Snapshot,
        facts: &AgentFacts,
        step: &Step,
    ) -> Result<(), Violation> {
        let name = step.action.kind();
        self.unless(facts.in_flight.is_none(), SAFE, || {
            format!("{name} of {} while something else is under way", step.agent)
        })?;
        self.unless(
            !snapshot.is_down() || leads_down(&step.action),
            SAFE,
            || format!("{name} of {} while the town is down", step.agent),
        )?;
        match &step.action {
            Action::Stop {
                incarnation,
                purpose,
            } => self.check_stop(snapshot, facts, *incarnation, *purpose),
            Action::Sweep { .. } => self.check_sweep(snapshot, facts),
            Action::RemoveSession { .. } => self.check_removal(snapshot, facts),
            Action::CreateSession => {
                self.check_free(facts, &Holder::Gone)?;
                self.check_start(facts)
            }
            Action::Start { .. } => {
                self.check_free(facts, &Holder::Idle)?;
                self.check_start(facts)
            }
            Action::TakeRequest {
                request,
                incarnation,
            } => self.check_concerned(snapshot, facts, *request, *incarnation),
            _ => Ok(()),
        }
    }

    /// Never two live runs of one agent: where one is to begin, nothing is known to live, and
    /// nothing is unknown.
    fn check_free(&self, facts: &AgentFacts, seat: &Holder) -> Result<(), Violation> {
        self.unless(facts.holder.known() == Some(seat), SAFE, || {
            format!("{} is begun while its seat is {:?}", facts.id, facts.holder)
        })
    }

    /// What somebody who may have stopped stays so, however little of the store could be read.
    fn check_start(&self, facts: &AgentFacts) -> Result<(), Violation> {
        let place = self.place(&facts.id);
        let wish = place.and_then(|place| self.store.rows.intents[place].as_ref());
        let stopped =
            wish.is_some_and(|wish| wish.desire.is_stop() && may_stop(facts, &wish.actor));
        self.unless(!stopped, SAFE, || {
            format!("{} is started although it was told to stop", facts.id)
        })
    }

    fn check_stop(
        &mut self,
        snapshot: &Snapshot,
        facts: &AgentFacts,
        incarnation: IncarnationId,
        purpose: StopPurpose,
    ) -> Result<(), Violation> {
        let id = &facts.id;
        let runs = matches!(&facts.holder, Observed::Known(Holder::Running { incarnation: seen, .. }) if *seen == incarnation);
        self.unless(runs, SAFE, || {
            format!("{id} is stopped without having been seen")
        })?;
        self.check_frozen(snapshot, facts)?;
        match purpose {
            StopPurpose::Dismiss => self.check_wish(snapshot, facts),
            StopPurpose::Request => self.check_requested(snapshot, facts, incarnation),
            StopPurpose::Unresponsive => self.check_unresponsive(facts),
        }
    }

    fn check_sweep(&self, snapshot: &Snapshot, facts: &AgentFacts) -> Result<(), Violation> {
        let id = &facts.id;
        let seen = matches!(&facts.holder, Observed::Known(Holder::Orphaned { .. }));
        self.unless(seen, SAFE, || {
            format!("{id} is swept without having been seen")
        })?;
        self.check_frozen(snapshot, facts)?;
        if id.role() == Role::Crew && !wants_another(snapshot, facts) {
            self.check_wish(snapshot, facts)?;
        }
        Ok(())
    }

    /// Only an empty seat is taken down.
    fn check_removal(&self, snapshot: &Snapshot, facts: &AgentFacts) -> Result<(), Violation> {
        let id = &facts.id;
        let is_empty = match &facts.holder {
            Observed::Known(Holder::Gone) => true,
            // Its holder goes with it: somebody has to want that.
            Observed::Known(Holder::Idle) => {
                matches!(goal(snapshot, facts), Goal::Down(_))
            }
            Observed::Known(
                Holder::Running { .. } | Holder::Stopping { .. } | Holder::Orphaned { .. },
            )
            | Observed::Unknown(_) => false,
        };
        self.unless(is_empty, SAFE, || {
            format!("the session of {id} is removed with something in it")
        })
    }

    /// While the store cannot be read only a person's wish ends anything.
    fn check_frozen(&self, snapshot: &Snapshot, facts: &AgentFacts) -> Result<(), Violation> {
        let by_person = snapshot.is_down()
            || facts
                .wish()
                .is_some_and(|intent| intent.actor.is_person() && intent.desire.is_stop());
        self.unless(snapshot.frozen.is_none() || by_person, SAFE, || {
            format!("{} is ended while the town is frozen", facts.id)
        })
    }

    /// Somebody who may wants it down.
    fn check_wish(&self, snapshot: &Snapshot, facts: &AgentFacts) -> Result<(), Violation> {
        let wished = snapshot.is_down()
            || facts
                .wish()
                .is_some_and(|intent| intent.desire.is_stop() && may_stop(facts, &intent.actor));
        self.unless(wished, SAFE, || {
            format!("{} is ended and nobody who may wants it", facts.id)
        })
    }

    fn check_unresponsive(&self, facts: &AgentFacts) -> Result<(), Violation> {
        let id = &facts.id;
        self.unless(id.role() != Role::Crew, SAFE, || {
            format!("{id} is stopped for silence")
        })?;
        self.unless(facts.launch == Observed::Known(Ok(())), SAFE, || {
            format!("{id} is stopped without a possible successor")
        })?;
        self.unless(matches!(facts.pane, Observed::Known(Some(_))), SAFE, || {
            format!("{id} is stopped for silence while nobody can see its screen")
        })
    }

    /// A taken request that is not expired asks for just this stop, and has stopped nothing else.
    fn check_requested(
        &mut self,
        snapshot: &Snapshot,
        facts: &AgentFacts,
        incarnation: IncarnationId,
    ) -> Result<(), Violation> {
        let taken = snapshot.requests.iter().find(|row| {
            row.taken_at.is_some()
                && row.request.agent == facts.id
                && row.request.incarnation == Some(incarnation)
                && row.request.expires_at > snapshot.now
        });
        let Some(row) = taken else {
            return self.unless(false, SAFE, || {
                format!("{} is stopped for a request that nobody made", facts.id)
            });
        };
        self.check_may_ask(facts, &row.request)?;
        let earlier = self.ledger.of(row.request.id).stopped.replace(incarnation);
        self.unless(earlier.is_none_or(|run| run == incarnation), SAFE, || {
            format!("one request stops two runs of {}", facts.id)
        })
    }

    fn check_may_ask(&self, facts: &AgentFacts, request: &Request) -> Result<(), Violation> {
        self.unless(may_stop(facts, &request.actor), SAFE, || {
            format!("{} is stopped for {}", facts.id, request.actor)
        })
    }

    /// A request is taken for the run that asked, before it expires.
    fn check_concerned(
        &self,
        snapshot: &Snapshot,
        facts: &AgentFacts,
        request: Uuid,
        incarnation: IncarnationId,
    ) -> Result<(), Violation> {
        let row = snapshot
            .requests
            .iter()
            .find(|row| row.request.id == request);
        let concerned = row.is_some_and(|row| {
            let asked = row.request.incarnation;
            row.request.agent == facts.id && asked.is_none_or(|asked| asked == incarnation)
        });
        self.unless(concerned, SAFE, || {
            format!("{} gets another run's request", facts.id)
        })?;
        let expired = row.is_some_and(|row| row.request.expires_at <= snapshot.now);
        self.unless(!expired, SAFE, || {
            format!("an expired request of {} is taken", facts.id)
        })
    }

    pub(super) fn check_take(&mut self, request: Uuid) -> Result<(), Violation> {
        let earlier = std::mem::replace(&mut self.ledger.of(request).taken, true);
        self.unless(!earlier, SAFE, || {
            format!("request {request} is taken twice")
        })
    }

    pub(super) fn check_close(&mut self, request: Uuid) -> Result<(), Violation> {
        let earlier = std::mem::replace(&mut self.ledger.of(request).closed, true);
        self.unless(!earlier, SAFE, || {
            format!("request {request} is closed twice")
        })
    }

    /// A person is told once of what goes on.
    pub(super) fn check_telling(&mut self, seat: usize) -> Result<(), Violation> {
        let seat = &mut self.seats[seat];
        let (told, id) = (seat.tell(), seat.id.clone());
        self.unless(!told, "convergent", || {
            format!("a person is told of {id} again, and nothing is new")
        })
    }

    /// Within one restart window no more restarts than the budget.
    pub(super) fn check_restart_rate(
        &mut self,
        seat: usize,
        cause: Cause,
    ) -> Result<(), Violation> {
        if cause == Cause::Wanted {
            return Ok(());
        }
        let now = self.clock.elapsed();
        let window = milliseconds(self.policy.restart.window);
        let seat = &mut self.seats[seat];
        let within = seat.count_restart(now, window);
        let id = seat.id.clone();
        let budget = self.policy.restart.budget as usize;
        self.unless(within <= budget, SAFE, || {
            format!("{id} is restarted {within} times within one window")
        })
    }

    /// One run is not poked again before the shortest interval is over.
    pub(super) fn check_poke_rate(
        &mut self,
        seat: usize,
        incarnation: IncarnationId,
    ) -> Result<(), Violation> {
        let now = self.clock.elapsed();
        let base = milliseconds(self.policy.poke.base);
        let seat = &mut self.seats[seat];
        let since = seat.count_poke(incarnation, now);
        let id = seat.id.clone();
        self.unless(
            since.is_none_or(|since| since >= base),
            "convergent",
            || format!("{id} is poked twice within {since:?} ms"),
        )
    }

    /// Looking again at the same moment finds nothing of what was done still to be done.
    pub(super) fn check_idempotent(&mut self, done: &[Step]) -> Result<(), Violation> {
        if done.is_empty() {
            return Ok(());
        }
        let snapshot = self.observe();
        let plan = decide(&snapshot, &self.policy);
        let again = plan
            .steps
            .iter()
            .find(|step| done.iter().any(|earlier| is_same(earlier, step)));
        self.unless(again.is_none(), "idempotent", || {
            format!("the plan after acting is still\n{plan}")
        })
    }

    pub(super) fn unless(
        &self,
        holds: bool,
        property: &str,
        what: impl FnOnce() -> String,
    ) -> Result<(), Violation> {
        if holds {
            Ok(())
        } else {
            Err(self.journal.violation(property, &what()))
        }
    }

    /// What bounds a rate was lost or reset: a gap in time, or a daemon that died while nothing
    /// could be stored.
    pub(super) fn forgive_rates(&mut self) {
        for seat in &mut self.seats {
            seat.renew_budget();
            seat.forget_poke();
            seat.forget_telling();
        }
    }
}

/// Whether nothing is to be said about it, whose goal is as the decision takes it.
fn is_at_goal(snapshot: &Snapshot, facts: &AgentFacts) -> bool {
    let Observed::Known(holder) = &facts.holder else {
        return false;
    };
    let running = matches!(holder, Holder::Running { .. });
    let requests = &snapshot.requests;
    let asked = requests.iter().any(|row| row.request.agent == facts.id);
    let unproven = running && (facts.memory.circuit.is_some() || facts.memory.misses > 0);
    let reached = match goal(snapshot, facts) {
        Goal::Up(_) => running,
        Goal::Down(_) => *holder == Holder::Gone && facts.pane == Observed::Known(None),
        Goal::Either => !matches!(holder, Holder::Stopping { .. } | Holder::Orphaned { .. }),
        Goal::Unknown(_) => false,
    };
    reached && !asked && !unproven && facts.in_flight.is_none()
}

/// What may be done in a town that is down: nothing that a full disk could hold up before a stop.
fn leads_down(action: &Action) -> bool {
    match action {
        Action::Stop { purpose, .. } => *purpose == StopPurpose::Dismiss,
        Action::Sweep { .. } | Action::RemoveSession { .. } | Action::CloseRequest { .. } => true,
        Action::CreateSession
        | Action::Start { .. }
        | Action::Poke { .. }
        | Action::Nudge { .. }
        | Action::EndNudge { .. }
        | Action::ForgetPokes
        | Action::OpenCircuit { .. }
        | Action::CloseCircuit
        | Action::Escalate
        | Action::TakeRequest { .. } => false,
    }
}

fn may_stop(facts: &AgentFacts, actor: &Actor) -> bool {
    facts.id.role() != Role::Crew
        || *actor == Actor::Overseer
        || *actor == Actor::Agent(facts.id.clone())
}

fn is_same(step: &Step, other: &Step) -> bool {
    let request = |step: &Step| match &step.action {
        Action::TakeRequest { request, .. } | Action::CloseRequest { request, .. } => {
            Some(*request)
        }
        _ => None,
    };
    step.agent == other.agent
        && step.action.kind() == other.action.kind()
        && request(step) == request(other)
}

fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
