use super::*;
use gt_core::observed::chain;

fn town(registry: Option<&str>) -> (tempfile::TempDir, TownPaths) {
    let directory = tempfile::tempdir().unwrap();
    let paths = TownPaths::new(&directory.path().canonicalize().unwrap());
    for path in [paths.root().join("mayor"), paths.private()] {
        fs_err::create_dir_all(path).unwrap();
    }
    if let Some(text) = registry {
        fs_err::write(paths.rigs_json(), text).unwrap();
    }
    (directory, paths)
}

fn make(paths: &TownPaths, directories: &[&str]) {
    for directory in directories {
        fs_err::create_dir_all(paths.root().join(directory)).unwrap();
    }
}

fn entry(url: &str) -> RigEntry {
    RigEntry::new(url, "ga", "2025-12-20T10:00:00Z".parse().unwrap())
}

fn add(paths: &TownPaths, name: &str) -> Result<(), RegistryError> {
    Registry::update(paths, |registry| {
        registry.rigs.insert(name.to_owned(), entry("u"));
        Ok(())
    })
}

#[track_caller]
fn check_roll(discovery: &Discovery, expect: &[&str]) {
    let agents: Vec<String> = discovery.roll.agents()[2..]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(agents, expect);
}

const BY_HAND: &str = r#"{
  "version": 1, "theme": "dark",
  "rigs": {
    "gas": {"git_url": "u", "added_at": "2025-12-20T10:00:00.5+01:00", "color": "red",
            "beads": {"repo": "local", "prefix": "ga", "sync": true}}
  }
}"#;

/// Covers D19: what a person or another program added is still there after a change.
#[test]
fn a_change_keeps_every_key_it_does_not_know() {
    let (_directory, paths) = town(Some(BY_HAND));
    add(&paths, "new").unwrap();
    let text = fs_err::read_to_string(paths.rigs_json()).unwrap();
    for kept in [
        "\"theme\": \"dark\"",
        "\"color\": \"red\"",
        "\"sync\": true",
        "\"new\": {",
    ] {
        assert!(text.contains(kept), "{kept} is missing in {text}");
    }
    assert_eq!(
        Registry::read(&paths.rigs_json()).unwrap().rigs["gas"].prefix(),
        Some("ga")
    );
}

/// Covers M24, F74: a damaged registry names file, place and next step, and is not written over.
#[test]
fn a_damaged_registry_is_never_written_over() {
    let damaged = "{\n  \"version\": 1,\n  \"rigs\": {\"gas\": {\"git_u";
    let (_directory, paths) = town(Some(damaged));
    let error = chain(&add(&paths, "new").unwrap_err());
    let expect = format!(
        "the registry of rigs cannot be read; mend the file by hand: \
         `{}` is damaged: EOF while parsing a string at line 3 column 25",
        paths.rigs_json().display()
    );
    assert_eq!(error, expect);
    assert_eq!(fs_err::read_to_string(paths.rigs_json()).unwrap(), damaged);
}

#[test]
fn an_empty_file_is_damage_and_null_rigs_are_none() {
    let (_directory, paths) = town(Some(""));
    assert!(matches!(add(&paths, "new"), Err(RegistryError::Read(_))));
    let (_directory, paths) = town(Some(r#"{"version":1,"rigs":null}"#));
    assert_eq!(Registry::read(&paths.rigs_json()).unwrap().rigs.len(), 0);
}

#[test]
fn a_registry_of_a_newer_program_is_refused_and_left() {
    let newer = r#"{"version":2,"rigs":[]}"#;
    let (_directory, paths) = town(Some(r#"{"version":2,"rigs":{}}"#));
    assert!(matches!(
        add(&paths, "x"),
        Err(RegistryError::UnsupportedVersion { found: 2, .. })
    ));
    let (_directory, paths) = town(Some(newer));
    assert!(add(&paths, "x").is_err());
    assert_eq!(fs_err::read_to_string(paths.rigs_json()).unwrap(), newer);
}

/// Covers D19: of two writers at once neither loses the other's rig.
#[test]
fn changes_at_the_same_time_are_all_kept() {
    let (_directory, paths) = town(None);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d", "e", "f"] {
            let paths = &paths;
            scope.spawn(move || add(paths, name).unwrap());
        }
    });
    assert_eq!(Registry::read(&paths.rigs_json()).unwrap().rigs.len(), 6);
}

#[test]
fn a_town_that_the_original_made_can_be_changed() {
    let (_directory, paths) = town(Some(BY_HAND));
    fs_err::remove_dir_all(paths.private()).unwrap();
    add(&paths, "new").unwrap();
    assert_eq!(Registry::read(&paths.rigs_json()).unwrap().rigs.len(), 2);
}

#[test]
fn a_refused_change_writes_nothing() {
    let (_directory, paths) = town(Some(BY_HAND));
    let refused: Result<(), RegistryError> = Registry::update(&paths, |registry| {
        registry.rigs.clear();
        Err(RegistryError::NotFound { path: "x".into() })
    });
    refused.unwrap_err();
    assert_eq!(fs_err::read_to_string(paths.rigs_json()).unwrap(), BY_HAND);
}

#[test]
fn rigs_and_workers_are_found_by_registry_and_directory() {
    let (_directory, paths) = town(Some(BY_HAND));
    make(
        &paths,
        &[
            "gas/crew/max",
            "gas/crew/.tmp",
            "gas/polecats/toast",
            "other/.beads",
        ],
    );
    fs_err::write(paths.root().join("gas/crew/notes.txt"), "").unwrap();
    let found = discover(&paths, None);
    check_roll(
        &found,
        &[
            "gas/witness",
            "gas/refinery",
            "gas/crew/max",
            "gas/polecats/toast",
        ],
    );
    assert_eq!((found.source, found.problems.len()), (Source::Registry, 0));
}

/// Covers D24: without a registry one rule finds the rigs; the town's own directories are none.
#[test]
fn without_a_registry_the_towns_children_are_looked_at() {
    let (_directory, paths) = town(None);
    make(
        &paths,
        &[
            "gas/.beads",
            "deacon/.beads",
            "rigs/.beads",
            "daemon/.beads",
            "docs/.beads",
            "mayor/.beads",
            ".hidden/.beads",
            "notes/polecats",
            "oil",
        ],
    );
    fs_err::write(paths.root().join("oil/config.json"), "{}").unwrap();
    let found = discover(&paths, None);
    let rigs: Vec<&str> = found.roll.rigs().iter().map(RigName::as_str).collect();
    assert_eq!(
        (rigs, found.source),
        (vec!["gas", "oil"], Source::Directories)
    );
}

/// Covers F75: a rig added by hand while the daemon runs is seen by the next look.
#[test]
fn a_change_by_hand_is_seen_at_the_next_look() {
    let (_directory, paths) = town(Some(r#"{"version":1,"rigs":{}}"#));
    let before = discover(&paths, None);
    fs_err::write(paths.rigs_json(), BY_HAND).unwrap();
    make(&paths, &["gas"]);
    check_roll(&before, &[]);
    check_roll(
        &discover(&paths, Some(&before)),
        &["gas/witness", "gas/refinery"],
    );
}

/// Covers F74: with the registry damaged the rigs of the last good look remain.
#[test]
fn a_damaged_registry_leaves_the_last_good_rigs() {
    let (_directory, paths) = town(Some(BY_HAND));
    make(&paths, &["gas/crew/max", "oil/.beads"]);
    let good = discover(&paths, None);
    let mut found = Discovery::default();
    for damaged in ["[]", "{"] {
        fs_err::write(paths.rigs_json(), damaged).unwrap();
        found = discover(&paths, Some(&good));
        assert_eq!((&found.roll, found.source), (&good.roll, Source::LastGood));
        assert!(found.problems[0].to_string().contains("is damaged"));
    }
    check_roll(&discover(&paths, None), &["oil/witness", "oil/refinery"]);
    fs_err::remove_file(paths.rigs_json()).unwrap();
    let missing = discover(&paths, Some(&found));
    assert_eq!(
        (&missing.roll, missing.source),
        (&good.roll, Source::LastGood)
    );
}

/// Covers M25: a bad name in a hand-edited file is reported and takes nobody else down.
#[test]
fn a_bad_name_is_a_problem_and_not_the_end() {
    let (_directory, paths) = town(Some(r#"{"rigs":{"ok":{},"../x":{},"mayor":{}}}"#));
    make(
        &paths,
        &["ok/crew/a.b", "ok/polecats/witness", "ok/crew/fine"],
    );
    let found = discover(&paths, None);
    check_roll(&found, &["ok/witness", "ok/refinery", "ok/crew/fine"]);
    assert_eq!(found.problems.len(), 4, "{:?}", found.problems);
}

/// Covers F74: an entry that a person spoiled hides no rig, not even its own.
#[test]
fn a_spoiled_entry_takes_no_rig_away() {
    let (_directory, paths) = town(Some(r#"{"rigs":{"gas":{},"oil":{"added_at":"then"}}}"#));
    make(&paths, &["gas", "oil"]);
    let found = discover(&paths, None);
    assert_eq!(found.source, Source::Registry);
    let expect = ["gas/witness", "gas/refinery", "oil/witness", "oil/refinery"];
    check_roll(&found, &expect);
}

/// Unknown is not absent: a rig whose directory is away stays on the roll.
#[test]
fn a_registered_rig_without_a_directory_is_named_and_kept() {
    let (_directory, paths) = town(Some(BY_HAND));
    let found = discover(&paths, None);
    check_roll(&found, &["gas/witness", "gas/refinery"]);
    assert!(matches!(
        found.problems.as_slice(),
        [Problem::NoDirectory { .. }]
    ));
}

/// Unknown is not absent: workers whose directory cannot be listed are those of the last look.
#[test]
fn workers_that_cannot_be_listed_are_those_of_the_last_look() {
    let (_directory, paths) = town(Some(BY_HAND));
    make(&paths, &["gas/crew/max", "gas/polecats/max"]);
    let good = discover(&paths, None);
    fs_err::remove_dir_all(paths.root().join("gas/crew")).unwrap();
    fs_err::write(paths.root().join("gas/crew"), "not a directory").unwrap();
    let found = discover(&paths, Some(&good));
    assert_eq!(found.roll, good.roll);
    assert!(matches!(
        found.problems.as_slice(),
        [Problem::Unreadable { .. }]
    ));
}
