//! Lifecycle requests: carried out at most once, for the run that asked, before they expire.

use super::{Seen, Verdict, step};
use crate::lifecycle::{Action as Asked, Request};
use crate::observed::Observed;
use crate::plan::{Action, RequestEnd, Step, StopPurpose};
use crate::snapshot::{Holder, RequestFacts};

/// What to do about the agent's first request that needs something; `AtGoal` when none does.
pub(super) fn decide_requests(seen: &Seen<'_>) -> Verdict {
    seen.snapshot
        .requests
        .iter()
        .filter(|facts| facts.request.agent == seen.facts.id)
        .map(|facts| decide_request(seen, facts))
        .find(|verdict| *verdict != Verdict::AtGoal)
        .unwrap_or(Verdict::AtGoal)
}

pub(super) fn refuse(request: &Request, because: &str) -> Step {
    let action = Action::CloseRequest {
        request: request.id,
        end: RequestEnd::Refused,
    };
    step(&request.agent, action, because)
}

fn decide_request(seen: &Seen<'_>, facts: &RequestFacts) -> Verdict {
    let request = &facts.request;
    let holder = match &seen.facts.holder {
        Observed::Known(holder) => holder,
        Observed::Unknown(reason) => return seen.wait(format!("its holder: {reason}")),
    };
    match facts.taken_at {
        Some(_) => carry_out(seen, request, holder),
        None => consider(seen, request, holder),
    }
}

/// An open request: whether to take it.
fn consider(seen: &Seen<'_>, request: &Request, holder: &Holder) -> Verdict {
    let close = |end, because: &str| {
        seen.act(
            Action::CloseRequest {
                request: request.id,
                end,
            },
            because,
        )
    };
    if request.expires_at <= seen.now() {
        return close(RequestEnd::Expired, "it was not carried out in time");
    }
    if !concerns(request, holder) {
        return close(
            RequestEnd::Refused,
            "the run that asked is not the one that runs",
        );
    }
    if request.action != Asked::Shutdown
        && let Some(lack) = cannot_launch(seen)
    {
        return Verdict::Wait {
            on: format!("{lack}: `{}` would leave it dead", request.action),
            since: Some(request.requested_at),
            until: Some(request.expires_at),
        };
    }
    let because = format!("{} asked for {}", request.actor, request.action);
    seen.act(
        Action::TakeRequest {
            request: request.id,
        },
        because,
    )
}

/// A taken request: the next step towards its end. Safe to repeat after a crash, since it only
/// ever stops the run that asked.
fn carry_out(seen: &Seen<'_>, request: &Request, holder: &Holder) -> Verdict {
    let done = || {
        let action = Action::CloseRequest {
            request: request.id,
            end: RequestEnd::Done,
        };
        seen.act(action, format!("{} is carried out", request.action))
    };
    match holder {
        Holder::Running { incarnation, .. } if concerns(request, holder) => {
            let action = Action::Stop {
                incarnation: *incarnation,
                purpose: StopPurpose::Request,
            };
            seen.act(
                action,
                format!("{} asked for {}", request.actor, request.action),
            )
        }
        Holder::Stopping { .. } => seen.wait("its run to stop"),
        Holder::Orphaned { .. } => Verdict::AtGoal,
        Holder::Running { .. } => done(),
        Holder::Idle | Holder::Gone if request.action == Asked::Shutdown => done(),
        Holder::Idle | Holder::Gone => Verdict::AtGoal,
    }
}

/// Whether the request is about what the holder runs.
fn concerns(request: &Request, holder: &Holder) -> bool {
    match holder {
        Holder::Running {
            incarnation, since, ..
        } => match request.incarnation {
            Some(asked) => asked == *incarnation,
            None => *since <= request.requested_at,
        },
        Holder::Gone | Holder::Orphaned { .. } | Holder::Idle | Holder::Stopping { .. } => false,
    }
}

/// Why no successor could be started, if none could.
pub(super) fn cannot_launch(seen: &Seen<'_>) -> Option<String> {
    match &seen.facts.launch {
        Observed::Known(Ok(())) => None,
        Observed::Known(Err(lack)) => Some(lack.clone()),
        Observed::Unknown(reason) => Some(format!("whether it can be started ({reason})")),
    }
}
