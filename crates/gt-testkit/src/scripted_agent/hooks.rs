//! The hooks of an agent's settings: shell lines that it calls at the events of its session, with
//! the event as JSON, as Claude Code does.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Stdio;

use gt_host::environment::{self, GT_INCARNATION};
use serde::Deserialize;
use serde_json::json;

/// What is called at which event; nothing without settings.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    lines: BTreeMap<String, Vec<String>>,
    session: String,
}

/// What a hook wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The model shall read this, too.
    Context(String),
    /// The turn shall go on with this.
    GoOn(String),
}

#[derive(Deserialize)]
struct Settings {
    hooks: BTreeMap<String, Vec<Group>>,
}

#[derive(Deserialize)]
struct Group {
    hooks: Vec<Hook>,
}

#[derive(Deserialize)]
struct Hook {
    command: String,
}

impl Hooks {
    /// Reads a file of settings. The session has the name of the run in which it began.
    pub(super) fn read(file: &Path, resumed: Option<&OsStr>) -> io::Result<Self> {
        let settings: Settings = serde_json::from_slice(&fs_err::read(file)?)?;
        let lines = settings.hooks.into_iter().map(|(event, groups)| {
            let hooks = groups.into_iter().flat_map(|group| group.hooks);
            (event, hooks.map(|hook| hook.command).collect())
        });
        Ok(Self {
            lines: lines.collect(),
            session: resumed
                .map(|session| session.to_string_lossy().into_owned())
                .or_else(|| environment::variable(GT_INCARNATION))
                .unwrap_or_default(),
        })
    }

    /// Calls the hooks of an event one after the other, in a turn that one of them prolonged or not. One
    /// that fails wants nothing.
    pub(super) fn call(&self, event: &str, prolonged: bool) -> Vec<Wish> {
        let told = json!({
            "hook_event_name": event,
            "session_id": self.session,
            "stop_hook_active": prolonged,
        });
        let told = told.to_string();
        let lines = self.lines.get(event).into_iter().flatten();
        let answers = lines.filter_map(|line| answer(line, &told).ok());
        answers.filter_map(|answer| wish(&answer)).collect()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "gt_host::command gives a program nothing to read"
)]
fn answer(line: &str, told: &str) -> io::Result<Vec<u8>> {
    let mut shell = std::process::Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = shell.stdin.take() {
        stdin.write_all(told.as_bytes())?;
    }
    Ok(shell.wait_with_output()?.stdout)
}

fn wish(answer: &[u8]) -> Option<Wish> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    if answer["decision"] == "block" {
        return text(&answer["reason"]).map(Wish::GoOn);
    }
    text(&answer["hookSpecificOutput"]["additionalContext"]).map(Wish::Context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_gets_the_event_and_says_what_it_wants() {
        let directory = tempfile::tempdir().unwrap();
        let (file, told) = (
            directory.path().join("s.json"),
            directory.path().join("told"),
        );
        let stop = format!(
            "cat > {}; echo '{{\"decision\":\"block\",\"reason\":\"more\"}}'",
            told.display()
        );
        let settings = json!({ "hooks": {
            "Stop": [{ "hooks": [{ "type": "command", "command": stop }] }],
            "SessionStart": [{ "hooks": [{ "type": "command", "command": "exit 1" }] }],
        }});
        fs_err::write(&file, settings.to_string()).unwrap();
        let hooks = Hooks::read(&file, None).unwrap();
        assert_eq!(hooks.call("Stop", false), [Wish::GoOn("more".to_owned())]);
        assert!(fs_err::read_to_string(told).unwrap().contains("\"Stop\""));
        assert_eq!(hooks.call("SessionStart", false), []);
        assert_eq!(hooks.call("Other", false), []);
    }
}
