//! Adding a rig: everything is made beside its place under a name that nobody looks at, put there
//! by one rename, and registered last. Whatever fails, nothing half-made stays.
//!
//! Nothing of ours is written into a clone's tree (M22): it is clean from birth.

use std::path::{Path, PathBuf};

use gt_core::{RigName, WorkerName};
use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use super::building::{self, Building};
use super::{Prefix, RigError, rig_directory};
use crate::command::CommandError;
use crate::git::{Git, GitError, GitUrl};
use crate::json_file;
use crate::paths::TownPaths;
use crate::registry::{Registry, RegistryError, RigEntry};

/// What to add.
#[derive(Debug, Clone)]
pub struct AddRig {
    /// Its name.
    pub name: RigName,
    /// Where to clone it from.
    pub url: GitUrl,
    /// What its issues' ids begin with; made from the name for none.
    pub prefix: Option<Prefix>,
    /// The first crew member; the original's is `main`.
    pub crew: WorkerName,
    /// The time that is written as its birth.
    pub now: Timestamp,
}

/// A rig that was added and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its directory.
    pub directory: PathBuf,
    /// What its issues' ids begin with.
    pub prefix: Prefix,
    /// Other rigs whose issues begin with the same.
    pub prefix_shared_with: Vec<String>,
    /// The commit that its clones have checked out.
    pub head: String,
}

/// What is being done, for who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Asking the remote for everything; this one takes long.
    Cloning {
        /// The clone, relative to the rig.
        clone: PathBuf,
    },
    /// Making a further clone from the first one.
    Copying {
        /// The clone, relative to the rig.
        clone: PathBuf,
    },
    /// Putting the rig into its place and the registry.
    Registering,
}

/// Adds a rig.
///
/// # Errors
/// [`RigError`]; the town is then as it was.
pub fn add(
    paths: &TownPaths,
    request: &AddRig,
    git: &Git,
    progress: &mut dyn FnMut(Step),
) -> Result<Added, RigError> {
    let place = rig_directory(paths, &request.name);
    check_free(paths, request, &place)?;
    let prefix = request
        .prefix
        .clone()
        .unwrap_or_else(|| Prefix::of(&request.name));
    building::clear_leftovers(paths).map_err(RigError::Io)?;
    let building = Building::new(paths, &request.name).map_err(RigError::Io)?;
    let head = make_clones(building.path(), request, git, progress)?;
    write_files(building.path(), request, &prefix)?;
    progress(Step::Registering);
    put_in_place(building.path(), &place, &request.name)?;
    let url = request.url.as_str();
    let registered = register(paths, &request.name, url, &prefix, request.now);
    let prefix_shared_with = registered.inspect_err(|_| {
        // Back under the name that is removed when `building` is dropped. Should that fail too,
        // the directory stays, unregistered, and the next try names it.
        let _ = fs_err::rename(&place, building.path());
    })?;
    Ok(Added {
        directory: place,
        prefix,
        prefix_shared_with,
        head,
    })
}

fn check_free(paths: &TownPaths, request: &AddRig, place: &Path) -> Result<(), RigError> {
    match Registry::read(&paths.rigs_json()) {
        Ok(registry) if registry.rig(&request.name).is_some() => Err(already(&request.name)),
        Ok(_) | Err(RegistryError::NotFound { .. }) if place.symlink_metadata().is_ok() => {
            Err(RigError::InTheWay {
                name: request.name.clone(),
                path: place.to_owned(),
            })
        }
        Ok(_) | Err(RegistryError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn already(name: &RigName) -> RigError {
    RigError::AlreadyRegistered { name: name.clone() }
}

/// Makes the clones, the first from the remote and the others from it; the commit they have.
fn make_clones(
    rig: &Path,
    request: &AddRig,
    git: &Git,
    progress: &mut dyn FnMut(Step),
) -> Result<String, RigError> {
    let first = PathBuf::from("refinery/rig");
    progress(Step::Cloning {
        clone: first.clone(),
    });
    make_clone(rig, &first, request, |into| {
        git.clone_remote(&request.url, into)
    })?;
    let head = verify(rig, &first, request, git)?;
    for clone in [
        PathBuf::from("mayor/rig"),
        Path::new("crew").join(request.crew.as_str()),
    ] {
        progress(Step::Copying {
            clone: clone.clone(),
        });
        make_clone(rig, &clone, request, |into| {
            git.clone_local(&rig.join(&first), &request.url, into)
        })?;
        if verify(rig, &clone, request, git)? != head {
            let what = "another commit than the first clone".to_owned();
            return Err(RigError::WrongClone { clone, what });
        }
    }
    Ok(head)
}

fn make_clone(
    rig: &Path,
    clone: &Path,
    request: &AddRig,
    make: impl FnOnce(&Path) -> Result<(), GitError>,
) -> Result<(), RigError> {
    let into = rig.join(clone);
    if let Some(above) = into.parent() {
        fs_err::create_dir_all(above).map_err(RigError::Io)?;
    }
    make(&into).map_err(|source| no_clone(clone, request, source))
}

fn no_clone(clone: &Path, request: &AddRig, source: GitError) -> RigError {
    match source {
        GitError::Run {
            source: CommandError::Interrupted { .. },
            ..
        } => RigError::Interrupted,
        source => RigError::Clone {
            rig: request.name.clone(),
            url: request.url.to_string(),
            clone: clone.to_owned(),
            source: Box::new(source),
        },
    }
}

/// The commit of a clone that has one and comes from the right place.
fn verify(rig: &Path, clone: &Path, request: &AddRig, git: &Git) -> Result<String, RigError> {
    let failed = |source| no_clone(clone, request, source);
    let directory = rig.join(clone);
    let origin = git.origin(&directory).map_err(failed)?;
    if origin != request.url.as_str() {
        return Err(RigError::WrongClone {
            clone: clone.to_owned(),
            what: format!("another origin than {}", request.url),
        });
    }
    let head = git.head(&directory).map_err(failed)?;
    head.ok_or_else(|| RigError::NoCommits {
        url: request.url.to_string(),
    })
}

/// The rig's own files, in the original's formats, beside its clones.
fn write_files(rig: &Path, request: &AddRig, prefix: &Prefix) -> Result<(), RigError> {
    for directory in ["witness", "polecats", ".beads"] {
        fs_err::create_dir(rig.join(directory)).map_err(RigError::Io)?;
    }
    let now = crate::gotime::format(Some(request.now));
    let config = json!({
        "type": "rig",
        "version": 1,
        "name": request.name,
        "git_url": request.url.as_str(),
        "created_at": now,
        "beads": { "prefix": prefix.as_str() },
    });
    json_file::write(&rig.join("config.json"), &config).map_err(RigError::File)?;
    for role in ["mayor", "refinery", "witness"] {
        let state = json!({ "role": role, "last_active": now });
        json_file::write(&rig.join(role).join("state.json"), &state).map_err(RigError::File)?;
    }
    let beads = format!("prefix: {prefix}\n");
    crate::atomic::write(&rig.join(".beads/config.yaml"), beads.as_bytes()).map_err(RigError::Io)
}

/// Renames the finished rig; refuses when something came into its place meanwhile.
fn put_in_place(building: &Path, place: &Path, name: &RigName) -> Result<(), RigError> {
    use rustix::io::Errno;
    match renameat_with(CWD, building, CWD, place, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(RigError::InTheWay {
            name: name.clone(),
            path: place.to_owned(),
        }),
        // A file system that cannot refuse: look, then rename.
        Err(Errno::INVAL | Errno::NOSYS) if place.symlink_metadata().is_err() => {
            fs_err::rename(building, place).map_err(RigError::Io)
        }
        Err(errno) => Err(RigError::Io(std::io::Error::new(
            std::io::Error::from(errno).kind(),
            format!("cannot move the rig to `{}`: {errno}", place.display()),
        ))),
    }
}

/// Saves the registry; the other rigs with the same prefix.
pub(super) fn register(
    paths: &TownPaths,
    name: &RigName,
    url: &str,
    prefix: &Prefix,
    now: Timestamp,
) -> Result<Vec<String>, RigError> {
    Registry::update(paths, |registry| {
        if registry.rig(name).is_some() {
            return Err(already(name));
        }
        let others = registry.rigs.iter();
        let same = others
            .filter(|(_, entry)| entry.prefix() == Some(prefix.as_str()))
            .map(|(name, _)| name.clone())
            .collect();
        let entry = RigEntry::new(url, prefix.as_str(), now);
        registry.rigs.insert(name.as_str().to_owned(), entry);
        Ok(same)
    })
}
