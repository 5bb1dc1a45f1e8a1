use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Server;
use super::protocol::{Protocol, Stamp};
use super::reply::Turn;

/// What each protocol is to write in its own manner: a text of two lines.
pub(super) static SPOKEN: LazyLock<Turn> = LazyLock::new(|| Turn {
    text: "a\nb".to_owned(),
    calls: Vec::new(),
});

pub(super) const STAMP: Stamp<'static> = Stamp {
    id: "7",
    model: "m",
};

pub(super) fn asked_for_a_command(protocol: Protocol) -> Turn {
    Turn {
        text: String::new(),
        calls: vec![protocol.shell_call("ls")],
    }
}

/// Sends a request on a connection of its own, and reads until the server closes that.
fn post(server: &Server, path: &str, body: &Value) -> String {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}",
        body.len()
    );
    exchange(server, &format!("{head}\r\n\r\n{body}"))
}

fn exchange(server: &Server, request: &str) -> String {
    let address = server.base_url();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn journal(path: &Path) -> Vec<Value> {
    let lines = fs_err::read_to_string(path).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Asks by each manner of the protocol; the journal must have both requests, once each.
#[track_caller]
fn check(streamed: (&str, Value), whole: (&str, Value), expect: [&str; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let server = Server::start(&path, 0).unwrap();

    let answer = post(&server, streamed.0, &streamed.1);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream"),
        "{answer}"
    );
    assert!(answer.contains(expect[0]), "{answer}");
    assert!(answer.ends_with("\r\n0\r\n\r\n"), "{answer}");

    let answer = post(&server, whole.0, &whole.1);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json"),
        "{answer}"
    );
    assert!(answer.contains(expect[1]), "{answer}");

    let asked: Vec<_> = journal(&path)
        .iter()
        .map(|it| format!("{} -> {}", it["user"], it["answered"]))
        .collect();
    assert_eq!(
        asked,
        [
            r#""[say first]" -> "say first""#,
            r#""[say second]" -> "say second""#
        ]
    );
}

#[test]
fn anthropic_messages_are_answered() {
    let body = |text: &str, stream: bool| {
        let messages = json!([{"role": "user", "content": [{"type": "text", "text": text}]}]);
        json!({"model": "m", "stream": stream, "messages": messages})
    };
    check(
        ("/v1/messages?beta=true", body("[say first]", true)),
        ("/v1/messages", body("[say second]", false)),
        [
            r#"{"text":"first","type":"text_delta"}"#,
            r#"[{"text":"second","type":"text"}]"#,
        ],
    );
}

#[test]
fn openai_responses_are_answered() {
    let body = |text: &str, stream: bool| {
        let content = json!([{"type": "input_text", "text": text}]);
        let input = json!([{"type": "message", "role": "user", "content": content}]);
        json!({"model": "m", "stream": stream, "input": input})
    };
    check(
        ("/v1/responses", body("[say first]", true)),
        ("/v1/responses", body("[say second]", false)),
        [
            r#""delta":"first""#,
            r#""text":"second","type":"output_text""#,
        ],
    );
}

#[test]
fn openai_chat_completions_are_answered() {
    let body = |text: &str, stream: bool| json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]});
    check(
        ("/v1/chat/completions", body("[say first]", true)),
        ("/v1/chat/completions", body("[say second]", false)),
        [
            r#""delta":{"content":"first"}"#,
            r#""message":{"content":"second""#,
        ],
    );
}

#[test]
fn gemini_contents_are_answered() {
    let body = |text: &str| json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
    let model = "/v1beta/models/m";
    check(
        (
            &format!("{model}:streamGenerateContent?alt=sse"),
            body("[say first]"),
        ),
        (&format!("{model}:generateContent"), body("[say second]")),
        [
            r#""parts":[{"text":"first"}]"#,
            r#""parts":[{"text":"second"}]"#,
        ],
    );
}

#[test]
fn a_prompt_fails_so_often_and_is_then_answered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let server = Server::start(&path, 0).unwrap();
    let body = json!({"messages": [{"role": "user", "content": "[status 429 x2 retry-after 3]"}]});
    for expect in [
        "429 Too Many Requests\r\nretry-after: 3",
        "429",
        "200",
        "429",
    ] {
        let answer = post(&server, "/v1/messages", &body);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expect}")),
            "{answer}"
        );
    }
}

#[test]
fn a_dropped_answer_ends_the_connection_early() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("journal"), 0).unwrap();
    let messages = json!([{"role": "user", "content": "[drop]"}]);
    let answer = post(
        &server,
        "/v1/messages",
        &json!({"stream": true, "messages": messages}),
    );
    assert!(answer.contains("message_start"), "{answer}");
    assert!(!answer.contains("message_stop"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[test]
fn a_connection_takes_one_request_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let server = Server::start(&path, 0).unwrap();
    let answers = exchange(
        &server,
        "HEAD / HTTP/1.1\r\n\r\n\
         POST /v1/messages/count_tokens HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}\
         POST /v1/nothing HTTP/1.1\r\nconnection: close\r\n\r\n",
    );
    let statuses: Vec<_> = answers
        .lines()
        .filter(|it| it.contains("HTTP/1.1"))
        .collect();
    assert_eq!(statuses.len(), 3, "{answers}");
    let noted: Vec<_> = journal(&path)
        .iter()
        .map(|it| format!("{} {}", it["request"], it["answered"]))
        .collect();
    assert_eq!(
        noted,
        [
            r#""HEAD /" "status 200""#,
            r#""POST /v1/messages/count_tokens" "status 200""#,
            r#""POST /v1/nothing" "status 404""#,
        ]
    );
}
