//! Rules about text that neither the compiler nor clippy holds.
//!
//! They look at lines, not at syntax: a rule that needs a parser belongs in clippy.

use crate::Finding;
use crate::checkout::TextFile;

/// What no file may say, and why.
///
/// The needles are put together from halves, so that this file does not find itself.
const BANNED: [(&str, &str); 4] = [
    (
        concat!("TO", "DO"),
        "do it, or say what is not done and why",
    ),
    (
        concat!("FIX", "ME"),
        "fix it, or say what is not done and why",
    ),
    (
        concat!("issue", " #"),
        "say the reason itself: numbers do not outlive a tracker",
    ),
    (
        concat!("/wo", "rk/"),
        "a path of one machine does not belong here",
    ),
];

const IGNORED_TEST: &str = concat!("#[ig", "nore");
const ALLOWED_LINTS: [&str; 2] = [concat!("#[al", "low("), concat!("#![al", "low(")];
const SLEEP: &str = concat!("sle", "ep(");

/// Looks through all files.
#[must_use]
pub fn check(files: &[TextFile]) -> Vec<Finding> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &TextFile) -> Vec<Finding> {
    let mut findings = banned_words(file);
    if file.is_rust() {
        findings.extend(module_doc(file));
        findings.extend(attributes(file));
        findings.extend(sleeps(file));
    }
    findings
}

fn banned_words(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in numbered(file) {
        for (word, remedy) in BANNED {
            if stands_alone(line, word) {
                findings.push(at(file, number, &format!("says `{word}`: {remedy}")));
            }
        }
    }
    findings
}

fn is_tests(file: &TextFile) -> bool {
    file.path.ends_with("/tests.rs") || file.path.contains("/tests/")
}

/// The first line that is not blank is a module doc. A file of tests says what it is by its name
/// and its place.
fn module_doc(file: &TextFile) -> Option<Finding> {
    if is_tests(file) {
        return None;
    }
    let first = file.text.lines().find(|line| !line.trim().is_empty());
    let documented = first.is_some_and(|line| line.starts_with("//!"));
    (!documented).then(|| {
        let rule = "begins without a `//!` that says what this module is and is not";
        at(file, 1, rule)
    })
}

fn attributes(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in numbered(file) {
        if line.contains(IGNORED_TEST) {
            let rule = "an ignored test tests nothing: make it pass or delete it";
            findings.push(at(file, number, rule));
        }
        if ALLOWED_LINTS.iter().any(|it| line.contains(it)) {
            let rule = "use `#[expect(lint, reason = \"…\")]`: it complains when it is not needed";
            findings.push(at(file, number, rule));
        }
    }
    findings
}

/// A sleep in a test has its reason in a comment beside it: on its line or on the line above.
fn sleeps(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_test = is_test_file(&file.path);
    let mut above = "";
    for (number, line) in numbered(file) {
        in_test |= line.trim_start().starts_with("#[cfg(test)]");
        let code = line.split("//").next().unwrap_or(line);
        if in_test && code.contains(SLEEP) && !line.contains("//") && !above.contains("//") {
            let rule = "a test that sleeps says why beside it; better, wait for the fact itself";
            findings.push(at(file, number, rule));
        }
        above = line;
    }
    findings
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/gt-testkit/")
}

/// Tells whether `word` is in `line` and is not the tail of something longer.
fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || "_-.~".contains(it))
    })
}

fn numbered(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    file.text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

fn at(file: &TextFile, line: usize, rule: &str) -> Finding {
    Finding::new(format!("{}:{line}", file.path), rule)
}

#[cfg(test)]
mod tests;
