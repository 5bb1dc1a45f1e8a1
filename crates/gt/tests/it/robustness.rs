//! The town goes on, whatever is killed, and whenever.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gt_api::view::State;
use gt_core::ProcessId;
use gt_host::clock;
use gt_host::process::{self, Signal};
use gt_store::Store;
use gt_testkit::town::{Marked, TestTown, is_gone, signal};
use gt_testkit::undying::Undying;

use crate::poke::post;
use crate::{prompt, town};

/// Where the choices of a test come from; the same seed makes the same ones.
const SEED: u64 = 0x6774_2072_6967_0001;

/// A xorshift: good enough to choose moments, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Two runs of one agent that were seen alive at once.
fn overlap(town: &TestTown) -> Option<(Marked, Marked)> {
    let mut seen: BTreeMap<String, Marked> = BTreeMap::new();
    for marked in town.marked() {
        match seen.get(&marked.agent) {
            Some(other) if other.incarnation != marked.incarnation => {
                // Both were read one after the other: only if the first is still there, and the
                // second was before that look, were they there together.
                let both = [other.process, marked.process].map(is_alive);
                if both == [true, true] && is_alive(other.process) {
                    return Some((other.clone(), marked));
                }
            }
            Some(_) => {}
            None => {
                seen.insert(marked.agent.clone(), marked);
            }
        }
    }
    None
}

fn is_alive(process: ProcessId) -> bool {
    process::is_alive(process).known() == Some(&true)
}

/// Covers F1, F13: a holder whose file is missing, as one that started on a full disk, lives all
/// the same: its agent is adopted, not swept away for a new one.
#[test]
fn an_agent_whose_holders_file_is_missing_is_adopted() {
    let town = town("");
    town.gt(&["up"]).ok();
    let before = town.wait_for_run("mayor", None);
    fs_err::remove_file(town.paths().holder_state(&gt_core::AgentId::Mayor)).unwrap();
    town.gt(&["daemon", "stop"]).ok();
    let unseen = town.agent("mayor");
    assert_eq!(unseen.state, gt_api::view::State::Unknown);
    let why = "its holder runs and could not write its file: a daemon can ask it";
    assert_eq!(unseen.evidence[0], why);
    town.gt(&["daemon", "start"]).ok();
    town.wait_for("the run to be adopted", || {
        (town.agent("mayor").incarnation == before.incarnation).then_some(())
    });
    assert_eq!(town.agent("mayor").pid, before.pid);
    assert_eq!(town.starts("mayor"), 1);
}

/// The kept last screen of a run.
fn post_mortem(town: &TestTown, run: &str) -> String {
    let file = town.paths().post_mortems().join(format!("mayor.{run}.txt"));
    town.wait_for("the last screen", || fs_err::read_to_string(&file).ok())
}

/// The last screen of each run is kept, whichever way it ended, and none that is not its own.
#[test]
fn the_last_screen_of_each_run_is_kept() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mut before: Option<String> = None;
    let mut runs = Vec::new();
    for end in ["exit", "stop", "holder", "down"] {
        let mayor = town.wait_for_run("mayor", before.as_deref());
        prompt(&town, "mayor");
        town.type_line("mayor", &format!("a word before its {end}"));
        town.wait_for("the word on the screen", || {
            town.screen("mayor").contains(end).then_some(())
        });
        match end {
            "exit" => signal(mayor.pid.unwrap(), Signal::KILL),
            "stop" => {
                town.gt(&["mayor", "stop"]).ok();
                town.gt(&["mayor", "start"]).ok();
            }
            "holder" => signal(mayor.holder_pid.unwrap(), Signal::KILL),
            _ => {
                town.gt(&["down"]).ok();
            }
        }
        let run = mayor.incarnation.unwrap();
        let screen = post_mortem(&town, &run);
        // A program that had the time clears the screen and says how it ended; one whose holder is
        // killed may be dead between the two.
        let last_words = [&format!("a word before its {end}"), "mayor ended with code"];
        let is_cut_off = end == "holder" && screen.contains("Pane is dead (signal 9");
        assert!(
            is_cut_off || last_words.iter().any(|word| screen.contains(word)),
            "{end}: {screen}"
        );
        before = Some(run.clone());
        runs.push(run);
    }
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", before.as_deref());
    let kept = fs_err::read_dir(town.paths().post_mortems()).unwrap();
    let of_mayor = kept
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("mayor."));
    let (before_stop, after): (Vec<String>, Vec<String>) =
        of_mayor.partition(|name| name.ends_with(".before-stop.txt"));
    assert_eq!(after.len(), runs.len());
    assert_eq!(
        before_stop.len(),
        2,
        "of the stop and of down: {before_stop:?}"
    );
    for name in before_stop {
        let screen = fs_err::read_to_string(town.paths().post_mortems().join(name)).unwrap();
        assert!(screen.contains("a word before its"), "{screen}");
    }
}

/// A run as the journal tells it.
#[derive(Debug, Default)]
struct Run {
    pid: u32,
    starts: u32,
    told_to_end: bool,
}

fn runs(town: &TestTown, agent: &str) -> BTreeMap<String, Run> {
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    for line in town.journal(agent).lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let run = runs.entry(words[2].to_owned()).or_default();
        match words[3..] {
            ["start", ..] => {
                run.starts += 1;
                run.pid = words[1].parse().unwrap();
            }
            ["signal", "TERM"] => run.told_to_end = true,
            _ => {}
        }
    }
    runs
}

/// Every JSON file below a directory must be whole.
fn assert_no_torn_file(directory: &Path) {
    for entry in fs_err::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_torn_file(&path);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = fs_err::read_to_string(&path).unwrap();
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
            assert!(parsed.is_ok(), "{}: {text}", path.display());
        }
    }
}

/// The daemon itself, not through `gt daemon start`: it is killed before it is ready, too.
pub(crate) fn run_daemon(town: &TestTown) -> Child {
    let mut command = town.command(town.root());
    command
        .args(["daemon", "run"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// What keeps the town busy while its daemon is killed.
struct Trouble<'a> {
    town: &'a TestTown,
    over: &'a AtomicBool,
    killed: Mutex<BTreeSet<u32>>,
    overlaps: Mutex<Vec<(Marked, Marked)>>,
}

impl Trouble<'_> {
    /// Kills agents and sends mail.
    fn kill_and_write(&self, mut chance: Chance) {
        while !self.over.load(Ordering::Relaxed) {
            match chance.below(3) {
                0 => post(self.town, "deacon"),
                1 => post(self.town, "mayor"),
                _ => {
                    let victim = ["mayor", "rig/witness"][chance.below(2) as usize];
                    self.kill(victim);
                }
            }
            // The pause is the subject: what happens comes at any moment of a daemon's life.
            clock::pause(Duration::from_millis(chance.below(40)));
        }
    }

    fn kill(&self, agent: &str) {
        let found = self
            .town
            .pid(agent)
            .and_then(|pid| process::identify(pid).unwrap());
        if let Some(process) = found {
            self.killed.lock().unwrap().insert(process.pid);
            process::signal(process, Signal::KILL).unwrap();
        }
    }

    /// Asks for fresh runs; how often.
    fn ask_for_restarts(&self) -> usize {
        let mut asked = 0;
        while !self.over.load(Ordering::Relaxed) {
            let finished = self.town.gt(&["refinery", "restart", "rig"]);
            // Without a daemon it is refused. One that dies later leaves it to the next.
            assert!([0, 1, 4].contains(&finished.code), "{finished:?}");
            asked += usize::from(finished.code != 4);
        }
        asked
    }

    fn watch_for_doubles(&self) {
        while !self.over.load(Ordering::Relaxed) {
            self.overlaps.lock().unwrap().extend(overlap(self.town));
        }
    }
}

/// Lets a daemon live for a moment, and kills it. False: there was none to kill.
fn let_live_and_kill(town: &TestTown, moment: Duration) -> bool {
    let mut child = run_daemon(town);
    // The pause is the subject: the daemon is killed at any moment of its life, while it starts
    // and while it works.
    clock::pause(moment);
    let was_there = child.try_wait().unwrap().is_none();
    // One that `gt` started meanwhile has the lock, and this child has ended because of it.
    let other = gt_host::lock::is_held(&town.paths().daemon_lock()).known() == Some(&true);
    if was_there {
        child.kill().unwrap();
    } else if other {
        let pid = fs_err::read_to_string(town.paths().daemon_lock()).unwrap();
        let found = pid
            .trim()
            .parse()
            .ok()
            .and_then(|pid| process::identify(pid).unwrap());
        if let Some(daemon) = found {
            process::signal(daemon, Signal::KILL).unwrap();
            town.wait_for("its death", || is_gone(daemon.pid).then_some(()));
        }
    }
    child.wait().unwrap();
    was_there || other
}

const QUICK: &str = "
[restart]
base = '10ms'
factor = 1.0
max = '20ms'
budget = 10000
window = '1s'
[poke]
fresh = '40ms'
very_stale = '80ms'
base = '1s'
factor = 1.0
max = '1s'
unanswered_before_restart = 10000
[roles.deacon]
poke = 'always'
[roles.witness]
run = 'always'
[roles.refinery]
run = 'always'
";

/// Covers F20, F25, F34, F74, D14, D19, L6, L7: the daemon is killed a hundred times, at any
/// moment of its start and its work, while agents are killed, fresh runs are asked for, mail comes
/// and pokes go. No agent is lost, doubled or restarted without cause, and no file is torn.
#[test]
fn a_daemon_that_is_killed_a_hundred_times_loses_doubles_and_restarts_nobody() {
    let town = town(QUICK);
    town.rigs(&["rig"], &[]);
    let agents = ["mayor", "deacon", "rig/witness", "rig/refinery"];
    town.gt(&["up"]).ok();
    for agent in agents {
        town.wait_for_run(agent, None);
    }
    let deacon = town.agent("deacon");
    println!("seed {SEED:#x}");
    let mut chance = Chance(SEED);
    signal(town.daemon_pid(), Signal::KILL);

    let over = AtomicBool::new(false);
    let trouble = Trouble {
        town: &town,
        over: &over,
        killed: Mutex::default(),
        overlaps: Mutex::default(),
    };
    let asked = std::thread::scope(|scope| {
        let restarts = scope.spawn(|| trouble.ask_for_restarts());
        let writer = Chance(SEED + 1);
        scope.spawn(|| trouble.kill_and_write(writer));
        scope.spawn(|| trouble.watch_for_doubles());
        let mut kills = 1;
        while kills < 100 {
            // Most die young; some live long enough to bring a poke.
            let longest = [80, 80, 80, 80, 400][chance.below(5) as usize];
            let moment = Duration::from_millis(chance.below(longest));
            kills += u32::from(let_live_and_kill(&town, moment));
        }
        let started = town.gt(&["daemon", "start"]);
        let is_there = started.code == 0 || started.stderr.contains("the daemon runs already");
        over.store(true, Ordering::Relaxed);
        let asked = restarts.join().unwrap();
        assert!(is_there, "{started:?}");
        asked
    });

    town.wait_for("every agent at rest", || {
        let status = town.status();
        let rest = |id: &str| {
            let agent = status.agents.iter().find(|agent| agent.id == id).unwrap();
            agent.pid.is_some() && agent.pid == town.pid(id)
        };
        agents.into_iter().all(rest).then_some(())
    });
    assert_eq!(*trouble.overlaps.lock().unwrap(), [], "two runs at once");
    let killed = trouble.killed.lock().unwrap();
    let mut told_to_end = 0;
    for agent in agents {
        let last = town.agent(agent).incarnation.unwrap();
        let runs = runs(&town, agent);
        assert!(runs.contains_key(&last), "{agent} {last}: {runs:?}");
        for (incarnation, run) in &runs {
            assert_eq!(run.starts, 1, "{agent} {incarnation}");
            let has_ended = *incarnation != last;
            told_to_end += usize::from(run.told_to_end);
            assert!(
                !has_ended || run.told_to_end || killed.contains(&run.pid),
                "{agent} {incarnation} ended without cause\n{}\n{}",
                town.journal(agent),
                town.story()
            );
        }
    }
    assert!(
        told_to_end <= asked,
        "{told_to_end} ends for {asked} requests"
    );
    assert!(
        told_to_end > 0 && !killed.is_empty(),
        "the run was not busy"
    );
    assert_eq!(town.agent("deacon").incarnation, deacon.incarnation);
    assert!(
        town.journal("deacon")
            .contains("answer gt deacon heartbeat"),
        "{}\n{}\n{}",
        town.journal("deacon"),
        town.screen("deacon"),
        town.story()
    );
    for line in town.journal("deacon").lines() {
        let doubled = line.matches("HEARTBEAT").count() > 1;
        assert!(!doubled, "two pokes were taken as one: {line}");
    }
    assert_no_torn_file(town.root());
    let store = Store::open(&town.paths().store(), Duration::from_secs(5)).unwrap();
    store.integrity_check().unwrap();
}

/// The processes of one agent that are there now.
fn processes_of(town: &TestTown, agent: &str) -> Vec<Marked> {
    let mut marked = town.marked();
    marked.retain(|marked| marked.agent == agent);
    marked
}

/// Waits until a program that the agent was told to run has ended, and gives its exit code.
#[track_caller]
pub(crate) fn answer(town: &TestTown, agent: &str, command: &str) -> i32 {
    let answer = format!(" answer {command} ");
    town.wait_for(&format!("the end of `{command}`"), || {
        let journal = town.journal(agent);
        let code = journal
            .lines()
            .find_map(|line| Some(line.split_once(&answer)?.1.to_owned()));
        code.map(|code| code.parse().unwrap())
    })
}

/// Covers F43, F41, D17: an agent that restarts the daemon and is then cycled takes neither the
/// daemon nor another agent with it, for the daemon carries no agent's mark.
#[test]
fn a_daemon_that_an_agent_started_outlives_the_agent() {
    let town = town("[restart]\nstop_grace = '300ms'\n");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let deacon = town.wait_for_run("deacon", None);
    let before = town.daemon_pid();
    town.type_line("mayor", "/run gt daemon restart");
    assert_eq!(answer(&town, "mayor", "gt daemon restart"), 0);
    let daemon = town.daemon_pid();
    assert_ne!(daemon, before);
    let environment = fs_err::read(format!("/proc/{daemon}/environ")).unwrap();
    for variable in environment.split(|byte| *byte == 0) {
        let is_mark = variable.starts_with(b"GT_") || variable.starts_with(b"TMUX");
        assert!(!is_mark, "{}", String::from_utf8_lossy(variable));
    }
    assert_eq!(
        town.agent("mayor").incarnation,
        mayor.incarnation,
        "adopted"
    );
    town.type_line("mayor", "/handoff cycle");
    let successor = town.wait_for_run("mayor", mayor.incarnation.as_deref());
    assert_eq!(successor.holder_pid, mayor.holder_pid);
    assert_eq!(town.daemon_pid(), daemon);
    assert_eq!(town.agent("deacon").incarnation, deacon.incarnation);
    assert_eq!((town.starts("mayor"), town.starts("deacon")), (2, 1));
}

/// Covers F11, F12, F41, F43: an agent that ignores TERM and HUP, with a child in a session of its
/// own and a daemon that init adopted, is replaced without two runs ever being alive at once; the
/// agent beside it is not touched, and nothing is left after `gt down`.
#[test]
fn nothing_of_a_stubborn_agent_outlives_it() {
    let town = town("[restart]\nstop_grace = '100ms'\nbase = '1ms'\nmax = '1ms'\n");
    town.script("mayor", "/ignore-term\n/setsid\n/daemonize\n");
    town.gt(&["up"]).ok();
    let neighbour = town.wait_for_run("deacon", None);
    let settled = |runs: usize| {
        town.wait_for("the agent and what it leaves", || {
            let left = town.journal("mayor").matches(" left ").count();
            (left == 2 * runs && processes_of(&town, "mayor").len() == 3).then_some(())
        });
    };
    settled(1);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let doubles = scope.spawn(|| {
            let mut seen = None;
            while !over.load(Ordering::Relaxed) && seen.is_none() {
                seen = overlap(&town);
            }
            seen
        });
        town.gt(&["mayor", "restart"]).ok();
        settled(2);
        signal(town.pid("mayor").unwrap(), Signal::KILL);
        town.wait_for("a third run", || (town.starts("mayor") == 3).then_some(()));
        settled(3);
        over.store(true, Ordering::Relaxed);
        assert_eq!(doubles.join().unwrap(), None);
    });
    assert_eq!(town.agent("deacon").incarnation, neighbour.incarnation);
    town.gt(&["down"]).ok();
    assert_eq!(town.marked(), []);
}

/// Covers F39, D23: what cannot be ended is named, by `gt down` and in the status; no successor
/// runs beside it, also after the town came up anew; once it is gone, the agent comes up by itself.
#[test]
fn a_town_with_a_process_that_no_signal_ends_is_not_down_and_gets_no_second_run() {
    let town = town("[restart]\nstop_grace = '100ms'\nbase = '1ms'\nmax = '1ms'\n");
    town.script("mayor", "/setsid\n");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let child = town.wait_for("the child that it leaves", || {
        town.journal("mayor").contains(" left ").then_some(())?;
        processes_of(&town, "mayor")
            .into_iter()
            .find(|marked| Some(marked.process.pid) != mayor.pid)
    });
    let undying = Undying::hold(child.process);
    let pid = format!("pid {}", child.process.pid);
    for attempt in ["down", "down again"] {
        let said = town.gt(&["down", "--wait", "3"]).code(1);
        assert!(
            said.contains(&format!("mayor: {pid} could not be ended")),
            "{attempt}: {said}"
        );
        assert!(!said.contains("the town is down"), "{attempt}: {said}");
        assert!(is_gone(mayor.pid.unwrap()));
    }
    town.gt(&["up", "--wait", "0"]).code(1);
    town.wait_for_waiting("mayor", &pid);
    assert_eq!(town.starts("mayor"), 1);
    drop(undying);
    town.wait_for_run("mayor", mayor.incarnation.as_deref());
}

/// The state of a process as `ps` shows it, such as `T` for stopped.
fn process_state(pid: u32) -> String {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest[..1].to_owned()
}

/// Covers F65: keys and sizes reach the agent, Ctrl-Z freezes neither a program that takes
/// keys itself nor one that leaves them to the terminal, and Ctrl-C is the agent's own affair.
#[test]
fn keys_and_sizes_reach_an_agent_and_ctrl_z_freezes_none() {
    let town = town("[agents.cooked]\ncommand = ['cat']\n[roles.deacon]\nagent = 'cooked'\n");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let cat = town.wait_for_run("deacon", None);
    // The terminal turns this one into SIGTSTP for `cat`.
    town.press("deacon", &["C-z"]);
    town.wait_for("the terminal's echo", || {
        town.screen("deacon").contains("^Z").then_some(())
    });
    town.press("deacon", &["still here", "Enter"]);
    town.wait_for("cat's answer", || {
        (town.screen("deacon").matches("still here").count() == 2).then_some(())
    });
    assert_ne!(process_state(cat.pid.unwrap()), "T");
    assert_eq!(town.agent("deacon").pid, cat.pid);

    town.press("mayor", &["C-z"]);
    town.gt(&[
        "tmux",
        "resize-window",
        "-t",
        "=gt-mayor:",
        "-x",
        "50",
        "-y",
        "12",
    ])
    .ok();
    town.wait_for("a screen of the new size", || {
        let screen = town.screen("mayor");
        let rule = screen
            .lines()
            .find(|line| line.starts_with('─') || line.starts_with('_'));
        rule.is_some_and(|rule| rule.chars().count() == 49)
            .then_some(())
    });
    town.press("mayor", &["C-c"]);
    town.wait_for("the agent's own word on Ctrl-C", || {
        town.screen("mayor")
            .contains("Press Ctrl-C again")
            .then_some(())
    });
    assert_eq!(town.agent("mayor").incarnation, mayor.incarnation);
    town.press("mayor", &["C-c"]);
    town.wait_for_run("mayor", mayor.incarnation.as_deref());
    town.press("deacon", &["C-c"]);
    town.wait_for_run("deacon", cat.incarnation.as_deref());
}

/// Covers T1, F6, F9, F12, F41, F45: what a killed holder left behind is swept before its agent
/// runs again, once and in a session of its own, and a person's session whose name begins alike is
/// left alone.
#[test]
fn a_killed_holder_is_replaced_and_its_leftovers_are_swept() {
    let town = town("[restart]\nstop_grace = '100ms'\n");
    town.script(
        "deacon",
        "first: /ignore-term\nfirst: /setsid\nfirst: /daemonize\n",
    );
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let deacon = town.wait_for_run("deacon", None);
    let session = ["tmux", "new-session", "-d", "-s", "gt-deacon2"];
    town.gt(&[&session[..], &["sleep", "600"]].concat()).ok();
    town.wait_for("the leftovers", || {
        (processes_of(&town, "deacon").len() == 3).then_some(())
    });
    signal(deacon.holder_pid.unwrap(), Signal::KILL);
    let successor = town.wait_for_run("deacon", deacon.incarnation.as_deref());
    assert_ne!(successor.holder_pid, deacon.holder_pid);
    for left in processes_of(&town, "deacon") {
        assert_eq!(Some(left.incarnation), successor.incarnation);
    }
    assert_eq!((town.starts("deacon"), town.starts("mayor")), (2, 1));
    assert_eq!(town.agent("mayor").incarnation, mayor.incarnation);
    town.gt(&["tmux", "has-session", "-t", "=gt-deacon2"]).ok();
    let refused = town.gt(&["down"]).code(1);
    assert!(refused.contains("gt-deacon2"), "{refused}");
    town.gt(&["tmux", "kill-session", "-t", "=gt-deacon2"]).ok();
}

/// Covers F13, F40, F41: a program that emptied its environment is still its run: it is swept before a
/// successor starts when its holder was killed, shown without a daemon, and ended by `gt down`.
#[test]
fn a_program_without_a_mark_is_known_by_its_dead_holders_word() {
    let town = town(
        "[agents.bare]\ncommand = ['sh', '-c', \"trap '' HUP; exec env -i /bin/sleep 86399\"]\n\
         [roles.mayor]\nagent = 'bare'\n[restart]\nstop_grace = '100ms'\n",
    );
    town.gt(&["up"]).ok();
    let first = town.wait_for_run("mayor", None);
    signal(first.holder_pid.unwrap(), Signal::KILL);
    let second = town.wait_for_run("mayor", first.incarnation.as_deref());
    assert!(is_gone(first.pid.unwrap()));
    town.gt(&["daemon", "stop"]).ok();
    signal(second.holder_pid.unwrap(), Signal::KILL);
    let unheld = town.wait_for("the holder to be missed", || {
        let agent = town.agent("mayor");
        (agent.evidence[0] == "its holder is gone, and its program runs").then_some(agent)
    });
    assert_eq!((unheld.state, unheld.pid), (State::Unknown, second.pid));
    town.gt(&["down", "--wait", "2"]).ok();
    assert!(is_gone(second.pid.unwrap()));
}

/// Covers F12, F39, D23: what an agent started in a session of its own, with its environment emptied, ends
/// with its run.
#[test]
fn a_child_that_hides_whose_it_is_ends_with_its_run() {
    let town = town(
        "[agents.fork]\ncommand = ['sh', '-c', 'env -i setsid -f sleep 4321; exec sleep 9999']\n\
         [roles.mayor]\nagent = 'fork'\n[restart]\nstop_grace = '100ms'\nfirst_delay = '1ms'\n",
    );
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let children = |mayor: &gt_api::view::Agent| {
        let below = process::children(mayor.holder_pid.unwrap()).unwrap();
        (below.len() == 2).then_some(below)
    };
    let first = town.wait_for("its hidden child", || children(&mayor));
    signal(mayor.pid.unwrap(), Signal::KILL);
    let second = town.wait_for_run("mayor", mayor.incarnation.as_deref());
    assert!(first.iter().all(|child| is_gone(child.pid)));
    let second = town.wait_for("its second hidden child", || children(&second));
    town.gt(&["down"]).ok();
    assert!(second.iter().all(|child| is_gone(child.pid)));
}

/// Covers F13: what a killed holder left of a crew is left to a person, and a restart by one is the word
/// for it.
#[test]
fn what_is_left_of_a_crew_is_ended_by_a_persons_restart() {
    let town = town("[restart]\nstop_grace = '100ms'\n");
    town.rigs(&["gas"], &["max"]);
    town.script("gas/crew/max", "first: /ignore-term\nfirst: /setsid\n");
    town.gt(&["up"]).ok();
    town.gt(&["crew", "start", "gas/max"]).ok();
    let first = town.wait_for_run("gas/crew/max", None);
    town.wait_for("what it leaves", || {
        (processes_of(&town, "gas/crew/max").len() == 2).then_some(())
    });
    signal(first.holder_pid.unwrap(), Signal::KILL);
    let waiting =
        town.wait_for_waiting("gas/crew/max", "a person: its holder is gone and left pid");
    assert!(
        waiting
            .on
            .ends_with("a stop or restart of it ends what is left"),
        "{waiting:?}"
    );
    town.gt(&["crew", "restart", "gas/max"]).ok();
    let second = town.wait_for_run("gas/crew/max", first.incarnation.as_deref());
    for left in processes_of(&town, "gas/crew/max") {
        assert_eq!(Some(left.incarnation), second.incarnation);
    }
}

/// Covers F3: a start whose answer comes after its time is on record and counted all the same.
#[test]
fn a_start_that_is_answered_late_is_on_record() {
    let town = town("[restart]\nfirst_delay = '2s'\nstop_grace = '10ms'\n");
    town.gt(&["up"]).ok();
    let first = town.wait_for_run("mayor", None);
    signal(first.pid.unwrap(), Signal::KILL);
    town.wait_for_waiting("mayor", "restart back-off");
    // tmux has a program that was stopped go on at once.
    let stopped = [town.tmux_pid(), first.holder_pid.unwrap()];
    for pid in stopped {
        signal(pid, Signal::STOP);
    }
    town.wait_for("the daemon to give up", || {
        town.story().contains("did not answer within").then_some(())
    });
    for pid in stopped {
        signal(pid, Signal::CONT);
    }
    let second = town.wait_for_run("mayor", first.incarnation.as_deref());
    town.wait_for("its record", || {
        (town.events("started", "mayor") == 2).then_some(())
    });
    assert_eq!((second.restarts, town.starts("mayor")), (Some(1), 2));
}

/// Covers F40, F41: what an earlier run left is swept although its holder's file is gone or damaged: the
/// store knows which run it was.
#[test]
fn leftovers_of_a_run_without_a_readable_file_are_swept() {
    let town = town("[restart]\nstop_grace = '100ms'\n");
    town.script("deacon", "first: /ignore-term\nfirst: /setsid\n");
    town.script("mayor", "first: /ignore-term\nfirst: /setsid\n");
    town.gt(&["up"]).ok();
    let agents = ["deacon", "mayor"];
    let before = agents.map(|agent| town.wait_for_run(agent, None));
    for agent in agents {
        town.wait_for("the leftovers", || {
            (processes_of(&town, agent).len() == 2).then_some(())
        });
    }
    town.gt(&["daemon", "stop"]).ok();
    for agent in &before {
        signal(agent.holder_pid.unwrap(), Signal::KILL);
    }
    let file = |id| town.paths().holder_state(&id);
    fs_err::remove_file(file(gt_core::AgentId::Deacon)).unwrap();
    fs_err::write(file(gt_core::AgentId::Mayor), "{ half").unwrap();
    town.gt(&["daemon", "start"]).ok();
    for (agent, before) in agents.iter().zip(&before) {
        let after = town.wait_for_run(agent, before.incarnation.as_deref());
        for left in processes_of(&town, agent) {
            let run = Some(left.incarnation.clone());
            assert_eq!(run, after.incarnation, "{left:?}\n{}", town.story());
        }
        town.wait_for("its one fresh start", || {
            (town.starts(agent) == 2).then_some(())
        });
    }
}

/// Covers D23: a run that no holder's file tells of, since it is gone or damaged, is ended by `gt down`.
#[test]
fn down_ends_a_run_whose_holder_and_file_are_gone() {
    let town = town("");
    town.script("deacon", "/ignore-term\n/setsid\n");
    let file = town.paths().holder_state(&gt_core::AgentId::Deacon);
    for is_damaged in [false, true] {
        town.gt(&["up"]).ok();
        let deacon = town.wait_for_run("deacon", None);
        town.wait_for("the leftovers", || {
            (processes_of(&town, "deacon").len() == 2).then_some(())
        });
        town.gt(&["daemon", "stop"]).ok();
        let holder = deacon.holder_pid.unwrap();
        signal(holder, Signal::KILL);
        town.wait_for("its holder's end", || is_gone(holder).then_some(()));
        match is_damaged {
            true => fs_err::write(&file, "garbage").unwrap(),
            false => fs_err::remove_file(&file).unwrap(),
        }
        town.gt(&["down", "--wait", "1"]).ok();
        assert_eq!(town.marked(), []);
    }
}

/// Covers F6: when the tmux server dies, every session is made anew and every agent
/// started again, once.
#[test]
fn a_killed_tmux_server_costs_every_agent_one_restart() {
    let town = town("");
    town.gt(&["up"]).ok();
    let before = ["mayor", "deacon"].map(|agent| town.wait_for_run(agent, None));
    signal(town.tmux_pid(), Signal::KILL);
    for agent in &before {
        let successor = town.wait_for_run(&agent.id, agent.incarnation.as_deref());
        assert_ne!(
            successor.holder_pid,
            agent.holder_pid,
            "{}{}",
            town.journal(&agent.id),
            town.story()
        );
        town.wait_for("a drawn screen", || {
            town.screen(&agent.id)
                .contains("? for shortcuts")
                .then_some(())
        });
        assert_eq!(town.starts(&agent.id), 2, "{}", town.story());
        assert_eq!(processes_of(&town, &agent.id).len(), 1);
    }
}

/// The moments at which an agent's runs began, in milliseconds.
fn start_times(town: &TestTown, agent: &str) -> Vec<i64> {
    let journal = town.journal(agent);
    let starts = journal.lines().filter(|line| line.contains(" start "));
    starts
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

/// Covers F22, F23, F24, T13: the restarts of an agent that ends at once grow rarer, then stop with one
/// word to a person, whatever goes on beside it; a person's start tries again at once.
#[test]
fn a_crash_loop_grows_slower_stops_and_is_reset_by_a_person() {
    let policy =
        "[restart]\nbase = '100ms'\nfactor = 3.0\nmax = '10s'\nbudget = 4\nwindow = '60s'\n";
    let town = town(policy);
    town.gt(&["up"]).ok();
    let deacon = town.wait_for_run("deacon", None);
    let mayor = town.wait_for_run("mayor", None);
    town.script("mayor", "/exit 1\n");
    signal(mayor.pid.unwrap(), Signal::KILL);
    town.wait_for("an open circuit", || {
        (town.events("circuit_opened", "mayor") == 1).then_some(())
    });
    let crashed = start_times(&town, "mayor");
    let pauses: Vec<i64> = crashed.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let growing = pauses[1..].windows(2).all(|pair| pair[1] > 2 * pair[0]);
    assert!(growing, "{pauses:?} ms between starts");
    assert_eq!(town.events("escalation", "mayor"), 1);
    let inbox = town.gt(&["mail", "inbox"]).ok();
    assert!(inbox.contains("mayor needs you"), "{inbox}");
    let id = inbox.lines().nth(1).and_then(|line| line.split(' ').next());
    let mail = town.gt(&["mail", "read", id.unwrap()]).ok();
    for part in [
        "the last time, its run ended with exit code",
        "`gt up mayor` tries again",
    ] {
        assert!(mail.contains(part), "{mail}");
    }
    town.wait_for_waiting("mayor", "crash loop");

    // The deacon dies beside it, as the daemon does: neither opens the gate.
    signal(deacon.pid.unwrap(), Signal::KILL);
    town.wait_for_run("deacon", deacon.incarnation.as_deref());
    town.gt(&["daemon", "restart"]).ok();
    town.wait_for_waiting("mayor", "crash loop");
    assert_eq!(start_times(&town, "mayor"), crashed);
    assert_eq!(town.events("circuit_opened", "mayor"), 1);

    town.script("mayor", "");
    town.gt(&["mayor", "start"]).ok();
    town.wait_for_run("mayor", None);
    assert_eq!(town.events("escalation", "mayor"), 1);
    assert_eq!(town.starts("mayor"), crashed.len() + 1);
}

/// Covers F23: an agent that leaves the town and comes back has not got a new chance by it.
#[test]
fn a_circuit_stays_open_while_its_agent_is_away() {
    let town = town(
        "[restart]\nbudget = 2\nbase = '1ms'\nmax = '1ms'\n\
         [agents.short]\ncommand = ['false']\n[roles.witness]\nagent = 'short'\nrun = 'always'\n",
    );
    town.rigs(&["gas"], &[]);
    town.gt(&["up", "--wait", "0"]).code(1);
    let is_listed = || {
        let status = town.status();
        status
            .agents
            .into_iter()
            .find(|agent| agent.id == "gas/witness")
    };
    let wait_for_circuit = || {
        town.wait_for("the open circuit", || {
            let waiting = is_listed()?.waiting?;
            waiting.on.contains("crash loop").then_some(())
        });
    };
    wait_for_circuit();
    let starts = town.events("started", "gas/witness");
    town.rigs(&[], &[]);
    // Its seat is kept for as long as its holder lives.
    signal(is_listed().unwrap().holder_pid.unwrap(), Signal::KILL);
    town.wait_for("the witness to leave", || {
        is_listed().is_none().then_some(())
    });
    town.rigs(&["gas"], &[]);
    wait_for_circuit();
    assert_eq!(town.events("started", "gas/witness"), starts);
}

/// A daemon that dies over the request to end is as down as one that answered it.
#[test]
fn a_daemon_that_hangs_up_and_is_gone_is_down() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.gt(&["down"]).ok();
    let listener = UnixListener::bind(town.paths().daemon_socket()).unwrap();
    // What is connected to it is closed at once, as by a process that was killed.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let said = town.gt(&["down"]);
    assert!(said.stderr.contains("the town is down"), "{}", said.stderr);
    said.ok();
}

/// Covers F1, F40: a holder that lives is not buried because somebody removed its files: its agent is
/// left running, and no second one is begun.
#[test]
fn a_living_holder_without_any_file_is_left_alone() {
    let town = town("");
    town.gt(&["up"]).ok();
    let before = town.wait_for_run("mayor", None);
    town.gt(&["daemon", "stop"]).ok();
    fs_err::remove_dir_all(town.paths().holders()).unwrap();
    town.gt(&["daemon", "start"]).ok();
    town.wait_for_waiting("mayor", "its holder lives, and its files are gone");
    assert!(!is_gone(before.pid.unwrap()));
    assert_eq!(processes_of(&town, "mayor").len(), 1);
    town.gt(&["down", "--force"]).ok();
    assert_eq!(town.marked(), []);
}

/// Holders whose sockets somebody removed are found again by the next daemon.
#[test]
fn holders_whose_sockets_are_removed_are_adopted() {
    let town = town("");
    town.gt(&["up"]).ok();
    let before = town.wait_for_run("mayor", None);
    fs_err::remove_dir_all(town.paths().sockets()).unwrap();
    town.gt(&["daemon", "restart"]).ok();
    town.wait_for("the run to be adopted", || {
        (town.agent("mayor").incarnation == before.incarnation).then_some(())
    });
    town.gt(&["mayor", "restart"]).ok();
    assert_eq!(town.starts("mayor"), 2);
}

/// A store that is put in the place of the one that the daemon has open is the daemon's, too.
#[test]
fn a_store_that_is_replaced_is_read() {
    let town = town("");
    town.gt(&["up"]).ok();
    crate::prompt(&town, "mayor");
    let store = town.paths().store();
    for end in ["", "-wal", "-shm"] {
        let mut name = store.clone().into_os_string();
        name.push(end);
        fs_err::remove_file(name).unwrap();
    }
    let sent = ["nudge", "mayor", "-m", "a message", "--wait", "confirmed"];
    town.gt(&sent).ok();
}

/// A crew whose workspace was moved away while it runs can be looked at and stopped.
#[test]
fn a_crew_without_its_workspace_can_be_stopped() {
    let town = town("");
    town.rigs(&["rig"], &["ann"]);
    town.gt(&["up"]).ok();
    town.gt(&["crew", "start", "rig/ann"]).ok();
    let ann = town.wait_for_run("rig/crew/ann", None);
    fs_err::rename(town.root().join("rig/crew/ann"), town.beside().join("ann")).unwrap();
    town.gt(&["daemon", "restart"]).ok();
    town.gt(&["peek", "rig/crew/ann"]).ok();
    town.gt(&["crew", "stop", "rig/ann"]).ok();
    assert!(is_gone(ann.pid.unwrap()));
}
