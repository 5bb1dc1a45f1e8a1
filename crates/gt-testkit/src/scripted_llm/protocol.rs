//! The protocols that are spoken, and what each has a word of its own for.

use serde_json::{Value, json};

use super::http_request::HttpRequest;
use super::reply::{Call, Failure, Turn};
use super::request::Request;
use super::{anthropic, chat, gemini, responses};

/// A vendor's way of asking a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Anthropic Messages: Claude Code.
    Anthropic,
    /// OpenAI Responses: Codex.
    Responses,
    /// OpenAI Chat Completions: OpenCode and many others.
    Chat,
    /// Gemini's `generateContent`: Gemini CLI.
    Gemini,
}

/// What makes one answer differ from another with the same text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp<'a> {
    /// Unique among all answers; letters, digits and dashes.
    pub(super) id: &'a str,
    /// The model that is said to answer.
    pub(super) model: &'a str,
}

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// An answer of the model.
    Model(Protocol),
    /// The number of tokens of a request.
    CountTokens,
    /// Whether somebody is there.
    Presence,
    /// Nothing that is known here.
    Unknown,
}

impl Endpoint {
    /// Reads a method and a path without its query.
    pub(super) fn of(method: &str, path: &str) -> Self {
        match (method, path) {
            ("HEAD" | "GET", "/") => Self::Presence,
            ("POST", "/v1/messages") => Self::Model(Protocol::Anthropic),
            ("POST", "/v1/responses") => Self::Model(Protocol::Responses),
            ("POST", "/v1/chat/completions") => Self::Model(Protocol::Chat),
            ("POST", path)
                if path.ends_with(":generateContent")
                    || path.ends_with(":streamGenerateContent") =>
            {
                Self::Model(Protocol::Gemini)
            }
            ("POST", path) if path.ends_with("/count_tokens") || path.ends_with(":countTokens") => {
                Self::CountTokens
            }
            _ => Self::Unknown,
        }
    }
}

impl Protocol {
    /// Its word in the journal.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Responses => "responses",
            Self::Chat => "chat",
            Self::Gemini => "gemini",
        }
    }

    /// Reads a request, whose body is JSON already.
    pub(super) fn read(self, http: &HttpRequest, body: &Value) -> Request {
        match self {
            Self::Anthropic => anthropic::read(http, body),
            Self::Responses => responses::read(http, body),
            Self::Chat => chat::read(http, body),
            Self::Gemini => gemini::read(http, body),
        }
    }

    /// The call of the shell tool that this protocol's agent has.
    pub(super) fn shell_call(self, command: &str) -> Call {
        let described = json!({"command": command, "description": "Scripted command"});
        let (name, input) = match self {
            Self::Anthropic => ("Bash", described),
            Self::Responses => ("exec_command", json!({"cmd": command})),
            Self::Chat => ("bash", described),
            Self::Gemini => ("run_shell_command", described),
        };
        let name = name.to_owned();
        Call { name, input }
    }

    /// A turn as the events of a stream.
    pub(super) fn stream(self, turn: &Turn, stamp: Stamp<'_>) -> Vec<String> {
        match self {
            Self::Anthropic => anthropic::stream(turn, stamp),
            Self::Responses => responses::stream(turn, stamp),
            Self::Chat => chat::stream(turn, stamp),
            Self::Gemini => gemini::stream(turn, stamp),
        }
    }

    /// A turn as one JSON document.
    pub(super) fn whole(self, turn: &Turn, stamp: Stamp<'_>) -> Value {
        match self {
            Self::Anthropic => anthropic::whole(turn, stamp),
            Self::Responses => responses::whole(turn, stamp),
            Self::Chat => chat::whole(turn, stamp),
            Self::Gemini => gemini::whole(turn, stamp),
        }
    }

    /// The body of an error.
    pub(super) fn error(self, failure: &Failure) -> Value {
        match self {
            Self::Anthropic => anthropic::error(failure),
            Self::Responses | Self::Chat => responses::error(failure),
            Self::Gemini => gemini::error(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_protocol() {
        let check = |method: &str, path: &str, expect: Endpoint| {
            assert_eq!(Endpoint::of(method, path), expect, "{method} {path}");
        };
        let gemini = "/v1beta/models/gemini-2.5-flash";
        check("HEAD", "/", Endpoint::Presence);
        check("POST", "/v1/messages", Endpoint::Model(Protocol::Anthropic));
        check("GET", "/v1/messages", Endpoint::Unknown);
        check("POST", "/v1/messages/count_tokens", Endpoint::CountTokens);
        check(
            "POST",
            "/v1/responses",
            Endpoint::Model(Protocol::Responses),
        );
        check(
            "POST",
            "/v1/chat/completions",
            Endpoint::Model(Protocol::Chat),
        );
        for verb in ["generateContent", "streamGenerateContent"] {
            let path = format!("{gemini}:{verb}");
            check("POST", &path, Endpoint::Model(Protocol::Gemini));
        }
        check(
            "POST",
            &format!("{gemini}:countTokens"),
            Endpoint::CountTokens,
        );
    }
}
