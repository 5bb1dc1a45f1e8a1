use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use gt_core::Desire;
use gt_core::IncarnationId;
use gt_core::event::{EventKind, NewEvent};
use gt_core::plan::RequestEnd;
use gt_store::{RequestStatus, Store, SubmitOutcome, WishChange};

use crate::world::{World, agent, at, event, id, log, message, request, wish};

fn submitted(world: &World) -> Store {
    let mut store = world.open();
    let outcome = store.submit_request(&request(1, Some(1)), None).unwrap();
    assert_eq!(outcome, SubmitOutcome::New);
    store
}

fn status(store: &Store) -> RequestStatus {
    store.request_status(id(1, 1)).unwrap().unwrap()
}

fn this_run() -> IncarnationId {
    IncarnationId(id(0, 1))
}

/// Covers L5: there is no moment in which one is there and the other is not.
#[test]
fn a_request_and_its_mail_are_stored_together_or_not_at_all() {
    let world = World::new();
    let mut store = world.open();
    let mut anonymous = message(1, &["gas/witness"]);
    anonymous.from.clear();
    assert!(
        store
            .submit_request(&request(1, Some(1)), Some(&anonymous))
            .is_err()
    );
    assert!(store.pending_requests().unwrap().is_empty());

    let mail = message(1, &["gas/witness"]);
    store
        .submit_request(&request(1, Some(1)), Some(&mail))
        .unwrap();
    assert_eq!(
        store.pending_requests().unwrap(),
        [(request(1, Some(1)), None)]
    );
    assert_eq!(store.unread_count("gas/witness").unwrap(), 1);
    assert_eq!(
        log(&store),
        [
            "request_received gas/witness: cycle requested",
            "mail_sent gas/witness: to gas/witness: message 1",
        ]
    );
}

#[test]
fn a_run_has_one_pending_request() {
    let world = World::new();
    let mut store = submitted(&world);
    let mail = message(1, &["mayor/"]);
    let second = store
        .submit_request(&request(2, Some(1)), Some(&mail))
        .unwrap();
    assert_eq!(second, SubmitOutcome::AlreadyOpen(id(1, 1)));
    assert_eq!(
        store.unread_count("mayor/").unwrap(),
        0,
        "nothing is written"
    );

    let another_run = store.submit_request(&request(3, Some(2)), None).unwrap();
    assert_eq!(another_run, SubmitOutcome::New);
    let any_run = store.submit_request(&request(4, None), None).unwrap();
    assert_eq!(any_run, SubmitOutcome::New);
    let any_run_again = store.submit_request(&request(5, None), None).unwrap();
    assert_eq!(any_run_again, SubmitOutcome::AlreadyOpen(id(1, 4)));
}

/// Covers F25, F26, L6, L7: a request that was carried out is over, and cannot be brought back.
#[test]
fn a_request_that_is_done_is_not_carried_out_again() {
    let world = World::new();
    let mut store = submitted(&world);
    assert!(
        store
            .take_request(
                id(1, 1),
                this_run(),
                at(20),
                &WishChange::Keep,
                &event("taken")
            )
            .unwrap()
    );
    assert_eq!(status(&store), RequestStatus::Taken);
    assert_eq!(store.pending_requests().unwrap()[0].1, Some(at(20)));
    let close = |store: &mut Store| {
        let done = NewEvent::by_daemon(EventKind::RequestDone, None, "done");
        store.close_request(id(1, 1), at(30), RequestEnd::Done, "done", &done, None)
    };
    assert!(close(&mut store).unwrap());
    assert!(!close(&mut store).unwrap());

    assert!(store.pending_requests().unwrap().is_empty());
    assert!(
        !store
            .take_request(
                id(1, 1),
                this_run(),
                at(31),
                &WishChange::Keep,
                &event("taken")
            )
            .unwrap()
    );
    let same = store.submit_request(&request(1, Some(1)), None).unwrap();
    assert_eq!(same, SubmitOutcome::AlreadyOpen(id(1, 1)));
    assert_eq!(status(&store), RequestStatus::Done);
    let dones = log(&store)
        .iter()
        .filter(|line| line.ends_with("done"))
        .count();
    assert_eq!(dones, 1);
}

/// Covers F26, L7.
#[test]
fn of_many_takers_one_takes() {
    let world = World::new();
    drop(submitted(&world));
    let (takers, taken) = (Barrier::new(8), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut store = world.open();
                takers.wait();
                if store
                    .take_request(
                        id(1, 1),
                        this_run(),
                        at(20),
                        &WishChange::Keep,
                        &event("taken"),
                    )
                    .unwrap()
                {
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(taken.into_inner(), 1);
    let events = log(&world.open());
    assert_eq!(
        events.iter().filter(|line| line.ends_with("taken")).count(),
        1
    );
}

#[test]
fn taking_and_what_is_wanted_then_are_one() {
    let world = World::new();
    let mut store = submitted(&world);
    let witness = agent("gas/witness");
    let nobodys = WishChange::Set(witness.clone(), wish(Desire::Down, "", 20));
    assert!(
        store
            .take_request(id(1, 1), this_run(), at(20), &nobodys, &event("taken"))
            .is_err()
    );
    assert_eq!(status(&store), RequestStatus::Open, "all or none");

    let wished = wish(Desire::Down, "gas/witness", 20);
    let down = WishChange::Set(witness.clone(), wished.clone());
    assert!(
        store
            .take_request(id(1, 1), this_run(), at(20), &down, &event("taken"))
            .unwrap()
    );
    assert_eq!(store.intents().unwrap()[&witness], wished);

    let up = WishChange::Set(witness.clone(), wish(Desire::Up, "gas/witness", 21));
    assert!(
        !store
            .take_request(id(1, 1), this_run(), at(21), &up, &event("taken"))
            .unwrap()
    );
    assert_eq!(store.intents().unwrap()[&witness], wished);
}

/// Covers F25.
#[test]
fn a_request_whose_time_is_over_is_not_taken_and_makes_way() {
    let world = World::new();
    let mut store = submitted(&world);
    assert!(
        !store
            .take_request(
                id(1, 1),
                this_run(),
                at(610),
                &WishChange::Keep,
                &event("taken")
            )
            .unwrap()
    );

    let mut later = request(2, Some(1));
    later.requested_at = at(700);
    later.expires_at = at(1_300);
    assert_eq!(
        store.submit_request(&later, None).unwrap(),
        SubmitOutcome::New
    );
    assert_eq!(status(&store), RequestStatus::Expired);
    assert_eq!(store.pending_requests().unwrap(), [(later, None)]);
}

#[test]
fn a_request_can_be_withdrawn_until_it_is_taken() {
    let world = World::new();
    let mut store = submitted(&world);
    assert!(store.cancel_request(id(1, 1), at(11)).unwrap());
    assert!(!store.cancel_request(id(1, 1), at(12)).unwrap());
    assert_eq!(status(&store), RequestStatus::Cancelled);
    assert!(
        !store
            .take_request(
                id(1, 1),
                this_run(),
                at(13),
                &WishChange::Keep,
                &event("taken")
            )
            .unwrap()
    );
    assert_eq!(
        log(&store)[1],
        "request_refused gas/witness: the request to cycle was withdrawn"
    );

    store.submit_request(&request(2, Some(1)), None).unwrap();
    assert!(
        store
            .take_request(
                id(1, 2),
                this_run(),
                at(14),
                &WishChange::Keep,
                &event("taken")
            )
            .unwrap()
    );
    assert!(!store.cancel_request(id(1, 2), at(15)).unwrap());
}

#[test]
fn a_refusal_keeps_its_reason() {
    let world = World::new();
    let mut store = submitted(&world);
    let refused = NewEvent::by_daemon(EventKind::RequestRefused, None, "no");
    store
        .close_request(
            id(1, 1),
            at(20),
            RequestEnd::Refused,
            "no such run",
            &refused,
            None,
        )
        .unwrap();
    assert_eq!(
        status(&store),
        RequestStatus::Refused("no such run".to_owned())
    );
    assert_eq!(store.request_status(id(1, 9)).unwrap(), None);
}
