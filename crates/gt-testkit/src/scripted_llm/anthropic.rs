//! Anthropic Messages, as Claude Code speaks it.

use serde_json::{Value, json};

use super::event::{named, pieces};
use super::http_request::HttpRequest;
use super::protocol::{Protocol, Stamp};
use super::reply::{Failure, Turn};
use super::request::{News, Request, has_role, list, since, string, text_of, texts};

/// How a block of text begins that the agent has put into a message of the user.
const REMINDER: &str = "<system-reminder>";

/// Reads a request. Messages may have the role `system`, for what the agent itself has to say in
/// mid-conversation.
///
/// The agent sends one message of the user for all that was said since the model spoke, each prompt
/// (and each that failed or was interrupted) as a block of it, beside results and reminders.
pub(super) fn read(http: &HttpRequest, body: &Value) -> Request {
    let messages = list(body, "messages");
    let asked: Vec<_> = since(messages, |it| has_role(it, "assistant"))
        .iter()
        .filter(|it| has_role(it, "user"))
        .collect();
    let results = asked
        .iter()
        .flat_map(|it| list(it, "content"))
        .filter(|it| string(it, "type") == "tool_result");
    let (reminders, prompts): (Vec<_>, Vec<_>) = asked
        .iter()
        .flat_map(|it| texts(&it["content"]))
        .partition(|it| it.trim_start().starts_with(REMINDER));
    let at_start = Some(text_of(&body["system"])).filter(|it| !it.is_empty());
    let in_between = messages
        .iter()
        .filter(|it| has_role(it, "system"))
        .map(|it| text_of(&it["content"]));
    Request {
        protocol: Protocol::Anthropic,
        session: http.header("x-claude-code-session-id").map(str::to_owned),
        model: string(body, "model").to_owned(),
        news: News::new(prompts.into_iter(), results.count() > 0),
        system: at_start
            .into_iter()
            .chain(in_between)
            .chain(reminders)
            .collect(),
        messages: messages.len(),
        tools: list(body, "tools")
            .iter()
            .map(|it| string(it, "name").to_owned())
            .collect(),
        stream: body["stream"] == true,
    }
}

/// A turn as the events of a stream.
pub(super) fn stream(turn: &Turn, stamp: Stamp<'_>) -> Vec<String> {
    let mut message = message(turn, stamp);
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    let mut events = vec![json!({"type": "message_start", "message": message})];
    let mut index = 0;
    let mut block = |start: Value, deltas: Vec<Value>| {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        for delta in deltas {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
        index += 1;
    };
    if !turn.text.is_empty() {
        let deltas = pieces(&turn.text)
            .map(|piece| json!({"type": "text_delta", "text": piece}))
            .collect();
        block(json!({"type": "text", "text": ""}), deltas);
    }
    for (number, call) in turn.calls.iter().enumerate() {
        let id = call_id(stamp, number);
        let input = call.input.to_string();
        block(
            json!({"type": "tool_use", "id": id, "name": call.name, "input": {}}),
            vec![json!({"type": "input_json_delta", "partial_json": input})],
        );
    }
    let delta = json!({"stop_reason": stop_reason(turn), "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 2}}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(named).collect()
}

/// A turn as one document.
pub(super) fn whole(turn: &Turn, stamp: Stamp<'_>) -> Value {
    let mut content = Vec::new();
    if !turn.text.is_empty() {
        content.push(json!({"type": "text", "text": turn.text}));
    }
    for (number, call) in turn.calls.iter().enumerate() {
        let id = call_id(stamp, number);
        content.push(json!({"type": "tool_use", "id": id, "name": call.name, "input": call.input}));
    }
    let mut message = message(turn, stamp);
    message["content"] = content.into();
    message
}

/// The body of an error.
pub(super) fn error(failure: &Failure) -> Value {
    let (kind, message) = match failure.status {
        400 => ("invalid_request_error", "Invalid request"),
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "Your API key lacks permission"),
        429 => (
            "rate_limit_error",
            "This request would exceed your account's rate limit. Please try again later.",
        ),
        529 => ("overloaded_error", "Overloaded"),
        _ => ("api_error", "Internal server error"),
    };
    let message = failure.message.as_deref().unwrap_or(message);
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

fn message(turn: &Turn, stamp: Stamp<'_>) -> Value {
    json!({
        "id": format!("msg_{}", stamp.id),
        "type": "message",
        "role": "assistant",
        "model": stamp.model,
        "stop_reason": stop_reason(turn),
        "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 2},
    })
}

fn stop_reason(turn: &Turn) -> &'static str {
    if turn.calls.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    }
}

fn call_id(stamp: Stamp<'_>, number: usize) -> String {
    format!("toolu_{}_{number}", stamp.id)
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::notes;
    use super::super::tests::{SPOKEN, STAMP, asked_for_a_command};
    use super::*;

    #[test]
    fn a_system_message_in_mid_conversation_is_not_the_users() {
        let body = json!({
            "model": "m", "stream": true, "system": [{"type": "text", "text": "be good"}],
            "tools": [{"name": "Bash"}],
            "messages": [
                {"role": "user", "content": "first"},
                {"role": "assistant", "content": "ok"},
                {"role": "user", "content": [{"type": "text", "text": "second"}]},
                {"role": "system", "content": "a hook said this"},
            ],
        });
        let http = HttpRequest {
            headers: vec![("x-claude-code-session-id".to_owned(), "s1".to_owned())],
            ..HttpRequest::default()
        };
        assert_eq!(
            notes(&read(&http, &body)),
            "session s1; model m; system [\"be good\", \"a hook said this\"]; before []; user \"second\"; \
             messages 4; tools Bash; result false; stream true"
        );
    }

    #[test]
    fn a_tool_result_is_seen_beside_other_blocks() {
        let body = json!({"messages": [{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": "x"},
            {"type": "text", "text": "and this"},
        ]}]});
        assert_eq!(
            notes(&read(&HttpRequest::default(), &body)),
            "session -; model ; system []; before []; user \"and this\"; messages 1; tools ; \
             result true; stream false"
        );
    }

    #[test]
    fn a_prompt_after_one_that_failed_is_the_last_block() {
        let block = |text: &str| json!({"type": "text", "text": text});
        let body = json!({"messages": [{"role": "user", "content": [
            block("<system-reminder>be kind</system-reminder>"),
            block("[status 429]"),
            block("[say better]"),
        ]}]});
        assert_eq!(
            notes(&read(&HttpRequest::default(), &body)),
            "session -; model ; system [\"<system-reminder>be kind</system-reminder>\"]; \
             before [\"[status 429]\"]; user \"[say better]\"; messages 1; tools ; \
             result false; stream false"
        );
    }

    #[test]
    fn a_text_is_streamed_by_line() {
        assert_eq!(
            stream(&SPOKEN.clone(), STAMP).concat(),
            r#"event: message_start
data: {"message":{"content":[],"id":"msg_7","model":"m","role":"assistant","stop_reason":null,"stop_sequence":null,"type":"message","usage":{"input_tokens":10,"output_tokens":2}},"type":"message_start"}

event: content_block_start
data: {"content_block":{"text":"","type":"text"},"index":0,"type":"content_block_start"}

event: content_block_delta
data: {"delta":{"text":"a\n","type":"text_delta"},"index":0,"type":"content_block_delta"}

event: content_block_delta
data: {"delta":{"text":"b","type":"text_delta"},"index":0,"type":"content_block_delta"}

event: content_block_stop
data: {"index":0,"type":"content_block_stop"}

event: message_delta
data: {"delta":{"stop_reason":"end_turn","stop_sequence":null},"type":"message_delta","usage":{"output_tokens":2}}

event: message_stop
data: {"type":"message_stop"}

"#
        );
    }

    #[test]
    fn a_call_ends_the_turn_with_tool_use() {
        let turn = asked_for_a_command(Protocol::Anthropic);
        assert_eq!(
            whole(&turn, STAMP).to_string(),
            r#"{"content":[{"id":"toolu_7_0","input":{"command":"ls","description":"Scripted command"},"name":"Bash","type":"tool_use"}],"id":"msg_7","model":"m","role":"assistant","stop_reason":"tool_use","stop_sequence":null,"type":"message","usage":{"input_tokens":10,"output_tokens":2}}"#
        );
        let events = stream(&turn, STAMP).concat();
        let input = r#""partial_json":"{\"command\":\"ls\",\"description\":\"Scripted command\"}""#;
        assert!(events.contains(input), "{events}");
        assert!(events.contains(r#""stop_reason":"tool_use""#), "{events}");
    }

    #[test]
    fn an_error_has_the_vendors_words_or_those_given() {
        let failure = |status, message: Option<&str>| {
            let message = message.map(str::to_owned);
            let retry_after = None;
            error(&Failure {
                status,
                retry_after,
                message,
            })
            .to_string()
        };
        assert_eq!(
            failure(529, None),
            r#"{"error":{"message":"Overloaded","type":"overloaded_error"},"type":"error"}"#
        );
        assert_eq!(
            failure(400, Some("prompt is too long")),
            r#"{"error":{"message":"prompt is too long","type":"invalid_request_error"},"type":"error"}"#
        );
    }
}
