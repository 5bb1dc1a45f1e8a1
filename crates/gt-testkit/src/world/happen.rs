//! What events change: the truth, never the daemon's mind.

use gt_core::Actor;
use gt_core::lifecycle::Request;
use gt_core::snapshot::{End, Owed, RequestFacts};
use gt_core::{AgentId, Desire, Exit, Intent, RigName};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::World;
use super::event::{Event, FORMER_RUN, StoreHealth, Whose};
use super::seat::Seat;

impl World {
    pub(super) fn apply(&mut self, event: &Event) {
        match *event {
            Event::Wait(_) => {}
            Event::Exit(_)
            | Event::Behave(..)
            | Event::KillHolder { .. }
            | Event::LeftoversEnd(_)
            | Event::Stubborn(..)
            | Event::NameTaken(..)
            | Event::Mail(_)
            | Event::MailRead(_)
            | Event::Attach(_)
            | Event::Detach(_)
            | Event::HolderAnswers(..)
            | Event::Launch(..) => self.happen_to_seat(event),
            Event::KillTmux => self.kill_tmux(),
            Event::TmuxAnswers(answers) => self.tmux_answers = answers,
            Event::Store(health) => self.store.health = health,
            Event::ActionsFail(fails) => self.acting.fails = fails,
            Event::ActionsTake(beats) => self.acting.beats = beats,
            Event::RestartDaemon => self.restart_daemon(),
            Event::CrashInNextAction { acted } => self.acting.crash = Some(acted),
            Event::SetClock(seconds) => {
                self.clock.jump(i64::from(seconds) * 1000);
                self.open_epoch();
            }
            Event::Sleep(seconds) => {
                self.clock.advance(i64::from(seconds) * 1000);
                self.open_epoch();
            }
            Event::Ask {
                seat,
                action,
                whose,
                good_for,
            } => self.ask(seat, action, whose, good_for),
            Event::AskAgain => self.ask_again(),
            Event::AskNobody => self.ask_nobody(),
            Event::Wish {
                seat,
                desire,
                by_person,
            } => self.wish(seat, desire, by_person),
            Event::TownDown(down) => {
                self.down = Some(down);
                if !down {
                    self.daemon.raised_at = Some(self.clock.now());
                    self.seats.iter_mut().for_each(Seat::renew_budget);
                }
            }
            Event::TownUnseen => self.down = None,
        }
    }

    fn happen_to_seat(&mut self, event: &Event) {
        let now = self.clock.now();
        let count = self.seats.len();
        let seats = &mut self.seats;
        match *event {
            Event::Exit(seat) => seats[seat % count].exit(End::Exited(Exit::Code(1)), now),
            Event::Behave(seat, manner) => seats[seat % count].manner = manner,
            Event::KillHolder { seat, survives } => seats[seat % count].kill_holder(survives, now),
            Event::LeftoversEnd(seat) => seats[seat % count].left.clear(),
            Event::Stubborn(seat, stubborn) => seats[seat % count].stubborn = stubborn,
            Event::NameTaken(seat, taken) => seats[seat % count].stranger = taken,
            Event::Mail(seat) => seats[seat % count].get_mail(now),
            Event::MailRead(seat) => {
                seats[seat % count].owed = Owed::default();
                seats[seat % count].forget_telling();
            }
            Event::Attach(seat) => seats[seat % count].attach(Some(now)),
            Event::Detach(seat) => seats[seat % count].attach(None),
            Event::HolderAnswers(seat, answers) => seats[seat % count].holder_answers = answers,
            Event::Launch(seat, possible) => seats[seat % count].launch = possible,
            _ => {}
        }
    }

    /// The server dies; agents that hang ignore the hang-up and survive it.
    fn kill_tmux(&mut self) {
        let now = self.clock.now();
        for seat in &mut self.seats {
            let survives = seat.ignores_hang_up();
            seat.kill_holder(survives, now);
            seat.session = None;
            seat.stranger = false;
        }
    }

    /// The daemon is gone and a new one looks at the store.
    pub(super) fn restart_daemon(&mut self) {
        if self.store.health != StoreHealth::Good {
            self.forgive_rates();
        }
        self.daemon = super::daemon::Daemon::new(self.seats.len(), self.clock.now());
    }

    /// The clock jumped or the machine slept: no age is counted across it.
    fn open_epoch(&mut self) {
        let now = self.clock.now();
        self.daemon.epoch = now;
        self.daemon.raised_at = self.daemon.raised_at.map(|at| at.min(now));
        for seat in &mut self.seats {
            seat.date_back(now);
        }
        self.forgive_rates();
    }

    fn ask(
        &mut self,
        seat: usize,
        action: gt_core::lifecycle::Action,
        whose: Whose,
        good_for: u16,
    ) {
        let seat = &self.seats[seat % self.seats.len()];
        let present = seat.process.as_ref().map(|process| process.incarnation);
        let (incarnation, actor) = match whose {
            Whose::PresentRun => (present.or(Some(FORMER_RUN)), Actor::Agent(seat.id.clone())),
            Whose::FormerRun => (Some(FORMER_RUN), Actor::Agent(seat.id.clone())),
            Whose::Person => (None, Actor::Overseer),
            Whose::Stranger => (present, Actor::from("gas/refinery".to_owned())),
        };
        let now = self.clock.now();
        let request = Request {
            id: Uuid::nil(),
            agent: seat.id.clone(),
            incarnation,
            action,
            actor,
            message: None,
            requested_at: now,
            expires_at: after(now, good_for),
        };
        self.send(request);
    }

    fn ask_again(&mut self) {
        let last = self.store.rows.requests.last();
        if let Some(request) = last.map(|row| row.request.clone()) {
            self.send(request);
        }
    }

    fn ask_nobody(&mut self) {
        const GOOD_FOR: u16 = 600;
        let now = self.clock.now();
        self.send(Request {
            id: Uuid::nil(),
            agent: AgentId::Refinery(RigName::new("gone").expect("a valid name")),
            incarnation: None,
            action: gt_core::lifecycle::Action::Restart,
            actor: Actor::Overseer,
            message: None,
            requested_at: now,
            expires_at: after(now, GOOD_FOR),
        });
    }

    /// Stores a request under a new id, if the store takes it.
    fn send(&mut self, mut request: Request) {
        request.id = self.fresh_id();
        if let Some(rows) = self.store.write() {
            rows.requests.push(RequestFacts {
                request,
                taken_at: None,
            });
        }
    }

    fn wish(&mut self, seat: usize, desire: Desire, by_person: bool) {
        let seat = seat % self.seats.len();
        let at = self.clock.now();
        let Some(rows) = self.store.write() else {
            return;
        };
        let actor = if by_person {
            Actor::Overseer
        } else {
            Actor::Agent(AgentId::Mayor)
        };
        rows.intents[seat] = Some(Intent {
            desire,
            actor,
            reason: "asked".to_owned(),
            at,
        });
    }
}

fn after(now: Timestamp, seconds: u16) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(i64::from(seconds)))
        .expect("a span of seconds has no calendar units")
}
