use gt_core::memory::{AgentMemory, Attempt, Cause};
use gt_core::session::{Session, SessionId};
use gt_core::snapshot::{End, LastEnd};
use gt_core::{Exit, Incarnation, ProcessId};
use gt_store::StoreError;

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
    assert_eq!(store.memories().unwrap()[&first.agent], memory);
    assert_eq!(log(&store), ["started daemon: up"]);

    let again = store.record_start(&first, &AgentMemory::default(), &event("again"));
    assert!(matches!(again, Err(StoreError::Query { .. })), "{again:?}");
    assert_eq!(store.memories().unwrap()[&first.agent], memory);
    assert_eq!(log(&store), ["started daemon: up"]);
}

/// An attempt that brought no process is no run that anybody had.
#[test]
fn a_run_counts_once_its_process_is_known() {
    let world = World::new();
    let mut store = world.open();
    let memory = AgentMemory::default();
    let process = ProcessId {
        pid: u32::MAX,
        start: u64::MAX - 1,
    };
    for number in 1..=3 {
        let mayor = run(number, "mayor");
        store.record_start(&mayor, &memory, &event("up")).unwrap();
        if number < 3 {
            let told = event("it is this one");
            store
                .record_process(mayor.id, process, at(6), &told)
                .unwrap();
        }
    }
    let unknown = run(4, "deacon");
    store
        .record_process(unknown.id, process, at(4), &event("a stranger"))
        .unwrap();
    assert_eq!(store.starts().unwrap(), [(agent("mayor"), 2)].into());
    let told = "started daemon: it is this one";
    assert_eq!(log(&store).iter().filter(|line| *line == told).count(), 2);
}

fn end(run: &Incarnation, second: i64, how: End) -> LastEnd {
    LastEnd {
        incarnation: run.id,
        at: at(second),
        how,
    }
}

/// However a run ended, it is read back so; a word of another version's is no end, and no silence.
#[test]
fn every_way_to_end_is_read_back() {
    let world = World::new();
    let mut store = world.open();
    let memory = AgentMemory::default();
    let ways = [
        End::Exited(Exit::Code(3)),
        End::Lost,
        End::Requested,
        End::Unresponsive,
        End::Dismissed,
    ];
    for (number, how) in (1..).zip(ways) {
        let mayor = run(number, "mayor");
        store.record_start(&mayor, &memory, &event("up")).unwrap();
        let ended = end(&mayor, 5, how);
        store.end_incarnation(ended).unwrap();
        assert_eq!(store.last_ends().unwrap()[&mayor.agent], ended);
    }
    let garbled = world
        .raw()
        .execute("UPDATE incarnation SET ended_how = 'vanished'", []);
    garbled.unwrap();
    let unread = store.last_ends();
    assert!(
        matches!(unread, Err(StoreError::BadRow { .. })),
        "{unread:?}"
    );
}

#[test]
fn the_first_end_of_a_run_wins() {
    let world = World::new();
    let mut store = world.open();
    let mayor = run(1, "mayor");
    let memory = AgentMemory::default();
    store.record_start(&mayor, &memory, &event("up")).unwrap();
    let ended = end(&mayor, 5, End::Exited(Exit::Signal(9)));
    store.end_incarnation(ended).unwrap();
    store.end_incarnation(end(&mayor, 6, End::Lost)).unwrap();

    assert_eq!(store.last_ends().unwrap(), [(mayor.agent, ended)].into());
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
            let ended = end(&mayor, 9, End::Exited(Exit::NotStarted(2)));
            store.end_incarnation(ended).unwrap();
        }
    }
    let deacon = run(4, "deacon");
    store.record_start(&deacon, &memory, &event("up")).unwrap();
    store.end_incarnation(end(&deacon, 9, End::Lost)).unwrap();

    let ends = store.last_ends().unwrap();
    assert_eq!(ends.into_keys().collect::<Vec<_>>(), [agent("deacon")]);
}

/// The next run of an agent goes on with the session of its latest one, and of no earlier.
#[test]
fn the_session_of_the_latest_run_is_kept() {
    let world = World::new();
    let mut store = world.open();
    let memory = AgentMemory::default();
    let session = |id: &str, used| Session {
        id: SessionId::new(id).unwrap(),
        used,
    };
    let [first, second] = [run(1, "mayor"), run(2, "mayor")];
    store.record_start(&first, &memory, &event("up")).unwrap();
    store.set_session(first.id, &session("one", false)).unwrap();
    store.set_session(first.id, &session("one", true)).unwrap();
    let last = |store: &gt_store::Store| store.last_sessions().unwrap().remove(&first.agent);
    assert_eq!(last(&store), Some(session("one", true)));
    store.record_start(&second, &memory, &event("up")).unwrap();
    assert_eq!(last(&store), None, "it has told of none");
}
