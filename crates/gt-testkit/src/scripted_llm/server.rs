//! The server: a thread that accepts, and one for each connection.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use gt_host::clock;
use serde_json::json;

use super::StartError;
use super::http_request::{HttpRequest, ReadError};
use super::http_response::{Body, HttpResponse, Next};
use super::journal::{self, Journal};
use super::protocol::{Endpoint, Protocol, Stamp};
use super::reply::{Answer, Flow, Reply, decide};
use super::request::Request;

/// A server that accepts connections until it is dropped.
///
/// A connection that is open by then is served until its client closes it: agents that are ended
/// with their test do.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// What the connections have in common.
#[derive(Debug)]
struct Shared {
    journal: Journal,
    /// How often each prompt of each conversation has failed since it was last answered.
    failures: Mutex<HashMap<(Option<String>, String), u32>>,
}

impl Server {
    /// Listens on a port of loopback (0 for one that is free) and begins to serve.
    pub fn start(journal: &Path, port: u16) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            journal: Journal::open(journal).map_err(StartError::Journal)?,
            failures: Mutex::default(),
        });
        let listen = |source| StartError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let accepting = std::thread::spawn({
            let stopping = Arc::clone(&stopping);
            move || accept(&listener, &shared, &stopping)
        });
        Ok(Self {
            address,
            stopping,
            accepting: Some(accepting),
        })
    }

    /// The URL under which each vendor's paths are found, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the process ends.
    pub fn serve_for_ever(mut self) {
        if let Some(accepting) = self.accepting.take() {
            // It ends with a panic alone, whose message it has written itself.
            let _ = accepting.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(accepting) = self.accepting.take() else {
            return;
        };
        self.stopping.store(true, Ordering::Release);
        // Wakes the thread, which then sees that it should end. Where nobody can connect, nobody
        // can be served either, and the thread is left alone.
        if TcpStream::connect(self.address).is_ok() {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, stopping: &AtomicBool) {
    for stream in listener.incoming() {
        if stopping.load(Ordering::Acquire) {
            return;
        }
        // A client that was gone before it was accepted asked nothing.
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that goes away in the middle of an answer is what Escape does in an agent.
            let _ = serve(&stream, &shared);
        });
    }
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    // Events are to be seen when they are written, as those of a model are.
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let http = match HttpRequest::read(&mut reader) {
            Ok(Some(http)) => http,
            Ok(None) => return Ok(()),
            Err(ReadError::Io(error)) => return Err(error),
            Err(error @ ReadError::Malformed(_)) => {
                let response = refusal(400, &error.to_string());
                response.write(&mut stream, Flow::Steady, "")?;
                return Ok(());
            }
        };
        let (response, flow) = shared.answer(&http)?;
        let next = response.write(&mut stream, flow, &http.method)?;
        if next == Next::Close || http.wants_close() {
            return Ok(());
        }
    }
}

impl Shared {
    /// Notes a request in the journal and says how it is answered, after the time that this takes.
    fn answer(&self, http: &HttpRequest) -> io::Result<(HttpResponse, Flow)> {
        let response = match Endpoint::of(&http.method, http.path()) {
            Endpoint::Model(protocol) => match serde_json::from_slice(&http.body) {
                Ok(body) => return self.ask(http, &protocol.read(http, &body)),
                Err(error) => refusal(400, &format!("the body is no JSON: {error}")),
            },
            Endpoint::CountTokens => {
                let count = json!({"input_tokens": 10, "totalTokens": 10});
                HttpResponse::whole(200, count.to_string())
            }
            Endpoint::Presence => HttpResponse::whole(200, "{}".to_owned()),
            Endpoint::Unknown => refusal(404, "no such path"),
        };
        let answered = format!("status {}", response.status);
        self.journal
            .append(&journal::other(clock::now(), http, &answered))?;
        Ok((response, Flow::Steady))
    }

    fn ask(&self, http: &HttpRequest, request: &Request) -> io::Result<(HttpResponse, Flow)> {
        let reply = self.decide(request);
        let entry = journal::asked(clock::now(), http, request, &reply.to_string());
        self.journal.append(&entry)?;
        clock::pause(reply.wait);
        Ok(render(request, &reply.answer))
    }

    fn decide(&self, request: &Request) -> Reply {
        // A thread that panicked while it counted has left a number that is still true.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let prompt = (request.session.clone(), request.news.user.clone());
        let count = failures.get(&prompt).copied().unwrap_or(0);
        let reply = decide(request, count);
        match reply.answer {
            Answer::Failure(_) => failures.insert(prompt, count + 1),
            Answer::Turn { .. } => failures.remove(&prompt),
        };
        reply
    }
}

fn render(request: &Request, answer: &Answer) -> (HttpResponse, Flow) {
    match answer {
        Answer::Turn { turn, flow } => {
            let id = clock::fresh_id().to_string();
            let stamp = Stamp {
                id: &id,
                model: &request.model,
            };
            let body = if request.stream {
                Body::Events(request.protocol.stream(turn, stamp))
            } else {
                Body::Whole(request.protocol.whole(turn, stamp).to_string())
            };
            let response = HttpResponse {
                status: 200,
                retry_after: None,
                body,
            };
            (response, *flow)
        }
        Answer::Failure(failure) => {
            let response = HttpResponse {
                status: failure.status,
                retry_after: failure.retry_after,
                body: Body::Whole(request.protocol.error(failure).to_string()),
            };
            (response, Flow::Steady)
        }
    }
}

/// What a client gets that does not speak as agreed; all vendors have an `error.message`.
fn refusal(status: u16, message: &str) -> HttpResponse {
    let failure = super::reply::Failure {
        status,
        retry_after: None,
        message: Some(message.to_owned()),
    };
    HttpResponse::whole(status, Protocol::Chat.error(&failure).to_string())
}
