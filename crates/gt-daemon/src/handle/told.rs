//! What a run's screen shows and its program tells.

use gt_core::AgentId;
use gt_core::event::EventKind;
use gt_core::incarnation::IncarnationId;
use gt_core::session::Session;
use gt_host::clock;
use gt_host::hook::HookEvent;
use gt_store::Store;

use crate::daemon::Daemon;
use crate::seat::Seat;

impl Daemon {
    /// Takes in what a run's program tells.
    pub(super) fn hear(&mut self, run: IncarnationId, told: &HookEvent) {
        self.take_state(run, |seat| seat.hear(told, clock::now()));
    }

    /// Takes in what a run is seen or said to do, and keeps its session for the next run, which may go
    /// on with it.
    pub(super) fn take_state(&mut self, run: IncarnationId, take: impl FnOnce(&mut Seat) -> bool) {
        let before = self.session_of(run);
        self.change_state(run, take);
        if let Some(session) = self
            .session_of(run)
            .filter(|now| Some(now) != before.as_ref())
        {
            let note = move |store: &mut Store| store.set_session(run, &session);
            self.hands.store.post(note);
        }
    }

    /// Takes in that its prompt took a text, which begins a turn.
    pub(super) fn take_turn(&mut self, agent: &AgentId) {
        let running = self.seats.get(agent).and_then(Seat::running);
        if let Some((run, ..)) = running {
            self.take_state(run, |seat| {
                seat.notice_turn();
                false
            });
        }
    }

    /// Tells of another state than before. Never the line of the screen that says so: it may be what a
    /// person has not sent.
    fn change_state(&mut self, run: IncarnationId, take: impl FnOnce(&mut Seat) -> bool) {
        let Some(seat) = self.seat_of_run(run) else {
            return;
        };
        let before = seat.state_shown();
        if !take(seat) {
            return;
        }
        let rule = seat
            .sighting
            .as_ref()
            .and_then(|sighting| sighting.reading.rule.clone());
        let by = rule.map_or_else(String::new, |rule| format!(", by `{rule}`"));
        let (agent, now) = (seat.spec.agent.clone(), seat.state_shown());
        self.stirred = true;
        self.note(
            EventKind::StateChanged,
            Some(&agent),
            format!("{before} → {now}{by}"),
        );
    }

    fn session_of(&mut self, run: IncarnationId) -> Option<Session> {
        self.seat_of_run(run)?.session.clone()
    }

    /// Counts what a hook told in vain, and tells of the first of a run.
    pub(super) fn ignore_hook(&mut self, run: Option<IncarnationId>, problem: String) {
        let (agent, is_first) = match run.and_then(|run| self.seat_of_run(run)) {
            Some(seat) => (
                Some(seat.spec.agent.clone()),
                seat.hooks_ignored.count(&problem),
            ),
            None => (None, self.hooks_ignored.count(&problem)),
        };
        if is_first {
            self.note(EventKind::HookIgnored, agent.as_ref(), problem);
        }
    }
}
