//! The agents: whether they could be started, with which environment, and what runs that is
//! nobody's. What runs is only reported: to end it is a person's decision.

use std::collections::BTreeMap;
use std::time::Duration;

use gt_api::view::Check;
use gt_core::observed::{Observed, chain};
use gt_core::policy::Run;
use gt_core::{AgentId, ProcessId};
use gt_host::agent_environment::{Captured, Change, Difference};
use gt_host::holder::{self, StateError, protocol::Report};
use gt_host::identity::Caller;
use gt_host::roster::{self, SeatSpec};
use gt_host::{environment, process};

use super::{Patient, error, ok, unseen, warning};
use crate::context::Context;

/// How long tmux may take for one answer.
const TMUX: Duration = Duration::from_secs(5);

/// Whether each agent's program and work directory are there.
pub(super) fn programs(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "agent programs";
    let roster = match patient.roster() {
        Ok(roster) => roster,
        Err(problem) => return Some(unseen(NAME, problem.sentence())),
    };
    let captured = Captured::read(patient.paths()).ok().flatten();
    let captured = captured.and_then(|captured| Some(captured.variables.get("PATH")?.to_owned()));
    let path = captured
        .or_else(|| environment::variable("PATH"))
        .unwrap_or_default();
    let wanted = roster.seats.iter().filter(|seat| seat.run != Run::Never);
    let found = wanted.map(|seat| (seat, roster::launch_readiness(seat, &path)));
    let own = environment::variable("PATH").unwrap_or_default();
    let is_ready =
        |seat: &SeatSpec| roster::launch_readiness(seat, &own) == Observed::Known(Ok(()));
    Some(programs_of(found.collect(), is_ready))
}

/// One line a reason, with all it keeps from starting. `is_ready_here` tells whether this shell's
/// own PATH would do.
fn programs_of(
    seats: Vec<(&SeatSpec, Observed<Result<(), String>>)>,
    is_ready_here: impl Fn(&SeatSpec) -> bool,
) -> Check {
    const NAME: &str = "agent programs";
    let count = seats.len();
    let mut reasons: BTreeMap<String, Vec<&SeatSpec>> = BTreeMap::new();
    for (seat, readiness) in seats {
        match readiness {
            Observed::Known(Ok(())) => {}
            Observed::Known(Err(reason)) => reasons.entry(reason).or_default().push(seat),
            Observed::Unknown(reason) => {
                reasons.entry(reason.to_string()).or_default().push(seat);
            }
        }
    }
    if reasons.is_empty() {
        return ok(NAME, format!("{count} agents could be started"));
    }
    let lines = reasons.iter().map(|(reason, seats)| {
        let agents: Vec<String> = seats.iter().map(|seat| seat.agent.to_string()).collect();
        format!("{}: {reason}", agents.join(", "))
    });
    let message = lines.collect::<Vec<_>>().join("\n");
    let hint = match reasons.values().flatten().all(|seat| is_ready_here(seat)) {
        true => "your PATH has it, the captured one has not: `gt up` takes yours for the next runs",
        false => {
            "install it, or name another with `gt config set roles.ROLE.agent AGENT`; if another \
             shell finds it, `gt up` there"
        }
    };
    let is_wanted = |seat: &&SeatSpec| seat.run == Run::Always;
    if reasons.values().flatten().any(is_wanted) {
        return error(NAME, message, hint);
    }
    warning(NAME, message, hint)
}

/// How a person's environment differs from the one that agents get: names only, never values.
pub(super) fn environment(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "environment";
    // An agent's own environment differs by what makes it an agent's.
    patient
        .caller()
        .ok()
        .filter(|caller| *caller == Caller::Overseer)?;
    let captured = match Captured::read(patient.paths()) {
        Ok(Some(captured)) => captured,
        Ok(None) => return Some(ok(NAME, "none captured yet; the first `gt up` does")),
        Err(problem) => return Some(unseen(NAME, chain(&problem))),
    };
    let config = match patient.config() {
        Ok(config) => config,
        Err(problem) => return Some(unseen(NAME, problem.sentence())),
    };
    let now = Captured::take(environment::all(), &config, gt_host::clock::now());
    Some(environment_of(
        &captured.variables.differences(&now.variables),
    ))
}

fn environment_of(differences: &[Difference]) -> Check {
    const NAME: &str = "environment";
    if differences.is_empty() {
        return ok(NAME, "agents get what you have");
    }
    let words = differences.iter().map(|difference| {
        let change = match difference.change {
            Change::Added => "new",
            Change::Removed => "gone",
            Change::Changed => "changed",
        };
        format!("{} ({change})", difference.name.escape_debug())
    });
    let words: Vec<String> = words.collect();
    warning(
        NAME,
        format!("yours is not what agents get: {}", words.join(", ")),
        "`gt up` takes yours; agents get it at their next start",
    )
}

/// Sessions of the town without a holder, and holders without a seat.
pub(super) fn strays(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "strays";
    let roster = match patient.roster() {
        Ok(roster) => roster,
        Err(problem) => return Some(unseen(NAME, problem.sentence())),
    };
    let seats: Vec<AgentId> = roster.seats.into_iter().map(|seat| seat.agent).collect();
    let holders = match holder::list_state_files(patient.paths()) {
        Ok(holders) => holders,
        Err(problem) => return Some(unseen(NAME, problem)),
    };
    let sessions = match sessions(patient) {
        Ok(sessions) => sessions,
        Err(problem) => return Some(unseen(NAME, problem)),
    };
    let holders: Vec<Holder> = holders.into_iter().filter_map(holder).collect();
    Some(strays_of(&seats, &holders, &sessions))
}

/// A session's name and its panes' first processes.
type Session = (String, u32);

/// A holder that lives, or may live: then its process is not known.
type Holder = (AgentId, Result<ProcessId, String>);

fn holder((agent, report): (AgentId, Result<Report, StateError>)) -> Option<Holder> {
    match report {
        Err(problem) => Some((agent, Err(chain(&problem)))),
        Ok(report) => match process::is_alive(report.holder) {
            Observed::Known(true) => Some((agent, Ok(report.holder))),
            Observed::Known(false) => None,
            Observed::Unknown(reason) => Some((agent, Err(reason.to_string()))),
        },
    }
}

fn sessions(context: &Context) -> Result<Vec<Session>, String> {
    let panes = context.panes(TMUX)?.into_iter();
    Ok(panes
        .map(|pane| (pane.session_name, pane.pane_pid))
        .collect())
}

/// Only sessions with the name of an agent of this town are the town's: all others are a person's
/// or another town's, and none of our business.
fn strays_of(seats: &[AgentId], holders: &[Holder], sessions: &[Session]) -> Check {
    const NAME: &str = "strays";
    let mut lines = Vec::new();
    for (agent, holder) in holders {
        match holder {
            Err(reason) => lines.push(format!("the holder of {agent} is unknown: {reason}")),
            Ok(holder) if !seats.contains(agent) => lines.push(format!(
                "the holder of {agent} runs (pid {}), and the town has no such agent",
                holder.pid
            )),
            Ok(_) => {}
        }
    }
    for agent in seats {
        let name = agent.session_name();
        let mut panes = sessions
            .iter()
            .filter(|(session, _)| *session == name)
            .peekable();
        let is_held = |(_, pid): &&Session| {
            let of_agent = |(held, holder): &&Holder| {
                held == agent && holder.as_ref().map_or(true, |holder| holder.pid == *pid)
            };
            holders.iter().any(|holder| of_agent(&holder))
        };
        if panes.peek().is_some() && !panes.any(|pane| is_held(&pane)) {
            lines.push(format!("the session `{name}` has no holder of {agent}"));
        }
    }
    if lines.is_empty() {
        return ok(NAME, "every session and holder is an agent's");
    }
    let hint = "nothing is ended unasked; `gt tmux attach -t SESSION` shows a session";
    warning(NAME, lines.join("\n"), hint)
}

#[cfg(test)]
mod tests;
