//! What a shell offers where a name is wanted: the agents, rigs and keys that there are now.
//!
//! Only files are read, so that a key press waits for nobody; what cannot be read offers nothing.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use gt_core::{AgentId, Roll};
use gt_host::config::Config;
use gt_host::registry;
use gt_host::town::Town;

/// Finds the names of one sort in the town around the current directory.
type Names = fn() -> Vec<String>;

/// Gives every argument that takes a name of the town its completer.
pub(crate) fn with_live_names(command: Command) -> Command {
    complete_below("", command)
}

fn complete_below(family: &str, command: Command) -> Command {
    let name = command.get_name().to_owned();
    command
        .mut_args(|arg| match names(family, &name, arg.get_id().as_str()) {
            Some(names) => complete(arg, names),
            None => arg,
        })
        .mut_subcommands(|below| complete_below(&name, below))
}

fn complete(arg: Arg, names: Names) -> Arg {
    let candidates = move |current: &OsStr| {
        let begun = current.to_string_lossy().into_owned();
        let fitting = names().into_iter().filter(|name| name.starts_with(&begun));
        fitting.map(CompletionCandidate::new).collect::<Vec<_>>()
    };
    arg.add(ArgValueCompleter::new(candidates))
}

/// What an argument names, by its command and the family that is in.
fn names(family: &str, command: &str, arg: &str) -> Option<Names> {
    match (family, command, arg) {
        (_, _, "agent" | "agents") => Some(agents),
        (_, _, "rig") | ("rig", "remove" | "status", "name") => Some(rigs),
        ("crew", _, "name") => Some(crew),
        ("config", _, "key") => Some(keys),
        ("mail", _, "address" | "identity") => Some(addresses),
        _ => None,
    }
}

fn agents() -> Vec<String> {
    roll().agents().iter().map(ToString::to_string).collect()
}

fn rigs() -> Vec<String> {
    roll().rigs().iter().map(ToString::to_string).collect()
}

fn crew() -> Vec<String> {
    let roll = roll();
    let workspace = |agent: &AgentId| match agent {
        AgentId::Crew(rig, name) => Some(format!("{rig}/{name}")),
        _ => None,
    };
    roll.agents().iter().filter_map(workspace).collect()
}

fn addresses() -> Vec<String> {
    std::iter::once("overseer".to_owned())
        .chain(agents())
        .collect()
}

fn keys() -> Vec<String> {
    let own = town().and_then(|town| Config::load(&town.paths().town_toml()).ok());
    let effective = own.unwrap_or_default().effective();
    effective.into_iter().map(|one| one.key).collect()
}

fn roll() -> Roll {
    town().map_or_else(Roll::default, |town| {
        registry::discover(town.paths(), None).roll
    })
}

fn town() -> Option<Town> {
    let start = given_town(std::env::args_os()).or_else(|| std::env::current_dir().ok())?;
    Town::around(&start).ok()
}

/// The directory after `--town` in the command line that is being completed.
fn given_town(words: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let mut words = words;
    while let Some(word) = words.next() {
        if word == "--town" {
            return words.next().map(PathBuf::from);
        }
        if let Some(directory) = word.to_str().and_then(|word| word.strip_prefix("--town=")) {
            return Some(directory.into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn completed(command: &Command, path: &str, found: &mut Vec<String>) {
        for arg in command.get_arguments() {
            if arg.get::<ArgValueCompleter>().is_some() {
                found.push(format!("{path} {}", arg.get_id()));
            }
        }
        for below in command.get_subcommands() {
            completed(below, &format!("{path} {}", below.get_name()), found);
        }
    }

    /// A new argument that takes a name of the town belongs in this list.
    #[test]
    fn names_of_the_town_are_completed_where_one_is_wanted() {
        let mut found = Vec::new();
        completed(
            &with_live_names(crate::cli::Cli::command()),
            "gt",
            &mut found,
        );
        insta::assert_snapshot!(found.join("\n"));
    }

    #[test]
    fn the_town_on_the_line_goes_before_the_current_directory() {
        let given = |line: &str| given_town(line.split(' ').map(OsString::from));
        assert_eq!(given("gt -- gt --town /a why may"), Some("/a".into()));
        assert_eq!(given("gt -- gt why --town=/b"), Some("/b".into()));
        assert_eq!(given("gt -- gt why --town"), None);
        assert_eq!(given("gt -- gt why"), None);
    }
}
