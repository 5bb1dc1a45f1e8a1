use super::*;
use gt_core::observed::chain;
use std::os::unix::fs::PermissionsExt as _;

fn request(path: &Path) -> Install {
    Install {
        path: path.to_owned(),
        name: None,
        force: false,
        instructions: None,
        now: "2025-12-20T10:00:00Z".parse().unwrap(),
    }
}

/// A directory with these subdirectories (ending in `/`) and empty files.
fn tree(entries: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    for entry in entries {
        let path = root.join(entry);
        fs_err::create_dir_all(if entry.ends_with('/') {
            &path
        } else {
            path.parent().unwrap()
        })
        .unwrap();
        if !entry.ends_with('/') {
            fs_err::write(&path, "{}").unwrap();
        }
    }
    (directory, root)
}

#[track_caller]
fn check_found(entries: &[&str], start: &str, expect: Option<&str>) {
    let (_directory, root) = tree(entries);
    let found = find(&root.join(start)).unwrap();
    // The directories above the temporary one may belong to somebody's own town.
    let found = found.filter(|found| found.starts_with(&root));
    assert_eq!(found, expect.map(|expect| root.join(expect)));
}

#[test]
fn the_nearest_town_file_decides() {
    let nested = ["mayor/town.json", "inner/mayor/town.json", "inner/rig/src/"];
    check_found(&nested, "inner/rig/src", Some("inner"));
    check_found(&nested, "", Some(""));
    let clone = ["t/mayor/town.json", "t/rig/crew/joe/mayor/"];
    check_found(&clone, "t/rig/crew/joe", Some("t"));
}

/// Covers M31: with no town file anywhere, neither a rig nor a clone becomes the town.
#[test]
fn a_rigs_mayor_directory_makes_no_town() {
    let rig = ["t/mayor/", "t/rig/mayor/rig/", "t/rig/crew/joe/mayor/"];
    check_found(&rig, "t/rig", Some("t"));
    check_found(&rig, "t/rig/crew/joe", Some("t"));
    let registered = ["mayor/", "t/mayor/rigs.json", "t/rig/mayor/rig/"];
    check_found(&registered, "t/rig", Some("t"));
    check_found(&["rig/mayor/rig/"], "rig", None);
}

/// Covers F39: a town that lost its `mayor/` while agents ran is still found, and can be stopped.
#[test]
fn a_town_in_which_a_daemon_ran_is_found_without_its_mayor() {
    let lost = ["t/.gt/town.db", "t/rig/crew/joe/"];
    check_found(&lost, "t/rig/crew/joe", Some("t"));
    let (_directory, root) = tree(&lost);
    assert_eq!(Town::open(&root.join("t")).unwrap().name(), "t");
    let never_ran = Town::open(&root.join("t/rig")).unwrap_err();
    assert!(matches!(never_ran, TownError::NotFound { .. }));
}

#[test]
fn a_start_that_does_not_exist_is_an_error() {
    let error = find(Path::new("/no/such/place")).unwrap_err();
    assert_eq!(
        chain(&error),
        "cannot search for a town from `/no/such/place`: No such file or directory (os error 2)"
    );
}

#[track_caller]
fn check_town_file(content: &str, expect: &str) {
    let (_directory, root) = tree(&["mayor/"]);
    fs_err::write(root.join("mayor/town.json"), content).unwrap();
    let found = match Town::open(&root) {
        Ok(town) => town.name().to_owned(),
        Err(error) => chain(&error).replace(&format!("{}/", root.display()), ""),
    };
    assert_eq!(found, expect);
}

/// The original's rules and error classes, one by one.
#[test]
fn a_town_file_is_checked_as_the_original_does() {
    check_town_file(
        r#"{"type":"town","version":1,"name":"hq","created_at":"2025-12-20T10:00:00.12+01:00"}"#,
        "hq",
    );
    check_town_file(r#"{"version":-3,"name":"old"}"#, "old");
    check_town_file(
        r#"{"type":"rig","name":"x"}"#,
        "`mayor/town.json` is of type `rig`, not `town`",
    );
    check_town_file(
        r#"{"version":2,"name":"x"}"#,
        "`mayor/town.json` has version 2; this gt reads up to 1",
    );
    check_town_file(r#"{"type":"town"}"#, "`mayor/town.json` has no `name`");
    check_town_file(
        "{\n  \"name\": hq",
        "`mayor/town.json` is damaged: expected value at line 2 column 11",
    );
    check_town_file(
        "",
        "`mayor/town.json` is damaged: EOF while parsing a value at line 1 column 0",
    );
}

#[test]
fn a_town_without_its_file_is_named_by_the_missing_file() {
    let (_directory, root) = tree(&["mayor/"]);
    let error = Town::open(&root).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("there is no `{}/mayor/town.json`", root.display())
    );
}

/// Covers F39: whoever runs in a town can be got at, whatever its own file says.
#[test]
fn a_town_that_ran_opens_with_a_damaged_file() {
    let (_directory, root) = tree(&["mayor/", ".gt/holders/"]);
    fs_err::write(root.join("mayor/town.json"), "junk").unwrap();
    let town = Town::open(&root).unwrap();
    assert_eq!(Some(town.name()), root.file_name().unwrap().to_str());
    fs_err::write(root.join("mayor/town.json"), r#"{"type":"zoo"}"#).unwrap();
    assert!(Town::open(&root).is_err(), "it is something else");
}

#[test]
fn a_new_town_opens_and_is_private() {
    let (_directory, root) = tree(&[]);
    let path = root.join("deep/hq");
    let installed = install(&request(&path)).unwrap();
    assert_eq!((installed.town.name(), installed.warnings.len()), ("hq", 0));
    assert_eq!(Town::around(&path.join("mayor")).unwrap(), installed.town);
    let mode = fs_err::metadata(path.join(".gt"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(
        !path.join("CLAUDE.md").exists(),
        "no instructions were given"
    );
    let rigs = fs_err::read_to_string(path.join("mayor/rigs.json")).unwrap();
    assert_eq!(rigs, "{\n  \"rigs\": {},\n  \"version\": 1\n}");
}

#[test]
fn the_configuration_of_a_new_town_changes_nothing() {
    let (_directory, root) = tree(&[]);
    install(&request(&root)).unwrap();
    let written = crate::config::Config::load(&root.join("town.toml")).unwrap();
    assert_eq!(
        written.effective(),
        crate::config::Config::default().effective()
    );
}

/// Covers M23: force completes a town; what it already knows stays, even damaged.
#[test]
fn force_keeps_the_registry_and_every_other_file() {
    let (_directory, root) = tree(&[]);
    install(&request(&root)).unwrap();
    assert!(matches!(
        install(&request(&root)),
        Err(InstallError::AlreadyTown { .. })
    ));
    fs_err::write(root.join("mayor/rigs.json"), "{damaged").unwrap();
    fs_err::write(root.join("town.toml"), "# mine\n").unwrap();
    fs_err::remove_file(root.join("mayor/state.json")).unwrap();
    let again = Install {
        force: true,
        name: Some("renamed".to_owned()),
        ..request(&root)
    };
    let installed = install(&again).unwrap();
    assert_eq!(installed.town.name(), "renamed");
    assert!(
        installed
            .warnings
            .contains(&Warning::Kept(root.join("mayor/rigs.json")))
    );
    assert_eq!(
        fs_err::read_to_string(root.join("mayor/rigs.json")).unwrap(),
        "{damaged"
    );
    assert_eq!(
        fs_err::read_to_string(root.join("town.toml")).unwrap(),
        "# mine\n"
    );
    assert!(
        root.join("mayor/state.json").exists(),
        "what was missing is back"
    );
}

#[test]
fn a_town_file_keeps_what_others_wrote_into_it() {
    let (_directory, root) = tree(&["mayor/"]);
    let path = root.join("mayor/town.json");
    fs_err::write(&path, r#"{"name":"a","owner":{"x":[1]}}"#).unwrap();
    let again = Install {
        force: true,
        name: Some("b".to_owned()),
        ..request(&root)
    };
    install(&again).unwrap();
    let text = fs_err::read_to_string(&path).unwrap();
    assert!(
        text.contains("\"owner\": {") && text.contains("\"name\": \"b\""),
        "{text}"
    );
}

/// A failure half-way leaves nothing of ours, and everything of the person's.
#[test]
fn a_failed_installation_leaves_no_trace() {
    let (_directory, root) = tree(&["hq/notes", "hq/deacon"]);
    let path = root.join("hq");
    assert!(matches!(
        install(&request(&path)),
        Err(InstallError::Io(_) | InstallError::Private(_))
    ));
    let mut left: Vec<_> = fs_err::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["deacon", "notes"]);
    let nameless = Install {
        name: Some("a\u{1b}b".to_owned()),
        ..request(&root.join("new/town"))
    };
    assert_eq!(
        install(&nameless).unwrap_err().to_string(),
        "`a\\u{1b}b` is no name for a town"
    );
    assert!(!root.join("new").exists());
}

#[test]
fn a_town_inside_a_town_is_made_with_a_warning() {
    let (_directory, root) = tree(&["mayor/town.json"]);
    let installed = install(&request(&root.join("inner"))).unwrap();
    assert_eq!(installed.warnings, [Warning::InsideTown(root)]);
}

/// Covers F69: an environment of another town is refused, and a second spelling of this one is not.
#[test]
fn an_environment_of_another_town_is_refused() {
    let (_directory, root) = tree(&[]);
    let town = install(&request(&root.join("a"))).unwrap().town;
    let other = install(&request(&root.join("b"))).unwrap().town;
    town.agrees_with(None).unwrap();
    town.agrees_with(Some(&format!("{}/../a", other.paths().root().display())))
        .unwrap();
    let wrong = other.paths().root().display().to_string();
    assert!(matches!(
        town.agrees_with(Some(&wrong)),
        Err(TownError::OtherTown { .. })
    ));
}

#[test]
fn instructions_are_written_once() {
    let (_directory, root) = tree(&[]);
    let with = Install {
        instructions: Some("be kind".to_owned()),
        ..request(&root)
    };
    install(&with).unwrap();
    let again = Install {
        instructions: Some("new".to_owned()),
        force: true,
        ..request(&root)
    };
    install(&again).unwrap();
    assert_eq!(
        fs_err::read_to_string(root.join("CLAUDE.md")).unwrap(),
        "be kind"
    );
}
