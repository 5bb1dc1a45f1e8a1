//! The faults of earlier supervisors: each is named by a test, or listed with the reason why not.
//!
//! A test names the faults it covers in its doc comment (`/// Covers L1, D4: …`). What no test
//! covers has a row in docs/faults.md. Invariant: every id of [`FaultId::all`] is in one of the
//! two; an id in both is a stale row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::Finding;
use crate::checkout::TextFile;

/// The list of faults that no test covers.
pub const LIST: &str = "docs/faults.md";

/// Where a fault was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Lifecycle requests.
    L,
    /// The daemon's loop, heartbeat and process control.
    D,
    /// tmux.
    T,
    /// Seen in the field, by people who used such supervisors.
    F,
    /// Found on a second reading.
    S,
    /// Managers, mail and queue.
    M,
}

/// The name of one known fault: `L7`, `F36`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId {
    family: Family,
    number: u16,
}

/// The ids that must be accounted for by now: first and last of each run.
const REQUIRED: [(Family, u16, u16); 10] = [
    (Family::L, 1, 22),
    (Family::D, 1, 25),
    (Family::T, 1, 18),
    (Family::F, 1, 13),
    (Family::F, 20, 26),
    (Family::F, 30, 30),
    (Family::F, 34, 46),
    (Family::F, 59, 74),
    (Family::F, 82, 84),
    (Family::S, 1, 10),
];

impl FaultId {
    /// All ids that must be accounted for, in order.
    #[must_use]
    pub fn all() -> BTreeSet<Self> {
        REQUIRED
            .into_iter()
            .flat_map(|(family, first, last)| {
                (first..=last).map(move |number| Self { family, number })
            })
            .collect()
    }

    /// Reads `L7`; anything else is not an id.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let family = match word.chars().next()? {
            'L' => Family::L,
            'D' => Family::D,
            'T' => Family::T,
            'F' => Family::F,
            'S' => Family::S,
            'M' => Family::M,
            _ => return None,
        };
        let digits = &word[1..];
        if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        let number = digits.parse().ok()?;
        Some(Self { family, number })
    }

    /// Tells whether there is such a fault; a slip of the pen in a test's doc is not one.
    fn exists(self) -> bool {
        let last = match self.family {
            Family::L => 22,
            Family::D => 25,
            Family::T => 18,
            Family::F => 84,
            Family::S => 10,
            Family::M => 32,
        };
        (1..=last).contains(&self.number)
    }
}

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.family, self.number)
    }
}

/// A test that names faults.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Test {
    name: String,
    /// `path:line` of its function.
    place: String,
}

/// Why no test covers a fault: a row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    /// The part that it concerns is still to come.
    Later(String),
    /// The design leaves no place for it.
    CannotArise(String),
}

/// Where every fault is accounted for.
#[derive(Debug, Default)]
pub struct Report {
    tests: BTreeMap<FaultId, Vec<Test>>,
    rows: BTreeMap<FaultId, Reason>,
    mistakes: Vec<Finding>,
}

/// Reads the tests among `files` and the rows of `list`.
#[must_use]
pub fn report(files: &[TextFile], list: &str) -> Report {
    let mut report = Report::default();
    // Its own tests speak of ids that they do not cover.
    let is_own = |file: &&TextFile| file.path.starts_with("crates/xtask/");
    for file in files.iter().filter(|it| it.is_rust() && !is_own(it)) {
        report.read_tests(file);
    }
    report.read_list(list);
    report
}

impl Report {
    /// What is wrong: ids in neither place, ids that do not exist, rows that cannot be read.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let missing = FaultId::all().into_iter().filter(|id| {
            let accounted_for = self.tests.contains_key(id) || self.rows.contains_key(id);
            !accounted_for
        });
        let missing = missing.map(|id| {
            let rule = format!("{id} is named by no test's doc comment and has no row here");
            Finding::new(LIST, rule)
        });
        self.mistakes.iter().cloned().chain(missing).collect()
    }

    /// Ids that a test covers and that are listed all the same.
    #[must_use]
    pub fn stale(&self) -> Vec<FaultId> {
        let listed = self.rows.keys().copied();
        listed.filter(|id| self.tests.contains_key(id)).collect()
    }

    /// How many faults stand where.
    #[must_use]
    pub fn summary(&self) -> String {
        let all = FaultId::all();
        let tested = all.iter().filter(|id| self.tests.contains_key(id)).count();
        let open = |id: &&FaultId| !self.tests.contains_key(id);
        let reasons: Vec<&Reason> = all
            .iter()
            .filter(open)
            .filter_map(|id| self.rows.get(id))
            .collect();
        let later = reasons
            .iter()
            .filter(|it| matches!(it, Reason::Later(_)))
            .count();
        format!(
            "{} faults: {tested} tested, {} cannot arise, {later} later",
            all.len(),
            reasons.len() - later
        )
    }

    fn read_tests(&mut self, file: &TextFile) {
        let mut doc = String::new();
        let mut is_test = false;
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim();
            if let Some(text) = line.strip_prefix("///") {
                doc.push_str(text);
            } else if line.starts_with("#[") {
                is_test |= is_test_attribute(line);
            } else {
                if let Some(name) = function_name(line).filter(|_| is_test) {
                    let place = format!("{}:{}", file.path, index + 1);
                    self.cover(&doc, &Test { name, place });
                }
                doc.clear();
                is_test = false;
            }
        }
    }

    fn cover(&mut self, doc: &str, test: &Test) {
        let words: BTreeSet<&str> = doc.split(|it: char| !it.is_alphanumeric()).collect();
        for id in words.into_iter().filter_map(FaultId::parse) {
            if id.exists() {
                self.tests.entry(id).or_default().push(test.clone());
            } else {
                let rule = format!("{} covers {id}, which is no known fault", test.name);
                self.mistakes.push(Finding::new(&test.place, rule));
            }
        }
    }

    fn read_list(&mut self, list: &str) {
        for (index, line) in list.lines().enumerate() {
            let place = format!("{LIST}:{}", index + 1);
            let Some((id, reason)) = cells(line) else {
                continue;
            };
            let Some(id) = FaultId::parse(id).filter(|id| id.exists()) else {
                let rule = format!("`{id}` is no known fault");
                self.mistakes.push(Finding::new(place, rule));
                continue;
            };
            let Some(reason) = Reason::parse(reason) else {
                let rule = format!("{id} needs `later: PART` or `cannot arise: WHY`");
                self.mistakes.push(Finding::new(place, rule));
                continue;
            };
            if self.rows.insert(id, reason).is_some() {
                let rule = format!("{id} has two rows");
                self.mistakes.push(Finding::new(place, rule));
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in FaultId::all() {
            let id_column = id.to_string();
            match (self.tests.get(&id).map(Vec::as_slice), self.rows.get(&id)) {
                (Some([test, others @ ..]), _) => {
                    write!(f, "{id_column:<4} {} {}", test.place, test.name)?;
                    if !others.is_empty() {
                        write!(f, " and {} more", others.len())?;
                    }
                    writeln!(f)?;
                }
                (_, Some(reason)) => writeln!(f, "{id_column:<4} {reason}")?,
                (_, None) => writeln!(f, "{id_column:<4} MISSING")?,
            }
        }
        Ok(())
    }
}

impl Reason {
    fn parse(text: &str) -> Option<Self> {
        let (kind, why) = text.split_once(':')?;
        let why = why.trim();
        if why.is_empty() {
            return None;
        }
        match kind {
            "later" => Some(Self::Later(why.to_owned())),
            "cannot arise" => Some(Self::CannotArise(why.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(part) => write!(f, "later: {part}"),
            Self::CannotArise(why) => write!(f, "cannot arise: {why}"),
        }
    }
}

/// The two cells of a row; neither the heading nor the rule below it is a row.
fn cells(line: &str) -> Option<(&str, &str)> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let (id, reason) = row.split_once('|')?;
    let (id, reason) = (id.trim(), reason.trim());
    let is_heading = id == "id" || id.starts_with('-');
    (!is_heading).then_some((id, reason))
}

fn is_test_attribute(line: &str) -> bool {
    line.starts_with("#[test]") || line.starts_with("#[tokio::test")
}

fn function_name(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("fn ")?;
    let end = rest.find(|it: char| !it.is_alphanumeric() && it != '_')?;
    Some(rest[..end].to_owned())
}

#[cfg(test)]
mod tests;
