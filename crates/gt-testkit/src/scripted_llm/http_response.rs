//! An HTTP/1.1 response, written in pieces that can be rested between, or broken off.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use gt_host::clock;

use super::reply::Flow;

/// A response, not yet written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpResponse {
    /// The status.
    pub(super) status: u16,
    /// Seconds of a `retry-after` header.
    pub(super) retry_after: Option<u32>,
    /// What follows.
    pub(super) body: Body,
}

/// What a response carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// A JSON document, with its length told before.
    Whole(String),
    /// Server-sent events, each a chunk.
    Events(Vec<String>),
}

/// Whether the connection can take another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It can.
    Keep,
    /// The response is broken off, and only the end of the connection tells so.
    Close,
}

impl HttpResponse {
    /// A document with a status.
    pub(super) fn whole(status: u16, body: String) -> Self {
        Self {
            status,
            retry_after: None,
            body: Body::Whole(body),
        }
    }

    /// Writes the response, its middle as `flow` says. A `HEAD` gets no body.
    pub(super) fn write(
        &self,
        stream: &mut impl Write,
        flow: Flow,
        method: &str,
    ) -> io::Result<Next> {
        stream.write_all(self.head().as_bytes())?;
        if method == "HEAD" {
            return Ok(Next::Keep);
        }
        let pieces = self.body.pieces();
        let (before, after) = pieces.split_at(pieces.len().div_ceil(2));
        write_all(stream, before)?;
        match flow {
            Flow::Steady => {}
            Flow::Pause(time) => rest(stream, time)?,
            Flow::Drop => return Ok(Next::Close),
        }
        write_all(stream, after)?;
        Ok(Next::Keep)
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        if let Some(seconds) = self.retry_after {
            let _ = write!(head, "retry-after: {seconds}\r\n");
        }
        let framing = match &self.body {
            Body::Whole(document) => format!(
                "content-type: application/json\r\ncontent-length: {}",
                document.len()
            ),
            Body::Events(_) => "content-type: text/event-stream\r\ncache-control: no-cache\r\n\
                 transfer-encoding: chunked"
                .to_owned(),
        };
        head + &framing + "\r\n\r\n"
    }
}

impl Body {
    /// What is written one after the other: at least two pieces, so that there is a middle.
    fn pieces(&self) -> Vec<String> {
        match self {
            Self::Whole(document) => {
                let (before, after) =
                    document.split_at(document.floor_char_boundary(document.len() / 2));
                vec![before.to_owned(), after.to_owned()]
            }
            Self::Events(events) => {
                let end = "0\r\n\r\n".to_owned();
                let chunk = |it: &String| format!("{:x}\r\n{it}\r\n", it.len());
                events.iter().map(chunk).chain([end]).collect()
            }
        }
    }
}

fn write_all(stream: &mut impl Write, pieces: &[String]) -> io::Result<()> {
    for piece in pieces {
        stream.write_all(piece.as_bytes())?;
    }
    stream.flush()
}

fn rest(stream: &mut impl Write, time: Duration) -> io::Result<()> {
    stream.flush()?;
    clock::pause(time);
    Ok(())
}

/// The words beside a status, which nobody reads but people.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(response: &HttpResponse, flow: Flow, expect: &str, next: Next) {
        let mut written = Vec::new();
        let got = response.write(&mut written, flow, "POST").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), expect);
        assert_eq!(got, next);
    }

    fn two_events() -> HttpResponse {
        HttpResponse {
            status: 200,
            retry_after: None,
            body: Body::Events(vec!["data: 1\n\n".to_owned(), "data: 2\n\n".to_owned()]),
        }
    }

    #[test]
    fn a_document_has_its_length() {
        let mut response = HttpResponse::whole(429, "{}".to_owned());
        response.retry_after = Some(10);
        check(
            &response,
            Flow::Steady,
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 10\r\n\
             content-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
            Next::Keep,
        );
    }

    #[test]
    fn events_are_chunks() {
        check(
            &two_events(),
            Flow::Pause(Duration::ZERO),
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
             transfer-encoding: chunked\r\n\r\n\
             9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n",
            Next::Keep,
        );
    }

    #[test]
    fn a_dropped_answer_lacks_its_end() {
        check(
            &two_events(),
            Flow::Drop,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
             transfer-encoding: chunked\r\n\r\n\
             9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n",
            Next::Close,
        );
        check(
            &HttpResponse::whole(200, "{\"é\":1}".to_owned()),
            Flow::Drop,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"é",
            Next::Close,
        );
    }
}
