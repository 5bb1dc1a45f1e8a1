//! The environment of agents: taken by an allow-list from a person's, kept for their eyes only,
//! and completed for each agent.
//!
//! No value is ever shown: what prints these types for a log prints names.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;

use gt_core::{AgentId, IncarnationId, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::environment::{
    GT_AGENT, GT_CREW, GT_INCARNATION, GT_POLECAT, GT_RIG, GT_ROLE, GT_TOWN, is_mark,
};
use crate::json_file::{self, JsonFileError};
use crate::paths::TownPaths;
use crate::roster::SeatSpec;

/// What every agent gets: enough to find its programs, its home, its language and its keys.
const USUAL: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "LC_*",
    "SHELL",
    "TERM",
    "USER",
    "LOGNAME",
    "TZ",
    "SSH_AUTH_SOCK",
];

/// Variables with their values. Its `Debug` form has the names only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Variables(BTreeMap<String, String>);

/// The environment taken from a person's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// When.
    #[serde(with = "crate::gotime::serde")]
    pub at: Option<Timestamp>,
    /// What.
    pub variables: Variables,
}

/// What an agent is started with besides its seat.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// The directory of the running `gt`, which comes first in `PATH`: agents call the gt that
    /// runs them, not another version.
    pub gt_directory: &'a Path,
    /// Which run it will be.
    pub incarnation: IncarnationId,
    /// The terminal that tmux is, of [`terminal`].
    pub terminal: &'a str,
}

/// How one variable differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// How.
    pub change: Change,
}

/// How a variable differs from the captured one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is set now and was not.
    Added,
    /// It was set and is not now.
    Removed,
    /// Its value is another.
    Changed,
}

impl Captured {
    /// Takes what `config` allows from `environment`: the usual, `[env] pass`, and what the
    /// programs of the roles need. A value that is not UTF-8 cannot be kept and is left out.
    pub fn take(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        config: &Config,
        now: Timestamp,
    ) -> Self {
        let of_roles = Role::ALL
            .iter()
            .flat_map(|role| &config.role(*role).agent.pass);
        let allowed = Allowed::new(config.pass.iter().chain(of_roles));
        let variables = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| allowed.has(name))
            .collect();
        Self {
            at: Some(now),
            variables: Variables(variables),
        }
    }

    /// Reads what was kept; none when nothing was.
    ///
    /// # Errors
    /// [`JsonFileError`].
    pub fn read(paths: &TownPaths) -> Result<Option<Self>, JsonFileError> {
        json_file::read(&paths.captured_environment())
    }

    /// Keeps it, for its owner only.
    ///
    /// # Errors
    /// [`JsonFileError::Io`].
    pub fn write(&self, paths: &TownPaths) -> Result<(), JsonFileError> {
        let text = json_file::text(self);
        crate::atomic::write_private(&paths.captured_environment(), text.as_bytes())
            .map_err(JsonFileError::Io)
    }

    /// The whole environment of one agent's program. It gets what its own program needs, not what
    /// other programs of the town do.
    pub fn for_agent(
        &self,
        seat: &SeatSpec,
        config: &Config,
        paths: &TownPaths,
        launch: Launch<'_>,
    ) -> Variables {
        let allowed = Allowed::new(config.pass.iter().chain(&seat.preset.pass));
        let captured = self
            .variables
            .0
            .iter()
            .filter(|(name, _)| allowed.has(name));
        let mut variables: BTreeMap<String, String> = captured
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        variables.extend(seat.preset.env.clone());
        let path = variables.get("PATH").map_or("", String::as_str);
        variables.insert("PATH".to_owned(), path_with(launch.gt_directory, path));
        variables.insert("TERM".to_owned(), launch.terminal.to_owned());
        let own = identity(&seat.agent, paths, launch.incarnation);
        variables.extend(
            own.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        Variables(variables)
    }
}

impl Variables {
    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How `now` differs from these, by name: never what a value was or is.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let names: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let change = |name: &String| match (self.0.get(name), now.0.get(name)) {
            (None, _) => Some(Change::Added),
            (_, None) => Some(Change::Removed),
            (before, after) => (before != after).then_some(Change::Changed),
        };
        names
            .into_iter()
            .filter_map(|name| {
                Some(Difference {
                    name: name.clone(),
                    change: change(name)?,
                })
            })
            .collect()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The terminal that programs in tmux are told they have: tmux's own entry where the host has it,
/// the older one that every host has otherwise.
pub fn terminal() -> &'static str {
    const ENTRIES: &[&str] = &[
        "/etc/terminfo/t/tmux-256color",
        "/lib/terminfo/t/tmux-256color",
        "/usr/share/terminfo/t/tmux-256color",
        // macOS names the directory by the letter's code.
        "/usr/share/terminfo/74/tmux-256color",
    ];
    match ENTRIES.iter().any(|entry| Path::new(entry).exists()) {
        true => "tmux-256color",
        false => "screen-256color",
    }
}

/// The directory of this program's file.
///
/// # Errors
/// What the system said; the file of a running program may be gone.
pub fn own_directory() -> io::Result<std::path::PathBuf> {
    let program = std::env::current_exe()?;
    let directory = program.parent().map(Path::to_owned);
    directory.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// Names that may pass. Marks of an agent or a tmux pane never do, whatever is asked for.
struct Allowed<'a>(Vec<&'a str>);

impl<'a> Allowed<'a> {
    fn new(asked: impl Iterator<Item = &'a String>) -> Self {
        Self(
            USUAL
                .iter()
                .copied()
                .chain(asked.map(String::as_str))
                .collect(),
        )
    }

    fn has(&self, name: &str) -> bool {
        let fits = |pattern: &&str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        };
        !is_mark(name.as_ref()) && self.0.iter().any(fits)
    }
}

/// `PATH` with `first` before everything else, once.
fn path_with(first: &Path, path: &str) -> String {
    let first = first.to_string_lossy();
    let others = path
        .split(':')
        .filter(|entry| !entry.is_empty() && *entry != first);
    std::iter::once(first.as_ref())
        .chain(others)
        .collect::<Vec<_>>()
        .join(":")
}

/// Who the agent is, in this program's variables and the original's.
///
/// The issue tracker of a rig is the one in the rig's own directory for every agent: the original
/// gave the refinery that of a clone (M28).
fn identity(
    agent: &AgentId,
    paths: &TownPaths,
    incarnation: IncarnationId,
) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        (GT_TOWN, paths.root().display().to_string()),
        (GT_AGENT, agent.to_string()),
        (GT_ROLE, agent.role().to_string()),
        (GT_INCARNATION, incarnation.to_string()),
    ];
    variables.extend(agent.rig().map(|rig| (GT_RIG, rig.to_string())));
    match agent {
        AgentId::Mayor | AgentId::Deacon | AgentId::Witness(_) => {}
        AgentId::Crew(_, name) => variables.push((GT_CREW, name.to_string())),
        AgentId::Refinery(rig) => {
            variables.push(("GT_REFINERY", "1".to_owned()));
            variables.extend(beads(paths, rig.as_str(), "refinery"));
        }
        AgentId::Polecat(rig, name) => {
            variables.push((GT_POLECAT, name.to_string()));
            variables.extend(beads(paths, rig.as_str(), name.as_str()));
        }
    }
    variables
}

fn beads(paths: &TownPaths, rig: &str, name: &str) -> [(&'static str, String); 3] {
    let directory = paths.root().join(rig).join(".beads");
    [
        ("BEADS_DIR", directory.display().to_string()),
        ("BEADS_NO_DAEMON", "1".to_owned()),
        ("BEADS_AGENT_NAME", format!("{rig}/{name}")),
    ]
}

#[cfg(test)]
mod tests;
