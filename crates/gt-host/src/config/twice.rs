//! A key or table that stands twice: which it is, and where it stood first. The parser only says
//! that there is one.

use toml_edit::{Document, Key, TableLike};

use super::entries::{Mistake, line_of};

/// The mistake of the entry that begins at `offset`, which the parser refused as a duplicate. None
/// where the entry cannot be told, such as within an inline table.
pub(super) fn twice(text: &str, offset: usize) -> Option<Mistake> {
    let start = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    let (before, rest) = text.split_at(start);
    let path = path_of(before, rest.lines().next()?)?;
    let first = first_line(before, &path)?;
    Some(Mistake {
        line: line_of(text, offset),
        key: path.join("."),
        problem: format!("stands twice, first at line {first}: merge them into one"),
        suggestion: None,
    })
}

/// The whole path of what a line defines.
fn path_of(before: &str, line: &str) -> Option<Vec<String>> {
    if let Some(header) = header(line) {
        return Some(header);
    }
    let above = before.lines().rev().find_map(header).unwrap_or_default();
    let (key, _) = line.split_once('=')?;
    Some([above, words(key)?].concat())
}

fn header(line: &str) -> Option<Vec<String>> {
    let (inside, _) = line.trim().strip_prefix('[')?.rsplit_once(']')?;
    words(inside)
}

fn words(key: &str) -> Option<Vec<String>> {
    let keys = Key::parse(key.trim()).ok()?;
    Some(keys.iter().map(|key| key.get().to_owned()).collect())
}

/// The line where the path, or the value that stands where its table should, was written first.
fn first_line(text: &str, path: &[String]) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let mut table: &dyn TableLike = document.as_table();
    let mut first = None;
    for word in path {
        let (key, item) = table.get_key_value(word)?;
        first = key.span().or(first);
        match item.as_table_like() {
            Some(below) => table = below,
            None => break,
        }
    }
    first.map(|span| line_of(text, span.start))
}
