//! tmux: the terminals that people look at, on a server of the town's own.
//!
//! What is asked of tmux is a value, a [`Request`], made by the functions of [`request`] and
//! answered by one of two doers: [`Control`], the daemon's persistent control-mode client, and
//! [`Forked`], one `tmux` process per request, for commands that run without a daemon. [`Tmux`]
//! is whichever of the two the daemon has.
//!
//! Not here: what is the truth about an agent's process (its holder knows), and when it is safe to
//! type (the core decides).
//!
//! **Invariant:** a failure is never an empty answer. Only [`TmuxError::NoServer`] says that there
//! is no server, [`TmuxError::NoSession`] that one is empty, and targets are ids (`$3`, `%7`), never
//! names, which tmux would match by prefix.

pub mod command;
pub mod config;
pub mod control;
pub mod control_parser;
mod error;
pub mod forked;
pub mod request;
mod server;
mod version;

pub use command::{Command, NewSession, PaneId, SessionId};
pub use control::Control;
pub use error::TmuxError;
pub use forked::Forked;
pub use request::{Client, Drawn, Pane, PaneRow, PaneState, Request};
pub use server::{QUIET_SESSION, Server};
pub use version::{MINIMUM, Version, VersionError, probe};

/// The socket of the server that a person's plain `tmux` talks to.
pub fn default_socket() -> std::path::PathBuf {
    let directory =
        crate::environment::variable("TMUX_TMPDIR").unwrap_or_else(|| "/tmp".to_owned());
    let user = rustix::process::getuid().as_raw();
    std::path::Path::new(&directory).join(format!("tmux-{user}/default"))
}

/// The daemon's way to its tmux server.
#[derive(Debug)]
pub enum Tmux {
    /// The persistent client: the rule.
    Control(Box<Control>),
    /// A process per request: for a tmux whose control mode does not work.
    Forked(Forked),
}

impl Tmux {
    /// Asks one thing.
    ///
    /// # Errors
    /// [`TmuxError`]; the answer is then unknown.
    pub async fn ask<T: Send + 'static>(&mut self, request: Request<T>) -> Result<T, TmuxError> {
        match self {
            Self::Control(control) => control.ask(request).await,
            Self::Forked(forked) => {
                let forked = forked.clone();
                blocking(move || forked.ask(request)).await
            }
        }
    }

    /// Asks many things at once, answered in their order: in one write over control mode.
    pub async fn ask_all<T: Send + 'static>(
        &mut self,
        requests: Vec<Request<T>>,
    ) -> Vec<Result<T, TmuxError>> {
        match self {
            Self::Control(control) => control.ask_all(requests).await,
            Self::Forked(forked) => {
                let forked = forked.clone();
                blocking(move || requests.into_iter().map(|one| forked.ask(one)).collect()).await
            }
        }
    }

    /// The process of the server that is connected to: a question then costs no process. None
    /// where each question is one.
    pub fn server_process(&self) -> Option<gt_core::ProcessId> {
        match self {
            Self::Control(control) => control.server_process(),
            Self::Forked(_) => None,
        }
    }

    /// Ends the server and everything in it, and makes sure of it: see [`Server::kill`].
    ///
    /// # Errors
    /// [`TmuxError::StillAlive`], or why that is unknown.
    pub async fn kill_server(&mut self) -> Result<(), TmuxError> {
        match self {
            Self::Control(control) => control.kill_server().await,
            Self::Forked(forked) => {
                let server = forked.server().clone();
                blocking(move || server.kill()).await
            }
        }
    }
}

/// Runs what waits for processes away from the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests;
