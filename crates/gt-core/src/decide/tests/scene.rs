//! A scene: one seat and what is around it, built from a healthy one by what is different.

use crate::actor::Actor;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::decide::decide;
use crate::incarnation::{Exit, IncarnationId, ProcessId};
use crate::intent::{Desire, Intent};
use crate::lifecycle::{Action as Asked, Request};
use crate::memory::{Attempt, Cause, Circuit, LastPoke, PokeResult};
use crate::observed::{Observed, Reason};
use crate::plan::ActionKind;
use crate::policy::{Poke, Policy, Run};
use crate::screen::{Screen, ScreenState};
use crate::snapshot::{
    AgentFacts, Begun, End, Failure, Holder, InFlight, LastEnd, NudgeFacts, Owed, Pane,
    RequestFacts, Shown, Snapshot,
};
use crate::{AgentId, RigName, WorkerName};

/// Seconds after noon, when every scene plays. Negative is before.
pub(super) fn at(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    Timestamp::from_second(noon.as_second() + seconds).unwrap()
}

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// Run number `n` of the seat.
pub(super) fn run(n: u128) -> IncarnationId {
    IncarnationId(Uuid::from_u128(n))
}

fn holder_running(n: u128, since: Timestamp) -> Holder {
    Holder::Running {
        incarnation: run(n),
        process: ProcessId { pid: 7, start: 1 },
        since,
    }
}

pub(super) struct Scene {
    pub(super) snapshot: Snapshot,
    pub(super) facts: AgentFacts,
    pub(super) policy: Policy,
}

/// A deacon whose run 1 began an hour ago and was active just now; nothing is owed.
pub(super) fn deacon() -> Scene {
    Scene::of(AgentId::Deacon, Run::Always)
}

/// A witness, which runs on demand.
pub(super) fn witness() -> Scene {
    Scene::of(
        AgentId::Witness(RigName::new("gas").unwrap()),
        Run::OnDemand,
    )
}

/// A crew member, which a person runs.
pub(super) fn crew() -> Scene {
    let rig = RigName::new("gas").unwrap();
    Scene::of(
        AgentId::Crew(rig, WorkerName::new("max").unwrap()),
        Run::Never,
    )
}

impl Scene {
    fn of(id: AgentId, run_when: Run) -> Self {
        let facts = AgentFacts {
            id,
            run: run_when,
            poke: Poke::Owed,
            can_type: true,
            intent: Observed::Known(None),
            launch: Observed::Known(Ok(())),
            pane: Observed::Known(Some(Pane {
                session: "$1".to_owned(),
                pane: "%1".to_owned(),
                attached: None,
            })),
            name_taken: false,
            holder: Observed::Known(holder_running(1, at(-HOUR))),
            last_end: None,
            activity: Some(at(0)),
            shown: None,
            login_refused: None,
            owed: Observed::Known(Owed::default()),
            nudge: None,
            memory: crate::memory::AgentMemory::default(),
            in_flight: None,
            failure: None,
            fresh: run(99),
        };
        let snapshot = Snapshot {
            now: at(0),
            epoch: at(-24 * HOUR),
            down: Observed::Known(false),
            raised_at: None,
            frozen: None,
            agents: Vec::new(),
            requests: Vec::new(),
        };
        let policy = Policy {
            attached_quiet: Duration::from_secs(120),
            ..Policy::default()
        };
        Self {
            snapshot,
            facts,
            policy,
        }
    }

    /// The plan's text.
    pub(super) fn plan(mut self) -> String {
        self.snapshot.agents.push(self.facts);
        decide(&self.snapshot, &self.policy).to_string()
    }

    pub(super) fn set(mut self, change: impl FnOnce(&mut AgentFacts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// Its screen shows this, since then.
    pub(super) fn shows(self, state: ScreenState, second: i64) -> Self {
        let since = at(second);
        self.set(|facts| {
            facts.shown = Some(Shown {
                state,
                since,
                until: None,
            });
        })
    }

    /// It showed a minute ago that a limit ends then.
    pub(super) fn limited_until(self, second: i64) -> Self {
        let shown = Shown {
            state: ScreenState::Limited,
            since: at(-60),
            until: Some(at(second)),
        };
        self.set(|facts| facts.shown = Some(shown))
    }

    /// Another run of its account had its login refused.
    pub(super) fn login_refused_to(self, agent: &str, second: i64) -> Self {
        let agent = AgentId::from_canonical(agent).unwrap();
        self.set(|facts| facts.login_refused = Some((agent, at(second))))
    }

    pub(super) fn holder(self, holder: Holder) -> Self {
        self.set(|facts| facts.holder = Observed::Known(holder))
    }

    pub(super) fn no_pane(self) -> Self {
        self.set(|facts| facts.pane = Observed::Known(None))
    }

    pub(super) fn running(self, n: u128, since: Timestamp) -> Self {
        self.set(|facts| facts.activity = None)
            .holder(holder_running(n, since))
    }

    /// Run 1 ended; the seat is idle.
    pub(super) fn ended(self, end_at: Timestamp, how: End) -> Self {
        self.holder(Holder::Idle).set(|facts| {
            facts.activity = None;
            facts.last_end = Some(LastEnd {
                incarnation: run(1),
                at: end_at,
                how,
            });
        })
    }

    /// A message is queued for it, for ten minutes from now.
    pub(super) fn nudged(self, change: impl FnOnce(&mut NudgeFacts)) -> Self {
        let mut nudge = NudgeFacts {
            id: uuid::Uuid::from_u128(5),
            expiring: uuid::Uuid::from_u128(5),
            expires_at: at(10 * MINUTE),
            typing: None,
            tried: None,
        };
        change(&mut nudge);
        self.set(|facts| facts.nudge = Some(nudge))
    }

    pub(super) fn crashed(self, end_at: Timestamp) -> Self {
        self.ended(end_at, End::Exited(Exit::Code(1)))
    }

    pub(super) fn tmux_hangs(self) -> Self {
        self.set(|facts| facts.pane = Observed::unknown("it did not answer"))
    }

    pub(super) fn holder_hangs(self) -> Self {
        self.set(|facts| facts.holder = Observed::unknown("no answer on its socket"))
    }

    pub(super) fn frozen(mut self) -> Self {
        self.snapshot.frozen = Some(Reason("disk error".to_owned()));
        self
    }

    pub(super) fn down(mut self) -> Self {
        self.snapshot.down = Observed::Known(true);
        self
    }

    pub(super) fn epoch(mut self, epoch: Timestamp) -> Self {
        self.snapshot.epoch = epoch;
        self
    }

    /// Unread mail of an hour ago.
    pub(super) fn mail(self, unread: u32) -> Self {
        self.mail_of(unread, at(-HOUR))
    }

    pub(super) fn mail_of(self, unread: u32, newest: Timestamp) -> Self {
        let owed = Owed {
            mail: unread,
            newest: (unread > 0).then_some(newest),
        };
        self.set(|facts| facts.owed = Observed::Known(owed))
    }

    pub(super) fn active(self, stamp: Timestamp) -> Self {
        self.set(|facts| facts.activity = Some(stamp))
    }

    pub(super) fn attached(self, stamp: Timestamp) -> Self {
        self.set(|facts| {
            if let Observed::Known(Some(pane)) = &mut facts.pane {
                pane.attached = Some(stamp);
            }
        })
    }

    /// A person brought the town up then.
    pub(super) fn raised(mut self, when: Timestamp) -> Self {
        self.snapshot.raised_at = Some(when);
        self
    }

    pub(super) fn cannot_launch(self) -> Self {
        self.set(|facts| facts.launch = Observed::Known(Err("its work dir is missing".to_owned())))
    }

    pub(super) fn wish(self, desire: Desire, actor: &str, stamp: Timestamp) -> Self {
        self.set(|facts| {
            facts.intent = Observed::Known(Some(Intent {
                desire,
                actor: Actor::from(actor.to_owned()),
                reason: "asked".to_owned(),
                at: stamp,
            }));
        })
    }

    pub(super) fn store_unread(self) -> Self {
        self.set(|facts| facts.intent = Observed::unknown("the store was not read yet"))
    }

    pub(super) fn poked(self, stamp: Timestamp, misses: u32, result: PokeResult) -> Self {
        self.poked_run(1, stamp, misses, result)
    }

    pub(super) fn poked_run(
        self,
        n: u128,
        stamp: Timestamp,
        misses: u32,
        result: PokeResult,
    ) -> Self {
        self.set(|facts| {
            facts.memory.misses = misses;
            facts.memory.poke = Some(LastPoke {
                at: stamp,
                incarnation: run(n),
                result,
            });
        })
    }

    /// Restarts after exits, each so many seconds after noon.
    pub(super) fn restarted(self, seconds: &[i64]) -> Self {
        self.set(|facts| {
            facts.memory.attempts = seconds
                .iter()
                .map(|second| Attempt {
                    at: at(*second),
                    cause: Cause::Exited,
                })
                .collect();
        })
    }

    pub(super) fn circuit(self, opened_at: Timestamp, tries: u32, last_try_at: Timestamp) -> Self {
        self.set(|facts| {
            facts.memory.circuit = Some(Circuit {
                opened_at,
                tries,
                last_try_at,
                wish_at: None,
            });
        })
    }

    pub(super) fn failed(self, what: ActionKind, times: u32, stamp: Timestamp) -> Self {
        self.set(|facts| {
            facts.failure = Some(Failure {
                what,
                at: stamp,
                times,
                why: "it was refused".to_owned(),
            });
        })
    }

    pub(super) fn in_flight(self, what: ActionKind) -> Self {
        self.set(|facts| {
            facts.in_flight = Some(InFlight {
                what: Begun::Action(what),
                since: at(-1),
            });
        })
    }

    /// A request by the agent's run `n`, ten minutes long.
    pub(super) fn asks(self, n: u128, action: Asked, requested_at: i64) -> Self {
        let actor = self.facts.id.to_string();
        self.request(&actor, Some(n), action, requested_at)
    }

    pub(super) fn request(
        mut self,
        actor: &str,
        n: Option<u128>,
        action: Asked,
        requested_at: i64,
    ) -> Self {
        let id = Uuid::from_u128(1000 + self.snapshot.requests.len() as u128);
        let request = Request {
            id,
            agent: self.facts.id.clone(),
            incarnation: n.map(run),
            action,
            actor: Actor::from(actor.to_owned()),
            message: None,
            requested_at: at(requested_at),
            expires_at: at(requested_at + 10 * MINUTE),
        };
        self.snapshot.requests.push(RequestFacts {
            request,
            taken_at: None,
        });
        self
    }

    /// The last request was taken.
    pub(super) fn taken(mut self) -> Self {
        let last = self.snapshot.requests.last_mut().unwrap();
        last.taken_at = Some(last.request.requested_at);
        self
    }
}

/// A poke whose screen was not a prompt.
pub(super) fn not_typed(screen: Screen) -> PokeResult {
    PokeResult::NotTyped { screen, digest: 1 }
}
