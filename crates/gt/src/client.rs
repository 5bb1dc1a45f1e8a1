//! The client's end of the daemon's socket: one request, one answer, no runtime.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use gt_api::request::{Envelope, Missing, Reach, Request, Response};
use gt_core::AgentId;
use gt_host::local_socket::connect_within;
use gt_host::paths::TownPaths;

use crate::error::{CliError, CliResult, Doing as _, Kind};

/// How long the daemon may take for what it answers at once. It never waits for anything itself.
const ANSWER: Duration = Duration::from_secs(5);

/// What is read at once: the status of a large town is some hundred kilobytes.
const READ: usize = 64 << 10;

/// A connection to the daemon.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects; none when no daemon listens.
    pub(crate) fn connect(paths: &TownPaths) -> CliResult<Option<Self>> {
        let socket = paths.daemon_socket();
        match connect_within(&socket, ANSWER) {
            Ok(stream) => Ok(Some(Self { stream })),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(silent(ANSWER)),
            Err(error) => {
                Err(error).doing(format!("connect to the daemon at `{}`", socket.display()))
            }
        }
    }

    /// Connects; without a daemon it is an error that names the next command.
    pub(crate) fn require(paths: &TownPaths) -> CliResult<Self> {
        Self::connect(paths)?.ok_or_else(|| {
            CliError::new(Kind::DaemonNotRunning, "the town's daemon does not run")
                .hint("start it with `gt daemon start`, or the whole town with `gt up`")
        })
    }

    /// Asks what is answered at once.
    pub(crate) fn ask(&mut self, request: Request) -> CliResult<Response> {
        self.ask_within(request, ANSWER)
    }

    /// Waits until the agents have got there; who has not in time, and what each waits on.
    pub(crate) fn await_agents(
        &mut self,
        agents: Vec<AgentId>,
        goal: Reach,
        patience: Duration,
    ) -> CliResult<Vec<Missing>> {
        let timeout_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        match self.ask_within(
            Request::Await {
                agents,
                goal,
                timeout_ms,
            },
            patience + ANSWER,
        )? {
            Response::Reached { missing } => Ok(missing),
            other => Err(unexpected(&other)),
        }
    }

    fn ask_within(&mut self, request: Request, deadline: Duration) -> CliResult<Response> {
        self.stream
            .set_read_timeout(Some(deadline))
            .doing("set the socket's deadline")?;
        let mut line = serde_json::to_string(&Envelope {
            v: gt_api::PROTOCOL,
            request,
        })
        .doing("write the request")?;
        line.push('\n');
        self.stream
            .write_all(line.as_bytes())
            .map_err(|error| unanswered(error, ANSWER))?;
        let mut answer = String::new();
        BufReader::with_capacity(READ, &self.stream)
            .read_line(&mut answer)
            .map_err(|error| unanswered(error, deadline))?;
        if answer.is_empty() {
            let message = "the daemon ended before it answered";
            return Err(CliError::failed(message)
                .hint("`gt status` shows whether one runs; then try again"));
        }
        match serde_json::from_str(&answer).doing("read the daemon's answer")? {
            Response::Error { message, refused } => {
                let kind = if refused { Kind::Refused } else { Kind::Failed };
                Err(CliError::new(kind, message))
            }
            response => Ok(response),
        }
    }
}

/// Why there is no answer: none came in time, or the connection failed.
fn unanswered(error: Error, deadline: Duration) -> CliError {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => silent(deadline),
        _ => CliError::failed("cannot talk to the daemon").caused_by(error),
    }
}

fn silent(deadline: Duration) -> CliError {
    let message = format!("the daemon runs and did not answer within {deadline:?}");
    CliError::new(Kind::DaemonSilent, message)
        .hint("`gt doctor` looks at it; `gt daemon restart` replaces it and keeps the agents")
}

/// An answer to another question.
pub(crate) fn unexpected(response: &Response) -> CliError {
    CliError::failed(format!(
        "the daemon answered with something else: {response:?}"
    ))
    .hint("`gt daemon restart` brings up this version and keeps the agents")
}
