//! The directory in which a rig is made, beside its place. Its maker and the programs that the
//! maker started hold a lock on it for as long as any of them lives: what nobody holds was left
//! behind, and may go.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gt_core::{Observed, RigName};
use rustix::io::FdFlags;
use tempfile::TempDir;

use crate::lock;
use crate::paths::TownPaths;

/// What every such name begins with.
const PREFIX: &str = ".gt-adding-";

/// Permissions of the rig's directory, as the original's.
const OPEN: u32 = 0o755;

/// Removed with the value, unless it was renamed.
pub(super) struct Building {
    directory: TempDir,
    /// Open in programs that are started as well, so that a git that outlives us keeps it.
    _lock: File,
}

impl Building {
    pub(super) fn new(paths: &TownPaths, rig: &RigName) -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{rig}-"))
            .permissions(std::fs::Permissions::from_mode(OPEN))
            .tempdir_in(paths.root())?;
        let lock = File::open(directory.path())?;
        lock.try_lock().map_err(io::Error::from)?;
        rustix::io::fcntl_setfd(&lock, FdFlags::empty())?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// What ended additions left behind: directories that no living process holds.
///
/// # Errors
/// When the town cannot be listed.
pub fn leftovers(paths: &TownPaths) -> io::Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    for entry in fs_err::read_dir(paths.root())? {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && is_abandoned(&entry.path()) {
            left.push(entry.path());
        }
    }
    Ok(left)
}

/// Removes them.
///
/// # Errors
/// For the first that cannot be removed.
pub fn clear_leftovers(paths: &TownPaths) -> io::Result<()> {
    leftovers(paths)?
        .iter()
        .try_for_each(fs_err::remove_dir_all)
}

fn is_abandoned(path: &Path) -> bool {
    path.is_dir() && !path.is_symlink() && lock::is_held(path) == Observed::Known(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_made_stays_and_what_was_left_goes() {
        let town = tempfile::tempdir().unwrap();
        let paths = TownPaths::new(town.path());
        let building = Building::new(&paths, &RigName::new("api").unwrap()).unwrap();
        let left = town.path().join(".gt-adding-api-old");
        fs_err::create_dir_all(left.join("refinery")).unwrap();
        assert_eq!(leftovers(&paths).unwrap(), std::slice::from_ref(&left));
        clear_leftovers(&paths).unwrap();
        assert!(building.path().exists() && !left.exists());
    }
}
