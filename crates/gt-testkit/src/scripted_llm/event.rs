//! One server-sent event, as text with the blank line that ends it.

use serde_json::Value;

/// An event whose kind stands in the JSON alone, if anywhere.
pub(super) fn unnamed(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// An event that is named after the `type` in its JSON.
pub(super) fn named(value: &Value) -> String {
    let name = super::request::string(value, "type");
    format!("event: {name}\ndata: {value}\n\n")
}

/// A text in the pieces in which it is streamed: by line.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}
