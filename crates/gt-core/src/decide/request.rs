//! Lifecycle requests: carried out at most once, for the run that asked, before they expire.

use super::gate::{Gate, admits};
use super::seat::{Goal, goal};
use super::{Seen, Verdict, step};
use crate::incarnation::IncarnationId;
use crate::lifecycle::{Action as Asked, Request};
use crate::observed::Observed;
use crate::plan::{Action, RequestEnd, Step, StopPurpose, WaitKind};
use crate::snapshot::{Holder, RequestFacts};
use crate::time::elapsed;

/// What to do about the agent's requests; `AtGoal` when none needs anything. While the store
/// cannot be read they wait: neither taking nor closing one could be recorded.
pub(super) fn decide_requests(seen: &Seen<'_>) -> Verdict {
    let mine = || {
        let requests = &seen.snapshot.requests;
        requests
            .iter()
            .filter(|facts| facts.request.agent == seen.facts.id)
    };
    let one_is_taken = mine().any(|facts| facts.taken_at.is_some());
    let verdict = mine()
        .map(|facts| match facts.taken_at {
            Some(_) => carry_out(seen, &facts.request),
            None => consider(seen, facts, one_is_taken),
        })
        .fold(Verdict::AtGoal, Verdict::or);
    match (verdict, &seen.snapshot.frozen) {
        (Verdict::Do(_), Some(reason)) => seen.wait(format!("the store: {reason}")),
        (verdict, _) => verdict,
    }
}

pub(super) fn refuse(request: &Request, because: &str) -> Step {
    step(&request.agent, close(request, RequestEnd::Refused), because)
}

fn close(request: &Request, end: RequestEnd) -> Action {
    Action::CloseRequest {
        request: request.id,
        end,
    }
}

/// An open request: whether to take it. One at a time is taken.
fn consider(seen: &Seen<'_>, facts: &RequestFacts, one_is_taken: bool) -> Verdict {
    let request = &facts.request;
    let refuse = |because: &str| seen.act(close(request, RequestEnd::Refused), because);
    if is_expired(seen, request) {
        let because = "it was not carried out in time";
        return seen.act(close(request, RequestEnd::Expired), because);
    }
    let holder = match &seen.facts.holder {
        Observed::Known(holder) => holder,
        Observed::Unknown(reason) => return seen.wait(format!("its holder: {reason}")),
    };
    let Some(incarnation) = concerned(seen, request, holder) else {
        return refuse("the run that asked is not the one that runs");
    };
    if !request.actor.may_stop(&seen.facts.id) {
        return refuse("only a person or itself may ask this of it");
    }
    if one_is_taken {
        return Verdict::AtGoal;
    }
    let lack = |on, kind| Verdict::Wait {
        on,
        kind,
        since: Some(request.requested_at),
        until: Some(request.expires_at),
    };
    if request.action != Asked::Shutdown {
        if let Some(lacking) = cannot_launch(seen) {
            let on = format!("{lacking}: `{}` would leave it dead", request.action);
            return lack(on, WaitKind::Passing);
        }
        match admits(seen) {
            _ if request.actor.is_person() => {}
            Gate::Pass => {}
            Gate::Hold { until, because } => {
                return lack(because, WaitKind::Gate).or(seen.wait_until("the gate", until));
            }
            Gate::Exhausted { because } => return refuse(&because),
        }
    }
    let take = Action::TakeRequest {
        request: request.id,
        incarnation,
    };
    seen.act(
        take,
        format!("{} asked for {}", request.actor, request.action),
    )
}

/// A taken request: the next step towards its end. Safe to repeat after a crash, since it only
/// ever stops the run that asked.
fn carry_out(seen: &Seen<'_>, request: &Request) -> Verdict {
    let holder = match &seen.facts.holder {
        Observed::Known(holder) => holder,
        Observed::Unknown(reason) => return seen.wait(format!("its holder: {reason}")),
    };
    let done = || {
        let because = format!("{} is carried out", request.action);
        seen.act(close(request, RequestEnd::Done), because)
    };
    match holder {
        Holder::Running { .. } => match concerned(seen, request, holder) {
            Some(incarnation) => stop(seen, request, incarnation),
            None => done(),
        },
        Holder::Stopping { .. } => seen.wait("its run to stop"),
        Holder::Orphaned { .. } => Verdict::AtGoal,
        Holder::Idle | Holder::Gone if request.action == Asked::Shutdown => done(),
        Holder::Idle | Holder::Gone => match goal(seen.snapshot, seen.facts) {
            Goal::Down(why) => seen.act(close(request, RequestEnd::Refused), why),
            Goal::Up(_) | Goal::Either | Goal::Unknown(_) => Verdict::AtGoal,
        },
    }
}

fn stop(seen: &Seen<'_>, request: &Request, incarnation: IncarnationId) -> Verdict {
    if is_expired(seen, request) {
        let because = "its time was over before the run was stopped";
        return seen.act(close(request, RequestEnd::Expired), because);
    }
    if request.action != Asked::Shutdown
        && let Some(lack) = cannot_launch(seen)
    {
        let on = format!("{lack}: `{}` would leave it dead", request.action);
        return seen.wait_until(on, request.expires_at);
    }
    let action = Action::Stop {
        incarnation,
        purpose: StopPurpose::Request,
    };
    seen.act(
        action,
        format!("{} asked for {}", request.actor, request.action),
    )
}

/// Whether its time is over. One that was asked in the future (the clock was set back) has its
/// time from the epoch.
fn is_expired(seen: &Seen<'_>, request: &Request) -> bool {
    let now = seen.now();
    let allowed = elapsed(request.requested_at, request.expires_at);
    request.expires_at <= now
        || (request.requested_at > now && elapsed(seen.snapshot.epoch, now) >= allowed)
}

/// The run that the request is about, if that is what the holder runs.
fn concerned(seen: &Seen<'_>, request: &Request, holder: &Holder) -> Option<IncarnationId> {
    let Holder::Running {
        incarnation, since, ..
    } = holder
    else {
        return None;
    };
    let is_it = match request.incarnation {
        Some(asked) => asked == *incarnation,
        None => !seen.is_later(*since, request.requested_at),
    };
    is_it.then_some(*incarnation)
}

/// Why no successor could be started, if none could.
pub(super) fn cannot_launch(seen: &Seen<'_>) -> Option<String> {
    match &seen.facts.launch {
        Observed::Known(Ok(())) => None,
        Observed::Known(Err(lack)) => Some(lack.clone()),
        Observed::Unknown(reason) => Some(format!("whether it can be started ({reason})")),
    }
}
