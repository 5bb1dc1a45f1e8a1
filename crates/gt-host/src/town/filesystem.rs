//! Whether a town's directory lies on a network file system, where locks, sockets and the store
//! cannot be relied on.

use std::path::Path;

/// The network file system that holds `path`, or the nearest directory above it that exists; none
/// for a local one, and where the system does not tell.
pub fn network_kind(path: &Path) -> Option<String> {
    let existing = path
        .ancestors()
        .find(|path| path.exists())?
        .canonicalize()
        .ok()?;
    kind_by_magic(magic(&existing)?).map_or_else(
        || kind_by_name(&mounted_type(&existing)?),
        |kind| Some(kind.to_owned()),
    )
}

#[cfg(target_os = "linux")]
fn magic(path: &Path) -> Option<u64> {
    // The width and sign of the field differ by architecture; every number fits in 32 bits.
    #[expect(clippy::cast_sign_loss, reason = "the numbers are bit patterns")]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the numbers are 32 bits wide"
    )]
    rustix::fs::statfs(path)
        .ok()
        .map(|system| u64::from(system.f_type as u32))
}

#[cfg(not(target_os = "linux"))]
fn magic(_path: &Path) -> Option<u64> {
    None
}

/// Network file systems by the number that statfs(2) gives. FUSE has one number for all, so its
/// kinds are told by [`kind_by_name`].
fn kind_by_magic(magic: u64) -> Option<&'static str> {
    match magic {
        0x6969 => Some("nfs"),
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => Some("smb"),
        0x564c => Some("ncp"),
        0x5346_414f => Some("afs"),
        0x7375_7245 => Some("coda"),
        0x0102_1997 => Some("9p"),
        0x00c3_6400 => Some("ceph"),
        0x0bd0_0bd0 => Some("lustre"),
        _ => None,
    }
}

/// The kind of a mounted file system whose type names a network; such as `fuse.sshfs`.
fn kind_by_name(name: &str) -> Option<String> {
    const REMOTE: &[&str] = &[
        "sshfs",
        "s3fs",
        "gcsfuse",
        "rclone",
        "davfs",
        "davfs2",
        "curlftpfs",
        "glusterfs",
        "ceph",
        "gvfsd-fuse",
        "mfs",
        "juicefs",
        "goofys",
    ];
    let program = name.strip_prefix("fuse.")?;
    REMOTE.contains(&program).then(|| name.to_owned())
}

fn mounted_type(path: &Path) -> Option<String> {
    type_of_mount(&fs_err::read_to_string("/proc/self/mountinfo").ok()?, path)
}

/// The type of the file system mounted at the nearest directory at or above `path`; of two at one
/// place the later hides the earlier.
fn type_of_mount(mountinfo: &str, path: &Path) -> Option<String> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let directory = place.split(' ').nth(4)?.replace("\\040", " ");
        Some((directory, kind.split(' ').next()?))
    });
    mounts
        .filter(|(directory, _)| path.starts_with(directory))
        .max_by_key(|(directory, _)| directory.len())
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw - ext4 /dev/vda rw
30 22 0:40 / /home/u/far\\040away rw,nosuid - fuse.sshfs host:/x rw
31 22 0:41 / /home/u/box rw - fuse.ntfs-3g /dev/sdb rw";

    #[track_caller]
    fn check(path: &str, expect: Option<&str>) {
        let kind = type_of_mount(MOUNTS, Path::new(path)).and_then(|name| kind_by_name(&name));
        assert_eq!(kind.as_deref(), expect);
    }

    #[test]
    fn only_a_fuse_mount_that_crosses_a_network_is_refused() {
        check("/home/u/far away/town", Some("fuse.sshfs"));
        check("/home/u/far", None);
        check("/home/u/box/town", None);
        assert_eq!(kind_by_magic(0x6969), Some("nfs"));
    }

    #[test]
    fn a_directory_that_does_not_exist_yet_is_judged_by_the_one_above() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(network_kind(&directory.path().join("not/yet")), None);
    }
}
