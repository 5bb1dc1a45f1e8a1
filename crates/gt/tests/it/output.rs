//! What is printed arrives, or the command says that it did not.

use std::fs::File;
use std::process::{Output, Stdio};

use crate::town;

/// Runs a command in a new town with its standard output there.
fn printed_to(stdout: Stdio, arguments: &[&str]) -> Output {
    let town = town("");
    let mut command = town.command(town.root());
    let command = command
        .args(arguments)
        .stdout(stdout)
        .stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let commands: [&[&str]; 5] = [
        &["status"],
        &["status", "--json"],
        &["config", "get", "poke.fresh"],
        &["--help"],
        &["--version"],
    ];
    for arguments in commands {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = printed_to(full.into(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {said}");
        assert!(said.contains("cannot write to standard output"), "{said}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    for arguments in [["status", "--json"], ["config", "show"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = printed_to(writer.into(), &arguments);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn a_problem_is_told_as_one_sentence_and_once() {
    let town = town("");
    fs_err::write(town.paths().store(), "no database at all").unwrap();
    let shown = town.gt(&["status"]).ok();
    let problems: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("problem: "))
        .collect();
    assert_eq!(problems.len(), 1, "{shown}");
    assert!(problems[0].starts_with("problem: cannot open the town's store: "));
    assert!(problems[0].ends_with("; `gt doctor` says what to do"));
    fs_err::remove_file(town.paths().store()).unwrap();
}

#[test]
fn a_daemon_that_does_not_run_has_no_heartbeat() {
    let town = town("");
    town.gt(&["up"]).ok();
    assert!(town.gt(&["status"]).ok().contains(", heartbeat 1 at "));
    town.gt(&["down"]).ok();
    let shown = town.gt(&["status"]).ok();
    let daemon = shown.lines().nth(1).unwrap();
    assert_eq!(daemon, "Daemon not running; start the town with `gt up`");
}

/// `2025-12-20T10:00:00.500Z` for programs, `2025-12-20T10:00:00Z` for people.
#[test]
fn times_have_one_form_for_programs_and_one_for_people() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.gt(&["mail", "send", "overseer", "-s", "Hello"]).ok();
    let check = |arguments: &[&str], between: &[char], expect: &str| {
        let shown = town.gt(arguments).ok();
        let shown = shown.replace(|c: char| c.is_ascii_digit(), "0");
        let words = shown.split(between);
        let times: Vec<&str> = words
            .filter(|word| word.starts_with("0000-00-00T"))
            .collect();
        assert!(!times.is_empty(), "{arguments:?}");
        assert!(
            times.iter().all(|time| *time == expect),
            "{arguments:?} {times:?}"
        );
    };
    let check_text = |line: &[&str]| check(line, &[' ', ',', '\n'], "0000-00-00T00:00:00Z");
    let check_json = |line: &[&str]| {
        check(
            &[line, &["--json"]].concat(),
            &['"'],
            "0000-00-00T00:00:00.000Z",
        );
    };
    let lines: [&[&str]; 4] = [
        &["status"],
        &["events"],
        &["daemon", "status"],
        &["why", "mayor"],
    ];
    for line in lines {
        check_text(line);
        check_json(line);
    }
    check_json(&["mail", "inbox"]);
}
