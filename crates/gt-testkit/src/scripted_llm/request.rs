//! What an agent asked, without the manner of its protocol.

use serde_json::Value;

use super::protocol::Protocol;

/// One question to the model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    /// How it was asked, and is to be answered.
    pub(super) protocol: Protocol,
    /// The agent's own id of the conversation, where it sends one.
    pub(super) session: Option<String>,
    /// The model asked for.
    pub(super) model: String,
    /// What was said to the model since it last spoke.
    pub(super) news: News,
    /// Texts that neither the user nor the model said, those in mid-conversation too.
    pub(super) system: Vec<String>,
    /// How many messages the conversation has.
    pub(super) messages: usize,
    /// The names of the tools that may be asked for.
    pub(super) tools: Vec<String>,
    /// Whether the answer should come in pieces.
    pub(super) stream: bool,
}

/// What was said to a model since it last spoke.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct News {
    /// All text of the last message of the user; empty when only results came.
    pub(super) user: String,
    /// The texts of the user's messages before it, which are not answered by themselves: they were
    /// queued, or their turns were interrupted.
    pub(super) before: Vec<String>,
    /// Whether the result of a tool came.
    pub(super) tool_result: bool,
}

impl News {
    /// Sorts texts of the user, the last one being the newest, some of them empty.
    pub(super) fn new(texts: impl Iterator<Item = String>, tool_result: bool) -> Self {
        let mut before: Vec<_> = texts.filter(|it| !it.is_empty()).collect();
        Self {
            user: before.pop().unwrap_or_default(),
            before,
            tool_result,
        }
    }
}

/// What follows the last message that the model said.
pub(super) fn since(messages: &[Value], said_by_model: impl Fn(&Value) -> bool) -> &[Value] {
    let last = messages.iter().rposition(said_by_model);
    last.map_or(messages, |at| &messages[at + 1..])
}

/// The text of a content, one line for each of its texts.
pub(super) fn text_of(content: &Value) -> String {
    texts(content).join("\n")
}

/// The texts of a content: itself if it is a string, or those of its blocks that have a `text`.
pub(super) fn texts(content: &Value) -> Vec<String> {
    let of_block = |block: &Value| block.get("text")?.as_str().map(str::to_owned);
    match content {
        Value::String(text) => vec![text.clone()],
        Value::Array(blocks) => blocks.iter().filter_map(of_block).collect(),
        _ => Vec::new(),
    }
}

/// The list at a field; nothing there is an empty list.
pub(super) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The string at a field; nothing there is an empty one.
pub(super) fn string<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or("")
}

/// Whether a message has that role.
pub(super) fn has_role(message: &Value, role: &str) -> bool {
    string(message, "role") == role
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A request as a person would note it down.
    pub(in super::super) fn notes(request: &Request) -> String {
        format!(
            "session {}; model {}; system {:?}; before {:?}; user {:?}; messages {}; tools {}; \
             result {}; stream {}",
            request.session.as_deref().unwrap_or("-"),
            request.model,
            request.system,
            request.news.before,
            request.news.user,
            request.messages,
            request.tools.join(","),
            request.news.tool_result,
            request.stream,
        )
    }

    #[test]
    fn content_is_a_string_or_blocks_of_which_some_are_text() {
        let check = |content: Value, expect: &str| assert_eq!(text_of(&content), expect);
        check(serde_json::json!("a"), "a");
        check(
            serde_json::json!([{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}]),
            "a\nb",
        );
        check(serde_json::json!(null), "");
    }
}
