//! Messages that are brought.

use super::check;
use super::scene::{MINUTE, Scene, at, deacon, not_typed, run, witness};
use crate::memory::PokeResult;
use crate::observed::Observed;
use crate::screen::{Screen, ScreenState};
use crate::snapshot::{Holder, NudgeTry};

fn tried(seconds_ago: i64, times: u32, result: PokeResult) -> Scene {
    deacon().nudged(|nudge| {
        nudge.tried = Some(NudgeTry {
            at: at(-seconds_ago),
            times,
            result,
        });
    })
}

/// Covers F59, F62: a message is tried at once, and then ever more rarely, for as long as the screen does not
/// take it; each try looks first.
#[test]
fn a_message_is_brought_and_tried_again() {
    check!(deacon().nudged(|_| ()), @"deacon: nudge (a message is queued for it)");
    check!(
        tried(0, 1, not_typed(Screen::Busy)),
        @"deacon: waiting on its empty prompt, before a message is typed until 2026-01-01T12:00:01Z"
    );
    check!(tried(1, 1, not_typed(Screen::Busy)), @"deacon: nudge (a message is queued for it)");
    check!(
        tried(1, 9, not_typed(Screen::Dialog)),
        @"deacon: waiting on a person, before a message is typed: it shows a dialog until 2026-01-01T12:00:14Z"
    );
    check!(
        tried(1, 2, not_typed(Screen::Draft)),
        @"deacon: waiting on the half-typed line at its prompt, before a message is typed until 2026-01-01T12:00:01Z"
    );
}

/// Covers F60: a message is not spent on a model that cannot be asked.
#[test]
fn a_message_waits_for_what_its_agent_lacks() {
    let lacks = |state| {
        let told = deacon().set(|facts| facts.memory.escalated_at = Some(at(-MINUTE)));
        told.nudged(|_| ()).shows(state, -MINUTE)
    };
    // Told by a hook, it may not be drawn yet.
    check!(
        lacks(ScreenState::NeedsApproval),
        @"deacon: waiting on a person, before a message is typed: it shows a dialog until 2026-01-01T12:10:00Z"
    );
    check!(
        lacks(ScreenState::AuthDead),
        @"deacon: waiting on a person, before a message is typed: its login is refused until 2026-01-01T12:10:00Z"
    );
    check!(
        lacks(ScreenState::ModelUnavailable),
        @"deacon: waiting on a person, before a message is typed: its model is not to be had until 2026-01-01T12:10:00Z"
    );
    check!(
        lacks(ScreenState::Limited),
        @"deacon: waiting on its limit to end until 2026-01-01T12:10:00Z"
    );
    check!(lacks(ScreenState::ContextFull), @"deacon: nudge (a message is queued for it)");
}

/// Covers F59: what was typed and cannot be found keeps nobody waiting, and is never typed again.
#[test]
fn a_message_that_cannot_be_found_any_more_ends() {
    let searched = |times, screen| {
        tried(1, times, not_typed(screen)).set(|facts| {
            facts.nudge.as_mut().unwrap().typing = Some(run(1));
        })
    };
    check!(
        searched(8, Screen::Prompt),
        @"deacon: end nudge (it was typed, and whether it was taken cannot be told any more)"
    );
    check!(
        searched(7, Screen::Prompt),
        @"deacon: waiting on its empty prompt, before a message is typed until 2026-01-01T12:00:14Z"
    );
    check!(
        searched(8, Screen::Busy),
        @"deacon: waiting on its empty prompt, before a message is typed until 2026-01-01T12:00:14Z"
    );
}

/// A message does not wait for its next try once the prompt is back.
#[test]
fn a_message_is_tried_as_soon_as_the_prompt_is_back() {
    let dialog = || tried(1, 9, not_typed(Screen::Dialog));
    check!(dialog().shows(ScreenState::Idle, 0), @"deacon: nudge (a message is queued for it)");
    check!(
        dialog().shows(ScreenState::Idle, -2),
        @"deacon: waiting on a person, before a message is typed: it shows a dialog until 2026-01-01T12:00:14Z"
    );
    check!(
        dialog().shows(ScreenState::Working, 0),
        @"deacon: waiting on the end of its turn, before a message is typed until 2026-01-01T12:10:00Z"
    );
}

/// Covers F61: nobody types into a terminal that a person is using, or that nobody can read.
#[test]
fn a_message_waits_for_a_person_and_for_a_screen() {
    let attached = deacon().nudged(|_| ()).attached(at(-30));
    check!(attached, @"deacon: waiting on the person at its terminal until 2026-01-01T12:01:30Z");
    check!(
        deacon().nudged(|_| ()).set(|facts| facts.pane = Observed::unknown("tmux hangs")),
        @"deacon: waiting on tmux: tmux hangs until 2026-01-01T12:10:00Z"
    );
    check!(
        deacon().nudged(|_| ()).set(|facts| facts.can_type = false),
        @"deacon: waiting on a `ready` pattern of its program, before a message is typed until 2026-01-01T12:10:00Z"
    );
}

/// A message for an agent that does not run waits for it, and ends with the reason.
#[test]
fn a_message_ends_in_time_with_its_reason() {
    let resting = || witness().holder(Holder::Gone).no_pane();
    check!(
        resting().nudged(|_| ()),
        @"gas/witness: waiting on its next run, for which a message is queued until 2026-01-01T12:10:00Z"
    );
    check!(
        resting().nudged(|nudge| nudge.expires_at = at(0)),
        @"gas/witness: end nudge (it was not brought in time: gas/witness did not run)"
    );
    check!(
        tried(1, 9, not_typed(Screen::Dialog)).set(|facts| {
            facts.nudge.as_mut().unwrap().expires_at = at(-MINUTE);
        }),
        @"deacon: end nudge (it was not brought in time: not typed, the screen showed a dialog)"
    );
    let frozen = resting().nudged(|nudge| nudge.expires_at = at(0)).frozen();
    check!(
        frozen,
        @"gas/witness: waiting on the end of its message"
    );
}

/// Covers F60, F66: what was being typed to one run is typed to no other.
#[test]
fn a_message_belongs_to_the_run_that_it_was_typed_to() {
    let typing = |number| deacon().nudged(move |nudge| nudge.typing = Some(run(number)));
    check!(typing(1), @"deacon: nudge (a message is queued for it)");
    check!(
        typing(2),
        @"deacon: end nudge (the run that it was being typed to has ended, and whether it took it is not known)"
    );
    check!(typing(2).holder_hangs(), @"deacon: waiting on its holder: no answer on its socket until 2026-01-01T12:10:00Z");
}
