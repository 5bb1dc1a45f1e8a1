use gt_core::event::{EventKind, NewEvent};

use crate::world::{World, agent, at, event};

fn texts(events: &[gt_core::event::Event]) -> Vec<&str> {
    events.iter().map(|event| event.text.as_str()).collect()
}

#[test]
fn events_are_read_in_the_order_they_happened() {
    let world = World::new();
    let mut store = world.open();
    assert_eq!(store.last_seq().unwrap(), 0);
    assert_eq!(store.append(at(1), &event("one")).unwrap(), 1);
    let others = ["two", "three", "four"].map(event);
    store.append_all(at(2), &others).unwrap();

    assert_eq!(texts(&store.since(1, 2).unwrap()), ["two", "three"]);
    assert_eq!(texts(&store.latest(2).unwrap()), ["three", "four"]);
    assert_eq!(texts(&store.latest(usize::MAX).unwrap()).len(), 4);
    assert_eq!(store.last_seq().unwrap(), 4);
    assert_eq!(store.since(0, 1).unwrap()[0].at, at(1));
}

#[test]
fn an_agents_events_are_its_own() {
    let world = World::new();
    let mut store = world.open();
    store.append(at(1), &event("mayor's")).unwrap();
    let nobodys = NewEvent::by_daemon(EventKind::Reloaded, None, "nobody's");
    store.append(at(1), &nobodys).unwrap();
    store.append(at(2), &event("mayor's too")).unwrap();

    let events = store.of_agent(&agent("mayor"), 10).unwrap();
    assert_eq!(texts(&events), ["mayor's", "mayor's too"]);
    assert!(store.of_agent(&agent("deacon"), 10).unwrap().is_empty());
}

#[test]
fn pruning_keeps_the_newest_and_never_gives_a_number_twice() {
    let world = World::new();
    let mut store = world.open();
    let events: Vec<_> = (1..=5).map(|n| event(&n.to_string())).collect();
    store.append_all(at(1), &events).unwrap();

    assert_eq!(store.prune_events(9).unwrap(), 0);
    assert_eq!(store.prune_events(2).unwrap(), 3);
    assert_eq!(texts(&store.latest(9).unwrap()), ["4", "5"]);
    assert_eq!(store.prune_events(0).unwrap(), 2);
    assert_eq!(store.append(at(2), &event("6")).unwrap(), 6);
}

#[test]
fn a_kind_of_a_later_gt_is_shown_as_it_is() {
    let world = World::new();
    let store = world.open();
    world
        .raw()
        .execute(
            "INSERT INTO event (at, kind, actor, text) VALUES (0, 'moon_landed', 'daemon', '')",
            [],
        )
        .unwrap();
    assert_eq!(store.latest(1).unwrap()[0].kind, "moon_landed");
}

/// Covers F84.
#[test]
fn an_event_without_an_actor_is_refused() {
    let world = World::new();
    let mut store = world.open();
    let mut anonymous = event("who was it?");
    anonymous.actor.clear();
    let both = [event("fine"), anonymous];
    assert!(store.append_all(at(1), &both).is_err());
    assert_eq!(store.last_seq().unwrap(), 0, "all or none");
}
