//! The seat of one agent: session, holder, run.

use std::time::Duration;

use jiff::Timestamp;

use super::gate::{Gate, gate, is_pardoned, open_circuit};
use super::nudge::decide_nudge;
use super::poke::decide_poke;
use super::request::cannot_launch;
use super::{Seen, Verdict};
use crate::agent_id::{AgentId, Role};
use crate::incarnation::{Exit, IncarnationId, ProcessId, pids};
use crate::intent::{Desire, Intent};
use crate::lifecycle::{self, Request};
use crate::memory::Cause;
use crate::observed::Observed;
use crate::plan::{Action, StopPurpose, WaitKind};
use crate::policy::Run;
use crate::screen::{ScreenState, digest};
use crate::snapshot::{AgentFacts, End, Holder, LastEnd, Owed, Pane, Snapshot};
use crate::time::{after, age, short};

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
    match &snapshot.down {
        Observed::Known(true) => return Goal::Down("the town is down".to_owned()),
        Observed::Known(false) => {}
        Observed::Unknown(reason) => {
            return Goal::Unknown(format!("whether the town is to be down ({reason})"));
        }
    }
    if let Observed::Unknown(reason) = &facts.intent {
        return Goal::Unknown(format!("what is wished of it ({reason})"));
    }
    if let Some(intent) = followed(facts) {
        let Intent { actor, reason, .. } = intent;
        let why = format!("{} by {actor}: {reason}", intent.desire.as_str());
        match intent.desire.wants_run() {
            Some(true) => return Goal::Up(why),
            Some(false) => return Goal::Down(why),
            None => {}
        }
    }
    if let Some(request) = successor_owed(snapshot, facts) {
        return Goal::Up(format!("{} asked for {}", request.actor, request.action));
    }
    match (facts.run, &facts.owed) {
        (Run::Always, _) => Goal::Up("its role always runs".to_owned()),
        (Run::OnDemand, Observed::Known(owed)) if wakes(snapshot, facts, *owed) => {
            Goal::Up(format!("it owes {owed}"))
        }
        (Run::OnDemand, Observed::Unknown(reason)) => {
            Goal::Unknown(format!("what it owes ({reason})"))
        }
        (Run::OnDemand, Observed::Known(_)) if is_cut_off(facts) => {
            Goal::Up("its last run was cut off".to_owned())
        }
        (Run::OnDemand, Observed::Known(_)) | (Run::Never, _) => Goal::Either,
    }
}

/// Whether its run is to end and not to be followed by another, so that nothing that is being brought
/// to it is waited for. A request may have to wait, and its agent gets messages meanwhile.
pub fn is_to_end(snapshot: &Snapshot, facts: &AgentFacts) -> bool {
    matches!(goal(snapshot, facts), Goal::Down(_))
}

/// Looks whether each agent could be started of whom the decision asks that: of the others, which are
/// most of a large town, it stays unknown.
pub fn look_at_launches(
    snapshot: &mut Snapshot,
    mut look: impl FnMut(&AgentId) -> Observed<Result<(), String>>,
) {
    for place in 0..snapshot.agents.len() {
        let facts = &snapshot.agents[place];
        if asks_for_launch(snapshot, facts) {
            snapshot.agents[place].launch = look(&facts.id);
        }
    }
}

fn asks_for_launch(snapshot: &Snapshot, facts: &AgentFacts) -> bool {
    if facts.in_flight.is_some() {
        return false;
    }
    let mut requests = snapshot.requests.iter();
    let is_pending =
        facts.memory.poke.is_some() || requests.any(|asked| asked.request.agent == facts.id);
    let runs = matches!(facts.holder, Observed::Known(Holder::Running { .. }));
    is_pending || (!runs && matches!(goal(snapshot, facts), Goal::Up(_)))
}

/// Whether its last run neither ended by itself in order nor was ended on purpose: what it was woken
/// for may be half done, and read.
fn is_cut_off(facts: &AgentFacts) -> bool {
    match facts.last_end.map(|end| end.how) {
        Some(End::Exited(Exit::Code(code))) => code != 0,
        Some(End::Exited(Exit::Signal(_)) | End::Lost | End::Unresponsive) => true,
        Some(End::Exited(Exit::NotStarted(_)) | End::Requested | End::Dismissed) | None => false,
    }
}

/// The stored wish, unless it is one to stop a crew by somebody who may not.
fn followed(facts: &AgentFacts) -> Option<&Intent> {
    facts
        .wish()
        .filter(|intent| !intent.desire.is_stop() || intent.actor.may_stop(&facts.id))
}

/// Whether what it owes starts it: all that is unread, or what came since it went to rest. What it
/// left unread then would have it back at once.
fn wakes(snapshot: &Snapshot, facts: &AgentFacts, owed: Owed) -> bool {
    let rest = facts.wish().filter(|wish| wish.desire == Desire::Resting);
    owed.newest
        .is_some_and(|newest| rest.is_none_or(|rest| snapshot.is_later(newest, rest.at)))
}

/// The taken request that promises a fresh run: even an agent that only runs on demand comes back
/// from its own hand-off.
fn successor_owed<'a>(snapshot: &'a Snapshot, facts: &AgentFacts) -> Option<&'a Request> {
    snapshot
        .requests
        .iter()
        .filter(|taken| taken.taken_at.is_some() && taken.request.agent == facts.id)
        .map(|taken| &taken.request)
        .find(|request| request.action != lifecycle::Action::Shutdown)
}

pub(super) fn decide_seat(seen: &Seen<'_>) -> Verdict {
    let holder = match &seen.facts.holder {
        Observed::Known(holder) => holder,
        Observed::Unknown(reason) => return seen.wait(format!("its holder: {reason}")),
    };
    let goal = goal(seen.snapshot, seen.facts);
    if let Holder::Orphaned {
        incarnation,
        survivors,
    } = holder
    {
        return sweep(seen, *incarnation, survivors, &goal);
    }
    match goal {
        Goal::Up(why) => up(seen, holder, &why),
        Goal::Down(why) => down(seen, holder, &why),
        Goal::Either => rest(seen, holder),
        Goal::Unknown(what) => match rest(seen, holder) {
            Verdict::AtGoal => seen.wait(what),
            verdict => verdict,
        },
    }
}

/// What a killed holder left is killed before anything else: never two runs alive at once. What
/// is left of a crew may be the crew itself: it is left to a person, who asks for another run or for
/// none.
fn sweep(
    seen: &Seen<'_>,
    incarnation: IncarnationId,
    survivors: &[ProcessId],
    goal: &Goal,
) -> Verdict {
    let left = pids(survivors);
    let because = format!("its holder is gone and left {left}");
    let frozen = seen.snapshot.frozen.as_ref();
    match (goal, frozen) {
        (Goal::Down(_), None) => {}
        (Goal::Down(_), Some(_)) if wished_by_person(seen) => {}
        (_, Some(reason)) => {
            return seen.wait(format!("the store, before {left} are ended: {reason}"));
        }
        (_, None) if seen.facts.id.role() == Role::Crew && !is_given_up(seen) => {
            let or = "a stop or restart of it ends what is left";
            return escalate_once(seen, format!("{because}; {or}"));
        }
        (_, None) => {}
    }
    seen.act(Action::Sweep { incarnation }, because)
}

/// Whether a person has asked for another run since this one was lost.
fn is_given_up(seen: &Seen<'_>) -> bool {
    let end = seen.facts.last_end;
    end.is_some_and(|end| asked_since(seen, end.at))
}

/// Tells a person what no automatic path may do, and waits for one.
fn escalate_once(seen: &Seen<'_>, because: String) -> Verdict {
    // What a person was told of the run before its end is another matter.
    let ended_at = seen.facts.last_end.map(|end| end.at);
    let told = seen.facts.memory.escalated_at;
    match told.filter(|at| ended_at.is_none_or(|end| !seen.is_later(end, *at))) {
        None => seen.act(Action::Escalate, because),
        Some(since) => Verdict::Wait {
            on: format!("a person: {because}"),
            kind: WaitKind::Person,
            since: Some(since),
            until: None,
        },
    }
}

/// Whether a person wants it down: that alone is never frozen.
fn wished_by_person(seen: &Seen<'_>) -> bool {
    let intent = seen.facts.wish();
    seen.snapshot.is_down() || intent.is_some_and(|intent| intent.actor.is_person())
}

fn up(seen: &Seen<'_>, holder: &Holder, why: &str) -> Verdict {
    if is_pardoned(seen) {
        let because = "a person asked for it since the circuit opened";
        return seen.act(Action::CloseCircuit, because);
    }
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
fn running(seen: &Seen<'_>, incarnation: IncarnationId, since: Timestamp) -> Verdict {
    // A run that leaves pokes unanswered has not proved anything, however long it lasts.
    if seen.facts.memory.circuit.is_some() && seen.facts.memory.misses == 0 {
        let window = seen.policy.restart.window;
        let ran = age(since, seen.snapshot.epoch, seen.now());
        if ran >= window {
            return seen.act(
                Action::CloseCircuit,
                format!("it has run for {}", short(window)),
            );
        }
    }
    if let Some(because) = needs_login(seen) {
        return seen.act(Action::Escalate, because);
    }
    if let Some(until) = limited_until(seen) {
        return seen.wait_until("its limit to end", until);
    }
    match decide_nudge(seen, incarnation).or(decide_poke(seen, incarnation, since)) {
        Verdict::AtGoal if seen.facts.memory.circuit.is_some() => seen.wait_until(
            "its run to last before the circuit closes",
            after(since.max(seen.snapshot.epoch), seen.policy.restart.window),
        ),
        verdict => verdict,
    }
}

/// When a limit that is not over ends for it, or is tried again where that is not told. All that the
/// limit stopped are not woken at once.
fn limited_until(seen: &Seen<'_>) -> Option<Timestamp> {
    const SPREAD: u64 = 60;
    const UNTOLD: Duration = Duration::from_secs(15 * 60);
    let shown = seen.shows(ScreenState::Limited)?;
    let until = shown.until.unwrap_or_else(|| after(shown.since, UNTOLD));
    let turn = digest(&seen.facts.id.to_string()) % SPREAD;
    let until = after(until, Duration::from_secs(turn));
    (until > seen.now()).then_some(until)
}

/// A refused login that no person was told of yet: the first one of an account speaks for all.
fn needs_login(seen: &Seen<'_>) -> Option<&'static str> {
    seen.shows(ScreenState::AuthDead)?;
    let is_first = seen.facts.login_refused.is_none();
    let is_told = seen.facts.memory.escalated_at.is_some();
    (is_first && !is_told)
        .then_some("its login is refused: log in at its terminal, or give it a key and restart it")
}

fn start(seen: &Seen<'_>, why: &str) -> Verdict {
    if seen.facts.pane == Observed::Known(None) {
        return seen.wait("its holder to end, which has no pane any more");
    }
    match may_start(seen, why) {
        Ok(cause) => {
            let because = match seen.facts.last_end {
                Some(end) if cause != Cause::Wanted => end.how.to_string(),
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
        Observed::Known(None) if seen.facts.name_taken => {
            let name = seen.facts.id.session_name();
            seen.wait(format!(
                "the name `{name}`, which a session has that is not gt's: end or rename it (`gt tmux \
                 attach -t ={name}` shows it)"
            ))
        }
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
    if let Some((other, since)) = &seen.facts.login_refused
        && !asked_since(seen, *since)
    {
        return Err(seen.wait(format!("a login: that of {other} is refused ({why})")));
    }
    let Some(end) = seen.facts.last_end.map(|end| as_meant(seen, end)) else {
        return Ok(Cause::Wanted);
    };
    let cause = match end.how {
        End::Dismissed => return Ok(Cause::Wanted),
        End::Exited(_) => Cause::Exited,
        End::Lost => Cause::SeatLost,
        // It asked for its end, not for a successor: what wakes it has nothing to do with it.
        End::Requested if successor_owed(seen.snapshot, seen.facts).is_none() => {
            return Ok(Cause::Wanted);
        }
        End::Requested => Cause::Requested,
        End::Unresponsive => Cause::Unresponsive,
    };
    if asked_by_person(seen, &end) {
        return Ok(Cause::Wanted);
    }
    match gate(seen, &end) {
        Gate::Pass => Ok(cause),
        Gate::Hold { until, because } => Err(seen.wait_at_gate(because, Some(end.at), until)),
        Gate::Exhausted { because } => Err(open_circuit(seen, because)),
    }
}

/// An end as it was meant: a daemon that died while it stopped a run did not live to note why.
fn as_meant(seen: &Seen<'_>, end: LastEnd) -> LastEnd {
    let request = successor_owed(seen.snapshot, seen.facts);
    let is_of_it = request.is_some_and(|request| request.incarnation == Some(end.incarnation));
    match end.how {
        End::Exited(_) | End::Lost if is_of_it => LastEnd {
            how: End::Requested,
            ..end
        },
        _ => end,
    }
}

/// Whether a person asked for this very start: by a fresh run of the one that was stopped for it, or
/// after the end. A person sees what comes of it, so that nothing holds it back and it counts for
/// nothing.
fn asked_by_person(seen: &Seen<'_>, end: &LastEnd) -> bool {
    let request = successor_owed(seen.snapshot, seen.facts);
    let restarted =
        end.how == End::Requested && request.is_some_and(|asked| asked.actor.is_person());
    let last = seen.facts.memory.attempts.last();
    let wished = seen.facts.wish_of_person_to_run().is_some_and(|wish| {
        let is_new = |stamp| seen.is_later(wish.at, stamp);
        is_new(end.at) && last.is_none_or(|attempt| is_new(attempt.at))
    });
    restarted || wished
}

/// Whether a person asked for it since then.
fn asked_since(seen: &Seen<'_>, stamp: Timestamp) -> bool {
    let request = successor_owed(seen.snapshot, seen.facts);
    let wish = seen.facts.wish_of_person_to_run();
    request.is_some_and(|request| request.actor.is_person())
        || wish.is_some_and(|wish| seen.is_later(wish.at, stamp))
}

/// The way down, by somebody's wish. A person's is never frozen.
fn down(seen: &Seen<'_>, holder: &Holder, why: &str) -> Verdict {
    match holder {
        Holder::Running { incarnation, .. } => {
            if let Some(reason) = &seen.snapshot.frozen
                && !wished_by_person(seen)
            {
                return seen.wait(format!("the store, before it is stopped: {reason}"));
            }
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
