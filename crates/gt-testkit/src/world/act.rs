//! Acting on the world: each action checks its own precondition against the truth, may fail, may
//! take several beats, and may be the daemon's last.

use gt_core::lifecycle::Action as Asked;
use gt_core::memory::PokeResult;
use gt_core::outcome::intent_after;
use gt_core::plan::{Action, Plan, Step, StopPurpose};
use gt_core::screen::Screen;
use gt_core::snapshot::{End, Pane};
use gt_core::{AgentId, IncarnationId};
use uuid::Uuid;

use super::World;
use super::daemon::Begun;
use super::journal::Violation;

/// How acting goes.
#[derive(Debug, Default)]
pub(super) struct Acting {
    pub(super) fails: bool,
    /// How many beats an action takes.
    pub(super) beats: u8,
    /// The daemon dies in its next action; whether after it was done.
    pub(super) crash: Option<bool>,
}

/// How one action went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    /// Its precondition did not hold any more.
    Stale,
    Failed,
}

impl World {
    /// Carries a plan out; gives back the steps that were done.
    pub(super) fn act(&mut self, plan: &Plan) -> Result<Vec<Step>, Violation> {
        let mut done = Vec::new();
        for step in &plan.steps {
            let seat = self.place(&step.agent);
            self.note_start(seat, step)?;
            if self.acting.crash.is_some() {
                self.crash_in(seat, step)?;
                return Ok(Vec::new());
            }
            match seat {
                Some(seat) if self.acting.beats > 0 => {
                    self.daemon.in_flight[seat] = Some(Begun {
                        step: step.clone(),
                        since: self.clock.now(),
                        beats_left: self.acting.beats,
                    });
                }
                _ => {
                    if self.carry_out(seat, step)? == Outcome::Done {
                        done.push(step.clone());
                    }
                }
            }
        }
        Ok(done)
    }

    pub(super) fn place(&self, agent: &AgentId) -> Option<usize> {
        self.seats.iter().position(|seat| seat.id == *agent)
    }

    /// Ends what was begun some beats ago.
    pub(super) fn end_actions_in_flight(&mut self) -> Result<(), Violation> {
        for seat in 0..self.seats.len() {
            let Some(begun) = &mut self.daemon.in_flight[seat] else {
                continue;
            };
            begun.beats_left = begun.beats_left.saturating_sub(1);
            if begun.beats_left == 0 {
                let step = begun.step.clone();
                self.daemon.in_flight[seat] = None;
                self.carry_out(Some(seat), &step)?;
            }
        }
        Ok(())
    }

    /// A start is remembered and stored before it is made.
    fn note_start(&mut self, seat: Option<usize>, step: &Step) -> Result<(), Violation> {
        if let (Some(seat), Action::Start { cause, .. }) = (seat, &step.action) {
            let (now, policy) = (self.clock.now(), self.policy.restart.clone());
            self.daemon.remember(&mut self.store, seat, |memory| {
                memory.remember_start(now, *cause, &policy);
            });
            self.check_restart_rate(seat, *cause)?;
        }
        Ok(())
    }

    /// The daemon dies in the middle of an action; its outcome is remembered by nobody.
    fn crash_in(&mut self, seat: Option<usize>, step: &Step) -> Result<(), Violation> {
        let acted = self.acting.crash.take().unwrap_or_default();
        if acted {
            self.change_world(seat, step)?;
        }
        self.journal
            .write_act(format!("daemon died in `{}`", step.action.kind()));
        if let (true, Some(seat)) = (acted, seat) {
            self.seats[seat].forget_poke();
            self.seats[seat].forget_telling();
        }
        self.restart_daemon();
        Ok(())
    }

    fn carry_out(&mut self, seat: Option<usize>, step: &Step) -> Result<Outcome, Violation> {
        let outcome = self.change_world(seat, step)?;
        self.journal.write_act(format!(
            "{}: {} {outcome:?}",
            step.agent,
            step.action.kind()
        ));
        if let Some(seat) = seat {
            let what = step.action.kind();
            match outcome {
                Outcome::Done => self.daemon.take_success(seat, what),
                Outcome::Failed => self.daemon.take_failure(seat, what, self.clock.now()),
                Outcome::Stale => {}
            }
        }
        Ok(outcome)
    }

    fn change_world(&mut self, seat: Option<usize>, step: &Step) -> Result<Outcome, Violation> {
        if let Some(outcome) = self.change_requests(&step.action)? {
            return Ok(outcome);
        }
        let Some(seat) = seat else {
            return Ok(Outcome::Stale);
        };
        if let Action::Poke {
            incarnation,
            pane,
            misses,
            ..
        } = &step.action
        {
            return self.poke(seat, *incarnation, pane, *misses);
        }
        let cannot_tell = tells_person(&step.action) && self.store.write().is_none();
        if cannot_tell || self.acting.fails && can_fail(&step.action) {
            return Ok(Outcome::Failed);
        }
        if step.action == Action::Escalate {
            self.check_telling(seat)?;
        }
        Ok(self.change_seat(seat, &step.action))
    }

    fn change_seat(&mut self, place: usize, action: &Action) -> Outcome {
        let now = self.clock.now();
        match action {
            Action::CreateSession => self.create_session(place),
            Action::RemoveSession { pane } => self.remove_session(place, pane),
            Action::Sweep { .. } => match self.seats[place].sweep() {
                true => Outcome::Done,
                false => Outcome::Failed,
            },
            Action::Start { incarnation, .. } => self.start(place, *incarnation),
            Action::Stop {
                incarnation,
                purpose,
            } => self.stop(place, *incarnation, *purpose),
            Action::ForgetPokes => self.remember(place, gt_core::memory::AgentMemory::forget_pokes),
            Action::OpenCircuit { wish_at } => {
                self.remember(place, |memory| memory.open_circuit(now, *wish_at))
            }
            Action::CloseCircuit => {
                self.seats[place].renew_budget();
                self.remember(place, gt_core::memory::AgentMemory::close_circuit)
            }
            Action::Escalate => self.remember(place, |memory| memory.remember_escalation(now)),
            Action::Poke { .. }
            | Action::Nudge { .. }
            | Action::EndNudge { .. }
            | Action::TakeRequest { .. }
            | Action::CloseRequest { .. } => Outcome::Stale,
        }
    }

    fn remember(
        &mut self,
        seat: usize,
        change: impl FnOnce(&mut gt_core::memory::AgentMemory),
    ) -> Outcome {
        self.daemon.remember(&mut self.store, seat, change);
        Outcome::Done
    }

    fn create_session(&mut self, place: usize) -> Outcome {
        let seat = &mut self.seats[place];
        if !self.tmux_answers || seat.session.is_some() || seat.stranger {
            return Outcome::Failed;
        }
        seat.create_session();
        Outcome::Done
    }

    fn remove_session(&mut self, place: usize, pane: &Pane) -> Outcome {
        let seat = &mut self.seats[place];
        if !self.tmux_answers {
            return Outcome::Failed;
        }
        let is_same = seat
            .seen_pane()
            .is_some_and(|seen| seen.session == pane.session);
        if !is_same {
            return Outcome::Stale;
        }
        // The holder refuses to go while something of its runs is there.
        if seat.holder && (seat.process.is_some() || !seat.sweep()) {
            return Outcome::Failed;
        }
        seat.remove_session();
        Outcome::Done
    }

    fn start(&mut self, place: usize, incarnation: IncarnationId) -> Outcome {
        let seat = &mut self.seats[place];
        if !seat.holder_answers {
            return Outcome::Failed;
        }
        if !seat.holder || seat.process.is_some() {
            return Outcome::Stale;
        }
        if !seat.sweep() {
            return Outcome::Failed;
        }
        seat.start(incarnation, &self.clock);
        Outcome::Done
    }

    fn stop(&mut self, place: usize, incarnation: IncarnationId, purpose: StopPurpose) -> Outcome {
        let (screen, digest) = self.seats[place].screen(self.clock.elapsed());
        let seat = &mut self.seats[place];
        if !seat.runs(incarnation) {
            return Outcome::Stale;
        }
        if !seat.holder_answers {
            return Outcome::Failed;
        }
        let how = match purpose {
            StopPurpose::Dismiss => End::Dismissed,
            StopPurpose::Request => End::Requested,
            StopPurpose::Unresponsive if !self.tmux_answers => return Outcome::Failed,
            StopPurpose::Unresponsive if screen == Screen::Dialog => {
                let (now, epoch) = (self.clock.now(), self.daemon.epoch);
                let result = PokeResult::NotTyped { screen, digest };
                return self.remember(place, |memory| {
                    memory.remember_poke(now, epoch, incarnation, memory.misses, result);
                });
            }
            StopPurpose::Unresponsive => End::Unresponsive,
        };
        seat.stop(how, &self.clock);
        Outcome::Done
    }

    /// A poke never fails: whatever happens to it is a result that spaces the next.
    fn poke(
        &mut self,
        place: usize,
        incarnation: IncarnationId,
        pane: &Pane,
        misses: u32,
    ) -> Result<Outcome, Violation> {
        let seat = &self.seats[place];
        let is_same = seat
            .seen_pane()
            .is_some_and(|seen| seen.pane == pane.pane && seat.runs(incarnation));
        if !is_same {
            return Ok(Outcome::Stale);
        }
        let result = match seat.screen(self.clock.elapsed()) {
            _ if self.acting.fails || !self.tmux_answers => PokeResult::NotTried,
            _ if self.is_person_at(place) => PokeResult::NotTried,
            (Screen::Prompt, _) => PokeResult::Delivered,
            (screen, digest) => PokeResult::NotTyped { screen, digest },
        };
        if result == PokeResult::Delivered {
            self.seats[place].take_poke(&self.clock);
        }
        self.check_poke_rate(place, incarnation)?;
        let (now, epoch) = (self.clock.now(), self.daemon.epoch);
        Ok(self.remember(place, |memory| {
            memory.remember_poke(now, epoch, incarnation, misses, result);
        }))
    }

    /// Whether a person was just active at its terminal.
    fn is_person_at(&self, place: usize) -> bool {
        let attached = self.seats[place].seen_pane().and_then(|pane| pane.attached);
        attached.is_some_and(|active| {
            let quiet = self.policy.attached_quiet;
            gt_core::time::age(active, self.daemon.epoch, self.clock.now()) < quiet
        })
    }

    /// What is done to a request, if that is what the action does: one transaction of the store.
    fn change_requests(&mut self, action: &Action) -> Result<Option<Outcome>, Violation> {
        let (request, run) = match action {
            Action::TakeRequest {
                request,
                incarnation,
            } => (*request, Some(*incarnation)),
            Action::CloseRequest { request, .. } => (*request, None),
            _ => return Ok(None),
        };
        if self.acting.fails || self.store.write().is_none() {
            return Ok(Some(Outcome::Failed));
        }
        Ok(Some(match run {
            Some(incarnation) => self.take_request(request, incarnation)?,
            None => self.close_request(request)?,
        }))
    }

    fn take_request(
        &mut self,
        request: Uuid,
        incarnation: IncarnationId,
    ) -> Result<Outcome, Violation> {
        self.check_take(request)?;
        let now = self.clock.now();
        let rows = &mut self.store.rows;
        let row = rows
            .requests
            .iter_mut()
            .find(|row| row.request.id == request);
        let Some(row) = row.filter(|row| row.taken_at.is_none()) else {
            return Ok(Outcome::Stale);
        };
        row.taken_at = Some(now);
        row.request.incarnation = Some(incarnation);
        let (asked, agent) = (row.request.clone(), row.request.agent.clone());
        if let Some(place) = self.place(&agent)
            && asked.action == Asked::Shutdown
        {
            let run_when = self.seats[place].run_when;
            let intent = &mut self.store.rows.intents[place];
            *intent = intent_after(&asked, run_when, intent.take(), now);
        }
        Ok(Outcome::Done)
    }

    fn close_request(&mut self, request: Uuid) -> Result<Outcome, Violation> {
        self.check_close(request)?;
        let requests = &mut self.store.rows.requests;
        requests.retain(|row| row.request.id != request);
        Ok(Outcome::Done)
    }
}

/// Whether the action is mail to a person, without which it is not remembered as done.
fn tells_person(action: &Action) -> bool {
    matches!(action, Action::Escalate | Action::OpenCircuit { .. })
}

/// Whether the action can fail: what only changes the daemon's memory cannot.
fn can_fail(action: &Action) -> bool {
    match action {
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
        | Action::Escalate => true,
        Action::ForgetPokes | Action::CloseCircuit => false,
    }
}
