//! Actions that fail: the next beat is the retry, spaced by what is remembered.

use super::check;
use super::scene::{MINUTE, at, deacon};
use crate::plan::ActionKind;
use crate::snapshot::Holder;

/// Covers F22, F80: what fails in a row is tried ever more rarely, whatever it is.
#[test]
fn failing_actions_are_spaced() {
    let seatless = || deacon().holder(Holder::Gone).no_pane();
    check!(
        seatless().failed(ActionKind::CreateSession, 1, at(0)),
        @"deacon: waiting on the next try of `create session`; it failed once: it was refused until 2026-01-01T12:00:01Z"
    );
    check!(
        seatless().failed(ActionKind::CreateSession, 4, at(-1)),
        @"deacon: waiting on the next try of `create session`; it failed 4 times in a row: it was refused until 2026-01-01T12:00:07Z"
    );
    check!(seatless().failed(ActionKind::CreateSession, 4, at(-8)), @"deacon: create session (its role always runs)");
    check!(
        seatless().failed(ActionKind::CreateSession, 4_000_000_000, at(-5 * MINUTE)),
        @"deacon: create session (its role always runs)"
    );
    check!(
        deacon().down().failed(ActionKind::Stop, 2, at(-1)),
        @"deacon: waiting on the next try of `stop`; it failed 2 times in a row: it was refused until 2026-01-01T12:00:01Z"
    );
}

/// A failure says nothing about another kind of action, nor about an agent at its goal.
#[test]
fn a_failure_holds_its_own_kind_back_and_nothing_else() {
    check!(deacon().failed(ActionKind::Stop, 3, at(0)), @"");
    check!(
        deacon().crashed(at(0)).failed(ActionKind::Stop, 3, at(0)),
        @"deacon: start (its run ended with exit code 1)"
    );
}
