//! The last screens of ended runs.

use std::path::Path;
use std::time::Duration;

use gt_core::AgentId;
use gt_core::incarnation::IncarnationId;
use gt_host::atomic;
use gt_host::tmux::{PaneId, request};

use crate::daemon::Hands;

/// How long the capture of a last screen may hold a restart up.
const LAST_SCREEN: Duration = Duration::from_millis(500);

/// How many lines that scrolled out of a last screen are kept with it.
const HISTORY: u32 = 200;

/// Keeps what the ended run's screen shows, if its pane still shows it and tmux says so in time:
/// 0600, the newest few per agent. It may hold secrets.
pub(super) async fn keep_last_screen(
    hands: &Hands,
    agent: &AgentId,
    last: Option<(IncarnationId, PaneId)>,
) {
    let Some((ended, pane)) = last else { return };
    let capture = hands.terminal.ask(request::capture(&pane, HISTORY));
    if let Ok(Ok(screen)) = tokio::time::timeout(LAST_SCREEN, capture).await {
        keep_screen(hands, agent, ended, screen);
    }
}

fn keep_screen(hands: &Hands, agent: &AgentId, ended: IncarnationId, screen: String) {
    let directory = hands.town.paths().post_mortems();
    let path = directory.join(format!("{}.{ended}.txt", agent.file_stem()));
    let agent = agent.file_stem();
    tokio::task::spawn_blocking(move || {
        // What a start that failed half-way left on the screen is not the run's last word.
        if path.exists() {
            return;
        }
        // A screen that cannot be kept is a smaller loss than a log full of it.
        if atomic::write_private(&path, screen.as_bytes()).is_ok() {
            age_out(&directory, &agent);
        }
    });
}

/// Removes all but the newest last screens of an agent. Ids rise with time, and so do the names.
fn age_out(directory: &Path, agent: &str) {
    const KEPT: usize = 10;
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
