//! What was found, for people and for a document.

use std::fmt;

use super::cases::CASES;
use crate::error::CliResult;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It went as it shall, with what showed it.
    Passed(String),
    /// It did not, and why.
    Failed(String),
}

impl Outcome {
    pub(super) fn of(result: CliResult<String>) -> Self {
        match result {
            Ok(shown) => Self::Passed(shown),
            Err(error) => Self::Failed(reason(&error.sentence()).to_owned()),
        }
    }
}

/// What a command said that failed, without the command and its hints: a line.
fn reason(sentence: &str) -> &str {
    let said = sentence.rsplit("error: ").next();
    said.and_then(|said| said.lines().next())
        .unwrap_or_default()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(shown) => write!(f, "passed: {shown}"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
        }
    }
}

/// One program's outcomes.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// As the program says it.
    pub(super) version: String,
    /// By the case's name, in the order of the cases.
    pub(super) outcomes: Vec<(&'static str, Outcome)>,
}

impl Column {
    /// How many cases failed.
    pub(super) fn failures(&self) -> usize {
        let failed = |(_, outcome): &&(&str, Outcome)| matches!(outcome, Outcome::Failed(_));
        self.outcomes.iter().filter(failed).count()
    }

    fn of(&self, case: &str) -> Option<&Outcome> {
        let found = self.outcomes.iter().find(|(name, _)| *name == case);
        found.map(|(_, outcome)| outcome)
    }
}

/// A block for each program, a line for each case.
pub(super) fn table(columns: &[Column]) -> String {
    let mut text = String::new();
    for column in columns {
        text.push_str(&format!("{} {}\n", column.name, column.version));
        for (case, outcome) in &column.outcomes {
            text.push_str(&format!("  {case:<20} {outcome}\n"));
        }
    }
    text
}

/// A table of Markdown: a row for each case, a column for each program, and below it what failed.
pub(super) fn markdown(columns: &[Column]) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let head = columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.version));
    let mut text = row(["What is tried".to_owned()]
        .into_iter()
        .chain(head)
        .collect());
    text.push_str(&row(vec!["---".to_owned(); columns.len() + 1]));
    for case in &CASES {
        let cells = columns.iter().map(|column| match column.of(case.name) {
            Some(Outcome::Passed(_)) => "yes".to_owned(),
            Some(Outcome::Failed(_)) => "**no**".to_owned(),
            None => "not tried".to_owned(),
        });
        text.push_str(&row([format!("*{}*: {}", case.name, case.what)]
            .into_iter()
            .chain(cells)
            .collect()));
    }
    for column in columns {
        for (case, outcome) in &column.outcomes {
            if let Outcome::Failed(why) = outcome {
                text.push_str(&format!("\n- {}, *{case}*: {why}", column.name));
            }
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_reason_is_what_the_command_said() {
        let said = "`gt nudge mayor` ended with 2: error: mayor runs `x`\nhint: send it as mail";
        assert_eq!(reason(said), "mayor runs `x`");
        assert_eq!(reason("it is working"), "it is working");
    }

    #[test]
    fn what_failed_stands_below_the_table_with_its_reason() {
        let columns = [Column {
            name: "claude",
            version: "2.1".to_owned(),
            outcomes: vec![
                (CASES[0].name, Outcome::Passed("in 0.5 s".to_owned())),
                (
                    CASES[1].name,
                    Outcome::Failed("it did not happen".to_owned()),
                ),
            ],
        }];
        assert_eq!(columns[0].failures(), 1);
        let text = markdown(&columns);
        let lines: Vec<&str> = text.lines().collect();
        assert_snapshot!(lines[..4].join("\n"), @"
        | What is tried | claude 2.1 |
        | --- | --- |
        | *start*: it is started | yes |
        | *ready*: its empty prompt is known | **no** |
        ");
        assert_eq!(lines.last(), Some(&"- claude, *ready*: it did not happen"));
    }
}
