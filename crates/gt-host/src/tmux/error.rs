//! Why tmux did not do what it was asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::command::CommandError;
use crate::tmux::command::Command;
use crate::tmux::server::Server;

/// Why tmux did not do what it was asked. It is `Clone` because one fault fails a whole batch.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TmuxError {
    /// The program could not be run or its output not read.
    #[error("cannot run tmux on `{}` for `{command}`", socket.display())]
    Run {
        /// The server's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// What went wrong with the process.
        #[source]
        source: Arc<CommandError>,
    },
    /// No server listens on the socket, so that no session exists.
    #[error("no tmux server runs on `{}`", socket.display())]
    NoServer {
        /// The server's socket.
        socket: PathBuf,
    },
    /// A server listens and has no session: it has just begun, or is about to end.
    #[error("the tmux server on `{}` has no session", socket.display())]
    NoSession {
        /// The server's socket.
        socket: PathBuf,
    },
    /// Nothing answered in time. Whether the command took effect is unknown.
    #[error("tmux on `{}` did not answer `{command}` within {deadline:?}", socket.display())]
    TimedOut {
        /// The server's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// How long it had.
        deadline: Duration,
    },
    /// The connection ended before the answer. Whether the command took effect is unknown.
    #[error("tmux on `{}` closed the connection before it answered `{command}`: {reason}", socket.display())]
    Disconnected {
        /// The server's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// What tmux or the system said about it.
        reason: String,
    },
    /// The session, pane or client is not there (any more).
    #[error("tmux on `{}` knows no target of `{command}`: {message}", socket.display())]
    NotFound {
        /// The server's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// What tmux said.
        message: String,
    },
    /// A session of that name exists.
    #[error("tmux on `{}` refused `{command}`: {message}", socket.display())]
    Duplicate {
        /// The server's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// What tmux said.
        message: String,
    },
    /// tmux refused for another reason.
    #[error("tmux on `{}` refused `{command}`: {message}", socket.display())]
    Refused {
        /// The server's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// The end of what tmux said.
        message: String,
    },
    /// tmux answered something that is not the asked form.
    #[error("tmux on `{}` answered `{command}` with `{reply}`", socket.display())]
    Malformed {
        /// The server's socket.
        socket: PathBuf,
        /// What was asked.
        command: String,
        /// The beginning of the answer.
        reply: String,
    },
    /// The server's socket could not be looked at.
    #[error("cannot connect to `{}`", socket.display())]
    Connect {
        /// The server's socket.
        socket: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The server outlived `kill-server` and SIGKILL.
    #[error("the tmux server on `{}` (pid {pid}) did not end", socket.display())]
    StillAlive {
        /// The server's socket.
        socket: PathBuf,
        /// Its process.
        pid: u32,
    },
}

/// How much of an answer an error message shows.
const SHOWN: usize = 300;

impl TmuxError {
    /// Whether this failure means that there is no session, and so no pane.
    pub fn is_nothing_there(&self) -> bool {
        matches!(self, Self::NoServer { .. } | Self::NoSession { .. })
    }

    /// What tmux's own words on `command` mean.
    pub(super) fn said(server: &Server, command: &str, message: &str) -> Self {
        let socket = server.socket.clone();
        let command = command.to_owned();
        let message = message.trim();
        let shown = tail(message);
        if is_no_server(message) {
            Self::NoServer { socket }
        } else if message == "no current target" {
            Self::NoSession { socket }
        } else if message.starts_with("can't find ") || message.starts_with("no such ") {
            Self::NotFound {
                socket,
                command,
                message: shown,
            }
        } else if message.starts_with("duplicate session") {
            Self::Duplicate {
                socket,
                command,
                message: shown,
            }
        } else if message.contains("server exited") || message.contains("lost server") {
            Self::Disconnected {
                socket,
                command,
                reason: shown,
            }
        } else {
            Self::Refused {
                socket,
                command,
                message: shown,
            }
        }
    }

    pub(super) fn ran(server: &Server, command: &str, error: CommandError) -> Self {
        match error {
            CommandError::TimedOut { deadline, .. } => Self::TimedOut {
                socket: server.socket.clone(),
                command: command.to_owned(),
                deadline,
            },
            error @ (CommandError::Start { .. }
            | CommandError::Interrupted { .. }
            | CommandError::Output { .. }
            | CommandError::Failed { .. }) => Self::Run {
                socket: server.socket.clone(),
                command: command.to_owned(),
                source: Arc::new(error),
            },
        }
    }

    pub(super) fn timed_out(server: &Server, command: &Command) -> Self {
        Self::TimedOut {
            socket: server.socket.clone(),
            command: command.name(),
            deadline: server.deadline,
        }
    }

    pub(super) fn disconnected(server: &Server, command: &Command, reason: &str) -> Self {
        Self::Disconnected {
            socket: server.socket.clone(),
            command: command.name(),
            reason: reason.to_owned(),
        }
    }

    pub(super) fn malformed(server: &Server, command: &str, lines: &[Vec<u8>]) -> Self {
        let reply = lines
            .iter()
            .map(|line| String::from_utf8_lossy(line))
            .collect::<Vec<_>>()
            .join("\n");
        Self::Malformed {
            socket: server.socket.clone(),
            command: command.to_owned(),
            reply: reply.chars().take(SHOWN).collect(),
        }
    }
}

/// Only a missing socket and a refused connection mean that nobody listens; a socket that may not
/// be opened hides a server that may be well.
fn is_no_server(message: &str) -> bool {
    message.starts_with("no server running on ")
        || (message.starts_with("error connecting to ")
            && (message.ends_with("(No such file or directory)")
                || message.ends_with("(Connection refused)")))
}

fn tail(message: &str) -> String {
    let skipped = message.chars().count().saturating_sub(SHOWN);
    message.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn check(message: &str, kind: fn(&TmuxError) -> bool) {
        let server = Server::new(Path::new("/s"), Path::new("/c"), Duration::from_secs(1));
        let error = TmuxError::said(&server, "list-panes", message);
        assert!(kind(&error), "{message}: {error:?}");
    }

    /// Covers rule 1, F64: what is not known to be absent is an error.
    #[test]
    fn only_a_missing_or_refusing_socket_is_no_server() {
        let absent = |error: &TmuxError| matches!(error, TmuxError::NoServer { .. });
        let unknown = |error: &TmuxError| !matches!(error, TmuxError::NoServer { .. });
        check("no server running on /s\n", absent);
        check("error connecting to /s (No such file or directory)", absent);
        check("error connecting to /s (Connection refused)", absent);
        check("error connecting to /s (Permission denied)", unknown);
        check("server exited unexpectedly", unknown);
        check("lost server", unknown);
        check("", unknown);
    }

    #[test]
    fn a_missing_target_and_a_taken_name_are_told_apart() {
        let missing = |error: &TmuxError| matches!(error, TmuxError::NotFound { .. });
        check("can't find pane: %99", missing);
        check("no such session: $77", missing);
        check("duplicate session: gt-mayor", |error| {
            matches!(error, TmuxError::Duplicate { .. })
        });
        check("no buffer x", |error| {
            matches!(error, TmuxError::Refused { .. })
        });
    }
}
