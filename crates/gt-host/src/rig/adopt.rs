//! Registering a rig whose directory is in its place already: one that was taken out of the
//! registry, or one of a registry that is lost. Nothing of it is changed.

use std::path::{Path, PathBuf};

use gt_core::RigName;
use jiff::Timestamp;
use serde::Deserialize;

use super::add::register;
use super::{Prefix, RigError, rig_directory};
use crate::git::Git;
use crate::json_file;
use crate::paths::TownPaths;

/// The clones that tell where a rig came from; the first that is there counts.
const CLONES: [&str; 2] = ["refinery/rig", "mayor/rig"];

/// A rig that was registered as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// Its directory.
    pub directory: PathBuf,
    /// Where its clones came from.
    pub git_url: String,
    /// What its issues' ids begin with.
    pub prefix: Prefix,
    /// Other rigs whose issues begin with the same.
    pub prefix_shared_with: Vec<String>,
}

/// The rig's own file, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnFile {
    beads: OwnBeads,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnBeads {
    prefix: String,
}

/// Registers the rig of this name. Its issues' prefix is the given one, or what its own file says,
/// or made from the name.
///
/// # Errors
/// [`RigError`]; the town is then as it was.
pub fn adopt(
    paths: &TownPaths,
    name: &RigName,
    prefix: Option<Prefix>,
    now: Timestamp,
    git: &Git,
) -> Result<Adopted, RigError> {
    let directory = rig_directory(paths, name);
    let git_url = origin(&directory, name, git)?;
    let own = prefix.map_or_else(|| own_prefix(&directory), |given| Ok(Some(given)))?;
    let prefix = own.unwrap_or_else(|| Prefix::of(name));
    let prefix_shared_with = register(paths, name, &git_url, &prefix, now)?;
    Ok(Adopted {
        directory,
        git_url,
        prefix,
        prefix_shared_with,
    })
}

/// Asked of a directory that is a clone itself: git would answer for one around it.
fn origin(directory: &Path, name: &RigName, git: &Git) -> Result<String, RigError> {
    let is_clone = |clone: &&&str| directory.join(clone).join(".git").exists();
    let Some(clone) = CLONES.iter().find(is_clone).copied() else {
        return Err(RigError::NoClone {
            path: directory.to_owned(),
        });
    };
    git.origin(&directory.join(clone))
        .map_err(|source| RigError::Origin {
            rig: name.clone(),
            clone: clone.into(),
            source: Box::new(source),
        })
}

fn own_prefix(directory: &Path) -> Result<Option<Prefix>, RigError> {
    let own: Option<OwnFile> =
        json_file::read(&directory.join("config.json")).map_err(RigError::File)?;
    // One that is no prefix is one that an older program took.
    Ok(own.and_then(|own| Prefix::new(&own.beads.prefix).ok()))
}
