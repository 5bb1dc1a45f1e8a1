//! Silence, debt and pokes.

use super::check;
use super::scene::{HOUR, MINUTE, Scene, at, crew, deacon, not_typed, run};
use crate::intent::Desire;
use crate::memory::{AgentMemory, PokeResult};
use crate::policy::Poke;
use crate::screen::{Screen, ScreenState};
use crate::snapshot::Holder;

/// A deacon with mail that showed nothing for an hour.
fn silent() -> Scene {
    deacon().mail(1).active(at(-HOUR))
}

fn always() -> Scene {
    deacon()
        .active(at(-HOUR))
        .set(|facts| facts.poke = Poke::Always)
}

/// Covers F3, F5, F33: idle with nothing owed is healthy, however long it lasts.
#[test]
fn silence_alone_is_evidence_for_nothing() {
    check!(deacon().active(at(-100 * HOUR)), @"");
    check!(deacon().set(|facts| facts.activity = None), @"");
}

/// Covers F4: a living session proves nothing about the work.
#[test]
fn owed_mail_and_silence_are_poked() {
    check!(silent(), @"deacon: poke (it owes 1 unread message and is not fresh)");
    check!(crew().mail(2).active(at(-HOUR)), @"gas/crew/max: poke (it owes 2 unread messages and is not fresh)");
}

/// Covers F62, D6: a run that was active or started just now is left to its work.
#[test]
fn a_fresh_run_is_not_poked() {
    check!(
        deacon().mail(1).active(at(-MINUTE)),
        @"deacon: waiting on 2m of quiet, before it is woken until 2026-01-01T12:01:00Z"
    );
    check!(
        deacon().mail(1).running(1, at(-10)),
        @"deacon: waiting on 2m of quiet, before it is woken until 2026-01-01T12:01:50Z"
    );
}

/// Covers F67: from its first moment a dialog waits for a person, whatever is due to be typed when.
#[test]
fn a_run_that_shows_a_dialog_waits_for_a_person() {
    let asking = |scene: Scene| scene.shows(ScreenState::NeedsApproval, -1);
    check!(
        asking(deacon().mail(1).active(at(-MINUTE))),
        @"deacon: waiting on a person: it shows a dialog until 2026-01-01T12:01:00Z"
    );
    check!(
        asking(silent().poked(at(-MINUTE), 0, PokeResult::Delivered)),
        @"deacon: waiting on a person: it shows a dialog until 2026-01-01T12:04:00Z"
    );
}

#[test]
fn a_role_or_program_that_takes_no_pokes_gets_none() {
    check!(silent().set(|facts| facts.poke = Poke::Never), @"");
    check!(silent().set(|facts| facts.can_type = false), @"");
}

/// Covers D1: every role can be poked, not the deacon alone; `always` asks for no debt.
#[test]
fn poke_always_needs_no_debt() {
    check!(always(), @"deacon: poke (it is not fresh)");
    check!(
        crew().active(at(-HOUR)).set(|facts| facts.poke = Poke::Always),
        @"gas/crew/max: poke (it is not fresh)"
    );
}

/// Covers D4: the first poke is no miss before it had its time.
#[test]
fn a_poke_gets_its_time_to_be_answered() {
    check!(
        silent().poked(at(-MINUTE), 0, PokeResult::Delivered),
        @"deacon: waiting on an answer to the last poke until 2026-01-01T12:04:00Z"
    );
    check!(
        silent().poked(at(-6 * MINUTE), 1, PokeResult::Delivered),
        @"deacon: waiting on an answer to the last poke until 2026-01-01T12:01:30Z"
    );
}

/// Covers D4, F4: pokes that stay unanswered end in a restart, not in ever rarer pokes.
#[test]
fn an_unresponsive_run_is_stopped_for_a_restart() {
    check!(
        silent().poked(at(-12 * MINUTE), 2, PokeResult::Delivered),
        @"deacon: stop (it left 3 pokes in a row unanswered)"
    );
}

/// Covers F22: the pause between stop and start is no reason never to stop.
#[test]
fn a_recent_restart_does_not_hold_back_the_stop_for_ever() {
    check!(
        silent()
            .poked(at(-12 * MINUTE), 2, PokeResult::Delivered)
            .restarted(&[-9 * MINUTE]),
        @"deacon: stop (it left 3 pokes in a row unanswered)"
    );
}

/// Covers L22, D4.
#[test]
fn an_unresponsive_run_without_a_possible_successor_lives() {
    check!(
        silent().poked(at(-12 * MINUTE), 2, PokeResult::Delivered).cannot_launch(),
        @"deacon: waiting on its work dir is missing: a restart would leave it dead"
    );
}

/// Covers F13: a person is told once; nothing stops a crew, and it goes on hearing of its mail.
#[test]
fn an_unresponsive_crew_is_told_of_once_and_left_running() {
    let unresponsive = || {
        crew()
            .mail(1)
            .active(at(-HOUR))
            .poked(at(-12 * MINUTE), 2, PokeResult::Delivered)
    };
    check!(unresponsive(), @"gas/crew/max: escalate (it left 3 pokes in a row unanswered)");
    check!(
        unresponsive().set(|facts| facts.memory.escalated_at = Some(at(-MINUTE))),
        @"gas/crew/max: poke (it owes 1 unread message and is not fresh)"
    );
}

/// Covers F67: what a dialog, a limit, a refused login or a missing model explains, no restart mends:
/// a person is told once, and the agent hears again of what it owes until it can go on.
#[test]
fn who_lacks_what_no_restart_gives_is_not_restarted() {
    let silent = |state| {
        let poked = silent().poked(at(-12 * MINUTE), 2, PokeResult::Delivered);
        poked.shows(state, -HOUR)
    };
    check!(
        silent(ScreenState::Limited),
        @"deacon: escalate (it left 3 pokes in a row unanswered: its screen says that a limit is reached)"
    );
    check!(
        silent(ScreenState::NeedsApproval),
        @"deacon: escalate (it left 3 pokes in a row unanswered: its screen shows a dialog)"
    );
    check!(
        silent(ScreenState::ModelUnavailable).set(|facts| facts.memory.escalated_at = Some(at(-MINUTE))),
        @"deacon: poke (it owes 1 unread message and is not fresh)"
    );
    check!(
        silent(ScreenState::Working),
        @"deacon: stop (it left 3 pokes in a row unanswered)"
    );
}

/// A limit that says when it ends is waited for, and nobody types meanwhile.
#[test]
fn a_limit_is_waited_for() {
    check!(
        silent().limited_until(HOUR),
        @"deacon: waiting on its limit to end until 2026-01-01T13:00:11Z"
    );
    check!(silent().limited_until(-10 * MINUTE), @"deacon: poke (it owes 1 unread message and is not fresh)");
    let untold = |since| silent().shows(ScreenState::Limited, since);
    check!(
        untold(-MINUTE),
        @"deacon: waiting on its limit to end until 2026-01-01T12:14:11Z"
    );
    check!(untold(-16 * MINUTE), @"deacon: poke (it owes 1 unread message and is not fresh)");
}

/// A refused login is told of once, by the first run that meets it, without a poke; no other run of
/// its account begins until a person asked for one.
#[test]
fn a_refused_login_is_asked_for_once_and_holds_the_account() {
    let refused = || deacon().shows(ScreenState::AuthDead, -MINUTE);
    check!(
        refused(),
        @"deacon: escalate (its login is refused: log in at its terminal, or give it a key and restart it)"
    );
    let told = || refused().set(|facts| facts.memory.escalated_at = Some(at(-MINUTE)));
    check!(told(), @"");
    check!(refused().login_refused_to("mayor", -HOUR), @"");
    let next = || {
        deacon()
            .holder(Holder::Idle)
            .login_refused_to("mayor", -MINUTE)
    };
    check!(next(), @"deacon: waiting on a login: that of mayor is refused (its role always runs)");
    check!(
        next().wish(Desire::Up, "overseer", at(-1)),
        @"deacon: start (up by overseer: asked)"
    );
}

/// Covers F13: who goes to work on a poke and comes back lives, whatever it reports.
#[test]
fn who_takes_its_pokes_and_does_not_report_is_not_restarted() {
    let silent = |since| {
        let poked = silent().poked(at(-12 * MINUTE), 2, PokeResult::Delivered);
        poked.shows(ScreenState::Idle, since)
    };
    check!(
        silent(-11 * MINUTE),
        @"deacon: escalate (it left 3 pokes in a row unanswered: it took the last one, and did not report)"
    );
    check!(silent(-13 * MINUTE), @"deacon: stop (it left 3 pokes in a row unanswered)");
}

/// Covers F5, D4: an answer ends the counting.
#[test]
fn activity_after_a_poke_forgets_what_was_unanswered() {
    check!(
        silent().poked(at(-2 * MINUTE), 2, PokeResult::Delivered).active(at(-MINUTE)),
        @"deacon: forget pokes (it showed activity since the last poke)"
    );
}

/// Covers D5: an answered poke is not followed by another before the interval is over, although
/// the agent is no longer fresh.
#[test]
fn an_answered_poke_still_spaces_the_next() {
    let mut memory = AgentMemory::default();
    memory.remember_poke(
        at(-4 * MINUTE),
        at(-24 * HOUR),
        run(1),
        0,
        PokeResult::Delivered,
    );
    memory.forget_pokes();
    check!(
        always().active(at(-3 * MINUTE)).set(|facts| facts.memory = memory),
        @"deacon: waiting on the next try of a poke until 2026-01-01T12:01:00Z"
    );
}

/// Covers F3: misses of an earlier debt do not shorten the patience with a new one.
#[test]
fn a_paid_debt_forgets_what_was_unanswered() {
    check!(
        silent().mail(0).poked(at(-HOUR), 2, PokeResult::Delivered),
        @"deacon: forget pokes (it owes nothing any more)"
    );
}

/// Covers F24: a run that is not poked any more has left nothing unanswered, which would keep its
/// circuit open and the loop awake for ever.
#[test]
fn who_is_not_poked_any_more_owes_no_answer() {
    let unpoked = || {
        silent()
            .set(|facts| facts.poke = Poke::Never)
            .poked(at(-HOUR), 2, PokeResult::Delivered)
    };
    check!(unpoked(), @"deacon: forget pokes (it is not poked any more)");
}

/// Covers F21: a successor does not inherit its predecessor's silence.
#[test]
fn unanswered_pokes_of_an_earlier_run_are_forgotten() {
    check!(
        silent().poked_run(7, at(-HOUR), 2, PokeResult::Delivered),
        @"deacon: forget pokes (what was unanswered was another run's)"
    );
}

/// Covers F61, D6.
#[test]
fn nothing_is_typed_under_the_hands_of_a_person() {
    check!(
        silent().attached(at(-30)),
        @"deacon: waiting on the person at its terminal until 2026-01-01T12:01:30Z"
    );
    check!(
        silent().attached(at(-5 * MINUTE)),
        @"deacon: poke (it owes 1 unread message and is not fresh)"
    );
}

/// Covers F67: what the agent waits for is said, and it is nothing to restart it for.
#[test]
fn a_screen_that_takes_no_text_is_named_and_tried_again() {
    let tried = |screen| silent().poked(at(-MINUTE), 0, not_typed(screen));
    check!(tried(Screen::Dialog), @"deacon: waiting on a person: it shows a dialog until 2026-01-01T12:04:00Z");
    check!(tried(Screen::Draft), @"deacon: waiting on the half-typed line at its prompt until 2026-01-01T12:04:00Z");
    check!(tried(Screen::Busy), @"deacon: waiting on its empty prompt until 2026-01-01T12:04:00Z");
    check!(
        silent().poked(at(-MINUTE), 0, PokeResult::NotTried),
        @"deacon: waiting on the next try of a poke until 2026-01-01T12:04:00Z"
    );
    check!(
        silent().poked(at(-30 * MINUTE), 0, not_typed(Screen::Busy)),
        @"deacon: poke (it owes 1 unread message and is not fresh)"
    );
}

/// Covers F67, F61: whoever has to answer a dialog, or to send or clear what stands half-typed at a
/// prompt, is told of it, once, and the agent is tried again.
#[test]
fn a_person_is_told_once_of_what_only_a_person_can_end() {
    let tried = |screen| silent().poked(at(-30 * MINUTE), 0, not_typed(screen));
    check!(
        tried(Screen::Dialog),
        @"deacon: escalate (it could not be woken: its screen shows a dialog)"
    );
    check!(
        tried(Screen::Draft),
        @"deacon: escalate (it could not be woken: its screen shows a half-typed line)"
    );
    check!(
        tried(Screen::Dialog).set(|facts| facts.memory.escalated_at = Some(at(-MINUTE))),
        @"deacon: poke (it owes 1 unread message and is not fresh)"
    );
}

/// Covers F67: a dialog explains the silence before it.
#[test]
fn a_dialog_ends_the_counting_of_misses() {
    let mut memory = AgentMemory {
        misses: 2,
        ..AgentMemory::default()
    };
    memory.remember_poke(at(0), at(-HOUR), run(1), 2, not_typed(Screen::Dialog));
    assert_eq!(memory.misses, 0);
}

/// Covers F4: a program that is frozen shows work, or a prompt that does not draw what is pasted, and
/// is found by its screen standing still.
#[test]
fn a_screen_that_stands_still_is_a_miss_and_one_that_moves_is_none() {
    for screen in [Screen::Busy, Screen::Prompt] {
        let shown = |digest| PokeResult::NotTyped { screen, digest };
        let mut memory = AgentMemory::default();
        let mut misses_after = |second, epoch, result| {
            memory.remember_poke(at(second), at(epoch), run(1), memory.misses, result);
            memory.misses
        };
        assert_eq!(misses_after(0, -HOUR, shown(1)), 0);
        assert_eq!(misses_after(300, -HOUR, shown(1)), 1);
        assert_eq!(misses_after(600, -HOUR, shown(2)), 1);
        assert_eq!(misses_after(900, 700, shown(2)), 1, "not across a gap");
    }
}

/// Covers F21: the same for a screen.
#[test]
fn a_screen_of_an_earlier_run_is_no_evidence_about_this_one() {
    let mut memory = AgentMemory::default();
    memory.remember_poke(at(0), at(-HOUR), run(1), 0, not_typed(Screen::Busy));
    memory.remember_poke(at(300), at(-HOUR), run(2), 0, not_typed(Screen::Busy));
    assert_eq!(memory.misses, 0);
}

/// Covers F61: the text of a poke names what is owed.
#[test]
fn a_poke_tells_what_is_owed() {
    use crate::decide::poke_text;
    insta::assert_snapshot!(poke_text(&deacon().facts.id, 0), @"HEARTBEAT: run your rounds");
    insta::assert_snapshot!(
        poke_text(&crate::AgentId::Mayor, 1),
        @"HEARTBEAT: check your rigs; 1 unread message, read it with `gt mail inbox`"
    );
    insta::assert_snapshot!(
        poke_text(&super::scene::witness().facts.id, 3),
        @"HEARTBEAT: check your workers; 3 unread messages, read them with `gt mail inbox`"
    );
}
