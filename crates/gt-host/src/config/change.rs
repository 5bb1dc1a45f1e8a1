//! One value changed in a configuration text, with every comment and every other entry kept.

use std::path::PathBuf;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::entries::Entries;
use super::{ConfigError, find_key};

/// A text with one value changed.
pub(super) fn text_with(text: &str, key: &str, value: &str) -> Result<String, ConfigError> {
    let bad = |problem| ConfigError::BadValue {
        key: key.to_owned(),
        problem,
    };
    let kind = find_key(key)?.kind;
    let value = kind.from_command_line(value).map_err(bad)?;
    kind.read(&value).map_err(bad)?;
    let document: DocumentMut = text.parse().map_err(|_| ConfigError::Mistakes {
        path: PathBuf::new(),
        mistakes: Entries::read(text).err().unwrap_or_default(),
    })?;
    let added = [
        below_default(text, key, &value),
        appended(text, key, &value),
    ];
    let added = added.into_iter().flatten();
    match added.into_iter().find(|text| defines(text, key)) {
        Some(text) => Ok(text),
        None => replaced(document, key, value)
            .ok_or_else(|| bad("lies in a table that is not one".to_owned())),
    }
}

/// The text with the value below the key's commented default, as the file of a new town has it.
fn below_default(text: &str, key: &str, value: &Value) -> Option<String> {
    let commented = format!("# {key} = ");
    let mut lines = text.split_inclusive('\n');
    let line = lines.find(|line| line.starts_with(&commented))?;
    let commented = line.trim_end();
    Some(text.replacen(line, &format!("{commented}\n{key} = {value}\n"), 1))
}

/// The text with a new table at its end.
fn appended(text: &str, key: &str, value: &Value) -> Option<String> {
    let (table, word) = key.rsplit_once('.')?;
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    Some(format!("{text}{gap}[{table}]\n{word} = {value}\n"))
}

/// Whether the text is TOML that has a value at the key's path: not where the key or its table is
/// there twice, or lies within another table.
fn defines(text: &str, key: &str) -> bool {
    let Ok(document) = text.parse::<DocumentMut>() else {
        return false;
    };
    let mut item = Some(document.as_item());
    for word in key.split('.') {
        item = item.and_then(|item| item.as_table_like()?.get(word));
    }
    item.is_some_and(Item::is_value)
}

/// The text with the value in the table that is there already; none if one above it is no table.
fn replaced(mut document: DocumentMut, key: &str, value: Value) -> Option<String> {
    let mut words: Vec<&str> = key.split('.').collect();
    let last = words.pop()?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for word in words {
        table = table
            .entry(word)
            .or_insert_with(implicit_table)
            .as_table_like_mut()?;
    }
    put(table, last, value);
    Some(document.to_string())
}

/// A table whose header is written only when it has entries of its own.
fn implicit_table() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// Puts a value in; that of an old one is replaced with the space and comment around it kept.
fn put(table: &mut dyn TableLike, word: &str, mut value: Value) {
    match table.get_mut(word).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(word, Item::Value(value));
        }
    }
}
