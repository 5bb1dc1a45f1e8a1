//! Actions that fail: the next beat is the retry, spaced by what is remembered.

use super::check;
use super::scene::{MINUTE, at, deacon};
use crate::memory::AgentMemory;
use crate::snapshot::Holder;

/// Covers F22, F80: what fails in a row is tried ever more rarely, whatever it is.
#[test]
fn failing_actions_are_spaced() {
    let seatless = || deacon().holder(Holder::Gone).no_pane();
    check!(
        seatless().failed(1, at(0)),
        @"deacon: waiting on the next try of `create session`; the last 1 failed until 2026-01-01T12:00:01Z"
    );
    check!(
        seatless().failed(4, at(-1)),
        @"deacon: waiting on the next try of `create session`; the last 4 failed until 2026-01-01T12:00:07Z"
    );
    check!(seatless().failed(4, at(-8)), @"deacon: create session (its role always runs)");
    check!(
        seatless().failed(4_000_000_000, at(-5 * MINUTE)),
        @"deacon: create session (its role always runs)"
    );
    check!(
        deacon().down().failed(2, at(-1)),
        @"deacon: waiting on the next try of `stop`; the last 2 failed until 2026-01-01T12:00:01Z"
    );
}

#[test]
fn a_failure_does_not_disturb_an_agent_at_its_goal() {
    check!(deacon().failed(3, at(0)), @"");
}

#[test]
fn one_success_ends_a_row_of_failures() {
    let mut memory = AgentMemory::default();
    memory.remember_failure(at(0));
    memory.remember_failure(at(5));
    assert_eq!(memory.failed.map(|failed| failed.times), Some(2));
    memory.forget_failures();
    assert_eq!(memory, AgentMemory::default());
}
