//! A town on disk: finding it, opening it, making it. Its private directories are in
//! [`town::private`], its file system in [`town::filesystem`], who else's it may be in
//! [`town::stranger`], what became of it in [`town::site`].
//!
//! [`town::private`]: private
//! [`town::filesystem`]: filesystem
//! [`town::stranger`]: stranger
//! [`town::site`]: site

mod file;
pub mod filesystem;
mod install;
pub mod private;
pub mod server;
pub mod site;
pub mod stranger;

use std::io;
use std::path::{Path, PathBuf};

pub use file::TownFile;
pub use install::{Install, InstallError, Installed, Warning, install};

use crate::json_file::JsonFileError;
use crate::paths::TownPaths;

/// A town whose `mayor/town.json` was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Town {
    paths: TownPaths,
    name: String,
}

/// Why a town was not found or not opened.
#[derive(Debug, thiserror::Error)]
pub enum TownError {
    /// No town around a directory.
    #[error("not in a Gas Town workspace: no town at or above `{}`", start.display())]
    NotInTown {
        /// Where the search began.
        start: PathBuf,
    },
    /// The directory to search from cannot be read.
    #[error("cannot search for a town from `{}`", start.display())]
    Start {
        /// Where the search should have begun.
        start: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// `mayor/town.json` is not there.
    #[error("there is no `{}`", path.display())]
    NotFound {
        /// The missing file.
        path: PathBuf,
    },
    /// `mayor/town.json` cannot be read.
    #[error(transparent)]
    File(JsonFileError),
    /// `mayor/town.json` is about something else.
    #[error("`{}` is of type `{}`, not `town`", path.display(), found.escape_default())]
    WrongType {
        /// Which file.
        path: PathBuf,
        /// Its type.
        found: String,
    },
    /// `mayor/town.json` was written by a newer program.
    #[error("`{}` has version {found}; this gt reads up to 1", path.display())]
    UnsupportedVersion {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// `mayor/town.json` has no name.
    #[error("`{}` has no `name`", path.display())]
    MissingName {
        /// Which file.
        path: PathBuf,
    },
    /// The environment names another town than the directory does.
    #[error("this is the town `{}`, but GT_TOWN says `{}`", here.display(), environment.display())]
    OtherTown {
        /// The town around the work directory.
        here: PathBuf,
        /// The town of the environment.
        environment: PathBuf,
    },
}

impl TownError {
    /// Whether the town's file tells neither that it is a town nor that it is none.
    fn says_nothing(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::MissingName { .. }
                | Self::File(JsonFileError::Damaged { .. })
        )
    }
}

impl Town {
    /// Opens the town at `root`.
    ///
    /// # Errors
    /// [`TownError`] when its `mayor/town.json` is not that of a town, or missing or damaged where no
    /// daemon ever ran. One that ran may still have agents, and a person must get at them (F39): such
    /// a town is called by its directory.
    pub fn open(root: &Path) -> Result<Self, TownError> {
        let root = canonical(root)?;
        let paths = TownPaths::new(&root);
        let name = match TownFile::read(&paths.town_json()) {
            Ok(file) => file.name,
            Err(error) if error.says_nothing() && has_run(&root) => directory_name(&root),
            Err(error) => return Err(error),
        };
        Ok(Self { paths, name })
    }

    /// Opens the town around `start`.
    ///
    /// # Errors
    /// [`TownError::NotInTown`] without one, else as [`open`](Self::open).
    pub fn around(start: &Path) -> Result<Self, TownError> {
        match find(start)? {
            Some(root) => Self::open(&root),
            None => Err(TownError::NotInTown {
                start: start.to_owned(),
            }),
        }
    }

    /// Refuses to act for this town from an environment that belongs to another (F69): an agent of
    /// one town that was moved into the directory of a second.
    ///
    /// # Errors
    /// [`TownError::OtherTown`].
    pub fn agrees_with(&self, environment: Option<&str>) -> Result<(), TownError> {
        let Some(environment) = environment.map(PathBuf::from) else {
            return Ok(());
        };
        let there = canonical(&environment).unwrap_or_else(|_| environment.clone());
        if there == self.paths.root() {
            return Ok(());
        }
        Err(TownError::OtherTown {
            here: self.paths.root().to_owned(),
            environment,
        })
    }

    /// Its files.
    pub fn paths(&self) -> &TownPaths {
        &self.paths
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The root of the town around `start`, which is made absolute with symlinks resolved; none
/// outside a town.
///
/// `mayor/town.json` decides, nearest first. Without one anywhere, a `mayor/` directory counts,
/// except a rig's own (M31): nearest first among those that hold a registry, then the outermost,
/// because a rig or a clone with a directory of that name can only lie inside the town. Last, a town
/// in which a daemon ran is one, even without its `mayor/`.
///
/// # Errors
/// [`TownError::Start`] when `start` does not exist.
pub fn find(start: &Path) -> Result<Option<PathBuf>, TownError> {
    let start = canonical(start)?;
    let has = |path: &'static str| move |root: &&Path| root.join(path).exists();
    let found = start
        .ancestors()
        .find(has("mayor/town.json"))
        .or_else(|| {
            start
                .ancestors()
                .filter(has_mayor)
                .find(has("mayor/rigs.json"))
        })
        .or_else(|| start.ancestors().filter(has_mayor).last())
        .or_else(|| start.ancestors().find(|root| has_run(root)));
    Ok(found.map(Path::to_owned))
}

/// Whether `root` itself is a town's root.
pub fn is_town(root: &Path) -> bool {
    root.join("mayor/town.json").exists() || has_mayor(&root)
}

/// Whether there is a `mayor/` directory that is not the one of a rig, in which the rig's own
/// clone lies.
fn has_mayor(root: &&Path) -> bool {
    let mayor = root.join("mayor");
    mayor.is_dir() && !mayor.join("rig").is_dir()
}

/// Whether a daemon's or a holder's files are there.
fn has_run(root: &Path) -> bool {
    let paths = TownPaths::new(root);
    paths.store().exists() || paths.holders().is_dir()
}

fn directory_name(root: &Path) -> String {
    let name = root.file_name().unwrap_or(root.as_os_str());
    name.to_string_lossy().into_owned()
}

fn canonical(path: &Path) -> Result<PathBuf, TownError> {
    path.canonicalize().map_err(|source| TownError::Start {
        start: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
