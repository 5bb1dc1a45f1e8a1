//! `gt` from end to end: the real binary, real tmux on private sockets, real processes and git.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail their test")]

mod daemon_process;
mod hostile;
mod identity;
mod messages;
mod poke;
mod robustness;
mod supervision;
mod towns;

use std::path::Path;

use gt_testkit::town::TestTown;

/// A town of the binary under test.
fn town(tables: &str) -> TestTown {
    TestTown::new(Path::new(env!("CARGO_BIN_EXE_gt")), tables)
}
