//! A host that does not cooperate: somebody else's tmux, a broken configuration, a damaged store,
//! programs and directories that are missing, disks that are full or read-only.

use gt_core::Actor;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gt_api::view::State;
use gt_core::AgentId;
use gt_core::lifecycle::{Action, Request};
use gt_host::clock;
use gt_host::environment;
use gt_host::process::Signal;
use gt_host::wake::{self, Wake};
use gt_store::Store;
use gt_testkit::town::{TestTown, is_gone, signal};

use crate::town;

/// Kills an agent's program and waits for its successor.
#[track_caller]
fn assert_supervised(town: &TestTown, agent: &str) {
    let before = town.wait_for_run(agent, None);
    signal(before.pid.unwrap(), Signal::KILL);
    town.wait_for_run(agent, before.incarnation.as_deref());
}

/// Waits for a problem that the status shows.
#[track_caller]
fn wait_for_problem(town: &TestTown, text: &str) {
    town.wait_for(&format!("a problem with `{text}`"), || {
        let problems = town.status().problems;
        problems
            .iter()
            .any(|problem| problem.contains(text))
            .then_some(())
    });
}

#[track_caller]
fn wait_for_no_problem(town: &TestTown) {
    town.wait_for("an end of the problems", || {
        town.status().problems.is_empty().then_some(())
    });
}

/// Covers F69, F70, T15: a person's tmux configuration that ends every server, and variables that
/// point at another one, are nothing to the town.
#[test]
fn a_hostile_tmux_configuration_has_no_effect() {
    let town = town("");
    let hostile = "set -g exit-empty on\nset -g destroy-unattached on\nset -g default-command false\n\
                   set -g remain-on-exit off\nset-hook -g session-created kill-server\nkill-server\n";
    for name in ["home/.tmux.conf", "home/.config/tmux/tmux.conf"] {
        let path = town.beside().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, hostile).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command = town.command(town.root());
        command
            .args(arguments)
            .env("TMUX", "/nowhere/socket,1,0")
            .env("TMUX_PANE", "%0");
        command
            .env("TMUX_TMPDIR", "/nowhere")
            .env("XDG_CONFIG_HOME", town.beside().join("home/.config"));
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["up"]);
    assert_supervised(&town, "mayor");
    assert!(run(&["peek", "deacon"]).contains("Simulated agent deacon"));
    let sessions = run(&["tmux", "list-sessions", "-F", "#{session_name}"]);
    assert!(
        sessions.contains("gt-deacon\n") && sessions.contains("gt-mayor\n"),
        "{sessions}"
    );
    run(&["down"]);
    assert_eq!(town.marked(), []);
}

/// Covers T15, F10, F45, F69: two towns on one host have agents of the same names and do not see
/// each other; the end of one is nothing to the other.
#[test]
fn two_towns_on_one_host_do_not_see_each_other() {
    let (here, there) = (town(""), town(""));
    here.gt(&["up"]).ok();
    there.gt(&["up"]).ok();
    let mayor = there.wait_for_run("mayor", None);
    assert_ne!(
        here.wait_for_run("mayor", None).incarnation,
        mayor.incarnation
    );
    assert_ne!(here.tmux_pid(), there.tmux_pid());
    assert_ne!(here.daemon_pid(), there.daemon_pid());
    here.gt(&["down"]).ok();
    assert_eq!(here.marked(), []);
    assert_eq!(there.agent("mayor").incarnation, mayor.incarnation);
    assert_supervised(&there, "deacon");
    // A command with the marks of the one does nothing to the other.
    let mut lost = there.command(there.root());
    lost.args(["down"]).env("GT_TOWN", here.root());
    let refused = lost.output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(5), "{said}");
    assert!(said.contains("`unset GT_TOWN`"), "{said}");
    assert_eq!(there.agent("mayor").incarnation, mayor.incarnation);
}

/// Covers F74, F75, M24, D19: a town.toml or a registry that is broken while the daemon runs is
/// named with its place and left as it is; the last good one holds until it is mended.
#[test]
fn broken_files_are_named_and_the_last_good_ones_hold() {
    let town = town("[restart]\nbase = '10ms'\nmax = '10ms'\n[roles.witness]\nrun = 'always'\n");
    town.rigs(&["rig"], &[]);
    town.gt(&["up"]).ok();
    let witness = town.wait_for_run("rig/witness", None);
    let toml = town.root().join("town.toml");
    let good = fs_err::read_to_string(&toml).unwrap();
    for (nonsense, place) in [
        ("[roles.mayor\n", "town.toml: line 1"),
        ("[poke]\nfrsh = '1s'\n", "fresh"),
    ] {
        fs_err::write(&toml, nonsense).unwrap();
        wait_for_problem(&town, place);
        assert_supervised(&town, "mayor");
        assert_eq!(fs_err::read_to_string(&toml).unwrap(), nonsense);
    }
    fs_err::write(&toml, good).unwrap();
    wait_for_no_problem(&town);

    let registry = town.paths().rigs_json();
    let good = fs_err::read_to_string(&registry).unwrap();
    for broken in ["", "{\"version\": 1, \"rigs\": {\"ri", "[]"] {
        fs_err::write(&registry, broken).unwrap();
        wait_for_problem(&town, "rigs.json");
        assert_supervised(&town, "rig/witness");
        assert_eq!(fs_err::read_to_string(&registry).unwrap(), broken);
    }
    fs_err::write(&registry, good).unwrap();
    wait_for_no_problem(&town);
    assert_eq!(town.agent("rig/witness").holder_pid, witness.holder_pid);
}

#[expect(clippy::disallowed_methods, reason = "the host's own command")]
fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Covers D11, D12: a file of the town that does not answer, as on the file system of a server that
/// is gone, holds up neither supervision nor the daemon's end.
#[test]
fn a_registry_that_does_not_answer_holds_nobody_up() {
    let town = town("[daemon]\nheartbeat = '1s'\n[roles.witness]\nrun = 'always'\n");
    town.rigs(&["rig"], &[]);
    town.gt(&["up"]).ok();
    let witness = town.wait_for_run("rig/witness", None);
    let registry = town.paths().rigs_json();
    let good = fs_err::read_to_string(&registry).unwrap();
    // Whoever opens a pipe waits for a writer.
    fs_err::remove_file(&registry).unwrap();
    make_pipe(&registry);
    wait_for_problem(
        &town,
        "do not answer: who is in the town is as it was known last",
    );
    assert_supervised(&town, "rig/witness");
    let daemon = town.daemon_pid();
    signal(daemon, Signal::TERM);
    town.wait_for("the daemon's end", || is_gone(daemon).then_some(()));
    // One that begins meanwhile keeps whoever has a holder.
    town.gt(&["daemon", "start"]).ok();
    wait_for_problem(
        &town,
        "do not answer: only who has a living holder is known",
    );
    assert_supervised(&town, "rig/witness");
    assert_supervised(&town, "mayor");
    town.gt(&["config", "set", "restart.base", "20ms"]).ok();
    wait_for_problem(&town, "do not answer");
    fs_err::remove_file(&registry).unwrap();
    fs_err::write(&registry, good).unwrap();
    town.gt(&["daemon", "restart"]).ok();
    wait_for_no_problem(&town);
    assert_eq!(town.agent("rig/witness").holder_pid, witness.holder_pid);
}

/// Covers F39: `gt down` needs no configuration to leave nothing behind.
#[test]
fn down_works_with_a_broken_configuration() {
    let town = town("");
    town.gt(&["up"]).ok();
    let server = town.tmux_pid();
    fs_err::write(town.root().join("town.toml"), "[roles.mayor\n").unwrap();
    town.gt(&["down"]).ok();
    assert_eq!(town.marked(), []);
    assert!(is_gone(server));
}

/// Covers F75: a rig that is added to the registry by hand has its agents at once, under their
/// right names, and one that is taken out loses none that runs and gets none again, whatever a
/// person wished before.
#[test]
fn a_registry_edited_by_hand_is_followed() {
    let town = town("[roles.witness]\nrun = 'always'\n");
    town.gt(&["up"]).ok();
    town.rigs(&["a-b"], &[]);
    let witness = town.wait_for("the witness of the new rig", || {
        let agents = town.status().agents;
        agents
            .into_iter()
            .find(|agent| agent.id == "a-b/witness" && agent.pid.is_some())
    });
    assert_eq!(witness.session, "gt-a-b-witness");
    town.gt(&["witness", "start", "a-b"]).ok();
    town.rigs(&[], &[]);
    town.wait_for("the new registry", || {
        (town.agent("a-b/witness").intent == "never").then_some(())
    });
    assert_eq!(town.agent("a-b/witness").incarnation, witness.incarnation);
    signal(witness.pid.unwrap(), Signal::KILL);
    town.wait_for_waiting("a-b/witness", "a place in the town");
    assert_eq!(town.starts("a-b/witness"), 1);
}

/// Covers F1, F16: with a damaged store the agents are kept and restarted, what
/// would destroy anything waits and says so, and `gt down` works.
#[test]
fn a_damaged_store_freezes_what_destroys_and_nothing_else() {
    let town = town("[restart]\nstop_grace = '200ms'\n");
    town.script("deacon", "first: /ignore-term\nfirst: /setsid\n");
    town.gt(&["up"]).ok();
    let deacon = town.wait_for_run("deacon", None);
    town.wait_for("what the deacon leaves", || {
        town.journal("deacon").contains(" left ").then_some(())
    });
    damage(&town);
    wake::send(&town.paths(), &Wake::Store).unwrap();
    wait_for_problem(&town, "store");
    assert_supervised(&town, "mayor");
    signal(deacon.holder_pid.unwrap(), Signal::KILL);
    signal(deacon.pid.unwrap(), Signal::KILL);
    town.wait_for_waiting("deacon", "the store, before pid");
    assert!(town.marked().iter().any(|marked| marked.agent == "deacon"));
    let refused = town.gt(&["mayor", "stop"]).code(1);
    assert!(
        refused.contains("store") && refused.contains("hint:"),
        "{refused}"
    );
    town.gt(&["down", "--wait", "2"]).ok();
    assert_eq!(town.marked(), []);
}

/// Covers F1, F39: a run that only a store knows which cannot be read is not said to be gone.
#[test]
fn down_without_a_store_names_what_may_be_left() {
    let town = town("");
    town.script("deacon", "first: /setsid\n");
    town.gt(&["up"]).ok();
    let deacon = town.wait_for_run("deacon", None);
    town.wait_for("what the deacon leaves", || {
        town.journal("deacon").contains(" left ").then_some(())
    });
    town.gt(&["daemon", "stop"]).ok();
    damage(&town);
    signal(deacon.holder_pid.unwrap(), Signal::KILL);
    let program = deacon.pid.unwrap();
    town.wait_for("the program's end", || is_gone(program).then_some(()));
    fs_err::remove_file(town.paths().holder_state(&AgentId::Deacon)).unwrap();
    let said = town.gt(&["down"]).code(1);
    let left = town.marked();
    assert_eq!(left.len(), 1, "{said}");
    let pid = left[0].process.pid;
    let named = format!("pid {pid} of the town may be left of a run that only the store knows");
    assert!(said.contains(&named), "{said}");
    signal(pid, Signal::KILL);
    town.wait_for("its end", || is_gone(pid).then_some(()));
    town.gt(&["down"]).ok();
}

/// Covers F16, F52: a store whose file is removed under its daemon is written anew, with all that was in
/// it, before a command makes an empty one.
#[test]
fn a_store_that_is_removed_under_its_daemon_is_written_anew() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.gt(&["mail", "send", "overseer", "-s", "precious", "-m", "x"])
        .ok();
    for files in [vec![town.paths().store()], store_files(&town)] {
        for file in files {
            fs_err::remove_file(file).unwrap();
        }
        assert!(town.gt(&["mail", "inbox"]).ok().contains("precious"));
        town.gt(&["doctor"]).ok();
    }
    town.gt(&["daemon", "stop"]).ok();
    for file in store_files(&town) {
        fs_err::remove_file(file).unwrap();
    }
    let gone = town.gt(&["doctor"]).stdout;
    assert!(
        gone.contains("its file is gone, and with it mail"),
        "{gone}"
    );
}

/// Covers F1, F16, F20: a daemon that begins with a row that it cannot read adopts what runs, starts
/// and ends nothing, since nobody's wish is known, and says so; it goes on once the row is mended.
#[test]
fn a_daemon_that_cannot_read_the_wishes_adopts_and_waits() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    town.wait_for_run("deacon", None);
    town.gt(&["deacon", "stop"]).ok();
    town.gt(&["daemon", "stop"]).ok();
    let garble = |from: &str, to: &str| {
        let store = rusqlite::Connection::open(town.paths().store()).unwrap();
        store
            .execute_batch(&format!(
                "PRAGMA ignore_check_constraints = ON; UPDATE intent SET desire = '{to}' WHERE desire = '{from}'"
            ))
            .unwrap();
    };
    garble("down", "perhaps");
    town.gt(&["daemon", "start"]).ok();
    wait_for_problem(&town, "perhaps");
    let adopted = town.wait_for_run("mayor", None);
    assert_eq!(adopted.pid, mayor.pid);
    town.wait_for_waiting("deacon", "what is wished of it");
    garble("perhaps", "down");
    wait_for_no_problem(&town);
    assert_supervised(&town, "mayor");
    assert_eq!(town.agent("deacon").state, State::Gone);
    assert_eq!(town.starts("deacon"), 1);
}

/// Covers F1, F16, F20: a daemon that begins with a store that cannot even be opened adopts what runs and
/// keeps it; it goes on by itself once a good copy is in its place.
#[test]
fn a_daemon_that_cannot_open_its_store_adopts_and_waits() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    town.gt(&["deacon", "stop"]).ok();
    town.gt(&["daemon", "stop"]).ok();
    let good: Vec<_> = store_files(&town)
        .into_iter()
        .map(|file| (fs_err::read(&file).unwrap(), file))
        .collect();
    damage(&town);
    let started = town.gt(&["daemon", "start"]);
    assert!(
        started.stderr.contains("warning: the store: "),
        "{}",
        started.stderr
    );
    assert_eq!(town.wait_for_run("mayor", None).pid, mayor.pid);
    town.wait_for_waiting("deacon", "what is wished of it");
    for (content, file) in good {
        fs_err::write(file, content).unwrap();
    }
    wait_for_no_problem(&town);
    assert_supervised(&town, "mayor");
    assert_eq!(town.agent("deacon").state, State::Gone);
    assert_eq!(town.starts("deacon"), 1);
}

fn store_files(town: &TestTown) -> Vec<std::path::PathBuf> {
    let store = town.paths().store();
    let mut files = vec![store.clone()];
    for suffix in ["-wal", "-shm"] {
        let mut name = store.clone().into_os_string();
        name.push(suffix);
        files.push(name.into());
    }
    files.retain(|file| file.exists());
    files
}

/// Overwrites the whole store in place, as a bad disk does.
fn damage(town: &TestTown) {
    for name in store_files(town) {
        let length = fs_err::metadata(&name).unwrap().len();
        let mut file = fs_err::OpenOptions::new().write(true).open(&name).unwrap();
        file.write_all(&vec![0x5a; usize::try_from(length).unwrap()])
            .unwrap();
    }
}

/// Covers T13, F22: an agent whose program is not there is named with what is missing, is
/// not tried in a loop, and runs as soon as its program is there; the rest runs meanwhile.
#[test]
fn a_missing_program_is_named_and_waited_for() {
    let tables = "[daemon]\nheartbeat = '1s'\n[agents.ghost]\ncommand = ['PROGRAM']\n[roles.deacon]\nagent = 'ghost'\n";
    let town = town("");
    let program = town.beside().join("ghost");
    town.configure(&tables.replace("PROGRAM", &program.display().to_string()));
    let before = clock::monotonic();
    let said = town.gt(&["up", "--wait", "600"]).code(1);
    let waited = clock::monotonic().saturating_sub(before);
    assert!(
        waited < Duration::from_secs(300),
        "nothing can come of waiting"
    );
    assert!(said.contains("deacon does not run"), "{said}");
    assert!(
        said.contains(&format!("`{}`, which is not found", program.display())),
        "{said}"
    );
    assert_supervised(&town, "mayor");
    assert_eq!(town.events("started", "deacon"), 0);
    std::os::unix::fs::symlink("/bin/cat", &program).unwrap();
    town.wait_for_run("deacon", None);
}

/// Covers L22: an agent is not stopped for a restart that its missing work directory would
/// make its end; one that ends by itself is started again when the directory is back.
#[test]
fn a_missing_work_directory_costs_no_run() {
    let town = town("[daemon]\nheartbeat = '1s'\n[roles.witness]\nrun = 'always'\n");
    town.rigs(&["rig"], &[]);
    town.gt(&["up"]).ok();
    let witness = town.wait_for_run("rig/witness", None);
    let directory = town.root().join("rig/witness");
    let put_aside = town.root().join("rig/aside");
    fs_err::rename(&directory, &put_aside).unwrap();
    let now = clock::now();
    let request = Request {
        id: clock::fresh_id(),
        agent: AgentId::from_canonical("rig/witness").unwrap(),
        incarnation: Some(witness.incarnation.as_deref().unwrap().parse().unwrap()),
        action: Action::Restart,
        actor: Actor::Overseer,
        message: None,
        requested_at: now,
        expires_at: now + Duration::from_secs(60),
    };
    let mut store = Store::open(&town.paths().store(), Duration::from_secs(5)).unwrap();
    store.submit_request(&request, None).unwrap();
    wake::send(&town.paths(), &Wake::Store).unwrap();
    town.wait_for_waiting("rig/witness", "work directory");
    assert_eq!(town.agent("rig/witness").incarnation, witness.incarnation);
    assert_supervised(&town, "mayor");
    signal(witness.pid.unwrap(), Signal::KILL);
    town.wait_for("its death to be noticed", || {
        town.agent("rig/witness").pid.is_none().then_some(())
    });
    town.wait_for_waiting("rig/witness", "work directory");
    fs_err::rename(&put_aside, &directory).unwrap();
    town.wait_for_run("rig/witness", witness.incarnation.as_deref());
    // Its program writes that it started a moment after it was started.
    town.wait_for("the second start", || {
        (town.starts("rig/witness") >= 2).then_some(())
    });
    assert_eq!(town.starts("rig/witness"), 2);
}

/// Set for the test that runs inside its own mount namespace.
const INSIDE: &str = "TEST_INSIDE_MOUNT_NAMESPACE";

/// Runs the test of this name once more where it may mount: with a temporary directory that is a
/// file system of its own, of `size`. True inside.
///
/// Where the kernel allows no namespace to this user there is nothing to run, which is an error
/// on a machine that says it is continuous integration.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "this test's own binary in a namespace, and a word where there can be none"
)]
fn inside_namespace(test: &str, size: &str) -> bool {
    if environment::variable(INSIDE).is_some() {
        return true;
    }
    let directory = tempfile::Builder::new().prefix("gt").tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size={size} none \"$TMPDIR\"");
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script, "sh"]);
        command.env("TMPDIR", directory.path()).stdin(Stdio::null());
        command
    };
    let allowed = unshare(&mount)
        .output()
        .is_ok_and(|output| output.status.success());
    if !allowed {
        let lack = "`unshare -rm` with a tmpfs is not permitted here: nothing was tested";
        assert!(environment::variable("CI").is_none(), "{lack}");
        eprintln!("{lack}");
        return false;
    }
    let output = unshare(&format!("{mount} && exec \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "inside its namespace:\n{said}");
    false
}

#[expect(clippy::disallowed_methods, reason = "the host's own command")]
fn mount(arguments: &[&str]) {
    assert!(
        Command::new("mount")
            .args(arguments)
            .status()
            .unwrap()
            .success()
    );
}

/// Covers F52, F39: on a full disk the agents are kept and restarted, by a daemon that was killed and
/// started anew as well, and `gt down` leaves nothing and says what it could not save.
#[test]
fn a_full_disk_ends_nothing_and_down_works() {
    if !inside_namespace("hostile::a_full_disk_ends_nothing_and_down_works", "6m") {
        return;
    }
    let town = town("");
    town.gt(&["up"]).ok();
    town.wait_for_run("deacon", None);
    let filler = town.beside().join("filler");
    let mut file = fs_err::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    while file.write_all(&[0]).is_ok() {}
    assert_supervised(&town, "mayor");
    assert_supervised(&town, "deacon");
    // A seat that is made anew, whose holder cannot even write its file.
    let deacon = town.wait_for_run("deacon", None);
    signal(deacon.holder_pid.unwrap(), Signal::KILL);
    town.wait_for_run("deacon", deacon.incarnation.as_deref());
    town.wait_for("the status to tell of the full disk", || {
        let problems = town.status().problems;
        let told = |problem: &String| problem.contains("the store takes no writes");
        problems.iter().any(told).then_some(())
    });
    let deacon = town.wait_for_run("deacon", None);
    let daemon = town.daemon_pid();
    signal(daemon, Signal::KILL);
    town.wait_for("the daemon's end", || is_gone(daemon).then_some(()));
    town.gt(&["daemon", "start"]).ok();
    assert_eq!(town.wait_for_run("deacon", None).pid, deacon.pid);
    assert_supervised(&town, "deacon");
    let left = town.gt(&["down", "--wait", "3"]).code(1);
    assert!(
        left.contains("everything is down, but the wish to be so could not be saved"),
        "{left}"
    );
    assert!(
        left.contains("No space left") || left.contains("full"),
        "{left}"
    );
    assert_eq!(town.marked(), []);
    assert_eq!(town.status().daemon.running, Some(false));
    drop(file);
    fs_err::remove_file(filler).unwrap();
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    Store::open(&town.paths().store(), Duration::from_secs(5))
        .unwrap()
        .integrity_check()
        .unwrap();
}

/// Covers F39: in a town that became read-only the agents are kept and restarted, what
/// cannot be written is named, and `gt down` leaves nothing and says what it could not save.
#[test]
fn a_read_only_town_ends_nothing_and_down_works() {
    if !inside_namespace(
        "hostile::a_read_only_town_ends_nothing_and_down_works",
        "16m",
    ) {
        return;
    }
    let town = town("");
    town.gt(&["up"]).ok();
    town.wait_for_run("deacon", None);
    let root = town.root().display().to_string();
    mount(&["--bind", &root, &root]);
    mount(&["-o", "remount,ro,bind", &root]);
    assert_supervised(&town, "mayor");
    assert_supervised(&town, "deacon");
    let refused = town.gt(&["mayor", "stop"]).code(1);
    assert!(refused.to_lowercase().contains("read-only"), "{refused}");
    let left = town.gt(&["down", "--wait", "3"]).code(1);
    assert!(
        left.contains("everything is down, but the wish to be so could not be saved"),
        "{left}"
    );
    assert!(left.contains("Read-only"), "{left}");
    assert_eq!(town.marked(), []);
    let refused = town.gt(&["up"]).code(1);
    assert!(refused.to_lowercase().contains("read-only"), "{refused}");
    mount(&["-o", "remount,rw,bind", &root]);
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
}

/// A `gt up` from a timer, with hardly any environment, does not take the agents' programs away.
#[test]
fn a_poor_environment_does_not_replace_one_that_finds_the_agents_programs() {
    let town = town("[roles.mayor]\nagent = \"mine\"\n[agents.mine]\ncommand = [\"my-agent\"]\n");
    let bin = town.beside().join("bin");
    fs_err::create_dir(&bin).unwrap();
    fs_err::write(bin.join("my-agent"), "#!/bin/sh\nexec sleep 600\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(bin.join("my-agent"), executable).unwrap();
    let up = |path: &str, variable: &str| {
        let mut command = town.command(town.root());
        command.args(["up", "--quiet"]).env("PATH", path);
        let output = command.env("LC_TIME", variable).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let captured = town.paths().captured_environment();
        (said, fs_err::read_to_string(captured).unwrap())
    };
    let usual = environment::variable("PATH").unwrap();
    let rich = format!("{}:{usual}", bin.display());
    let (said, first) = up(&rich, "first");
    assert!(first.contains("first"), "{said}");
    let (said, second) = up(&usual, "second");
    assert!(
        said.contains("warning: `my-agent` is not found on this PATH"),
        "{said}"
    );
    assert_eq!(second, first);
    let (said, third) = up(&rich, "third");
    assert!(
        third.contains("third") && !said.contains("warning"),
        "{said}"
    );
}

/// Covers F1: whether the town was told to be down cannot be seen: nothing is stopped on that.
#[test]
fn a_down_file_that_cannot_be_looked_at_stops_nobody() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let down = town.paths().down_file();
    std::os::unix::fs::symlink(&down, &down).unwrap();
    signal(town.daemon_pid(), Signal::USR1);
    town.wait_for_waiting("mayor", "whether the town is to be down");
    assert_eq!(town.agent("mayor").pid, mayor.pid);
    fs_err::remove_file(&down).unwrap();
    signal(town.daemon_pid(), Signal::USR1);
    town.wait_for("the end of the doubt", || {
        town.agent("mayor").waiting.is_none().then_some(())
    });
    assert_eq!(town.starts("mayor"), 1);
}
