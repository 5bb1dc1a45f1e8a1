//! `git status --porcelain=v2 -z`, read field by field: nothing is trimmed, no name is quoted.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// One path that differs from the last commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How.
    pub kind: ChangeKind,
    /// Relative to the work tree's root.
    pub path: PathBuf,
}

/// How a path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Tracked, and changed in the index, the work tree or both; renamed ones too.
    Tracked,
    /// In conflict.
    Unmerged,
    /// Not tracked and not ignored.
    Untracked,
}

/// Reads the whole output; none when a record is not understood.
pub(super) fn parse(output: &[u8]) -> Option<Vec<Change>> {
    let mut records = output
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty());
    let mut changes = Vec::new();
    while let Some(record) = records.next() {
        // How many fields stand before the path, by the record's kind.
        let (kind, fields) = match record.first()? {
            b'1' => (ChangeKind::Tracked, 8),
            b'2' => (ChangeKind::Tracked, 9),
            b'u' => (ChangeKind::Unmerged, 10),
            b'?' => (ChangeKind::Untracked, 1),
            b'#' | b'!' => continue,
            _ => return None,
        };
        let path = record
            .splitn(fields + 1, |byte| *byte == b' ')
            .nth(fields)?;
        changes.push(Change {
            kind,
            path: OsString::from_vec(path.to_vec()).into(),
        });
        if record.starts_with(b"2") {
            // The path it was renamed from.
            records.next()?;
        }
    }
    Some(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_record_gives_its_whole_path() {
        let output = b"1 .M N... 100644 100644 100644 aa bb  a b.txt\0\
            2 R. N... 100644 100644 100644 aa bb R100 new\0old\0\
            u UU N... 100644 100644 100644 100644 aa bb cc both\0\
            ? odd\nname\0";
        let paths: Vec<(ChangeKind, String)> = parse(output)
            .unwrap()
            .into_iter()
            .map(|change| (change.kind, change.path.to_str().unwrap().to_owned()))
            .collect();
        assert_eq!(
            paths,
            [
                (ChangeKind::Tracked, " a b.txt".to_owned()),
                (ChangeKind::Tracked, "new".to_owned()),
                (ChangeKind::Unmerged, "both".to_owned()),
                (ChangeKind::Untracked, "odd\nname".to_owned()),
            ]
        );
    }

    /// Unknown is not clean.
    #[test]
    fn a_record_that_is_not_understood_is_no_clean_work_tree() {
        assert_eq!(parse(b"x something\0"), None);
        assert_eq!(parse(b"1 .M N...\0"), None);
        assert_eq!(parse(b""), Some(vec![]));
    }
}
