//! Where events come from: signals, datagrams, changed files. Each source is a task that ends with
//! the loop.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_host::local_socket;
#[cfg(target_os = "linux")]
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::net::UnixDatagram;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::daemon::event_of;
use crate::event::Event;
use crate::server;

/// How long a socket that cannot be read is left alone.
const RETRY: Duration = Duration::from_millis(100);

/// Turns signals into events. Called before the pid file is written: whoever reads that file may
/// signal at once.
pub(crate) fn listen_to_signals(events: &mpsc::Sender<Event>) -> std::io::Result<()> {
    forward(SignalKind::terminate(), || Event::Terminate, events)?;
    forward(SignalKind::interrupt(), || Event::Terminate, events)?;
    forward(SignalKind::hangup(), || Event::Reload, events)?;
    forward(SignalKind::user_defined1(), || Event::Changed, events)
}

fn forward(
    kind: SignalKind,
    event: fn() -> Event,
    events: &mpsc::Sender<Event>,
) -> std::io::Result<()> {
    let mut signals = signal(kind)?;
    let events = events.clone();
    tokio::task::spawn_local(async move {
        while signals.recv().await.is_some() {
            if events.send(event()).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Turns datagrams into events. The socket is made anew when somebody removes it.
pub(crate) fn listen_to_wake_ups(
    path: PathBuf,
    events: &mpsc::Sender<Event>,
) -> std::io::Result<()> {
    let mut socket = bind(&path)?;
    let events = events.clone();
    tokio::task::spawn_local(async move {
        let mut buffer = vec![0; gt_host::wake::MAX_LENGTH];
        while !events.is_closed() {
            match tokio::time::timeout(server::LOOK, socket.recv(&mut buffer)).await {
                Ok(Ok(length)) => drop(events.send(event_of(&buffer[..length])).await),
                // A system without memory says so, and has some later.
                Ok(Err(_)) => tokio::time::sleep(RETRY).await,
                Err(_) if local_socket::is_removed(&path) => {
                    socket = bind(&path).unwrap_or(socket);
                    // What was sent meanwhile was lost.
                    let _ = events.send(Event::Changed).await;
                }
                Err(_) => {}
            }
        }
    });
    Ok(())
}

fn bind(path: &Path) -> std::io::Result<UnixDatagram> {
    local_socket::clear(path)?;
    UnixDatagram::bind(path)
}

/// Watches town.toml and the registry by their directories, since they are replaced by rename, and
/// the directories themselves.
/// Where watching fails, a reload (SIGHUP) is what reads them anew. The watcher must be kept.
pub(crate) fn watch_files(
    directories: &[PathBuf],
    events: mpsc::Sender<Event>,
) -> notify::Result<RecommendedWatcher> {
    let watched = directories.to_owned();
    let mut watcher = notify::recommended_watcher(move |change: notify::Result<notify::Event>| {
        if is_relevant(&change, &watched) {
            // Waits for room, on a thread of its own; the loop that has ended needs none.
            let _ = events.blocking_send(Event::Reload);
        }
    })?;
    for directory in directories {
        watcher.watch(directory, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Whether something that is read may have changed. What could not be seen may have been that.
fn is_relevant(change: &notify::Result<notify::Event>, watched: &[PathBuf]) -> bool {
    let change = match change {
        Ok(change) if !change.need_rescan() => change,
        Ok(_) | Err(_) => return true,
    };
    let changed = |path: &PathBuf| {
        let is_read = is_configuration(path) && is_whole(&change.kind, path);
        is_read || (watched.contains(path) && is_departure(&change.kind))
    };
    change.paths.iter().any(changed)
}

/// Whether the file may be read after this: whoever writes it in place has closed it. Between the
/// truncation and the first write it is empty, which says that everything is as by default (F74).
#[cfg(target_os = "linux")]
fn is_whole(kind: &EventKind, path: &Path) -> bool {
    match kind {
        EventKind::Access(kind) => *kind == AccessKind::Close(AccessMode::Write),
        EventKind::Modify(ModifyKind::Data(_)) => false,
        EventKind::Create(_) => path.is_symlink(),
        EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Any | EventKind::Other => true,
    }
}

/// Elsewhere nobody tells of a file that is closed. A reader changes nothing.
#[cfg(not(target_os = "linux"))]
fn is_whole(kind: &EventKind, _path: &Path) -> bool {
    !kind.is_access()
}

/// Whether something was moved or deleted.
fn is_departure(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    )
}

fn is_configuration(path: &Path) -> bool {
    let is_named = |name: &OsStr| name == "town.toml" || name == "rigs.json";
    let is_preset = path
        .extension()
        .is_some_and(|extension| extension == "toml")
        && path.parent().and_then(Path::file_name) == Some(OsStr::new("presets"));
    is_preset || path.file_name().is_some_and(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{Flag, RemoveKind};

    /// Covers F74: what the watcher lost may have been town.toml, and nobody else reads it anew.
    #[test]
    fn what_could_not_be_seen_may_have_been_the_configuration() {
        let watched = [PathBuf::from("/town")];
        let is_relevant = |change| is_relevant(&change, &watched);
        let removed = |path: &str| {
            let kind = EventKind::Remove(RemoveKind::File);
            Ok(notify::Event::new(kind).add_path(path.into()))
        };
        assert!(is_relevant(removed("/town/town.toml")));
        assert!(!is_relevant(removed("/town/notes.md")));
        let overflow = notify::Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(is_relevant(Ok(overflow)));
        assert!(is_relevant(Err(notify::Error::generic("no more watches"))));
    }
}
