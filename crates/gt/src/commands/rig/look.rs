//! The rigs as people are shown them: what the registry and the disk say together.

use std::path::Path;

use gt_api::view;
use gt_core::observed::chain;
use gt_core::{AgentId, RigName, Roll};
use gt_host::git::GitUrl;
use gt_host::paths::TownPaths;
use gt_host::registry::{self, Problem};
use gt_host::rig::{self, RigFacts};

/// The rigs of a town.
#[derive(Debug)]
pub(super) struct Rigs {
    pub(super) rigs: Vec<view::Rig>,
    /// What was found and is no rig's own matter, a line each.
    pub(super) problems: Vec<String>,
    /// Why the registry could not be read: the rigs are then those of the disk.
    pub(super) registry_trouble: Option<String>,
}

/// Looks at every rig.
pub(super) fn look(paths: &TownPaths) -> Rigs {
    let discovery = registry::discover(paths, None);
    let names = discovery.roll.rigs().iter();
    let rigs = names
        .map(|name| rig(paths, name, &discovery.roll, &discovery.problems))
        .collect();
    let mut problems = Vec::new();
    let mut registry_trouble = None;
    for problem in &discovery.problems {
        match problem {
            Problem::Registry { reason } => registry_trouble = Some(reason.clone()),
            other if owner(other, &discovery.roll, paths).is_none() => {
                problems.push(other.to_string());
            }
            _ => {}
        }
    }
    Rigs {
        rigs,
        problems,
        registry_trouble,
    }
}

fn rig(paths: &TownPaths, name: &RigName, roll: &Roll, problems: &[Problem]) -> view::Rig {
    let is_registry = |problem: &Problem| matches!(problem, Problem::Registry { .. });
    let is_read = !problems.iter().any(is_registry);
    let facts = rig::show(paths, name);
    let own = problems
        .iter()
        .filter(|problem| owner(problem, roll, paths) == Some(name));
    let mut problems: Vec<String> = own.map(ToString::to_string).collect();
    problems.extend(facts.iter().flat_map(missing));
    // A registry that cannot be read at all is told once, for the whole list.
    problems.extend(
        facts
            .as_ref()
            .err()
            .filter(|_| is_read)
            .map(|error| chain(error)),
    );
    view::Rig {
        name: name.to_string(),
        path: paths.root().join(name.as_str()).display().to_string(),
        git_url: facts.ok().map(|facts| shown(&facts.git_url)),
        crew: workers(roll, name, |agent| matches!(agent, AgentId::Crew(..))),
        polecats: workers(roll, name, |agent| matches!(agent, AgentId::Polecat(..))),
        problems,
    }
}

/// The rig that a problem is about.
fn owner<'a>(problem: &Problem, roll: &'a Roll, paths: &TownPaths) -> Option<&'a RigName> {
    let path = match problem {
        Problem::Registry { .. } => return None,
        Problem::Name { path, .. }
        | Problem::NoDirectory { path, .. }
        | Problem::Unreadable { path, .. } => path,
    };
    let inside = path.strip_prefix(paths.root()).ok()?;
    let first = inside.components().next()?.as_os_str();
    roll.rigs().iter().find(|rig| first == rig.as_str())
}

/// The clones that a rig should have and has not.
fn missing(facts: &RigFacts) -> Vec<String> {
    if !facts.has_directory {
        return Vec::new();
    }
    let clones = [
        (facts.has_refinery, "refinery/rig"),
        (facts.has_mayor, "mayor/rig"),
    ];
    let lacking = clones.into_iter().filter(|(there, _)| !there);
    lacking
        .map(|(_, clone)| format!("its clone `{clone}` is missing"))
        .collect()
}

fn workers(roll: &Roll, rig: &RigName, kind: fn(&AgentId) -> bool) -> Vec<String> {
    let own = roll
        .agents()
        .iter()
        .filter(|agent| agent.rig() == Some(rig) && kind(agent));
    own.filter_map(AgentId::worker)
        .map(ToString::to_string)
        .collect()
}

/// A URL without its password. One that is no URL was written by hand, and is shown escaped.
pub(in crate::commands) fn shown(url: &str) -> String {
    GitUrl::new(url, Path::new(""))
        .map_or_else(|_| url.escape_default().to_string(), |url| url.to_string())
}
