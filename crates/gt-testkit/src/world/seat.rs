//! The truth about one seat: its session, its holder, its processes and what they do.

use gt_core::policy::{Poke, Run};
use gt_core::screen::Screen;
use gt_core::snapshot::{End, Holder, LastEnd, Owed, Pane};
use gt_core::{AgentId, Exit, IncarnationId, ProcessId};
use jiff::Timestamp;

use super::clock::Clock;
use super::event::Manner;

/// One living run.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) incarnation: IncarnationId,
    /// When it was started, as stamped.
    pub(super) since: Timestamp,
    /// When it was truly started.
    pub(super) born: i64,
    /// When it will have answered and read its mail.
    answers: Option<i64>,
    /// When it will have stopped, once it was told to.
    stops: Option<i64>,
}

#[derive(Debug, Clone)]
pub(super) struct Session {
    number: u32,
    pub(super) attached: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: AgentId,
    pub(super) run_when: Run,
    pub(super) poke: Poke,
    pub(super) manner: Manner,
    pub(super) session: Option<Session>,
    pub(super) holder: bool,
    pub(super) holder_answers: bool,
    /// Something of a person's keeps the name of its session.
    pub(super) stranger: bool,
    /// Each of its runs leaves a process that no signal ends.
    pub(super) stubborn: bool,
    /// What the holder runs.
    pub(super) process: Option<Process>,
    /// What earlier runs left.
    pub(super) left: Vec<Process>,
    pub(super) last_end: Option<LastEnd>,
    /// How the run that is being stopped will have ended.
    ends_how: Option<End>,
    pub(super) launch: Option<bool>,
    /// What it has not read.
    pub(super) owed: Owed,
    pub(super) activity: Option<(IncarnationId, Timestamp)>,
    sessions: u32,
    /// When it was restarted, as far as its budget counts.
    restarts: Vec<i64>,
    last_poke: Option<(IncarnationId, i64)>,
    /// A person was told of it, and nothing has changed since.
    told: bool,
}

impl Seat {
    pub(super) fn new(id: AgentId, run_when: Run, poke: Poke) -> Self {
        Self {
            id,
            run_when,
            poke,
            manner: Manner::Healthy,
            session: None,
            holder: false,
            holder_answers: true,
            stranger: false,
            stubborn: false,
            process: None,
            left: Vec::new(),
            last_end: None,
            ends_how: None,
            launch: Some(true),
            owed: Owed::default(),
            activity: None,
            sessions: 0,
            restarts: Vec::new(),
            last_poke: None,
            told: false,
        }
    }

    pub(super) fn seen_holder(&self) -> Holder {
        match (self.holder, &self.process, self.left.first()) {
            (true, None, _) => Holder::Idle,
            (true, Some(process), _) if process.stops.is_some() => Holder::Stopping {
                incarnation: process.incarnation,
            },
            (true, Some(process), _) => Holder::Running {
                incarnation: process.incarnation,
                process: ProcessId { pid: 7, start: 1 },
                since: process.since,
            },
            (false, _, Some(process)) => Holder::Orphaned {
                incarnation: process.incarnation,
                survivors: vec![ProcessId { pid: 7, start: 1 }; self.left.len()],
            },
            (false, _, None) => Holder::Gone,
        }
    }

    pub(super) fn seen_pane(&self) -> Option<Pane> {
        self.session.as_ref().map(|session| Pane {
            session: format!("${}", session.number),
            pane: format!("%{}", session.number),
            attached: session.attached,
        })
    }

    pub(super) fn get_mail(&mut self, now: Timestamp) {
        self.owed.mail += 1;
        self.owed.newest = self.owed.newest.max(Some(now));
    }

    /// Activity of the present run.
    pub(super) fn seen_activity(&self) -> Option<Timestamp> {
        let (incarnation, at) = self.activity?;
        let present = self.process.as_ref()?.incarnation;
        (incarnation == present).then_some(at)
    }

    /// Every run of it that lives, however it is held.
    pub(super) fn living(&self) -> impl Iterator<Item = &Process> {
        self.process.iter().chain(&self.left)
    }

    pub(super) fn runs(&self, incarnation: IncarnationId) -> bool {
        let process = self.process.as_ref();
        self.holder && process.is_some_and(|process| process.incarnation == incarnation)
    }

    /// What its screen shows and a fingerprint of it.
    pub(super) fn screen(&self, elapsed: i64) -> (Screen, u64) {
        match self.manner {
            Manner::Healthy | Manner::Hung | Manner::Deaf | Manner::Crashing(_) => {
                (Screen::Prompt, 1)
            }
            Manner::Frozen => (Screen::Busy, 2),
            Manner::Working => (Screen::Busy, elapsed.unsigned_abs()),
            Manner::Asking => (Screen::Dialog, 3),
            Manner::HalfTyped => (Screen::Draft, 4),
        }
    }

    pub(super) fn create_session(&mut self) {
        self.sessions += 1;
        self.session = Some(Session {
            number: self.sessions,
            attached: None,
        });
        self.holder = true;
    }

    pub(super) fn remove_session(&mut self) {
        self.session = None;
        self.holder = false;
    }

    pub(super) fn start(&mut self, incarnation: IncarnationId, clock: &Clock) {
        if matches!(self.manner, Manner::Hung | Manner::Frozen) {
            self.manner = Manner::Healthy;
        }
        self.last_end = None;
        self.process = Some(Process {
            incarnation,
            since: clock.now(),
            born: clock.elapsed(),
            answers: None,
            stops: None,
        });
        self.told = false;
        if self.launch == Some(false) {
            self.end(End::Exited(Exit::NotStarted(2)), clock.now());
        }
    }

    /// Tells the run to stop; a healthy one does within a second, any other is killed.
    pub(super) fn stop(&mut self, how: End, clock: &Clock) {
        let grace = if self.manner == Manner::Healthy {
            1000
        } else {
            5000
        };
        if let Some(process) = &mut self.process {
            process.stops.get_or_insert(clock.elapsed() + grace);
            self.ends_how = Some(how);
        }
    }

    /// Types a poke; a healthy agent answers soon.
    pub(super) fn take_poke(&mut self, clock: &Clock) {
        const ANSWER_MS: i64 = 2000;
        if self.manner == Manner::Healthy
            && let Some(process) = &mut self.process
        {
            process.answers.get_or_insert(clock.elapsed() + ANSWER_MS);
        }
    }

    /// Its program ends, and may leave something.
    pub(super) fn exit(&mut self, how: End, now: Timestamp) {
        let left = self.process.clone().filter(|_| self.stubborn);
        self.left.extend(left);
        self.end(how, now);
    }

    /// Ends what earlier runs left. False: something of it survives.
    pub(super) fn sweep(&mut self) -> bool {
        if !self.stubborn {
            self.left.clear();
        }
        self.left.is_empty()
    }

    /// The run ends, by itself unless it was being stopped.
    fn end(&mut self, how: End, now: Timestamp) {
        let Some(process) = self.process.take() else {
            return;
        };
        self.told = false;
        self.last_end = Some(LastEnd {
            incarnation: process.incarnation,
            at: now,
            how: self.ends_how.take().unwrap_or(how),
        });
    }

    pub(super) fn kill_holder(&mut self, survives: bool, now: Timestamp) {
        if !self.holder {
            return;
        }
        self.holder = false;
        if survives || self.stubborn {
            self.left.extend(self.process.clone());
        }
        self.ends_how = None;
        self.end(End::Lost, now);
    }

    /// Notes a restart; how many there were within the window.
    pub(super) fn count_restart(&mut self, elapsed: i64, window: i64) -> usize {
        self.restarts.retain(|at| elapsed - at < window);
        self.restarts.push(elapsed);
        self.restarts.len()
    }

    pub(super) fn renew_budget(&mut self) {
        self.restarts.clear();
    }

    /// Notes a poke; how long after the last one of the same run.
    pub(super) fn count_poke(&mut self, incarnation: IncarnationId, elapsed: i64) -> Option<i64> {
        let (earlier, at) = self.last_poke.replace((incarnation, elapsed))?;
        (earlier == incarnation).then_some(elapsed - at)
    }

    pub(super) fn forget_poke(&mut self) {
        self.last_poke = None;
    }

    /// Notes that a person is told of it; whether that is no news.
    pub(super) fn tell(&mut self) -> bool {
        std::mem::replace(&mut self.told, true)
    }

    /// The clock was set: what has happened did so before `now`.
    pub(super) fn date_back(&mut self, now: Timestamp) {
        if let Some((_, at)) = &mut self.activity {
            *at = now.min(*at);
        }
        if let Some(end) = &mut self.last_end {
            end.at = now.min(end.at);
        }
    }

    /// Whatever a person was told, there may be news of it.
    pub(super) fn forget_telling(&mut self) {
        self.told = false;
    }

    pub(super) fn attach(&mut self, active: Option<Timestamp>) {
        if let Some(session) = &mut self.session {
            session.attached = active;
        }
    }

    pub(super) fn ignores_hang_up(&self) -> bool {
        matches!(
            self.manner,
            Manner::Hung | Manner::Deaf | Manner::Frozen | Manner::Working
        )
    }

    /// What happens by itself up to now.
    pub(super) fn live_on(&mut self, clock: &Clock) {
        let elapsed = clock.elapsed();
        let Some(process) = &mut self.process else {
            return;
        };
        if process.answers.is_some_and(|at| at <= elapsed) {
            process.answers = None;
            self.activity = Some((process.incarnation, clock.now()));
            self.owed = Owed::default();
            self.told = false;
        }
        let crashed = match self.manner {
            Manner::Crashing(seconds) => elapsed - process.born >= i64::from(seconds) * 1000,
            _ => false,
        };
        if crashed || process.stops.is_some_and(|at| at <= elapsed) {
            self.exit(End::Exited(Exit::Code(1)), clock.now());
        }
    }
}
