//! A town in a temporary directory, for the tests of commands.

use gt_host::town;

use crate::context::Context;

/// A new town without a daemon. Its directory goes when this is dropped.
pub(crate) struct TestTown {
    pub(crate) context: Context,
    _directory: tempfile::TempDir,
}

impl TestTown {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let installed = town::install(&town::Install {
            path: directory.path().join("town"),
            name: None,
            force: false,
            instructions: None,
            now: gt_host::clock::now(),
        });
        let town = installed.unwrap().town;
        Self {
            context: Context::of(town),
            _directory: directory,
        }
    }
}
