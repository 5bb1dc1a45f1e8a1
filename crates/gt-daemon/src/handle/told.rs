//! What a run's screen shows and its program tells.

use gt_core::event::EventKind;
use gt_core::incarnation::IncarnationId;
use gt_core::session::Session;
use gt_host::clock;
use gt_host::hook::HookEvent;
use gt_store::Store;

use crate::daemon::Daemon;
use crate::seat::Seat;

impl Daemon {
    /// Takes in what a run's program tells, and keeps its session for the next run, which may go on
    /// with it.
    pub(super) fn hear(&mut self, run: IncarnationId, told: &HookEvent) {
        let before = self.session_of(run);
        self.take_state(run, |seat| seat.hear(told, clock::now()));
        if let Some(session) = self
            .session_of(run)
            .filter(|now| Some(now) != before.as_ref())
        {
            let note = move |store: &mut Store| store.set_session(run, &session);
            self.hands.store.post(note);
        }
    }

    /// Takes in what a run is seen or said to do, and tells of another state than before. Never the
    /// line of the screen that says so: it may be what a person has not sent.
    pub(super) fn take_state(&mut self, run: IncarnationId, take: impl FnOnce(&mut Seat) -> bool) {
        let of_run = |seat: &&mut Seat| seat.running().is_some_and(|(now, ..)| now == run);
        let Some(seat) = self.seats.values_mut().find(of_run) else {
            return;
        };
        let before = seat.state_shown();
        if !take(seat) {
            return;
        }
        self.stirred = true;
        let rule = seat
            .sighting
            .as_ref()
            .and_then(|sighting| sighting.reading.rule.clone());
        let by = rule.map_or_else(String::new, |rule| format!(", by `{rule}`"));
        let (agent, now) = (seat.spec.agent.clone(), seat.state_shown());
        self.note(
            EventKind::StateChanged,
            Some(&agent),
            format!("{before} → {now}{by}"),
        );
    }

    fn session_of(&self, run: IncarnationId) -> Option<Session> {
        let of_run = |seat: &&Seat| seat.running().is_some_and(|(now, ..)| now == run);
        self.seats.values().find(of_run)?.session.clone()
    }

    /// Counts what a hook told in vain, and tells of the first of a run.
    pub(super) fn ignore_hook(&mut self, run: Option<IncarnationId>, problem: String) {
        let of_run = |seat: &&mut Seat| seat.running().is_some_and(|(now, ..)| Some(now) == run);
        let seat = self.seats.values_mut().find(of_run);
        let agent = seat.as_ref().map(|seat| seat.spec.agent.clone());
        let ignored = match seat {
            Some(seat) => &mut seat.hooks_ignored,
            None => &mut self.hooks_ignored,
        };
        if ignored.count(&problem) {
            self.note(EventKind::HookIgnored, agent.as_ref(), problem);
        }
    }
}
