//! Pokes: waking a run that is not fresh, and finding one that does not answer.

use std::time::Duration;

use jiff::Timestamp;

use super::gate::{Gate, admits, open_circuit};
use super::request::cannot_launch;
use super::{Seen, Verdict};
use crate::agent_id::{AgentId, Role};
use crate::incarnation::IncarnationId;
use crate::memory::{LastPoke, PokeResult};
use crate::observed::Observed;
use crate::plan::{Action, StopPurpose, WaitKind};
use crate::policy::Poke;
use crate::screen::{Screen, ScreenState};
use crate::snapshot::{Owed, Pane};
use crate::time::{after, age, short};

/// What a run waits on whose screen shows a dialog, whether or not anything was to be typed.
const A_DIALOG: &str = "a person: it shows a dialog";

/// What is typed to wake an agent: the original's words, and what it owes.
pub fn poke_text(agent: &AgentId, unread: u32) -> String {
    let rounds = match agent.role() {
        Role::Mayor => "HEARTBEAT: check your rigs",
        Role::Deacon => "HEARTBEAT: run your rounds",
        Role::Witness => "HEARTBEAT: check your workers",
        Role::Refinery => "HEARTBEAT: check your queue",
        Role::Crew | Role::Polecat => "HEARTBEAT: check your work",
    };
    match unread {
        0 => rounds.to_owned(),
        1 => format!("{rounds}; 1 unread message, read it with `gt mail inbox`"),
        n => format!("{rounds}; {n} unread messages, read them with `gt mail inbox`"),
    }
}

/// What to do about the freshness of a run that started at `since`.
pub(super) fn decide_poke(
    seen: &Seen<'_>,
    incarnation: IncarnationId,
    since: Timestamp,
) -> Verdict {
    let memory = &seen.facts.memory;
    let last = memory.poke.filter(|poke| poke.incarnation == incarnation);
    if let Some(because) = settled(seen, last.as_ref()) {
        return seen.act(Action::ForgetPokes, because);
    }
    let owed = match wants_poke(seen) {
        Ok(owed) => owed,
        Err(verdict) => return verdict,
    };
    let idle = idle(seen, since);
    if let Some(verdict) = still_fresh(seen, idle) {
        return verdict;
    }
    let misses = misses(seen, last.as_ref(), idle >= seen.policy.poke.very_stale);
    if let Some(verdict) = last.and_then(|poke| not_due(seen, &poke)) {
        return verdict;
    }
    if let Some(because) = needs_person(seen, last.as_ref()) {
        return seen.act(Action::Escalate, because);
    }
    if misses < seen.policy.poke.unanswered_before_restart {
        return try_poke(seen, incarnation, owed, misses);
    }
    let because = format!("it left {misses} pokes in a row unanswered");
    let excuse = lack(seen).or_else(|| heard(seen, last.as_ref()));
    let because = match excuse {
        Some(excuse) => format!("{because}: {excuse}"),
        // A restart mends what nobody was asked to mend.
        None if seen.facts.id.role() != Role::Crew => {
            return unresponsive(seen, incarnation, because);
        }
        None => because,
    };
    match seen.facts.memory.escalated_at {
        // Its person was told and may have woken it: it goes on hearing of what it owes.
        Some(_) => try_poke(seen, incarnation, owed, misses),
        None => seen.act(Action::Escalate, because),
    }
}

/// What its screen says that it lacks, which no restart gives it and which explains its silence.
fn lack(seen: &Seen<'_>) -> Option<&'static str> {
    match seen.facts.shown?.state {
        ScreenState::Limited => Some("its screen says that a limit is reached"),
        ScreenState::AuthDead => Some("its screen says that its login is refused"),
        ScreenState::ModelUnavailable => Some("its screen says that its model is not to be had"),
        ScreenState::NeedsApproval | ScreenState::NeedsAnswer => Some("its screen shows a dialog"),
        ScreenState::Working
        | ScreenState::BackgroundWork
        | ScreenState::Idle
        | ScreenState::ContextFull
        | ScreenState::Viewer
        | ScreenState::Unknown => None,
    }
}

/// What shows that it lives although it did nothing of what it was told: it went to work after the
/// last poke and is back at its prompt.
fn heard(seen: &Seen<'_>, last: Option<&LastPoke>) -> Option<&'static str> {
    seen.is_back_at_prompt_since(last?.at)
        .then_some("it took the last one, and did not report")
}

/// How long the run has shown nothing. Its start counts as activity; the nearer of both is taken
/// as ages, since either stamp may be in the future.
fn idle(seen: &Seen<'_>, since: Timestamp) -> Duration {
    let age = |stamp| age(stamp, seen.snapshot.epoch, seen.now());
    let running = age(since);
    seen.facts
        .activity
        .map_or(running, |activity| running.min(age(activity)))
}

/// Why no answer is waited for any more, if one still is.
fn settled(seen: &Seen<'_>, last: Option<&LastPoke>) -> Option<&'static str> {
    let memory = &seen.facts.memory;
    let asked = memory
        .poke
        .is_some_and(|poke| poke.result != PokeResult::NotTried);
    if !asked && memory.misses == 0 && memory.escalated_at.is_none() {
        return None;
    }
    let Some(last) = last else {
        // What a person was told of it holds for as long as it lacks it.
        let was_told = memory.escalated_at.is_some() && lack(seen).is_some();
        return (!was_told).then_some("what was unanswered was another run's");
    };
    let answered = |at| seen.is_later(at, last.at);
    if seen.facts.activity.is_some_and(answered) {
        return Some("it showed activity since the last poke");
    }
    if seen.facts.poke == Poke::Never || !seen.facts.can_type {
        return Some("it is not poked any more");
    }
    let owes_nothing = seen.facts.poke == Poke::Owed
        && matches!(&seen.facts.owed, Observed::Known(owed) if !owed.anything());
    owes_nothing.then_some("it owes nothing any more")
}

/// What a poke would tell of; or why there is none.
fn wants_poke(seen: &Seen<'_>) -> Result<Owed, Verdict> {
    if !seen.facts.can_type {
        return Err(Verdict::AtGoal);
    }
    match (seen.facts.poke, &seen.facts.owed) {
        (Poke::Never, _) => Err(Verdict::AtGoal),
        (Poke::Owed, Observed::Known(owed)) if !owed.anything() => Err(Verdict::AtGoal),
        (Poke::Owed, Observed::Unknown(reason)) => {
            Err(seen.wait(format!("what it owes: {reason}")))
        }
        (Poke::Always, Observed::Unknown(_)) => Ok(Owed::default()),
        (_, Observed::Known(owed)) => Ok(*owed),
    }
}

/// Unanswered pokes in a row, the last one included once its time to answer is over. A poke that
/// was not brought is no miss, nor is one from before a gap in time.
fn misses(seen: &Seen<'_>, last: Option<&LastPoke>, very_stale: bool) -> u32 {
    let earlier = seen.facts.memory.misses;
    match last {
        Some(LastPoke {
            result: PokeResult::Delivered,
            at,
            ..
        }) if very_stale && (seen.snapshot.epoch..=seen.now()).contains(at) => {
            earlier.saturating_add(1)
        }
        _ => earlier,
    }
}

/// What only a person can end, once it has lasted until the next poke: nobody is told of it twice,
/// and what is only seen in passing is not told at all.
fn needs_person(seen: &Seen<'_>, last: Option<&LastPoke>) -> Option<String> {
    let (Some(last), None) = (last, seen.facts.memory.escalated_at) else {
        return None;
    };
    match last.result {
        PokeResult::NotTyped {
            screen: screen @ (Screen::Dialog | Screen::Draft),
            ..
        } => Some(format!("it could not be woken: its screen shows {screen}")),
        PokeResult::NotTyped { .. } | PokeResult::Delivered | PokeResult::NotTried => None,
    }
}

/// The wait until a run that was quiet for `idle` is not fresh any more, unless it is so now.
fn still_fresh(seen: &Seen<'_>, idle: Duration) -> Option<Verdict> {
    let fresh = seen.policy.poke.fresh;
    (idle < fresh).then(|| {
        let on = match seen.shows_dialog() {
            true => A_DIALOG.to_owned(),
            false => format!("{} of quiet, before it is woken", short(fresh)),
        };
        seen.wait_until(on, after(seen.now(), fresh.saturating_sub(idle)))
    })
}

/// The wait for the next poke, unless it is due.
fn not_due(seen: &Seen<'_>, last: &LastPoke) -> Option<Verdict> {
    let backed_off = seen.policy.poke.interval(seen.facts.memory.misses);
    let interval = match last.result {
        PokeResult::Delivered => backed_off,
        // What was not brought holds its slot only so long.
        PokeResult::NotTyped { .. } | PokeResult::NotTried => {
            backed_off.min(seen.policy.poke.slot_max_age)
        }
    };
    let waited = age(last.at, seen.snapshot.epoch, seen.now());
    (waited < interval).then(|| {
        let until = after(seen.now(), interval.saturating_sub(waited));
        let on = match last.result {
            _ if seen.shows_dialog() => A_DIALOG,
            PokeResult::Delivered => "an answer to the last poke",
            PokeResult::NotTyped {
                screen: Screen::Dialog,
                ..
            } => A_DIALOG,
            PokeResult::NotTyped {
                screen: Screen::Draft,
                ..
            } => "the half-typed line at its prompt",
            PokeResult::NotTyped {
                screen: Screen::Prompt,
                ..
            } => "its prompt to show what is pasted",
            PokeResult::NotTyped { .. } => "its empty prompt",
            PokeResult::NotTried => "the next try of a poke",
        };
        Verdict::Wait {
            on: on.to_owned(),
            kind: WaitKind::Passing,
            since: Some(last.at),
            until: Some(until),
        }
    })
}

/// Too many pokes unanswered: a restart through the gate.
fn unresponsive(seen: &Seen<'_>, incarnation: IncarnationId, because: String) -> Verdict {
    if let Some(reason) = &seen.snapshot.frozen {
        return seen.wait(format!("the store, before it is restarted: {reason}"));
    }
    let pane = match known_pane(seen) {
        Ok(pane) => pane,
        Err(verdict) => return verdict,
    };
    if let Some(verdict) = person_at(seen, pane) {
        return verdict;
    }
    if let Some(lack) = cannot_launch(seen) {
        return seen.wait(format!("{lack}: a restart would leave it dead"));
    }
    match admits(seen) {
        Gate::Pass => seen.act(
            Action::Stop {
                incarnation,
                purpose: StopPurpose::Unresponsive,
            },
            because,
        ),
        Gate::Hold { until, because } => seen.wait_at_gate(because, None, until),
        Gate::Exhausted { because } => open_circuit(seen, because),
    }
}

/// Its pane; or the wait for it. Neither a key nor a stop for silence goes to a screen that nobody
/// can read: it may show a dialog.
pub(super) fn known_pane<'a>(seen: &Seen<'a>) -> Result<&'a Pane, Verdict> {
    match &seen.facts.pane {
        Observed::Known(Some(pane)) => Ok(pane),
        Observed::Known(None) => Err(seen.wait("its pane, which tmux does not list")),
        Observed::Unknown(reason) => Err(seen.wait(format!("tmux: {reason}"))),
    }
}

fn try_poke(seen: &Seen<'_>, incarnation: IncarnationId, owed: Owed, misses: u32) -> Verdict {
    let pane = match known_pane(seen) {
        Ok(pane) => pane,
        Err(verdict) => return verdict,
    };
    if let Some(verdict) = person_at(seen, pane) {
        return verdict;
    }
    let because = match seen.facts.poke {
        Poke::Owed => format!("it owes {owed} and is not fresh"),
        Poke::Always | Poke::Never => "it is not fresh".to_owned(),
    };
    let text = poke_text(&seen.facts.id, owed.mail);
    seen.act(
        Action::Poke {
            incarnation,
            pane: pane.clone(),
            text,
            misses,
        },
        because,
    )
}

/// The wait for an attached person's hands to rest.
pub(super) fn person_at(seen: &Seen<'_>, pane: &Pane) -> Option<Verdict> {
    let quiet = seen.policy.attached_quiet;
    let rested = age(pane.attached?, seen.snapshot.epoch, seen.now());
    (rested < quiet).then(|| {
        let until = after(seen.now(), quiet.saturating_sub(rested));
        seen.wait_until("the person at its terminal", until)
    })
}
