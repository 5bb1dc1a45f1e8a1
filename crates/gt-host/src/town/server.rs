//! Which tmux server the town is on. `tmux.socket` says where it comes up; once it is up somewhere,
//! it stays there, and everybody finds it, until it was down.

use std::io;
use std::path::{Path, PathBuf};

use gt_core::Observed;

use crate::config::Config;
use crate::paths::TownPaths;
use crate::{atomic, holder, process};

/// What stands for the town's own socket: the town may be moved.
const OWN: &str = "town";

/// The socket of the server that the town is on; none when it is on none, or that cannot be read.
pub fn in_use(paths: &TownPaths) -> Option<PathBuf> {
    let text = fs_err::read_to_string(paths.tmux_in_use()).ok()?;
    match text.trim_end_matches('\n') {
        OWN => Some(paths.tmux_socket()),
        path => Some(PathBuf::from(path)).filter(|path| path.is_absolute()),
    }
}

/// The socket of the server that a daemon which starts now has to use: that of the agents that run,
/// or else the configured one.
pub fn choose(paths: &TownPaths, config: &Config) -> PathBuf {
    in_use(paths)
        .filter(|_| may_have_agents(paths))
        .unwrap_or_else(|| config.tmux_socket_path(paths))
}

/// Remembers that the town is on this server.
///
/// # Errors
/// When the file cannot be written.
pub fn remember(paths: &TownPaths, socket: &Path) -> io::Result<()> {
    let text = match socket == paths.tmux_socket() {
        true => Path::new(OWN),
        false => socket,
    };
    let line = [text.as_os_str().as_encoded_bytes(), b"\n"].concat();
    atomic::write_private(&paths.tmux_in_use(), &line)
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
            remember(&paths, &socket).unwrap();
            assert_eq!(in_use(&paths), Some(socket));
        }
        assert_eq!(choose(&paths, &config("/y")), Path::new("/y"));
        forget(&paths);
        assert_eq!(in_use(&paths), None);
    }
}
