//! The store: undamaged, and open to writing.

use std::time::Duration;

use gt_api::view::Check;
use gt_core::observed::chain;
use gt_host::paths::TownPaths;
use gt_store::{Store, StoreError};

use super::{Patient, error, ok, unseen, warning};
use crate::context::store_hints;

/// How long to wait for who writes: each write is short.
const BUSY: Duration = Duration::from_secs(5);

pub(super) fn integrity(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "store";
    let path = patient.paths().store();
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            return Some(ok(
                NAME,
                "there is none yet; the first that writes makes it",
            ));
        }
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
