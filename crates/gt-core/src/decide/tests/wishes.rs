//! Wishes: town down, up, down, parked, and whose they are.

use jiff::Timestamp;

use super::check;
use super::scene::{HOUR, MINUTE, at, crew, deacon, run, witness};
use crate::intent::Desire;
use crate::memory::PokeResult;
use crate::snapshot::{End, Holder};

/// Covers F39: down wins over role, wish, debt and crash, and ends with nothing left.
#[test]
fn a_town_that_is_down_stops_everything_and_starts_nothing() {
    let down = || deacon().mail(3).wish(Desire::Up, "overseer", at(0)).down();
    check!(down(), @"deacon: stop (the town is down)");
    check!(
        down().holder(Holder::Stopping { incarnation: run(1) }),
        @"deacon: waiting on its run to stop"
    );
    check!(down().crashed(at(0)), @"deacon: remove session (the town is down)");
    check!(down().holder(Holder::Idle).no_pane(), @"deacon: waiting on its holder to end");
    check!(down().holder(Holder::Gone).no_pane(), @"");
    check!(crew().down(), @"gas/crew/max: stop (the town is down)");
}

/// Covers F39, F16: a person's `gt down` needs no store.
#[test]
fn a_persons_wish_for_down_is_not_frozen() {
    check!(deacon().down().frozen(), @"deacon: stop (the town is down)");
    check!(
        deacon().wish(Desire::Down, "overseer", at(0)).frozen(),
        @"deacon: stop (down by overseer: asked)"
    );
}

/// Covers F16: everything else that ends a run is.
#[test]
fn no_automatic_stop_while_the_store_cannot_be_read() {
    check!(
        deacon().wish(Desire::Down, "mayor", at(0)).frozen(),
        @"deacon: waiting on the store, before it is stopped: disk error"
    );
    check!(
        deacon()
            .mail(1)
            .active(at(-HOUR))
            .poked(at(-HOUR), 2, PokeResult::Delivered)
            .frozen(),
        @"deacon: waiting on the store, before it is restarted: disk error"
    );
}

/// Supervision goes on from the last good copy.
#[test]
fn a_dead_agent_is_restarted_while_the_store_cannot_be_read() {
    check!(deacon().crashed(at(0)).frozen(), @"deacon: start (its run ended with exit code 1)");
}

/// Covers F46: parked agents are reconciled both ways.
#[test]
fn a_parked_agent_is_stopped_and_stays_down() {
    let parked = || {
        witness()
            .mail(1)
            .wish(Desire::Parked, "overseer", at(-HOUR))
    };
    check!(parked(), @"gas/witness: stop (parked by overseer: asked)");
    check!(parked().holder(Holder::Gone).no_pane(), @"");
}

/// Covers L1: who goes to rest and leaves mail unread is not back at once, and is woken by new mail
/// all the same, however the clock was set in between.
#[test]
fn a_resting_agent_is_woken_only_by_what_is_new() {
    let gone = |rests: Timestamp, newest| {
        witness()
            .ended(at(-HOUR), End::Requested)
            .wish(Desire::Resting, "gas/witness", rests)
            .mail_of(2, newest)
    };
    check!(gone(at(-HOUR), at(-HOUR)), @"");
    check!(gone(at(-HOUR), at(-2 * HOUR)), @"");
    check!(
        gone(at(-HOUR), at(-MINUTE)),
        @"gas/witness: start (it owes 2 unread messages)"
    );
    let set_back = || gone(at(HOUR), at(-MINUTE));
    check!(set_back().epoch(at(-2 * MINUTE)), @"gas/witness: start (it owes 2 unread messages)");
    check!(set_back().epoch(at(0)), @"");
    let running = witness().wish(Desire::Resting, "gas/witness", at(-HOUR));
    check!(running, @"");
}

/// Covers F13, F14: another agent's wish stops no crew.
#[test]
fn a_crew_is_stopped_only_by_a_person_or_itself() {
    for actor in ["gas/witness", "mayor", "daemon", "gas/crew/maxim"] {
        check!(crew().wish(Desire::Down, actor, at(0)), @"");
    }
    check!(
        crew().wish(Desire::Down, "overseer", at(0)),
        @"gas/crew/max: stop (down by overseer: asked)"
    );
    check!(
        crew().wish(Desire::Down, "gas/crew/max", at(0)),
        @"gas/crew/max: stop (down by gas/crew/max: asked)"
    );
}

/// A crew that a person wants up comes back like any other.
#[test]
fn a_wanted_crew_is_restarted() {
    check!(
        crew().crashed(at(0)).wish(Desire::Up, "overseer", at(-HOUR)),
        @"gas/crew/max: start (its run ended with exit code 1)"
    );
    check!(crew().crashed(at(0)), @"");
}
