//! What an agent has shown so far.

use std::collections::VecDeque;

/// Lines kept: more than any terminal shows, and little memory even when each is long.
const MAX_LINES: usize = 200;

/// Characters kept of a line: more than any terminal is wide.
const MAX_WIDTH: usize = 500;

/// The last lines, without control characters.
#[derive(Debug, Default)]
pub(super) struct Transcript(VecDeque<String>);

impl Transcript {
    /// Adds each line of a text.
    pub(super) fn push(&mut self, text: &str) {
        for line in text.lines() {
            if self.0.len() == MAX_LINES {
                self.0.pop_front();
            }
            let shown = line.chars().filter(|character| !character.is_control());
            self.0.push_back(shown.take(MAX_WIDTH).collect());
        }
    }

    /// The last `count` lines, or all if there are fewer.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &str> {
        let skipped = self.0.len().saturating_sub(count);
        self.0.iter().skip(skipped).map(String::as_str)
    }
}

/// A text on one row: its first line, and how many follow.
pub(super) fn on_one_row(text: &str) -> String {
    let text = text.trim_end_matches('\n');
    match text.split_once('\n') {
        None => text.to_owned(),
        Some((first, rest)) => format!("{first} [+{} lines]", rest.lines().count()),
    }
}
