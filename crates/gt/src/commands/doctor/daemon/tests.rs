//! What is said of a daemon, from what was seen of it.

use super::*;
use gt_api::view::CheckResult;

fn hello() -> Hello {
    Hello {
        pid: 4242,
        version: "0.1.0".to_owned(),
    }
}

fn running(
    held: bool,
    answer: &Result<Option<Hello>, String>,
    down: bool,
) -> (CheckResult, String) {
    let check = running_of(
        &Observed::Known(held),
        answer,
        "66 heartbeats",
        &Observed::Known(down),
    );
    (check.result, check.message)
}

/// Covers D25: a count is a number, not the letter with that number.
#[test]
fn heartbeats_are_counted_in_digits() {
    let (result, message) = running(true, &Ok(Some(hello())), false);
    assert_eq!(result, CheckResult::Ok);
    assert_eq!(message, "running (pid 4242), 66 heartbeats");
}

/// The lock tells whether a daemon runs; the socket only whether it works.
#[test]
fn a_daemon_that_holds_its_lock_and_does_not_answer_is_an_error() {
    assert_eq!(running(true, &Ok(None), false).0, CheckResult::Error);
    let (result, message) = running(true, &Err("no answer within 5s".to_owned()), false);
    assert_eq!(result, CheckResult::Error);
    assert!(message.contains("no answer within 5s"), "{message}");
    assert_eq!(running(false, &Ok(None), false).0, CheckResult::Warning);
}

/// Covers F39: a town that shall be down lacks no daemon, so that nothing starts one.
#[test]
fn a_town_that_was_told_to_be_down_needs_no_daemon() {
    assert_eq!(running(false, &Ok(None), true).0, CheckResult::Ok);
}

#[test]
fn a_lock_that_cannot_be_looked_at_is_no_daemon_and_no_success() {
    let check = running_of(
        &Observed::unknown("EACCES"),
        &Ok(None),
        "",
        &Observed::Known(false),
    );
    assert_eq!(check.result, CheckResult::Warning);
    assert!(check.message.contains("EACCES"), "{}", check.message);
}

#[test]
fn a_daemon_of_another_version_is_named_with_the_command_that_replaces_it() {
    assert_eq!(version_of(&hello(), "0.1.0").result, CheckResult::Ok);
    let check = version_of(&hello(), "0.2.0");
    assert_eq!(check.result, CheckResult::Warning);
    assert_eq!(check.message, "the daemon is gt 0.1.0, this is gt 0.2.0");
    assert!(check.hint.unwrap().contains("gt daemon restart"));
}

#[track_caller]
fn check_pid_file(
    written: &Result<Option<u32>, PidFileError>,
    held: bool,
    daemon: Option<u32>,
    expect: (CheckResult, &str),
) {
    let check = pid_file_of(written, &Observed::Known(held), daemon, |pid| match pid {
        1000 => Observed::Known(true),
        2000 => Observed::Known(false),
        _ => Observed::unknown("no /proc"),
    });
    assert_eq!((check.result, check.message.as_str()), expect);
}

/// Covers D13, F36: a stale file and a pid that another program has now are told apart from the
/// daemon by its lock.
#[test]
fn a_stale_pid_file_is_never_taken_for_the_daemon() {
    use CheckResult::{Ok as Well, Warning};
    check_pid_file(
        &Ok(Some(7)),
        true,
        Some(7),
        (Well, "names the daemon (pid 7)"),
    );
    check_pid_file(
        &Ok(None),
        false,
        None,
        (Well, "there is none, and no daemon"),
    );
    check_pid_file(
        &Ok(Some(1000)),
        false,
        None,
        (
            Warning,
            "it is stale: it names process 1000, which is another program: no daemon runs",
        ),
    );
    check_pid_file(
        &Ok(Some(2000)),
        false,
        None,
        (
            Warning,
            "it is stale: it names process 2000, which has ended",
        ),
    );
    check_pid_file(
        &Ok(Some(3000)),
        false,
        None,
        (
            Warning,
            "it is stale: it names process 3000, of which nothing is known: no /proc",
        ),
    );
    check_pid_file(
        &Ok(Some(8)),
        true,
        Some(7),
        (Warning, "names process 8, but the daemon is process 7"),
    );
    check_pid_file(
        &Ok(Some(7)),
        true,
        None,
        (
            Warning,
            "it could not be looked at: the daemon does not say who it is",
        ),
    );
}

/// A daemon that answers runs, whatever became of its lock's file.
#[test]
fn a_daemon_without_its_lock_is_an_error_and_not_absent() {
    let (result, message) = running(false, &Ok(Some(hello())), false);
    assert_eq!(result, CheckResult::Error);
    assert!(message.contains("holds no lock"), "{message}");
}
