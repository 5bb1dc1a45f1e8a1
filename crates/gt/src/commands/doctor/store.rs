//! The store: undamaged, and open to writing.

use std::time::Duration;

use gt_api::view::Check;
use gt_core::observed::chain;
use gt_host::daemon_state::DaemonState;
use gt_host::paths::TownPaths;
use gt_store::{Store, StoreError};

use super::{Patient, error, ok, unseen, warning};
use crate::context::store_hints;

/// How long to wait for who writes: each write is short.
const BUSY: Duration = Duration::from_secs(5);

pub(super) fn integrity(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "store";
    let path = patient.paths().store();
    patient.context.await_store();
    match path.try_exists() {
        Ok(true) if fs_err::metadata(&path).is_ok_and(|found| found.len() == 0) => {
            return Some(error(
                NAME,
                "its file was emptied, and with it mail, wishes and history",
                "`gt down`, then put a good copy in its place or remove it: the next `gt up` begins a new one",
            ));
        }
        Ok(true) => {}
        Ok(false) => return Some(missing(patient.paths())),
        Err(problem) => return Some(unseen(NAME, problem)),
    }
    let checked = Store::open_read_only(&path, BUSY).and_then(|store| store.integrity_check());
    Some(match checked {
        Ok(()) => ok(NAME, "undamaged"),
        Err(problem @ StoreError::Older { .. }) => warning(
            NAME,
            chain(&problem),
            "the next `gt daemon start` brings it up to date",
        ),
        Err(problem @ StoreError::Newer { .. }) => error(
            NAME,
            chain(&problem),
            "use the gt that wrote it, or a newer one",
        ),
        Err(problem) => error(NAME, chain(&problem), store_hints(&problem).join("\n")),
    })
}

/// A town that had a daemon had a store.
fn missing(paths: &TownPaths) -> Check {
    const NAME: &str = "store";
    let state = DaemonState::read(&paths.daemon_state()).unwrap_or_default();
    if state.heartbeat_count == 0 {
        return ok(NAME, "there is none yet; the first that writes makes it");
    }
    error(
        NAME,
        "its file is gone, and with it mail, wishes and history",
        format!(
            "put a good copy at `{}` if there is one; otherwise the next command that writes begins a new one",
            paths.store().display()
        ),
    )
}

/// Found out by writing: one that can only be read answers every other question well. One that is
/// no store that this gt reads is [`integrity`]'s finding.
pub(super) fn writable(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "store writable";
    if !patient.paths().store().exists() {
        // Nothing to write to; its directory is looked at by itself.
        return None;
    }
    let written = write(patient.paths());
    Some(match written {
        Ok(()) => ok(NAME, "a trial write was stored"),
        Err(StoreError::Corrupt { .. } | StoreError::BadRow { .. } | StoreError::Newer { .. }) => {
            return None;
        }
        Err(problem) => error(
            NAME,
            chain(&problem),
            "look at the disk and at the owner and mode of .gt and .gt/town.db",
        ),
    })
}

fn write(paths: &TownPaths) -> Result<(), StoreError> {
    Store::open(&paths.store(), BUSY)?.check_writable()
}
