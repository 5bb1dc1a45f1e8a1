//! The decision: from what was seen to what shall be done.
//!
//! It takes nothing but the [`Snapshot`] and the [`Policy`], keeps nothing, and plans at most one
//! action per agent: the next beat, which every outcome wakes, plans the next one.

mod gate;
mod nudge;
mod poke;
mod request;
mod seat;

#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::agent_id::AgentId;
use crate::lifecycle::Request;
use crate::observed::Observed;
use crate::plan::{Action, Plan, Step, WaitKind, Waiting};
use crate::policy::Policy;
use crate::screen::ScreenState;
use crate::snapshot::{AgentFacts, Begun, Failure, InFlight, RequestFacts, Shown, Snapshot};
use crate::time::{after, age};

pub use poke::poke_text;
pub use seat::{Goal, goal, is_to_end, look_at_launches};

/// Decides one beat.
pub fn decide(snapshot: &Snapshot, policy: &Policy) -> Plan {
    let mut plan = Plan::default();
    for facts in &snapshot.agents {
        let seen = Seen {
            snapshot,
            policy,
            facts,
        };
        plan.add(facts, decide_agent(&seen));
    }
    for RequestFacts { request, .. } in &snapshot.requests {
        if !snapshot
            .agents
            .iter()
            .any(|facts| facts.id == request.agent)
        {
            refuse_unknown_agent(&mut plan, snapshot, request);
        }
    }
    plan
}

fn refuse_unknown_agent(plan: &mut Plan, snapshot: &Snapshot, request: &Request) {
    match &snapshot.frozen {
        None => plan
            .steps
            .push(request::refuse(request, "no such agent in this town")),
        Some(reason) => plan.waiting.push(Waiting {
            agent: request.agent.clone(),
            on: format!("the store, before a request is closed: {reason}"),
            kind: WaitKind::Passing,
            since: Some(request.requested_at),
            until: None,
        }),
    }
}

/// What one agent's decision looks at.
struct Seen<'a> {
    snapshot: &'a Snapshot,
    policy: &'a Policy,
    facts: &'a AgentFacts,
}

/// One agent's part of the plan.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// It is as it should be.
    AtGoal,
    /// Something is to be done.
    Do(Box<Step>),
    /// Something is to be done, and cannot be done now.
    Wait {
        on: String,
        kind: WaitKind,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    },
}

impl Plan {
    fn add(&mut self, facts: &AgentFacts, verdict: Verdict) {
        match verdict {
            Verdict::AtGoal => {}
            Verdict::Do(step) => self.steps.push(*step),
            Verdict::Wait {
                on,
                kind,
                since,
                until,
            } => {
                self.waiting.push(Waiting {
                    agent: facts.id.clone(),
                    on,
                    kind,
                    since,
                    until,
                });
            }
        }
    }
}

impl Seen<'_> {
    fn now(&self) -> Timestamp {
        self.snapshot.now
    }

    fn is_later(&self, stamp: Timestamp, other: Timestamp) -> bool {
        self.snapshot.is_later(stamp, other)
    }

    /// What its screen shows, if it is this.
    fn shows(&self, state: ScreenState) -> Option<Shown> {
        self.facts.shown.filter(|shown| shown.state == state)
    }

    /// Whether its screen asks a person something.
    fn shows_dialog(&self) -> bool {
        self.facts
            .shown
            .is_some_and(|shown| shown.state.is_dialog())
    }

    /// Whether it came back to its prompt since then.
    fn is_back_at_prompt_since(&self, stamp: Timestamp) -> bool {
        self.shows(ScreenState::Idle)
            .is_some_and(|shown| self.is_later(shown.since, stamp))
    }

    fn act(&self, action: Action, because: impl Into<String>) -> Verdict {
        Verdict::Do(Box::new(step(&self.facts.id, action, because)))
    }

    fn wait(&self, on: impl Into<String>) -> Verdict {
        Verdict::Wait {
            on: on.into(),
            kind: WaitKind::Passing,
            since: None,
            until: None,
        }
    }

    fn wait_until(&self, on: impl Into<String>, until: Timestamp) -> Verdict {
        Verdict::Wait {
            on: on.into(),
            kind: WaitKind::Passing,
            since: None,
            until: Some(until),
        }
    }

    /// The gate's wait, for whatever it holds back since `since`.
    fn wait_at_gate(&self, because: String, since: Option<Timestamp>, until: Timestamp) -> Verdict {
        Verdict::Wait {
            on: because,
            kind: WaitKind::Gate,
            since,
            until: Some(until),
        }
    }
}

fn step(agent: &AgentId, action: Action, because: impl Into<String>) -> Step {
    Step {
        agent: agent.clone(),
        action,
        because: because.into(),
    }
}

fn decide_agent(seen: &Seen<'_>) -> Verdict {
    if let Some(in_flight) = &seen.facts.in_flight {
        return Verdict::Wait {
            on: under_way(in_flight, seen.facts.failure.as_ref()),
            kind: WaitKind::Passing,
            since: Some(in_flight.since),
            until: None,
        };
    }
    if let (Observed::Unknown(reason), false) = (&seen.facts.intent, seen.snapshot.is_down()) {
        // It may be one to stop, or one that was told to wait for a person.
        return seen.wait(format!("what is wished of it: {reason}"));
    }
    let seat = seat::decide_seat(seen);
    let closing = request::decide_requests(seen).or(nudge::decide_end(seen));
    let verdict = match goal(seen.snapshot, seen.facts) {
        // Down wins: no request that waits or cannot be stored keeps a run alive (F39).
        Goal::Down(_) => seat.or(closing),
        Goal::Up(_) | Goal::Either | Goal::Unknown(_) => closing.or(seat),
    };
    let verdict = verdict.or(nudge::await_end(seen));
    spaced(seen, verdict)
}

impl Verdict {
    /// The first that has something to do, or else the first that waits, looking again when
    /// either would.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::AtGoal, verdict) | (verdict, Self::AtGoal) => verdict,
            (step @ Self::Do(_), _) | (Self::Wait { .. }, step @ Self::Do(_)) => step,
            (
                Self::Wait {
                    on,
                    kind,
                    since,
                    until,
                },
                Self::Wait {
                    until: other_until, ..
                },
            ) => Self::Wait {
                on,
                kind,
                since,
                until: until.into_iter().chain(other_until).min(),
            },
        }
    }
}

/// Holds a step back after its like failed: the next beat is the retry, and this is what spaces
/// it.
fn spaced(seen: &Seen<'_>, verdict: Verdict) -> Verdict {
    let (Verdict::Do(step), Some(failure)) = (&verdict, &seen.facts.failure) else {
        return verdict;
    };
    let pause = seen.policy.restart.delay(failure.times);
    let waited = age(failure.at, seen.snapshot.epoch, seen.now());
    if failure.what != step.action.kind() || waited >= pause {
        return verdict;
    }
    Verdict::Wait {
        on: format!(
            "the next try of `{0}`{1}",
            failure.what,
            tried(Some(failure), Begun::Action(failure.what))
        ),
        kind: WaitKind::Passing,
        since: Some(failure.at),
        until: Some(after(seen.now(), pause.saturating_sub(waited))),
    }
}

/// What an agent waits on while this is under way.
pub fn under_way(in_flight: &InFlight, failure: Option<&Failure>) -> String {
    let tried = tried(failure, in_flight.what);
    format!("`{}` to end{tried}", in_flight.what)
}

/// What a wait for this action says of its tries that failed.
fn tried(failure: Option<&Failure>, what: Begun) -> String {
    match failure {
        Some(failure) if Begun::Action(failure.what) == what => {
            let often = match failure.times {
                1 => "once".to_owned(),
                times => format!("{times} times in a row"),
            };
            format!("; it failed {often}: {}", failure.why)
        }
        _ => String::new(),
    }
}
