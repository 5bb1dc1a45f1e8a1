//! The journal: one line for each thing that happened to an agent, kept over its runs.
//!
//! `<unix ms> <pid> <incarnation> <what>`, where the incarnation is `-` outside a town, and `what`
//! is written by [`Happening`]. Lines are appended with one write each, so that runs that overlap
//! (which a town must never let happen) still leave whole lines.

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;

use fs_err::{File, OpenOptions};
use gt_host::clock;
use gt_host::environment::{self, GT_INCARNATION};

use super::JOURNAL_VARIABLE;
use super::arguments::own_file;

/// What is worth a line.
#[derive(Debug)]
pub(super) enum Happening<'a> {
    /// `start NANOSECONDS`: the process runs; the time is CLOCK_MONOTONIC's.
    Start,
    /// `prompt TEXT`: something was submitted.
    Prompt(&'a str),
    /// `session NAME`: it begins one that it was given the name of.
    Session(&'a str),
    /// `resume SESSION`: it goes on with a session of an earlier run.
    Resume(&'a str),
    /// `context TEXT`: a hook added something for the model to read.
    Context(&'a str),
    /// `answer COMMAND CODE`: a program that was run has ended.
    Answer {
        /// Its words.
        command: &'a str,
        /// Its exit code; 127 when it could not be run, 128 + the signal that ended it.
        code: i32,
    },
    /// `approved TEXT`: a dialog was answered with Enter.
    Approved(&'a str),
    /// `dialog_input TEXT`: a dialog was open when this was typed or pasted.
    DialogInput(&'a str),
    /// `signal NAME`: a signal came, whether it is ignored or not.
    Signal(&'a str),
    /// `left KIND`: written by a process that was left behind, with its own pid, when it already
    /// ignores HUP and TERM.
    Left(&'a str),
    /// `exit CODE`: the agent ends by itself.
    Exit(i32),
}

impl fmt::Display for Happening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => write!(f, "start {}", clock::monotonic().as_nanos()),
            Self::Prompt(text) => write!(f, "prompt {}", one_line(text)),
            Self::Session(session) => write!(f, "session {}", one_line(session)),
            Self::Resume(session) => write!(f, "resume {}", one_line(session)),
            Self::Context(text) => write!(f, "context {}", one_line(text)),
            Self::Answer { command, code } => write!(f, "answer {} {code}", one_line(command)),
            Self::Approved(what) => write!(f, "approved {}", one_line(what)),
            Self::DialogInput(text) => write!(f, "dialog_input {}", one_line(text)),
            Self::Signal(name) => write!(f, "signal {name}"),
            Self::Left(kind) => write!(f, "left {kind}"),
            Self::Exit(code) => write!(f, "exit {code}"),
        }
    }
}

/// An open journal, or none if nobody asked for one.
#[derive(Debug)]
pub(super) struct Journal {
    file: Option<File>,
    incarnation: String,
    first_run: bool,
}

impl Journal {
    /// Opens the journal that the environment names, for the agent called `name`.
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let file = environment::variable(JOURNAL_VARIABLE)
            .map(|path| own_file(PathBuf::from(path), name, "journal"))
            .map(|path| OpenOptions::new().append(true).create(true).open(path))
            .transpose()?;
        let first_run = match &file {
            Some(file) => file.metadata()?.len() == 0,
            None => true,
        };
        Ok(Self {
            file,
            incarnation: environment::variable(GT_INCARNATION).unwrap_or_else(|| "-".to_owned()),
            first_run,
        })
    }

    /// Whether it was empty when it was opened. Without a journal every run is the first.
    pub(super) fn is_first_run(&self) -> bool {
        self.first_run
    }

    /// Appends a line.
    pub(super) fn record(&self, happening: &Happening<'_>) {
        let Some(mut file) = self.file.as_ref() else {
            return;
        };
        let now = clock::now().as_millisecond();
        let pid = std::process::id();
        let line = format!("{now} {pid} {} {happening}\n", self.incarnation);
        // A journal that cannot be written shows in the test that reads it; the agent goes on, as
        // a real one would.
        let _ = file.write_all(line.as_bytes());
    }
}

/// Text with its line breaks and other control characters written as escapes.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\\' || character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_of_several_lines_is_one_line() {
        let prompt = Happening::Prompt("é\n\\n\x1b[31m");
        assert_eq!(prompt.to_string(), r"prompt é\n\\n\u{1b}[31m");
    }
}
