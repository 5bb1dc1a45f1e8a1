//! The decision: from what was seen to what shall be done.
//!
//! It takes nothing but the [`Snapshot`] and the [`Policy`], keeps nothing, and plans at most one
//! action per agent: the next beat, which every outcome wakes, plans the next one.

mod gate;
mod poke;
mod request;
mod seat;

#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::agent_id::AgentId;
use crate::plan::{Action, Plan, Step, Waiting};
use crate::policy::Policy;
use crate::snapshot::{AgentFacts, RequestFacts, Snapshot};

pub use poke::poke_text;
pub use seat::{Goal, goal};

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
            plan.steps
                .push(request::refuse(request, "no such agent in this town"));
        }
    }
    plan
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
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    },
}

impl Plan {
    fn add(&mut self, facts: &AgentFacts, verdict: Verdict) {
        match verdict {
            Verdict::AtGoal => {}
            Verdict::Do(step) => self.steps.push(*step),
            Verdict::Wait { on, since, until } => {
                self.waiting.push(Waiting {
                    agent: facts.id.clone(),
                    on,
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

    fn act(&self, action: Action, because: impl Into<String>) -> Verdict {
        Verdict::Do(Box::new(step(&self.facts.id, action, because)))
    }

    fn wait(&self, on: impl Into<String>) -> Verdict {
        Verdict::Wait {
            on: on.into(),
            since: None,
            until: None,
        }
    }

    fn wait_until(&self, on: impl Into<String>, until: Timestamp) -> Verdict {
        Verdict::Wait {
            on: on.into(),
            since: None,
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
            on: format!("`{}` to end", in_flight.what),
            since: Some(in_flight.since),
            until: None,
        };
    }
    match request::decide_requests(seen) {
        Verdict::AtGoal => seat::decide_seat(seen),
        verdict => verdict,
    }
}
