//! The restart gate: the one way to a restart, for every caller.

use std::time::Duration;

use jiff::Timestamp;

use super::{Seen, Verdict};
use crate::memory::{Attempt, Cause, Circuit};
use crate::plan::{Action, ActionKind};
use crate::policy::RestartPolicy;
use crate::snapshot::{End, LastEnd};
use crate::time::{after, age, elapsed, short};

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

/// Asks whether one more restart may be made at all, before a run is stopped for it. The back-off
/// is no part of it: that is the pause between the stop and the start.
pub(super) fn admits(seen: &Seen<'_>) -> Gate {
    let policy = &seen.policy.restart;
    if let Some(circuit) = &seen.facts.memory.circuit {
        return half_open(seen, circuit);
    }
    if is_circuit_untold(seen) {
        return Gate::Exhausted {
            because: "it restarted too often, and nobody could be told so until now".to_owned(),
        };
    }
    let recent = recent_attempts(seen);
    if recent >= policy.budget {
        return Gate::Exhausted {
            because: format!("restarted {recent} times within {}", short(policy.window)),
        };
    }
    Gate::Pass
}

/// Asks for the start of a successor to a run that ended so. A fresh run that was asked for is no
/// crash: nothing paces it but the budget.
pub(super) fn gate(seen: &Seen<'_>, end: &LastEnd) -> Gate {
    match admits(seen) {
        Gate::Pass if seen.facts.memory.circuit.is_none() && end.how != End::Requested => {
            back_off(seen, end.at, recent_crashes(seen))
        }
        answer => answer,
    }
}

/// The pause since the run's end, and since the last start that came to nothing.
fn back_off(seen: &Seen<'_>, ended_at: Timestamp, recent: u32) -> Gate {
    let policy = &seen.policy.restart;
    let delay = jittered(policy.delay(recent), &seen.facts.id.to_string(), recent);
    let since = |stamp| age(stamp, seen.snapshot.epoch, seen.now());
    let last = seen.facts.memory.attempts.last();
    let waited = last
        .map(|attempt| since(attempt.at))
        .into_iter()
        .chain([since(ended_at)])
        .min()
        .unwrap_or_default();
    if waited >= delay {
        return Gate::Pass;
    }
    Gate::Hold {
        until: after(seen.now(), delay.saturating_sub(waited)),
        because: format!(
            "restart back-off ({recent} {} within {})",
            if recent == 1 { "restart" } else { "restarts" },
            short(policy.window)
        ),
    }
}

/// Whether the circuit was to be opened and nobody could be told so: until somebody is, or a person
/// asks for the agent, the budget stays used up, however old the attempts grow.
fn is_circuit_untold(seen: &Seen<'_>) -> bool {
    let failure = seen.facts.failure.as_ref();
    failure.is_some_and(|failure| {
        let asked = seen.facts.wish_of_person_to_run();
        failure.what == ActionKind::OpenCircuit
            && age(failure.at, seen.snapshot.epoch, seen.now()) < seen.policy.restart.window
            && asked.is_none_or(|wish| !seen.is_later(wish.at, failure.at))
            && !was_raised_since(seen, failure.at)
    })
}

/// Opens the circuit, so that no wish of before closes it again.
pub(super) fn open_circuit(seen: &Seen<'_>, because: String) -> Verdict {
    let wish_at = seen.facts.wish().map(|intent| intent.at);
    seen.act(Action::OpenCircuit { wish_at }, because)
}

/// Whether a person asked for the agent since the circuit opened, and so has seen it, or brought the
/// whole town up: that gives a new budget, and no more than that.
pub(super) fn is_pardoned(seen: &Seen<'_>) -> bool {
    seen.facts.memory.circuit.as_ref().is_some_and(|circuit| {
        let wish = seen.facts.wish_of_person_to_run();
        wish.is_some_and(|wish| circuit.wish_at != Some(wish.at))
            || was_raised_since(seen, circuit.opened_at)
    })
}

/// Whether a person brought the town up since then.
fn was_raised_since(seen: &Seen<'_>, stamp: Timestamp) -> bool {
    let raised = seen.snapshot.raised_at;
    raised.is_some_and(|raised| seen.is_later(raised, stamp))
}

fn half_open(seen: &Seen<'_>, circuit: &Circuit) -> Gate {
    let pause = half_open_pause(&seen.policy.restart, circuit.tries);
    let waited = age(circuit.last_try_at, seen.snapshot.epoch, seen.now());
    if waited >= pause {
        return Gate::Pass;
    }
    Gate::Hold {
        until: after(seen.now(), pause.saturating_sub(waited)),
        because: format!(
            "crash loop: the circuit is open since {:.3}",
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

/// Restarts that still count.
fn recent_attempts(seen: &Seen<'_>) -> u32 {
    count_recent(seen, |_| true)
}

/// Those of them that nobody asked for.
fn recent_crashes(seen: &Seen<'_>) -> u32 {
    count_recent(seen, |attempt| attempt.cause != Cause::Requested)
}

fn count_recent(seen: &Seen<'_>, counts: impl Fn(&Attempt) -> bool) -> u32 {
    let attempts = seen.facts.memory.attempts.iter();
    let count = attempts
        .filter(|attempt| counts(attempt) && is_recent(seen, attempt.at))
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// One in the future (the clock was set back) was made at the epoch, for all that is known.
/// One from before the epoch is as old as it says: a daemon's restart renews no old attempts.
fn is_recent(seen: &Seen<'_>, at: Timestamp) -> bool {
    let from = if at > seen.now() {
        seen.snapshot.epoch
    } else {
        at
    };
    elapsed(from, seen.now()) < seen.policy.restart.window && !was_raised_since(seen, at)
}

/// `delay` with up to a tenth taken off or added, so that a fleet that died together does not come
/// back in step. Drawn from the agent's name and the count, which makes it repeatable.
fn jittered(delay: Duration, agent: &str, count: u32) -> Duration {
    let spread = crate::screen::digest(&format!("{agent}#{count}")) % 201;
    let per_mille = u32::try_from(spread).unwrap_or(100) + 900;
    delay * per_mille / 1000
}
