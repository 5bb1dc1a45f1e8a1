//! A town that the original made, and a person's editor has been in since.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gt_host::process;
use gt_testkit::town::TestTown;
use serde_json::Value;

use crate::{prompt, town};

/// The registry as a person left it: no order, no common indentation, keys that nobody knows.
const RIGS: &str = r#"{ "version":1,
    "rigs": {
  "gas" : {"git_url": "git@example.org:me/gas.git", "added_at": "2025-12-20T10:00:00.123456789+01:00",
     "beads": {"repo": "", "prefix": "ga"}, "note": "mine"},
        "bare": { "git_url": "/srv/bare.git" }
 }, "edited_by": "me" }

"#;

/// The other files of the original's, as it writes them: two spaces, no newline at the end.
const FILES: &[(&str, &str)] = &[
    (
        "mayor/town.json",
        "{\n  \"type\": \"town\",\n  \"version\": 1,\n  \"name\": \"old\",\n  \
         \"created_at\": \"2025-12-20T10:00:00.123456789+01:00\"\n}",
    ),
    (
        "mayor/state.json",
        "{\n  \"last_active\": \"0001-01-01T00:00:00Z\",\n  \"requesting_cycle\": true,\n  \
         \"requesting_time\": \"2025-12-20T10:00:00+01:00\",\n  \"role\": \"mayor\"\n}",
    ),
    (
        ".gastown/agent-state.json",
        "{\n  \"requesting_shutdown\": true,\n  \"requesting_time\": \"2025-12-20T10:00:00+01:00\"\n}",
    ),
    (
        "daemon/notifications/slot-gt-deacon-heartbeat.json",
        r#"{"slot":"heartbeat","session":"gt-deacon","message":"HEARTBEAT: run your rounds","sent_at":"2025-12-20T10:00:00.1+01:00","consumed":false,"consumed_at":"0001-01-01T00:00:00Z"}"#,
    ),
    (
        "deacon/heartbeat.json",
        "{\n  \"timestamp\": \"2025-12-20T09:00:00.5Z\",\n  \"cycle\": 7,\n  \
         \"last_action\": \"rounds\",\n  \"healthy_agents\": 2,\n  \"unhealthy_agents\": 1\n}",
    ),
    (
        "gas/config.json",
        "{\n  \"type\": \"rig\",\n  \"version\": 1,\n  \"name\": \"gas\",\n  \
         \"git_url\": \"git@example.org:me/gas.git\",\n  \
         \"created_at\": \"2025-12-20T10:00:00+01:00\",\n  \"beads\": {\n    \"prefix\": \"ga\"\n  }\n}",
    ),
    (
        "gas/.gastown/config.json",
        "{\n  \"type\": \"rig\",\n  \"version\": 1,\n  \"theme\": {\n    \"name\": \"plum\"\n  }\n}",
    ),
    (
        "gas/.gastown/witness.json",
        r#"{"rig_name": "gas", "state": "running", "pid": 1}"#,
    ),
    (
        "gas/witness/state.json",
        "{\n  \"role\": \"witness\",\n  \"last_active\": \"0001-01-01T00:00:00Z\"\n}",
    ),
    ("gas/refinery/rig/CLAUDE.md", "# Refinery\n"),
    (
        "gas/crew/max/state.json",
        "{\n  \"name\": \"max\",\n  \"rig\": \"gas\",\n  \"branch\": \"main\"\n}",
    ),
    (
        "gas/crew/max/mail/inbox.jsonl",
        "{\"id\":\"msg-1\",\"from\":\"mayor/\",\"to\":\"gas/max\"}\n",
    ),
    ("gas/polecats/nux/README.md", "work\n"),
    ("CLAUDE.md", "# Mayor\n"),
];

/// What the daemon and its commands write, in the original's formats.
const WRITTEN: &[&str] = &[
    "daemon/daemon.pid",
    "daemon/state.json",
    "daemon/daemon.log",
    ".gastown/keepalive.json",
    "daemon/daemon.lock",
];

/// A town of the original's, but for the program that its agents run.
fn old_town(registry: Option<&str>) -> TestTown {
    let town = town("");
    let configuration = fs_err::read(town.root().join("town.toml")).unwrap();
    fs_err::remove_dir_all(town.root()).unwrap();
    fs_err::create_dir(town.root()).unwrap();
    fs_err::write(town.root().join("town.toml"), configuration).unwrap();
    let state = "{\n  \"running\": true,\n  \"pid\": 99,\n  \
                 \"started_at\": \"2025-12-20T10:00:00.123456789+01:00\",\n  \
                 \"last_heartbeat\": \"2025-12-20T11:00:00.5+01:00\",\n  \"heartbeat_count\": 41\n}";
    let keepalive = r#"{"last_command":"gt mail send","timestamp":"2025-12-20T09:00:00Z"}"#;
    // The daemon was killed, and its pid has become this process's.
    let stale = std::process::id().to_string();
    let written = [
        &stale,
        state,
        "2025/12/20 10:00:00 Daemon starting\n",
        keepalive,
    ];
    let written = WRITTEN.iter().copied().zip(written);
    let registry = registry.map(|text| ("mayor/rigs.json", text));
    for (path, text) in FILES.iter().copied().chain(written).chain(registry) {
        let path = town.root().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    fs_err::create_dir_all(town.root().join("rigs")).unwrap();
    town
}

/// The content of every file below `directory`, but gt's own and those that are written anew.
fn kept(root: &Path) -> BTreeMap<String, String> {
    fn read(root: &Path, directory: &Path, kept: &mut BTreeMap<String, String>) {
        for entry in fs_err::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() && name != ".gt" {
                read(root, &path, kept);
            } else if path.is_file() && !WRITTEN.contains(&name.as_str()) {
                kept.insert(name, fs_err::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    read(root, root, &mut files);
    files
}

fn text(town: &TestTown, path: &str) -> String {
    fs_err::read_to_string(town.root().join(path)).unwrap()
}

/// Covers D13, D15, D18, D19, L6, M24, F36, F37, F74: a town of the original's is up with one
/// command. What nobody had to write stays as it was to the byte, the rest keeps its format, stale
/// flags and a stale pid are nobody's wish and nobody's process.
#[test]
fn a_town_of_the_originals_opens_and_stays_as_it_was() {
    let town = old_town(Some(RIGS));
    let before = kept(town.root());
    let offline = town.status();
    assert_eq!(offline.town.name, "old");
    assert_eq!(offline.daemon.running, Some(false));
    town.gt(&["up"]).ok();
    for agent in ["mayor", "deacon"] {
        prompt(&town, agent);
        assert_eq!(town.starts(agent), 1, "{}", town.story());
    }
    let status = town.status();
    let ids: Vec<&str> = status
        .agents
        .iter()
        .map(|agent| agent.id.as_str())
        .collect();
    for id in [
        "gas/witness",
        "gas/refinery",
        "gas/crew/max",
        "gas/polecats/nux",
        "bare/witness",
    ] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    let absent = "rig `bare` has no directory";
    assert!(
        status.problems.iter().any(|told| told.contains(absent)),
        "{:?}",
        status.problems
    );
    let rigs: Value = serde_json::from_str(&town.gt(&["rig", "list", "--json"]).ok()).unwrap();
    let gas = rigs
        .as_array()
        .unwrap()
        .iter()
        .find(|rig| rig["name"] == "gas")
        .unwrap();
    assert_eq!(gas["git_url"], "git@example.org:me/gas.git");
    assert_eq!(gas["crew"], serde_json::json!(["max"]));

    town.gt(&["witness", "start", "gas"]).ok();
    assert_eq!(
        text(&town, "daemon/daemon.pid"),
        town.daemon_pid().to_string()
    );
    let state = text(&town, "daemon/state.json");
    let keys: Vec<&str> = state
        .lines()
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    let original = [
        "running",
        "pid",
        "started_at",
        "last_heartbeat",
        "heartbeat_count",
    ];
    assert_eq!(keys, original, "{state}");
    assert!(state.contains("  \"heartbeat_count\": 42\n}"), "{state}");
    assert_eq!(kept(town.root()), before);

    town.type_line("deacon", "/run gt deacon heartbeat all well");
    let heartbeat = town.wait_for("the deacon's heartbeat", || {
        Some(text(&town, "deacon/heartbeat.json")).filter(|text| text.contains("all well"))
    });
    for line in [
        "  \"cycle\": 8,",
        "  \"healthy_agents\": 2,",
        "  \"unhealthy_agents\": 1",
    ] {
        assert!(heartbeat.contains(line), "{heartbeat}");
    }
    let keepalive = town.wait_for("the mirror of the sign of life", || {
        Some(text(&town, ".gastown/keepalive.json")).filter(|text| text.contains("heartbeat"))
    });
    assert!(
        keepalive.starts_with(r#"{"last_command":"gt deacon heartbeat""#),
        "{keepalive}"
    );

    town.gt(&["down"]).ok();
    assert!(text(&town, "daemon/state.json").contains("\"running\": false"));
    assert!(!town.root().join("daemon/daemon.pid").exists());
    assert_eq!(text(&town, "mayor/rigs.json"), RIGS);
    assert!(process::identify(std::process::id()).unwrap().is_some());
}

/// Covers D24, M24, F1, S8: without a registry the rigs are found by one rule for every command, with
/// a warning; a damaged one hides no rig that is known and is never written over.
#[test]
fn without_a_registry_the_rigs_are_found_on_disk() {
    let town = old_town(None);
    fs_err::remove_dir_all(town.root().join("deacon")).unwrap();
    for place in [
        "docs/.beads",
        "daemon/.beads",
        "mayor/.beads",
        "plain/src",
        "tool/.beads",
    ] {
        fs_err::create_dir_all(town.root().join(place)).unwrap();
    }
    fs_err::write(town.root().join("rigs/config.json"), "{}").unwrap();
    let rigs = || {
        let status = town.status();
        let missing = "there is no registry of rigs";
        assert!(
            status.problems.iter().any(|told| told.contains(missing)),
            "{:?}",
            status.problems
        );
        let agents = status.agents.into_iter();
        agents
            .filter_map(|agent| agent.rig)
            .collect::<BTreeSet<String>>()
    };
    let found = ["gas", "tool"].map(str::to_owned).into();
    assert_eq!(rigs(), found);
    town.gt(&["up"]).ok();
    assert_eq!(rigs(), found);
    let listed = town.gt(&["rig", "list", "--json"]);
    assert_eq!(listed.code, 1, "a list that is not the registry's");
    let listed: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    let names: Vec<&Value> = listed.iter().map(|rig| &rig["name"]).collect();
    assert_eq!(names, ["gas", "tool"]);
    town.gt(&["witness", "start", "gas"]).ok();

    let damaged = &RIGS[..RIGS.len() / 2];
    fs_err::write(town.root().join("mayor/rigs.json"), damaged).unwrap();
    town.wait_for("the damage to be told", || {
        let told = town.status().problems;
        told.iter()
            .any(|told| told.contains("rigs.json` is damaged"))
            .then_some(())
    });
    assert!(town.agent("gas/witness").pid.is_some());
    town.gt(&["peek", "gas/witness"]).ok();
    let checks = town.gt(&["doctor", "--json"]);
    assert_eq!(checks.code, 1, "an error was found");
    assert!(
        checks.stdout.contains("rigs.json` is damaged"),
        "{}",
        checks.stdout
    );
    let unknown = town.gt(&["why", "bare/witness"]).code(2);
    assert!(unknown.contains("rigs.json` is damaged"), "{unknown}");
    let refused = town.gt(&["rig", "add", "more", "/nowhere"]);
    assert_ne!(refused.code, 0);
    assert_eq!(text(&town, "mayor/rigs.json"), damaged);
}
