use std::process::{Child, Stdio};

use super::*;

const SLEEP: [&str; 2] = ["sleep", "600"];

/// A child of this test that is ended and reaped with it.
struct Sleeper(Child);

impl Sleeper {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test needs the child itself, not its output"
    )]
    fn start(incarnation: Option<&str>, command: &[&str]) -> Self {
        let (program, arguments) = command.split_first().unwrap();
        let mut command = std::process::Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null());
        command.envs(incarnation.map(|id| (crate::environment::GT_INCARNATION, id)));
        Self(command.spawn().unwrap())
    }

    fn id(&self) -> ProcessId {
        identify(self.0.id()).unwrap().unwrap()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Covers F36, D13: a process with the same pid and another start time is not the one that was
/// recorded, and gets no signal.
#[test]
fn a_reused_pid_is_not_alive_and_not_signalled() {
    let sleeper = Sleeper::start(None, &SLEEP);
    let stale = ProcessId {
        start: sleeper.id().start - 1,
        ..sleeper.id()
    };
    assert_eq!(is_alive(stale), Observed::Known(false));
    assert!(!signal(stale, Signal::KILL).unwrap());
    assert!(PidFd::open(stale).unwrap().is_none());
    assert_eq!(is_alive(sleeper.id()), Observed::Known(true));
}

/// Covers F11: numbers that mean groups, everything or the first process are refused.
#[test]
fn pids_below_two_are_never_signalled() {
    for pid in [0, 1, u32::MAX] {
        let refused = signal(ProcessId { pid, start: 0 }, Signal::KILL).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{pid}");
    }
}

/// Covers F37: a process that ended but was not reaped yet is gone.
#[test]
fn a_zombie_is_gone() {
    let mut sleeper = Sleeper::start(None, &SLEEP);
    let process = sleeper.id();
    let descriptor = PidFd::open(process).unwrap().unwrap();
    assert!(!descriptor.has_ended().unwrap());
    assert!(signal(process, Signal::KILL).unwrap());
    poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], None).unwrap();
    assert!(descriptor.has_ended().unwrap());
    assert!(facts(process.pid).unwrap().unwrap().zombie);
    assert_eq!(is_alive(process), Observed::Known(false));
    assert_eq!(identify(process.pid).unwrap(), None);
    sleeper.0.wait().unwrap();
    assert_eq!(facts(process.pid).unwrap(), None);
    assert!(!descriptor.signal(Signal::KILL).unwrap());
}

fn parse(line: &[u8]) -> Option<Facts> {
    system::parse(42, &system::fields(line)?)
}

/// Covers F38: the name of a program, whatever it holds, does not confuse its facts.
#[test]
fn a_name_with_parentheses_and_line_ends_is_read_over() {
    let line = b"42 (a) R 1 (\n 2) S 7 8 9 34816 42 4194560 1 0 0 0 2 3 0 0 20 0 1 0 98765 1 2\n";
    let expect = Facts {
        id: ProcessId {
            pid: 42,
            start: 98765,
        },
        parent: 7,
        group: 8,
        session: 9,
        zombie: false,
    };
    assert_eq!(parse(line), Some(expect));
    assert_eq!(parse(b"42 (a) R 1"), None);
    assert_eq!(parse(b"42"), None);
}

#[test]
fn a_zombie_whose_threads_run_on_is_not_gone() {
    let line = |threads: u8| format!("42 (a) Z 7 8 9 0 -1 0 1 0 0 0 2 3 0 0 20 0 {threads} 0 5 1");
    assert!(!parse(line(3).as_bytes()).unwrap().zombie);
    assert!(parse(line(1).as_bytes()).unwrap().zombie);
}

/// Covers F10: only the whole entry counts, wherever a read happens to end.
#[test]
fn an_environment_entry_is_matched_whole() {
    let long = "x".repeat(5000);
    let environment = format!("A=GT_INCARNATION=7\0GT_INCARNATION=77\0{long}\0GT_INCARNATION=7");
    let check = |wanted: &str, expect: bool| {
        let found = system::find_entry(environment.as_bytes(), wanted.as_bytes()).unwrap();
        assert_eq!(found == system::Search::Found, expect, "{wanted}");
    };
    check("GT_INCARNATION=7", true);
    check("GT_INCARNATION=77", true);
    check("GT_INCARNATION=777", false);
    check("INCARNATION=7", false);
    check(&long, true);
}

/// Covers F10, F38: a run's processes are found by their mark alone.
#[test]
fn marked_processes_are_found_and_others_are_not() {
    let incarnation = IncarnationId(uuid::Uuid::now_v7());
    let ours = Sleeper::start(Some(&incarnation.to_string()), &SLEEP);
    let other = Sleeper::start(Some("0198c0de-0000-7000-8000-000000000000"), &SLEEP);
    let none = Sleeper::start(None, &SLEEP);
    assert_eq!(marked(incarnation).unwrap(), [ours.id()]);
    assert_eq!(program_name(ours.0.id()).unwrap(), "sleep");
    for sleeper in [&ours, &other, &none] {
        assert_eq!(ancestors(sleeper.0.id()).unwrap()[0], own().unwrap());
        assert!(
            children(std::process::id())
                .unwrap()
                .contains(&sleeper.id())
        );
        let everything = descendants(std::process::id()).unwrap();
        assert!(everything.contains(&sleeper.id()));
    }
}

/// Covers F41: between its old memory and its new, a process that executes a program shows an
/// empty or cut environment. It is found all the same.
#[test]
fn a_process_in_the_middle_of_an_exec_is_still_marked() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("again");
    fs_err::write(&script, "exec /bin/sh \"$0\"\n").unwrap();
    let incarnation = IncarnationId(uuid::Uuid::now_v7()).to_string();
    let command = ["/bin/sh", script.to_str().unwrap()];
    let restless = Sleeper::start(Some(&incarnation), &command);
    for round in 0..5000 {
        let found = initial_environment_has(
            restless.0.id(),
            crate::environment::GT_INCARNATION,
            &incarnation,
        );
        assert!(matches!(found, Ok(true)), "{found:?} in round {round}");
    }
}

/// A process that was started with no variable at all, or that is gone, carries no mark.
#[test]
fn an_empty_environment_has_no_mark() {
    let bare = Sleeper::start(None, &SLEEP);
    assert!(!initial_environment_has(bare.0.id(), "A", "1").unwrap());
    assert!(!initial_environment_has(u32::MAX, "A", "1").unwrap());
}
