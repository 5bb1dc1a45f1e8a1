//! The daemon's stream socket: one request a line, one answer a line.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use gt_api::request::{Envelope, Request, Response};
use gt_host::local_socket;
use gt_host::lock::{Lock, LockFile};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::event::Event;

/// Longest request line: requests name agents and actions, never content.
const MAX_REQUEST: u64 = 64 << 10;

/// The pause after a client could not be accepted: others have to hang up first.
const BREATH: Duration = Duration::from_millis(200);

/// How often a socket is looked for at its path.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// How long a client may say nothing before it is hung up on.
const SILENCE: Duration = Duration::from_secs(30);

/// Binds the socket, replacing what a daemon that was killed left behind. The caller holds the
/// town's lock, so no living daemon listens there.
pub(crate) fn bind(path: &Path) -> std::io::Result<UnixListener> {
    local_socket::clear(path)?;
    UnixListener::bind(path)
}

fn is_lost(lock: &RefCell<Lock>) -> bool {
    matches!(
        lock.borrow().look(),
        Ok(LockFile::Removed | LockFile::Replaced)
    )
}

/// Who listens on the socket, if anybody does.
pub(crate) fn listening(path: &Path) -> Option<u32> {
    const PATIENCE: Duration = Duration::from_millis(100);
    let stream = local_socket::connect_within(path, PATIENCE).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(&stream).ok()?;
    u32::try_from(peer.pid.as_raw_pid()).ok()
}

/// Accepts clients for as long as the loop listens, on the socket of this path, which is made anew
/// when somebody removes it: whoever clears `/tmp` of old files does.
///
/// Looks at the daemon's lock as well, and tells the loop when its file is not there any more.
pub(crate) async fn serve(
    path: PathBuf,
    mut listener: UnixListener,
    lock: Rc<RefCell<Lock>>,
    events: mpsc::Sender<Event>,
) {
    let mut in_trouble = false;
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !events.is_closed() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = look.tick() => {
                if local_socket::is_removed(&path) {
                    // Tried again after the next pause.
                    listener = bind(&path).unwrap_or(listener);
                }
                if is_lost(&lock) && events.send(Event::LookAtLock).await.is_err() {
                    return;
                }
                continue;
            }
        };
        match accepted {
            Ok((stream, _)) => {
                in_trouble = false;
                tokio::task::spawn_local(converse(stream, events.clone()));
            }
            // Out of descriptors, or a client that was gone at once: the next one is served.
            Err(error) => {
                let report = Event::Trouble(format!("cannot accept a client: {error}"));
                if !std::mem::replace(&mut in_trouble, true) && events.send(report).await.is_err() {
                    return;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Serves one client until it hangs up. Another user's client is hung up on.
async fn converse(stream: UnixStream, events: mpsc::Sender<Event>) {
    let Some(peer) = same_user(&stream) else {
        return;
    };
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(1024, reader);
    loop {
        let mut line = String::new();
        let mut limited = (&mut reader).take(MAX_REQUEST);
        match tokio::time::timeout(SILENCE, limited.read_line(&mut line)).await {
            Ok(Ok(0) | Err(_)) | Err(_) => return,
            Ok(Ok(_)) => {}
        }
        let response = answer(&line, peer, &events).await;
        let mut text = serde_json::to_string(&response).expect("a response is plain data");
        text.push('\n');
        if writer.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn answer(line: &str, peer: u32, events: &mpsc::Sender<Event>) -> Response {
    let request = match parse(line) {
        Ok(request) => request,
        Err(message) => {
            return Response::Error {
                message,
                refused: false,
            };
        }
    };
    let (reply, response) = oneshot::channel();
    let ended = || Response::Error {
        message: "the daemon is ending".to_owned(),
        refused: false,
    };
    if events
        .send(Event::Client {
            request,
            peer,
            reply,
        })
        .await
        .is_err()
    {
        return ended();
    }
    response.await.unwrap_or_else(|_| ended())
}

fn parse(line: &str) -> Result<Request, String> {
    let envelope: Envelope = serde_json::from_str(line).map_err(|error| {
        format!(
            "this daemon ({}) does not know the request: {error}",
            crate::VERSION
        )
    })?;
    if envelope.v > gt_api::PROTOCOL {
        return Err(format!(
            "this daemon ({}) speaks protocol {}, the client {}; `gt daemon restart` brings up the new one and keeps the agents",
            crate::VERSION,
            gt_api::PROTOCOL,
            envelope.v
        ));
    }
    Ok(envelope.request)
}

/// The client's pid, if it is of this user.
fn same_user(stream: &UnixStream) -> Option<u32> {
    let credentials = stream.peer_cred().ok()?;
    let own = rustix::process::getuid().as_raw();
    (credentials.uid() == own).then(|| {
        credentials
            .pid()
            .and_then(|pid| u32::try_from(pid).ok())
            .unwrap_or(0)
    })
}
