//! The town's files and what they lie on.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use gt_api::view::Check;
use gt_core::observed::chain;
use gt_host::config::{Config, ConfigError};
use gt_host::paths::{MAX_SOCKET_PATH, TownPaths};
use gt_host::registry::{self, Problem};
use gt_host::rig;
use gt_host::town::{TownFile, filesystem, private};

use super::{Patient, error, ok, unseen, warning};
use crate::context::Context;
use crate::error::{CliResult, Doing as _};

/// Below this, clones and logs soon fail.
const LITTLE_SPACE: u64 = 1 << 30;
/// Below this, a write may fail at any moment, and a write that fails loses work.
const NO_SPACE: u64 = 100 << 20;

/// A town whose own file is gone is still found by what its daemon left, so that it can be stopped.
pub(super) fn town(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "town";
    let path = patient.paths().town_json();
    Some(match TownFile::read(&path) {
        Ok(file) => ok(NAME, format!("`{}`", file.name)),
        Err(problem) => error(
            NAME,
            chain(&problem),
            "`gt install --force DIR` writes one where none is; move a damaged one away first",
        ),
    })
}

pub(super) fn configuration(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "configuration";
    Some(match Config::load(&patient.paths().town_toml()) {
        Ok(_) => ok(NAME, "town.toml has no mistakes"),
        Err(ConfigError::Mistakes { path, mistakes }) => {
            let place = path.display();
            let lines: Vec<String> = mistakes
                .iter()
                .map(|mistake| format!("{place}: {mistake}"))
                .collect();
            error(NAME, lines.join("\n"), "`gt config check` names the places")
        }
        Err(problem) => error(NAME, chain(&problem), "make town.toml readable"),
    })
}

pub(super) fn registry(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "registry";
    let discovery = registry::discover(patient.paths(), None);
    let damaged = discovery
        .problems
        .iter()
        .find(|problem| matches!(problem, Problem::Registry { .. }));
    if let Some(damaged) = damaged {
        let hint = "mend mayor/rigs.json, or bring it back from a copy; nothing writes over it";
        return Some(error(NAME, damaged.to_string(), hint));
    }
    if discovery.problems.is_empty() {
        return Some(ok(NAME, format!("{} rigs", discovery.roll.rigs().len())));
    }
    let problems = discovery.problems.iter().map(ToString::to_string);
    let message = problems.collect::<Vec<_>>().join("\n");
    Some(warning(NAME, message, "`gt rig list` shows each rig"))
}

pub(super) fn file_system(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "file system";
    Some(match filesystem::network_kind(patient.paths().root()) {
        None => ok(NAME, "no network file system"),
        Some(kind) => error(
            NAME,
            format!(
                "the town lies on a network file system ({kind}), where locks cannot be relied on"
            ),
            "move the town to a disk of this machine",
        ),
    })
}

pub(super) fn space(patient: &Patient<'_>) -> Option<Check> {
    Some(match rustix::fs::statvfs(patient.paths().root()) {
        Ok(system) => space_of(system.f_bavail.saturating_mul(system.f_frsize)),
        Err(problem) => unseen("disk space", problem),
    })
}

fn space_of(free: u64) -> Check {
    const NAME: &str = "disk space";
    let message = format!("{} MiB free", free >> 20);
    let hint = "make room on the town's disk";
    match free {
        0..NO_SPACE => error(NAME, message, hint),
        NO_SPACE..LITTLE_SPACE => warning(NAME, message, hint),
        LITTLE_SPACE.. => ok(NAME, message),
    }
}

/// The private directories and files: ours, and for nobody else.
pub(super) fn private(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "private files";
    let directories = private::directories(patient.paths());
    let wrong = directories.iter().map(|path| (path, wrong_directory(path)));
    let files = private_files(patient.paths());
    let wrong = wrong.chain(files.iter().map(|path| (path, wrong_file(path))));
    let mut lines = Vec::new();
    for (path, found) in wrong {
        match found {
            Ok(None) => {}
            Ok(Some(problem)) => lines.push(format!("`{}` {problem}", path.display())),
            Err(problem) => lines.push(format!("`{}`: {problem}", path.display())),
        }
    }
    if lines.is_empty() {
        return Some(ok(NAME, "nobody else may enter or read them"));
    }
    let hint = "`gt doctor --fix` closes what is yours";
    Some(error(NAME, lines.join("\n"), hint))
}

/// Rigs half made, whose `gt rig add` was killed. None, for most towns, is no line.
pub(super) fn leftovers(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "leftovers";
    let left = match rig::leftovers(patient.paths()) {
        Ok(left) => left,
        Err(problem) => return Some(unseen(NAME, problem)),
    };
    if left.is_empty() {
        return Some(ok(NAME, "no rig is half made"));
    }
    let lines = left.iter().map(|path| format!("`{}`", path.display()));
    let lines = lines.collect::<Vec<_>>().join("\n");
    let message = format!("left by a `gt rig add` that was killed:\n{lines}");
    Some(warning(NAME, message, "`gt doctor --fix` removes it"))
}

pub(super) fn clear_leftovers(context: &Context) -> CliResult {
    rig::clear_leftovers(context.paths()).doing("remove what was left")
}

/// Closes what is ours. Another user's is an error that names it.
pub(super) fn make_private(context: &Context) -> CliResult {
    private::secure(context.paths()).doing("close the private directories")?;
    for file in private_files(context.paths()) {
        if matches!(wrong_file(&file), Ok(Some(_))) {
            let mode = std::fs::Permissions::from_mode(0o600);
            fs_err::set_permissions(&file, mode).doing("close a private file")?;
        }
    }
    Ok(())
}

fn private_files(paths: &TownPaths) -> Vec<PathBuf> {
    let store = paths.store();
    let beside = |end: &str| {
        let mut name = store.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    };
    vec![
        paths.captured_environment(),
        beside("-wal"),
        beside("-shm"),
        store,
    ]
}

fn wrong_directory(path: &Path) -> io::Result<Option<String>> {
    let metadata = match fs_err::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
            return Ok(Some("is not there".to_owned()));
        }
        Err(problem) => return Err(problem),
    };
    if !metadata.is_dir() {
        return Ok(Some("is not a directory".to_owned()));
    }
    Ok(wrong_owner_or_mode(&metadata))
}

/// A file that is not there needs no protection.
fn wrong_file(path: &Path) -> io::Result<Option<String>> {
    match fs_err::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => Ok(Some("is not a file".to_owned())),
        Ok(metadata) => Ok(wrong_owner_or_mode(&metadata)),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn wrong_owner_or_mode(metadata: &std::fs::Metadata) -> Option<String> {
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        return Some(format!(
            "belongs to user {}, not to user {us}",
            metadata.uid()
        ));
    }
    let mode = metadata.mode() & 0o7777;
    (mode & 0o077 != 0).then(|| format!("may be used by others (mode {mode:04o})"))
}

/// Whether the daemon will be able to listen: found out by listening.
pub(super) fn sockets(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "sockets";
    let directory = patient.paths().sockets();
    let socket = directory.join(format!("doctor-{}.sock", std::process::id()));
    if patient.paths().daemon_socket().as_os_str().len() > MAX_SOCKET_PATH {
        let message = format!("`{}` is too long a path for sockets", directory.display());
        return Some(error(
            NAME,
            message,
            "set XDG_RUNTIME_DIR to a shorter directory",
        ));
    }
    let listening = UnixDatagram::bind(&socket);
    if listening.is_ok() {
        // What is left of it would be an empty socket that nobody connects to.
        let _ = fs_err::remove_file(&socket);
    }
    Some(match listening {
        Ok(_) => ok(NAME, format!("`{}` takes sockets", directory.display())),
        Err(problem) => error(
            NAME,
            format!("`{}` takes no sockets: {problem}", directory.display()),
            "`gt doctor --fix` makes the directory; a file system without sockets needs another place",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gt_api::view::CheckResult;

    /// Covers F52: too little space is told before it loses work.
    #[test]
    fn little_space_is_a_warning_and_almost_none_an_error() {
        let result = |mebibytes: u64| space_of(mebibytes << 20).result;
        assert_eq!(result(99), CheckResult::Error);
        assert_eq!(result(100), CheckResult::Warning);
        assert_eq!(result(1023), CheckResult::Warning);
        assert_eq!(result(1024), CheckResult::Ok);
    }
}
