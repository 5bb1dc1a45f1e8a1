//! Rigs: adding one, listing, removing from the registry, and the facts that are shown of one.

mod add;
mod adopt;
mod building;
mod prefix;

use std::path::{Path, PathBuf};

use gt_core::theme::{Theme, theme_of};
use gt_core::{AgentId, RigName, WorkerName};
use jiff::Timestamp;
use serde::Deserialize;

pub use add::{AddRig, Added, Step, add};
pub use adopt::{Adopted, adopt};
pub use building::{clear_leftovers, leftovers};
pub use prefix::{Prefix, PrefixError};

use crate::git::GitError;
use crate::json_file::{self, JsonFileError};
use crate::paths::TownPaths;
use crate::registry::{Problem, Registry, RegistryError, workers_of};

/// Why a rig was not added, removed or shown.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// The registry has one of that name.
    #[error("rig `{name}` is registered already")]
    AlreadyRegistered {
        /// Its name.
        name: RigName,
    },
    /// The registry has none of that name.
    #[error("no rig `{name}` in this town")]
    NotRegistered {
        /// As given.
        name: RigName,
        /// The names that it has.
        known: Vec<String>,
    },
    /// Something is in the rig's place.
    #[error("`{}` is there already", path.display())]
    InTheWay {
        /// The rig that was to be added.
        name: RigName,
        /// What.
        path: PathBuf,
    },
    /// There is no rig to register.
    #[error("`{}` has no clone in `refinery/rig` or `mayor/rig`", path.display())]
    NoClone {
        /// Where the rig should be.
        path: PathBuf,
    },
    /// It is not known where a clone came from.
    #[error("cannot tell where the clone `{}` of rig `{rig}` came from", clone.display())]
    Origin {
        /// The rig.
        rig: RigName,
        /// Relative to the rig.
        clone: PathBuf,
        /// Why.
        #[source]
        source: Box<GitError>,
    },
    /// A person ended it, and what was made is gone.
    #[error("interrupted")]
    Interrupted,
    /// A clone could not be made or read.
    #[error("cannot make the clone `{}` of rig `{rig}`", clone.display())]
    Clone {
        /// The rig.
        rig: RigName,
        /// What was to be cloned, as given.
        url: String,
        /// Relative to the rig.
        clone: PathBuf,
        /// Why.
        #[source]
        source: Box<GitError>,
    },
    /// The repository has no commit, so that nothing could be worked on.
    #[error("the repository `{url}` has no commits")]
    NoCommits {
        /// Where it was cloned from.
        url: String,
    },
    /// A clone is not what it should be.
    #[error("the clone `{}` has {what}", clone.display())]
    WrongClone {
        /// Relative to the rig.
        clone: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file or directory of the rig could not be written; the text names it.
    #[error(transparent)]
    Io(std::io::Error),
    /// A file of the rig could not be written.
    #[error(transparent)]
    File(JsonFileError),
    /// The registry could not be read or changed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What is seen of a rig on disk and in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RigFacts {
    /// Its name.
    pub name: RigName,
    /// Where it was cloned from.
    pub git_url: String,
    /// What its issues' ids begin with.
    pub prefix: Option<String>,
    /// When it was added.
    pub added_at: Option<Timestamp>,
    /// Whether its directory is there.
    pub has_directory: bool,
    /// Its crew.
    pub crew: Vec<WorkerName>,
    /// Its polecats.
    pub polecats: Vec<WorkerName>,
    /// Whether `witness/state.json` is there, as the original judges it.
    pub has_witness: bool,
    /// Whether the refinery has its clone.
    pub has_refinery: bool,
    /// Whether the clone is there that polecats' worktrees belong to.
    pub has_mayor: bool,
    /// What could not be read of it.
    pub problems: Vec<Problem>,
}

/// The rigs of the registry with a valid name, by name.
///
/// # Errors
/// [`RegistryError`].
pub fn list(paths: &TownPaths) -> Result<Vec<RigFacts>, RegistryError> {
    let registry = Registry::read(&paths.rigs_json())?;
    Ok(registry
        .rigs
        .keys()
        .filter_map(|name| RigName::new(name).ok())
        .filter_map(|name| facts(paths, &registry, name))
        .collect())
}

/// The facts of one rig.
///
/// # Errors
/// [`RigError::NotRegistered`], or [`RigError::Registry`].
pub fn show(paths: &TownPaths, name: &RigName) -> Result<RigFacts, RigError> {
    let registry = Registry::read(&paths.rigs_json())?;
    facts(paths, &registry, name.clone()).ok_or_else(|| not_registered(&registry, name))
}

/// Takes a rig out of the registry. Its directory stays: it may hold the only copy of work.
///
/// # Errors
/// [`RigError::NotRegistered`], or [`RigError::Registry`].
pub fn remove(paths: &TownPaths, name: &RigName) -> Result<(), RigError> {
    Registry::update(paths, |registry| {
        match registry.rigs.remove(name.as_str()) {
            Some(_) => Ok(()),
            None => Err(not_registered(registry, name)),
        }
    })
}

/// The colours of an agent's status line: those that `gt theme` set for its rig, else its own.
pub fn theme(paths: &TownPaths, agent: &AgentId) -> Theme {
    let set = agent.rig().and_then(|rig| set_theme(paths, rig));
    let set = set.unwrap_or_default();
    let custom = set.custom.and_then(|own| Theme::custom(&own.bg, &own.fg));
    custom.unwrap_or_else(|| theme_of(agent, set.name.as_deref()))
}

/// A rig's theme as the original writes it.
#[derive(Default, Deserialize)]
struct ThemeSetting {
    name: Option<String>,
    custom: Option<CustomColours>,
}

#[derive(Deserialize)]
struct CustomColours {
    bg: String,
    fg: String,
}

/// None when none was set, or its file cannot be read: a colour is no reason to stop.
fn set_theme(paths: &TownPaths, rig: &RigName) -> Option<ThemeSetting> {
    #[derive(Deserialize)]
    struct Settings {
        theme: Option<ThemeSetting>,
    }
    let settings: Option<Settings> =
        json_file::read(&rig_directory(paths, rig).join(".gastown/config.json")).ok()?;
    settings?.theme
}

fn not_registered(registry: &Registry, name: &RigName) -> RigError {
    RigError::NotRegistered {
        name: name.clone(),
        known: registry.rigs.keys().cloned().collect(),
    }
}

fn facts(paths: &TownPaths, registry: &Registry, name: RigName) -> Option<RigFacts> {
    let entry = registry.rig(&name)?;
    let directory = rig_directory(paths, &name);
    let mut problems = Vec::new();
    let workers = workers_of(paths, &name, None, &mut problems);
    let named = |is_crew: bool| {
        let of_kind = |worker: &&AgentId| matches!(worker, AgentId::Crew(..)) == is_crew;
        let workers = workers.iter().filter(of_kind);
        workers.filter_map(AgentId::worker).cloned().collect()
    };
    Some(RigFacts {
        git_url: entry.git_url.clone(),
        prefix: entry.prefix().map(str::to_owned),
        added_at: entry.added_at,
        has_directory: directory.is_dir(),
        crew: named(true),
        polecats: named(false),
        has_witness: directory.join("witness/state.json").is_file(),
        has_refinery: directory.join("refinery/rig").is_dir(),
        has_mayor: directory.join("mayor/rig").is_dir(),
        problems,
        name,
    })
}

fn rig_directory(paths: &TownPaths, rig: &RigName) -> PathBuf {
    paths.root().join(Path::new(rig.as_str()))
}

#[cfg(test)]
mod tests;
