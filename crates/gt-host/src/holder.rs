//! The holder: the first process of an agent's pane, and the seat that one incarnation after
//! another takes.
//!
//! It starts, stops and reports what it is told to, and never restarts anything by itself: exactly
//! one program decides that, the daemon. A successor starts only when no process of the previous
//! incarnation is left. It has one thread, no runtime, and waits for nobody: neither for a client
//! nor for the terminal.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

use gt_core::{AgentId, Observed};

use crate::paths::TownPaths;

pub mod client;
mod connections;
mod hold;
pub mod kill_set;
pub mod protocol;
mod seat;
mod signals;
mod spawn;
mod state;
mod terminal;

pub use state::{StateError, agents_with_state_files, list_state_files, read_state_file};

/// Whether somebody sits in the seat. Its file tells more, but may be missing: one that started on
/// a full disk could not write it.
pub fn is_taken(paths: &TownPaths, agent: &AgentId) -> Observed<bool> {
    crate::lock::is_held(&paths.holder_lock(agent))
}

/// Of which agent a process was started as the holder, if it is one of this town: for a time when its
/// files are gone.
pub fn whose(pid: u32, paths: &TownPaths) -> Option<AgentId> {
    let words = crate::process::command_line(pid)?;
    let value = |option: &str| {
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1)
    };
    let is_of_town = value("--town").is_some_and(|root| **root == *paths.root().as_os_str());
    let is_holder = words.get(1).is_some_and(|word| word == "hold") && is_of_town;
    AgentId::from_canonical(value("--agent").filter(|_| is_holder)?).ok()
}

/// Whether a process is the one that keeps the daemon's own session in tmux.
pub fn is_quiet(pid: u32) -> bool {
    let words = crate::process::command_line(pid).unwrap_or_default();
    let program = crate::process::program_name(pid);
    let own = crate::process::program_name(std::process::id());
    words.len() == 2 && words[1] == "quiet" && program.is_some() && program == own
}

/// Has a holder make its socket again where somebody removed it, and says whether that was so. One that
/// cannot be told now is told at the next try.
pub fn restore_socket(report: &protocol::Report) -> bool {
    let is_removed = crate::local_socket::is_removed(report.socket.as_ref());
    if is_removed {
        let _ = crate::process::signal(report.holder, crate::process::Signal::USR1);
    }
    is_removed
}

/// The holder could not take or keep its seat.
const FAILED: u8 = 1;
/// It was called in a way that it does not understand.
const USAGE: u8 = 2;

/// Runs a holder to its end: `--town DIR --agent ID`, which are the arguments after `hold`. Called
/// by `main` before anything else, since it must be the process's only thread.
///
/// Returns the exit code: 0 after an orderly end, 1 when the seat cannot be taken, 2 for arguments
/// that make no sense.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let (paths, agent) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(message) => return fail(USAGE, &message),
    };
    if let Err(error) = seat::shed_mark() {
        return fail(FAILED, &error.to_string());
    }
    match hold::hold(&paths, agent) {
        Ok(()) => 0,
        Err(error) => fail(FAILED, &gt_core::observed::chain(&error)),
    }
}

fn fail(code: u8, message: &str) -> u8 {
    // The pane shows it; when there is no pane, nobody is left to tell.
    let _ = writeln!(std::io::stderr(), "error: {message}");
    code
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(TownPaths, AgentId), String> {
    let mut arguments = arguments.into_iter();
    let (mut town, mut agent) = (None, None);
    while let Some(name) = arguments.next() {
        let value = arguments.next();
        match name.to_str() {
            Some("--town") => town = value.map(PathBuf::from),
            Some("--agent") => agent = value.and_then(|value| value.into_string().ok()),
            _ => return Err(format!("unexpected argument {name:?}")),
        }
    }
    let town = town.ok_or("--town DIR is missing")?;
    let root = fs_err::canonicalize(&town).map_err(|error| error.to_string())?;
    let agent = agent.ok_or("--agent ID is missing")?;
    let agent = AgentId::from_canonical(&agent).map_err(|error| error.to_string())?;
    Ok((TownPaths::new(&root), agent))
}

/// Does nothing until it is ended: the program of the control client's private session.
pub fn be_quiet() -> ! {
    loop {
        crate::clock::pause(std::time::Duration::from_secs(1 << 20));
    }
}
