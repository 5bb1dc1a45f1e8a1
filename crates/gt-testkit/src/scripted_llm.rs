//! A model server on loopback that answers what the prompt tells it to answer, so that real coding
//! agents can be driven without an account and without the network.
//!
//! It speaks Anthropic Messages, OpenAI Responses, OpenAI Chat Completions and Gemini, each as far
//! as the agents of that vendor use it. What it answers is told by directives in the last message
//! of the user (`directive.rs`); it keeps no conversation and knows no model.
//!
//! Invariant: a request is a line of the journal before any byte of its answer is sent, so that
//! whoever sees an answer can count what was asked.

mod anthropic;
mod arguments;
mod chat;
mod directive;
mod event;
mod gemini;
mod http_request;
mod http_response;
mod journal;
mod protocol;
mod reply;
mod request;
mod responses;
mod server;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write as _};

use arguments::Arguments;

pub use server::Server;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The command line is wrong.
    #[error("{0}; expected: gt-test-llm --journal FILE [--port PORT]")]
    Usage(String),
    /// The journal cannot be appended to.
    #[error("cannot open the journal")]
    Journal(#[source] io::Error),
    /// The port is taken, or there is no loopback.
    #[error("cannot listen on port {port} of 127.0.0.1")]
    Listen {
        /// The port asked for; 0 means any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Serves until it is killed, and returns an exit code only when it cannot start: 2 for a usage
/// that is not understood, else 1.
///
/// Writes its base URL to standard output as one line when it listens, and nothing more.
pub fn run(arguments: Vec<OsString>) -> i32 {
    let server = Arguments::parse(arguments)
        .and_then(|arguments| Server::start(&arguments.journal, arguments.port));
    match server {
        Ok(server) => {
            // Nobody may be reading; the port can be given on the command line instead.
            let _ = writeln!(io::stdout(), "{}", server.base_url());
            server.serve_for_ever();
            0
        }
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &StartError) -> i32 {
    let mut message = format!("error: {error}");
    if let Some(cause) = std::error::Error::source(error) {
        message.push_str(&format!(": {cause}"));
    }
    // Nobody else is there to be told.
    let _ = writeln!(io::stderr(), "{message}");
    match error {
        StartError::Usage(_) => 2,
        StartError::Journal(_) | StartError::Listen { .. } => 1,
    }
}
