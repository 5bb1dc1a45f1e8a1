//! The seat of one agent: session, holder, run.

use jiff::Timestamp;

use super::gate::{Gate, gate};
use super::request::cannot_launch;
use super::{Seen, Verdict, poke};
use crate::intent::Desire;
use crate::memory::Cause;
use crate::observed::Observed;
use crate::plan::{Action, StopPurpose};
use crate::policy::Run;
use crate::snapshot::{AgentFacts, End, Holder, LastEnd, Pane, Snapshot};
use crate::time::{after, age};

/// What is wanted of an agent, all things considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// It shall run; why.
    Up(String),
    /// It shall not run; why.
    Down(String),
    /// It may run and need not.
    Either,
    /// It cannot be said now; why.
    Unknown(String),
}

/// What is wanted of this agent.
pub fn goal(snapshot: &Snapshot, facts: &AgentFacts) -> Goal {
    if snapshot.down {
        return Goal::Down("the town is down".to_owned());
    }
    if let Some(intent) = &facts.intent {
        let why = format!(
            "{} by {}: {}",
            intent.desire.as_str(),
            intent.actor,
            intent.reason
        );
        return match intent.desire {
            Desire::Up => Goal::Up(why),
            Desire::Down | Desire::Parked => Goal::Down(why),
        };
    }
    match (facts.run, &facts.owed) {
        (Run::Always, _) => Goal::Up("its role always runs".to_owned()),
        (Run::OnDemand, Observed::Known(owed)) if owed.anything() => {
            Goal::Up(format!("it owes {} unread messages", owed.mail))
        }
        (Run::OnDemand, Observed::Unknown(reason)) => {
            Goal::Unknown(format!("what it owes ({reason})"))
        }
        (Run::OnDemand, Observed::Known(_)) | (Run::Never, _) => Goal::Either,
    }
}

pub(super) fn decide_seat(seen: &Seen<'_>) -> Verdict {
    let holder = match &seen.facts.holder {
        Observed::Known(holder) => holder,
        Observed::Unknown(reason) => return seen.wait(format!("its holder: {reason}")),
    };
    if let Holder::Orphaned {
        incarnation,
        survivors,
    } = holder
    {
        return sweep(seen, *incarnation, *survivors);
    }
    match goal(seen.snapshot, seen.facts) {
        Goal::Up(why) => up(seen, holder, &why),
        Goal::Down(why) => down(seen, holder, &why),
        Goal::Either => rest(seen, holder),
        Goal::Unknown(what) => match holder {
            Holder::Running { .. } => rest(seen, holder),
            _ => seen.wait(what),
        },
    }
}

/// What a killed holder left is killed before anything else: never two runs alive at once.
fn sweep(seen: &Seen<'_>, incarnation: crate::IncarnationId, survivors: usize) -> Verdict {
    if let Some(reason) = &seen.snapshot.frozen {
        return seen.wait(format!(
            "the store, before {survivors} left processes are ended: {reason}"
        ));
    }
    let because = format!("its holder is gone and left {survivors} processes");
    seen.act(Action::Sweep { incarnation }, because)
}

fn up(seen: &Seen<'_>, holder: &Holder, why: &str) -> Verdict {
    match holder {
        Holder::Running {
            incarnation, since, ..
        } => running(seen, *incarnation, *since),
        Holder::Stopping { .. } => seen.wait("its run to stop"),
        Holder::Idle => start(seen, why),
        Holder::Gone | Holder::Orphaned { .. } => create(seen, why),
    }
}

/// A run without a goal against it: close the circuit, poke it.
fn running(seen: &Seen<'_>, incarnation: crate::IncarnationId, since: Timestamp) -> Verdict {
    if seen.facts.memory.circuit.is_some() {
        let window = seen.policy.restart.window;
        let ran = age(since, seen.snapshot.epoch, seen.now());
        if ran >= window {
            return seen.act(Action::CloseCircuit, format!("it has run for {window:?}"));
        }
    }
    match poke::decide_poke(seen, incarnation, since) {
        Verdict::AtGoal if seen.facts.memory.circuit.is_some() => seen.wait_until(
            "its run to last before the circuit closes",
            after(since.max(seen.snapshot.epoch), seen.policy.restart.window),
        ),
        verdict => verdict,
    }
}

fn start(seen: &Seen<'_>, why: &str) -> Verdict {
    match may_start(seen, why) {
        Ok(cause) => {
            let because = match seen.facts.last_end {
                Some(end) if cause != Cause::Wanted => describe_end(&end),
                _ => why.to_owned(),
            };
            seen.act(
                Action::Start {
                    incarnation: seen.facts.fresh,
                    cause,
                },
                because,
            )
        }
        Err(verdict) => verdict,
    }
}

fn create(seen: &Seen<'_>, why: &str) -> Verdict {
    match &seen.facts.pane {
        Observed::Unknown(reason) => seen.wait(format!("tmux: {reason}")),
        Observed::Known(Some(pane)) => remove(seen, pane, "its pane has no holder"),
        Observed::Known(None) => match may_start(seen, why) {
            Ok(_) => seen.act(Action::CreateSession, why),
            Err(verdict) => verdict,
        },
    }
}

/// The cause of a start, if everything allows one now.
fn may_start(seen: &Seen<'_>, why: &str) -> Result<Cause, Verdict> {
    if let Some(lack) = cannot_launch(seen) {
        return Err(seen.wait(format!("{lack} ({why})")));
    }
    let Some(end) = seen.facts.last_end else {
        return Ok(Cause::Wanted);
    };
    let cause = match end.how {
        End::Dismissed => return Ok(Cause::Wanted),
        End::Exited(_) => Cause::Exited,
        End::Lost => Cause::SeatLost,
        End::Requested => Cause::Requested,
        End::Unresponsive => Cause::Unresponsive,
    };
    match gate(seen, end.at) {
        Gate::Pass => Ok(cause),
        Gate::Hold { until, because } => Err(Verdict::Wait {
            on: because,
            since: Some(end.at),
            until: Some(until),
        }),
        Gate::Exhausted { because } => Err(seen.act(Action::OpenCircuit, because)),
    }
}

fn describe_end(end: &LastEnd) -> String {
    match end.how {
        End::Exited(exit) => format!("its run ended with {exit}"),
        End::Lost => "its seat was lost".to_owned(),
        End::Requested => "a fresh run was asked for".to_owned(),
        End::Unresponsive => "its run left pokes unanswered".to_owned(),
        End::Dismissed => "it was stopped".to_owned(),
    }
}

/// The way down. Only a person's wish, a request or the town's end leads here, so it is never
/// frozen.
fn down(seen: &Seen<'_>, holder: &Holder, why: &str) -> Verdict {
    match holder {
        Holder::Running { incarnation, .. } => {
            let purpose = StopPurpose::Dismiss;
            seen.act(
                Action::Stop {
                    incarnation: *incarnation,
                    purpose,
                },
                why,
            )
        }
        Holder::Stopping { .. } => seen.wait("its run to stop"),
        Holder::Idle | Holder::Gone | Holder::Orphaned { .. } => match &seen.facts.pane {
            Observed::Known(Some(pane)) => remove(seen, pane, why),
            Observed::Known(None) if *holder == Holder::Gone => Verdict::AtGoal,
            Observed::Known(None) => seen.wait("its holder to end"),
            Observed::Unknown(reason) => seen.wait(format!("tmux: {reason}")),
        },
    }
}

fn remove(seen: &Seen<'_>, pane: &Pane, why: &str) -> Verdict {
    seen.act(Action::RemoveSession { pane: pane.clone() }, why)
}

/// Neither wanted nor unwanted: a run goes on, an empty seat stays empty.
fn rest(seen: &Seen<'_>, holder: &Holder) -> Verdict {
    match holder {
        Holder::Running {
            incarnation, since, ..
        } => running(seen, *incarnation, *since),
        Holder::Stopping { .. } => seen.wait("its run to stop"),
        Holder::Idle | Holder::Gone | Holder::Orphaned { .. } => Verdict::AtGoal,
    }
}
