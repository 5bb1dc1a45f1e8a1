//! OpenAI Chat Completions, as OpenCode speaks it.

use serde_json::{Value, json};

use super::event::{pieces, unnamed};
use super::http_request::HttpRequest;
use super::protocol::{Protocol, Stamp};
use super::reply::Turn;
use super::request::{News, Request, has_role, list, since, string, text_of};

/// Reads a request.
pub(super) fn read(http: &HttpRequest, body: &Value) -> Request {
    let messages = list(body, "messages");
    let since = since(messages, |it| has_role(it, "assistant"));
    let asked = since.iter().filter(|it| has_role(it, "user"));
    let results = since.iter().filter(|it| has_role(it, "tool"));
    Request {
        protocol: Protocol::Chat,
        session: ["x-session-id", "x-session-affinity", "x-opencode-session"]
            .into_iter()
            .find_map(|name| http.header(name))
            .map(str::to_owned),
        model: string(body, "model").to_owned(),
        news: News::new(asked.map(|it| text_of(&it["content"])), results.count() > 0),
        system: messages
            .iter()
            .filter(|it| has_role(it, "system") || has_role(it, "developer"))
            .map(|it| text_of(&it["content"]))
            .collect(),
        messages: messages.len(),
        tools: list(body, "tools")
            .iter()
            .map(|it| string(&it["function"], "name").to_owned())
            .collect(),
        stream: body["stream"] == true,
    }
}

/// A turn as the events of a stream.
pub(super) fn stream(turn: &Turn, stamp: Stamp<'_>) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": id(stamp),
            "object": "chat.completion.chunk",
            "created": 0,
            "model": stamp.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        })
    };
    let mut chunks = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    for piece in pieces(&turn.text) {
        chunks.push(chunk(json!({"content": piece}), Value::Null));
    }
    for (index, mut call) in calls(turn, stamp).into_iter().enumerate() {
        call["index"] = index.into();
        chunks.push(chunk(json!({"tool_calls": [call]}), Value::Null));
    }
    let mut last = chunk(json!({}), json!(finish_reason(turn)));
    last["usage"] = usage();
    chunks.push(last);
    let done = "data: [DONE]\n\n".to_owned();
    chunks.iter().map(unnamed).chain([done]).collect()
}

/// A turn as one document.
pub(super) fn whole(turn: &Turn, stamp: Stamp<'_>) -> Value {
    let mut message = json!({"role": "assistant", "content": turn.text});
    if !turn.calls.is_empty() {
        message["tool_calls"] = calls(turn, stamp).into();
    }
    json!({
        "id": id(stamp),
        "object": "chat.completion",
        "created": 0,
        "model": stamp.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason(turn)}],
        "usage": usage(),
    })
}

fn calls(turn: &Turn, stamp: Stamp<'_>) -> Vec<Value> {
    let call = |(number, call): (usize, &super::reply::Call)| {
        json!({
            "id": format!("call_{}_{number}", stamp.id),
            "type": "function",
            "function": {"name": call.name, "arguments": call.input.to_string()},
        })
    };
    turn.calls.iter().enumerate().map(call).collect()
}

fn finish_reason(turn: &Turn) -> &'static str {
    if turn.calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    }
}

fn id(stamp: Stamp<'_>) -> String {
    format!("chatcmpl-{}", stamp.id)
}

fn usage() -> Value {
    json!({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12})
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::notes;
    use super::super::tests::{SPOKEN, STAMP, asked_for_a_command};
    use super::*;

    #[test]
    fn a_tools_message_after_the_prompt_is_its_result() {
        let body = json!({
            "model": "m", "tools": [{"type": "function", "function": {"name": "bash"}}],
            "messages": [
                {"role": "system", "content": "be good"},
                {"role": "user", "content": [{"type": "text", "text": "[run ls]"}]},
                {"role": "assistant", "tool_calls": []},
                {"role": "tool", "tool_call_id": "c", "content": "x"},
            ],
        });
        assert_eq!(
            notes(&read(&HttpRequest::default(), &body)),
            "session -; model m; system [\"be good\"]; before []; user \"\"; messages 4; \
             tools bash; result true; stream false"
        );
    }

    #[test]
    fn a_text_is_streamed_by_line_and_ends_with_done() {
        assert_eq!(
            stream(&SPOKEN.clone(), STAMP).concat(),
            r#"data: {"choices":[{"delta":{"content":"","role":"assistant"},"finish_reason":null,"index":0}],"created":0,"id":"chatcmpl-7","model":"m","object":"chat.completion.chunk"}

data: {"choices":[{"delta":{"content":"a\n"},"finish_reason":null,"index":0}],"created":0,"id":"chatcmpl-7","model":"m","object":"chat.completion.chunk"}

data: {"choices":[{"delta":{"content":"b"},"finish_reason":null,"index":0}],"created":0,"id":"chatcmpl-7","model":"m","object":"chat.completion.chunk"}

data: {"choices":[{"delta":{},"finish_reason":"stop","index":0}],"created":0,"id":"chatcmpl-7","model":"m","object":"chat.completion.chunk","usage":{"completion_tokens":2,"prompt_tokens":10,"total_tokens":12}}

data: [DONE]

"#
        );
    }

    #[test]
    fn a_call_finishes_with_tool_calls() {
        let turn = asked_for_a_command(Protocol::Chat);
        assert_eq!(
            whole(&turn, STAMP)["choices"].to_string(),
            r#"[{"finish_reason":"tool_calls","index":0,"message":{"content":"","role":"assistant","tool_calls":[{"function":{"arguments":"{\"command\":\"ls\",\"description\":\"Scripted command\"}","name":"bash"},"id":"call_7_0","type":"function"}]}}]"#
        );
    }
}
