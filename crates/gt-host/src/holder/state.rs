//! The files in which holders report, for when a holder does not answer or is gone.

use std::io;
use std::path::{Path, PathBuf};

use gt_core::{AgentId, Observed};

use super::protocol::Report;
use crate::paths::TownPaths;

/// Why a state file tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is there and cannot be read.
    #[error("cannot read the holder's state")]
    Read(#[source] io::Error),
    /// It is not such a file.
    #[error("`{}` is no holder's state", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// What the agent's holder reported last; none when the seat has no file, or that of another town's
/// holder: a copy of a town has the files of the one that it was copied from.
///
/// # Errors
/// [`StateError`] when it is unknown what the holder reported.
pub fn read_state_file(paths: &TownPaths, agent: &AgentId) -> Result<Option<Report>, StateError> {
    match read(&paths.holder_state(agent))? {
        Some(report) => own(paths, agent, report),
        None => Ok(None),
    }
}

/// The report if it is of this town's own holder. One that was written elsewhere is so where the town
/// was moved: its holder's lock has moved with it, which a copy has not.
fn own(paths: &TownPaths, agent: &AgentId, report: Report) -> Result<Option<Report>, StateError> {
    let socket = paths.holder_socket(agent);
    if socket.to_str() == Some(&report.socket) {
        return Ok(Some(report));
    }
    match super::is_taken(paths, agent) {
        Observed::Known(false) => Ok(None),
        Observed::Known(true) => Ok(Some(Report {
            socket: match socket.exists() {
                true => socket.to_string_lossy().into_owned(),
                false => report.socket,
            },
            ..report
        })),
        Observed::Unknown(reason) => Err(StateError::Read(io::Error::other(reason.to_string()))),
    }
}

fn read(path: &Path) -> Result<Option<Report>, StateError> {
    let text = match fs_err::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(StateError::Read)?,
    };
    if never_reached_the_disk(&text) {
        return Ok(None);
    }
    let report = serde_json::from_slice(&text).map_err(|source| StateError::Form {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(report))
}

/// Whether the machine crashed before the content was written out: files are replaced whole, so
/// that no reader sees one of these otherwise. Its holder ended with the machine.
fn never_reached_the_disk(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte == 0)
}

/// Every agent whose seat has a state file, with what it says, in the order of their ids.
///
/// # Errors
/// When the files cannot be listed. A town without any has an empty list.
pub fn list_state_files(
    paths: &TownPaths,
) -> io::Result<Vec<(AgentId, Result<Report, StateError>)>> {
    let agents = agents_with_state_files(paths)?.into_iter();
    // A file that was removed meanwhile is of a holder that quit.
    let states = agents.filter_map(|agent| {
        let state = read_state_file(paths, &agent).transpose()?;
        Some((agent, state))
    });
    Ok(states.collect())
}

/// Every agent whose seat has a state file, whatever it says, in the order of their ids.
///
/// # Errors
/// When the files cannot be listed. A town without any has an empty list.
pub fn agents_with_state_files(paths: &TownPaths) -> io::Result<Vec<AgentId>> {
    let entries = match fs_err::read_dir(paths.holders()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut agents = Vec::new();
    for entry in entries {
        agents.extend(agent_of(&entry?.path()));
    }
    agents.sort();
    Ok(agents)
}

/// The agent whose state file this is; none for temporary files and locks.
fn agent_of(path: &Path) -> Option<AgentId> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".json")?;
    AgentId::from_file_stem(stem)
}

/// Without waiting for the disk: the next order to the holder would wait, too, and what it says of
/// one boot counts in no other.
pub(super) fn write(paths: &TownPaths, report: &Report) -> io::Result<()> {
    let text = serde_json::to_vec(report)?;
    crate::atomic::write_for_boot(&paths.holder_state(&report.agent), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that crashes may leave the name of a file whose content was not written out.
    #[test]
    fn a_file_that_never_reached_the_disk_is_none_and_half_a_one_is_unknown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mayor.json");
        for lost in [&b""[..], &[0; 512]] {
            fs_err::write(&path, lost).unwrap();
            assert!(read(&path).unwrap().is_none());
        }
        fs_err::write(&path, b"{\"version\":").unwrap();
        assert!(matches!(read(&path), Err(StateError::Form { .. })));
    }
}
