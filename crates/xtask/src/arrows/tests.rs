//! Workspaces that break the crate table, one rule each.

use super::*;

/// Checks a workspace of `crate: dependency dependency …` lines.
fn check_workspace(lines: &[(&str, &str)], lock: &str, files: &[TextFile]) -> Vec<String> {
    let members = lines
        .iter()
        .map(|(name, dependencies)| {
            let dependencies = dependencies.split_whitespace().map(str::to_owned).collect();
            ((*name).to_owned(), dependencies)
        })
        .collect();
    let lock = Lock::parse(lock).unwrap();
    check_members(&members, &lock, files)
        .iter()
        .map(|it| it.rule.clone())
        .collect()
}

const EMPTY_LOCK: &str = "package = []";

#[test]
fn an_arrow_that_turns_round_is_found() {
    let found = check_workspace(&[("gt-core", "gt-host"), ("gt-host", "")], EMPTY_LOCK, &[]);
    assert_eq!(found, ["gt-core may not depend on gt-host"]);
}

#[test]
fn a_crate_that_the_row_does_not_list_is_found() {
    let found = check_workspace(
        &[
            ("gt-api", "serde tokio"),
            ("gt-daemon", "clap tokio"),
            ("gt-store", "rusqlite"),
        ],
        EMPTY_LOCK,
        &[],
    );
    assert_eq!(
        found,
        [
            "gt-api may not depend on tokio",
            "gt-daemon may not depend on clap"
        ]
    );
}

#[test]
fn a_forbidden_crate_is_found_behind_another() {
    let lock = r#"
        package = [
            { name = "rusqlite", source = "registry", dependencies = ["pool 1.0.0"] },
            { name = "pool", source = "registry", dependencies = ["tokio"] },
            { name = "tokio", source = "registry" },
        ]
    "#;
    let found = check_workspace(&[("gt-store", "rusqlite")], lock, &[]);
    assert_eq!(
        found,
        ["gt-store may not reach tokio, and does through pool"]
    );
}

#[test]
fn a_crate_without_a_row_is_found() {
    let found = check_workspace(&[("gt-new", "")], EMPTY_LOCK, &[]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("is not in the crate table"), "{found:?}");
}

#[test]
fn the_pure_crate_may_not_name_the_world_but_may_speak_of_it() {
    let file = TextFile {
        path: "crates/gt-core/src/a.rs".to_owned(),
        text: "//! Never std::process.\nuse std::process::Command;\n".to_owned(),
    };
    let found = check_workspace(&[("gt-core", "")], EMPTY_LOCK, &[file]);
    assert_eq!(found, ["gt-core may not use std::process"]);
}
