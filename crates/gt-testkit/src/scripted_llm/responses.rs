//! OpenAI Responses, as Codex speaks it.

use serde_json::{Value, json};

use super::event::{named, pieces};
use super::http_request::HttpRequest;
use super::protocol::{Protocol, Stamp};
use super::reply::{Failure, Turn};
use super::request::{News, Request, has_role, list, since, string, text_of};

/// Reads a request. What the model said are messages of the assistant, its reasoning and its calls.
pub(super) fn read(http: &HttpRequest, body: &Value) -> Request {
    let items = list(body, "input");
    let since = since(items, |it| {
        let kind = string(it, "type");
        has_role(it, "assistant") || kind == "reasoning" || kind.ends_with("_call")
    });
    let asked = since.iter().filter(|it| has_role(it, "user"));
    let results = since
        .iter()
        .filter(|it| string(it, "type").ends_with("_call_output"));
    let instructions = Some(string(body, "instructions")).filter(|it| !it.is_empty());
    let in_between = items
        .iter()
        .filter(|it| has_role(it, "developer") || has_role(it, "system"))
        .map(|it| text_of(&it["content"]));
    Request {
        protocol: Protocol::Responses,
        session: ["session-id", "session_id", "conversation_id"]
            .into_iter()
            .find_map(|name| http.header(name))
            .map(str::to_owned),
        model: string(body, "model").to_owned(),
        news: News::new(
            asked
                .map(|it| text_of(&it["content"]))
                .chain(body["input"].as_str().map(str::to_owned)),
            results.count() > 0,
        ),
        system: instructions
            .map(str::to_owned)
            .into_iter()
            .chain(in_between)
            .collect(),
        messages: items.len(),
        tools: list(body, "tools")
            .iter()
            .map(|it| string(it, "name").to_owned())
            .collect(),
        stream: body["stream"] == true,
    }
}

/// A turn as the events of a stream.
pub(super) fn stream(turn: &Turn, stamp: Stamp<'_>) -> Vec<String> {
    let mut begun = whole(turn, stamp);
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    let mut events = vec![json!({"type": "response.created", "response": begun})];
    for (index, item) in output(turn, stamp).into_iter().enumerate() {
        let mut added = item.clone();
        if string(&item, "type") == "message" {
            added["content"] = json!([]);
        }
        events.push(
            json!({"type": "response.output_item.added", "output_index": index, "item": added}),
        );
        for piece in list(&item, "content")
            .iter()
            .flat_map(|it| pieces(string(it, "text")))
        {
            events.push(json!({
                "type": "response.output_text.delta",
                "item_id": item["id"],
                "output_index": index,
                "content_index": 0,
                "delta": piece,
            }));
        }
        events.push(
            json!({"type": "response.output_item.done", "output_index": index, "item": item}),
        );
    }
    events.push(json!({"type": "response.completed", "response": whole(turn, stamp)}));
    events.iter().map(named).collect()
}

/// A turn as one document.
pub(super) fn whole(turn: &Turn, stamp: Stamp<'_>) -> Value {
    json!({
        "id": format!("resp_{}", stamp.id),
        "object": "response",
        "status": "completed",
        "model": stamp.model,
        "output": output(turn, stamp),
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 12,
        },
    })
}

/// The body of an error; Chat Completions have the same.
pub(super) fn error(failure: &Failure) -> Value {
    let (kind, code, message) = match failure.status {
        400 => ("invalid_request_error", Value::Null, "Invalid request"),
        401 => (
            "invalid_request_error",
            json!("invalid_api_key"),
            "Incorrect API key provided",
        ),
        429 => (
            "requests",
            json!("rate_limit_exceeded"),
            "Rate limit reached for requests",
        ),
        503 => ("server_error", Value::Null, "The engine is overloaded"),
        _ => ("server_error", Value::Null, "The server had an error"),
    };
    let message = failure.message.as_deref().unwrap_or(message);
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

fn output(turn: &Turn, stamp: Stamp<'_>) -> Vec<Value> {
    let mut items = Vec::new();
    if !turn.text.is_empty() {
        items.push(json!({
            "type": "message",
            "id": format!("msg_{}", stamp.id),
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": turn.text, "annotations": []}],
        }));
    }
    for (number, call) in turn.calls.iter().enumerate() {
        items.push(json!({
            "type": "function_call",
            "id": format!("fc_{}_{number}", stamp.id),
            "call_id": format!("call_{}_{number}", stamp.id),
            "status": "completed",
            "name": call.name,
            "arguments": call.input.to_string(),
        }));
    }
    items
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::notes;
    use super::super::tests::{SPOKEN, STAMP, asked_for_a_command};
    use super::*;

    fn message(role: &str, text: &str) -> Value {
        let content = json!([{"type": "input_text", "text": text}]);
        json!({"type": "message", "role": role, "content": content})
    }

    #[track_caller]
    fn check(input: Value, expect: &str) {
        let body = json!({
            "model": "m", "stream": true, "instructions": "be good", "input": input,
            "tools": [{"type": "function", "name": "exec_command"}],
        });
        assert_eq!(notes(&read(&HttpRequest::default(), &body)), expect);
    }

    #[test]
    fn the_last_message_of_the_user_is_the_prompt() {
        check(
            json!([
                message("developer", "rules"),
                message("user", "the environment"),
                message("user", "[run ls]"),
            ]),
            "session -; model m; system [\"be good\", \"rules\"]; \
             before [\"the environment\"]; user \"[run ls]\"; messages 3; tools exec_command; result false; stream true",
        );
    }

    #[test]
    fn a_prompt_is_not_news_when_the_model_has_called_for_it() {
        let call = json!({"type": "function_call", "call_id": "c", "name": "exec_command"});
        let output = json!({"type": "function_call_output", "call_id": "c", "output": "x"});
        let called = [message("user", "[run ls]"), call, output];
        check(
            json!(called),
            "session -; model m; system [\"be good\"]; before []; user \"\"; \
             messages 3; tools exec_command; result true; stream true",
        );
        let [prompt, call, output] = called;
        check(
            json!([prompt, call, output, message("user", "go on")]),
            "session -; model m; system [\"be good\"]; before []; user \"go on\"; \
             messages 4; tools exec_command; result true; stream true",
        );
    }

    #[test]
    fn a_text_is_streamed_by_line() {
        let events = stream(&SPOKEN.clone(), STAMP);
        assert_eq!(
            events[1..5].concat(),
            r#"event: response.output_item.added
data: {"item":{"content":[],"id":"msg_7","role":"assistant","status":"completed","type":"message"},"output_index":0,"type":"response.output_item.added"}

event: response.output_text.delta
data: {"content_index":0,"delta":"a\n","item_id":"msg_7","output_index":0,"type":"response.output_text.delta"}

event: response.output_text.delta
data: {"content_index":0,"delta":"b","item_id":"msg_7","output_index":0,"type":"response.output_text.delta"}

event: response.output_item.done
data: {"item":{"content":[{"annotations":[],"text":"a\nb","type":"output_text"}],"id":"msg_7","role":"assistant","status":"completed","type":"message"},"output_index":0,"type":"response.output_item.done"}

"#
        );
        assert!(events[5].starts_with("event: response.completed\n"));
    }

    #[test]
    fn a_call_is_an_item_of_its_own() {
        let turn = asked_for_a_command(Protocol::Responses);
        assert_eq!(
            whole(&turn, STAMP)["output"].to_string(),
            r#"[{"arguments":"{\"cmd\":\"ls\"}","call_id":"call_7_0","id":"fc_7_0","name":"exec_command","status":"completed","type":"function_call"}]"#
        );
    }
}
