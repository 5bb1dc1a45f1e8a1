//! Towns and rigs are made, examined and changed with the commands for it.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use gt_api::view::{Check, CheckResult, Rig};
use gt_host::pid_file;
use gt_host::process::{self, Signal};
use gt_store::Store;
use gt_testkit::town::{TestTown, is_gone, signal};

use crate::town;

/// A repository with one commit, beside the town.
fn repository(town: &TestTown) -> PathBuf {
    let place = town.beside().join("origin");
    fs_err::create_dir(&place).expect("a directory for the repository");
    git(&place, &["init", "--quiet", "--initial-branch=main"]);
    fs_err::write(place.join("README"), "hello\n").expect("a file to commit");
    git(&place, &["add", "."]);
    git(&place, &["commit", "--quiet", "-m", "first"]);
    place
}

pub(crate) fn git(directory: &Path, arguments: &[&str]) {
    let named = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"];
    gt_host::command::Program::new("git", directory, std::time::Duration::from_secs(30))
        .args(named)
        .args(arguments)
        .output()
        .expect("git does what a test needs");
}

fn checks(town: &TestTown, arguments: &[&str]) -> (i32, Vec<Check>) {
    let finished = town.gt(&[&["doctor", "--json"], arguments].concat());
    let checks = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}{}", finished.stdout, finished.stderr);
    });
    (finished.code, checks)
}

#[track_caller]
fn result(checks: &[Check], name: &str) -> CheckResult {
    let check = checks.iter().find(|check| check.name == name);
    check.unwrap_or_else(|| panic!("no check {name}")).result
}

/// Covers F75: a rig that is added is served by the daemon that runs, without a restart.
#[test]
fn a_rig_is_added_served_and_not_removed_under_its_agents() {
    let town = town("");
    let origin = repository(&town);
    town.gt(&["up"]).ok();
    let added = town
        .gt(&["rig", "add", "api", &origin.to_string_lossy()])
        .code(0);
    assert!(
        added.contains("cloning") && added.contains("added rig `api`"),
        "{added}"
    );
    town.wait_for("the daemon's seats of the rig", || {
        let agents = town.status().agents;
        agents
            .iter()
            .any(|agent| agent.id == "api/crew/main")
            .then_some(())
    });
    town.gt(&["crew", "start", "api/main"]).ok();
    let shown = town.gt(&["rig", "status", "api"]).ok();
    assert!(
        shown.contains("api/crew/main") && !shown.contains("mayor"),
        "{shown}"
    );

    let refused = town.gt(&["rig", "remove", "api"]).code(5);
    assert!(refused.contains("gt crew stop api/main"), "{refused}");
    town.gt(&["crew", "stop", "api/main"]).ok();
    town.gt(&["rig", "remove", "api"]).ok();
    let wishes = Store::open(&town.paths().store(), Duration::from_secs(5)).unwrap();
    assert!(
        wishes.intents().unwrap().is_empty(),
        "a rig of the name is begun anew"
    );
    let rigs: Vec<Rig> = serde_json::from_str(&town.gt(&["rig", "list", "--json"]).ok()).unwrap();
    assert!(rigs.is_empty(), "{rigs:?}");
    assert!(
        town.root().join("api/crew/main/README").exists(),
        "its files stay"
    );
}

#[test]
fn a_rig_that_cannot_be_cloned_leaves_nothing_behind() {
    let town = town("");
    let nowhere = town.beside().join("nowhere");
    let said = town
        .gt(&["rig", "add", "api", &nowhere.to_string_lossy()])
        .code(1);
    assert!(said.contains("hint: nothing was added"), "{said}");
    let expect = format!(
        "rig `api`: `git clone` of `{}` ended with 128:\n    fatal: ",
        nowhere.display()
    );
    assert!(said.contains(&expect), "{said}");
    assert!(!said.contains(".gt-adding"), "{said}");
    assert!(!town.root().join("api").exists());
    assert_eq!(town.gt(&["rig", "add", "../api", "/x"]).code, 2);
    assert_eq!(town.gt(&["rig", "add", "api", "ext::sh"]).code, 2);
}

/// A git that waits for ever, as one does at a remote that does not answer.
fn waiting_git(town: &TestTown) -> PathBuf {
    let bin = town.beside().join("bin");
    fs_err::create_dir(&bin).unwrap();
    let git = bin.join("git");
    fs_err::write(&git, "#!/bin/sh\nexec sleep 600\n").unwrap();
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(git, all).unwrap();
    bin
}

fn half_made(town: &TestTown) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(town.root()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    paths
        .filter(|path| name(path).starts_with(".gt-adding-"))
        .collect()
}

/// Starts `gt rig add` and waits until it has begun.
fn half_added(town: &TestTown, bin: &Path) -> Child {
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let child = town
        .command(town.root())
        .args(["rig", "add", "api", "https://example.invalid/api"])
        .env("PATH", path)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    town.wait_for("a clone that waits", || {
        let begun = half_made(town)
            .iter()
            .any(|rig| rig.join("refinery").exists());
        begun.then_some(())
    });
    child
}

#[test]
fn a_rig_whose_adding_is_interrupted_leaves_nothing_behind() {
    let town = town("");
    let bin = waiting_git(&town);
    for signal in [Signal::INT, Signal::TERM] {
        let child = half_added(&town, &bin);
        gt_testkit::town::signal(child.id(), signal);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(
            said.ends_with("error: interrupted; nothing was added\n"),
            "{said}"
        );
        assert_eq!(half_made(&town), Vec::<PathBuf>::new());
    }
}

/// What a killed `gt rig add` left stays while its git lives, and goes with the next one.
#[test]
fn what_a_killed_adding_left_goes_once_nobody_works_in_it() {
    let town = town("");
    let bin = waiting_git(&town);
    let mut child = half_added(&town, &bin);
    let git = town.wait_for("its git", || {
        let processes = process::table().unwrap();
        let mut own = processes.iter().filter(|one| one.parent == child.id());
        own.next().map(|git| git.id)
    });
    signal(child.id(), Signal::KILL);
    child.wait().unwrap();
    assert_eq!(half_made(&town).len(), 1);
    checks(&town, &["--fix"]);
    assert_eq!(half_made(&town).len(), 1, "its git lives");
    signal(git.pid, Signal::KILL);
    town.wait_for("an end of the git", || is_gone(git.pid).then_some(()));
    let (_, found) = checks(&town, &[]);
    assert_eq!(result(&found, "leftovers"), CheckResult::Warning);
    let (_, mended) = checks(&town, &["--fix"]);
    assert_eq!(result(&mended, "leftovers"), CheckResult::Ok);
    assert_eq!(half_made(&town), Vec::<PathBuf>::new());
}

/// Covers F36: the doctor of a running town finds nothing wrong, and that of a stopped one
/// mends what is safe to mend: it starts the daemon, and clears a stale pid file without touching
/// the process that is named in it.
#[test]
fn the_doctor_finds_a_running_town_well_and_mends_a_stopped_one() {
    let town = town("");
    town.gt(&["up"]).ok();
    let (code, found) = checks(&town, &[]);
    let errors: Vec<&Check> = found
        .iter()
        .filter(|check| check.result == CheckResult::Error)
        .collect();
    assert!(code == 0 && errors.is_empty(), "{errors:?}");
    for name in [
        "tmux",
        "daemon",
        "daemon version",
        "pid file",
        "store writable",
        "strays",
    ] {
        assert_eq!(result(&found, name), CheckResult::Ok, "{name}: {found:?}");
    }

    town.gt(&["daemon", "stop"]).ok();
    let mine = std::process::id();
    pid_file::write(&town.root().join("daemon/daemon.pid"), mine).unwrap();
    let (code, found) = checks(&town, &[]);
    assert_eq!(code, 0, "warnings are no failure");
    assert_eq!(result(&found, "pid file"), CheckResult::Warning);
    assert_eq!(result(&found, "daemon"), CheckResult::Warning);
    let (code, found) = checks(&town, &["--fix"]);
    assert_eq!(code, 0);
    let fixed = |name: &str| found.iter().any(|check| check.name == name && check.fixed);
    assert!(fixed("pid file") && fixed("daemon"), "{found:?}");
    assert_ne!(town.daemon_pid(), mine);
}

/// Covers F39: the doctor starts nothing in a town that shall be down.
#[test]
fn the_doctor_leaves_a_town_down() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.gt(&["down"]).ok();
    let (_, found) = checks(&town, &["--fix"]);
    assert_eq!(result(&found, "daemon"), CheckResult::Ok);
    assert_eq!(town.status().daemon.running, Some(false));
}

#[test]
fn an_error_of_the_doctor_is_its_exit_code() {
    let town = town("");
    fs_err::write(town.root().join("town.toml"), "x = 1\n").unwrap();
    let finished = town.gt(&["doctor"]);
    assert_eq!(finished.code, 1);
    assert!(
        finished.stdout.contains("/town.toml: line 1: `x`"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stdout.contains("hint: `gt config check`"),
        "{}",
        finished.stdout
    );
    let (code, found) = checks(&town, &[]);
    assert_eq!(
        (code, result(&found, "configuration")),
        (1, CheckResult::Error)
    );
}

/// A daemon that runs takes what was set, without being restarted.
#[test]
fn a_value_that_is_set_reaches_the_daemon() {
    let town = town("");
    town.gt(&["up"]).ok();
    let pid = town.daemon_pid();
    town.gt(&["config", "set", "roles.mayor.run", "never"]).ok();
    town.wait_for("the daemon to know", || {
        (town.agent("mayor").intent == "never").then_some(())
    });
    assert_eq!(town.daemon_pid(), pid);
    assert_eq!(
        town.gt(&["config", "get", "roles.mayor.run"]).ok(),
        "never\n"
    );
    let refused = town
        .gt(&["config", "set", "roles.mayor.rn", "never"])
        .code(2);
    assert!(
        refused.contains("did you mean `roles.mayor.run`"),
        "{refused}"
    );
}

#[test]
fn a_shell_is_offered_the_names_of_the_town() {
    let town = town("");
    let mut command = town.command(town.root());
    command
        .env("COMPLETE", "fish")
        .args(["--", "gt", "why", "ma"]);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "mayor");
}

/// Without a service manager the file is written and the next commands are printed.
#[test]
fn a_service_is_written_and_removed_again() {
    let town = town("");
    let said = town.gt(&["daemon", "install"]).code(0);
    assert!(said.contains("systemctl --user enable gt-test-"), "{said}");
    let directory = town.beside().join("home/.config/systemd/user");
    let units: Vec<_> = fs_err::read_dir(&directory)
        .unwrap()
        .map(|unit| unit.unwrap())
        .collect();
    assert_eq!(units.len(), 1);
    let text = fs_err::read_to_string(units[0].path()).unwrap();
    for line in [
        "Restart=always",
        "KillMode=process",
        "Type=notify",
        "WatchdogSec=60",
    ] {
        assert!(text.contains(line), "{text}");
    }
    town.gt(&["daemon", "uninstall"]).ok();
    assert_eq!(fs_err::read_dir(&directory).unwrap().count(), 0);
    town.gt(&["daemon", "uninstall"]).code(1);
}

/// A stand-in for systemd: writes down what it is asked, and starts and ends the daemon where the
/// real one would.
fn stand_in_for_systemd(town: &TestTown) -> PathBuf {
    let bin = town.beside().join("bin");
    fs_err::create_dir_all(&bin).expect("a directory for the stand-in");
    fs_err::create_dir_all(town.beside().join("run/systemd")).expect("a runtime directory");
    fs_err::write(town.beside().join("run/systemd/private"), "").expect("its socket's place");
    let text = format!(
        "#!/bin/sh\necho \"$*\" >> '{log}'\ncase \"$2\" in\n\
         restart) '{gt}' --town '{root}' daemon start 2>/dev/null ;;\n\
         disable) '{gt}' --town '{root}' daemon stop 2>/dev/null ;;\nesac\n",
        log = town.beside().join("asked").display(),
        gt = env!("CARGO_BIN_EXE_gt"),
        root = town.root().display(),
    );
    let program = bin.join("systemctl");
    fs_err::write(&program, text).expect("the stand-in");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(&program, executable).expect("an executable stand-in");
    bin
}

#[track_caller]
fn with_systemd(town: &TestTown, bin: &Path, verb: &str) {
    let path = gt_host::environment::variable("PATH").unwrap_or_default();
    let mut command = town.command(town.root());
    command
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("XDG_RUNTIME_DIR", town.beside().join("run"))
        .args(["daemon", verb]);
    let output = command.output().expect("gt can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_service_takes_the_daemon_over_and_the_agents_never_notice() {
    let town = town("");
    town.gt(&["up"]).ok();
    let (daemon, mayor) = (town.daemon_pid(), town.wait_for_run("mayor", None));
    let bin = stand_in_for_systemd(&town);
    with_systemd(&town, &bin, "install");
    assert_ne!(town.daemon_pid(), daemon);
    with_systemd(&town, &bin, "uninstall");
    assert_eq!(town.status().daemon.running, Some(false));
    let asked = fs_err::read_to_string(town.beside().join("asked")).unwrap();
    let verbs: Vec<&str> = asked
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    let expect = [
        "daemon-reload",
        "enable",
        "restart",
        "disable",
        "daemon-reload",
    ];
    assert_eq!(verbs, expect);
    town.gt(&["daemon", "start"]).ok();
    assert_eq!(
        town.wait_for_run("mayor", None).incarnation,
        mayor.incarnation
    );
    assert_eq!(town.starts("mayor"), 1);
}
