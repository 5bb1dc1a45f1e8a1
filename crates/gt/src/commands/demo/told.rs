//! What the demo does on its stage, and how it tells of it.

use std::path::PathBuf;
use std::time::Duration;

use gt_core::AgentId;
use gt_testkit::scripted_agent;

use super::Stage;
use crate::error::{CliError, CliResult, Doing as _};
use crate::printer;

impl Stage {
    /// Makes every agent the scripted one, and shortens the waits so that a demo shows them.
    pub(super) fn configure(&self) -> CliResult {
        let roles: String = ["mayor", "deacon", "witness", "refinery", "crew"]
            .iter()
            .map(|role| format!("[roles.{role}]\nagent = \"scripted\"\n"))
            .collect();
        self.write_config(&format!(
            "[poke]\nfresh = \"1s\"\nbase = \"5s\"\n\n[agents.scripted]\n\
             command = ['{gt}', 'simulate-agent', '--gt', '{gt}']\nready = '{ready}'\nblocked = '{blocked}'\n\
             env = {{ {variable} = '{journal}' }}\n\n{roles}",
            gt = self.program(),
            ready = scripted_agent::READY,
            blocked = scripted_agent::BLOCKED,
            variable = scripted_agent::JOURNAL_VARIABLE,
            journal = self.path("journal"),
        ))
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
        self.shown(arguments).map(drop)
    }

    /// [`show`](Self::show), and what it said.
    pub(super) fn shown(&self, arguments: &[&str]) -> CliResult<String> {
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
            return Ok(said);
        }
        Err(CliError::failed(format!(
            "`gt {}` ended with {}",
            arguments.join(" "),
            output.code
        )))
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

    /// The daemon's pid.
    pub(super) fn daemon(&self) -> CliResult<u32> {
        let daemon = self.status()?.daemon.pid;
        daemon.ok_or_else(|| CliError::failed("the demo failed: no daemon runs"))
    }

    /// The pid of the town's tmux server.
    pub(super) fn tmux_server(&self) -> CliResult<u32> {
        let said = self.gt_well(&["tmux", "display-message", "-p", "#{pid}"])?;
        let pid = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        pid.parse().doing("read the pid of the tmux server")
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
