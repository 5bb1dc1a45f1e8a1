//! The daemon's persistent control-mode client.
//!
//! It is attached to a private quiet session, so that no agent's output comes its way, and its
//! output is always read: a control client that is not drained keeps its server from exiting.
//!
//! **Invariant:** a client whose replies could belong to another request is never used again. A
//! timeout, an end of file, output that makes no sense and a request that was dropped half-way all
//! end the client; the next request connects anew.

use std::process::Stdio;
use std::time::Duration;

use gt_core::ProcessId;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::environment;
use crate::tmux::blocking;
use crate::tmux::command::{Command, NewSession, line_of};
use crate::tmux::control_parser::{ControlParser, Event, Reply};
use crate::tmux::error::TmuxError;
use crate::tmux::forked::Forked;
use crate::tmux::request;
use crate::tmux::request::Request;
use crate::tmux::server::{QUIET_SESSION, Server, is_alive};

/// Asks over one connection that stays. Must be used within a tokio runtime with time and I/O.
#[derive(Debug)]
pub struct Control {
    server: Server,
    quiet: NewSession,
    connection: Option<Connection>,
}

/// A `tmux -C` process. Dropping it kills the process at once, without asking the server.
#[derive(Debug)]
struct Connection {
    stdin: ChildStdin,
    /// At most one for each command that was written.
    replies: mpsc::UnboundedReceiver<Result<Reply, String>>,
    reader: JoinHandle<()>,
    server_process: Option<ProcessId>,
    /// Killed when dropped.
    _child: Child,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A stopped server holds the other end of the pipe open: no end of file would come.
        self.reader.abort();
    }
}

/// Why the rest of a batch has no answer.
enum Fault {
    TimedOut,
    Disconnected(String),
}

impl Control {
    /// Asks this server. `quiet` is the program, with its arguments, that sits in the private
    /// session and does nothing. Nothing is started before the first request.
    pub fn new(server: Server, quiet: Vec<std::ffi::OsString>) -> Self {
        let quiet = NewSession {
            name: QUIET_SESSION.to_owned(),
            directory: "/".into(),
            environment: Vec::new(),
            argv: quiet,
        };
        Self {
            server,
            quiet,
            connection: None,
        }
    }

    /// The server that is asked.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The process of the server that this client is connected to; none while it is not.
    pub fn server_process(&self) -> Option<ProcessId> {
        self.connection.as_ref()?.server_process
    }

    /// Starts the server if it does not run, and connects if that is not done.
    ///
    /// # Errors
    /// [`TmuxError`] when the server does not start or does not answer.
    pub async fn connect(&mut self) -> Result<(), TmuxError> {
        if self.connection.is_none() {
            self.connection = Some(self.connected().await?);
        }
        Ok(())
    }

    /// Asks one thing.
    ///
    /// # Errors
    /// [`TmuxError`]; the answer is then unknown.
    pub async fn ask<T>(&mut self, request: Request<T>) -> Result<T, TmuxError> {
        let mut answers = self.ask_all(vec![request]).await;
        answers.pop().expect("every request is answered")
    }

    /// Asks many things in one write, answered in their order.
    pub async fn ask_all<T>(&mut self, requests: Vec<Request<T>>) -> Vec<Result<T, TmuxError>> {
        let commands = requests
            .iter()
            .flat_map(|request| request.commands.iter().cloned())
            .collect();
        let mut replies = self.run(commands).await.into_iter();
        let mut answers = Vec::with_capacity(requests.len());
        let mut cleanup = Vec::new();
        for request in requests {
            let replies: Vec<_> = replies.by_ref().take(request.commands.len()).collect();
            let answer = self.read(&request, replies);
            if matches!(
                answer,
                Err(TmuxError::Refused { .. } | TmuxError::NotFound { .. })
            ) {
                cleanup.extend(request.cleanup);
            }
            answers.push(answer);
        }
        if !cleanup.is_empty() {
            // What is reported is the failure itself, and there may be nothing to clean.
            let _ = self.run(cleanup).await;
        }
        answers
    }

    /// Sends commands in one write and collects a reply for each. All replies behind a fault share
    /// it.
    pub async fn run(&mut self, commands: Vec<Command>) -> Vec<Result<Reply, TmuxError>> {
        if commands.is_empty() {
            return Vec::new();
        }
        if let Err(error) = self.connect().await {
            return vec![Err(error); commands.len()];
        }
        // Taken out, so that a caller who drops this future half-way drops the client as well.
        let mut connection = self.connection.take().expect("connected just now");
        let (mut results, fault) = connection.exchange(&commands, &self.server).await;
        match fault {
            None => self.connection = Some(connection),
            Some(fault) => {
                let unanswered = &commands[results.len()..];
                results.extend(
                    unanswered
                        .iter()
                        .map(|one| Err(fault.of(&self.server, one))),
                );
            }
        }
        results
    }

    /// Ends the client, if there is one, and then the server: see [`Server::kill`].
    pub(super) async fn kill_server(&mut self) -> Result<(), TmuxError> {
        let known = self.server_process().filter(|process| is_alive(*process));
        // An undrained or half-ended client keeps a server from exiting.
        self.connection = None;
        let server = self.server.clone();
        blocking(move || match known {
            Some(process) => server.kill_process(process),
            None => server.kill(),
        })
        .await
    }

    fn read<T>(
        &self,
        request: &Request<T>,
        replies: Vec<Result<Reply, TmuxError>>,
    ) -> Result<T, TmuxError> {
        let replies: Result<Vec<Reply>, TmuxError> = replies.into_iter().collect();
        let lines: Vec<Vec<u8>> = replies?.into_iter().flat_map(|reply| reply.lines).collect();
        (request.read)(&lines)
            .ok_or_else(|| TmuxError::malformed(&self.server, &line_of(&request.commands), &lines))
    }

    async fn connected(&self) -> Result<Connection, TmuxError> {
        self.start_server().await?;
        let attach = attach();
        let mut connection = Connection::spawn(&self.server, &attach)?;
        let first = connection.next_reply(self.server.deadline).await;
        let first = first.map_err(|fault| fault.of(&self.server, &attach))?;
        answered(first, &self.server, &attach)?;
        let server = self.server.clone();
        connection.server_process = blocking(move || server.process()).await?;
        Ok(connection)
    }

    /// Creates the quiet session, and with it the server. That it is there already is the rule
    /// when a client reconnects.
    async fn start_server(&self) -> Result<(), TmuxError> {
        let forked = Forked::new(self.server.clone());
        let create = request::create(&self.quiet);
        match blocking(move || forked.ask(create)).await {
            Ok(_) | Err(TmuxError::Duplicate { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Connection {
    #[expect(
        clippy::disallowed_methods,
        reason = "a process that stays: it has a deadline per request instead of one for its life"
    )]
    fn spawn(server: &Server, attach: &Command) -> Result<Self, TmuxError> {
        let mut command = tokio::process::Command::new("tmux");
        command
            .args(server.arguments())
            .arg("-C")
            .args(attach.arguments())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        for (name, _) in environment::all() {
            if environment::is_mark(&name) {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().map_err(|source| TmuxError::Run {
            socket: server.socket.clone(),
            command: attach.to_string(),
            source: std::sync::Arc::new(crate::command::CommandError::Start {
                program: "tmux".to_owned(),
                directory: "/".into(),
                source,
            }),
        })?;
        let stdin = child.stdin.take().expect("stdin was piped");
        let stdout = child.stdout.take().expect("stdout was piped");
        let (sender, replies) = mpsc::unbounded_channel();
        Ok(Self {
            stdin,
            replies,
            reader: tokio::spawn(drain(stdout, sender)),
            server_process: None,
            _child: child,
        })
    }

    /// Writes all commands and awaits their replies, up to the first fault.
    async fn exchange(
        &mut self,
        commands: &[Command],
        server: &Server,
    ) -> (Vec<Result<Reply, TmuxError>>, Option<Fault>) {
        let mut results = Vec::with_capacity(commands.len());
        if let Err(fault) = self.write(commands, server.deadline).await {
            return (results, Some(fault));
        }
        while let Some(command) = commands.get(results.len()) {
            match self.next_reply(server.deadline).await {
                Ok(reply) if reply.asked => results.push(answered(reply, server, command)),
                // Hooks of a person's configuration answer, too.
                Ok(_) => {}
                Err(fault) => return (results, Some(fault)),
            }
        }
        (results, None)
    }

    async fn write(&mut self, commands: &[Command], deadline: Duration) -> Result<(), Fault> {
        let lines: Vec<u8> = commands.iter().flat_map(Command::line).collect();
        match timeout(deadline, self.stdin.write_all(&lines)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Fault::Disconnected(error.to_string())),
            Err(_elapsed) => Err(Fault::TimedOut),
        }
    }

    async fn next_reply(&mut self, deadline: Duration) -> Result<Reply, Fault> {
        match timeout(deadline, self.replies.recv()).await {
            Ok(Some(Ok(reply))) => Ok(reply),
            Ok(Some(Err(reason))) => Err(Fault::Disconnected(reason)),
            Ok(None) => Err(Fault::Disconnected("its reader ended".to_owned())),
            Err(_elapsed) => Err(Fault::TimedOut),
        }
    }
}

impl Fault {
    fn of(&self, server: &Server, command: &Command) -> TmuxError {
        match self {
            Self::TimedOut => TmuxError::timed_out(server, command),
            Self::Disconnected(reason) => TmuxError::disconnected(server, command, reason),
        }
    }
}

/// `no-output` is given here and never changed: toggling it can hang the client's end.
fn attach() -> Command {
    Command::attach_quietly(QUIET_SESSION)
}

fn answered(reply: Reply, server: &Server, command: &Command) -> Result<Reply, TmuxError> {
    if reply.ok {
        return Ok(reply);
    }
    let message = reply.lines.join(&b'\n');
    let message = String::from_utf8_lossy(&message);
    Err(TmuxError::said(server, &command.to_string(), &message))
}

/// Reads to the end, whether or not anybody waits for a reply.
async fn drain(
    mut stdout: impl AsyncRead + Unpin,
    replies: mpsc::UnboundedSender<Result<Reply, String>>,
) {
    let mut parser = ControlParser::default();
    let mut buffer = vec![0; 64 << 10];
    let mut reason = "end of file".to_owned();
    loop {
        let count = match stdout.read(&mut buffer).await {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => {
                reason = error.to_string();
                break;
            }
        };
        for event in parser.feed(&buffer[..count]) {
            match event {
                // No receiver: the client is being dropped, and this task with it.
                Event::Reply(reply) => drop(replies.send(Ok(reply))),
                Event::Exit { reason: said } => reason = exit_reason(&said),
                Event::Broken(why) => {
                    drop(replies.send(Err(why.to_owned())));
                    return;
                }
                Event::Notification { .. } | Event::Stray(_) => {}
            }
        }
    }
    drop(replies.send(Err(reason)));
}

fn exit_reason(said: &[u8]) -> String {
    match said {
        [] => "the client was told to exit".to_owned(),
        said => String::from_utf8_lossy(said).into_owned(),
    }
}
