//! The journal: one line of JSON for each request that came, in the order of their answers.
//!
//! | field | what it holds |
//! |---|---|
//! | `time` | when it came, in UTC |
//! | `request` | its method and path with the query |
//! | `protocol` | `anthropic`, `responses`, `chat`, `gemini`; none of what asks no model |
//! | `session` | the agent's id of the conversation, where it sends one |
//! | `user` | all text of the user's last message; empty when only results of tools came |
//! | `before` | texts of the user's messages before it to which the model has not spoken yet |
//! | `system` | the texts that neither user nor model said |
//! | `messages` | how many messages the conversation has |
//! | `tools` | how many tools are offered; none with errands such as titles |
//! | `tool_result` | whether a tool's result came |
//! | `answered` | the answer, as `reply.rs` writes it |

use std::io::{self, Write as _};
use std::path::Path;

use fs_err::{File, OpenOptions};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::http_request::HttpRequest;
use super::request::Request;

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal(File);

impl Journal {
    /// Opens the journal, to append to it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self(file))
    }

    /// Appends a line, by one write: those of several connections do not mix.
    pub(super) fn append(&self, entry: &Value) -> io::Result<()> {
        (&self.0).write_all(format!("{entry}\n").as_bytes())
    }
}

/// The line of a request to the model.
pub(super) fn asked(
    now: Timestamp,
    http: &HttpRequest,
    request: &Request,
    answered: &str,
) -> Value {
    let mut entry = other(now, http, answered);
    entry["protocol"] = json!(request.protocol.word());
    entry["session"] = json!(request.session);
    entry["user"] = json!(request.news.user);
    entry["before"] = json!(request.news.before);
    entry["system"] = json!(request.system);
    entry["messages"] = json!(request.messages);
    entry["tools"] = json!(request.tools.len());
    entry["tool_result"] = json!(request.news.tool_result);
    entry
}

/// The line of a request that asks no model.
pub(super) fn other(now: Timestamp, http: &HttpRequest, answered: &str) -> Value {
    json!({
        "time": now,
        "request": format!("{} {}", http.method, http.target),
        "answered": answered,
    })
}

#[cfg(test)]
mod tests {
    use super::super::protocol::Protocol;
    use super::*;

    #[test]
    fn a_line_proves_which_prompt_came() {
        let http = HttpRequest {
            method: "POST".to_owned(),
            target: "/v1/messages?beta=true".to_owned(),
            ..HttpRequest::default()
        };
        let request = Protocol::Anthropic.read(
            &http,
            &json!({"system": "be good", "messages": [{"role": "user", "content": "a\nb"}]}),
        );
        assert_eq!(
            asked(Timestamp::UNIX_EPOCH, &http, &request, "say ok").to_string(),
            r#"{"answered":"say ok","before":[],"messages":1,"protocol":"anthropic","request":"POST /v1/messages?beta=true","session":null,"system":["be good"],"time":"1970-01-01T00:00:00Z","tool_result":false,"tools":0,"user":"a\nb"}"#
        );
    }
}
