//! The holder's clients. None of them can hold it up: what is not taken at once is kept up to a
//! bound, and a client past it is dropped.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::protocol::{self, Answer, MAX_LINE};
use crate::clock;

/// A client that leaves so many bytes unread is dropped. Every answer is below 4 KiB.
const MAX_UNREAD: usize = 64 * 1024;

/// A holder serves the daemon and a few commands. One more drops the oldest, so that hung clients
/// never keep a person's `gt down` out.
const MAX_CLIENTS: usize = 16;

/// How long a client waits that cannot be taken for want of descriptors or memory.
const EXHAUSTED: Duration = Duration::from_millis(20);

/// Names a client for its answer; numbers are not given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientId(u64);

struct Connection {
    id: ClientId,
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
}

pub(super) struct Connections {
    listener: UnixListener,
    clients: Vec<Connection>,
    next: u64,
}

impl Connections {
    pub(super) fn new(listener: UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            clients: Vec::new(),
            next: 0,
        })
    }

    /// Takes new clients from here on.
    pub(super) fn replace_listener(&mut self, listener: UnixListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.listener = listener;
        Ok(())
    }

    /// What to poll for: the listener, then each client.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = PollFd<'_>> {
        let clients = self.clients.iter().map(|client| {
            let mut events = PollFlags::IN;
            events.set(PollFlags::OUT, !client.output.is_empty());
            PollFd::new(&client.stream, events)
        });
        std::iter::once(PollFd::new(&self.listener, PollFlags::IN)).chain(clients)
    }

    /// Takes new clients, sends what waits, and returns the lines that arrived.
    pub(super) fn serve(&mut self) -> Vec<(ClientId, Vec<u8>)> {
        let mut lines = Vec::new();
        self.clients
            .retain_mut(|client| client.flush().is_ok() && client.receive(&mut lines).is_ok());
        while let Some(stream) = self.accept() {
            self.admit(stream);
        }
        lines
    }

    fn accept(&self) -> Option<UnixStream> {
        match self.listener.accept() {
            Ok((stream, _)) => Some(stream),
            Err(error) => {
                let is_exhausted = Errno::from_io_error(&error)
                    .is_some_and(|it| matches!(it, Errno::MFILE | Errno::NFILE | Errno::NOMEM));
                if is_exhausted {
                    // Poll tells of the same client again at once.
                    clock::pause(EXHAUSTED);
                }
                None
            }
        }
    }

    fn admit(&mut self, stream: UnixStream) {
        if !is_same_user(&stream) || stream.set_nonblocking(true).is_err() {
            return;
        }
        if self.clients.len() >= MAX_CLIENTS {
            self.clients.remove(0);
        }
        self.next += 1;
        self.clients.push(Connection {
            id: ClientId(self.next),
            stream,
            input: Vec::new(),
            output: Vec::new(),
        });
    }

    /// Sends one client the answer to its request, if it is still there.
    pub(super) fn answer(&mut self, client: ClientId, id: Option<u64>, answer: &Answer) {
        let line = protocol::encode(id, answer);
        self.clients
            .retain_mut(|other| other.id != client || other.send(&line).is_ok());
    }

    /// Tells every client, `except` one.
    pub(super) fn tell(&mut self, news: &Answer, except: Option<ClientId>) {
        let line = protocol::encode(None, news);
        self.clients
            .retain_mut(|client| Some(client.id) == except || client.send(&line).is_ok());
    }
}

impl Connection {
    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        self.output.extend_from_slice(line);
        self.flush()?;
        if self.output.len() > MAX_UNREAD {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output = Vec::new();
        Ok(())
    }

    /// Reads a few pieces at most, so that one client cannot keep the holder from its others.
    fn receive(&mut self, lines: &mut Vec<(ClientId, Vec<u8>)>) -> io::Result<()> {
        let mut piece = [0; 8192];
        for _ in 0..16 {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.take(&piece[..count], lines)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self, piece: &[u8], lines: &mut Vec<(ClientId, Vec<u8>)>) -> io::Result<()> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.input.extend_from_slice(part);
            if self.input.last() == Some(&b'\n') {
                lines.push((self.id, std::mem::take(&mut self.input)));
            } else if self.input.len() > MAX_LINE {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(())
    }
}

/// The permissions of the socket's directory keep other users out; this holds if they fail.
fn is_same_user(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}
