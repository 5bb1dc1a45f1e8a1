//! The last screens of ended runs.

use std::path::Path;
use std::time::Duration;

use gt_core::AgentId;
use gt_core::incarnation::IncarnationId;
use gt_host::atomic;
use gt_host::tmux::request;

use crate::daemon::Hands;
use crate::terminal::pane_id;

/// How long the capture of a last screen may hold a restart up.
const LAST_SCREEN: Duration = Duration::from_millis(500);

/// What the ended run's screen shows; none when tmux cannot say in time.
pub(super) async fn last_screen(
    hands: &Hands,
    last: Option<&(IncarnationId, String)>,
) -> Option<String> {
    let (_, pane) = last?;
    if pane.is_empty() {
        return None;
    }
    tokio::time::timeout(
        LAST_SCREEN,
        hands.terminal.ask(request::capture(&pane_id(pane), 200)),
    )
    .await
    .ok()?
    .ok()
}

/// Keeps the last screen of a run: 0600, the newest few per agent. It may hold secrets.
pub(super) fn keep_screen(hands: &Hands, agent: &AgentId, ended: IncarnationId, screen: &str) {
    let directory = hands.town.paths().post_mortems();
    let path = directory.join(format!("{}.{ended}.txt", agent.file_stem()));
    let agent = agent.file_stem();
    let screen = screen.to_owned();
    tokio::task::spawn_blocking(move || {
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
