//! Unknown is not absent.

use super::check;
use super::scene::{HOUR, MINUTE, Scene, at, crew, deacon, witness};
use crate::incarnation::Exit;
use crate::intent::Desire;
use crate::lifecycle::Action as Asked;
use crate::memory::PokeResult;
use crate::observed::Observed;
use crate::plan::ActionKind;
use crate::policy::Poke;
use crate::snapshot::{End, Holder, LastEnd};

/// Covers F1, F2: what cannot be seen is neither started nor stopped, whatever is remembered.
#[test]
fn an_unknown_holder_is_neither_restarted_nor_killed() {
    check!(deacon().holder_hangs(), @"deacon: waiting on its holder: no answer on its socket");
    check!(
        deacon().poked(at(-HOUR), 9, PokeResult::Delivered).holder_hangs(),
        @"deacon: waiting on its holder: no answer on its socket"
    );
    check!(deacon().down().holder_hangs(), @"deacon: waiting on its holder: no answer on its socket");
    check!(
        deacon().wish(Desire::Down, "overseer", at(0)).holder_hangs(),
        @"deacon: waiting on its holder: no answer on its socket"
    );
    check!(crew().holder_hangs(), @"gas/crew/max: waiting on its holder: no answer on its socket");
}

/// A wish that was not read yet is not the absence of one: an agent that a person stopped is not
/// started in a slow store's window, nor one poked that may have a dozen pokes behind it. The `down`
/// file needs no store.
#[test]
fn nothing_is_done_before_the_wishes_were_read() {
    let unread = |scene: Scene| scene.store_unread();
    check!(
        unread(deacon().holder(Holder::Gone).no_pane()),
        @"deacon: waiting on what is wished of it: the store was not read yet"
    );
    check!(
        unread(deacon().mail(1).active(at(-HOUR))),
        @"deacon: waiting on what is wished of it: the store was not read yet"
    );
    check!(
        unread(crew().crashed(at(-1))),
        @"gas/crew/max: waiting on what is wished of it: the store was not read yet"
    );
    check!(unread(deacon().down()), @"deacon: stop (the town is down)");
}

/// Covers F1: a failing tmux is not an absent session.
#[test]
fn an_unknown_pane_makes_no_second_session() {
    check!(
        deacon().holder(Holder::Gone).tmux_hangs(),
        @"deacon: waiting on tmux: it did not answer"
    );
    check!(
        deacon().down().holder(Holder::Idle).tmux_hangs(),
        @"deacon: waiting on tmux: it did not answer"
    );
}

/// Covers F2: a record of its end does not make a run dead that its holder reports.
#[test]
fn a_recorded_end_is_not_believed_against_the_holder() {
    let recorded = |how| {
        let incarnation = super::scene::run(1);
        let at = at(-1);
        deacon().set(|facts| {
            facts.last_end = Some(LastEnd {
                incarnation,
                at,
                how,
            });
        })
    };
    check!(recorded(End::Lost), @"");
    check!(recorded(End::Exited(Exit::Code(1))), @"");
}

/// The holder is the truth about the run: a hung tmux does not keep a crashed agent dead.
#[test]
fn a_hung_tmux_delays_no_restart() {
    check!(deacon().crashed(at(-1)).tmux_hangs(), @"deacon: start (its run ended with exit code 1)");
}

/// Covers F4: a run that may show a dialog that nobody can read is not stopped for silence.
#[test]
fn an_unresponsive_run_behind_a_hung_tmux_is_left_alone() {
    check!(
        deacon()
            .mail(1)
            .active(at(-HOUR))
            .poked(at(-HOUR), 2, PokeResult::Delivered)
            .tmux_hangs(),
        @"deacon: waiting on tmux: it did not answer"
    );
}

/// Covers F17: a debt that cannot be looked up is neither paid nor owed.
#[test]
fn unknown_debt_starts_nothing_stops_nothing_and_is_explained() {
    let unknown = |facts: &mut crate::snapshot::AgentFacts| {
        facts.owed = Observed::unknown("mail cannot be read");
        facts.activity = Some(at(-HOUR));
    };
    check!(
        witness().set(unknown).holder(Holder::Idle),
        @"gas/witness: waiting on what it owes (mail cannot be read)"
    );
    check!(
        witness().set(unknown),
        @"gas/witness: waiting on what it owes: mail cannot be read"
    );
    check!(
        witness().set(unknown).set(|facts| facts.poke = Poke::Never),
        @"gas/witness: waiting on what it owes (mail cannot be read)"
    );
}

/// Covers L22: an unknown launch counts as an impossible one.
#[test]
fn unknown_launch_stops_nobody() {
    let unknown = |facts: &mut crate::snapshot::AgentFacts| {
        facts.launch = Observed::unknown("its directory did not answer");
    };
    check!(
        deacon().set(unknown).asks(1, Asked::Restart, -MINUTE),
        @"deacon: waiting on whether it can be started (its directory did not answer): `restart` would leave it dead until 2026-01-01T12:09:00Z"
    );
    check!(
        deacon().set(unknown).crashed(at(-1)),
        @"deacon: waiting on whether it can be started (its directory did not answer) (its role always runs)"
    );
}

/// Nothing is begun on an agent while something is under way; the wait says what.
#[test]
fn an_action_under_way_is_not_begun_twice() {
    check!(deacon().crashed(at(-1)).in_flight(ActionKind::Start), @"deacon: waiting on `start` to end");
    check!(deacon().down().in_flight(ActionKind::Stop), @"deacon: waiting on `stop` to end");
}
