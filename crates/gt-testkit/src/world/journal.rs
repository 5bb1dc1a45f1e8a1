//! The last beats, kept for the message of a violation.

use std::collections::VecDeque;
use std::fmt;

use gt_core::plan::Plan;
use jiff::Timestamp;

use super::event::Event;

/// How many entries a message shows: enough to see the cause, few enough to be read.
const KEPT: usize = 24;

#[derive(Debug)]
enum Entry {
    Event(Event),
    Beat(Timestamp, Plan),
    Act(String),
}

#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
}

/// A property that did not hold, with the beats that led there.
#[derive(Debug)]
pub struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

impl Journal {
    pub(super) fn write_event(&mut self, event: &Event) {
        self.push(Entry::Event(event.clone()));
    }

    pub(super) fn write_plan(&mut self, now: Timestamp, plan: &Plan) {
        if !plan.steps.is_empty() {
            self.push(Entry::Beat(now, plan.clone()));
        }
    }

    pub(super) fn write_act(&mut self, line: String) {
        self.push(Entry::Act(line));
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// `property` does not hold, because of `what`.
    pub(super) fn violation(&self, property: &str, what: &str) -> Violation {
        let mut text = format!("not {property}: {what}\nthe last beats:\n");
        for entry in &self.entries {
            text.push_str(&entry.to_string());
        }
        Violation(text)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => writeln!(f, "! {event:?}"),
            Self::Beat(now, plan) => write!(f, "{now}\n{plan}"),
            Self::Act(line) => writeln!(f, "  {line}"),
        }
    }
}
