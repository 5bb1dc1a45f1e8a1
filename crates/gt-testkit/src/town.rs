//! A town of its own for a test: real `gt`, real tmux on a private socket, scripted agents, and
//! nothing of it left when the test ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use gt_api::view::{Agent, State, Status, Waiting};
use gt_core::{AgentId, ProcessId, Role};
use gt_host::paths::TownPaths;
use gt_host::process::{self, Signal};
use gt_host::{clock, holder};
use tempfile::TempDir;

use crate::scripted_agent;

/// How long a test waits for something to come true before it fails. Far above what anything here
/// takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A town that ends with the value.
#[derive(Debug)]
pub struct TestTown {
    gt: PathBuf,
    directory: TempDir,
    root: PathBuf,
}

/// A living process that was started with the marks of an agent of the town.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// Which.
    pub process: ProcessId,
    /// Whose, as its environment says.
    pub agent: String,
    /// Of which run.
    pub incarnation: String,
}

/// What a command ended with.
#[derive(Debug)]
#[must_use = "assert how the command ended"]
pub struct Finished {
    /// The command line, for messages.
    pub line: String,
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl TestTown {
    /// Makes a town whose agents are all the scripted one, with these tables added to its
    /// town.toml. `gt` is the binary under test.
    pub fn new(gt: &Path, tables: &str) -> Self {
        // A short path: it becomes part of socket names.
        let directory = tempfile::Builder::new()
            .prefix("gt")
            .tempdir()
            .expect("a directory for the town");
        let root = directory.path().join("t");
        let town = Self {
            gt: gt.to_owned(),
            directory,
            root,
        };
        for made in ["home", "journal", "script"] {
            fs_err::create_dir(town.directory.path().join(made))
                .expect("a directory of the town's");
        }
        gt_host::town::install(&gt_host::town::Install {
            path: town.root.clone(),
            name: Some("test".to_owned()),
            force: false,
            instructions: None,
            now: clock::now(),
        })
        .expect("a town can be made");
        town.configure(tables);
        town
    }

    /// The scripted agent, with a journal and a script of its own for each seat.
    fn agent_table(&self) -> String {
        let journal = self.directory.path().join("journal");
        let script = self.directory.path().join("script");
        format!(
            "[agents.scripted]\ncommand = ['{gt}', 'simulate-agent', '--gt', '{gt}']\nready = '{ready}'\nblocked = '{blocked}'\npasted = '{pasted}'\nsettle = '20ms'\n\
             env = {{ {journal_variable} = '{journal}', {script_variable} = '{script}' }}\n",
            gt = self.gt.display(),
            ready = scripted_agent::READY,
            blocked = scripted_agent::BLOCKED,
            pasted = scripted_agent::PASTED,
            journal_variable = scripted_agent::JOURNAL_VARIABLE,
            journal = journal.display(),
            script_variable = scripted_agent::SCRIPT_VARIABLE,
            script = script.display(),
        )
    }

    /// The town's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory of the test's own, beside the town.
    pub fn beside(&self) -> &Path {
        self.directory.path()
    }

    /// Gives an agent's program a script to run at each start.
    pub fn script(&self, agent: &str, lines: &str) {
        let name = format!("{}.script", agent.replace('/', "+"));
        fs_err::write(self.directory.path().join("script").join(name), lines).expect("a script");
    }

    /// The journal of an agent's program; empty before its first start.
    pub fn journal(&self, agent: &str) -> String {
        let name = format!("{}.journal", agent.replace('/', "+"));
        fs_err::read_to_string(self.directory.path().join("journal").join(name)).unwrap_or_default()
    }

    /// How often an agent's program was started.
    pub fn starts(&self, agent: &str) -> usize {
        self.journal(agent)
            .lines()
            .filter(|line| line.split(' ').nth(3) == Some("start"))
            .count()
    }

    /// Runs `gt` in the town, as a person would.
    pub fn gt(&self, arguments: &[&str]) -> Finished {
        self.run_in(&self.root, arguments)
    }

    /// Runs `gt` in another directory.
    pub fn run_in(&self, directory: &Path, arguments: &[&str]) -> Finished {
        let output = self
            .command(directory)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("gt can be started");
        Finished {
            line: format!("gt {}", arguments.join(" ")),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// `gt` with an environment of its own, for a test that starts it in its own way.
    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test, with nothing inherited"
    )]
    pub fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.gt);
        command
            .current_dir(directory)
            .env_clear()
            .env("HOME", self.directory.path().join("home"))
            .env("TMUX_TMPDIR", self.directory.path())
            .env(
                "PATH",
                gt_host::environment::variable("PATH").unwrap_or_default(),
            )
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Test")
            .env("GIT_AUTHOR_EMAIL", "test@example.invalid")
            .env("GIT_COMMITTER_NAME", "Test")
            .env("GIT_COMMITTER_EMAIL", "test@example.invalid");
        command
    }

    /// The town as `gt status --json` shows it.
    pub fn status(&self) -> Status {
        let finished = self.gt(&["status", "--json"]).ok();
        serde_json::from_str(&finished).expect("`gt status --json` prints a status")
    }

    /// One agent as `gt status --json` shows it.
    pub fn agent(&self, id: &str) -> Agent {
        let status = self.status();
        let found = status.agents.into_iter().find(|agent| agent.id == id);
        found.unwrap_or_else(|| panic!("no agent {id} in the status"))
    }

    /// Waits until `found` finds something, and fails the test with the town's events otherwise.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let deadline = clock::monotonic() + PATIENCE;
        loop {
            if let Some(thing) = found() {
                return thing;
            }
            assert!(
                clock::monotonic() < deadline,
                "{what} did not come true\n{}",
                self.story()
            );
            clock::pause(Duration::from_millis(5));
        }
    }

    /// Waits until an agent's program runs with an incarnation other than `before`.
    #[track_caller]
    pub fn wait_for_run(&self, id: &str, before: Option<&str>) -> Agent {
        self.wait_for(&format!("a run of {id}"), || {
            let agent = self.agent(id);
            let fresh = agent.pid.is_some() && agent.incarnation.as_deref() != before;
            fresh.then_some(agent)
        })
    }

    /// Waits until an agent is in a state.
    #[track_caller]
    pub fn wait_for_state(&self, id: &str, state: State) -> Agent {
        self.wait_for(&format!("{id} in state {state:?}"), || {
            Some(self.agent(id)).filter(|agent| agent.state == state)
        })
    }

    /// Waits until an agent waits on something that is told with these words.
    #[track_caller]
    pub fn wait_for_waiting(&self, id: &str, on: &str) -> Waiting {
        self.wait_for(&format!("{id} waiting on {on}"), || {
            self.agent(id)
                .waiting
                .filter(|waiting| waiting.on.contains(on))
        })
    }

    /// Types a line into an agent's terminal and presses Enter, as a person who is attached would.
    pub fn type_line(&self, id: &str, line: &str) {
        let session = AgentId::from_canonical(id)
            .expect("an agent's id")
            .session_name();
        let target = format!("={session}:");
        self.gt(&["tmux", "send-keys", "-t", &target, "-l", "--", line])
            .ok();
        self.gt(&["tmux", "send-keys", "-t", &target, "Enter"]).ok();
    }

    /// Presses keys, by tmux's names, in an agent's terminal.
    pub fn press(&self, id: &str, keys: &[&str]) {
        let session = AgentId::from_canonical(id)
            .expect("an agent's id")
            .session_name();
        let target = format!("={session}:");
        self.gt(&[&["tmux", "send-keys", "-t", &target], keys].concat())
            .ok();
    }

    /// The process of the town's tmux server.
    pub fn tmux_pid(&self) -> u32 {
        let pid = self.gt(&["tmux", "display-message", "-p", "#{pid}"]).ok();
        pid.trim().parse().expect("tmux knows its pid")
    }

    /// What an agent's screen shows.
    pub fn screen(&self, id: &str) -> String {
        self.gt(&["peek", id]).ok()
    }

    /// What happened in the town, for a failing test.
    pub fn story(&self) -> String {
        let events = self.gt(&["events", "-n", "80"]);
        let status = self.gt(&["status"]);
        format!(
            "{}{}{}{}",
            status.stdout, status.stderr, events.stdout, events.stderr
        )
    }

    /// How many events of a kind there are of an agent.
    pub fn events(&self, kind: &str, agent: &str) -> usize {
        let finished = self.gt(&["events", "--json", "--since", "0"]).ok();
        finished
            .lines()
            .map(|line| serde_json::from_str::<gt_api::view::Event>(line).expect("an event a line"))
            .filter(|event| event.kind == kind && event.agent.as_deref() == Some(agent))
            .count()
    }

    /// The town's files.
    pub fn paths(&self) -> TownPaths {
        TownPaths::new(&self.root)
    }

    /// Writes these tables to town.toml, with those of the scripted agent. A `[roles.ROLE]` among
    /// them need not name the agent.
    pub fn configure(&self, tables: &str) {
        let text = format!("{}\n{}", self.agent_table(), with_agents(tables));
        fs_err::write(self.root.join("town.toml"), text).expect("the town's configuration");
    }

    /// Registers rigs, each with the directories of its agents and of this crew.
    pub fn rigs(&self, rigs: &[&str], crew: &[&str]) {
        let entries: Vec<String> = rigs
            .iter()
            .map(|rig| {
                format!(r#""{rig}": {{"git_url": "/nowhere", "added_at": "2025-12-01T00:00:00Z"}}"#)
            })
            .collect();
        let registry = format!(r#"{{"version": 1, "rigs": {{{}}}}}"#, entries.join(", "));
        for rig in rigs {
            let seats = ["witness".to_owned(), "refinery/rig".to_owned()];
            let workspaces = crew.iter().map(|name| format!("crew/{name}"));
            for directory in seats.into_iter().chain(workspaces) {
                fs_err::create_dir_all(self.root.join(rig).join(directory))
                    .expect("a directory of the rig's");
            }
        }
        fs_err::write(self.paths().rigs_json(), registry).expect("the registry");
    }

    /// Every living process that carries an agent's marks of this town, agents' children included.
    pub fn marked(&self) -> Vec<Marked> {
        let town = self.root.display().to_string();
        let table = process::table().expect("the process table");
        let marked = table.into_iter().filter_map(|facts| {
            // A process that ends while it is looked at carries no mark any more.
            let environment = fs_err::read(format!("/proc/{}/environ", facts.id.pid)).ok()?;
            let environment = String::from_utf8_lossy(&environment);
            let value = |name: &str| {
                environment
                    .split('\0')
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                    .map(str::to_owned)
            };
            (value("GT_TOWN")? == town).then_some(())?;
            Some(Marked {
                process: facts.id,
                agent: value("GT_AGENT")?,
                incarnation: value("GT_INCARNATION")?,
            })
        });
        marked.collect()
    }

    /// The pid of an agent's program, as its holder says, whether or not a daemon runs.
    pub fn pid(&self, id: &str) -> Option<u32> {
        let agent = AgentId::from_canonical(id).expect("an agent's id");
        let report = holder::read_state_file(&self.paths(), &agent).ok()??;
        let process = report.process.filter(|_| report.exit.is_none())?;
        Some(process.pid)
    }

    /// The daemon's pid.
    pub fn daemon_pid(&self) -> u32 {
        self.status().daemon.pid.expect("the daemon runs")
    }
}

/// Tables that make every role's agent the scripted one.
fn with_agents(tables: &str) -> String {
    let mut tables = tables.to_owned();
    for role in Role::ALL {
        let header = format!("[roles.{role}]\n");
        let table = format!("{header}agent = \"scripted\"\n");
        if tables.contains(&format!("{header}agent")) {
            continue;
        }
        if tables.contains(&header) {
            tables = tables.replace(&header, &table);
        } else {
            tables.push_str(&format!("\n{table}"));
        }
    }
    tables
}

/// Sends a signal to a process that must be there.
#[track_caller]
pub fn signal(pid: u32, signal: Signal) {
    let process = process::identify(pid)
        .expect("the process table")
        .unwrap_or_else(|| panic!("process {pid} is not there"));
    // One that ends in this instant has no need of it.
    process::signal(process, signal).expect("a process of one's own may be signalled");
}

/// Whether nothing runs under this pid.
pub fn is_gone(pid: u32) -> bool {
    process::identify(pid).expect("the process table").is_none()
}

impl Finished {
    /// It ended with 0, and printed this; fails the test with all it said otherwise.
    #[track_caller]
    pub fn ok(self) -> String {
        self.assert_code(0);
        self.stdout
    }

    /// It ended with this code, and said this on standard error; fails the test with all it said
    /// otherwise.
    #[track_caller]
    pub fn code(self, code: i32) -> String {
        self.assert_code(code);
        self.stderr
    }

    #[track_caller]
    fn assert_code(&self, code: i32) {
        assert_eq!(
            self.code, code,
            "{}\n{}{}",
            self.line, self.stdout, self.stderr
        );
    }
}

impl Drop for TestTown {
    /// Ends whatever the test left, by the town's own means and then by its holders' files.
    fn drop(&mut self) {
        if !self.root.exists() {
            return;
        }
        let down = self.gt(&["down", "--force", "--wait", "10"]);
        if down.code != 0 && !std::thread::panicking() {
            let said = format!("{}{}", down.stdout, down.stderr);
            panic!("the town did not come down:\n{said}");
        }
    }
}
