//! Where the demo plays: a directory with a HOME, a git identity and a town of its own, driven
//! through the command line like any other.

use std::path::PathBuf;
use std::time::Duration;

use gt_api::view::{Agent, Event, Status};
use gt_core::AgentId;
use gt_host::command::{Output, Program};
use gt_testkit::scripted_agent;
use tempfile::TempDir;

use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _};
use crate::{printer, wait};

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(60);

/// How long the demo waits for something to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The stage, struck when the demo ends.
pub(super) struct Stage {
    gt: PathBuf,
    directory: TempDir,
}

impl Stage {
    /// Makes the directory. Its path is short, since it becomes part of socket names.
    pub(super) fn set() -> CliResult<Self> {
        let directory = tempfile::Builder::new()
            .prefix("gt-demo-")
            .tempdir_in("/tmp")
            .doing("make a directory for the demo")?;
        for name in ["home", "journal"] {
            fs_err::create_dir(directory.path().join(name)).doing("make the demo's directories")?;
        }
        Ok(Self {
            gt: Context::gt()?,
            directory,
        })
    }

    /// The town's root.
    pub(super) fn town(&self) -> String {
        self.path("town")
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Makes every agent the scripted one, and shortens the waits so that a demo shows them.
    pub(super) fn configure(&self) -> CliResult {
        let roles: String = ["mayor", "deacon", "witness", "refinery", "crew"]
            .iter()
            .map(|role| format!("[roles.{role}]\nagent = \"scripted\"\n"))
            .collect();
        let text = format!(
            "[poke]\nfresh = \"1s\"\nbase = \"5s\"\n\n[agents.scripted]\n\
             command = ['{gt}', 'simulate-agent', '--gt', '{gt}']\nready = '{ready}'\nblocked = '{blocked}'\n\
             env = {{ {variable} = '{journal}' }}\n\n{roles}",
            gt = self.gt.display(),
            ready = scripted_agent::READY,
            blocked = scripted_agent::BLOCKED,
            variable = scripted_agent::JOURNAL_VARIABLE,
            journal = self.path("journal"),
        );
        fs_err::write(PathBuf::from(self.town()).join("town.toml"), text)
            .doing("write the demo's configuration")
    }

    /// Makes a repository with one commit.
    pub(super) fn repository(&self) -> CliResult<String> {
        let path = self.path("toys.git");
        self.git(&["init", "--quiet", "--initial-branch=main", &path])?;
        self.git(&[
            "-C",
            &path,
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "Begin",
        ])?;
        Ok(path)
    }

    fn git(&self, arguments: &[&str]) -> CliResult {
        let program = self.environment(Program::new("git", self.directory.path(), COMMAND));
        program
            .args(arguments)
            .output()
            .doing("make the demo's repository")
            .map(drop)
    }

    /// A HOME and a git identity of the demo's own; nothing of the person's.
    fn environment(&self, program: Program) -> Program {
        program
            .only(&["PATH", "LANG", "TERM", "USER", "LOGNAME"])
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Demo")
            .env("GIT_AUTHOR_EMAIL", "demo@example.invalid")
            .env("GIT_COMMITTER_NAME", "Demo")
            .env("GIT_COMMITTER_EMAIL", "demo@example.invalid")
    }

    fn gt(&self, arguments: &[&str]) -> CliResult<Output> {
        let town = self.town();
        let mut words = Vec::new();
        if arguments.first() != Some(&"install") {
            words.extend(["--town", town.as_str()]);
        }
        words.extend(arguments);
        let program = self.environment(Program::new(&self.gt, self.directory.path(), COMMAND));
        program
            .args(words)
            .run()
            .doing(format!("run `gt {}`", arguments.join(" ")))
    }

    /// Begins a chapter.
    pub(super) fn title(&self, text: &str) {
        printer::data(format!("\n== {text}"));
    }

    /// Says a line of the story.
    pub(super) fn say(&self, text: &str) {
        printer::data(format!("   {text}"));
    }

    /// Runs a command, shows it with what it said, and ends the demo if it failed.
    pub(super) fn show(&self, arguments: &[&str]) -> CliResult {
        printer::data(format!("   $ gt {}", arguments.join(" ")));
        let output = self.gt(arguments)?;
        let said = format!(
            "{}{}",
            output.stderr,
            String::from_utf8_lossy(&output.stdout)
        );
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            printer::data(format!("     {}", shortened(line)));
        }
        if output.code == 0 {
            return Ok(());
        }
        Err(CliError::failed(format!(
            "`gt {}` ended with {}",
            arguments.join(" "),
            output.code
        )))
    }

    /// The town as `gt status --json` shows it.
    pub(super) fn status(&self) -> CliResult<Status> {
        let output = self.gt(&["status", "--json"])?;
        serde_json::from_slice(&output.stdout).doing("read the status")
    }

    /// One agent, once it runs.
    pub(super) fn running(&self, id: &str) -> CliResult<Agent> {
        self.until(&format!("a run of {id}"), || {
            Ok(self.agent(id)?.filter(|agent| agent.pid.is_some()))
        })
    }

    /// The agent's run that came after this one, if it is there.
    pub(super) fn run_after(&self, id: &str, before: &Agent) -> CliResult<Option<Agent>> {
        let agent = self.agent(id)?;
        Ok(agent.filter(|agent| agent.pid.is_some() && agent.incarnation != before.incarnation))
    }

    fn agent(&self, id: &str) -> CliResult<Option<Agent>> {
        Ok(self
            .status()?
            .agents
            .into_iter()
            .find(|agent| agent.id == id))
    }

    /// When the agent's programs began, on the monotonic clock, from their journal.
    pub(super) fn starts(&self, agent: &str) -> CliResult<Vec<Duration>> {
        let path = PathBuf::from(self.path("journal")).join(format!("{agent}.journal"));
        let journal = fs_err::read_to_string(path).doing("read an agent's journal")?;
        let nanoseconds = journal.lines().filter_map(|line| {
            let mut words = line.split(' ').skip(3);
            (words.next() == Some("start"))
                .then(|| words.next()?.parse().ok())
                .flatten()
        });
        Ok(nanoseconds.map(Duration::from_nanos).collect())
    }

    fn events(&self, agent: &str) -> CliResult<Vec<Event>> {
        let output = self.gt(&["events", "--json", "--since", "0"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let events: Result<Vec<Event>, _> = text.lines().map(serde_json::from_str).collect();
        let events = events.doing("read the events")?;
        Ok(events
            .into_iter()
            .filter(|event| event.agent.as_deref() == Some(agent))
            .collect())
    }

    /// Whether something of this kind happened to the agent.
    pub(super) fn has_event(&self, kind: &str, agent: &str) -> CliResult<bool> {
        Ok(self.events(agent)?.iter().any(|event| event.kind == kind))
    }

    /// Shows the events of these kinds.
    pub(super) fn show_events(&self, agent: &str, kinds: &[&str]) -> CliResult {
        for event in self.events(agent)? {
            if kinds.contains(&event.kind.as_str()) {
                self.say(&format!("{}  {}  {}", event.at, event.kind, event.text));
            }
        }
        Ok(())
    }

    /// Types a line into an agent's terminal, as a person who is attached would.
    pub(super) fn type_line(&self, agent: &str, line: &str) -> CliResult {
        let id = AgentId::from_canonical(agent).doing("name an agent")?;
        let target = format!("={}:", id.session_name());
        self.show(&["tmux", "send-keys", "-t", &target, "-l", "--", line])?;
        self.show(&["tmux", "send-keys", "-t", &target, "Enter"])
    }

    /// Waits until something is found, or ends the demo.
    pub(super) fn until<T>(
        &self,
        what: &str,
        mut found: impl FnMut() -> CliResult<Option<T>>,
    ) -> CliResult<T> {
        wait::until(PATIENCE, || found().transpose()).unwrap_or_else(|| {
            Err(CliError::failed(format!(
                "the demo failed: {what} did not happen"
            )))
        })
    }

    /// Ends what still runs and removes the directory, unless it is to be kept.
    pub(super) fn strike(self, keep: bool) -> CliResult {
        if PathBuf::from(self.town()).exists() {
            let output = self.gt(&["down", "--force"])?;
            if output.code != 0 {
                printer::talk(output.stderr);
            }
        }
        if keep {
            printer::data(format!("The town is kept at {}", self.town()));
            let _kept = self.directory.keep();
            return Ok(());
        }
        self.directory.close().doing("remove the demo's directory")
    }
}

/// A line that fits a terminal: screens of agents are 200 columns wide.
fn shortened(line: &str) -> String {
    const WIDTH: usize = 100;
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_line_is_cut_at_a_character() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"─".repeat(200)).chars().count(), 101);
    }
}
