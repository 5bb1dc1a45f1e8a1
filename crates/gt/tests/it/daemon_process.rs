//! One daemon a town: its start, its files and its end.

use gt_core::Actor;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use gt_api::view::State;
use gt_core::AgentId;
use gt_core::intent::{Desire, Intent};
use gt_host::process::{self, Signal};
use gt_host::{clock, lock};
use gt_store::Store;
use gt_testkit::town::{Finished, TestTown, is_gone, signal};

use crate::robustness::run_daemon;
use crate::town;

/// The town's daemons: the processes that are `gt … daemon run` and belong to it.
fn daemons(town: &TestTown) -> Vec<u32> {
    let root = town.root().display().to_string();
    let table = process::table().unwrap();
    let is_daemon = |pid: u32| {
        // A process that ends meanwhile is none.
        let words = fs_err::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        let here = fs_err::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        words.contains("daemon\0run\0") && (words.contains(&root) || here == town.root())
    };
    table
        .iter()
        .map(|facts| facts.id.pid)
        .filter(|pid| is_daemon(*pid))
        .collect()
}

fn is_held(town: &TestTown) -> bool {
    lock::is_held(&town.paths().daemon_lock()).known() == Some(&true)
}

/// A process of the test's own that has nothing to do with the town.
struct Stranger(Child);

impl Stranger {
    #[expect(clippy::disallowed_methods, reason = "a process that no town started")]
    fn new() -> Self {
        let mut command = std::process::Command::new("sleep");
        command
            .arg("600")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Runs the same command so often at once.
fn at_once(town: &TestTown, arguments: &[&str], times: usize) -> Vec<Finished> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..times)
            .map(|_| scope.spawn(|| town.gt(arguments)))
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// Covers F34, D14: of many starters at once, each ends with a daemon that answers, and there
/// is exactly one.
#[test]
fn eight_starts_at_once_make_one_daemon() {
    let town = town("");
    for finished in at_once(&town, &["daemon", "start"], 8) {
        let already = finished.stderr.contains("the daemon runs already");
        assert!(finished.code == 0 || already, "{finished:?}");
    }
    // Those that lost wait for the lock a moment longer than their starters.
    town.wait_for("one daemon", || {
        (daemons(&town) == [town.daemon_pid()]).then_some(())
    });
    for finished in at_once(&town, &["up"], 4) {
        finished.ok();
    }
    assert_eq!(daemons(&town), [town.daemon_pid()]);
    assert_eq!((town.starts("mayor"), town.starts("deacon")), (1, 1));
}

/// Covers F34, F35, D14: a second `gt daemon run` is refused with the pid of the first, and leaves
/// its lock, its pid file and its socket alone.
#[test]
fn a_second_daemon_is_refused_and_harms_nothing() {
    let town = town("");
    town.gt(&["daemon", "start"]).ok();
    let pid = town.daemon_pid();
    let refused = town.gt(&["daemon", "run"]).code(1);
    assert!(
        refused.contains(&format!("locked by process {pid}")),
        "{refused}"
    );
    assert!(refused.contains("hint: it runs already"), "{refused}");
    let written = fs_err::read_to_string(town.paths().daemon_pid()).unwrap();
    assert_eq!(written, pid.to_string());
    assert_eq!(town.daemon_pid(), pid);
    town.gt(&["daemon", "stop"]).ok();
    town.wait_for("its end", || is_gone(pid).then_some(()));
    assert!(
        town.paths().daemon_lock().exists(),
        "a lock file is never removed"
    );
}

/// Covers D22: why a daemon did not come up is told to whoever started it.
#[test]
fn a_daemon_that_cannot_begin_says_why_to_its_starter() {
    let town = town("");
    fs_err::write(town.paths().town_toml(), "[daemon]\nheartbeat = 'often'\n").unwrap();
    let said = town.gt(&["daemon", "start"]).code(1);
    assert!(
        said.contains("town.toml: line 2") && said.contains("daemon.heartbeat"),
        "{said}"
    );
    assert_eq!(daemons(&town), [0; 0]);
}

/// Covers D17: the daemon has a session of its own, so that no terminal takes it along. HUP has it read its
/// files anew, USR1 the store, and neither ends it.
#[test]
fn the_daemon_takes_signals_and_outlives_its_terminal() {
    let town = town("");
    town.rigs(&["gas"], &[]);
    town.gt(&["up"]).ok();
    let daemon = town.daemon_pid();
    assert_eq!(process::session(daemon).unwrap(), Some(daemon));
    let is_listed = |id: &str| town.status().agents.iter().any(|agent| agent.id == id);
    fs_err::create_dir_all(town.root().join("gas/crew/max")).unwrap();
    assert!(!is_listed("gas/crew/max"));
    signal(daemon, Signal::HUP);
    town.wait_for("the new workspace", || {
        is_listed("gas/crew/max").then_some(())
    });

    town.wait_for_run("mayor", None);
    let wish = Intent {
        desire: Desire::Down,
        actor: Actor::Overseer,
        reason: "a test".to_owned(),
        at: clock::now(),
    };
    let mut store = Store::open(&town.paths().store(), Duration::from_secs(5)).unwrap();
    store.set_intents(&[(AgentId::Mayor, wish)]).unwrap();
    signal(daemon, Signal::USR1);
    town.wait_for_state("mayor", State::Gone);
    assert_eq!(town.daemon_pid(), daemon);
}

/// Covers D13, D15, D18, F36, F37, F38, F40: a pid file that names a stranger, nobody or nonsense
/// makes nobody a daemon: the stranger is never signalled, and the daemon starts and stops beside
/// it.
#[test]
fn a_pid_file_of_a_stranger_harms_neither_the_stranger_nor_the_daemon() {
    let town = town("");
    let mut stranger = Stranger::new();
    let pid_file = town.paths().daemon_pid();
    fs_err::create_dir_all(town.paths().daemon_directory()).unwrap();
    let pid = stranger.0.id().to_string();
    for content in [pid.as_str(), "", "0", "-1", "4242 junk\n", "1"] {
        fs_err::write(&pid_file, content).unwrap();
        assert_eq!(town.status().daemon.running, Some(false), "{content:?}");
        town.gt(&["daemon", "stop"]).code(4);
        assert_eq!(fs_err::read_to_string(&pid_file).unwrap(), content);
        let said = town.gt(&["daemon", "start"]);
        assert!(!said.stderr.contains("warning"), "{}", said.stderr);
        said.ok();
        assert_ne!(town.daemon_pid().to_string(), pid);
        // Somebody else's file by the time the daemon ends: it is not its own to remove.
        fs_err::write(&pid_file, content).unwrap();
        town.gt(&["daemon", "stop"]).ok();
        assert_eq!(fs_err::read_to_string(&pid_file).unwrap(), content);
    }
    assert!(
        stranger.0.try_wait().unwrap().is_none(),
        "the stranger lives"
    );
}

/// Covers L18: a stop that nobody is there to carry out leaves no wish behind.
#[test]
fn a_stop_without_a_daemon_strikes_nobody_later() {
    let town = town("");
    town.gt(&["up"]).ok();
    let before = town.wait_for_run("mayor", None);
    town.gt(&["daemon", "stop"]).ok();
    town.gt(&["mayor", "stop"]).code(4);
    town.gt(&["daemon", "start"]).ok();
    let after = town.wait_for_state("mayor", State::Idle);
    assert_eq!(after.incarnation, before.incarnation);
    assert_eq!(town.events("intent_changed", "mayor"), 0);
}

/// A successor that ends at once is told as that, and not waited for until the time is over.
#[test]
fn a_restart_into_a_program_that_ends_at_once_says_so() {
    let town = town("[agents.brief]\ncommand = ['false']\n");
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    town.gt(&["config", "set", "roles.mayor.agent", "brief"])
        .ok();
    let said = town.gt(&["mayor", "restart"]).code(1);
    assert!(
        said.contains("mayor was started and ended at once with exit code 1"),
        "{said}"
    );
}

/// Covers F39: a town whose own file is damaged can be looked at and stopped.
#[test]
fn a_town_with_a_damaged_file_of_its_own_can_be_stopped() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    fs_err::write(town.paths().town_json(), "junk").unwrap();
    let said = town.gt(&["doctor"]);
    assert!(
        said.stdout.contains("town.json` is damaged"),
        "{}",
        said.stdout
    );
    said.code(1);
    town.gt(&["status"]).ok();
    town.gt(&["down"]).ok();
    assert_eq!(town.pid("mayor"), None);
    let left = fs_err::read_to_string(town.paths().town_json()).unwrap();
    assert_eq!(left, "junk", "nothing writes over it");
}

/// The first `gt up` of all says what lacks, and not that nothing was looked at.
#[test]
fn a_missing_program_is_named_by_the_first_up() {
    let town =
        town("[roles.mayor]\nagent = 'lost'\n[agents.lost]\ncommand = ['no-such-program']\n");
    let said = town.gt(&["up"]).code(1);
    let lack = "mayor does not run: it waits on the program `no-such-program`";
    assert!(said.contains(lack), "{said}");
    town.wait_for_run("deacon", None);
}

/// Sockets that somebody removed are made anew: the daemon stays within reach, and is woken.
#[test]
fn a_daemon_whose_sockets_are_removed_listens_anew() {
    let town = town("");
    town.gt(&["up"]).ok();
    let pid = town.daemon_pid();
    let paths = town.paths();
    let remove = || {
        for socket in [paths.daemon_socket(), paths.wake_socket()] {
            fs_err::remove_file(socket).unwrap();
        }
    };
    remove();
    town.gt(&["up"]).ok();
    assert_eq!(town.daemon_pid(), pid);
    town.wait_for("the socket for wake-ups", || {
        paths.wake_socket().exists().then_some(())
    });
    town.gt(&["nudge", "mayor", "-m", "hello", "--wait", "confirmed"])
        .ok();
    remove();
    town.gt(&["daemon", "restart"]).ok();
    assert_ne!(town.daemon_pid(), pid);
}

/// Covers F83: a client of a newer protocol, and one that asks what is not known, are told what to do, and
/// nothing ends of it.
#[test]
fn a_client_of_another_version_is_told_so() {
    let town = town("");
    town.gt(&["daemon", "start"]).ok();
    let pid = town.daemon_pid();
    for line in [
        r#"{"v":99,"request":"hello"}"#,
        r#"{"v":1,"request":"sing"}"#,
        "no JSON",
    ] {
        let mut stream = UnixStream::connect(town.paths().daemon_socket()).unwrap();
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert!(
            answer.contains("this daemon (") && answer.contains("error"),
            "{answer}"
        );
        assert_eq!(
            answer.contains("gt daemon restart"),
            line.contains("99"),
            "{answer}"
        );
    }
    assert_eq!(town.daemon_pid(), pid);
}

/// Covers D16: whoever reads the pid file may signal the daemon at once.
#[test]
fn a_signal_as_soon_as_the_pid_is_told_ends_nothing() {
    let town = town("");
    let file = town.paths().daemon_pid();
    for _ in 0..10 {
        let mut daemon = run_daemon(&town);
        let own = daemon.id().to_string();
        while fs_err::read_to_string(&file).ok() != Some(own.clone()) {
            assert!(daemon.try_wait().unwrap().is_none(), "it ended");
            std::hint::spin_loop();
        }
        signal(daemon.id(), Signal::USR1);
        signal(daemon.id(), Signal::HUP);
        town.wait_for("the daemon's answer", || {
            (town.status().daemon.pid == Some(daemon.id())).then_some(())
        });
        signal(daemon.id(), Signal::TERM);
        assert_eq!(daemon.wait().unwrap().code(), Some(0));
    }
}

/// Covers F40, D18, D19: what a killed daemon leaves (pid file, state, sockets, its lock's file)
/// neither looks like a daemon nor keeps the next one from starting.
#[test]
fn the_files_of_a_killed_daemon_are_no_daemon() {
    let town = town("");
    town.gt(&["daemon", "start"]).ok();
    let pid = town.daemon_pid();
    signal(pid, Signal::KILL);
    town.wait_for("the daemon's end", || is_gone(pid).then_some(()));
    let paths = town.paths();
    for left in [
        paths.daemon_pid(),
        paths.daemon_state(),
        paths.daemon_socket(),
    ] {
        assert!(left.exists(), "{}", left.display());
    }
    assert_eq!(town.status().daemon.running, Some(false));
    town.gt(&["daemon", "stop"]).code(4);
    // A socket that somebody bound and left, and a file in its place, are replaced, too.
    fs_err::remove_file(paths.daemon_socket()).unwrap();
    drop(UnixListener::bind(paths.daemon_socket()).unwrap());
    town.gt(&["daemon", "start"]).ok();
    assert_ne!(town.daemon_pid(), pid);
}

/// Covers D11, D12, F73: a tmux that hangs costs a few screens and nothing else. A dead agent
/// is restarted, the status says what is wrong, SIGTERM ends the daemon at once, and `gt down`
/// leaves nothing.
#[test]
fn a_hung_tmux_stops_neither_supervision_nor_the_end() {
    let town = town("[daemon]\nheartbeat = '1s'\n");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let deacon = town.wait_for_run("deacon", None);
    let server = town.tmux_pid();
    signal(server, Signal::STOP);
    signal(mayor.pid.unwrap(), Signal::KILL);
    let successor = town.wait_for_run("mayor", mayor.incarnation.as_deref());
    assert_eq!(successor.holder_pid, mayor.holder_pid);
    town.wait_for("a word on tmux", || {
        town.status()
            .problems
            .iter()
            .any(|problem| problem.starts_with("tmux"))
            .then_some(())
    });
    let daemon = town.daemon_pid();
    let told = clock::monotonic();
    signal(daemon, Signal::TERM);
    town.wait_for("the daemon's end", || (!is_held(&town)).then_some(()));
    let took = clock::monotonic().saturating_sub(told);
    // It takes a few milliseconds; the rest is a loaded machine.
    assert!(took < Duration::from_millis(500), "it took {took:?}");
    town.gt(&["daemon", "start"]).ok();
    assert_eq!(
        town.wait_for_run("deacon", None).incarnation,
        deacon.incarnation
    );
    town.gt(&["down", "--wait", "6"]).ok();
    assert!(is_gone(server));
    assert_eq!(town.marked(), []);
}

/// Covers F39, D11: what a person runs in the town's tmux stays and is named, although tmux cannot be
/// asked for it.
#[test]
fn down_spares_a_persons_session_of_a_hung_tmux() {
    let town = town("");
    town.gt(&["up"]).ok();
    let server = town.tmux_pid();
    town.gt(&["tmux", "new-session", "-d", "-s", "mine", "sleep", "600"])
        .ok();
    signal(server, Signal::STOP);
    let said = town.gt(&["down", "--wait", "6"]).code(1);
    assert!(
        said.contains("stays for what is not the town's: `sleep` (pid "),
        "{said}"
    );
    assert_eq!(town.marked(), []);
    signal(server, Signal::CONT);
    town.gt(&["tmux", "has-session", "-t", "=mine"]).ok();
    town.gt(&["tmux", "kill-session", "-t", "=mine"]).ok();
    town.gt(&["down"]).ok();
    town.wait_for("the server's end", || is_gone(server).then_some(()));
}

/// Covers F34, D14: a daemon whose lock is removed takes it anew; where another has come meanwhile, the
/// first gives way, and `gt down` leaves neither.
#[test]
fn a_daemon_without_its_lock_is_not_a_second_one() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let (first, lock) = (town.daemon_pid(), town.paths().daemon_lock());
    fs_err::remove_file(&lock).unwrap();
    let refused = town.gt(&["daemon", "run"]).code(1);
    assert!(
        refused.contains(&format!("locked by process {first}")),
        "{refused}"
    );
    town.wait_for("the lock to be taken anew", || is_held(&town).then_some(()));
    for file in [&lock, &town.paths().daemon_socket()] {
        fs_err::remove_file(file).unwrap();
    }
    town.gt(&["up", "-q"]).ok();
    assert_ne!(town.daemon_pid(), first);
    town.wait_for("the first to give way", || is_gone(first).then_some(()));
    assert_eq!(town.agent("mayor").incarnation, mayor.incarnation);
    town.gt(&["down"]).ok();
    assert_eq!(town.status().daemon.running, Some(false));
    assert_eq!(town.marked(), []);
}

/// Covers F39, F41, D23: `gt down` without a daemon ends the agents by their holders, and what a
/// killed holder left behind as well.
#[test]
fn down_without_a_daemon_leaves_nothing_of_a_killed_holder() {
    let town = town("");
    town.script("deacon", "/ignore-term\n/setsid\n/daemonize\n");
    town.gt(&["up"]).ok();
    let deacon = town.wait_for_run("deacon", None);
    town.wait_for("what it leaves", || {
        (town.journal("deacon").matches(" left ").count() == 2).then_some(())
    });
    signal(town.daemon_pid(), Signal::KILL);
    signal(deacon.holder_pid.unwrap(), Signal::KILL);
    town.gt(&["down", "--wait", "1"]).ok();
    assert_eq!(town.marked(), []);
}
