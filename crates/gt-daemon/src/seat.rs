//! What the daemon knows of one seat from beat to beat. Facts here are observations of now; what
//! outlasts the daemon is in `memory`, the store and the holder.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use gt_core::incarnation::{Exit, IncarnationId, ProcessId};
use gt_core::memory::{AgentMemory, Cause};
use gt_core::observed::Observed;
use gt_core::plan::StopPurpose;
use gt_core::screen::{Look, Reading, ScreenState, Sighting};
use gt_core::session::{Session, SessionId};
use gt_core::snapshot::{End, Failure, Holder, InFlight, LastEnd, NudgeTry, Pane};
use gt_host::clock;
use gt_host::holder::protocol::{Answer, Phase, Report};
use gt_host::hook::{HookEvent, HookKind};
use gt_host::preset::Preset;
use gt_host::roster::SeatSpec;
use gt_host::tmux::PaneId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::ignored::Ignored;
use crate::link::Link;
use crate::terminal::{Owner, pane_id};

/// One seat.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) spec: SeatSpec,
    pub(crate) memory: AgentMemory,
    pub(crate) link: Option<Link>,
    /// A connection is being made.
    pub(crate) linking: bool,
    pub(crate) holder: Observed<Holder>,
    pub(crate) holder_process: Option<ProcessId>,
    /// Its session was made, and its holder has not spoken yet.
    pub(crate) awaits_holder: bool,
    /// The holder said that it is about to end.
    leaving: bool,
    /// The pane that the holder says it sits in.
    pub(crate) reported_pane: Option<String>,
    pub(crate) pane: Observed<Option<Pane>>,
    /// The first process of its pane, once it is known: its holder, or the last one that it had.
    pub(crate) first_process: Option<u32>,
    /// The run that its pane shows: the last one that the pane's holder started.
    pub(crate) pane_run: Option<IncarnationId>,
    /// Something that is not its own keeps the name of its session.
    pub(crate) name_taken: bool,
    pub(crate) last_end: Option<LastEnd>,
    /// The last run that an earlier daemon began and whose end nobody told, until a
    /// holder speaks.
    pub(crate) open_run: Option<IncarnationId>,
    /// Why the present run is being stopped, if the daemon is doing so.
    pub(crate) stopping: Option<StopPurpose>,
    pub(crate) activity: Option<Timestamp>,
    /// The program's own session in the last run, once it was told of.
    pub(crate) session: Option<Session>,
    /// The session of the run that is being started, where the town names it.
    named_session: Option<Session>,
    /// The run that a holder was asked to start, until it is known what came of it.
    pub(crate) asked_run: Option<IncarnationId>,
    /// What the last run was started as, where the seat has another program by now.
    run_preset: Option<Arc<Preset>>,
    /// What its screen shows or its program tells, once either is known.
    pub(crate) sighting: Option<Sighting>,
    /// What its program told in vain.
    pub(crate) hooks_ignored: Ignored,
    /// This daemon heard of its run by its hooks.
    is_heard: bool,
    /// The message that was last tried and not brought.
    pub(crate) nudge_tried: Option<(Uuid, NudgeTry)>,
    pub(crate) in_flight: Option<InFlight>,
    /// Told to who types: the run is to end, and does not wait for a text to be taken.
    pub(crate) hush: Rc<Cell<bool>>,
    /// The last action on it that failed, until one of its kind succeeds.
    pub(crate) failure: Option<Failure>,
    pub(crate) starts: u32,
}

impl Seat {
    pub(crate) fn new(spec: SeatSpec) -> Self {
        Self {
            spec,
            memory: AgentMemory::default(),
            link: None,
            linking: false,
            holder: Observed::unknown("not looked at yet"),
            holder_process: None,
            awaits_holder: false,
            leaving: false,
            reported_pane: None,
            pane: Observed::unknown("not looked at yet"),
            first_process: None,
            pane_run: None,
            name_taken: false,
            last_end: None,
            open_run: None,
            stopping: None,
            activity: None,
            session: None,
            named_session: None,
            asked_run: None,
            run_preset: None,
            sighting: None,
            hooks_ignored: Ignored::default(),
            is_heard: false,
            nudge_tried: None,
            in_flight: None,
            hush: Rc::default(),
            failure: None,
            starts: 0,
        }
    }

    /// Takes over what the configuration says now. A run stays what it was started as: another
    /// program's patterns and keys are not for it.
    pub(crate) fn take_spec(&mut self, spec: SeatSpec) {
        let before = std::mem::replace(&mut self.spec, spec).preset;
        let started_as = self.run_preset.take().unwrap_or(before);
        let is_another = started_as.command != self.spec.preset.command;
        self.run_preset = is_another.then_some(started_as);
    }

    /// By what its run is read and typed at, or the next one will be.
    pub(crate) fn preset(&self) -> &Arc<Preset> {
        let of_run = self.run_preset.as_ref();
        of_run
            .filter(|_| self.running().is_some())
            .unwrap_or(&self.spec.preset)
    }

    /// Its place in the town, with the preset of its run.
    pub(crate) fn spec_of_run(&self) -> SeatSpec {
        SeatSpec {
            preset: Arc::clone(self.preset()),
            ..self.spec.clone()
        }
    }

    /// The clock was set: what has happened did so before `now`, and no stamp that is still to come
    /// is ever met as news.
    pub(crate) fn date_back(&mut self, now: Timestamp) {
        self.activity = self.activity.map(|at| at.min(now));
        if let Some(end) = &mut self.last_end {
            end.at = end.at.min(now);
        }
    }

    /// What its pane is known by.
    pub(crate) fn owner(&self) -> Owner {
        Owner {
            session: self.spec.session_name.clone(),
            first: self.first_process,
        }
    }

    /// The run that the holder reports, if one is there.
    pub(crate) fn running(&self) -> Option<(IncarnationId, ProcessId, Timestamp)> {
        match self.holder.known()? {
            Holder::Running {
                incarnation,
                process,
                since,
            } => Some((*incarnation, *process, *since)),
            Holder::Gone | Holder::Orphaned { .. } | Holder::Idle | Holder::Stopping { .. } => None,
        }
    }

    /// Whether the pane that is known is the one that its holder says it sits in.
    pub(crate) fn is_in_its_pane(&self) -> bool {
        let pane = self.pane.known().and_then(Option::as_ref);
        pane.is_some_and(|pane| Some(&pane.pane) == self.reported_pane.as_ref())
    }

    /// Takes over what a holder tells of itself.
    pub(crate) fn take_report(&mut self, report: &Report) {
        self.open_run = None;
        self.holder_process = Some(report.holder);
        self.take_pane_of(report);
        self.leaving = false;
        self.reported_pane.clone_from(&report.pane);
        self.holder = holder_of(report);
        self.take_reported_end(report);
    }

    /// Takes over what a holder, even one that is gone, tells of its pane.
    pub(crate) fn take_pane_of(&mut self, report: &Report) {
        self.first_process = Some(report.holder.pid);
        self.pane_run = report.incarnation;
    }

    /// Its pane, by tmux's word or else its holder's; empty before either.
    pub(crate) fn pane_named(&self) -> String {
        let seen = self.pane.known().and_then(Option::as_ref);
        seen.map(|pane| pane.pane.clone())
            .or_else(|| self.reported_pane.clone())
            .unwrap_or_default()
    }

    /// The ended run whose last screen is in its pane, and the pane.
    pub(crate) fn last_screen(&self) -> Option<(IncarnationId, PaneId)> {
        let end = self.last_end?;
        let pane = self.pane.known()?.as_ref()?;
        (self.pane_run == Some(end.incarnation)).then(|| (end.incarnation, pane_id(&pane.pane)))
    }

    /// Takes over what a holder tells of the end of its last run; gives it back if it is news.
    pub(crate) fn take_reported_end(&mut self, report: &Report) -> Option<LastEnd> {
        let (incarnation, exit) = report.incarnation.zip(report.exit)?;
        // A holder that does not say when it was has just said that it is so.
        let at = report.exited_at.unwrap_or_else(clock::now);
        self.note_end(incarnation, at, self.end_of(End::Exited(exit)))
    }

    /// Takes over what a holder says by itself. True when a run ended.
    pub(crate) fn take_answer(&mut self, answer: &Answer) -> bool {
        match answer {
            Answer::Report { report } => self.take_report(report),
            Answer::Started {
                incarnation,
                process,
                at,
            } => self.take_start(*incarnation, *process, *at),
            Answer::Stopping { incarnation } => {
                self.holder = Observed::Known(Holder::Stopping {
                    incarnation: *incarnation,
                });
            }
            Answer::Exited {
                incarnation,
                exit,
                at,
                ..
            } => {
                self.take_exit(*incarnation, *exit, *at);
                return true;
            }
            Answer::Gone {
                unknown: Some(why), ..
            } => {
                self.holder = Observed::unknown(format!("what is left of its run: {why}"));
            }
            Answer::Gone { survivors, .. } if survivors.is_empty() => {
                self.sit_idle();
                self.stopping = None;
            }
            Answer::Quitting => self.take_leave(),
            Answer::Gone { .. }
            | Answer::Signalled { .. }
            | Answer::Refused { .. }
            | Answer::Error { .. }
            | Answer::Unknown => {}
        }
        false
    }

    fn take_start(&mut self, incarnation: IncarnationId, process: ProcessId, since: Timestamp) {
        self.holder = Observed::Known(Holder::Running {
            incarnation,
            process,
            since,
        });
        self.pane_run = Some(incarnation);
        self.last_end = None;
        self.stopping = None;
        self.activity = None;
        self.session = self.named_session.take();
        self.sighting = None;
        self.hooks_ignored = Ignored::default();
        self.is_heard = false;
    }

    /// What its screen shows, as far as it is known.
    pub(crate) fn state_shown(&self) -> ScreenState {
        let reading = self
            .sighting
            .as_ref()
            .map(|sighting| sighting.reading.state);
        reading.unwrap_or(ScreenState::Unknown)
    }

    /// Takes in a look at its screen; true when it shows another state.
    pub(crate) fn see(&mut self, look: Look) -> bool {
        let is_news = self.sight(look);
        if self.state_shown() == ScreenState::Working {
            self.notice_turn();
        }
        is_news
    }

    /// It works, or its prompt took a text. A program that tells of its session tells of its turns.
    pub(crate) fn notice_turn(&mut self) {
        let is_silent = !self.is_heard;
        if let Some(session) = &mut self.session {
            session.used |= is_silent;
        }
    }

    fn sight(&mut self, look: Look) -> bool {
        match &mut self.sighting {
            Some(sighting) => sighting.take(look),
            // Nothing is known yet of a program that draws its first screen.
            None if look.reading.state == ScreenState::Unknown && !look.is_still => false,
            None => {
                self.sighting.insert(Sighting::begin(look)).reading.state != ScreenState::Unknown
            }
        }
    }

    /// Takes in what its program tells; true when that is another state. A program that it started
    /// in turn, with the same environment, tells of sessions of its own.
    pub(crate) fn hear(&mut self, told: &HookEvent, now: Timestamp) -> bool {
        if !self.is_of_its_session(told) {
            return false;
        }
        self.is_heard = true;
        let Some(state) = told.state() else {
            return false;
        };
        let told = Look {
            reading: Reading {
                state,
                rule: Some(told.name.clone()),
                line: None,
                reset: None,
            },
            at: now,
            is_still: true,
        };
        match &mut self.sighting {
            Some(sighting) => sighting.hear(told),
            None => {
                self.sighting = Some(Sighting::told(told));
                true
            }
        }
    }

    /// Whether an event is of the run's own session: the first one told of, and each that begins while
    /// the one before does not work.
    fn is_of_its_session(&mut self, told: &HookEvent) -> bool {
        let Some(id) = told.session.as_deref().and_then(SessionId::new) else {
            return self.session.is_none();
        };
        let begins =
            told.kind == HookKind::SessionStarted && self.state_shown() != ScreenState::Working;
        let is_known = self
            .session
            .as_ref()
            .is_some_and(|session| session.id == id);
        if !is_known && (self.session.is_none() || begins) {
            self.session = Some(Session::unused(id));
        } else if !is_known {
            return false;
        }
        if let Some(session) = &mut self.session {
            session.used |= told.kind == HookKind::PromptTaken;
        }
        true
    }

    /// The session that a run goes on with which is started for this cause.
    pub(crate) fn session_to_resume(&self, cause: Cause) -> Option<&SessionId> {
        let session = self.session.as_ref()?;
        let is_its_own = self.run_preset.is_none();
        let goes_on = is_its_own && session.goes_on(self.last_end?.how, cause);
        (goes_on && !self.spec.preset.resume.is_empty()).then_some(&session.id)
    }

    /// A run is about to be started for this cause, as the configuration says now. Gives its session,
    /// where the town names it: the one that it goes on with, or one of its own.
    pub(crate) fn begin_run(&mut self, run: IncarnationId, cause: Cause) -> Option<Session> {
        let is_named = !self.spec.preset.session.is_empty();
        self.named_session = is_named.then(|| {
            let resumed = self.session_to_resume(cause).cloned();
            Session::unused(resumed.unwrap_or_else(|| SessionId::of_run(run)))
        });
        self.run_preset = None;
        self.asked_run = Some(run);
        self.named_session.clone()
    }

    fn take_exit(&mut self, incarnation: IncarnationId, exit: Exit, at: Timestamp) {
        match self.stopping {
            // A stop goes on until the whole kill set is gone.
            Some(_) => self.holder = Observed::Known(Holder::Stopping { incarnation }),
            None => self.sit_idle(),
        }
        self.note_end(incarnation, at, self.end_of(End::Exited(exit)));
    }

    /// Its holder runs nothing, and can start something unless it ends itself.
    fn sit_idle(&mut self) {
        if !self.leaving {
            self.holder = Observed::Known(Holder::Idle);
        }
    }

    /// Its holder ends, after its run: no successor is to be started in this seat any more.
    fn take_leave(&mut self) {
        if std::mem::replace(&mut self.leaving, true) {
            return;
        }
        self.holder = match self.running() {
            Some((incarnation, ..)) => Observed::Known(Holder::Stopping { incarnation }),
            None => Observed::unknown("its holder is ending"),
        };
    }

    /// How the run that ends now ended: on purpose if it was being stopped.
    pub(crate) fn end_of(&self, otherwise: End) -> End {
        match self.stopping {
            Some(StopPurpose::Dismiss) => End::Dismissed,
            Some(StopPurpose::Request) => End::Requested,
            Some(StopPurpose::Unresponsive) => End::Unresponsive,
            None => otherwise,
        }
    }

    /// Notes the end of a run and gives it back; what is known of it already, such as its purpose,
    /// stays, and is no news.
    pub(crate) fn note_end(
        &mut self,
        incarnation: IncarnationId,
        at: Timestamp,
        how: End,
    ) -> Option<LastEnd> {
        let known = self.last_end.map(|end| end.incarnation);
        if known == Some(incarnation) {
            return None;
        }
        self.last_end = Some(LastEnd {
            incarnation,
            at,
            how,
        });
        self.last_end
    }
}

fn holder_of(report: &Report) -> Observed<Holder> {
    let began = report.process.zip(report.started_at);
    match (report.phase, report.incarnation, began) {
        (Phase::Idle, _, _) => Observed::Known(Holder::Idle),
        (Phase::Running, Some(incarnation), Some((process, since))) => {
            Observed::Known(Holder::Running {
                incarnation,
                process,
                since,
            })
        }
        (Phase::Ending, Some(incarnation), _) => Observed::Known(Holder::Stopping { incarnation }),
        (phase, _, _) => Observed::unknown(format!("its holder reports {phase:?} without a run")),
    }
}
