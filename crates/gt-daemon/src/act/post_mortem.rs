//! The last screens of ended runs.

use std::path::Path;
use std::time::Duration;

use gt_core::AgentId;
use gt_core::incarnation::IncarnationId;
use gt_host::atomic;
use gt_host::tmux::{PaneId, request};
use tokio::task::JoinHandle;

use crate::daemon::Hands;

/// How long the capture of a last screen may hold a restart up.
const LAST_SCREEN: Duration = Duration::from_millis(500);

/// How many lines that scrolled out of a last screen are kept with it.
const HISTORY: u32 = 200;

/// When a screen is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Once its run has ended: with its last words.
    After,
    /// Before its run is stopped: a full-screen program takes its screen with it.
    Before,
}

/// Keeps what a run's screen shows, if its pane still shows it and tmux says so in time: 0600, the
/// newest few per agent. It may hold secrets. What is given back writes it.
pub(super) async fn keep_screen(
    hands: &Hands,
    agent: &AgentId,
    shown: Option<(IncarnationId, PaneId)>,
    kept: Kept,
) -> Option<JoinHandle<()>> {
    let (run, pane) = shown?;
    let capture = hands.terminal.ask(request::capture(&pane, HISTORY));
    let screen = tokio::time::timeout(LAST_SCREEN, capture)
        .await
        .ok()?
        .ok()?;
    let directory = hands.town.paths().post_mortems();
    let agent = agent.file_stem();
    let name = match kept {
        Kept::After => format!("{agent}.{run}.txt"),
        Kept::Before => format!("{agent}.{run}.before-stop.txt"),
    };
    Some(tokio::task::spawn_blocking(move || {
        let path = directory.join(name);
        // What a start that failed half-way left on the screen is not the run's last word.
        if path.exists() {
            return;
        }
        // A screen that cannot be kept is a smaller loss than a log full of it.
        if atomic::write_private(&path, screen.as_bytes()).is_ok() {
            age_out(&directory, &agent);
        }
    }))
}

/// Removes all but the newest last screens of an agent. Ids rise with time, and so do the names.
fn age_out(directory: &Path, agent: &str) {
    const KEPT: usize = 16;
    let Ok(entries) = fs_err::read_dir(directory) else {
        return;
    };
    let prefix = format!("{agent}.");
    let mut screens: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        })
        .collect();
    screens.sort();
    for old in screens.iter().rev().skip(KEPT) {
        // Another pass removes what stays.
        let _ = fs_err::remove_file(old);
    }
}
