//! Messages for an agent: brought at a safe moment, or ended with the reason.

use std::time::Duration;

use super::poke::{known_pane, person_at};
use super::{Seen, Verdict};
use crate::incarnation::IncarnationId;
use crate::memory::PokeResult;
use crate::nudge::NudgeEnd;
use crate::observed::Observed;
use crate::plan::Action;
use crate::screen::{Screen, ScreenState};
use crate::snapshot::{Holder, NudgeFacts, NudgeTry};
use crate::time::{after, age};

/// The pause after a first try that brought nothing; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How often a message that was being typed is looked for: for more than a minute.
const SEARCHES: u32 = 8;

/// The longest pause: somebody waits for the message.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Ends a message for the agent that cannot arrive any more.
pub(super) fn decide_end(seen: &Seen<'_>) -> Verdict {
    let Some(nudge) = seen.facts.nudge.as_ref() else {
        return Verdict::AtGoal;
    };
    // What cannot be written would be planned again at every beat.
    if seen.snapshot.frozen.is_some() {
        return Verdict::AtGoal;
    }
    let expire = |nudge, because| {
        let end = NudgeEnd::Expired;
        seen.act(Action::EndNudge { nudge, end }, because)
    };
    if is_cut_off(seen, nudge) {
        let because =
            "the run that it was being typed to has ended, and whether it took it is not known";
        return expire(nudge.id, because.to_owned());
    }
    if is_lost(nudge) {
        let because = "it was typed, and whether it was taken cannot be told any more";
        return expire(nudge.id, because.to_owned());
    }
    if seen.now() >= nudge.expires_at {
        let is_typed = nudge.typing.is_some() && nudge.id == nudge.expiring;
        let because = match is_typed {
            true => format!("it was typed, and {}", not_taken(nudge)),
            false => format!("it was not brought in time: {}", hindrance(seen, nudge)),
        };
        return expire(nudge.expiring, because);
    }
    Verdict::AtGoal
}

/// The wait of a message for its agent, or for its own end.
pub(super) fn await_end(seen: &Seen<'_>) -> Verdict {
    match &seen.facts.nudge {
        None => Verdict::AtGoal,
        // Its end cannot be written now, and shall not be looked for all the time.
        Some(nudge) if seen.now() >= nudge.expires_at => seen.wait("the end of its message"),
        Some(nudge) => seen.wait_until(
            "its next run, for which a message is queued",
            nudge.expires_at,
        ),
    }
}

/// Whether the run that it was being typed to is known to be over.
fn is_cut_off(seen: &Seen<'_>, nudge: &NudgeFacts) -> bool {
    let Some(typed_to) = nudge.typing else {
        return false;
    };
    match &seen.facts.holder {
        Observed::Known(Holder::Running { incarnation, .. } | Holder::Stopping { incarnation }) => {
            *incarnation != typed_to
        }
        Observed::Known(Holder::Gone | Holder::Idle | Holder::Orphaned { .. }) => true,
        Observed::Unknown(_) => false,
    }
}

/// Whether it was looked for in vain, at a prompt that shows nothing of it, for longer than any
/// program takes to draw it. It would keep the others waiting.
fn is_lost(nudge: &NudgeFacts) -> bool {
    let shows_nothing = |tried: &NudgeTry| {
        let at_prompt = matches!(
            tried.result,
            PokeResult::NotTyped {
                screen: Screen::Prompt,
                ..
            }
        );
        at_prompt && tried.times >= SEARCHES
    };
    nudge.typing.is_some() && nudge.tried.as_ref().is_some_and(shows_nothing)
}

/// What is known of a message that was typed.
fn not_taken(nudge: &NudgeFacts) -> &'static str {
    let screen = nudge.tried.as_ref().and_then(|tried| match tried.result {
        PokeResult::NotTyped { screen, .. } => Some(screen),
        PokeResult::Delivered | PokeResult::NotTried => None,
    });
    match screen {
        Some(Screen::Draft) => "its program has not taken it out of the input row",
        Some(Screen::Dialog) => "a dialog hides whether it was taken",
        Some(_) | None => "whether it was taken is not known",
    }
}

fn hindrance(seen: &Seen<'_>, nudge: &NudgeFacts) -> String {
    let tried = nudge.tried.as_ref().filter(|_| nudge.id == nudge.expiring);
    match (tried, &seen.facts.holder) {
        (Some(tried), _) => tried.result.to_string(),
        (None, Observed::Known(Holder::Running { .. })) if !seen.facts.can_type => {
            "its program has no `ready` pattern".to_owned()
        }
        (None, Observed::Known(Holder::Running { .. })) if nudge.id != nudge.expiring => {
            "others were to be brought before it".to_owned()
        }
        (None, Observed::Known(Holder::Running { .. })) => {
            let limit = seen.shows(ScreenState::Limited);
            let limit = limit.map(|_| "its account is at a limit");
            lack(seen)
                .or(limit)
                .unwrap_or("there was no safe moment")
                .to_owned()
        }
        (None, _) => format!("{} did not run", seen.facts.id),
    }
}

/// Brings the agent's next nudge to its run.
pub(super) fn decide_nudge(seen: &Seen<'_>, incarnation: IncarnationId) -> Verdict {
    let Some(nudge) = seen.facts.nudge.as_ref() else {
        return Verdict::AtGoal;
    };
    if let Some(reason) = &seen.snapshot.frozen {
        return seen.wait(format!("the store, before a message is brought: {reason}"));
    }
    if !seen.facts.can_type {
        let on = "a `ready` pattern of its program, before a message is typed";
        return seen.wait_until(on, nudge.expires_at);
    }
    let pane = match known_pane(seen) {
        Ok(pane) => pane,
        Err(verdict) => return verdict,
    };
    if let Some(verdict) = person_at(seen, pane) {
        return verdict;
    }
    if nudge.typing.is_none()
        && let Some(lack) = lack(seen)
    {
        let on = format!("a person, before a message is typed: {lack}");
        return seen.wait_until(on, nudge.expires_at);
    }
    // A prompt that its screen shows before its turn is told to be over may be drawn anew, with what
    // was typed lost.
    if nudge.typing.is_none() && seen.shows(ScreenState::Working).is_some() {
        return seen.wait_until(
            "the end of its turn, before a message is typed",
            nudge.expires_at,
        );
    }
    if let Some(verdict) = nudge.tried.as_ref().and_then(|tried| not_due(seen, tried)) {
        return verdict;
    }
    seen.act(
        Action::Nudge {
            nudge: nudge.id,
            incarnation,
            pane: pane.clone(),
        },
        "a message is queued for it",
    )
}

/// What it lacks to do anything with a message. A dialog that its hooks tell of may not be drawn yet.
fn lack(seen: &Seen<'_>) -> Option<&'static str> {
    let asking = seen.shows_dialog().then_some("it shows a dialog");
    let refused = seen
        .shows(ScreenState::AuthDead)
        .map(|_| "its login is refused");
    let missing = seen
        .shows(ScreenState::ModelUnavailable)
        .map(|_| "its model is not to be had");
    refused.or(missing).or(asking)
}

/// The wait for the next try, unless it is due.
fn not_due(seen: &Seen<'_>, tried: &NudgeTry) -> Option<Verdict> {
    if seen.is_back_at_prompt_since(tried.at) {
        return None;
    }
    let doublings = tried.times.saturating_sub(1).min(8);
    let pause = (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE);
    let waited = age(tried.at, seen.snapshot.epoch, seen.now());
    let on = match tried.result {
        PokeResult::NotTyped {
            screen: Screen::Dialog,
            ..
        } => "a person, before a message is typed: it shows a dialog",
        PokeResult::NotTyped {
            screen: Screen::Draft,
            ..
        } => "the half-typed line at its prompt, before a message is typed",
        PokeResult::NotTyped { .. } => "its empty prompt, before a message is typed",
        PokeResult::Delivered | PokeResult::NotTried => "the next try to bring a message",
    };
    (waited < pause).then(|| seen.wait_until(on, after(seen.now(), pause.saturating_sub(waited))))
}
