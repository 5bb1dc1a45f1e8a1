//! Agents are brought up, restarted when they die, and survive their daemon.

use std::thread;
use std::time::Duration;

use gt_api::view::State;
use gt_core::{Observed, ProcessId};
use gt_host::clock;
use gt_host::process::{self, Signal};
use gt_store::Store;
use gt_testkit::scripted_agent;
use gt_testkit::town::{TestTown, is_gone, signal};

use crate::nudges::times_taken;
use crate::robustness::answer;
use crate::town;

fn kill(pid: u32) {
    let process = process::identify(pid)
        .expect("the process can be looked at")
        .expect("it is there");
    assert!(process::signal(process, Signal::KILL).expect("it can be signalled"));
}

/// Covers D4, F22: the death of an agent is noticed and its successor is another run in the
/// same pane; the agents beside it are left alone.
#[test]
fn a_killed_agent_is_restarted_and_its_neighbour_is_not() {
    let town = town("");
    town.gt(&["up"]).ok();
    let (mayor, deacon) = (
        town.wait_for_run("mayor", None),
        town.wait_for_run("deacon", None),
    );
    kill(mayor.pid.unwrap());
    let successor = town.wait_for_run("mayor", mayor.incarnation.as_deref());
    assert_eq!(successor.holder_pid, mayor.holder_pid, "the seat stays");
    assert_eq!(town.agent("deacon").incarnation, deacon.incarnation);
    town.wait_for("two starts in the journal", || {
        (town.starts("mayor") == 2).then_some(())
    });
    assert_eq!(town.starts("deacon"), 1);
}

/// Covers F13, F39, F43, F84: that the town be down, and up again, is a person's to say: no agent ends
/// others', nor itself half-way through, nor revives what a person stopped, whatever name it gives.
#[test]
fn an_agent_brings_no_town_down_and_none_up() {
    let town = town("[restart]\nstop_grace = '5s'\n");
    town.script("mayor", "/ignore-term\n");
    town.gt(&["up"]).ok();
    let before = town.wait_for_run("mayor", None);
    town.gt(&["deacon", "stop"]).ok();
    let asks = |command: &str| {
        town.type_line("mayor", &format!("/run {command}"));
        answer(&town, "mayor", command)
    };
    assert_eq!(asks("gt down"), 5);
    assert_eq!(asks("env GT_AGENT=deacon gt down"), 5);
    assert_eq!(asks("gt up"), 0);
    for start in ["gt deacon start", "gt deacon restart", "gt up deacon"] {
        assert_eq!(asks(start), 5);
    }
    assert_eq!(town.agent("deacon").pid, None, "a person's stop stays");
    assert_eq!(town.agent("mayor").incarnation, before.incarnation);
    thread::scope(|scope| {
        let down = scope.spawn(|| town.gt(&["down"]));
        town.wait_for_state("mayor", State::Stopping);
        town.type_line("mayor", "/run gt up");
        down.join().unwrap().ok();
    });
    assert!(town.status().town.down);
    assert_eq!(town.marked(), []);
    town.gt(&["daemon", "start"]).ok();
    town.gt(&["mail", "send", "mayor", "-s", "a", "-m", "b"])
        .ok();
    town.wait_for("a look at the town", || {
        (town.status().daemon.heartbeat_count >= Some(1)).then_some(())
    });
    assert_eq!((town.starts("mayor"), town.starts("deacon")), (1, 1));
}

/// Covers F22: an agent on demand whose run is cut off comes back, though it has read what it was woken
/// for: that may be half done.
#[test]
fn an_agent_on_demand_that_is_cut_off_comes_back() {
    let town = town("[restart]\nbase = '10ms'\nmax = '10ms'\n");
    town.rigs(&["gas"], &[]);
    town.gt(&["up"]).ok();
    town.gt(&["mail", "send", "gas/witness", "-s", "a", "-m", "b"])
        .ok();
    let cut_off = town.wait_for_run("gas/witness", None);
    let mut store = Store::open(&town.paths().store(), Duration::from_secs(5)).unwrap();
    for message in store.inbox("gas/witness", true).unwrap() {
        store.mark_read(message.id, clock::now()).unwrap();
    }
    town.gt(&["daemon", "restart"]).ok();
    let why = town.gt(&["why", "gas/witness"]).ok();
    assert!(why.contains("owes: nothing"), "{why}");
    kill(cut_off.pid.unwrap());
    town.wait_for_run("gas/witness", cut_off.incarnation.as_deref());
}

/// Covers F8, T12, T14: a program in a wrapper of the user's own is supervised by its process alone,
/// and typed at when its prompt is there, however long that takes.
#[test]
fn a_program_in_a_wrapper_is_known_by_its_process_and_its_prompt() {
    let town = town("");
    let [go, journal] = ["go", "journal"].map(|name| town.beside().join(name));
    let wrapper = format!(
        "until [ -e '{}' ]; do sleep 0.02; done; \"$0\" simulate-agent --gt \"$0\"; true",
        go.display()
    );
    town.configure(&format!(
        "[roles.mayor]\nagent = 'wrapped'\n\n[agents.wrapped]\ncommand = ['sh', '-c', {wrapper:?}, '{gt}']\n\
         ready = '{ready}'\nblocked = '{blocked}'\nenv = {{ {variable} = '{journal}' }}\n",
        gt = env!("CARGO_BIN_EXE_gt"),
        ready = scripted_agent::READY,
        blocked = scripted_agent::BLOCKED,
        variable = scripted_agent::JOURNAL_VARIABLE,
        journal = journal.display(),
    ));
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    town.gt(&["nudge", "mayor", "-m", "are you there"]).ok();
    let waiting = town.wait_for_waiting("mayor", "empty prompt");
    assert_eq!(town.journal("mayor"), "", "{waiting:?}");
    fs_err::write(&go, "").unwrap();
    town.wait_for("the message", || {
        (times_taken(&town, "mayor", "are you there") == 1).then_some(())
    });
    let idle = town.wait_for_state("mayor", State::Idle);
    assert_eq!(idle.incarnation, mayor.incarnation);
    let inner = process::children(mayor.pid.unwrap()).unwrap();
    kill(inner[0].pid);
    town.wait_for_run("mayor", mayor.incarnation.as_deref());
}

/// Covers F39, D23: down means down, for agents, the tmux server and the daemon, and it stays so.
#[test]
fn down_leaves_nothing_running_and_up_brings_it_back() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    town.gt(&["down"]).ok();
    for pid in [mayor.pid.unwrap(), mayor.holder_pid.unwrap()] {
        assert_eq!(
            process::identify(pid).unwrap(),
            None,
            "process {pid} is left"
        );
    }
    assert_eq!(town.status().daemon.running, Some(false));
    assert!(!town.paths().tmux_socket().exists(), "a socket is left");
    let refused = town.gt(&["mayor", "start"]).code(1);
    assert!(refused.contains("the town is down"), "{refused}");
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", mayor.incarnation.as_deref());
}

/// Covers F39: nobody can address the agents of a town that was deleted; nothing of it goes on.
#[test]
fn a_town_that_is_deleted_comes_down() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let deacon = town.wait_for_run("deacon", None);
    let pids = [
        mayor.pid.unwrap(),
        mayor.holder_pid.unwrap(),
        deacon.pid.unwrap(),
        deacon.holder_pid.unwrap(),
        town.tmux_pid(),
        town.daemon_pid(),
    ];
    town.wait_for("the directory to be gone", || {
        // Something may be written into it meanwhile.
        let _ = fs_err::remove_dir_all(town.root());
        (!town.root().exists()).then_some(())
    });
    for pid in pids {
        town.wait_for("everything to end", || is_gone(pid).then_some(()));
    }
}

/// A town that is moved goes on, says so, and comes down where it is now.
#[test]
fn a_town_that_is_moved_is_not_taken_for_deleted() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let elsewhere = town.beside().join("elsewhere");
    fs_err::rename(town.root(), &elsewhere).unwrap();
    town.wait_for("the daemon to see it", || {
        let status = town.run_in(&elsewhere, &["status"]).ok();
        status.contains("the town was moved away").then_some(())
    });
    assert!(!is_gone(mayor.pid.unwrap()));
    town.run_in(&elsewhere, &["down"]).ok();
    assert!(is_gone(mayor.pid.unwrap()));
    assert!(is_gone(mayor.holder_pid.unwrap()));
}

/// Covers F39: a town whose `mayor/` was removed under its agents can still be seen and stopped.
#[test]
fn a_town_without_its_mayor_directory_goes_down() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    fs_err::remove_dir_all(town.root().join("mayor")).unwrap();
    let deacon = town.agent("deacon");
    assert!(deacon.pid.is_some(), "{deacon:?}");
    town.gt(&["down"]).ok();
    assert_eq!(town.marked(), []);
}

/// Covers F39: a daemon that hangs hides the town from nobody.
#[test]
fn a_daemon_that_hangs_leaves_the_status_that_is_seen_without_it() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let daemon = hang(&town);
    let status = town.gt(&["status"]).ok();
    process::signal(daemon, Signal::CONT).unwrap();
    assert!(status.contains("does not answer on its socket"), "{status}");
    assert!(status.contains(&mayor.pid.unwrap().to_string()), "{status}");
}

/// A person's restarts are carried out at once, however many there are; they count for no crash and
/// leave what is wanted as it is.
#[test]
fn a_person_restarts_as_often_as_a_person_likes() {
    let town = town("[restart]\nbudget = 2\nbase = '5m'\n");
    town.gt(&["up"]).ok();
    for _ in 0..4 {
        town.gt(&["deacon", "restart"]).ok();
    }
    let deacon = town.wait_for_run("deacon", None);
    assert_eq!(deacon.intent, "always");
    signal(deacon.pid.unwrap(), Signal::KILL);
    town.wait_for_run("deacon", deacon.incarnation.as_deref());
    assert_eq!(town.events("circuit_opened", "deacon"), 0);
}

/// `gt up` takes a person's stop back, and says so.
#[test]
fn up_says_whose_stop_it_takes_back() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.gt(&["deacon", "stop"]).ok();
    let said = town.gt(&["up"]).code(0);
    assert!(
        said.contains("deacon was stopped by overseer: `gt up` takes that back"),
        "{said}"
    );
    town.wait_for_run("deacon", None);
}

/// A program that ends at once was not started, and a run is not ended for one that cannot be.
#[test]
fn what_does_not_run_is_not_said_to() {
    let tables = |program: &str| {
        format!(
            "[agents.short]\ncommand = ['{program}']\n[roles.mayor]\nagent = 'short'\nrun = 'never'\n"
        )
    };
    let town = town(&tables("false"));
    town.gt(&["up"]).ok();
    let said = town.gt(&["mayor", "start"]).code(1);
    assert!(said.contains("ended at once with exit code 1"), "{said}");
    town.gt(&["mayor", "stop"]).ok();
    town.configure(&tables("sleep' , '1000"));
    town.gt(&["mayor", "start"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    town.configure(&tables("no-such-program"));
    let refused = town.gt(&["mayor", "restart"]).code(1);
    assert!(
        refused.contains("the program `no-such-program`"),
        "{refused}"
    );
    assert_eq!(town.agent("mayor").incarnation, mayor.incarnation);
}

/// Covers F39, F73, D13: a daemon that hangs is replaced by one that works, and its agents never
/// notice; `gt down` ends one that hangs, too.
#[test]
fn a_daemon_that_hangs_is_replaced() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let hung = hang(&town);
    let restarted = town.gt(&["daemon", "restart"]);
    assert!(restarted.stderr.contains("ended by a signal"));
    restarted.ok();
    assert_eq!(process::is_alive(hung), Observed::Known(false));
    assert_eq!(town.wait_for_run("mayor", None).pid, mayor.pid);
    let hung = hang(&town);
    town.gt(&["down", "--wait", "1"]).ok();
    assert_eq!(process::is_alive(hung), Observed::Known(false));
    assert_eq!(town.marked(), []);
}

/// Stops the daemon's process.
fn hang(town: &TestTown) -> ProcessId {
    let daemon = process::identify(town.daemon_pid()).unwrap().unwrap();
    process::signal(daemon, Signal::STOP).unwrap();
    daemon
}

/// Covers F20, D20: a daemon that was killed comes back to agents that never noticed.
#[test]
fn a_killed_daemon_adopts_the_running_agents() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    kill(town.daemon_pid());
    let alone = town.wait_for("the status without a daemon", || {
        Some(town.status()).filter(|status| status.daemon.running == Some(false))
    });
    assert!(
        alone
            .agents
            .iter()
            .any(|agent| agent.id == "mayor" && agent.pid == mayor.pid)
    );
    let mayor_alone = town.agent("mayor");
    let shown = "tmux shows its session `gt-mayor`";
    assert_eq!(mayor_alone.evidence[1], shown);
    town.gt(&["daemon", "start"]).ok();
    let adopted = town.wait_for_run("mayor", None);
    assert_eq!(
        (adopted.pid, adopted.incarnation),
        (mayor.pid, mayor.incarnation)
    );
    assert_eq!(town.starts("mayor"), 1);
}
