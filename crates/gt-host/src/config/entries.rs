//! The entries of a configuration text, each checked against the table of keys, with its place.

use std::collections::BTreeMap;
use std::fmt;

use gt_core::nearest::nearest;
use toml_edit::{Document, Item, TableLike, TomlError};

use super::kind::{Kind, Value};
use super::twice::twice;
use super::{Origin, key};

/// What a text says, by path.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Entries(pub(crate) BTreeMap<String, Entry>);

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) line: usize,
    /// Whether the file of a preset says it, and not town.toml.
    of_preset: bool,
}

/// Something wrong in a configuration text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The key, with the tables it is in; empty when the text is no TOML.
    pub key: String,
    /// What is wrong, in words that follow the key.
    pub problem: String,
    /// A key that may have been meant.
    pub suggestion: Option<String>,
}

impl Mistake {
    /// As it is said of a file whose keys lie in this table, such as `agents.claude.`.
    fn within(mut self, table: &str) -> Self {
        for key in std::iter::once(&mut self.key).chain(&mut self.suggestion) {
            if let Some(rest) = key.strip_prefix(table) {
                *key = rest.to_owned();
            }
        }
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key.escape_debug())?;
        }
        f.write_str(&self.problem)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl Entries {
    /// Reads a text. Every mistake is found, not only the first.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<Mistake>> {
        Self::read_by(Kind::read, text, &[])
    }

    /// Reads the text of a preset's file, whose keys lie in `[agents.NAME]`; its mistakes are said as
    /// the file has them.
    pub(crate) fn read_preset(text: &str, name: &str) -> Result<Self, Vec<Mistake>> {
        let table = format!("agents.{name}.");
        let of_file = |mistake: Mistake| mistake.within(&table);
        Self::read_by(Kind::read, text, &["agents", name])
            .map_err(|mistakes| mistakes.into_iter().map(of_file).collect())
    }

    /// The same for a text of which a test checks that its patterns can be compiled, which takes
    /// longer than all else.
    pub(crate) fn read_tested(text: &str, inside: &[&str]) -> Result<Self, Vec<Mistake>> {
        Self::read_by(Kind::read_tested, text, inside)
    }

    fn read_by(read: Read, text: &str, inside: &[&str]) -> Result<Self, Vec<Mistake>> {
        let document = Document::parse(text).map_err(|error| vec![no_toml(text, &error)])?;
        let mut reader = Reader {
            read,
            text,
            entries: Self::default(),
            mistakes: Vec::new(),
        };
        reader.table(document.as_table(), inside);
        match reader.mistakes.is_empty() {
            true => Ok(reader.entries),
            false => Err(reader.mistakes),
        }
    }

    /// The same, as the file of a preset says it.
    pub(super) fn of_presets(mut self) -> Self {
        self.0.values_mut().for_each(|entry| entry.of_preset = true);
        self
    }

    /// These, and of the others what these do not say.
    pub(super) fn over(mut self, others: Self) -> Self {
        for (path, entry) in others.0 {
            self.0.entry(path).or_insert(entry);
        }
        self
    }

    /// Who says what stands at a path.
    pub(super) fn origin(&self, path: &str) -> Origin {
        match self.0.get(path) {
            Some(entry) if entry.of_preset => Origin::Preset,
            _ => Origin::File,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        self.0.get(path).map(|entry| &entry.value)
    }

    /// The line of an entry, to name with a mistake that shows only when all is read.
    pub(crate) fn line(&self, path: &str) -> Option<usize> {
        self.0.get(path).map(|entry| entry.line)
    }
}

/// How the value of a kind of key is read.
type Read = fn(Kind, &toml_edit::Value) -> Result<Value, String>;

struct Reader<'a> {
    read: Read,
    text: &'a str,
    entries: Entries,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn table(&mut self, table: &dyn TableLike, path: &[&str]) {
        for (word, _) in table.iter() {
            let Some((name, item)) = table.get_key_value(word) else {
                continue;
            };
            let line = line_of(self.text, name.span().map_or(0, |span| span.start));
            self.item(item, &[path, &[word]].concat(), line);
        }
    }

    fn item(&mut self, item: &Item, path: &[&str], line: usize) {
        if let Some(key) = key::find(path) {
            let read = match item.as_value() {
                Some(value) => (self.read)(key.kind, value),
                None => Err("is a value, not a table".to_owned()),
            };
            match read {
                Ok(value) => {
                    let entry = Entry {
                        value,
                        line,
                        of_preset: false,
                    };
                    self.entries.0.insert(path.join("."), entry);
                }
                Err(problem) => self.mistake(path, line, &problem),
            }
        } else if !key::is_table(path) {
            self.unknown(path, line);
        } else if let Some(table) = item.as_table_like() {
            self.table(table, path);
        } else {
            self.mistake(path, line, "is a table, not a value");
        }
    }

    fn mistake(&mut self, path: &[&str], line: usize, problem: &str) {
        self.mistakes.push(Mistake {
            line,
            key: path.join("."),
            problem: problem.to_owned(),
            suggestion: None,
        });
    }

    fn unknown(&mut self, path: &[&str], line: usize) {
        let mistake = unknown_key(path, line);
        self.mistakes.push(mistake);
    }
}

/// The mistake of a text that cannot be parsed.
fn no_toml(text: &str, error: &TomlError) -> Mistake {
    let offset = error.span().map_or(0, |span| span.start);
    let duplicate = error.message().starts_with("duplicate key");
    let named = duplicate.then(|| twice(text, offset)).flatten();
    named.unwrap_or_else(|| Mistake {
        line: line_of(text, offset),
        key: String::new(),
        problem: error.message().replace('\n', " "),
        suggestion: None,
    })
}

/// The mistake of a path that is in no table, with the key that may have been meant.
pub(crate) fn unknown_key(path: &[&str], line: usize) -> Mistake {
    Mistake {
        line,
        key: path.join("."),
        problem: "is not a key".to_owned(),
        suggestion: meant(path),
    }
}

/// The key that is nearest, word by word; the table above it where only that can be told.
fn meant(path: &[&str]) -> Option<String> {
    let mut meant: Vec<&str> = Vec::new();
    for word in path {
        let above = meant.clone();
        let known = key::is_table(&[&above[..], &[*word]].concat());
        let near = || nearest(word, key::next_words(&above));
        match if known { Some(*word) } else { near() } {
            Some(word) => meant.push(word),
            None => break,
        }
    }
    let changed = meant.iter().zip(path).any(|(meant, word)| meant != word);
    (changed || key::find(&meant).is_some()).then(|| meant.join("."))
}

pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}
