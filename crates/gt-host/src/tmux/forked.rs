//! Asking tmux by a process per request, for commands that run without a daemon.

use crate::tmux::command::{Command, line_of};
use crate::tmux::error::TmuxError;
use crate::tmux::request::{self, PaneRow, Request};
use crate::tmux::server::Server;

/// Asks by running `tmux`. The words of one request must stay below 16 KiB: tmux refuses more.
#[derive(Debug, Clone)]
pub struct Forked {
    server: Server,
}

impl Forked {
    /// Asks this server.
    pub fn new(server: Server) -> Self {
        Self { server }
    }

    /// The server that is asked.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Asks one thing. Creating a session starts the server; everything else does not.
    ///
    /// # Errors
    /// [`TmuxError::NoServer`] if nothing listens; any other error leaves the answer unknown.
    pub fn ask<T>(&self, request: Request<T>) -> Result<T, TmuxError> {
        let Request {
            commands,
            cleanup,
            read,
        } = request;
        let lines = self.run(&commands).inspect_err(|_| {
            if !cleanup.is_empty() {
                // The failure to report is the first one, and there may be nothing to clean.
                let _ = self.run(&cleanup);
            }
        })?;
        read(&lines).ok_or_else(|| TmuxError::malformed(&self.server, &line_of(&commands), &lines))
    }

    /// Every pane; none where no server runs, and where one has no session.
    ///
    /// # Errors
    /// [`TmuxError`] when what is there is unknown.
    pub fn panes(&self) -> Result<Vec<PaneRow>, TmuxError> {
        match self.ask(request::list()) {
            Err(error) if error.is_nothing_there() => Ok(Vec::new()),
            panes => panes,
        }
    }

    /// Runs commands in one process, up to the first that fails.
    pub(super) fn run(&self, commands: &[Command]) -> Result<Vec<Vec<u8>>, TmuxError> {
        if commands.is_empty() {
            // Without a command, `tmux` would create a session.
            return Ok(Vec::new());
        }
        let line = line_of(commands);
        let output = self
            .server
            .program()
            .args(chained(commands))
            .run()
            .map_err(|error| TmuxError::ran(&self.server, &line, error))?;
        if output.code != 0 {
            return Err(TmuxError::said(&self.server, &line, &output.stderr));
        }
        Ok(lines_of(&output.stdout))
    }
}

fn chained(commands: &[Command]) -> Vec<std::ffi::OsString> {
    let mut arguments = Vec::new();
    for command in commands {
        if !arguments.is_empty() {
            arguments.push(";".into());
        }
        arguments.extend(command.arguments());
    }
    arguments
}

/// The lines that were printed; none for no output at all.
fn lines_of(stdout: &[u8]) -> Vec<Vec<u8>> {
    if stdout.is_empty() {
        return Vec::new();
    }
    let text = stdout.strip_suffix(b"\n").unwrap_or(stdout);
    text.split(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}
