use gt_core::IncarnationId;
use gt_core::memory::{AgentMemory, Attempt, Cause, Circuit, LastPoke, PokeResult};
use gt_core::screen::Screen;
use gt_store::StoreError;

use crate::world::{World, agent, at, id};

fn full(result: PokeResult) -> AgentMemory {
    let causes = [
        Cause::Wanted,
        Cause::Exited,
        Cause::SeatLost,
        Cause::Requested,
        Cause::Unresponsive,
    ];
    AgentMemory {
        attempts: causes.map(|cause| Attempt { at: at(1), cause }).to_vec(),
        circuit: Some(Circuit {
            opened_at: at(2),
            tries: 3,
            last_try_at: at(4),
            wish_at: Some(at(1)),
        }),
        poke: Some(LastPoke {
            at: at(5),
            incarnation: IncarnationId(id(0, 1)),
            result,
        }),
        misses: 6,
        escalated_at: Some(at(7)),
    }
}

/// Covers F22: back-off outlives the daemon.
#[test]
fn memory_is_the_same_after_a_restart() {
    let screens = [Screen::Prompt, Screen::Draft, Screen::Dialog, Screen::Busy];
    let not_typed = screens.map(|screen| PokeResult::NotTyped {
        screen,
        digest: u64::MAX,
    });
    let results = [PokeResult::Delivered, PokeResult::NotTried];
    for result in results.into_iter().chain(not_typed) {
        let world = World::new();
        let memory = full(result);
        world.open().save_memory(&agent("mayor"), &memory).unwrap();
        let read = world.open().memories().unwrap();
        assert_eq!(read, [(agent("mayor"), memory)].into());
    }
}

#[test]
fn saving_replaces_all_that_was_remembered() {
    let world = World::new();
    let mut store = world.open();
    let mayor = agent("mayor");
    store
        .save_memory(&mayor, &full(PokeResult::Delivered))
        .unwrap();
    store.save_memory(&mayor, &AgentMemory::default()).unwrap();
    assert_eq!(store.memories().unwrap()[&mayor], AgentMemory::default());
}

#[test]
fn an_unreadable_row_is_an_error_that_names_the_column() {
    let world = World::new();
    let mut store = world.open();
    store
        .save_memory(&agent("mayor"), &full(PokeResult::Delivered))
        .unwrap();
    world
        .raw()
        .execute("UPDATE attempt SET cause = 'moon' WHERE position = 0", [])
        .unwrap();
    let error = store.memories().unwrap_err();
    assert!(matches!(error, StoreError::BadRow { .. }), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("column `cause` holds `moon`"), "{cause}");
}
