//! A holder's client for commands: it blocks, and every wait has a deadline.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::{IncarnationId, ProcessId};
use rustix::net::sockopt::socket_peercred;

use super::protocol::{self, Answer, MAX_LINE, ProtocolError, Refusal, Report, Request};
use crate::clock;
use crate::local_socket::connect_within;

/// Why a holder did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: there is no holder.
    #[error("no holder listens on `{}`", socket.display())]
    Absent {
        /// Its socket.
        socket: PathBuf,
    },
    /// Whether there is a holder is unknown.
    #[error("cannot connect to the holder on `{}`", socket.display())]
    Connect {
        /// Its socket.
        socket: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another user listens there.
    #[error("`{}` is served by another user", socket.display())]
    Foreign {
        /// The socket.
        socket: PathBuf,
    },
    /// The deadline passed.
    #[error("the holder did not {what} in time")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
    },
    /// The holder ended.
    #[error("the holder closed the connection")]
    Closed,
    /// Reading or writing failed.
    #[error("cannot talk to the holder")]
    Talk(#[source] io::Error),
    /// What it says is not understood.
    #[error("cannot understand the holder")]
    Protocol(#[source] ProtocolError),
    /// It refused.
    #[error("the holder refused")]
    Refused(#[source] Refusal),
    /// It did not understand the request: it is of an older version.
    #[error("the holder did not understand: {message}")]
    NotUnderstood {
        /// Its words.
        message: String,
    },
    /// What is left of the run is unknown.
    #[error("what is left of the run is unknown: {message}")]
    Unobservable {
        /// Why.
        message: String,
    },
}

/// A connection to one holder. All deadlines are on the monotonic clock
/// ([`clock::monotonic`] plus a time).
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    socket: PathBuf,
    read: Vec<u8>,
    news: VecDeque<Answer>,
    next: u64,
}

impl Client {
    /// Connects to the holder on `socket`.
    ///
    /// # Errors
    /// [`ClientError::Absent`] is the only one that says that no holder is there.
    pub fn connect(socket: &Path, deadline: Duration) -> Result<Self, ClientError> {
        let failed = |source: io::Error| ClientError::Connect {
            socket: socket.to_owned(),
            source,
        };
        let stream = match connect_within(socket, left(deadline).unwrap_or_default()) {
            Ok(stream) => stream,
            Err(error) => {
                return Err(match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        ClientError::Absent {
                            socket: socket.to_owned(),
                        }
                    }
                    io::ErrorKind::WouldBlock => ClientError::TimedOut {
                        what: "take the connection",
                    },
                    _ => failed(error),
                });
            }
        };
        Self::of_stream(stream, socket)
    }

    /// Connects to the holder that reported this. Another process that listens on its socket is not
    /// it, such as the holder of a town that was made where this one was.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn of(report: &Report, deadline: Duration) -> Result<Self, ClientError> {
        let client = Self::connect(report.socket.as_ref(), deadline)?;
        let peer = socket_peercred(&client.stream).map(|peer| peer.pid.as_raw_pid());
        match peer.map(u32::try_from) {
            Ok(Ok(pid)) if pid != report.holder.pid => Err(ClientError::Absent {
                socket: client.socket,
            }),
            _ => Ok(client),
        }
    }

    fn of_stream(stream: UnixStream, socket: &Path) -> Result<Self, ClientError> {
        let peer = socket_peercred(&stream).map_err(|error| ClientError::Connect {
            socket: socket.to_owned(),
            source: error.into(),
        })?;
        if peer.uid != rustix::process::geteuid() {
            return Err(ClientError::Foreign {
                socket: socket.to_owned(),
            });
        }
        Ok(Self {
            stream,
            socket: socket.to_owned(),
            read: Vec::new(),
            news: VecDeque::new(),
            next: 0,
        })
    }

    /// Where the holder listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks what the holder knows.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn hello(&mut self, deadline: Duration) -> Result<Report, ClientError> {
        match self.request(&Request::Hello, deadline)? {
            Answer::Report { report } => Ok(*report),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks for something, and returns the answer. What the holder says by itself meanwhile is
    /// kept for [`next_news`](Self::next_news).
    ///
    /// # Errors
    /// [`ClientError::Refused`] and [`ClientError::NotUnderstood`] are answers, too: the
    /// connection is good after them.
    pub fn request(
        &mut self,
        request: &Request,
        deadline: Duration,
    ) -> Result<Answer, ClientError> {
        self.next += 1;
        let id = self.next;
        self.write(&protocol::encode(Some(id), request), deadline)?;
        loop {
            let message = self.read_message(deadline, "answer")?;
            match (message.id, message.body) {
                (None, news) => self.news.push_back(news),
                (Some(found), answer) if found == id => return judged(answer),
                // The answer to a request that was given up at its deadline.
                (Some(_), _) => {}
            }
        }
    }

    /// The next thing that the holder says by itself.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn next_news(&mut self, deadline: Duration) -> Result<Answer, ClientError> {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Ok(news);
            }
            let message = self.read_message(deadline, "say anything")?;
            if message.id.is_none() {
                self.news.push_back(message.body);
            }
        }
    }

    /// Stops a run, and waits until its processes are gone. Returns those that could not be ended.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when another incarnation runs, [`ClientError::TimedOut`] when it
    /// is not known to be gone at the deadline.
    pub fn stop_and_wait_gone(
        &mut self,
        incarnation: IncarnationId,
        grace: Duration,
        deadline: Duration,
    ) -> Result<Vec<ProcessId>, ClientError> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let stop = Request::Stop {
            incarnation,
            grace_ms,
        };
        self.request(&stop, deadline)?;
        loop {
            match self.next_news(deadline)? {
                Answer::Gone {
                    incarnation: gone,
                    survivors,
                    unknown,
                } if gone == incarnation => {
                    return match unknown {
                        None => Ok(survivors),
                        Some(message) => Err(ClientError::Unobservable { message }),
                    };
                }
                _ => {}
            }
        }
    }

    fn write(&mut self, line: &[u8], deadline: Duration) -> Result<(), ClientError> {
        let timed_out = || ClientError::TimedOut {
            what: "take the request",
        };
        let left = left(deadline).ok_or_else(timed_out)?;
        self.stream
            .set_write_timeout(Some(left))
            .map_err(ClientError::Talk)?;
        self.stream
            .write_all(line)
            .map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => timed_out(),
                io::ErrorKind::BrokenPipe => ClientError::Closed,
                _ => ClientError::Talk(error),
            })
    }

    fn read_message(
        &mut self,
        deadline: Duration,
        what: &'static str,
    ) -> Result<protocol::Message<Answer>, ClientError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return protocol::decode(&line).map_err(ClientError::Protocol);
            }
            if self.read.len() > MAX_LINE {
                return Err(ClientError::Talk(io::ErrorKind::FileTooLarge.into()));
            }
            self.read_more(deadline, what)?;
        }
    }

    fn read_more(&mut self, deadline: Duration, what: &'static str) -> Result<(), ClientError> {
        let timed_out = || ClientError::TimedOut { what };
        let left = left(deadline).ok_or_else(timed_out)?;
        self.stream
            .set_read_timeout(Some(left))
            .map_err(ClientError::Talk)?;
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(ClientError::Closed),
            Ok(count) => {
                self.read.extend_from_slice(&piece[..count]);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Err(timed_out()),
                io::ErrorKind::Interrupted => Ok(()),
                io::ErrorKind::ConnectionReset => Err(ClientError::Closed),
                _ => Err(ClientError::Talk(error)),
            },
        }
    }
}

/// The time until the deadline; none when it passed.
fn left(deadline: Duration) -> Option<Duration> {
    let left = deadline.saturating_sub(clock::monotonic());
    (!left.is_zero()).then_some(left)
}

fn judged(answer: Answer) -> Result<Answer, ClientError> {
    match answer {
        Answer::Refused { refusal } => Err(ClientError::Refused(refusal)),
        Answer::Error { message } => Err(ClientError::NotUnderstood { message }),
        other => Ok(other),
    }
}

fn unexpected(answer: &Answer) -> ClientError {
    ClientError::NotUnderstood {
        message: format!("it answered {answer:?}"),
    }
}
