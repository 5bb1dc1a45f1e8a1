//! Databases of every released format, as `tests/schemas/vN.sql`: made by that gt, with a row in
//! every table. A new step gets the next file; the older ones are never edited.

use std::path::{Path, PathBuf};

use gt_core::Desire;
use gt_core::plan::RequestEnd;
use gt_core::snapshot::End;
use gt_store::{RequestStatus, Store, StoreError};
use rusqlite::Connection;

use crate::world::{BUSY, World, agent, at, event, id};

fn schemas() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let mut schemas: Vec<PathBuf> = fs_err::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    schemas.sort();
    schemas
}

fn old_database(schema: &Path) -> World {
    let world = World::new();
    let sql = fs_err::read_to_string(schema).unwrap();
    world.raw().execute_batch(&sql).unwrap();
    world
}

fn format_of(raw: &Connection) -> i64 {
    raw.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// Every table and index, with comments and layout taken out.
fn schema_of(raw: &Connection) -> Vec<String> {
    raw.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap()
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap()
        .map(|sql| plain(&sql.unwrap()))
        .collect()
}

fn plain(sql: &str) -> String {
    let code = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or(line));
    let words: Vec<&str> = code.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

/// Covers F83.
#[test]
fn every_old_format_is_brought_up_to_date_with_its_rows() {
    for schema in schemas() {
        let world = old_database(&schema);
        let mut store = Store::open(&world.path(), BUSY).unwrap();
        check_rows(&mut store);
        store.integrity_check().unwrap();
        let fresh = World::new();
        drop(fresh.open());
        let name = schema.display();
        assert_eq!(schema_of(&world.raw()), schema_of(&fresh.raw()), "{name}");
        assert_eq!(format_of(&world.raw()), format_of(&fresh.raw()), "{name}");
    }
}

#[test]
fn every_format_has_a_fixture() {
    let fresh = World::new();
    drop(fresh.open());
    let formats: Vec<i64> = schemas()
        .iter()
        .map(|schema| format_of(&old_database(schema).raw()))
        .collect();
    let expected: Vec<i64> = (1..=format_of(&fresh.raw())).collect();
    assert_eq!(formats, expected);
}

/// What each fixture holds.
fn check_rows(store: &mut Store) {
    let mayor = agent("mayor");
    assert_eq!(store.meta("key").unwrap().as_deref(), Some("value"));
    assert_eq!(store.latest(1).unwrap()[0].text, "it began");
    assert_eq!(store.intents().unwrap()[&mayor].desire, Desire::Parked);
    assert_eq!(store.starts().unwrap()[&mayor], 1);
    assert!(matches!(
        store.last_ends().unwrap()[&mayor].how,
        End::Exited(_)
    ));
    let sessions = store.last_sessions().unwrap();
    assert!(
        sessions
            .values()
            .all(|session| session.id.as_str() == "a-session")
    );
    let memory = &store.memories().unwrap()[&mayor];
    assert_eq!((memory.misses, memory.attempts.len()), (2, 1));
    let (request, taken_at) = store.pending_requests().unwrap().remove(0);
    assert_eq!((request.agent, taken_at), (mayor, Some(at(2))));
    assert_eq!(store.inbox("mayor/", true).unwrap()[0].subject, "hello");
    let nudges = store.nudges(None, 10).unwrap();
    assert!(
        nudges
            .iter()
            .all(|(nudge, _)| nudge.text.as_str() == "look at it")
    );

    let closed = event("closed");
    assert!(
        store
            .close_request(request.id, at(3), RequestEnd::Done, "", &closed, None)
            .unwrap()
    );
    let status = store.request_status(request.id).unwrap();
    assert_eq!(status, Some(RequestStatus::Done));
    store.mark_read(id(2, 1), at(3)).unwrap();
}

/// Covers F83: politely, and nothing is changed.
#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let world = World::new();
    world.open().set_meta("key", "value").unwrap();
    let raw = world.raw();
    raw.pragma_update(None, "user_version", 999).unwrap();
    raw.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(raw);
    let before = fs_err::read(world.path()).unwrap();

    check_refused(Store::open(&world.path(), BUSY));
    check_refused(Store::open_read_only(&world.path(), BUSY));
    assert_eq!(fs_err::read(world.path()).unwrap(), before);
}

#[track_caller]
fn check_refused(opened: Result<Store, StoreError>) {
    let error = opened.unwrap_err();
    let StoreError::Newer { found, known, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(*found == 999 && known < found, "{error:?}");
    assert!(error.to_string().contains("use the newer gt"), "{error}");
}

#[test]
fn an_old_database_is_not_migrated_by_a_reader() {
    let world = World::new();
    drop(world.raw());
    world
        .raw()
        .execute_batch("PRAGMA journal_mode = WAL")
        .unwrap();
    let error = Store::open_read_only(&world.path(), BUSY).unwrap_err();
    assert!(
        matches!(error, StoreError::Older { found: 0, .. }),
        "{error:?}"
    );
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let world = World::new();
    let raw = world.raw();
    raw.execute_batch("CREATE TABLE message (somebody_elses INTEGER)")
        .unwrap();
    let before = schema_of(&raw);
    let error = Store::open(&world.path(), BUSY).unwrap_err();
    assert!(matches!(error, StoreError::Query { .. }), "{error:?}");
    assert_eq!(schema_of(&raw), before);
    assert_eq!(format_of(&raw), 0);
}
