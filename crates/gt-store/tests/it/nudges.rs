//! Nudges: which is next, and how each ends.

use gt_core::Actor;
use gt_core::mail::Priority;
use gt_core::nudge::{Nudge, NudgeEnd, NudgeState, NudgeText};
use gt_store::Store;
use uuid::Uuid;

use crate::world::{World, agent, at, id, log, run};

fn nudge(number: u64) -> Nudge {
    Nudge {
        id: id(4, number),
        agent: agent("mayor"),
        slot: None,
        priority: Priority::Normal,
        text: NudgeText::new(format!("message {number}")).unwrap(),
        actor: Actor::Overseer,
        queued_at: at(i64::try_from(number).unwrap()),
        expires_at: at(600),
    }
}

fn next(store: &Store) -> Option<Uuid> {
    let nudges = store.read_town().unwrap().nudges;
    nudges.get(&agent("mayor")).map(|next| next.id)
}

/// What is being typed goes first, then what is urgent, then what is oldest.
#[test]
fn nudges_come_in_order() {
    let world = World::new();
    let mut store = world.open();
    let urgent = Nudge {
        priority: Priority::Urgent,
        ..nudge(3)
    };
    let elsewhere = Nudge {
        agent: agent("deacon"),
        ..nudge(4)
    };
    let all = [nudge(1), nudge(2), urgent, elsewhere];
    store.queue_nudges(&all).unwrap();
    store.queue_nudges(&all).unwrap();
    let mut order = Vec::new();
    while let Some(id) = next(&store) {
        let text = store.nudge_text(id).unwrap().unwrap();
        order.push(text.as_str().to_owned());
        if order.len() == 1 {
            assert!(store.type_nudge(nudge(2).id, run(1, "mayor").id).unwrap());
        }
        assert!(
            store
                .end_nudge(id, at(9), NudgeEnd::Confirmed, "it was taken")
                .unwrap()
        );
        assert!(
            !store
                .end_nudge(id, at(9), NudgeEnd::Expired, "late")
                .unwrap()
        );
    }
    assert_eq!(order, ["message 3", "message 2", "message 1"]);
    assert_eq!(store.nudges(Some(&agent("mayor")), 10).unwrap().len(), 3);
    let log = log(&store);
    let delivered = log
        .iter()
        .filter(|line| line.starts_with("nudge_delivered"));
    assert_eq!(delivered.count(), 3);
}

/// Covers F60: a newer one in a slot replaces what is still queued there, and nothing that is being typed.
#[test]
fn a_slot_holds_the_newest() {
    let world = World::new();
    let mut store = world.open();
    let in_slot = |number| Nudge {
        slot: Some("ci".to_owned()),
        ..nudge(number)
    };
    store
        .queue_nudges(&[in_slot(1), nudge(2), in_slot(3)])
        .unwrap();
    let state = |store: &Store, number| store.nudge_state(id(4, number)).unwrap().unwrap();
    let replaced = NudgeState::Ended {
        end: NudgeEnd::Replaced,
        at: at(3),
        reason: "a newer one has its slot".to_owned(),
    };
    assert_eq!(state(&store, 1), replaced);
    assert!(store.type_nudge(id(4, 3), run(1, "mayor").id).unwrap());
    store.queue_nudges(&[in_slot(4)]).unwrap();
    assert_eq!(state(&store, 3), NudgeState::Typing(run(1, "mayor").id));
    assert_eq!(state(&store, 4), NudgeState::Queued);
    assert_eq!(state(&store, 2), NudgeState::Queued);
}

#[test]
fn only_what_nothing_was_typed_of_is_withdrawn() {
    let world = World::new();
    let mut store = world.open();
    store.queue_nudges(&[nudge(1), nudge(2)]).unwrap();
    assert!(store.type_nudge(id(4, 1), run(1, "mayor").id).unwrap());
    assert!(!store.type_nudge(id(4, 1), run(2, "mayor").id).unwrap());
    let cancelled = [1, 2, 2, 9].map(|number| {
        let cancelled = store.cancel_nudge(id(4, number), at(5), &Actor::Overseer);
        cancelled.unwrap()
    });
    assert_eq!(cancelled, [false, true, false, false]);
    store.prune_nudges(0).unwrap();
    assert_eq!(store.nudges(None, 10).unwrap().len(), 1);
}

/// A run that hands its messages over itself takes them in order, as long as it wants, and none while
/// another is on its way.
#[test]
fn a_run_claims_what_it_hands_over() {
    let world = World::new();
    let mut store = world.open();
    let over = Nudge {
        expires_at: at(5),
        ..nudge(1)
    };
    store
        .queue_nudges(&[over, nudge(2), nudge(3), nudge(4)])
        .unwrap();
    let mayor = agent("mayor");
    let mut left = 2;
    let claimed = store
        .claim_nudges(&mayor, run(1, "mayor").id, at(9), |_| {
            left -= 1;
            left >= 0
        })
        .unwrap();
    let claimed: Vec<Uuid> = claimed.iter().map(|nudge| nudge.id).collect();
    assert_eq!(claimed, [nudge(2).id, nudge(3).id]);
    let typing = NudgeState::Typing(run(1, "mayor").id);
    assert_eq!(store.nudge_state(nudge(3).id).unwrap(), Some(typing));
    let mut claim = || {
        let run = run(2, "mayor").id;
        store.claim_nudges(&mayor, run, at(9), |_| true).unwrap()
    };
    assert!(claim().is_empty(), "two are on their way");
    for id in claimed {
        store
            .end_nudge(id, at(9), NudgeEnd::Confirmed, "it was taken")
            .unwrap();
    }
    let run = run(2, "mayor").id;
    let last = store.claim_nudges(&mayor, run, at(9), |_| true).unwrap();
    assert_eq!(last.len(), 1);
    assert!(
        store
            .claim_nudges(&agent("deacon"), run, at(9), |_| true)
            .unwrap()
            .is_empty()
    );
}
