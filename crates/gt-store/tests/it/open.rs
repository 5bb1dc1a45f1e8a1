use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;
use std::time::Duration;

use gt_store::{Store, StoreError};

use crate::world::{BUSY, World, at, event, message};

#[test]
fn a_store_can_be_handed_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Store>();
}

#[test]
fn many_meet_a_fresh_database_and_nothing_is_lost() {
    const OPENERS: usize = 24;
    const ROWS: usize = 50;
    let world = World::new();
    let start = Barrier::new(OPENERS);
    std::thread::scope(|scope| {
        for opener in 0..OPENERS {
            let (world, start) = (&world, &start);
            scope.spawn(move || {
                start.wait();
                let mut store = world.open();
                for row in 0..ROWS {
                    store
                        .append(at(0), &event(&format!("{opener}.{row}")))
                        .unwrap();
                }
            });
        }
    });
    let store = world.open();
    let events = store.since(0, usize::MAX).unwrap();
    let texts: BTreeSet<&str> = events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(
        (events.len(), texts.len()),
        (OPENERS * ROWS, OPENERS * ROWS)
    );
    store.integrity_check().unwrap();
    assert_eq!(
        left_in(&world),
        ["store.db", "store.db-shm", "store.db-wal"]
    );
}

fn left_in(world: &World) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(world.directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn nobody_else_may_read_its_files() {
    let world = World::new();
    let mut store = world.open();
    store.append(at(0), &event("secret")).unwrap();
    for name in left_in(&world) {
        let mode = fs_err::metadata(world.directory().join(&name)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_path_is_a_path_and_not_an_address() {
    let world = World::new();
    for name in ["file:x?mode=memory", ":memory:", "a b'c\"d", "%41#"] {
        let path = world.directory().join(name);
        Store::open(&path, BUSY)
            .unwrap()
            .set_meta("k", name)
            .unwrap();
        assert!(path.exists(), "{name}");
        let again = Store::open(&path, BUSY).unwrap();
        assert_eq!(again.meta("k").unwrap().as_deref(), Some(name));
    }
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let world = World::new();
    let path = world.directory().join("nowhere/store.db");
    let error = Store::open(&path, BUSY).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[test]
fn what_is_no_database_is_damaged_and_left_alone() {
    let world = World::new();
    let junk = "not a database, but long enough to have a header. ".repeat(100);
    fs_err::write(world.path(), &junk).unwrap();
    let error = Store::open(&world.path(), BUSY).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(fs_err::read_to_string(world.path()).unwrap(), junk);
}

#[test]
fn damaged_pages_are_found() {
    let world = World::new();
    let mut store = world.open();
    for number in 0..300 {
        store.send(&message(number, &["mayor/"])).unwrap();
    }
    store.integrity_check().unwrap();
    drop(store);
    let mut bytes = fs_err::read(world.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs_err::write(world.path(), &bytes).unwrap();

    let store = Store::open(&world.path(), BUSY).unwrap();
    let error = store.integrity_check().unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let error = store.inbox("mayor/", false).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn who_waits_too_long_is_told_it_was_busy() {
    let world = World::new();
    let mut store = world.open();
    let patient = Duration::from_millis(20);
    let mut waiting = Store::open(&world.path(), patient).unwrap();
    let raw = world.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = waiting.append(at(0), &event("late")).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert_eq!(waiting.last_seq().unwrap(), 0, "reading goes on");

    raw.execute_batch("ROLLBACK").unwrap();
    store.append(at(0), &event("in time")).unwrap();
}

/// Covers F77: what can only be read answers reads well, and the probe finds it out.
#[test]
fn a_store_that_cannot_be_written_is_found_out_by_writing() {
    let world = World::new();
    world.open().check_writable().unwrap();
    let mut store = Store::open_read_only(&world.path(), BUSY).unwrap();
    assert_eq!(store.last_seq().unwrap(), 0);
    let error = store.check_writable().unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    let error = store.append(at(0), &event("x")).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
}

#[test]
fn the_probe_really_writes() {
    let world = World::new();
    let (mut store, other) = (world.open(), world.open());
    for _ in 0..3 {
        let before = other.data_version().unwrap();
        store.check_writable().unwrap();
        assert_ne!(other.data_version().unwrap(), before);
    }
}

#[test]
fn a_reader_keeps_the_log_from_being_written_back_but_nobody_waiting() {
    let world = World::new();
    let mut store = world.open();
    store.append(at(0), &event("one")).unwrap();
    assert!(store.checkpoint().unwrap());
    let reader = world.raw();
    reader.execute_batch("BEGIN; SELECT * FROM event;").unwrap();
    store.append(at(0), &event("two")).unwrap();
    assert!(!store.checkpoint().unwrap());
    reader.execute_batch("COMMIT").unwrap();
    assert!(store.checkpoint().unwrap());
}

#[test]
fn a_store_that_lost_its_journal_mode_gets_it_back() {
    let world = World::new();
    drop(world.open());
    let raw = world.raw();
    raw.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(raw);
    drop(world.open());
    let mode: String = world
        .raw()
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}
