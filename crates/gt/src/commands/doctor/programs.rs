//! The programs that gt itself runs.

use std::time::Duration;

use gt_api::view::Check;
use gt_core::observed::chain;
use gt_host::git::Git;
use gt_host::tmux;

use super::{Patient, error, ok};

/// How long a program may take to tell its version.
const ANSWER: Duration = Duration::from_secs(5);

/// What the daemon cannot start without.
pub(super) fn tmux(_: &Patient<'_>) -> Option<Check> {
    Some(match tmux::probe(ANSWER) {
        Ok(version) => ok("tmux", format!("version {version}")),
        Err(problem) => {
            let hint = format!("install tmux {} or later", tmux::MINIMUM);
            error("tmux", chain(&problem), hint)
        }
    })
}

/// What rigs are cloned with.
pub(super) fn git(_: &Patient<'_>) -> Option<Check> {
    Some(match Git::new().version() {
        Ok((major, minor)) => ok("git", format!("version {major}.{minor}")),
        Err(problem) => error("git", chain(&problem), "install a newer git"),
    })
}
