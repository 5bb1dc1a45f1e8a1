//! What tells what reached a program's model, besides the town that is tried.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{CliResult, Doing as _};

/// Who tells it.
pub(super) enum Witness {
    /// The scripted model.
    Model {
        /// The file of its requests.
        requests: PathBuf,
        /// Whether only those count that offer tools; the others are errands such as titles.
        with_tools: bool,
    },
    /// The look-alike, which has no model, by its journal.
    Journal(PathBuf),
}

impl Witness {
    /// The person's last words of each request, or all that the look-alike took.
    pub(super) fn prompts(&self) -> CliResult<Vec<String>> {
        match self {
            Self::Model { .. } => {
                let requests = self.requests()?;
                let words = requests
                    .iter()
                    .filter_map(|request| request["user"].as_str());
                Ok(words.map(str::to_owned).collect())
            }
            Self::Journal(file) => texts(file, "prompt"),
        }
    }

    /// What hooks added to the model's context, as each request has it: a later one has the earlier
    /// additions, too.
    pub(super) fn added(&self) -> CliResult<Vec<String>> {
        match self {
            Self::Model { .. } => {
                let requests = self.requests()?;
                let system = requests
                    .iter()
                    .filter_map(|request| request["system"].as_array());
                // Claude Code has what a turn goes on with in the user's words, too.
                let is_own = |text: &&str| !text.starts_with("Stop hook");
                let of_one = |texts: &Vec<Value>| {
                    let texts = texts.iter().filter_map(Value::as_str);
                    texts.filter(is_own).collect()
                };
                Ok(system.map(of_one).collect())
            }
            Self::Journal(file) => Ok(vec![texts(file, "context")?.concat()]),
        }
    }

    /// How many messages the model was told last, of its conversation so far.
    pub(super) fn conversation(&self) -> CliResult<u64> {
        match self {
            Self::Model { .. } => {
                let last = self.requests()?.pop();
                Ok(last
                    .and_then(|request| request["messages"].as_u64())
                    .unwrap_or(0))
            }
            Self::Journal(file) => {
                let happened = happenings(file)?;
                let run = happened
                    .iter()
                    .rev()
                    .take_while(|(what, _)| what != "start");
                // It remembers what it was told in the session that it resumes.
                Ok(1 + u64::from(run.into_iter().any(|(what, _)| what == "resume")))
            }
        }
    }

    /// The requests that count.
    fn requests(&self) -> CliResult<Vec<Value>> {
        let Self::Model {
            requests,
            with_tools,
        } = self
        else {
            return Ok(Vec::new());
        };
        let requests = fs_err::read_to_string(requests).doing("read the requests to the model")?;
        let counts = |request: &Value| {
            let tools = request["tools"].as_u64();
            tools.is_some_and(|tools| tools > 0 || !with_tools)
        };
        Ok(requests
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(counts)
            .collect())
    }

    /// What was typed while a dialog was open, as far as the program tells.
    pub(super) fn typed_into_dialogs(&self) -> CliResult<Vec<String>> {
        match self {
            Self::Model { .. } => Ok(Vec::new()),
            Self::Journal(file) => texts(file, "dialog_input"),
        }
    }

    /// Whether what was asked was approved: the file is there, or the look-alike says so.
    pub(super) fn was_approved(&self, asked: &str) -> CliResult<bool> {
        match self {
            Self::Model { .. } => Ok(Path::new(asked).exists()),
            Self::Journal(file) => Ok(texts(file, "approved")?
                .iter()
                .any(|text| text.starts_with(asked))),
        }
    }
}

/// The texts of what happened so.
fn texts(journal: &Path, what: &str) -> CliResult<Vec<String>> {
    let happened = happenings(journal)?.into_iter();
    let of_kind = happened.filter(|(kind, _)| kind == what);
    Ok(of_kind.map(|(_, text)| text).collect())
}

/// What happened, with its text.
fn happenings(journal: &Path) -> CliResult<Vec<(String, String)>> {
    let journal = fs_err::read_to_string(journal).doing("read the journal")?;
    let happening = |line: &str| {
        let mut words = line.splitn(5, ' ').skip(3);
        let what = words.next()?.to_owned();
        Some((what, unescaped(words.next().unwrap_or_default())))
    };
    Ok(journal.lines().filter_map(happening).collect())
}

/// A text as it was, whose journal has a line for each.
fn unescaped(line: &str) -> String {
    line.replace("\\\\", "\u{0}")
        .replace("\\n", "\n")
        .replace('\u{0}', "\\")
}
