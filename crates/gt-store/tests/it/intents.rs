use gt_core::Desire;

use crate::world::{World, agent, at, log, wish};

#[test]
fn only_a_changed_desire_is_told_of() {
    let world = World::new();
    let mut store = world.open();
    let mayor = agent("mayor");
    for intent in [
        wish(Desire::Up, "overseer", 1),
        wish(Desire::Up, "deacon", 2),
        wish(Desire::Parked, "overseer", 3),
    ] {
        store.set_intents(&[(mayor.clone(), intent)]).unwrap();
    }
    store
        .clear_intents(&[mayor.clone(), agent("deacon")], at(4), "overseer")
        .unwrap();
    assert_eq!(
        log(&store),
        [
            "intent_changed overseer: unset to up: because",
            "intent_changed overseer: up to parked: because",
            "intent_changed overseer: parked to unset",
        ]
    );
    assert!(store.intents().unwrap().is_empty());
}

#[test]
fn the_newest_wish_counts() {
    let world = World::new();
    let mut store = world.open();
    let max = agent("gas/crew/max");
    let (first, second) = (
        wish(Desire::Up, "deacon", 1),
        wish(Desire::Up, "overseer", 2),
    );
    store.set_intents(&[(max.clone(), first)]).unwrap();
    store.set_intents(&[(max.clone(), second.clone())]).unwrap();
    assert_eq!(store.intents().unwrap(), [(max, second)].into());
}

#[test]
fn several_wishes_are_stored_together_or_not_at_all() {
    let world = World::new();
    let mut store = world.open();
    let wishes = [
        (agent("mayor"), wish(Desire::Down, "overseer", 1)),
        (agent("deacon"), wish(Desire::Down, "", 1)),
    ];
    assert!(store.set_intents(&wishes).is_err(), "one has no actor");
    assert!(store.intents().unwrap().is_empty());
    assert!(log(&store).is_empty());
}

#[test]
fn wishes_of_many_at_once_are_told_of_one_after_another() {
    let world = World::new();
    drop(world.open());
    std::thread::scope(|scope| {
        for desire in [Desire::Up, Desire::Down, Desire::Resting, Desire::Down] {
            let world = &world;
            scope.spawn(move || {
                let mut store = world.open();
                for second in 0..50 {
                    let wishes = [(agent("mayor"), wish(desire, "overseer", second))];
                    store.set_intents(&wishes).unwrap();
                }
            });
        }
    });
    let mut before = "unset".to_owned();
    for line in log(&world.open()) {
        let change = line.strip_prefix("intent_changed overseer: ").unwrap();
        let change = change.strip_suffix(": because").unwrap();
        let (from, to) = change.split_once(" to ").unwrap();
        assert_eq!(from, before, "{line}");
        assert_ne!(from, to, "{line}");
        before = to.to_owned();
    }
}
