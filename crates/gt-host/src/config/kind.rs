//! Which values a key takes, and the values.

use std::fmt;
use std::time::Duration;

use gt_core::screen::{check_pattern, matches_nothing};
use gt_core::time::short;
use serde_json::json;

use super::duration;
use crate::environment;

/// Which values a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A length of time such as `"5m"`, not below this.
    Duration(Duration),
    /// A number of 1 or more.
    Factor,
    /// A whole number of 1 or more.
    CountFromOne,
    /// A size such as `"10MiB"`.
    Size,
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of words.
    Words,
    /// A list of words, in one of which this stands for something.
    WordsWith(&'static str),
    /// A program and its arguments.
    Command,
    /// Names of variables, perhaps with a `*` at the end.
    Variables,
    /// A regular expression of a screen, or a list of which any may match.
    Pattern,
    /// The same of a message's text.
    TextPattern,
    /// A key that submits, by tmux's name.
    KeyName,
    /// Keys that interrupt, by tmux's names.
    Keys,
    /// A preset or `[agents.NAME]`; that it is there is checked when everything was read.
    Agent,
    /// `town`, `default` or an absolute path.
    Socket,
    /// An absolute path.
    Path,
}

/// The keys that interrupt a program, by tmux's names: one that it does not know is typed as its letters.
const INTERRUPTS: [&str; 2] = ["Escape", "C-c"];

/// A value that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A length of time.
    Duration(Duration),
    /// A number.
    Factor(f64),
    /// A whole number.
    Count(u32),
    /// A size in bytes.
    Size(u64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<String>),
}

impl Kind {
    /// Reads a value of the file; the error says what was expected.
    pub fn read(self, value: &toml_edit::Value) -> Result<Value, String> {
        let read = self.read_tested(value)?;
        if let (Self::Pattern | Self::TextPattern, Value::Text(whole)) = (self, &read) {
            let is_of_a_screen = matches!(self, Self::Pattern);
            check_patterns(value, whole, is_of_a_screen)?;
        }
        Ok(read)
    }

    fn is_list(self) -> bool {
        matches!(
            self,
            Self::Words | Self::WordsWith(_) | Self::Keys | Self::Command | Self::Variables
        )
    }

    /// Reads a value whose patterns are known to compile.
    pub(crate) fn read_tested(self, value: &toml_edit::Value) -> Result<Value, String> {
        match self {
            Self::Factor => number(value)
                .filter(|number| *number >= 1.0 && number.is_finite())
                .map(Value::Factor)
                .ok_or_else(|| "takes a number of 1 or more".to_owned()),
            Self::CountFromOne => value
                .as_integer()
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number >= 1)
                .map(Value::Count)
                .ok_or_else(|| "takes a whole number of 1 or more".to_owned()),
            _ if self.is_list() => self.read_list(list(value)?).map(Value::List),
            Self::Pattern | Self::TextPattern if value.is_array() => {
                Ok(Value::Text(any_of(&list(value)?)))
            }
            _ => self.read_text(value.as_str().ok_or_else(|| self.wanted())?),
        }
    }

    fn read_text(self, text: &str) -> Result<Value, String> {
        let good = match self {
            Self::Duration(least) => return self.read_duration(text, least),
            Self::Size => return size(text).map(Value::Size).ok_or_else(|| self.wanted()),
            Self::Pattern | Self::TextPattern => true,
            Self::Word(words) => words.contains(&text),
            Self::KeyName => {
                // A name that tmux does not know is typed as its letters; Escape and C-c interrupt.
                let key = text.rsplit('-').next().unwrap_or_default();
                let modifiers = text.strip_suffix(key).unwrap_or_default();
                matches!(modifiers, "" | "C-" | "M-" | "S-") && matches!(key, "Enter" | "KPEnter")
                    || matches!(text, "C-m" | "C-j" | "C-s")
            }
            Self::Socket => matches!(text, "town" | "default") || text.starts_with('/'),
            Self::Path => text.starts_with('/'),
            Self::Text | Self::Agent => !text.contains('\0'),
            // Numbers and lists are no text.
            _ => false,
        };
        if good {
            Ok(Value::Text(text.to_owned()))
        } else {
            Err(self.wanted())
        }
    }

    fn read_duration(self, text: &str, least: Duration) -> Result<Value, String> {
        let duration = duration::parse(text).ok_or_else(|| self.wanted())?;
        if duration < least {
            return Err(format!("must be {} or more", short(least)));
        }
        Ok(Value::Duration(duration))
    }

    fn read_list(self, list: Vec<String>) -> Result<Vec<String>, String> {
        match self {
            Self::Command if list.first().is_none_or(String::is_empty) => Err(self.wanted()),
            Self::Command if list.iter().any(|word| word.contains('\0')) => Err(self.wanted()),
            Self::WordsWith(name)
                if !list.is_empty() && !list.iter().any(|it| it.contains(name)) =>
            {
                Err(format!("needs `{name}` in one of its words"))
            }
            Self::Keys
                if list.is_empty()
                    || !list.iter().all(|key| INTERRUPTS.contains(&key.as_str())) =>
            {
                Err(self.wanted())
            }
            Self::Variables => match list.iter().find(|name| !is_variable_pattern(name)) {
                Some(bad) => Err(format!("`{}` cannot be passed", bad.escape_default())),
                None => Ok(list),
            },
            _ => Ok(list),
        }
    }

    /// What it takes, to follow the key's name in a message.
    fn wanted(self) -> String {
        match self {
            Self::Duration(_) => "takes a time such as \"90s\", \"5m\" or \"1h30m\"".to_owned(),
            Self::Size => "takes a size such as \"512KiB\" or \"10MiB\"".to_owned(),
            Self::Word(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("takes {}", quoted.join(", "))
            }
            Self::Command => {
                "takes a list of the program and its arguments, such as [\"claude\"]".to_owned()
            }
            Self::Keys => format!("takes a list of {}", INTERRUPTS.join(", ")),
            Self::Words | Self::WordsWith(_) | Self::Variables => "takes a list such as [\"A\", \"B\"]".to_owned(),
            Self::KeyName => "takes a key that submits, by tmux's name: \"Enter\" or \"KPEnter\", perhaps with C-, M- or S- before it, \"C-m\", \"C-j\" or \"C-s\"".to_owned(),
            Self::Socket => "takes \"town\", \"default\" or an absolute path".to_owned(),
            Self::Path => "takes an absolute path".to_owned(),
            Self::Factor | Self::CountFromOne => "takes a number".to_owned(),
            Self::Pattern | Self::TextPattern => "takes a regular expression in quotes, or a list of them".to_owned(),
            Self::Text | Self::Agent => "takes a text in quotes".to_owned(),
        }
    }

    /// The value of the file that a person means by `text` on a command line: quotes may be left
    /// out where a text is due.
    pub fn from_command_line(self, text: &str) -> Result<toml_edit::Value, String> {
        let parsed = text.parse::<toml_edit::Value>().ok();
        match self {
            Self::Factor | Self::CountFromOne => parsed.ok_or_else(|| self.wanted()),
            _ if self.is_list() => parsed.ok_or_else(|| self.wanted()),
            _ => Ok(parsed
                .filter(toml_edit::Value::is_str)
                .unwrap_or_else(|| toml_edit::Value::from(text))),
        }
    }

    /// Its JSON schema.
    pub fn schema(self) -> serde_json::Value {
        let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
        match self {
            Self::Duration(_) => text(r"^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+)$"),
            Self::Size => text("^[0-9]+ ?(B|[KMG]i?B)$"),
            Self::Factor => json!({ "type": "number", "minimum": 1 }),
            Self::CountFromOne => json!({ "type": "integer", "minimum": 1 }),
            Self::Word(words) => json!({ "enum": words }),
            Self::Keys => json!({
                "type": "array", "items": { "enum": INTERRUPTS }, "minItems": 1,
            }),
            Self::Words | Self::WordsWith(_) => {
                json!({ "type": "array", "items": { "type": "string" } })
            }
            Self::Variables => {
                json!({ "type": "array", "items": text(r"^[A-Za-z_][A-Za-z0-9_]*\*?$") })
            }
            Self::Command => {
                json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })
            }
            Self::Pattern | Self::TextPattern => {
                let one = json!({ "type": "string", "format": "regex" });
                json!({ "anyOf": [one, { "type": "array", "items": one }] })
            }
            Self::KeyName => text("^([CMS]-)?(KP)?Enter$|^C-[mjs]$"),
            Self::Socket => text("^(town|default|/.*)$"),
            Self::Path => text("^/"),
            Self::Text | Self::Agent => json!({ "type": "string" }),
        }
    }
}

impl Value {
    /// The value in JSON, as `--json` shows it: times and sizes as a person would write them.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Factor(number) => json!(number),
            Self::Count(number) => json!(number),
            Self::List(list) => json!(list),
            Self::Duration(_) | Self::Size(_) | Self::Text(_) => json!(self.to_string()),
        }
    }

    /// The value as it is written in the file.
    pub fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Factor(number) => (*number).into(),
            Self::Count(number) => i64::from(*number).into(),
            Self::List(list) => list.iter().collect(),
            Self::Duration(_) | Self::Size(_) | Self::Text(_) => self.to_string().into(),
        }
    }
}

/// The bare value: what a script wants from `gt config get`. A list has one word a line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration(time) => f.write_str(&short(*time)),
            Self::Factor(number) => write!(f, "{number}"),
            Self::Count(number) => write!(f, "{number}"),
            Self::Size(bytes) => f.write_str(&format_size(*bytes)),
            Self::Text(text) => f.write_str(text),
            Self::List(list) => f.write_str(&list.join("\n")),
        }
    }
}

fn number(value: &toml_edit::Value) -> Option<f64> {
    let whole = || {
        value
            .as_integer()
            .and_then(|number| i32::try_from(number).ok())
            .map(f64::from)
    };
    value.as_float().or_else(whole)
}

fn list(value: &toml_edit::Value) -> Result<Vec<String>, String> {
    let words = value.as_array().map(|array| {
        let word = |word: &toml_edit::Value| word.as_str().map(str::to_owned);
        array.iter().map(word).collect::<Option<Vec<String>>>()
    });
    words.flatten().ok_or_else(|| Kind::Words.wanted())
}

/// One pattern that matches where any of these does.
fn any_of(patterns: &[String]) -> String {
    let grouped: Vec<String> = patterns.iter().map(|one| format!("(?:{one})")).collect();
    grouped.join("|")
}

/// Compiles what was read as `whole`; first each pattern of a list by itself, so that the message
/// names the bad one.
fn check_patterns(
    value: &toml_edit::Value,
    whole: &str,
    is_of_a_screen: bool,
) -> Result<(), String> {
    let check = |text: &str| {
        let checked = check_pattern(text);
        checked.map_err(|error| format!("is not a regular expression: {}", error.message))?;
        if is_of_a_screen && wants_trailing_blank(text) {
            return Err("never matches: blanks at the end of a line are cut off".to_owned());
        }
        match matches_nothing(text) {
            true => Err("says nothing: it can match an empty text".to_owned()),
            false => Ok(()),
        }
    };
    for one in list(value).unwrap_or_default() {
        check(&one).map_err(|problem| format!("{problem} (`{}`)", one.escape_debug()))?;
    }
    check(whole)
}

/// Whether the pattern ends with a blank at the end of a line, which a screen as it is read never has.
fn wants_trailing_blank(text: &str) -> bool {
    let is_verbose = text.starts_with("(?x");
    !is_verbose && [" $", r" \z"].iter().any(|end| text.ends_with(end))
}

/// Bytes by unit, largest first, so that a size is written in the largest that it is a multiple of.
const UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1000),
    ("B", 1),
];

fn size(text: &str) -> Option<u64> {
    let (unit, bytes) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
    number.checked_mul(*bytes)
}

fn format_size(bytes: u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(
        || format!("{bytes}B"),
        |(name, unit)| format!("{}{name}", bytes / unit),
    )
}

/// Whether a text is the name of an environment variable that may be set for an agent.
pub(super) fn is_variable(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| inner(c) && !c.is_ascii_digit())
        && name.chars().all(inner)
        && !environment::is_mark(name.as_ref())
}

fn is_variable_pattern(pattern: &str) -> bool {
    is_variable(pattern.strip_suffix('*').unwrap_or(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, text: &str, expect: &str) {
        let read = kind
            .from_command_line(text)
            .and_then(|value| kind.read(&value));
        let found = match read {
            Ok(value) => value.to_string(),
            Err(error) => error,
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn each_kind_takes_its_own_and_says_what_it_wants() {
        let minute = Kind::Duration(Duration::from_secs(60));
        check(minute, "90s", "1m30s");
        check(minute, "\"2m\"", "2m");
        check(minute, "1s", "must be 1m or more");
        check(
            minute,
            "soon",
            "takes a time such as \"90s\", \"5m\" or \"1h30m\"",
        );
        check(Kind::Factor, "2", "2");
        check(Kind::Factor, "0.9", "takes a number of 1 or more");
        check(Kind::Factor, "nan", "takes a number of 1 or more");
        check(Kind::CountFromOne, "0", "takes a whole number of 1 or more");
        check(Kind::Size, "10 MiB", "10MiB");
        check(Kind::Size, "1500B", "1500B");
        check(
            Kind::Size,
            "10",
            "takes a size such as \"512KiB\" or \"10MiB\"",
        );
        check(Kind::Word(&["a", "b"]), "true", "takes \"a\", \"b\"");
        check(Kind::Text, "true", "true");
        check(
            Kind::Command,
            "[]",
            "takes a list of the program and its arguments, such as [\"claude\"]",
        );
        check(
            Kind::Variables,
            "[\"LC_*\", \"AWS_REGION\"]",
            "LC_*\nAWS_REGION",
        );
        check(
            Kind::Variables,
            "[\"GT_ROLE\"]",
            "`GT_ROLE` cannot be passed",
        );
        check(Kind::Variables, "[\"*\"]", "`*` cannot be passed");
        check(
            Kind::Socket,
            "mine",
            "takes \"town\", \"default\" or an absolute path",
        );
    }
}
