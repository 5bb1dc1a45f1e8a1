//! `mayor/rigs.json`, in the original's format: which rigs a town has. Written by gt and by hand.
//!
//! A damaged file is an error and is never written over (M24); who wants to go on without it asks
//! [`discover`].

mod discover;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::RigName;
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use discover::{Discovery, Problem, Source, discover, discover_only, workers_of};

use crate::json_file::{self, JsonFileError};
use crate::lock::{Lock, LockError};
use crate::paths::TownPaths;
use crate::town::private::{self, PrivateError};

/// Newest version of the file that is understood, and the one that is written.
const VERSION: i64 = 1;

/// How long to wait for another `gt` that changes the registry: it reads and writes one small file.
const PATIENCE: Duration = Duration::from_secs(5);

/// The file's content, with what other programs added to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    #[serde(default)]
    version: i64,
    /// The rigs by name, unchecked: a person may have written them.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub rigs: BTreeMap<String, RigEntry>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// What the file says of who is there: one entry that is not as it should be takes no rig away.
#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    version: i64,
    #[serde(default, deserialize_with = "null_is_empty")]
    rigs: BTreeMap<String, IgnoredAny>,
    /// Not used. Without it a list, too, would be read as an empty registry.
    #[serde(flatten)]
    _others: BTreeMap<String, IgnoredAny>,
}

/// What the registry says of one rig.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RigEntry {
    /// Where it was cloned from.
    #[serde(default)]
    pub git_url: String,
    /// When it was added.
    #[serde(with = "crate::gotime::serde", default)]
    pub added_at: Option<Timestamp>,
    /// Its issue tracker; none in files by the first versions of the original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beads: Option<Beads>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A rig's issue tracker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Beads {
    /// Where its issues live; empty for in the rig.
    #[serde(default)]
    pub repo: String,
    /// What its issues' ids begin with.
    #[serde(default)]
    pub prefix: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Why the registry could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It is not there.
    #[error("there is no registry of rigs at `{}`", path.display())]
    NotFound {
        /// Where it should be.
        path: PathBuf,
    },
    /// It cannot be read; a damaged one is left as it is for a person to mend.
    #[error("the registry of rigs cannot be read; mend the file by hand")]
    Read(#[source] JsonFileError),
    /// It cannot be written; the old one is still there.
    #[error("the registry of rigs was not changed")]
    Write(#[source] JsonFileError),
    /// The directory of its lock is not safe to use.
    #[error(transparent)]
    Private(PrivateError),
    /// It was written by a newer program.
    #[error("`{}` has version {found}; this gt reads up to {VERSION}", path.display())]
    UnsupportedVersion {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Another program is changing it and does not end, or that cannot be told.
    #[error("the registry of rigs cannot be changed now")]
    Locked(#[source] LockError),
}

impl Registry {
    /// Reads the registry.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        Self::read_if_there(path)?.ok_or_else(|| RegistryError::NotFound {
            path: path.to_owned(),
        })
    }

    /// Reads which rigs there are, by names that are not checked.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn read_names(path: &Path) -> Result<impl Iterator<Item = String>, RegistryError> {
        let names: Option<Names> = json_file::read(path).map_err(RegistryError::Read)?;
        let names = names.ok_or_else(|| RegistryError::NotFound {
            path: path.to_owned(),
        })?;
        check_version(path, names.version)?;
        Ok(names.rigs.into_keys())
    }

    /// Changes the registry under a lock: reads it, lets `change` have it, writes it whole. When
    /// `change` refuses, nothing is written. A registry that is missing is made.
    ///
    /// # Errors
    /// [`RegistryError`], or that of `change`.
    pub fn update<R, E: From<RegistryError>>(
        paths: &TownPaths,
        change: impl FnOnce(&mut Self) -> Result<R, E>,
    ) -> Result<R, E> {
        // A town that the original made has no such directory yet.
        private::secure_one(&paths.private()).map_err(RegistryError::Private)?;
        let _lock = Lock::acquire(&lock_path(paths), PATIENCE).map_err(RegistryError::Locked)?;
        let path = paths.rigs_json();
        let mut registry = Self::read_if_there(&path)?.unwrap_or_default();
        let result = change(&mut registry)?;
        registry.version = VERSION;
        json_file::write(&path, &registry).map_err(RegistryError::Write)?;
        Ok(result)
    }

    fn read_if_there(path: &Path) -> Result<Option<Self>, RegistryError> {
        let registry: Option<Self> = json_file::read(path).map_err(RegistryError::Read)?;
        if let Some(registry) = &registry {
            check_version(path, registry.version)?;
        }
        Ok(registry)
    }

    /// The entry of a rig.
    pub fn rig(&self, name: &RigName) -> Option<&RigEntry> {
        self.rigs.get(name.as_str())
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            version: VERSION,
            rigs: BTreeMap::new(),
            others: Map::new(),
        }
    }
}

impl RigEntry {
    /// The entry of a new rig.
    pub fn new(git_url: &str, prefix: &str, now: Timestamp) -> Self {
        Self {
            git_url: git_url.to_owned(),
            added_at: Some(now),
            beads: Some(Beads {
                prefix: prefix.to_owned(),
                ..Beads::default()
            }),
            others: Map::new(),
        }
    }

    /// What its issues' ids begin with; none when it has none.
    pub fn prefix(&self) -> Option<&str> {
        let prefix = self.beads.as_ref()?.prefix.as_str();
        (!prefix.is_empty()).then_some(prefix)
    }
}

/// The lock of read-modify-write: its own file, since the registry is replaced by rename.
fn lock_path(paths: &TownPaths) -> PathBuf {
    paths.private().join("rigs.lock")
}

fn check_version(path: &Path, version: i64) -> Result<(), RegistryError> {
    if version <= VERSION {
        return Ok(());
    }
    Err(RegistryError::UnsupportedVersion {
        path: path.to_owned(),
        found: version,
    })
}

fn null_is_empty<'de, D: Deserializer<'de>, E: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, E>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
