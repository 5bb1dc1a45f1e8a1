//! Directories that another user closed to us, and who that is.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

/// A directory that this user may not enter, since it is another user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Which directory.
    pub path: PathBuf,
    /// Its owner's id.
    pub uid: u32,
    /// Its owner's name, where the system's table of users has one.
    pub owner: Option<String>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = rustix::process::geteuid().as_raw();
        let owner = named(self.owner.as_deref(), self.uid);
        let us = named(name_of(us).as_deref(), us);
        let path = self.path.display();
        write!(
            f,
            "`{path}` belongs to user {owner} and is closed to you, user {us}"
        )
    }
}

fn named(name: Option<&str>, uid: u32) -> String {
    name.map_or_else(|| uid.to_string(), |name| format!("{name} ({uid})"))
}

/// The outermost directory on the way to `path`, itself included, that another user closed to us.
pub fn closed_on_the_way(path: &Path) -> Option<Closed> {
    let us = rustix::process::geteuid().as_raw();
    let ways: Vec<&Path> = path.ancestors().collect();
    ways.into_iter().rev().find_map(|path| {
        let uid = fs_err::metadata(path).ok()?.uid();
        let is_closed = rustix::fs::access(path, Access::EXEC_OK).is_err();
        (uid != us && is_closed && path.is_dir()).then(|| Closed {
            path: path.to_owned(),
            uid,
            owner: name_of(uid),
        })
    })
}

/// A user's name by `/etc/passwd`. Users of a directory service have only their number here.
fn name_of(uid: u32) -> Option<String> {
    let table = fs_err::read_to_string("/etc/passwd").ok()?;
    name_in(&table, uid)
}

fn name_in(table: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_systems_table() {
        let table = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name_in(table, 1000).as_deref(), Some("ann"));
        assert_eq!(name_in(table, 1001), None);
    }

    #[test]
    fn what_is_closed_is_told_with_its_owner() {
        let closed = Closed {
            path: "/srv/town/.gt".into(),
            uid: 4_000_000,
            owner: Some("ann".to_owned()),
        };
        let said = closed.to_string();
        let expect = "`/srv/town/.gt` belongs to user ann (4000000) and is closed to you, user ";
        assert!(said.starts_with(expect), "{said}");
    }

    #[test]
    fn ones_own_directory_is_not_closed() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(closed_on_the_way(directory.path()), None);
    }
}
