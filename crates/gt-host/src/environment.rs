//! The one place that reads this process's environment, with the name of every variable read.

use std::ffi::OsString;

/// Directory of the town that an agent belongs to.
pub const GT_TOWN: &str = "GT_TOWN";
/// Canonical id of the agent.
pub const GT_AGENT: &str = "GT_AGENT";
/// The agent's role, as in the original.
pub const GT_ROLE: &str = "GT_ROLE";
/// The agent's rig, as in the original.
pub const GT_RIG: &str = "GT_RIG";
/// The polecat's name, as in the original.
pub const GT_POLECAT: &str = "GT_POLECAT";
/// The crew member's name, as in the original.
pub const GT_CREW: &str = "GT_CREW";
/// The agent's run.
pub const GT_INCARNATION: &str = "GT_INCARNATION";
/// Set by tmux for programs in its panes.
pub const TMUX: &str = "TMUX";
/// Set by tmux for programs in its panes.
pub const TMUX_PANE: &str = "TMUX_PANE";

/// A variable's value; none when unset, empty or not UTF-8.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The whole environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub fn all() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// Whether a variable marks a process as belonging to an agent or to a tmux pane. The daemon, tmux
/// servers and holders are started without any of these, so that a mayor that runs
/// `gt daemon start` never takes the town with it when it is stopped.
pub fn is_mark(name: &std::ffi::OsStr) -> bool {
    // `TMUX_TMPDIR` is a person's choice of where their own server listens.
    name.as_encoded_bytes().starts_with(b"GT_") || name == TMUX || name == TMUX_PANE
}
