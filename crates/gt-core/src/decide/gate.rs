//! The restart gate: the one way to a restart, for every caller.

use std::time::Duration;

use jiff::Timestamp;

use super::Seen;
use crate::intent::Desire;
use crate::memory::{AgentMemory, Attempt, Circuit};
use crate::policy::RestartPolicy;
use crate::time::{after, age};

/// What the gate says to a restart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Go on.
    Pass,
    /// Not before this.
    Hold { until: Timestamp, because: String },
    /// The budget is used up: the circuit has to be opened.
    Exhausted { because: String },
}

/// Asks the gate for a restart of an agent whose run ended at `ended_at`.
pub(super) fn gate(seen: &Seen<'_>, ended_at: Timestamp) -> Gate {
    let memory = &seen.facts.memory;
    let policy = &seen.policy.restart;
    if let Some(circuit) = &memory.circuit
        && !reset_by_person(seen, circuit)
    {
        return half_open(seen, circuit);
    }
    let recent = recent_attempts(memory, policy, seen);
    if recent >= policy.budget && memory.circuit.is_none() {
        return Gate::Exhausted {
            because: format!("restarted {recent} times within {:?}", policy.window),
        };
    }
    let delay = jittered(policy.delay(recent), &seen.facts.id.to_string(), recent);
    let waited = age(ended_at, seen.snapshot.epoch, seen.now());
    if waited >= delay {
        return Gate::Pass;
    }
    let left = delay.checked_sub(waited).unwrap_or_default();
    Gate::Hold {
        until: after(seen.now(), left),
        because: format!(
            "restart back-off ({recent} restarts within {:?})",
            policy.window
        ),
    }
}

/// A person who asked for the agent after the circuit opened has seen it and wants a new try.
fn reset_by_person(seen: &Seen<'_>, circuit: &Circuit) -> bool {
    seen.facts.intent.as_ref().is_some_and(|intent| {
        intent.desire == Desire::Up && intent.actor == "overseer" && intent.at > circuit.opened_at
    })
}

fn half_open(seen: &Seen<'_>, circuit: &Circuit) -> Gate {
    let pause = half_open_pause(&seen.policy.restart, circuit.tries);
    let waited = age(circuit.last_try_at, seen.snapshot.epoch, seen.now());
    if waited >= pause {
        return Gate::Pass;
    }
    Gate::Hold {
        until: after(seen.now(), pause.checked_sub(waited).unwrap_or_default()),
        because: format!(
            "crash loop: circuit open since {}, next try later",
            circuit.opened_at
        ),
    }
}

/// An hour, then twice as long each time, at most a day: a broken agent is tried again for as
/// long as it is wanted (F24).
fn half_open_pause(policy: &RestartPolicy, tries: u32) -> Duration {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    policy
        .half_open
        .saturating_mul(1 << tries.min(8))
        .min(LONGEST.max(policy.half_open))
}

/// Restarts that still count. One in the future (the clock was set back) counts.
fn recent_attempts(memory: &AgentMemory, policy: &RestartPolicy, seen: &Seen<'_>) -> u32 {
    let counts = |attempt: &&Attempt| {
        attempt.at > seen.now() || crate::time::elapsed(attempt.at, seen.now()) < policy.window
    };
    u32::try_from(memory.attempts.iter().filter(counts).count()).unwrap_or(u32::MAX)
}

/// `delay` with up to a tenth taken off or added, so that a fleet that died together does not come
/// back in step. Drawn from the agent's name and the count, which makes it repeatable.
fn jittered(delay: Duration, agent: &str, count: u32) -> Duration {
    let spread = crate::screen::digest(&format!("{agent}#{count}")) % 201;
    let per_mille = u32::try_from(spread).unwrap_or(100) + 900;
    delay * per_mille / 1000
}
