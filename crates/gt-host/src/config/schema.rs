//! The JSON schemas of town.toml and of a preset's file, for editors, from the table of keys.

use gt_core::Role;
use gt_core::screen::ScreenState;
use serde_json::{Map, Value, json};

use super::key::{Fallback, KEYS, Key};

/// The schema of town.toml.
pub fn schema() -> Value {
    schema_of("town.toml", &[])
}

/// The schema of `presets/NAME.toml`.
pub fn preset_schema() -> Value {
    schema_of("presets/NAME.toml", &["agents", "NAME"])
}

/// The schema of a file whose keys lie in the table `inside`.
fn schema_of(title: &str, inside: &[&str]) -> Value {
    let rest = |key: &'static Key| {
        let parts: Vec<&'static str> = key.parts().collect();
        let lies_in = parts.starts_with(inside);
        lies_in.then(|| (key, parts[inside.len()..].to_vec()))
    };
    let mut schema = table(&KEYS.iter().filter_map(rest).collect::<Vec<_>>());
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".to_owned(), json!(title));
    }
    schema
}

/// The schema of one table, from its keys with what is left of their paths.
fn table(keys: &[(&Key, Vec<&'static str>)]) -> Value {
    let mut words: Vec<&'static str> = keys.iter().map(|(_, path)| path[0]).collect();
    words.dedup();
    let mut properties = Map::new();
    let mut others = json!(false);
    for word in words {
        let inside: Vec<(&Key, Vec<&'static str>)> = keys
            .iter()
            .filter(|(_, path)| path[0] == word)
            .map(|(key, path)| (*key, path[1..].to_vec()))
            .collect();
        let inner = match inside.as_slice() {
            [(key, path)] if path.is_empty() => value(key),
            inside => table(inside),
        };
        match word {
            "NAME" | "VARIABLE" => others = inner,
            "STATE" => {
                let words = ScreenState::NAMED.map(ScreenState::as_str);
                properties.extend(words.map(|word| (word.to_owned(), inner.clone())));
            }
            "ROLE" => {
                properties.extend(Role::ALL.map(|role| (role.as_str().to_owned(), inner.clone())));
            }
            word => {
                properties.insert(word.to_owned(), inner);
            }
        }
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": others })
}

fn value(key: &Key) -> Value {
    let mut schema = key.kind.schema();
    let default = match key.default {
        Fallback::Value(text) => text.parse::<toml_edit::Value>().ok(),
        Fallback::None | Fallback::ByRole(_) => None,
    };
    let default = default.and_then(|value| key.kind.read(&value).ok());
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), json!(key.doc));
        schema.extend(default.map(|value| ("default".to_owned(), value.to_json())));
    }
    schema
}
