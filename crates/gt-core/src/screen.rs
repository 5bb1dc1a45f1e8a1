//! What the bottom of an agent's screen says: the last guard before anything is typed.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// How many of the last non-empty lines are read. Old spinner and prompt lines further up are the
/// classic false reading; a vendor's dialog with its choices fits within this.
const BOTTOM_LINES: usize = 24;

/// What the screen was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// An empty prompt: text may be typed.
    Prompt,
    /// A prompt with something in its input row: somebody's half-typed line.
    Draft,
    /// A dialog: whatever is typed may answer it.
    Dialog,
    /// Neither: at work, starting, or something not known.
    Busy,
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prompt => "an empty prompt",
            Self::Draft => "a half-typed line",
            Self::Dialog => "a dialog",
            Self::Busy => "no prompt",
        })
    }
}

/// The patterns of one program, compiled.
#[derive(Debug, Clone)]
pub struct ScreenPatterns {
    ready: Option<Regex>,
    blocked: Option<Regex>,
}

/// A pattern that is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a regular expression: {message}")]
pub struct PatternError {
    /// As written.
    pub pattern: String,
    /// What the parser said.
    pub message: String,
}

impl ScreenPatterns {
    /// Compiles the two patterns of `[agents.NAME]`. They are matched line by line (`^` and `$`
    /// are the ends of a line) against the bottom of the screen.
    ///
    /// # Errors
    /// [`PatternError`] names the pattern that does not parse.
    pub fn new(ready: Option<&str>, blocked: Option<&str>) -> Result<Self, PatternError> {
        Ok(Self {
            ready: ready.map(compile).transpose()?,
            blocked: blocked.map(compile).transpose()?,
        })
    }

    /// Whether anything can ever be typed: not without a `ready` pattern.
    pub fn can_type(&self) -> bool {
        self.ready.is_some()
    }

    /// Reads a captured screen.
    ///
    /// `blocked` wins over `ready`. The `ready` pattern may have a group named `draft`: if it
    /// took part in the match and is not blank, the input row is not empty.
    pub fn read(&self, captured: &str) -> Screen {
        let bottom = bottom_of(captured);
        if self
            .blocked
            .as_ref()
            .is_some_and(|blocked| blocked.is_match(&bottom))
        {
            return Screen::Dialog;
        }
        match self.input_row(&bottom) {
            None => Screen::Busy,
            Some("") => Screen::Prompt,
            Some(_) => Screen::Draft,
        }
    }

    /// What stands in the input row of a captured screen that is a [`Screen::Draft`]: to tell
    /// what was pasted from what a person typed.
    pub fn draft(&self, captured: &str) -> Option<String> {
        let drafted = self.read(captured) == Screen::Draft;
        let bottom = bottom_of(captured);
        self.input_row(&bottom)
            .filter(|_| drafted)
            .map(str::to_owned)
    }

    /// The input row without the space around it; none where there is no prompt.
    fn input_row<'b>(&self, bottom: &'b str) -> Option<&'b str> {
        let found = self.ready.as_ref()?.captures_iter(bottom).last()?;
        Some(
            found
                .name("draft")
                .map_or("", |draft| draft.as_str().trim()),
        )
    }
}

fn compile(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern)
        .multi_line(true)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| PatternError {
            pattern: pattern.to_owned(),
            message: error.to_string(),
        })
}

/// The last lines that are not blank, with non-breaking spaces read as spaces (F68) and trailing
/// space cut.
fn bottom_of(captured: &str) -> String {
    let lines: Vec<String> = captured
        .lines()
        .map(|line| line.replace('\u{a0}', " ").trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(BOTTOM_LINES)..].join("\n")
}

/// A short fingerprint of a screen, to tell a frozen one from one that moves. FNV-1a, 64 bit.
pub fn digest(captured: &str) -> u64 {
    captured.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(captured: &str, expect: Screen) {
        let patterns = ScreenPatterns::new(
            Some("^> ?(?P<draft>.*)$"),
            Some("^Do you want to proceed|^ *1\\. Yes"),
        );
        assert_eq!(patterns.unwrap().read(captured), expect, "{captured}");
    }

    #[test]
    fn an_empty_input_row_is_a_prompt() {
        check("hello\n\n> \n\n", Screen::Prompt);
        check("hello\n>\n  ? for shortcuts", Screen::Prompt);
    }

    /// Covers F68: a non-breaking space is a space.
    #[test]
    fn a_prompt_with_a_non_breaking_space_is_empty() {
        check(">\u{a0}\u{a0}", Screen::Prompt);
    }

    /// Covers F61: a half-typed line is seen, and only the last input row counts.
    #[test]
    fn a_half_typed_line_is_a_draft() {
        check("> what I said\nanswer\n> rm -r", Screen::Draft);
        check("> what I said\nanswer\n> ", Screen::Prompt);
    }

    /// Covers F67: a dialog wins over the prompt that shows through around it.
    #[test]
    fn a_dialog_is_no_prompt() {
        check(
            "> \nDo you want to proceed?\n 1. Yes\n 2. No",
            Screen::Dialog,
        );
        check(" 1. Yes\n> ", Screen::Dialog);
    }

    /// Covers F66: what is not known to be a prompt is none.
    #[test]
    fn anything_else_is_busy() {
        check("", Screen::Busy);
        check("$ ", Screen::Busy);
        check("Thinking...", Screen::Busy);
    }

    #[test]
    fn a_prompt_far_above_the_bottom_is_old() {
        let scrolled = format!("> \n{}", "working\n".repeat(30));
        check(&scrolled, Screen::Busy);
        let dialog = format!("Do you want to proceed?\n{}> ", "line\n".repeat(30));
        check(&dialog, Screen::Prompt);
    }

    #[test]
    fn nothing_is_typed_without_a_ready_pattern() {
        let patterns = ScreenPatterns::new(None, Some("Yes")).unwrap();
        assert!(!patterns.can_type());
        assert_eq!(patterns.read("> "), Screen::Busy);
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let error = ScreenPatterns::new(Some("(oops"), None).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`(oops` is not a regular expression: ")
        );
    }
}
