//! Whether a town's directory still is where it was.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fs_err::File;

/// A town's directory, held open: its path may come to lead to nothing, or elsewhere.
#[derive(Debug)]
pub struct Site {
    path: PathBuf,
    directory: File,
}

/// What became of a town's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// It is where it was.
    There,
    /// It goes on somewhere else.
    Moved,
    /// It goes on somewhere else, and another directory is where it was.
    Replaced,
    /// It was deleted.
    Deleted,
}

/// Where a directory lies, in words that are the same for no copy of it.
///
/// # Errors
/// It cannot be looked at.
pub fn place(directory: &Path) -> io::Result<String> {
    let found = fs_err::metadata(directory)?;
    Ok(format!("{} {}", found.dev(), found.ino()))
}

impl Site {
    /// The directory that is there now.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            directory: File::open(path)?,
        })
    }

    /// What became of it.
    ///
    /// # Errors
    /// It cannot be said.
    pub fn look(&self) -> io::Result<Whereabouts> {
        let held = self.directory.metadata()?;
        // Proof: a path that leads to nothing may be a rename, or a disk that is not mounted.
        if held.nlink() == 0 {
            return Ok(Whereabouts::Deleted);
        }
        match fs_err::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => {
                Ok(Whereabouts::There)
            }
            Ok(_) => Ok(Whereabouts::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Whereabouts::Moved),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_renamed_is_not_deleted() {
        let around = tempfile::tempdir().unwrap();
        let [town, elsewhere] = ["town", "elsewhere"].map(|name| around.path().join(name));
        fs_err::create_dir(&town).unwrap();
        let site = Site::open(&town).unwrap();
        assert_eq!(site.look().unwrap(), Whereabouts::There);
        fs_err::rename(&town, &elsewhere).unwrap();
        assert_eq!(site.look().unwrap(), Whereabouts::Moved);
        fs_err::create_dir(&town).unwrap();
        assert_eq!(site.look().unwrap(), Whereabouts::Replaced);
        fs_err::remove_dir(&elsewhere).unwrap();
        assert_eq!(site.look().unwrap(), Whereabouts::Deleted);
    }
}
