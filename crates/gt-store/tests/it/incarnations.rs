use gt_core::memory::{AgentMemory, Attempt, Cause};
use gt_core::{Exit, ProcessId};
use gt_store::{Ended, StoreError};

use crate::world::{World, agent, at, event, log, run};

#[test]
fn a_start_is_recorded_with_its_attempt_and_event_or_not_at_all() {
    let world = World::new();
    let mut store = world.open();
    let first = run(1, "mayor");
    let memory = AgentMemory {
        attempts: vec![Attempt {
            at: at(1),
            cause: Cause::Exited,
        }],
        ..AgentMemory::default()
    };
    store.record_start(&first, &memory, &event("up")).unwrap();
    assert_eq!(store.open_incarnations().unwrap()[0], first);
    assert_eq!(store.memories().unwrap()[&first.agent], memory);
    assert_eq!(log(&store), ["started daemon: up"]);

    let again = store.record_start(&first, &AgentMemory::default(), &event("again"));
    assert!(matches!(again, Err(StoreError::Query { .. })), "{again:?}");
    assert_eq!(store.memories().unwrap()[&first.agent], memory);
    assert_eq!(log(&store), ["started daemon: up"]);
}

#[test]
fn a_process_is_kept_bit_for_bit() {
    let world = World::new();
    let mut store = world.open();
    let mut first = run(1, "mayor");
    first.holder.start = u64::MAX;
    let memory = AgentMemory::default();
    store.record_start(&first, &memory, &event("up")).unwrap();
    let process = ProcessId {
        pid: u32::MAX,
        start: u64::MAX - 1,
    };
    store.set_process(first.id, process).unwrap();
    first.process = Some(process);
    assert_eq!(store.open_incarnations().unwrap(), [first]);

    let unknown = store.set_process(run(2, "mayor").id, process);
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
}

#[test]
fn the_first_end_of_a_run_wins() {
    let world = World::new();
    let mut store = world.open();
    let mayor = run(1, "mayor");
    let memory = AgentMemory::default();
    store.record_start(&mayor, &memory, &event("up")).unwrap();
    let exit = Some(Exit::Signal(9));
    store
        .end_incarnation(mayor.id, at(5), "exited", exit)
        .unwrap();
    store
        .end_incarnation(mayor.id, at(6), "lost", None)
        .unwrap();

    let ended = Ended {
        id: mayor.id,
        at: at(5),
        how: "exited".to_owned(),
        exit,
    };
    assert_eq!(store.last_ends().unwrap(), [(mayor.agent, ended)].into());
    assert!(store.open_incarnations().unwrap().is_empty());
}

#[test]
fn only_the_latest_run_of_an_agent_says_how_it_ended() {
    let world = World::new();
    let mut store = world.open();
    let memory = AgentMemory::default();
    for number in 1..=3 {
        let mayor = run(number, "mayor");
        store.record_start(&mayor, &memory, &event("up")).unwrap();
        if number < 3 {
            let exit = Some(Exit::NotStarted(2));
            store
                .end_incarnation(mayor.id, at(9), "exited", exit)
                .unwrap();
        }
    }
    let deacon = run(4, "deacon");
    store.record_start(&deacon, &memory, &event("up")).unwrap();
    store
        .end_incarnation(deacon.id, at(9), "lost", None)
        .unwrap();

    let ends = store.last_ends().unwrap();
    assert_eq!(ends.into_keys().collect::<Vec<_>>(), [agent("deacon")]);
    let starts = store.starts().unwrap();
    assert_eq!(starts, [(agent("mayor"), 3), (agent("deacon"), 1)].into());
}
