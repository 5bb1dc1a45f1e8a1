//! Who is in the town: the rigs of the registry, or of the disk when there is no registry, and the
//! workers found in their directories.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use gt_core::name::NameError;
use gt_core::observed::chain;
use gt_core::{AgentId, RigName, Roll, WorkerName};

use super::Registry;
use crate::paths::TownPaths;

/// Directories of the town itself, which are never rigs whatever lies in them.
const NOT_RIGS: &[&str] = &["mayor", "deacon", "daemon", "rigs", "docs"];

/// Makes the id of a kind of worker.
type Seat = fn(RigName, WorkerName) -> AgentId;

/// Who was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Every rig and worker with a valid name.
    pub roll: Roll,
    /// Where the rigs were read from.
    pub source: Source,
    /// What was found and could not be used.
    pub problems: Vec<Problem>,
}

/// Where a list of rigs was read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// The registry.
    #[default]
    Registry,
    /// The directories of the town, because there never was a registry to read.
    Directories,
    /// The last good discovery, because the registry cannot be read any more.
    LastGood,
}

/// Something that was found and could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The registry cannot be read.
    Registry {
        /// Why, with its causes.
        reason: String,
    },
    /// A rig or worker has a name that is not valid here.
    Name {
        /// Where it was found.
        path: PathBuf,
        /// Which rule the name breaks.
        error: NameError,
    },
    /// A registered rig has no directory.
    NoDirectory {
        /// Which rig.
        rig: RigName,
        /// Where its directory should be.
        path: PathBuf,
    },
    /// A directory cannot be listed, so who is in it is not known.
    Unreadable {
        /// Which directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { reason } => f.write_str(reason),
            Self::Name { path, error } => write!(f, "`{}`: {error}", path.display()),
            Self::NoDirectory { rig, path } => {
                write!(f, "rig `{rig}` has no directory `{}`", path.display())
            }
            Self::Unreadable { path, reason } => write!(f, "`{}`: {reason}", path.display()),
        }
    }
}

/// Reads who is in the town, anew each time (F75). What cannot be read now stays as it was in
/// `last_good`: unknown is not absent.
pub fn discover(paths: &TownPaths, last_good: Option<&Discovery>) -> Discovery {
    let last_roll = last_good.map(|last| &last.roll);
    discover_with(paths, last_good, |rig, problems| {
        workers_of(paths, rig, last_roll, problems)
    })
}

/// The same without a look for workers: of `agents`, the workers whose rig and directory are there.
pub fn discover_only(paths: &TownPaths, agents: &BTreeSet<&AgentId>) -> Discovery {
    let is_worker = |agent: &&&AgentId| agent.worker().is_some();
    let is_there = |worker: &&&AgentId| paths.root().join(worker.work_dir()).is_dir();
    let there: Vec<&AgentId> = agents
        .iter()
        .filter(is_worker)
        .filter(is_there)
        .copied()
        .collect();
    discover_with(paths, None, |rig, _| {
        let of_rig = there.iter().filter(|worker| worker.rig() == Some(rig));
        of_rig.map(|worker| (*worker).clone()).collect()
    })
}

fn discover_with(
    paths: &TownPaths,
    last_good: Option<&Discovery>,
    workers_of: impl Fn(&RigName, &mut Vec<Problem>) -> Vec<AgentId>,
) -> Discovery {
    let mut problems = Vec::new();
    let (rigs, source) = rigs(paths, last_good, &mut problems);
    let mut workers = Vec::new();
    for rig in &rigs {
        workers.extend(workers_of(rig, &mut problems));
    }
    Discovery {
        roll: Roll::new(rigs, workers),
        source,
        problems,
    }
}

fn rigs(
    paths: &TownPaths,
    last_good: Option<&Discovery>,
    problems: &mut Vec<Problem>,
) -> (Vec<RigName>, Source) {
    let error = match Registry::read_names(&paths.rigs_json()) {
        Ok(names) => return (registered(paths, names, problems), Source::Registry),
        Err(error) => error,
    };
    problems.push(Problem::Registry {
        reason: chain(&error),
    });
    match last_good {
        // Nor is a registry that went missing a sign that the rigs did.
        Some(last) if last.source != Source::Directories => {
            (last.roll.rigs().to_vec(), Source::LastGood)
        }
        _ => (
            rig_directories(paths, last_good, problems),
            Source::Directories,
        ),
    }
}

fn registered(
    paths: &TownPaths,
    names: impl Iterator<Item = String>,
    problems: &mut Vec<Problem>,
) -> Vec<RigName> {
    let mut rigs = Vec::new();
    for name in names {
        let path = paths.root().join(&name);
        let Some(rig) = checked(RigName::new(&name), &path, problems) else {
            continue;
        };
        if !path.is_dir() {
            problems.push(Problem::NoDirectory {
                rig: rig.clone(),
                path,
            });
        }
        rigs.push(rig);
    }
    rigs
}

/// The town's children that look like a rig: one rule for every caller (D24).
fn rig_directories(
    paths: &TownPaths,
    last_good: Option<&Discovery>,
    problems: &mut Vec<Problem>,
) -> Vec<RigName> {
    let Some(names) = directories(paths.root(), problems) else {
        return last_good
            .map(|last| last.roll.rigs().to_vec())
            .unwrap_or_default();
    };
    names
        .into_iter()
        .filter(|name| !NOT_RIGS.contains(&name.as_str()))
        .filter(|name| {
            let rig = paths.root().join(name);
            rig.join(".beads").is_dir() || rig.join("config.json").is_file()
        })
        .filter_map(|name| checked(RigName::new(&name), &paths.root().join(&name), problems))
        .collect()
}

/// The crew and polecats of a rig: its subdirectories `crew/NAME` and `polecats/NAME`. A list that
/// cannot be read now is taken from `last_good`.
pub fn workers_of(
    paths: &TownPaths,
    rig: &RigName,
    last_good: Option<&Roll>,
    problems: &mut Vec<Problem>,
) -> Vec<AgentId> {
    let kinds: [(&str, Seat); 2] = [("crew", AgentId::Crew), ("polecats", AgentId::Polecat)];
    let mut workers = Vec::new();
    for (directory, agent) in kinds {
        let path = paths.root().join(rig.as_str()).join(directory);
        match directories(&path, problems) {
            Some(names) => workers.extend(names.into_iter().filter_map(|name| {
                let worker = checked(WorkerName::new(&name), &path.join(&name), problems)?;
                Some(agent(rig.clone(), worker))
            })),
            None => workers.extend(known_before(last_good, rig, agent)),
        }
    }
    workers
}

fn known_before(last_good: Option<&Roll>, rig: &RigName, agent: Seat) -> Vec<AgentId> {
    let agents = last_good.map(Roll::agents).unwrap_or_default();
    agents
        .iter()
        .filter(|known| {
            let again = known
                .worker()
                .map(|worker| agent(rig.clone(), worker.clone()));
            again.as_ref() == Some(*known)
        })
        .cloned()
        .collect()
}

fn checked<N>(name: Result<N, NameError>, path: &Path, problems: &mut Vec<Problem>) -> Option<N> {
    name.map_err(|error| {
        problems.push(Problem::Name {
            path: path.to_owned(),
            error,
        });
    })
    .ok()
}

/// The names of a directory's subdirectories, sorted; those that begin with a dot are nobody's. A
/// directory that is not there holds none; none is answered when it cannot be listed.
fn directories(path: &Path, problems: &mut Vec<Problem>) -> Option<Vec<String>> {
    match list(path) {
        Ok(names) => Some(names),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Vec::new()),
        Err(error) => {
            problems.push(Problem::Unreadable {
                path: path.to_owned(),
                reason: error.kind().to_string(),
            });
            None
        }
    }
}

fn list(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(path)? {
        let entry = entry?;
        // A symlink may lead out of the town: only a real directory is a worker's.
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}
