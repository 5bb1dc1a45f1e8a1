//! What came of the actions that the plan began.

use std::rc::Rc;

use gt_core::AgentId;
use gt_core::event::{EventKind, NewEvent};
use gt_core::incarnation::{IncarnationId, ProcessId, pids};
use gt_core::memory::PokeResult;
use gt_core::observed::Observed;
use gt_core::plan::{ActionKind, StopPurpose};
use gt_core::screen::{Reading, Screen};
use gt_core::snapshot::{Begun, Failure, Holder, InFlight, NudgeTry, Pane};
use gt_host::clock;
use jiff::Timestamp;
use uuid::Uuid;

use crate::act::{self, Outcome, Took, not_started};
use crate::daemon::Daemon;
use crate::event::Event;
use crate::poke::Poked;
use crate::seat::Seat;
use crate::typing::Tried;

impl Daemon {
    pub(super) fn take_outcome(&mut self, agent: &AgentId, outcome: Outcome) {
        if !self.settle(agent, &outcome) {
            return;
        }
        match outcome {
            Outcome::SessionCreated(pane, first) => self.take_session(agent, pane, first),
            Outcome::SessionRemoved => self.take_removal(agent),
            Outcome::Swept(incarnation, survivors) => {
                self.take_sweep(agent, incarnation, &survivors);
            }
            Outcome::Started {
                incarnation,
                process,
                took,
            } => self.take_start(agent, incarnation, process, took),
            Outcome::NotStarted {
                incarnation,
                errno,
                why,
                at,
            } => {
                self.note(EventKind::ActionFailed, Some(agent), why);
                self.take_failed_start(agent, incarnation, errno, at);
            }
            Outcome::Silent {
                incarnation,
                because,
            } => self.take_silence(agent, incarnation, because),
            Outcome::Stopped(survivors) => self.take_stop(agent, &survivors),
            Outcome::Poked(poked) => self.take_poke(agent, poked),
            Outcome::PersonTold { because, circuit } => {
                self.take_told(agent, because, circuit);
            }
            Outcome::Nudged(id, tried) => {
                self.take_nudge(agent, id, &tried);
                self.take_writing(agent);
            }
            Outcome::Written => self.take_writing(agent),
            Outcome::Failed { what, why } => self.take_failure(agent, what, &why),
        }
    }

    /// The seat is free for the next step, and has not failed if this is no failure. False when
    /// nobody has that seat any more.
    fn settle(&mut self, agent: &AgentId, outcome: &Outcome) -> bool {
        let Some(seat) = self.seats.get_mut(agent) else {
            return false;
        };
        let what = seat.in_flight.take().map(|in_flight| in_flight.what);
        seat.asked_run = None;
        seat.hush = Rc::default();
        let is_half_way = matches!(
            outcome,
            Outcome::SessionCreated(..) | Outcome::Silent { .. }
        );
        if !is_half_way && !matches!(outcome, Outcome::Failed { .. }) {
            seat.failure
                .take_if(|failure| Some(Begun::Action(failure.what)) == what);
        }
        if !matches!(outcome, Outcome::Stopped(_) | Outcome::Poked(_)) && seat.running().is_some() {
            // A stop that was not begun leaves no purpose for a later end.
            seat.stopping = None;
        }
        true
    }

    fn take_session(&mut self, agent: &AgentId, pane: Pane, first: u32) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.pane = Observed::Known(Some(pane));
        seat.first_process = Some(first);
        seat.pane_run = None;
        seat.awaits_holder = seat.link.is_none();
        if seat.awaits_holder {
            seat.holder = Observed::unknown("its holder has not spoken yet");
        }
        self.note(EventKind::SessionCreated, Some(agent), "");
        // Its holder tells when it listens; this is for one that never does.
        self.hands.tell_again(Event::HolderLate(agent.clone()));
    }

    fn take_removal(&mut self, agent: &AgentId) {
        if let Some(seat) = self.seats.get_mut(agent) {
            seat.pane = Observed::Known(None);
            seat.awaits_holder = false;
        }
        self.note(EventKind::SessionRemoved, Some(agent), "");
        self.look_at_tmux();
    }

    /// The holder's own word of it came before this, and maybe that of its end.
    fn take_start(
        &mut self,
        agent: &AgentId,
        incarnation: IncarnationId,
        process: ProcessId,
        took: Took,
    ) {
        self.note_start(agent, incarnation, process, &took.to_string());
    }

    /// A program was started: counted, and on record with its process.
    pub(super) fn note_start(
        &mut self,
        agent: &AgentId,
        incarnation: IncarnationId,
        process: ProcessId,
        how: &str,
    ) {
        if let Some(seat) = self.seats.get_mut(agent) {
            seat.starts += 1;
        }
        let text = format!("run {incarnation}, pid {}: {how}", process.pid);
        let event = NewEvent::by_daemon(EventKind::Started, Some(agent), text);
        self.record_process(incarnation, process, event);
    }

    fn take_failed_start(
        &mut self,
        agent: &AgentId,
        incarnation: IncarnationId,
        errno: i32,
        at: Timestamp,
    ) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.last_end = None;
        let end = seat.note_end(incarnation, at, not_started(errno));
        if let Some(end) = end {
            self.store_end(end, None);
        }
    }

    /// One that ended by itself meanwhile needs no stop.
    fn take_silence(&mut self, agent: &AgentId, incarnation: IncarnationId, because: String) {
        let running = self.seats.get(agent).and_then(Seat::running);
        if running.is_some_and(|(run, ..)| run == incarnation) {
            act::stop_run(self, agent, incarnation, StopPurpose::Unresponsive, because);
        }
    }

    fn take_poke(&mut self, agent: &AgentId, poked: Poked) {
        let epoch = self.clockwork.epoch();
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        let Poked {
            incarnation,
            misses,
            tried,
            at,
        } = poked;
        let (result, refused) = match tried {
            Ok(tried) => (tried.result, refusal(&tried)),
            Err(act::Failure(why)) => {
                let text = format!("what became of a heartbeat is not known: {why}");
                (PokeResult::NotTried, Some(text))
            }
        };
        seat.memory
            .remember_poke(at, epoch, incarnation, misses, result);
        self.save_memory(agent);
        if result == PokeResult::Delivered {
            self.take_turn(agent);
        }
        self.note_poke(agent, misses, refused);
    }

    fn take_nudge(&mut self, agent: &AgentId, id: Uuid, tried: &Tried) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if tried.result == PokeResult::Delivered {
            seat.nudge_tried = None;
            self.take_turn(agent);
            return;
        }
        let last = seat.nudge_tried.take().filter(|(last, _)| *last == id);
        let times = last.map_or(0, |(_, last)| last.times);
        let at = clock::now();
        let result = tried.result;
        seat.nudge_tried = Some((
            id,
            NudgeTry {
                at,
                times: times + 1,
                result,
            },
        ));
        if times == 0 {
            // The next tries of the same message are silent: its end tells.
            let text = match &tried.shown {
                Some(Reading { state, .. }) if tried.is_typed => {
                    format!("nudge {id}: typed, and not taken yet ({state})")
                }
                Some(Reading { state, .. }) => format!("nudge {id}: {result} ({state})"),
                None => format!(
                    "nudge {id}: not brought yet: a person is at its terminal, its run is to end, or tmux did not answer"
                ),
            };
            self.note(EventKind::NudgeRefused, Some(agent), text);
        }
    }

    /// No decision about it before the store shows what was written.
    fn take_writing(&mut self, agent: &AgentId) {
        if let Some(seat) = self.seats.get_mut(agent) {
            seat.in_flight = Some(InFlight {
                what: Begun::StoreReading,
                since: clock::now(),
            });
        }
        self.read_store();
    }

    /// A person was told, and of an open circuit if there is to be one.
    fn take_told(&mut self, agent: &AgentId, because: String, circuit: Option<Option<Timestamp>>) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        let now = clock::now();
        match circuit {
            Some(wish_at) => seat.memory.open_circuit(now, wish_at),
            None => seat.memory.remember_escalation(now),
        }
        self.save_memory(agent);
        if circuit.is_some() {
            self.note(EventKind::CircuitOpened, Some(agent), because.clone());
        }
        self.note(EventKind::Escalation, Some(agent), because);
    }

    pub(super) fn take_sweep(
        &mut self,
        agent: &AgentId,
        incarnation: IncarnationId,
        survivors: &[ProcessId],
    ) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if survivors.is_empty() {
            seat.holder = Observed::Known(Holder::Gone);
            return;
        }
        seat.holder = Observed::Known(Holder::Orphaned {
            incarnation,
            survivors: survivors.to_vec(),
        });
        self.take_failure(
            agent,
            ActionKind::Sweep,
            &format!("{} could not be ended", pids(survivors)),
        );
    }

    pub(super) fn take_stop(&mut self, agent: &AgentId, survivors: &[ProcessId]) {
        if survivors.is_empty() {
            return;
        }
        let text = format!("{} could not be ended", pids(survivors));
        self.take_failure(agent, ActionKind::Stop, &text);
    }

    pub(super) fn take_failure(&mut self, agent: &AgentId, what: ActionKind, why: &str) {
        self.ask_holder(agent);
        if matches!(what, ActionKind::CreateSession | ActionKind::RemoveSession) {
            self.look_at_tmux();
        }
        if what == ActionKind::Nudge {
            // How far it got is in the store.
            self.read_store();
        }
        self.note(
            EventKind::ActionFailed,
            Some(agent),
            format!("{what}: {why}"),
        );
        let now = clock::now();
        if let Some(seat) = self.seats.get_mut(agent) {
            let last = seat.failure.take_if(|last| last.what == what);
            seat.failure = Some(Failure {
                what,
                at: now,
                times: last.map_or(0, |last| last.times) + 1,
                why: why.to_owned(),
            });
        }
    }

    /// `refused` says why it was not brought, if it was not.
    fn note_poke(&mut self, agent: &AgentId, misses: u32, refused: Option<String>) {
        if misses > 0 {
            let text = format!("{misses} in a row");
            self.note(EventKind::PokeMissed, Some(agent), text);
        }
        match refused {
            Some(text) => self.note(EventKind::NudgeRefused, Some(agent), text),
            None => self.note(EventKind::NudgeDelivered, Some(agent), "heartbeat"),
        }
    }
}

/// Why a heartbeat was not brought, if it was not.
fn refusal(tried: &Tried) -> Option<String> {
    let screen = match tried.result {
        PokeResult::Delivered => return None,
        PokeResult::NotTried => {
            let text = "not brought: a person is at its terminal, its run is to end, or tmux did not answer";
            return Some(text.to_owned());
        }
        PokeResult::NotTyped { screen, .. } => screen,
    };
    let mut text = match screen {
        _ if tried.is_typed => "what was typed was not taken yet".to_owned(),
        Screen::Prompt => "its empty prompt did not show what was pasted".to_owned(),
        _ => format!("nothing was typed: its screen shows {screen}"),
    };
    // Never the line itself: it may be what a person has not sent.
    if let Some(Reading { state, rule, .. }) = &tried.shown {
        let rule = rule.as_deref().unwrap_or("no pattern");
        text.push_str(&format!(" ({state}, by `{rule}`)"));
    }
    Some(text)
}
