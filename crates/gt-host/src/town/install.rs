//! Making a town, or completing one that is there. What is there already is never replaced.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::private::{self, PrivateError};
use super::{Town, TownError, TownFile, filesystem, find, is_town};
use crate::json_file;
use crate::paths::TownPaths;

/// What to make.
#[derive(Debug, Clone)]
pub struct Install {
    /// Where: made if it is not there.
    pub path: PathBuf,
    /// The town's name; that of the directory for none.
    pub name: Option<String>,
    /// Whether a town that is there is completed; refused otherwise.
    pub force: bool,
    /// The text of the town's `CLAUDE.md`; none is written for none.
    pub instructions: Option<String>,
    /// The time that is written as the town's birth.
    pub now: Timestamp,
}

/// A town that was made or completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The town.
    pub town: Town,
    /// What the person should know.
    pub warnings: Vec<Warning>,
}

/// Something odd that is no reason to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The new town lies inside another one, whose root this is.
    InsideTown(PathBuf),
    /// A file was there already and was left as it is.
    Kept(PathBuf),
}

/// Why no town was made.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is one.
    #[error("`{}` is a town already", root.display())]
    AlreadyTown {
        /// Its root.
        root: PathBuf,
    },
    /// Locks, sockets and the store do not work there.
    #[error("`{}` is on a network file system ({kind})", path.display())]
    NetworkFilesystem {
        /// Where the town should have been.
        path: PathBuf,
        /// Which kind.
        kind: String,
    },
    /// Files, sockets and agents' environments name the town by its path.
    #[error("`{}` is no text: a town's path must be valid UTF-8", path.display())]
    NotText {
        /// Where the town should have been.
        path: PathBuf,
    },
    /// The name is empty or would garble a terminal.
    #[error("`{}` is no name for a town", name.escape_default())]
    Name {
        /// As given.
        name: String,
    },
    /// What is there is not a usable town.
    #[error(transparent)]
    Town(TownError),
    /// A private directory is not safe.
    #[error(transparent)]
    Private(PrivateError),
    /// Something could not be written; the text names it.
    #[error(transparent)]
    Io(io::Error),
}

/// Makes a town. After a failure everything that was made is gone again.
///
/// # Errors
/// [`InstallError`].
pub fn install(install: &Install) -> Result<Installed, InstallError> {
    let mut made = Made::default();
    let result = complete(install, &mut made);
    if result.is_err() {
        made.undo();
    }
    result
}

fn complete(install: &Install, made: &mut Made) -> Result<Installed, InstallError> {
    if let Some(kind) = filesystem::network_kind(&install.path) {
        return Err(InstallError::NetworkFilesystem {
            path: install.path.clone(),
            kind,
        });
    }
    if !install.force && is_town(&install.path) {
        return Err(InstallError::AlreadyTown {
            root: install.path.clone(),
        });
    }
    made.directory(&install.path).map_err(InstallError::Io)?;
    let root = install.path.canonicalize().map_err(InstallError::Io)?;
    if root.to_str().is_none() {
        return Err(InstallError::NotText { path: root });
    }
    let outer = root.parent().and_then(|above| find(above).ok().flatten());
    let mut warnings: Vec<Warning> = outer.map(Warning::InsideTown).into_iter().collect();
    let paths = TownPaths::new(&root);
    for directory in ["mayor", "deacon", "daemon"] {
        made.directory(&root.join(directory))
            .map_err(InstallError::Io)?;
    }
    made.private(&paths.private())?;
    write_town_file(install, &paths, made)?;
    for (path, text) in files(install, &paths) {
        if !made.file(&path, &text).map_err(InstallError::Io)? {
            warnings.push(Warning::Kept(path));
        }
    }
    private::secure(&paths).map_err(InstallError::Private)?;
    let town = Town::open(&root).map_err(InstallError::Town)?;
    Ok(Installed { town, warnings })
}

/// Writes `mayor/town.json`, or gives the town that is there its new name.
fn write_town_file(
    install: &Install,
    paths: &TownPaths,
    made: &mut Made,
) -> Result<(), InstallError> {
    let path = paths.town_json();
    match TownFile::read(&path) {
        Ok(mut file) => {
            let Some(name) = &install.name else {
                return Ok(());
            };
            name.clone_into(&mut file.name);
            check_name(name)?;
            file.write(&path)
                .map_err(|error| InstallError::Town(TownError::File(error)))
        }
        Err(TownError::NotFound { .. }) => {
            let name = install
                .name
                .clone()
                .unwrap_or_else(|| base_name(paths.root()));
            check_name(&name)?;
            let text = json_file::text(&TownFile::new(&name, install.now));
            made.file(&path, &text)
                .map(|_| ())
                .map_err(InstallError::Io)
        }
        Err(error) => Err(InstallError::Town(error)),
    }
}

fn base_name(root: &Path) -> String {
    root.file_name().map_or_else(
        || "town".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn check_name(name: &str) -> Result<(), InstallError> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(InstallError::Name {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// What a new town holds besides `town.json`. The registry is among them: written only where there
/// is none, even with `force` (M23).
fn files(install: &Install, paths: &TownPaths) -> Vec<(PathBuf, String)> {
    let registry = json!({ "version": 1, "rigs": {} });
    let state = json!({
        "role": "mayor",
        "last_active": crate::gotime::format(Some(install.now)),
    });
    let mut files = vec![
        (paths.rigs_json(), json_file::text(&registry)),
        (
            paths.root().join("mayor/state.json"),
            json_file::text(&state),
        ),
        (paths.town_toml(), crate::config::template()),
        // Everything in it belongs to this machine: sockets, the store, captured environment.
        (paths.private().join(".gitignore"), "*\n".to_owned()),
        (
            paths.daemon_directory().join(".gitignore"),
            "*\n!.gitignore\n".to_owned(),
        ),
    ];
    if let Some(text) = &install.instructions {
        files.push((paths.root().join("CLAUDE.md"), text.clone()));
    }
    files
}

/// What this installation made, to be taken away again after a failure.
#[derive(Debug, Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a directory and those above it that are missing.
    fn directory(&mut self, path: &Path) -> io::Result<()> {
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
            .collect();
        for directory in missing.into_iter().rev() {
            fs_err::create_dir(directory)?;
            self.0.push(directory.to_owned());
        }
        if path.is_dir() {
            return Ok(());
        }
        let message = format!("`{}` is not a directory", path.display());
        Err(io::Error::new(io::ErrorKind::NotADirectory, message))
    }

    fn private(&mut self, path: &Path) -> Result<(), InstallError> {
        let new = !path.exists();
        private::secure_one(path).map_err(InstallError::Private)?;
        self.0.extend(new.then(|| path.to_owned()));
        Ok(())
    }

    /// Writes a file where there is none; whether it did.
    fn file(&mut self, path: &Path, text: &str) -> io::Result<bool> {
        if path.symlink_metadata().is_ok() {
            return Ok(false);
        }
        crate::atomic::write(path, text.as_bytes())?;
        self.0.push(path.to_owned());
        Ok(true)
    }

    fn undo(self) {
        for path in self.0.into_iter().rev() {
            // A best effort after a failure that is reported itself; what holds somebody else's
            // file stays.
            let _ = match path.is_dir() {
                true if path.ends_with(".gt") => fs_err::remove_dir_all(&path),
                true => fs_err::remove_dir(&path),
                false => fs_err::remove_file(&path),
            };
        }
    }
}
