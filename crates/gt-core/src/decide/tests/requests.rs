//! Lifecycle requests.

use super::check;
use super::scene::{HOUR, MINUTE, Scene, at, crew, deacon, run, witness};
use crate::actor::Actor;
use crate::intent::{Desire, Intent};
use crate::lifecycle::Action as Asked;
use crate::outcome::intent_after;
use crate::policy::Run;
use crate::snapshot::{End, Holder};

fn cycling() -> Scene {
    witness().asks(1, Asked::Cycle, -MINUTE)
}

/// Covers F26, L6, L7: taken first, then carried out, then closed, then nothing.
#[test]
fn a_request_is_taken_before_it_is_carried_out_and_closed_after() {
    check!(cycling(), @"gas/witness: take request (gas/witness asked for cycle)");
    check!(cycling().taken(), @"gas/witness: stop (gas/witness asked for cycle)");
    check!(
        cycling().taken().holder(Holder::Stopping { incarnation: run(1) }),
        @"gas/witness: waiting on its run to stop"
    );
    check!(
        cycling().taken().ended(at(0), End::Requested),
        @"gas/witness: start (a fresh run was asked for)"
    );
    check!(cycling().taken().running(2, at(0)), @"gas/witness: close request (cycle is carried out)");
}

/// Covers L1: a shutdown is no restart.
#[test]
fn a_shutdown_is_closed_without_a_successor() {
    let asked = || witness().asks(1, Asked::Shutdown, -MINUTE).taken();
    check!(asked(), @"gas/witness: stop (gas/witness asked for shutdown)");
    check!(
        asked().ended(at(0), End::Requested),
        @"gas/witness: close request (shutdown is carried out)"
    );
    check!(witness().ended(at(0), End::Requested), @"");
}

/// Covers L1: where the role or a person has the agent up, its shutdown is stored as a wish.
#[test]
fn a_shutdown_leaves_a_wish_that_keeps_it_down() {
    let request = |scene: Scene| scene.snapshot.requests[0].request.clone();
    let shutdown = request(deacon().asks(1, Asked::Shutdown, 0));
    let up = Intent {
        desire: Desire::Up,
        actor: Actor::Overseer,
        reason: "gt up".to_owned(),
        at: at(-HOUR),
    };
    let left = |run, intent| {
        let left = intent_after(&shutdown, run, intent, at(1)).unwrap();
        (left.desire, left.at)
    };
    assert_eq!(left(Run::Always, None), (Desire::Down, at(1)));
    assert_eq!(left(Run::Never, Some(up.clone())), (Desire::Down, at(1)));
    assert_eq!(
        left(Run::OnDemand, Some(up.clone())),
        (Desire::Resting, at(0))
    );
    let cycle = request(deacon().asks(1, Asked::Cycle, 0));
    assert_eq!(
        intent_after(&cycle, Run::Always, Some(up.clone()), at(0)),
        Some(up)
    );
}

/// Covers F20, F21, F25: a request of a run that is gone does nothing to its successor.
#[test]
fn a_request_of_another_run_is_refused() {
    check!(
        cycling().running(2, at(-HOUR)),
        @"gas/witness: refuse request (the run that asked is not the one that runs)"
    );
    check!(
        cycling().holder(Holder::Idle),
        @"gas/witness: refuse request (the run that asked is not the one that runs)"
    );
    check!(
        witness().running(2, at(-30)).request("overseer", None, Asked::Restart, -MINUTE),
        @"gas/witness: refuse request (the run that asked is not the one that runs)"
    );
}

/// Covers F25: the second of two equal requests finds another run and is refused.
#[test]
fn a_duplicate_request_runs_once() {
    let twice = || cycling().taken().asks(1, Asked::Cycle, -MINUTE);
    check!(twice(), @"gas/witness: stop (gas/witness asked for cycle)");
    check!(
        twice().ended(at(0), End::Requested),
        @"gas/witness: refuse request (the run that asked is not the one that runs)"
    );
}

/// Covers F25, L12: a request that was not carried out in time is closed, not tried for ever, and
/// closing it needs no sight of the holder.
#[test]
fn an_expired_request_is_closed_without_effect() {
    check!(
        witness().asks(1, Asked::Cycle, -HOUR),
        @"gas/witness: expire request (it was not carried out in time)"
    );
    check!(
        witness().asks(1, Asked::Cycle, -HOUR).holder_hangs(),
        @"gas/witness: expire request (it was not carried out in time)"
    );
    check!(
        witness().asks(1, Asked::Cycle, -HOUR).taken(),
        @"gas/witness: expire request (its time was over before the run was stopped)"
    );
}

/// An agent that was stopped for its request gets its successor, however late.
#[test]
fn a_request_that_was_half_carried_out_is_finished_after_its_time() {
    check!(
        witness().asks(1, Asked::Cycle, -HOUR).taken().ended(at(-1), End::Requested),
        @"gas/witness: start (a fresh run was asked for)"
    );
    check!(
        witness()
            .asks(1, Asked::Cycle, -HOUR)
            .taken()
            .holder(Holder::Gone)
            .no_pane(),
        @"gas/witness: create session (gas/witness asked for cycle)"
    );
}

/// Covers L22, L2: the agent lives and the request waits, until it expires.
#[test]
fn a_request_whose_successor_cannot_be_made_waits() {
    check!(
        cycling().cannot_launch(),
        @"gas/witness: waiting on its work dir is missing: `cycle` would leave it dead until 2026-01-01T12:09:00Z"
    );
    check!(
        cycling().taken().cannot_launch(),
        @"gas/witness: waiting on its work dir is missing: `cycle` would leave it dead until 2026-01-01T12:09:00Z"
    );
    check!(
        witness().asks(1, Asked::Shutdown, 0).cannot_launch(),
        @"gas/witness: take request (gas/witness asked for shutdown)"
    );
}

/// Covers F39: a request that waits holds nothing else up.
#[test]
fn a_waiting_request_hides_neither_the_way_down_nor_a_poke_nor_another_request() {
    check!(cycling().cannot_launch().down(), @"gas/witness: stop (the town is down)");
    check!(cycling().down(), @"gas/witness: stop (the town is down)");
    check!(
        cycling().cannot_launch().mail(1).active(at(-HOUR)),
        @"gas/witness: poke (it owes 1 unread message and is not fresh)"
    );
    check!(
        cycling().cannot_launch().asks(1, Asked::Shutdown, 0),
        @"gas/witness: take request (gas/witness asked for shutdown)"
    );
}

/// Covers F22, F23, F26: endless cycling stops at the gate, with the agent alive.
#[test]
fn a_request_asks_the_gate_before_its_run_is_stopped() {
    check!(
        cycling().restarted(&[-MINUTE; 8]),
        @"gas/witness: refuse request (restarted 8 times within 10m)"
    );
    check!(
        cycling().circuit(at(-2 * HOUR), 1, at(-HOUR)),
        @"gas/witness: close circuit (it has run for 10m)"
    );
    check!(
        cycling().restarted(&[-MINUTE]),
        @"gas/witness: take request (gas/witness asked for cycle)"
    );
}

/// Covers F16: neither a take nor a close could be recorded.
#[test]
fn requests_wait_for_the_store() {
    for scene in [
        cycling(),
        cycling().taken(),
        witness().asks(1, Asked::Cycle, -HOUR),
    ] {
        check!(scene.frozen(), @"gas/witness: waiting on the store: disk error");
    }
}

/// Covers F13, L11: nobody else cycles a crew.
#[test]
fn only_a_person_or_itself_may_cycle_a_crew() {
    check!(
        crew().request("gas/witness", None, Asked::Restart, -MINUTE),
        @"gas/crew/max: refuse request (only a person or itself may ask this of it)"
    );
    check!(
        crew().request("overseer", None, Asked::Restart, -MINUTE),
        @"gas/crew/max: take request (overseer asked for restart)"
    );
    check!(
        crew().asks(1, Asked::Cycle, -MINUTE),
        @"gas/crew/max: take request (gas/crew/max asked for cycle)"
    );
}

/// Covers L3, L9, L12: a request for nobody is closed with a reason.
#[test]
fn a_request_for_an_unknown_agent_is_refused() {
    let foreign = || {
        let mut scene = deacon().asks(1, Asked::Cycle, -MINUTE);
        scene.snapshot.requests[0].request.agent = crate::AgentId::Mayor;
        scene
    };
    check!(foreign(), @"mayor: refuse request (no such agent in this town)");
    check!(foreign().frozen(), @"mayor: waiting on the store, before a request is closed: disk error");
}

/// Covers F39: a cycle that the way down overtook is closed with the reason.
#[test]
fn a_taken_cycle_of_an_agent_that_is_to_be_down_is_closed() {
    check!(
        cycling().taken().holder(Holder::Gone).no_pane().down(),
        @"gas/witness: refuse request (the town is down)"
    );
}

/// A daemon that died while it carried a request out did not note why the run ended; the fresh
/// run comes as promptly as if it had.
#[test]
fn a_run_that_ended_under_a_request_is_no_crash() {
    let crashed = |scene: Scene| scene.restarted(&[-1, -2]).crashed(at(0));
    check!(crashed(cycling().taken()), @"gas/witness: start (its run ended with exit code 1)");
    check!(
        crashed(deacon()),
        @"deacon: waiting on restart back-off (2 restarts within 10m) until 2026-01-01T12:00:02.134Z"
    );
}
