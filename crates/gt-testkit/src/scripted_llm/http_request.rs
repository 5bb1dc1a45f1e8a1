//! An HTTP/1.1 request, read from a connection. Knows bodies of a length and chunked ones; nothing
//! of compression, of trailers' meaning or of upgrades.

use std::io::{self, BufRead, Read as _};

/// The most that a request may have as its body, so that a wrong length does not take all memory.
/// Agents send below 1 MiB; a conversation that is full has some MiB.
const BODY_LIMIT: u64 = 64 << 20;

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HttpRequest {
    /// `GET`, `POST`.
    pub(super) method: String,
    /// The path with its query.
    pub(super) target: String,
    /// Names in lower case, with their values.
    pub(super) headers: Vec<(String, String)>,
    /// The body, whole.
    pub(super) body: Vec<u8>,
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The connection broke.
    #[error("cannot read the request")]
    Io(#[from] io::Error),
    /// What came is not HTTP/1.1 as it is known here.
    #[error("not a request: {0}")]
    Malformed(&'static str),
}

impl HttpRequest {
    /// Reads the next request of a connection; none when it was closed in between.
    pub(super) fn read(reader: &mut impl BufRead) -> Result<Option<Self>, ReadError> {
        let first = read_line(reader)?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut words = first.split_whitespace();
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(ReadError::Malformed("no method and path"));
        };
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            ..Self::default()
        };
        loop {
            let line = read_line(reader)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(':')
                .ok_or(ReadError::Malformed("a header without a colon"))?;
            let header = (name.to_ascii_lowercase(), value.trim().to_owned());
            request.headers.push(header);
        }
        request.body = request.read_body(reader)?;
        Ok(Some(request))
    }

    /// The path without its query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }

    /// The value of a header, whose name is given in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(it, _)| it == name)?;
        Some(value)
    }

    /// Whether the connection ends with the answer.
    pub(super) fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|it| it.eq_ignore_ascii_case("close"))
    }

    fn read_body(&self, reader: &mut impl BufRead) -> Result<Vec<u8>, ReadError> {
        if self.header("transfer-encoding").is_some() {
            return read_chunks(reader);
        }
        let length = match self.header("content-length") {
            Some(length) => length
                .parse()
                .map_err(|_| ReadError::Malformed("a length that is no number"))?,
            None => 0,
        };
        read_exactly(reader, length)
    }
}

fn read_chunks(reader: &mut impl BufRead) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or("").trim();
        let size = u64::from_str_radix(size, 16)
            .map_err(|_| ReadError::Malformed("a chunk without a size"))?;
        if size == 0 {
            break;
        }
        body.extend(read_exactly(reader, size)?);
        if body.len() as u64 > BODY_LIMIT {
            return Err(ReadError::Malformed("the body is too long"));
        }
        read_line(reader)?;
    }
    // Trailers, up to the empty line.
    while !read_line(reader)?.is_empty() {}
    Ok(body)
}

fn read_exactly(reader: &mut impl BufRead, length: u64) -> Result<Vec<u8>, ReadError> {
    if length > BODY_LIMIT {
        return Err(ReadError::Malformed("the body is too long"));
    }
    let mut body = Vec::new();
    let count = reader.take(length).read_to_end(&mut body)?;
    if (count as u64) < length {
        return Err(ReadError::Malformed("the body ends early"));
    }
    Ok(body)
}

/// A line without its end; empty at the end of the connection, too.
fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut bytes: &[u8], expect: &str) {
        let read = match HttpRequest::read(&mut bytes) {
            Ok(Some(it)) => format!(
                "{} {} {:?} {}",
                it.method,
                it.path(),
                it.header("x-a"),
                String::from_utf8_lossy(&it.body)
            ),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(read, expect);
    }

    #[test]
    fn a_body_has_a_length_or_comes_in_chunks() {
        check(b"HEAD /?x=1 HTTP/1.1\r\n\r\n", "HEAD / None ");
        check(
            b"POST /a?b=c HTTP/1.1\r\nX-A:  b \r\nContent-Length: 3\r\n\r\nabcrest",
            "POST /a Some(\"b\") abc",
        );
        check(
            b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n",
            "POST /a None abc0123456789",
        );
        check(b"", "none");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        check(b"hello\r\n\r\n", "not a request: no method and path");
        check(
            b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
            "not a request: the body ends early",
        );
        check(
            b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            "not a request: the body is too long",
        );
        check(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "not a request: a chunk without a size",
        );
    }
}
