//! Towns over days, with everything going wrong: the properties of design.md hold in every beat.
//!
//! Seeds of failures are kept in `proptest-regressions/simulation.txt` and tried first.

use std::time::Duration;

use gt_core::Desire;
use gt_core::lifecycle::Action as Asked;
use gt_core::policy::{Poke, Policy};
use gt_testkit::world::{Event, Manner, StoreHealth, Violation, Whose, World};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const SEATS: usize = 5;

fn policy() -> Policy {
    Policy {
        attached_quiet: Duration::from_secs(120),
        ..Policy::default()
    }
}

fn wait() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => 1..30_u32,
        3 => 30..900_u32,
        2 => 900..8_000_u32,
    ]
    .prop_map(Event::Wait)
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        Just(Manner::Healthy),
        Just(Manner::Hung),
        Just(Manner::Deaf),
        Just(Manner::Frozen),
        Just(Manner::Working),
        Just(Manner::Asking),
        Just(Manner::HalfTyped),
        (1..255_u8).prop_map(Manner::Crashing),
    ]
}

fn to_an_agent() -> impl Strategy<Value = Event> {
    let seat = || 0..SEATS;
    prop_oneof![
        2 => seat().prop_map(Event::Exit),
        4 => (seat(), manner()).prop_map(|(seat, manner)| Event::Behave(seat, manner)),
        1 => (seat(), any::<bool>())
            .prop_map(|(seat, survives)| Event::KillHolder { seat, survives }),
        1 => seat().prop_map(Event::LeftoversEnd),
        2 => (seat(), any::<bool>()).prop_map(|(seat, on)| Event::Stubborn(seat, on)),
        2 => (seat(), any::<bool>()).prop_map(|(seat, on)| Event::NameTaken(seat, on)),
        4 => seat().prop_map(Event::Mail),
        1 => seat().prop_map(Event::MailRead),
        1 => seat().prop_map(Event::Attach),
        1 => seat().prop_map(Event::Detach),
        2 => (seat(), any::<bool>()).prop_map(|(seat, on)| Event::HolderAnswers(seat, on)),
        1 => (seat(), any::<Option<bool>>()).prop_map(|(seat, can)| Event::Launch(seat, can)),
    ]
}

fn to_the_host() -> impl Strategy<Value = Event> {
    let health = prop_oneof![
        2 => Just(StoreHealth::Good),
        1 => Just(StoreHealth::Full),
        1 => Just(StoreHealth::Broken),
    ];
    prop_oneof![
        1 => Just(Event::KillTmux),
        2 => any::<bool>().prop_map(Event::TmuxAnswers),
        3 => health.prop_map(Event::Store),
        2 => any::<bool>().prop_map(Event::ActionsFail),
        2 => (0..4_u8).prop_map(Event::ActionsTake),
        1 => Just(Event::RestartDaemon),
        2 => any::<bool>().prop_map(|acted| Event::CrashInNextAction { acted }),
        2 => (-90_000..90_000_i32).prop_map(Event::SetClock),
        1 => (10..40_000_u32).prop_map(Event::Sleep),
    ]
}

fn by_somebody() -> impl Strategy<Value = Event> {
    let action = prop_oneof![
        Just(Asked::Cycle),
        Just(Asked::Restart),
        Just(Asked::Shutdown)
    ];
    let whose = prop_oneof![
        4 => Just(Whose::PresentRun),
        1 => Just(Whose::FormerRun),
        2 => Just(Whose::Person),
        1 => Just(Whose::Stranger),
    ];
    let desire = prop_oneof![Just(Desire::Up), Just(Desire::Down), Just(Desire::Parked)];
    prop_oneof![
        6 => (0..SEATS, action, whose, 1..1_200_u16).prop_map(|(seat, action, whose, good_for)| {
            Event::Ask { seat, action, whose, good_for }
        }),
        2 => Just(Event::AskAgain),
        1 => Just(Event::AskNobody),
        3 => (0..SEATS, desire, any::<bool>()).prop_map(|(seat, desire, by_person)| {
            Event::Wish { seat, desire, by_person }
        }),
        1 => any::<bool>().prop_map(Event::TownDown),
        1 => Just(Event::TownUnseen),
    ]
}

fn script() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => wait(),
        4 => to_an_agent(),
        3 => to_the_host(),
        3 => by_somebody(),
    ];
    prop::collection::vec(event, 20..140)
}

fn play(world: &mut World, script: &[Event]) -> Result<(), Violation> {
    assert_eq!(world.size(), SEATS);
    script.iter().try_for_each(|event| world.play(event))
}

fn check(result: Result<(), Violation>) -> Result<(), TestCaseError> {
    result.map_err(|violation| TestCaseError::fail(violation.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        max_shrink_iters: 2000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "proptest-regressions/simulation.txt",
        ))),
        ..ProptestConfig::default()
    })]

    /// Covers F1, F3, F4, F7, F13, F16, F20, F22 to F26, F39: idempotent, safe and explained in
    /// every beat, and convergent once everything is healed.
    #[test]
    fn a_town_is_kept_safely_and_comes_to_rest_when_it_is_healed(
        script in script(),
        always in any::<bool>(),
    ) {
        let poke = if always { Poke::Always } else { Poke::Owed };
        let mut world = World::new(poke, policy());
        check(play(&mut world, &script))?;
        check(world.settle())?;
    }

    /// Covers F18, F22, F30, F33: a town that stays broken is tried ever more rarely.
    #[test]
    fn a_town_that_stays_broken_is_not_stormed(script in script()) {
        let mut world = World::new(Poke::Always, policy());
        check(play(&mut world, &script))?;
        check(world.simmer())?;
    }
}

/// Plays a story that chance seldom tells.
#[track_caller]
fn tell(script: &[Event]) {
    let mut world = World::new(Poke::Always, policy());
    hold(play(&mut world, script).and_then(|()| world.settle()));
}

#[track_caller]
fn hold(result: Result<(), Violation>) {
    if let Err(violation) = result {
        panic!("{violation}");
    }
}

const DEACON: usize = 0;
const MAYOR: usize = 1;

/// Covers F24: each wish of a person gives one new budget, not an endless one.
#[test]
fn a_crash_loop_that_a_person_wants_anyway_stays_within_its_budget() {
    let wish = || Event::Wish {
        seat: MAYOR,
        desire: Desire::Up,
        by_person: true,
    };
    tell(&[
        Event::Behave(MAYOR, Manner::Crashing(1)),
        Event::Wait(3600),
        wish(),
        Event::Wait(7200),
        wish(),
        Event::Wait(7200),
    ]);
}

/// Covers F4: the pokes were unanswered before tmux hung, and nobody can see what the screen shows
/// now.
#[test]
fn an_unresponsive_agent_outlives_a_hung_tmux() {
    tell(&[
        Event::Behave(DEACON, Manner::Deaf),
        Event::Wait(1000),
        Event::TmuxAnswers(false),
        Event::Wait(7200),
    ]);
}

/// Covers F67: it asks for something when its patience is nearly used up.
#[test]
fn an_agent_that_shows_a_dialog_is_not_restarted_for_its_silence() {
    let mut world = World::new(Poke::Always, policy());
    let mut runs = |script: &[Event]| {
        hold(play(&mut world, script));
        world.run_of(DEACON)
    };
    let asking = runs(&[
        Event::Behave(DEACON, Manner::Deaf),
        Event::Wait(1000),
        Event::Behave(DEACON, Manner::Asking),
    ]);
    assert!(asking.is_some());
    assert_eq!(runs(&[Event::Wait(20_000)]), asking);
    let deaf = runs(&[Event::Behave(DEACON, Manner::Deaf), Event::Wait(20_000)]);
    assert_ne!(deaf, asking, "without the dialog it is restarted");
}

/// Covers D4, D8: activity that a wrong clock dated into the future hides no hang.
#[test]
fn a_hung_agent_is_restarted_although_the_clock_was_set_back() {
    let mut world = World::new(Poke::Always, policy());
    let mut runs = |script: &[Event]| {
        hold(play(&mut world, script));
        world.run_of(DEACON)
    };
    let hung = runs(&[
        Event::Wait(600),
        Event::SetClock(-80_000),
        Event::Behave(DEACON, Manner::Deaf),
    ]);
    assert_ne!(runs(&[Event::Wait(7200)]), hung);
}

/// Covers F39: a request that cannot be stored holds up nothing.
#[test]
fn a_full_disk_keeps_no_town_up() {
    tell(&[
        Event::Wait(60),
        Event::Ask {
            seat: MAYOR,
            action: Asked::Cycle,
            whose: Whose::PresentRun,
            good_for: 900,
        },
        Event::Store(StoreHealth::Full),
        Event::Wait(60),
        Event::TownDown(true),
        Event::Wait(600),
    ]);
}
