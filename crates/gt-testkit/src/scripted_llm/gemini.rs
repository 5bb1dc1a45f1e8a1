//! Gemini's `generateContent` and `streamGenerateContent`, as Gemini CLI speaks it.

use serde_json::{Value, json};

use super::event::{pieces, unnamed};
use super::http_request::HttpRequest;
use super::protocol::{Protocol, Stamp};
use super::reply::{Failure, Turn};
use super::request::{News, Request, has_role, list, since, string, text_of};

/// Reads a request. The model and the manner of the answer stand in the path.
pub(super) fn read(http: &HttpRequest, body: &Value) -> Request {
    let contents = list(body, "contents");
    let since = since(contents, |it| has_role(it, "model"));
    let results = since
        .iter()
        .flat_map(|it| list(it, "parts"))
        .filter(|it| it.get("functionResponse").is_some());
    let system = text_of(&body["systemInstruction"]["parts"]);
    Request {
        protocol: Protocol::Gemini,
        session: None,
        model: model(http.path()).to_owned(),
        news: News::new(
            since.iter().map(|it| text_of(&it["parts"])),
            results.count() > 0,
        ),
        system: Some(system)
            .filter(|it| !it.is_empty())
            .into_iter()
            .collect(),
        messages: contents.len(),
        tools: list(body, "tools")
            .iter()
            .flat_map(|it| list(it, "functionDeclarations"))
            .map(|it| string(it, "name").to_owned())
            .collect(),
        stream: http.path().ends_with(":streamGenerateContent"),
    }
}

/// A turn as the events of a stream.
pub(super) fn stream(turn: &Turn, stamp: Stamp<'_>) -> Vec<String> {
    let mut documents: Vec<_> = pieces(&turn.text)
        .map(|piece| document(json!([{"text": piece}]), stamp))
        .collect();
    let mut last = document(calls(turn, stamp).into(), stamp);
    finish(&mut last);
    documents.push(last);
    documents.iter().map(unnamed).collect()
}

/// A turn as one document.
pub(super) fn whole(turn: &Turn, stamp: Stamp<'_>) -> Value {
    let said = (!turn.text.is_empty()).then(|| json!({"text": turn.text}));
    let parts: Vec<_> = said.into_iter().chain(calls(turn, stamp)).collect();
    let mut document = document(parts.into(), stamp);
    finish(&mut document);
    document
}

/// The body of an error.
pub(super) fn error(failure: &Failure) -> Value {
    let (word, message) = match failure.status {
        400 => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        401 => ("UNAUTHENTICATED", "API key not valid."),
        429 => (
            "RESOURCE_EXHAUSTED",
            "Resource has been exhausted (e.g. check quota).",
        ),
        503 => ("UNAVAILABLE", "The model is overloaded."),
        _ => ("INTERNAL", "An internal error has occurred."),
    };
    let message = failure.message.as_deref().unwrap_or(message);
    json!({"error": {"code": failure.status, "message": message, "status": word}})
}

fn model(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split(':').next().unwrap_or(name)
}

fn document(parts: Value, stamp: Stamp<'_>) -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
        "modelVersion": stamp.model,
        "responseId": stamp.id,
    })
}

fn finish(document: &mut Value) {
    document["candidates"][0]["finishReason"] = json!("STOP");
    document["usageMetadata"] =
        json!({"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12});
}

fn calls(turn: &Turn, stamp: Stamp<'_>) -> Vec<Value> {
    let call = |(number, call): (usize, &super::reply::Call)| {
        let id = format!("call-{}-{number}", stamp.id);
        json!({"functionCall": {"id": id, "name": call.name, "args": call.input}})
    };
    turn.calls.iter().enumerate().map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::notes;
    use super::super::tests::{SPOKEN, STAMP, asked_for_a_command};
    use super::*;

    #[test]
    fn the_path_has_the_model_and_the_manner() {
        let http = HttpRequest {
            target: "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse".to_owned(),
            ..HttpRequest::default()
        };
        let body = json!({
            "systemInstruction": {"role": "user", "parts": [{"text": "be good"}]},
            "tools": [{"functionDeclarations": [{"name": "run_shell_command"}]}],
            "contents": [
                {"role": "user", "parts": [{"text": "the environment"}]},
                {"role": "model", "parts": [{"text": "ok"}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "x"}}]},
            ],
        });
        assert_eq!(
            notes(&read(&http, &body)),
            "session -; model gemini-2.5-flash; system [\"be good\"]; before []; user \"\"; \
             messages 3; tools run_shell_command; result true; stream true"
        );
    }

    #[test]
    fn a_text_is_streamed_by_line_and_then_finished() {
        assert_eq!(
            stream(&SPOKEN.clone(), STAMP).concat(),
            r#"data: {"candidates":[{"content":{"parts":[{"text":"a\n"}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"7"}

data: {"candidates":[{"content":{"parts":[{"text":"b"}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"7"}

data: {"candidates":[{"content":{"parts":[],"role":"model"},"finishReason":"STOP","index":0}],"modelVersion":"m","responseId":"7","usageMetadata":{"candidatesTokenCount":2,"promptTokenCount":10,"totalTokenCount":12}}

"#
        );
    }

    #[test]
    fn a_call_is_a_part() {
        let turn = asked_for_a_command(Protocol::Gemini);
        assert_eq!(
            whole(&turn, STAMP)["candidates"][0]["content"]["parts"].to_string(),
            r#"[{"functionCall":{"args":{"command":"ls","description":"Scripted command"},"id":"call-7-0","name":"run_shell_command"}}]"#
        );
    }
}
