//! The doctor on a town without a daemon.

use std::os::unix::fs::PermissionsExt as _;

use gt_host::pid_file;

use super::*;
use crate::commands::test_town::TestTown;

fn look(town: &TestTown, name: &str) -> Check {
    let found = EXAMINATIONS.iter().find_map(|examination| {
        let check = (examination.look)(&Patient::new(&town.context))?;
        (check.name == name).then_some(check)
    });
    found.unwrap_or_else(|| panic!("no check {name}"))
}

fn fixed(town: &TestTown, name: &str) -> Check {
    let of_name = |examination: &&Examination| {
        (examination.look)(&Patient::new(&town.context)).is_some_and(|check| check.name == name)
    };
    let examination = EXAMINATIONS.iter().find(of_name).unwrap();
    examine(&mut Patient::new(&town.context), examination, true).unwrap()
}

fn set_mode(path: &std::path::Path, mode: u32) {
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_check_of_a_new_town_has_a_name_of_its_own() {
    let town = TestTown::new();
    let checks = EXAMINATIONS
        .iter()
        .filter_map(|one| (one.look)(&Patient::new(&town.context)));
    let mut names: Vec<String> = checks.map(|check| check.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 12, "{names:?}");
}

/// Covers M24: a damaged registry is an error and stays as it is.
#[test]
fn a_damaged_registry_is_an_error_and_is_not_touched() {
    let town = TestTown::new();
    assert_eq!(look(&town, "registry").result, CheckResult::Ok);
    let path = town.context.paths().rigs_json();
    fs_err::write(&path, "{\"rigs\": ").unwrap();
    let check = fixed(&town, "registry");
    assert_eq!(check.result, CheckResult::Error);
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "{\"rigs\": ");
}

#[test]
fn a_mistake_in_the_configuration_is_an_error_and_stops_no_other_check() {
    let town = TestTown::new();
    fs_err::write(town.context.paths().town_toml(), "x = 1\n").unwrap();
    assert_eq!(look(&town, "configuration").result, CheckResult::Error);
    let strays = look(&town, "strays");
    assert_eq!(strays.result, CheckResult::Warning);
    assert!(
        strays.message.starts_with("it could not be looked at: "),
        "{}",
        strays.message
    );
    assert_eq!(look(&town, "disk space").name, "disk space");
}

#[test]
fn directories_and_files_that_others_could_enter_are_closed() {
    let town = TestTown::new();
    let paths = town.context.paths();
    assert_eq!(look(&town, "private files").result, CheckResult::Ok);
    fs_err::write(paths.captured_environment(), "{}").unwrap();
    set_mode(&paths.captured_environment(), 0o644);
    set_mode(&paths.private(), 0o755);
    let check = look(&town, "private files");
    assert_eq!(check.result, CheckResult::Error);
    assert!(check.message.contains("(mode 0755)"), "{}", check.message);
    assert!(check.message.contains("(mode 0644)"), "{}", check.message);
    let check = fixed(&town, "private files");
    assert!(check.fixed && check.result == CheckResult::Ok, "{check:?}");
    let mode = fs_err::metadata(paths.captured_environment())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_cannot_be_mended_says_why() {
    let town = TestTown::new();
    let holders = town.context.paths().holders();
    fs_err::remove_dir(&holders).unwrap();
    fs_err::write(&holders, "").unwrap();
    let check = fixed(&town, "private files");
    assert!(!check.fixed && check.result == CheckResult::Error);
    assert!(
        check.message.contains("it could not be mended: "),
        "{}",
        check.message
    );
}

#[test]
fn sockets_are_tried_and_leave_nothing_behind() {
    let town = TestTown::new();
    let sockets = town.context.paths().sockets();
    assert_eq!(look(&town, "sockets").result, CheckResult::Ok);
    assert_eq!(fs_err::read_dir(sockets).unwrap().count(), 0);
    fs_err::remove_dir(sockets).unwrap();
    assert_eq!(look(&town, "sockets").result, CheckResult::Error);
}

#[test]
fn a_store_is_looked_at_without_being_made_and_a_damaged_one_is_an_error() {
    let town = TestTown::new();
    assert_eq!(
        look(&town, "store").message,
        "there is none yet; the first that writes makes it"
    );
    assert!(
        !town.context.paths().store().exists(),
        "looking makes nothing"
    );
    drop(town.context.store().unwrap());
    assert_eq!(look(&town, "store").result, CheckResult::Ok);
    assert_eq!(look(&town, "store writable").result, CheckResult::Ok);
    fs_err::write(town.context.paths().store(), "no database at all").unwrap();
    let damaged = look(&town, "store");
    assert_eq!(damaged.result, CheckResult::Error);
    let hint = damaged.hint.unwrap();
    assert!(
        hint.contains("town.db* ") && hint.contains("`gt daemon restart`"),
        "{hint}"
    );
    assert!(
        store::writable(&Patient::new(&town.context)).is_none(),
        "one cause is told once"
    );
}

/// Covers D13, F36: a stale pid file is removed, and the process that has its number lives.
#[test]
fn a_stale_pid_file_is_removed_and_its_process_is_left_alone() {
    let town = TestTown::new();
    let path = town.context.paths().daemon_pid();
    pid_file::write(&path, std::process::id()).unwrap();
    assert!(look(&town, "pid file").message.contains("another program"));
    let check = fixed(&town, "pid file");
    assert!(check.fixed, "{check:?}");
    assert!(!path.exists());
}

#[test]
fn a_report_shows_what_is_not_well_and_sums_up() {
    let checks = [
        ok("git", "version 2.39"),
        warning("daemon", "not running", "`gt daemon start`"),
        error("registry", "one\ntwo", "mend it"),
        Check {
            fixed: true,
            ..ok("private files", "nobody else may read them")
        },
    ];
    let plain = anstream::adapter::strip_str(&report(&checks, false)).to_string();
    insta::assert_snapshot!(plain, @"
    warning  daemon: not running
             hint: `gt daemon start`
    error    registry: one
             two
             hint: mend it
    ok       private files: nobody else may read them (fixed)
    4 checks: 2 ok, 1 warning, 1 error
    ");
    assert!(report(&checks, true).contains("version 2.39"));
}
