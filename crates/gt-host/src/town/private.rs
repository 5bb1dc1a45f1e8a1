//! Directories that no other user may enter: made 0700, repaired when ours, refused when another
//! user's.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::paths::TownPaths;

/// Owner only.
const PRIVATE: Mode = Mode::RWXU;

/// Why a private directory is not safe to use.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// It cannot be made, opened or changed.
    #[error("cannot make `{}` private", path.display())]
    Io {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is another user's, who may be waiting for what we put there.
    #[error("`{}` belongs to user {owner}, not to user {us}", path.display())]
    AnothersDirectory {
        /// Which directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// A symlink or a file is in its place.
    #[error("`{}` is not a directory", path.display())]
    NotADirectory {
        /// Which path.
        path: PathBuf,
    },
}

/// A directory whose permissions were wrong and are right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Which directory.
    pub path: PathBuf,
    /// The permissions it had, such as 0o755.
    pub had: u32,
}

/// Makes or repairs every private directory of a town, that of its sockets included.
///
/// # Errors
/// [`PrivateError`] names the first that is not safe to use.
pub fn secure(paths: &TownPaths) -> Result<Vec<Repair>, PrivateError> {
    let mut repairs = Vec::new();
    for directory in directories(paths) {
        repairs.extend(secure_one(&directory)?);
    }
    Ok(repairs)
}

/// Every private directory of a town, each after the one that it is in.
pub fn directories(paths: &TownPaths) -> Vec<PathBuf> {
    let mut directories = vec![paths.private()];
    directories.extend(socket_directories(paths));
    directories.extend([paths.holders(), paths.post_mortems(), paths.pastes()]);
    directories
}

/// The directories down to the sockets that must be ours. Outside the town these are all below
/// `/tmp`, or the runtime directory and all in it: where another user can put one first, each
/// level is checked.
fn socket_directories(paths: &TownPaths) -> Vec<PathBuf> {
    let sockets = paths.sockets();
    let levels = if sockets.starts_with(paths.root()) {
        1
    } else {
        3
    };
    let mut directories: Vec<PathBuf> = sockets
        .ancestors()
        .take(levels)
        .map(Path::to_owned)
        .collect();
    directories.reverse();
    directories
}

/// Makes or repairs one directory. It is opened without following a symlink and changed through
/// that handle, so that nobody can exchange it in between.
///
/// # Errors
/// [`PrivateError`].
pub fn secure_one(path: &Path) -> Result<Option<Repair>, PrivateError> {
    let failed = |errno: Errno| match errno {
        Errno::LOOP | Errno::NOTDIR => PrivateError::NotADirectory {
            path: path.to_owned(),
        },
        errno => PrivateError::Io {
            path: path.to_owned(),
            source: errno.into(),
        },
    };
    match rustix::fs::mkdir(path, PRIVATE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(failed(errno)),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
    check_owner(path, &directory, rustix::process::geteuid().as_raw())?;
    let had = mode(&directory).map_err(failed)?;
    if had == PRIVATE.bits() {
        return Ok(None);
    }
    rustix::fs::fchmod(&directory, PRIVATE).map_err(failed)?;
    Ok(Some(Repair {
        path: path.to_owned(),
        had,
    }))
}

fn check_owner(path: &Path, directory: impl AsFd, us: u32) -> Result<(), PrivateError> {
    let owner = rustix::fs::fstat(directory).map_err(|errno| PrivateError::Io {
        path: path.to_owned(),
        source: errno.into(),
    })?;
    if owner.st_uid == us {
        return Ok(());
    }
    Err(PrivateError::AnothersDirectory {
        path: path.to_owned(),
        owner: owner.st_uid,
        us,
    })
}

fn mode(directory: impl AsFd) -> Result<u32, Errno> {
    Ok(rustix::fs::fstat(directory)?.st_mode & 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode_of(path: &Path) -> u32 {
        fs_err::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_directory_of_ours_that_others_could_enter_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".gt");
        assert_eq!(secure_one(&path).unwrap(), None, "made as it should be");
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let repair = secure_one(&path).unwrap().unwrap();
        assert_eq!((repair.had, mode_of(&path)), (0o755, 0o700));
    }

    /// Covers F69: a directory that somebody else put there first is refused and left as it is.
    #[test]
    fn another_users_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let handle = std::fs::File::open(directory.path()).unwrap();
        let us = rustix::process::geteuid().as_raw();
        let error = check_owner(directory.path(), &handle, us + 1).unwrap_err();
        assert!(
            matches!(error, PrivateError::AnothersDirectory { owner, .. } if owner == us),
            "{error}"
        );
    }

    #[test]
    fn a_symlink_in_its_place_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (
            directory.path().join("target"),
            directory.path().join(".gt"),
        );
        fs_err::create_dir(&target).unwrap();
        let before = mode_of(&target);
        symlink(&target, &link).unwrap();
        assert!(matches!(
            secure_one(&link),
            Err(PrivateError::NotADirectory { .. })
        ));
        assert_eq!(mode_of(&target), before);
    }

    #[test]
    fn every_level_outside_the_town_is_checked() {
        let deep = PathBuf::from("/tmp").join("d".repeat(120));
        let paths = TownPaths::new(&deep);
        let levels = socket_directories(&paths);
        assert_eq!(levels.len(), 3);
        assert_eq!(levels[2], paths.sockets());
        assert_ne!(
            levels[0],
            Path::new("/tmp"),
            "a shared directory is never claimed"
        );
    }

    #[test]
    fn a_towns_private_directories_are_all_made() {
        let directory = tempfile::tempdir().unwrap();
        let paths = TownPaths::new(directory.path());
        secure(&paths).unwrap();
        for path in [paths.private(), paths.sockets().to_owned(), paths.pastes()] {
            assert_eq!(mode_of(&path), 0o700, "{}", path.display());
        }
    }
}
