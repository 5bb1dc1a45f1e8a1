//! Writing small files so that a reader sees the old text or the new, never half of one.

use std::io::{self, Write as _};
use std::path::Path;

/// Writes `content` to `path` by temporary file, fsync and rename, with permissions 0644.
///
/// # Errors
/// An [`io::Error`] that names the path; the old file is then still there.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with_mode(path, content, 0o644, Lasting::BeyondBoot)
}

/// [`write()`] with permissions 0600, for what may hold secrets.
///
/// # Errors
/// As [`write()`].
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with_mode(path, content, 0o600, Lasting::BeyondBoot)
}

/// [`write_private()`] without the wait for the disk, for what means nothing once the machine has
/// stopped. After a crash of the machine the file may be empty.
///
/// # Errors
/// As [`write()`].
pub fn write_for_boot(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with_mode(path, content, 0o600, Lasting::Boot)
}

/// [`write_private()`], unless the file has that content already: a full disk keeps nobody from what is
/// there.
///
/// # Errors
/// As [`write()`].
pub fn keep_private(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs_err::read(path) {
        Ok(present) if present == content => Ok(()),
        Ok(_) | Err(_) => write_private(path, content),
    }
}

/// How long the content has to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasting {
    Boot,
    BeyondBoot,
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32, lasting: Lasting) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    replace(directory, path, content, mode, lasting).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot write `{}`: {}", path.display(), bare(&error)),
        )
    })
}

/// What the system said, without the name of a temporary file, which `tempfile` puts at the end.
fn bare(error: &io::Error) -> String {
    let said = error.to_string();
    let (bare, _) = said.split_once(" at path ").unwrap_or((&said, ""));
    bare.to_owned()
}

fn replace(
    directory: &Path,
    path: &Path,
    content: &[u8],
    mode: u32,
    lasting: Lasting,
) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = tempfile::Builder::new()
        .prefix(".gt-")
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(directory)?;
    file.write_all(content)?;
    if lasting == Lasting::BeyondBoot {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    match lasting {
        Lasting::Boot => Ok(()),
        Lasting::BeyondBoot => fs_err::File::open(directory)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers D19, F74: whoever has the old file open reads all of it, and a write that fails leaves
    /// nothing behind.
    #[test]
    fn a_file_is_replaced_and_never_written_into() {
        use std::io::Read as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        write(&path, b"old").unwrap();
        let link = directory.path().join("link");
        fs_err::hard_link(&path, &link).unwrap();
        let mut open = fs_err::File::open(&path).unwrap();
        write(&path, b"new and longer").unwrap();
        let mut read = String::new();
        open.read_to_string(&mut read).unwrap();
        assert_eq!(read, "old");
        assert_eq!(fs_err::read(link).unwrap(), b"old");
        assert_eq!(fs_err::read(&path).unwrap(), b"new and longer");
        let in_the_way = directory.path().join("directory");
        fs_err::create_dir(&in_the_way).unwrap();
        write(&in_the_way, b"new").unwrap_err();
        assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 3);
    }

    /// Covers F74: a write that fails leaves the old file whole.
    #[test]
    fn a_failed_write_keeps_the_old_file_and_names_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        write(&path, b"old").unwrap();
        let missing = directory.path().join("no/such/state.json");
        let error = write(&missing, b"new").unwrap_err();
        assert!(error.to_string().contains("no/such/state.json"), "{error}");
        assert_eq!(fs_err::read(&path).unwrap(), b"old");
        assert_eq!(
            fs_err::read_dir(directory.path()).unwrap().count(),
            1,
            "no temporary is left"
        );
    }
}
