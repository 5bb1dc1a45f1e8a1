//! Where a town keeps its files. The original's stay where they were; what is new lives in
//! `<town>/.gt/`.

use std::io;
use std::path::{Path, PathBuf};

use gt_core::AgentId;

/// Longest path of a Unix socket that is used as it is: the kernel takes 107 bytes, and tmux and
/// temporary names want a few more.
pub const MAX_SOCKET_PATH: usize = 100;

/// The files of one town.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TownPaths {
    root: PathBuf,
    sockets: PathBuf,
}

impl TownPaths {
    /// The paths of the town at `root`, which must be absolute with symlinks resolved.
    pub fn new(root: &Path) -> Self {
        let inside = root.join(".gt/s");
        // The longest name in it is a holder's: 16 hex digits and `.sock`.
        let fits = inside.as_os_str().len() + "/0123456789abcdef.sock".len() <= MAX_SOCKET_PATH;
        let sockets = if fits { inside } else { outside_sockets(root) };
        Self {
            root: root.to_owned(),
            sockets,
        }
    }

    /// The town's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is private to this program: 0700.
    pub fn private(&self) -> PathBuf {
        self.root.join(".gt")
    }

    /// The directory of all sockets: 0700.
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// The daemon's stream socket.
    pub fn daemon_socket(&self) -> PathBuf {
        self.sockets.join("daemon.sock")
    }

    /// The daemon's datagram socket, for keepalives and wake-ups.
    pub fn wake_socket(&self) -> PathBuf {
        self.sockets.join("wake.sock")
    }

    /// The town's own tmux server.
    pub fn tmux_socket(&self) -> PathBuf {
        self.sockets.join("tmux.sock")
    }

    /// Which tmux server the town is on.
    pub fn tmux_in_use(&self) -> PathBuf {
        self.private().join("tmux.socket")
    }

    /// The generated configuration of the town's tmux server.
    pub fn tmux_config(&self) -> PathBuf {
        self.private().join("tmux.conf")
    }

    /// The socket of an agent's holder: short whatever the agent's name.
    pub fn holder_socket(&self, agent: &AgentId) -> PathBuf {
        self.sockets.join(format!(
            "{:016x}.sock",
            gt_core::screen::digest(&agent.to_string())
        ))
    }

    /// The files in which holders report: `RIG+crew+NAME.json`.
    pub fn holders(&self) -> PathBuf {
        self.private().join("holders")
    }

    /// The file in which one agent's holder reports.
    pub fn holder_state(&self, agent: &AgentId) -> PathBuf {
        self.holders().join(format!("{}.json", agent.file_stem()))
    }

    /// Locked while the holder of one agent lives.
    pub fn holder_lock(&self, agent: &AgentId) -> PathBuf {
        self.holder_state(agent).with_extension("lock")
    }

    /// The store.
    pub fn store(&self) -> PathBuf {
        self.private().join("town.db")
    }

    /// The environment captured from a person's `gt up`: 0600.
    pub fn captured_environment(&self) -> PathBuf {
        self.private().join("environment.json")
    }

    /// While this file is there, nothing is started: `gt down` was given.
    pub fn down_file(&self) -> PathBuf {
        self.private().join("down")
    }

    /// Whether `gt down` was given, and no `gt up` since. What cannot be seen counts as down for
    /// whoever starts agents.
    pub fn is_down(&self) -> io::Result<bool> {
        self.down_file().try_exists()
    }

    /// Last screens of agents that ended.
    pub fn post_mortems(&self) -> PathBuf {
        self.private().join("post-mortems")
    }

    /// Messages on their way into a terminal.
    pub fn pastes(&self) -> PathBuf {
        self.private().join("pastes")
    }

    /// Files that make agents' programs tell what they do.
    pub fn hooks(&self) -> PathBuf {
        self.private().join("hooks")
    }

    /// Configuration written by people.
    pub fn town_toml(&self) -> PathBuf {
        self.root.join("town.toml")
    }

    /// Presets of the town's own.
    pub fn presets(&self) -> PathBuf {
        self.root.join("presets")
    }

    /// The original's town file.
    pub fn town_json(&self) -> PathBuf {
        self.root.join("mayor/town.json")
    }

    /// The original's registry of rigs.
    pub fn rigs_json(&self) -> PathBuf {
        self.root.join("mayor/rigs.json")
    }

    /// The original's daemon directory.
    pub fn daemon_directory(&self) -> PathBuf {
        self.root.join("daemon")
    }

    /// Held locked by the daemon for life, and never removed.
    pub fn daemon_lock(&self) -> PathBuf {
        self.daemon_directory().join("daemon.lock")
    }

    /// The original's pid file.
    pub fn daemon_pid(&self) -> PathBuf {
        self.daemon_directory().join("daemon.pid")
    }

    /// The original's daemon state.
    pub fn daemon_state(&self) -> PathBuf {
        self.daemon_directory().join("state.json")
    }

    /// The daemon's log.
    pub fn daemon_log(&self) -> PathBuf {
        self.daemon_directory().join("daemon.log")
    }

    /// The original's deacon heartbeat.
    pub fn deacon_heartbeat(&self) -> PathBuf {
        self.root.join("deacon/heartbeat.json")
    }

    /// The original's town-wide keepalive: written as a mirror, read by nobody here.
    pub fn keepalive_mirror(&self) -> PathBuf {
        self.root.join(".gastown/keepalive.json")
    }
}

/// A directory of this user's runtime directory, under a hash of the town.
fn outside_sockets(root: &Path) -> PathBuf {
    let runtime = crate::environment::variable("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|directory| directory.is_absolute() && directory.as_os_str().len() < 60)
        .unwrap_or_else(|| {
            PathBuf::from(format!("/tmp/gt-{}", rustix::process::getuid().as_raw()))
        });
    runtime.join("gt").join(format!(
        "{:016x}",
        gt_core::screen::digest(&root.to_string_lossy())
    ))
}
