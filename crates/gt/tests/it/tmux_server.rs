//! Which tmux server a town is on, and how it leaves one that is not its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_host::command::Program;
use gt_host::process::Signal;
use gt_testkit::town::{TestTown, is_gone, signal};

use crate::town;

/// Asks a server what sessions it has; none when there is no server.
fn sessions(socket: &Path) -> Vec<String> {
    let listed = tmux(socket, &["list-sessions", "-F", "#{session_name}"]);
    listed.lines().map(str::to_owned).collect()
}

fn tmux(socket: &Path, arguments: &[&str]) -> String {
    let tmux = Program::new("tmux", Path::new("/"), Duration::from_secs(10))
        .args(["-S".as_ref(), socket.as_os_str()])
        .args(arguments);
    String::from_utf8(tmux.run().unwrap().stdout).unwrap()
}

/// The person's own server, where `TMUX_TMPDIR` of the test's towns says.
fn default_socket(town: &TestTown) -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    town.beside().join(format!("tmux-{user}/default"))
}

/// Covers F69, F39: a change of the server takes hold when the town was down; until then everybody finds the
/// agents where they are, a daemon that starts anew as well.
#[test]
fn a_town_stays_on_its_server_until_it_is_down() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let other = town.beside().join("other.sock");
    let moved = format!("[tmux]\nsocket = '{}'\n", other.display());
    town.configure(&moved);
    town.gt(&["daemon", "restart"]).ok();
    let status = town.wait_for("the status to name it", || {
        let status = town.status();
        let named = |problem: &String| problem.starts_with("`tmux.socket`");
        status.problems.iter().any(named).then_some(status)
    });
    let is_same = |agent: &gt_api::view::Agent| agent.incarnation == mayor.incarnation;
    assert!(status.agents.iter().any(is_same));
    town.gt(&["peek", "mayor"]).ok();
    assert!(!other.exists());
    town.gt(&["down"]).ok();
    assert!(!town.paths().tmux_socket().exists());
    town.gt(&["up"]).ok();
    town.gt(&["peek", "mayor"]).ok();
    assert!(sessions(&other).contains(&"gt-mayor".to_owned()));
    town.gt(&["down"]).ok();
    assert_eq!(sessions(&other), [""; 0]);
}

/// Covers F39, F45: on the person's own server gt leaves their sessions, and nothing of its own.
#[test]
fn a_persons_own_server_is_left_as_it_was_found() {
    let town = town("[tmux]\nsocket = 'default'\n");
    let socket = default_socket(&town);
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    assert!(sessions(&socket).contains(&"gt-mayor".to_owned()));
    town.gt(&["down"]).ok();
    assert_eq!(sessions(&socket), [""; 0]);
    tmux(
        &socket,
        &["new-session", "-d", "-s", "mine", "sleep", "1000"],
    );
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    town.gt(&["down"]).ok();
    assert_eq!(sessions(&socket), ["mine"]);
    tmux(&socket, &["kill-server"]);
}

/// The socket of the town's tmux server, removed under it, is made anew by the server that has the
/// agents: nobody starts another, and `gt down` ends that one.
#[test]
fn a_server_whose_socket_is_removed_is_found_again() {
    let town = town("");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    crate::prompt(&town, "mayor");
    let server = town.tmux_pid();
    let remove = || fs_err::remove_file(town.paths().tmux_socket()).unwrap();
    remove();
    assert!(town.screen("mayor").contains("? for shortcuts"));
    remove();
    let daemon = town.daemon_pid();
    signal(daemon, Signal::KILL);
    town.wait_for("the daemon's end", || is_gone(daemon).then_some(()));
    town.gt(&["daemon", "start"]).ok();
    let adopted = town.wait_for_run("mayor", None);
    assert_eq!(adopted.pid, mayor.pid);
    assert_eq!(town.tmux_pid(), server);
    let sockets = town.paths().sockets().to_owned();
    fs_err::remove_dir_all(sockets).unwrap();
    town.gt(&["down"]).ok();
    assert!(is_gone(server));
    assert_eq!(town.marked(), []);
}

/// A server from which the last session has gone, and which has not ended, holds nobody back.
#[test]
fn an_empty_server_is_ended() {
    let town = town("");
    town.gt(&["up"]).ok();
    town.gt(&["down"]).ok();
    let (socket, config) = (town.paths().tmux_socket(), town.paths().tmux_config());
    let server = Program::new("tmux", Path::new("/"), Duration::from_secs(10))
        .args(["-S".as_ref(), socket.as_os_str()])
        .args(["-f".as_ref(), config.as_os_str()])
        .args(["new-session", "-d", ";", "kill-session"]);
    assert_eq!(server.run().unwrap().code, 0);
    let pid = town.tmux_pid();
    assert_eq!(sessions(&socket), [""; 0]);
    town.gt(&["down"]).ok();
    assert!(is_gone(pid));
}
