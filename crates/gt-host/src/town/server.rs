//! Which tmux server the town is on. `tmux.socket` says where it comes up; once it is up somewhere,
//! it stays there, and everybody finds it, until it was down, even if its socket is removed
//! meanwhile.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::{Observed, ProcessId};

use crate::config::Config;
use crate::local_socket::is_removed;
use crate::paths::TownPaths;
use crate::process::Signal;
use crate::town::private;
use crate::{atomic, clock, holder, process};

/// What stands for the town's own socket: the town may be moved.
const OWN: &str = "town";

/// How long a server may take to listen anew.
const LISTEN: Duration = Duration::from_secs(1);

/// How often it is looked whether it does.
const LOOK: Duration = Duration::from_millis(5);

/// The socket of the server that the town is on; none when it is on none, or that cannot be read.
pub fn in_use(paths: &TownPaths) -> Option<PathBuf> {
    let text = fs_err::read_to_string(paths.tmux_in_use()).ok()?;
    match text.lines().next()? {
        OWN => Some(paths.tmux_socket()),
        path => Some(PathBuf::from(path)).filter(|path| path.is_absolute()),
    }
}

/// The process of that server, once it was known in this boot.
fn process_in_use(paths: &TownPaths) -> Option<ProcessId> {
    let text = fs_err::read_to_string(paths.tmux_in_use()).ok()?;
    let mut words = text.lines().nth(1)?.split(' ');
    let mut number = || words.next()?.parse::<u64>().ok();
    let (pid, start) = (number()?, number()?);
    (words.next()? == process::boot_id().ok()?).then_some(ProcessId {
        pid: pid.try_into().ok()?,
        start,
    })
}

/// Has the town's server make its socket anew if somebody removed it, which tmux does on SIGUSR1:
/// nobody would find the server again, and the next one to start would be another.
pub fn restore_socket(paths: &TownPaths) {
    let Some(socket) = in_use(paths).filter(|socket| is_removed(socket)) else {
        return;
    };
    let Some(server) = process_in_use(paths) else {
        return;
    };
    // Its directory may be gone, too; one that cannot be made leaves the server where it is.
    let _ = private::secure(paths);
    if !matches!(process::signal(server, Signal::USR1), Ok(true)) {
        // It is gone with its socket, or not to be reached.
        return;
    }
    let until = clock::monotonic() + LISTEN;
    while is_removed(&socket) && clock::monotonic() < until {
        clock::pause(LOOK);
    }
}

/// The socket of the server that a daemon which starts now has to use: that of the agents that run,
/// or else the configured one.
pub fn choose(paths: &TownPaths, config: &Config) -> PathBuf {
    in_use(paths)
        .filter(|_| may_have_agents(paths))
        .unwrap_or_else(|| config.tmux_socket_path(paths))
}

/// Remembers that the town is on the server of this socket, and which process that is, once it is
/// known.
///
/// # Errors
/// When the file cannot be written.
pub fn remember(paths: &TownPaths, socket: &Path, server: Option<ProcessId>) -> io::Result<()> {
    let name = match socket == paths.tmux_socket() {
        true => Path::new(OWN),
        false => socket,
    };
    let mut text = [name.as_os_str().as_encoded_bytes(), b"\n"].concat();
    if let Some(ProcessId { pid, start }) = server {
        let boot = process::boot_id()?;
        text.extend_from_slice(format!("{pid} {start} {boot}\n").as_bytes());
    }
    atomic::write_private(&paths.tmux_in_use(), &text)
}

/// The town is down, and comes up where it is told to.
pub fn forget(paths: &TownPaths) {
    // One that stays names a server without agents, which binds nobody.
    let _ = fs_err::remove_file(paths.tmux_in_use());
}

/// Whether a holder lives, or may live.
fn may_have_agents(paths: &TownPaths) -> bool {
    let Ok(files) = holder::list_state_files(paths) else {
        return true;
    };
    files.into_iter().any(|(_, report)| {
        let lives = report.map(|report| process::is_alive(report.holder));
        !matches!(lives, Ok(Observed::Known(false)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_town_without_agents_comes_up_where_it_is_told_to() {
        let root = tempfile::tempdir().unwrap();
        let paths = TownPaths::new(root.path());
        fs_err::create_dir(paths.private()).unwrap();
        let config = |socket| Config::check(&format!("tmux.socket = '{socket}'")).unwrap();
        assert_eq!(in_use(&paths), None);
        assert_eq!(choose(&paths, &config("town")), paths.tmux_socket());
        for socket in [paths.tmux_socket(), "/tmp/x/tmux".into()] {
            remember(&paths, &socket, None).unwrap();
            assert_eq!(in_use(&paths), Some(socket));
        }
        assert_eq!(choose(&paths, &config("/y")), Path::new("/y"));
        forget(&paths);
        assert_eq!(in_use(&paths), None);
    }
}
