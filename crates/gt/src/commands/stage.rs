//! A town of its own, to show or try something in: a directory with a HOME and a git identity,
//! driven through the command line like any other.

use std::path::PathBuf;
use std::time::Duration;

use gt_api::view::{Agent, Event, Status};
use gt_host::command::{Output, Program};
use gt_host::interrupt::Interrupt;
use tempfile::TempDir;

use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::{printer, wait};

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(60);

/// How long something is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The stage, struck at the end.
pub(super) struct Stage {
    gt: PathBuf,
    directory: TempDir,
    /// Ctrl-C ends what is being done, and the stage is struck all the same.
    interrupt: Interrupt,
}

impl Stage {
    /// Makes the directory. Its path is short, since it becomes part of socket names.
    pub(super) fn set(prefix: &str) -> CliResult<Self> {
        let directory = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in("/tmp")
            .doing("make a directory for the town")?;
        for name in ["home", "journal"] {
            fs_err::create_dir(directory.path().join(name)).doing("make the town's directories")?;
        }
        Ok(Self {
            gt: Context::gt()?,
            directory,
            interrupt: Interrupt::watch().doing("watch for Ctrl-C")?,
        })
    }

    /// This program.
    pub(super) fn program(&self) -> String {
        self.gt.display().to_string()
    }

    /// The town's root.
    pub(super) fn town(&self) -> String {
        self.path("town")
    }

    /// A path in its directory: `home` and `journal` are there.
    pub(super) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Replaces the town's configuration.
    pub(super) fn write_config(&self, text: &str) -> CliResult {
        fs_err::write(PathBuf::from(self.town()).join("town.toml"), text)
            .doing("write the town's configuration")
    }

    pub(super) fn git(&self, arguments: &[&str]) -> CliResult {
        let program = self.environment(Program::new("git", self.directory.path(), COMMAND));
        let made = program.args(arguments).output();
        self.unless_interrupted(made.doing("make a repository"))
            .map(drop)
    }

    /// A HOME and a git identity of its own; nothing of the person's.
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

    /// Runs a command in the town, whatever its exit code.
    pub(super) fn gt(&self, arguments: &[&str]) -> CliResult<Output> {
        let program = self.command(arguments);
        let ended = program.interrupted_by(Some(&self.interrupt)).run();
        self.unless_interrupted(ended.doing(format!("run `gt {}`", arguments.join(" "))))
    }

    fn command(&self, arguments: &[&str]) -> Program {
        let town = self.town();
        let mut words = Vec::new();
        if arguments.first() != Some(&"install") {
            words.extend(["--town", town.as_str()]);
        }
        words.extend(arguments);
        self.environment(Program::new(&self.gt, self.directory.path(), COMMAND))
            .args(words)
    }

    /// What came of something, or that a person ended it.
    fn unless_interrupted<T>(&self, ended: CliResult<T>) -> CliResult<T> {
        match self.interrupt.has_come() {
            true => Err(CliError::new(Kind::Interrupted, "interrupted")),
            false => ended,
        }
    }

    /// Runs a command that must go well.
    pub(super) fn gt_well(&self, arguments: &[&str]) -> CliResult<Output> {
        let output = self.gt(arguments)?;
        if output.code == 0 {
            return Ok(output);
        }
        let line = arguments.join(" ");
        let said = output.stderr.trim();
        Err(CliError::failed(format!(
            "`gt {line}` ended with {}: {said}",
            output.code
        )))
    }

    /// The town as `gt status --json` shows it.
    pub(super) fn status(&self) -> CliResult<Status> {
        let output = self.gt(&["status", "--json"])?;
        serde_json::from_slice(&output.stdout).doing("read the status")
    }

    /// One agent as the status shows it.
    pub(super) fn agent(&self, id: &str) -> CliResult<Option<Agent>> {
        Ok(self
            .status()?
            .agents
            .into_iter()
            .find(|agent| agent.id == id))
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

    /// What happened to an agent.
    pub(super) fn events(&self, agent: &str) -> CliResult<Vec<Event>> {
        self.events_since(agent, 0)
    }

    /// What happened to an agent after the event of this number.
    pub(super) fn events_since(&self, agent: &str, seq: i64) -> CliResult<Vec<Event>> {
        let output = self.gt(&["events", "--json", "--since", &seq.to_string()])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let events: Result<Vec<Event>, _> = text.lines().map(serde_json::from_str).collect();
        let events = events.doing("read the events")?;
        Ok(events
            .into_iter()
            .filter(|event| event.agent.as_deref() == Some(agent))
            .collect())
    }

    /// Waits until something is found; an error that names it otherwise.
    pub(super) fn until<T>(
        &self,
        what: &str,
        mut found: impl FnMut() -> CliResult<Option<T>>,
    ) -> CliResult<T> {
        let looked = || self.unless_interrupted(found()).transpose();
        wait::until(PATIENCE, looked)
            .unwrap_or_else(|| Err(CliError::failed(format!("{what} did not happen"))))
    }

    /// Ends what still runs and removes the directory, unless it is to be kept. An error when a
    /// person interrupted it.
    pub(super) fn strike(self, keep: bool) -> CliResult {
        if PathBuf::from(self.town()).exists() {
            let down = self.command(&["down", "--force"]).run();
            let output = down.doing("bring the town down")?;
            if output.code != 0 {
                let why = output.stderr.trim().to_owned();
                return Err(
                    CliError::failed(format!("the town did not come down: {why}")).hint(format!(
                        "what is left is at {}",
                        self.directory.keep().display()
                    )),
                );
            }
        }
        if keep {
            printer::data(format!("The town is kept at {}", self.town()));
            let _kept = self.directory.keep();
        } else {
            let removed = self.directory.close();
            removed.doing("remove the town's directory")?;
        }
        match self.interrupt.has_come() {
            true => Err(CliError::new(Kind::Interrupted, "interrupted")),
            false => Ok(()),
        }
    }
}
