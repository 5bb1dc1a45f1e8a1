//! Gaps in time: the clock set back or forward, the machine asleep, the daemon restarted.

use super::check;
use super::scene::{HOUR, MINUTE, Scene, at, deacon, witness};
use crate::lifecycle::Action as Asked;
use crate::memory::PokeResult;
use crate::policy::Poke;

fn silent() -> Scene {
    deacon().mail(1).active(at(-HOUR))
}

/// Covers D8: a stamp from the future is neither fresh for ever nor an answer.
#[test]
fn activity_in_the_future_answers_no_poke() {
    check!(silent().active(at(HOUR)), @"deacon: poke (it owes 1 unread message and is not fresh)");
    check!(
        silent().active(at(HOUR)).poked(at(-MINUTE), 0, PokeResult::Delivered),
        @"deacon: waiting on an answer to the last poke until 2026-01-01T12:04:00Z"
    );
}

/// Covers D8: after the clock was set back, a run that began in the future is as fresh as its
/// activity.
#[test]
fn a_run_from_the_future_is_fresh_when_it_is_active() {
    check!(
        deacon()
            .mail(1)
            .epoch(at(-10 * MINUTE))
            .running(1, at(HOUR))
            .active(at(-30)),
        @"deacon: waiting on 2m of quiet, before it is woken until 2026-01-01T12:01:30Z"
    );
}

/// Covers D8: a poke from before the clock was set back counts as no miss and is answered by what
/// came after.
#[test]
fn a_poke_from_the_future_is_no_miss() {
    let poked = || {
        silent()
            .epoch(at(-40 * MINUTE))
            .poked(at(HOUR), 2, PokeResult::Delivered)
    };
    check!(poked(), @"deacon: poke (it owes 1 unread message and is not fresh)");
    check!(
        poked().active(at(-MINUTE)),
        @"deacon: forget pokes (it showed activity since the last poke)"
    );
}

/// No unanswered poke counts across a sleep, and the run gets its whole patience anew.
#[test]
fn nothing_is_a_miss_that_the_machine_slept_through() {
    let slept = |minutes: i64| {
        silent()
            .active(at(-9 * HOUR))
            .poked(at(-9 * HOUR), 2, PokeResult::Delivered)
            .epoch(at(-minutes * MINUTE))
    };
    check!(slept(0), @"deacon: waiting on 2m of quiet, before it is woken until 2026-01-01T12:02:00Z");
    check!(slept(3), @"deacon: waiting on an answer to the last poke until 2026-01-01T12:08:15Z");
    check!(slept(20), @"deacon: poke (it owes 1 unread message and is not fresh)");
}

/// Covers D20: a daemon that was just started pokes nobody at once, and keeps the stored interval.
#[test]
fn a_restarted_daemon_does_not_poke_at_once() {
    let always = |facts: &mut crate::snapshot::AgentFacts| facts.poke = Poke::Always;
    check!(
        deacon().active(at(-HOUR)).set(always).epoch(at(0)),
        @"deacon: waiting on 2m of quiet, before it is woken until 2026-01-01T12:02:00Z"
    );
    check!(
        deacon()
            .active(at(-HOUR))
            .set(always)
            .epoch(at(-3 * MINUTE))
            .poked(at(-6 * MINUTE), 0, PokeResult::Delivered),
        @"deacon: waiting on an answer to the last poke until 2026-01-01T12:02:00Z"
    );
}

/// Covers F22: restarts counted in the future age from the moment the clock was set back, so they
/// hold nothing up for ever.
#[test]
fn attempts_in_the_future_age_from_the_gap() {
    let eight = [HOUR; 8];
    check!(
        deacon().crashed(at(-1)).restarted(&eight).epoch(at(-MINUTE)),
        @"deacon: open circuit (restarted 8 times within 10m)"
    );
    check!(
        deacon().crashed(at(-1)).restarted(&eight).epoch(at(-11 * MINUTE)),
        @"deacon: start (its run ended with exit code 1)"
    );
}

/// Covers F22: a daemon's restart renews no old attempts.
#[test]
fn attempts_of_last_week_do_not_count_after_a_daemon_restart() {
    check!(
        deacon()
            .crashed(at(-1))
            .restarted(&[-200 * HOUR; 8])
            .epoch(at(-2)),
        @"deacon: start (its run ended with exit code 1)"
    );
}

/// Covers F24: an end and a half-open try in the future hold for their own pause only.
#[test]
fn an_end_in_the_future_holds_nothing_for_ever() {
    check!(
        deacon().crashed(at(HOUR)).restarted(&[HOUR]).epoch(at(-5 * MINUTE)),
        @"deacon: start (its run ended with exit code 1)"
    );
    check!(
        deacon()
            .crashed(at(9 * HOUR))
            .circuit(at(9 * HOUR), 0, at(9 * HOUR))
            .epoch(at(-2 * HOUR)),
        @"deacon: start (its run ended with exit code 1)"
    );
}

/// Covers F25: with the clock set back a request does not live longer than it was given.
#[test]
fn a_request_from_the_future_expires_by_its_own_length() {
    check!(
        deacon().asks(1, Asked::Cycle, HOUR).epoch(at(-11 * MINUTE)),
        @"deacon: expire request (it was not carried out in time)"
    );
    check!(
        deacon().asks(1, Asked::Cycle, HOUR).epoch(at(-MINUTE)),
        @"deacon: take request (deacon asked for cycle)"
    );
}

/// Covers F25: a person's request names no run; it means the one that ran when it was made, also
/// across a clock that was set back.
#[test]
fn a_persons_request_concerns_the_run_of_its_time_across_a_gap() {
    let asked = |since, requested_at| {
        witness()
            .epoch(at(-5 * MINUTE))
            .running(1, at(since))
            .request("overseer", None, Asked::Restart, requested_at)
    };
    check!(asked(HOUR, -MINUTE), @"gas/witness: take request (overseer asked for restart)");
    check!(
        asked(-MINUTE, HOUR),
        @"gas/witness: refuse request (the run that asked is not the one that runs)"
    );
    check!(asked(-HOUR, HOUR), @"gas/witness: take request (overseer asked for restart)");
}
