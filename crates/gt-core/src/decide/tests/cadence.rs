//! The original's cadence under `poke = "always"`, as a town's log would tell it: decide, act
//! perfectly, remember, look again when the plan says so.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::scene::{MINUTE, Scene, at, deacon, run};
use crate::decide::decide;
use crate::incarnation::ProcessId;
use crate::memory::PokeResult;
use crate::observed::Observed;
use crate::plan::{Action, StopPurpose};
use crate::policy::Poke;
use crate::snapshot::{End, Holder, LastEnd};

/// How a simulated deacon behaves.
#[derive(Clone, Copy)]
enum Manner {
    /// It never shows activity.
    Hung,
    /// It shows activity all the time.
    Busy,
    /// It shows activity once, so many seconds after each poke.
    Answers(i64),
}

/// One deacon over time. Second 0 is the daemon's start.
struct Town {
    scene: Scene,
    manner: Manner,
    second: i64,
    runs: u128,
    log: String,
}

impl Town {
    /// A deacon that starts together with the daemon.
    fn new(manner: Manner) -> Self {
        let scene = deacon()
            .running(1, at(0))
            .epoch(at(0))
            .set(|facts| facts.poke = Poke::Always);
        Self {
            scene,
            manner,
            second: 0,
            runs: 1,
            log: String::new(),
        }
    }

    fn unanswered_before_restart(mut self, pokes: u32) -> Self {
        self.scene.policy.poke.unanswered_before_restart = pokes;
        self
    }

    fn active_before(mut self, seconds: i64) -> Self {
        let long_ago = at(-100 * MINUTE);
        self.scene = self.scene.running(1, long_ago).epoch(long_ago);
        self.scene = self.scene.active(at(-seconds));
        self
    }

    /// The daemon is restarted: its memory is what was stored, and its epoch is now.
    fn restart_daemon(mut self) -> Self {
        self.scene = self.scene.epoch(at(self.second));
        self.write("daemon restarted");
        self
    }

    fn until(mut self, minutes: i64) -> Self {
        while self.second < minutes * MINUTE {
            self.beat(minutes * MINUTE);
        }
        self
    }

    /// One beat; then on to when the plan wants to look again.
    fn beat(&mut self, end: i64) {
        self.show_activity();
        self.scene.snapshot.now = self.now();
        self.scene.snapshot.agents = vec![self.scene.facts.clone()];
        let plan = decide(&self.scene.snapshot, &self.scene.policy);
        for step in &plan.steps {
            self.act(&step.action);
        }
        if plan.steps.is_empty() {
            let tick = self.second + 5 * MINUTE;
            let next_look = plan.next_look().map_or(tick, seconds);
            self.second = next_look.clamp(self.second + 1, end);
        }
    }

    fn now(&self) -> Timestamp {
        at(self.second)
    }

    fn show_activity(&mut self) {
        let last_poke = self.scene.facts.memory.poke.map(|poke| poke.at);
        match (self.manner, last_poke) {
            (Manner::Busy, _) => self.scene.facts.activity = Some(self.now()),
            (Manner::Answers(delay), Some(poke)) => {
                let answer = seconds(poke) + delay;
                if answer <= self.second {
                    self.scene.facts.activity = Some(at(answer));
                }
            }
            (Manner::Hung | Manner::Answers(_), _) => {}
        }
    }

    fn act(&mut self, action: &Action) {
        let now = self.now();
        let facts = &mut self.scene.facts;
        let line = match action {
            Action::Poke {
                incarnation,
                misses,
                ..
            } => {
                let epoch = self.scene.snapshot.epoch;
                let result = PokeResult::Delivered;
                facts
                    .memory
                    .remember_poke(now, epoch, *incarnation, *misses, result);
                format!("poke (misses {misses})")
            }
            Action::ForgetPokes => {
                facts.memory.forget_pokes();
                "answered".to_owned()
            }
            Action::Stop {
                incarnation,
                purpose: StopPurpose::Unresponsive,
            } => {
                facts.holder = Observed::Known(Holder::Idle);
                facts.last_end = Some(LastEnd {
                    incarnation: *incarnation,
                    at: now,
                    how: End::Unresponsive,
                });
                "stop".to_owned()
            }
            Action::Start { cause, .. } => {
                facts
                    .memory
                    .remember_start(now, *cause, &self.scene.policy.restart);
                self.runs += 1;
                facts.holder = Observed::Known(Holder::Running {
                    incarnation: run(self.runs),
                    process: ProcessId { pid: 7, start: 1 },
                    since: now,
                });
                "start".to_owned()
            }
            other => format!("unexpected: {}", other.kind()),
        };
        self.write(&line);
    }

    fn write(&mut self, line: &str) {
        let (minutes, rest) = (self.second / MINUTE, self.second % MINUTE);
        writeln!(self.log, "t+{minutes:02}:{rest:02} {line}").unwrap();
    }
}

/// Seconds after the start, rounded up so that a look is never too early.
fn seconds(stamp: Timestamp) -> i64 {
    let since = stamp.as_millisecond() - at(0).as_millisecond();
    since.div_euclid(1000) + i64::from(since.rem_euclid(1000) > 0)
}

/// Covers D4: five minutes, then half as long again each time, then the restart, and the successor
/// gets the same patience.
#[test]
fn an_unresponsive_deacon_is_poked_three_times_and_restarted() {
    insta::assert_snapshot!(Town::new(Manner::Hung).until(60).log, @r"
    t+02:00 poke (misses 0)
    t+07:00 poke (misses 1)
    t+14:30 poke (misses 2)
    t+25:45 stop
    t+25:45 start
    t+27:45 poke (misses 0)
    t+32:45 poke (misses 1)
    t+40:15 poke (misses 2)
    t+51:30 stop
    t+51:30 start
    t+53:30 poke (misses 0)
    t+58:30 poke (misses 1)
    ");
}

/// Covers D4, D5: with restarts off, the intervals are those that the original meant: 5 minutes,
/// times one and a half, at most 30.
#[test]
fn without_restarts_the_interval_grows_to_its_cap() {
    let town = Town::new(Manner::Hung).unanswered_before_restart(u32::MAX);
    insta::assert_snapshot!(town.until(190).log, @r"
    t+02:00 poke (misses 0)
    t+07:00 poke (misses 1)
    t+14:30 poke (misses 2)
    t+25:45 poke (misses 3)
    t+42:38 poke (misses 4)
    t+67:57 poke (misses 5)
    t+97:57 poke (misses 6)
    t+127:57 poke (misses 7)
    t+157:57 poke (misses 8)
    t+187:57 poke (misses 9)
    ");
}

/// Covers D3: a deacon that is fresh is left to its work.
#[test]
fn a_fresh_deacon_is_never_poked() {
    insta::assert_snapshot!(Town::new(Manner::Busy).until(120).log, @"");
}

/// Covers D5: an idle deacon that answers is woken every five minutes, no more often.
#[test]
fn an_answering_deacon_is_poked_every_five_minutes() {
    insta::assert_snapshot!(Town::new(Manner::Answers(10)).until(20).log, @r"
    t+02:00 poke (misses 0)
    t+07:00 answered
    t+07:00 poke (misses 0)
    t+12:00 answered
    t+12:00 poke (misses 0)
    t+17:00 answered
    t+17:00 poke (misses 0)
    ");
}

/// Covers D4: an answer, however late, is seen at the next look and sets the interval back to its base.
#[test]
fn a_late_answer_resets_the_interval() {
    insta::assert_snapshot!(Town::new(Manner::Answers(6 * MINUTE)).until(30).log, @r"
    t+02:00 poke (misses 0)
    t+07:00 poke (misses 1)
    t+14:30 answered
    t+15:00 poke (misses 0)
    t+20:00 poke (misses 1)
    t+27:30 answered
    t+28:00 poke (misses 0)
    ");
}

/// A stale deacon, older than two minutes, is poked in the first beat; a fresh one when it is
/// stale.
#[test]
fn a_stale_deacon_is_poked_at_once() {
    let stale = Town::new(Manner::Hung).active_before(3 * MINUTE);
    insta::assert_snapshot!(stale.until(10).log, @r"
    t+00:00 poke (misses 0)
    t+05:00 poke (misses 1)
    ");
    let fresh = Town::new(Manner::Hung).active_before(MINUTE);
    insta::assert_snapshot!(fresh.until(10).log, @r"
    t+01:00 poke (misses 0)
    t+06:00 poke (misses 1)
    ");
}

/// Covers D20: a restarted daemon goes on where the last one was; it neither pokes at once nor
/// takes what it did not watch for a miss.
#[test]
fn a_restarted_daemon_keeps_the_cadence() {
    let town = Town::new(Manner::Hung).until(10).restart_daemon().until(40);
    insta::assert_snapshot!(town.log, @r"
    t+02:00 poke (misses 0)
    t+07:00 poke (misses 1)
    t+10:00 daemon restarted
    t+17:30 poke (misses 1)
    t+25:00 poke (misses 2)
    t+36:15 stop
    t+36:15 start
    t+38:15 poke (misses 0)
    ");
}
