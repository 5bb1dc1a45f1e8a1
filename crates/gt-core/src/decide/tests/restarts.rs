//! Seats, the restart gate and its circuit.

use super::check;
use super::scene::{HOUR, MINUTE, at, crew, deacon, run, witness};
use crate::incarnation::Exit;
use crate::incarnation::ProcessId;
use crate::intent::Desire;
use crate::lifecycle::Action as Asked;
use crate::memory::{AgentMemory, Attempt, Cause, PokeResult};
use crate::plan::ActionKind;
use crate::policy::RestartPolicy;
use crate::snapshot::{End, Holder, LastEnd};

#[test]
fn a_wanted_agent_gets_session_then_run() {
    check!(deacon().holder(Holder::Gone).no_pane(), @"deacon: create session (its role always runs)");
    check!(deacon().holder(Holder::Idle), @"deacon: start (its role always runs)");
    check!(deacon(), @"");
}

/// Covers F33: an agent that runs on demand starts for a debt and is not stopped for having none.
#[test]
fn on_demand_starts_when_something_is_owed() {
    check!(witness().holder(Holder::Gone).no_pane(), @"");
    check!(
        witness().holder(Holder::Gone).no_pane().mail(1),
        @"gas/witness: create session (it owes 1 unread message)"
    );
    check!(witness().active(at(-9 * HOUR)), @"");
}

/// What an agent was woken for may be half done and read when it dies: it is owed a run that ends in
/// order.
#[test]
fn an_agent_on_demand_that_is_cut_off_is_restarted() {
    for how in [
        End::Exited(Exit::Signal(9)),
        End::Exited(Exit::Code(1)),
        End::Lost,
    ] {
        let ended = witness().ended(at(0), how).plan();
        assert!(ended.contains("gas/witness: start ("), "{ended}");
    }
    for how in [End::Exited(Exit::Code(0)), End::Requested, End::Dismissed] {
        check!(witness().ended(at(0), how), @"");
    }
    check!(
        witness().ended(at(0), End::Lost).restarted(&[-60; 8]),
        @"gas/witness: open circuit (restarted 8 times within 10m)"
    );
}

#[test]
fn a_dead_run_is_restarted_at_once_and_then_after_growing_pauses() {
    check!(deacon().crashed(at(0)), @"deacon: start (its run ended with exit code 1)");
    check!(
        deacon().crashed(at(0)).restarted(&[-60, -30]),
        @"deacon: waiting on restart back-off (2 restarts within 10m) until 2026-01-01T12:00:02.134Z"
    );
    check!(
        deacon().crashed(at(-3)).restarted(&[-60, -30]),
        @"deacon: start (its run ended with exit code 1)"
    );
}

/// Covers F22: a start that comes to nothing is spaced by its own attempt; the old end does not
/// let the next one through at once.
#[test]
fn a_start_that_came_to_nothing_waits_from_its_own_attempt() {
    check!(
        deacon().crashed(at(-5 * MINUTE)).restarted(&[-4, -1]),
        @"deacon: waiting on restart back-off (2 restarts within 10m) until 2026-01-01T12:00:01.134Z"
    );
}

/// Covers F22, F23: exits, lost seats, requests and silence ask one gate.
#[test]
fn every_cause_of_a_restart_asks_the_same_gate() {
    for how in [End::Exited(Exit::Signal(9)), End::Lost, End::Unresponsive] {
        check!(
            deacon().ended(at(0), how).restarted(&[-60; 8]),
            @"deacon: open circuit (restarted 8 times within 10m)"
        );
    }
    let cycling = || {
        deacon()
            .ended(at(0), End::Requested)
            .asks(1, Asked::Cycle, -1)
            .taken()
    };
    check!(
        cycling().restarted(&[-60; 8]),
        @"deacon: open circuit (restarted 8 times within 10m)"
    );
    check!(
        deacon().ended(at(0), End::Lost).holder(Holder::Gone).no_pane().restarted(&[-60; 8]),
        @"deacon: open circuit (restarted 8 times within 10m)"
    );
}

/// What was asked for is no crash: a hand-off neither waits for the pauses of crashes nor lengthens
/// them, a person's own start and restart wait for nothing, and endless cycling still meets the budget.
#[test]
fn what_was_asked_for_is_paced_by_the_budget_alone() {
    let after = |how, causes: &[Cause]| {
        let attempt = |cause: &Cause| Attempt {
            at: at(-30),
            cause: *cause,
        };
        let attempts: Vec<Attempt> = causes.iter().map(attempt).collect();
        deacon()
            .ended(at(0), how)
            .set(|facts| facts.memory.attempts = attempts)
    };
    let cycled = |causes| {
        after(End::Requested, causes)
            .asks(1, Asked::Cycle, -1)
            .taken()
    };
    let exited = End::Exited(Exit::Code(1));
    check!(cycled(&[Cause::Exited; 5]), @"deacon: start (a fresh run was asked for)");
    check!(after(exited, &[Cause::Requested; 7]), @"deacon: start (its run ended with exit code 1)");
    check!(
        cycled(&[Cause::Requested; 8]),
        @"deacon: open circuit (restarted 8 times within 10m)"
    );
    check!(
        after(End::Requested, &[Cause::Requested; 8])
            .request("overseer", None, Asked::Restart, -1)
            .taken(),
        @"deacon: start (overseer asked for restart)"
    );
    let crashed = || {
        deacon()
            .crashed(at(-2))
            .restarted(&[-60, -50, -40, -30, -20])
    };
    check!(
        crashed().wish(Desire::Up, "overseer", at(-1)),
        @"deacon: start (up by overseer: asked)"
    );
    check!(
        crashed().wish(Desire::Up, "mayor", at(-1)),
        @"deacon: waiting on restart back-off (5 restarts within 10m) until 2026-01-01T12:00:13.024Z"
    );
    check!(
        crashed().wish(Desire::Up, "overseer", at(-3)),
        @"deacon: waiting on restart back-off (5 restarts within 10m) until 2026-01-01T12:00:13.024Z"
    );
}

/// Covers F7, F22: attempts that are older than the window do not count.
#[test]
fn a_crash_now_and_then_opens_no_circuit() {
    check!(
        deacon().crashed(at(0)).restarted(&[-11 * MINUTE; 8]),
        @"deacon: start (its run ended with exit code 1)"
    );
}

/// Covers F24: an open circuit is tried again, after an hour, then two, for as long as it is
/// wanted, at least daily.
#[test]
fn an_open_circuit_is_half_open_after_growing_pauses() {
    let open = |tries, last| {
        deacon()
            .crashed(at(-1))
            .circuit(at(-90 * HOUR), tries, at(last))
    };
    check!(
        open(0, -HOUR + 60),
        @"deacon: waiting on crash loop: the circuit is open since 2025-12-28T18:00:00.000Z until 2026-01-01T12:01:00Z"
    );
    check!(open(0, -HOUR), @"deacon: start (its run ended with exit code 1)");
    check!(
        open(1, -HOUR),
        @"deacon: waiting on crash loop: the circuit is open since 2025-12-28T18:00:00.000Z until 2026-01-01T13:00:00Z"
    );
    check!(open(1, -2 * HOUR), @"deacon: start (its run ended with exit code 1)");
    check!(open(40, -24 * HOUR), @"deacon: start (its run ended with exit code 1)");
}

/// Covers F24: the flag clears by a run that lasts, not by one that only hangs.
#[test]
fn a_run_that_lasts_closes_the_circuit() {
    let open = |since| {
        deacon()
            .running(2, at(since))
            .circuit(at(-HOUR), 1, at(since))
    };
    check!(
        open(-9 * MINUTE),
        @"deacon: waiting on its run to last before the circuit closes until 2026-01-01T12:01:00Z"
    );
    check!(open(-10 * MINUTE), @"deacon: close circuit (it has run for 10m)");
    check!(
        open(-30 * MINUTE).mail(1).poked_run(2, at(-MINUTE), 1, PokeResult::Delivered),
        @"deacon: waiting on an answer to the last poke until 2026-01-01T12:06:30Z"
    );
}

/// Covers F23: a circuit that cannot be opened, since nobody can be told, lets nobody through when the
/// attempts grow old.
#[test]
fn a_budget_stays_used_up_until_a_person_is_told() {
    let untold = |second| {
        let old = deacon().crashed(at(-HOUR)).restarted(&[-30 * MINUTE; 8]);
        old.failed(ActionKind::OpenCircuit, 2, at(second))
    };
    check!(
        untold(-5 * MINUTE),
        @"deacon: open circuit (it restarted too often, and nobody could be told so until now)"
    );
    check!(
        untold(-5 * MINUTE).wish(Desire::Up, "overseer", at(-MINUTE)),
        @"deacon: start (up by overseer: asked)"
    );
    check!(untold(-HOUR), @"deacon: start (its run ended with exit code 1)");
}

/// Covers F24: a person who wants it up has seen the crash loop, and gets one new budget.
#[test]
fn a_persons_wish_gives_a_broken_agent_one_new_budget() {
    let broken = || {
        deacon()
            .crashed(at(-1))
            .restarted(&[-6 * MINUTE; 8])
            .circuit(at(-5 * MINUTE), 0, at(-5 * MINUTE))
    };
    check!(
        broken().wish(Desire::Up, "overseer", at(-4 * MINUTE)),
        @"deacon: close circuit (a person asked for it since the circuit opened)"
    );
    check!(
        broken().wish(Desire::Up, "mayor", at(-4 * MINUTE)),
        @"deacon: waiting on crash loop: the circuit is open since 2026-01-01T11:55:00.000Z until 2026-01-01T12:55:00Z"
    );
}

/// Covers F25: the wish that there was when the circuit opened gives none, even when the clock was
/// set back so that it seems to be the later of the two.
#[test]
fn a_wish_from_before_the_circuit_gives_no_new_budget() {
    let seen = deacon().crashed(at(-1)).restarted(&[-6 * MINUTE; 8]).wish(
        Desire::Up,
        "overseer",
        at(-4 * MINUTE),
    );
    let opened = seen.set(|facts| {
        let wish_at = facts.wish().map(|intent| intent.at);
        facts.memory.open_circuit(at(-5 * MINUTE), wish_at);
    });
    check!(
        opened,
        @"deacon: waiting on crash loop: the circuit is open since 2026-01-01T11:55:00.000Z until 2026-01-01T12:55:00Z"
    );
}

/// Covers F24: a person who brings the town up gives each agent a new chance: what it was started for
/// before counts no more.
#[test]
fn bringing_the_town_up_gives_a_new_chance() {
    let loops = deacon().crashed(at(-1)).restarted(&[-6 * MINUTE; 8]);
    let opened = loops.circuit(at(-5 * MINUTE), 0, at(-5 * MINUTE));
    check!(
        opened.raised(at(-2)),
        @"deacon: close circuit (a person asked for it since the circuit opened)"
    );
    let paced = || deacon().crashed(at(-1)).restarted(&[-9, -6, -2]);
    check!(
        paced(),
        @"deacon: waiting on restart back-off (3 restarts within 10m) until 2026-01-01T12:00:02.888Z"
    );
    check!(paced().raised(at(-1)), @"deacon: start (its run ended with exit code 1)");
}

/// A stop by wish and a start by wish are no crash.
#[test]
fn a_dismissed_agent_starts_without_the_gate_when_it_is_wanted_again() {
    check!(
        deacon().ended(at(0), End::Dismissed).restarted(&[-60; 3]),
        @"deacon: start (its role always runs)"
    );
}

/// Covers F7, F20, F41: nothing is started beside what an earlier run left.
#[test]
fn survivors_of_a_killed_holder_are_ended_before_a_successor() {
    let orphaned = Holder::Orphaned {
        incarnation: run(1),
        survivors: vec![
            ProcessId { pid: 12, start: 1 },
            ProcessId { pid: 13, start: 1 },
        ],
    };
    check!(
        deacon().holder(orphaned.clone()),
        @"deacon: sweep (its holder is gone and left pids 12, 13)"
    );
    check!(
        deacon().holder(orphaned.clone()).no_pane().frozen(),
        @"deacon: waiting on the store, before pids 12, 13 are ended: disk error"
    );
    check!(
        deacon().holder(orphaned.clone()).frozen().down(),
        @"deacon: sweep (its holder is gone and left pids 12, 13)"
    );
    check!(
        witness().holder(orphaned),
        @"gas/witness: sweep (its holder is gone and left pids 12, 13)"
    );
}

/// Covers F13: what is left of a crew may be the crew.
#[test]
fn survivors_of_a_crew_are_left_to_a_person() {
    let orphaned = || {
        crew().holder(Holder::Orphaned {
            incarnation: run(1),
            survivors: vec![ProcessId { pid: 12, start: 1 }],
        })
    };
    check!(orphaned(), @"gas/crew/max: escalate (its holder is gone and left pid 12; a stop or restart of it ends what is left)");
    check!(
        orphaned().set(|facts| facts.memory.escalated_at = Some(at(-5))),
        @"gas/crew/max: waiting on a person: its holder is gone and left pid 12; a stop or restart of it ends what is left"
    );
    let lost = LastEnd {
        incarnation: run(1),
        at: at(-3),
        how: End::Lost,
    };
    check!(
        orphaned().set(|facts| {
            facts.memory.escalated_at = Some(at(-5));
            facts.last_end = Some(lost);
        }),
        @"gas/crew/max: escalate (its holder is gone and left pid 12; a stop or restart of it ends what is left)"
    );
    check!(
        orphaned().wish(Desire::Down, "overseer", at(0)),
        @"gas/crew/max: sweep (its holder is gone and left pid 12)"
    );
    check!(
        orphaned()
            .set(|facts| facts.last_end = Some(lost))
            .wish(Desire::Up, "overseer", at(-1)),
        @"gas/crew/max: sweep (its holder is gone and left pid 12)"
    );
    check!(orphaned().down(), @"gas/crew/max: sweep (its holder is gone and left pid 12)");
}

#[test]
fn a_pane_without_a_holder_is_removed_before_a_new_one_is_made() {
    check!(deacon().holder(Holder::Gone), @"deacon: remove session (its pane has no holder)");
}

#[test]
fn nothing_is_started_in_a_seat_without_a_terminal() {
    check!(
        deacon().holder(Holder::Idle).no_pane(),
        @"deacon: waiting on its holder to end, which has no pane any more"
    );
}

/// Covers L22: what cannot be started is not tried, and says what lacks.
#[test]
fn a_start_that_cannot_succeed_is_not_tried() {
    check!(
        deacon().crashed(at(0)).cannot_launch(),
        @"deacon: waiting on its work dir is missing (its role always runs)"
    );
    check!(
        deacon().holder(Holder::Gone).no_pane().cannot_launch(),
        @"deacon: waiting on its work dir is missing (its role always runs)"
    );
}

/// Covers F22: a start is remembered before it is made, only wanted ones do not count, and the
/// list stays as short as the window.
#[test]
fn starts_are_remembered_within_the_window() {
    let policy = RestartPolicy::default();
    let mut memory = AgentMemory::default();
    memory.remember_start(at(0), Cause::Wanted, &policy);
    assert_eq!(memory.attempts, []);
    memory.remember_start(at(1), Cause::Exited, &policy);
    memory.remember_start(at(700), Cause::SeatLost, &policy);
    let left = Attempt {
        at: at(700),
        cause: Cause::SeatLost,
    };
    assert_eq!(memory.attempts, [left]);
}

/// Covers F24: each half-open try counts, and closing forgets what opened it.
#[test]
fn a_closed_circuit_starts_from_nothing() {
    let policy = RestartPolicy::default();
    let mut memory = AgentMemory::default();
    memory.open_circuit(at(0), None);
    memory.remember_start(at(3600), Cause::Exited, &policy);
    let circuit = memory.circuit.unwrap();
    assert_eq!((circuit.tries, circuit.last_try_at), (1, at(3600)));
    memory.close_circuit();
    assert_eq!(memory, AgentMemory::default());
}

/// Covers F9: what keeps the name of its session is not the town's to end, and holds only a start up.
#[test]
fn a_name_that_is_taken_is_waited_for() {
    let empty = || {
        deacon()
            .holder(Holder::Gone)
            .no_pane()
            .set(|facts| facts.name_taken = true)
    };
    check!(
        empty(),
        @"deacon: waiting on the name `gt-deacon`, which a session has that is not gt's: end or rename it (`gt tmux attach -t =gt-deacon` shows it)"
    );
    check!(empty().down(), @"");
}
