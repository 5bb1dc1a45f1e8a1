//! Rigs in a town without a daemon.

use gt_core::ProcessId;

use super::*;
use crate::commands::test_town::TestTown;

fn register(town: &TestTown, rigs: &str) {
    let text = format!("{{\"version\": 1, \"rigs\": {{{rigs}}}}}");
    fs_err::write(town.context.paths().rigs_json(), text).unwrap();
}

fn seat(town: &TestTown, agent: &str, holder: ProcessId, phase: &str) {
    let agent = AgentId::from_canonical(agent).unwrap();
    let path = town.context.paths().holder_state(&agent);
    let socket = town.context.paths().holder_socket(&agent);
    let report = serde_json::json!({
        "version": 1, "gt": "0.1.0", "agent": agent, "socket": socket,
        "holder": holder, "boot_id": "b", "phase": phase,
    });
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, report.to_string()).unwrap();
}

/// Covers M24: a registry that cannot be read is an error, and what the disk holds is still shown.
#[test]
fn a_damaged_registry_is_named_and_does_not_hide_the_rigs() {
    let town = TestTown::new();
    let root = town.context.paths().root();
    fs_err::create_dir_all(root.join("api/crew/max")).unwrap();
    fs_err::write(root.join("api/config.json"), "{}").unwrap();
    fs_err::write(town.context.paths().rigs_json(), "{\"rigs\"").unwrap();
    let found = look::look(town.context.paths());
    assert!(found.registry_trouble.is_some());
    assert_eq!(found.rigs[0].name, "api");
    assert_eq!(found.rigs[0].git_url, None);
    assert_eq!(found.rigs[0].crew, ["max"]);
    let error = list(&town.context, Json { json: false }).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert_eq!(
        fs_err::read_to_string(town.context.paths().rigs_json()).unwrap(),
        "{\"rigs\"",
        "a damaged file is left for a person"
    );
}

#[test]
fn a_rig_is_listed_without_its_password_and_with_what_it_lacks() {
    let town = TestTown::new();
    register(
        &town,
        r#""api": {"git_url": "https://me:secret@example.org/api"}, "gone": {"git_url": "/x"}"#,
    );
    let root = town.context.paths().root();
    fs_err::create_dir_all(root.join("api/refinery/rig")).unwrap();
    fs_err::create_dir_all(root.join("api/polecats/toast")).unwrap();
    let found = look::look(town.context.paths());
    let text = listing(&found.rigs).replace(&*root.to_string_lossy(), "ROOT");
    insta::assert_snapshot!(text, @"
    RIG   CREW  POLECATS  FROM
    api   -     toast     https://me:***@example.org/api
    gone  -     -         /x
    problem: api: its clone `mayor/rig` is missing
    problem: gone: rig `gone` has no directory `ROOT/gone`
    ");
}

#[test]
fn a_rig_with_a_running_agent_is_not_removed() {
    let town = TestTown::new();
    register(
        &town,
        r#""api": {"git_url": "/x"}, "web": {"git_url": "/y"}"#,
    );
    let alive = process::own().unwrap();
    seat(&town, "api/crew/max", alive, "running");
    let dead = ProcessId {
        start: alive.start + 1,
        ..alive
    };
    seat(&town, "web/witness", dead, "running");
    let error = remove(&town.context, "api").unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    insta::assert_snapshot!(error, @"
    error: agents of `api` run: api/crew/max
    hint: stop them with `gt crew stop api/max`
    ");
    remove(&town.context, "web").unwrap();
    let left: Vec<String> = look::look(town.context.paths())
        .rigs
        .into_iter()
        .map(|rig| rig.name)
        .collect();
    assert_eq!(left, ["api"]);
}

/// A seat that cannot be read may be taken.
#[test]
fn a_rig_with_an_agent_that_may_run_is_not_removed() {
    let town = TestTown::new();
    register(&town, r#""api": {"git_url": "/x"}"#);
    let agent = AgentId::from_canonical("api/refinery").unwrap();
    fs_err::create_dir_all(town.context.paths().holders()).unwrap();
    fs_err::write(town.context.paths().holder_state(&agent), "{").unwrap();
    assert_eq!(
        remove(&town.context, "api").unwrap_err().kind,
        Kind::Refused
    );
}

#[test]
fn a_rig_whose_agents_are_dead_is_removed_and_its_files_stay() {
    let town = TestTown::new();
    register(&town, r#""api": {"git_url": "/x"}"#);
    let place = town.context.paths().root().join("api");
    fs_err::create_dir(&place).unwrap();
    let own = process::own().unwrap();
    let dead = ProcessId {
        start: own.start + 1,
        ..own
    };
    seat(&town, "api/witness", dead, "running");
    remove(&town.context, "api").unwrap();
    assert!(place.is_dir());
    let error = remove(&town.context, "api").unwrap_err();
    assert!(error.to_string().contains("no rig `api`"), "{error}");
}
