//! The town goes on, whatever is killed, and whenever.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gt_core::ProcessId;
use gt_host::clock;
use gt_host::process::{self, Signal};
use gt_store::Store;
use gt_testkit::town::{Marked, TestTown, signal};

use crate::poke::post;
use crate::town;

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
fn run_daemon(town: &TestTown) -> Child {
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

/// Covers F20, F25, F34, F74, D14, D19, D20, L6, L7: the daemon is killed a hundred times, at any
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
        town.gt(&["daemon", "start"]).ok();
        over.store(true, Ordering::Relaxed);
        restarts.join().unwrap()
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
