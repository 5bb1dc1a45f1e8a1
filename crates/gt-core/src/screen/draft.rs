//! Whose text stands in an input row.

use regex_lite::Regex;

use crate::invisible::is_invisible;

/// As much of a text as no program cuts or wraps, and as no person types by chance, in characters.
const START: usize = 12;

/// As much of a submitted text as is looked for, in characters without blanks: more than two
/// messages have in common by chance, and less than a screen holds.
const SHOWN: usize = 200;

/// The first characters of a text, of its first line that has any.
pub fn start_of(text: &str) -> &str {
    let line = text.trim_start().lines().next().unwrap_or_default();
    let end = line
        .char_indices()
        .nth(START)
        .map_or(line.len(), |(at, _)| at);
    line[..end].trim_end()
}

/// Whether a draft is nothing but this text, however often: what a program that stood still was
/// given, it draws all at once when it goes on. Of a text that is wrapped, the rows may be known or
/// only the first; `pasted` is what the program shows in place of the rest of a long one.
pub(super) fn is_all_of(draft: &str, text: &str, pasted: Option<&Regex>) -> bool {
    if pasted.is_some_and(|pasted| {
        pasted
            .find_iter(draft)
            .any(|shown| !counts(shown.as_str(), text))
    }) {
        return false;
    }
    let rest = pasted.map_or_else(|| draft.into(), |pasted| pasted.replace_all(draft, ""));
    let is_cut = rest.len() < draft.len();
    let (draft, text) = (squeezed(&rest), squeezed(text));
    if text.is_empty() {
        return false;
    }
    let is_part = text.starts_with(&draft) || (is_cut && text.ends_with(&draft));
    let is_long_enough = is_cut || draft.chars().count() >= START;
    let is_whole = !draft.is_empty() && draft.split(&text).all(str::is_empty);
    (is_part && is_long_enough) || is_whole
}

/// How often a screen shows the beginning of the text, in its input row or above.
pub fn times_shown(screen: &str, text: &str) -> usize {
    let beginning: String = squeezed(text).chars().take(SHOWN).collect();
    match beginning.is_empty() {
        true => 0,
        false => squeezed(screen).matches(&beginning).count(),
    }
}

/// Whether a screen shows the text, as far as a screen shows one that was submitted: its beginning,
/// or what the program shows in place of it.
pub(super) fn stands_in(screen: &str, text: &str, pasted: Option<&Regex>) -> bool {
    let stands = times_shown(screen, text) > 0;
    let mut placeholders = pasted
        .into_iter()
        .flat_map(|pasted| pasted.find_iter(screen));
    stands
        || placeholders.any(|shown| {
            let shown = shown.as_str();
            shown.contains(|c: char| c.is_ascii_digit()) && counts(shown, text)
        })
}

/// Whether what a program shows in place of a text can stand for this one: the lines or characters
/// that it counts are as many.
fn counts(placeholder: &str, text: &str) -> bool {
    let mut words = placeholder
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut number: Option<usize> = None;
    words.all(|word| {
        let counted = number.take();
        number = word.parse().ok();
        match (word, counted) {
            ("lines", Some(counted)) => {
                let is_so = |text: &str| {
                    let breaks = text.matches('\n').count();
                    counted == breaks || counted == breaks + 1
                };
                is_so(text) || is_so(text.trim_end())
            }
            ("chars", Some(counted)) => {
                let lengths = [
                    text.chars().count(),
                    text.encode_utf16().count(),
                    text.len(),
                ];
                lengths.contains(&counted)
            }
            _ => true,
        }
    })
}

/// Whether anything of a text can be seen in an input row.
pub(super) fn shows(text: &str) -> bool {
    !squeezed(text).is_empty()
}

/// A text without what a terminal's rows add to it, and take from it: the edges of a box, and the mark
/// that begins each row of some prompts.
fn squeezed(text: &str) -> String {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '│' | '┃' | '>');
    let rows = text.lines().map(|row| row.trim_start_matches(is_mark));
    rows.flat_map(str::chars)
        .filter(|&c| !c.is_whitespace() && !matches!(c, '│' | '┃') && !is_invisible(c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "HEARTBEAT: check your rigs; 2 unread messages";

    /// Covers F61: Enter never sends what a person began to type, alone or behind the text.
    #[test]
    fn only_the_text_itself_is_taken_for_it() {
        let check = |draft: &str, own| assert_eq!(is_all_of(draft, TEXT, None), own, "{draft:?}");
        check(TEXT, true);
        check(&format!("{TEXT}{TEXT}"), true);
        check(&TEXT.replace("; ", ";\n  "), true);
        check(&TEXT.replace("HEARTBEAT", "HEART\u{200d}BEAT"), true);
        check(&TEXT.replace("; ", ";\n ┃  "), true);
        check("HEARTBEAT: check your rigs;", true);
        check(&TEXT.replace("; ", ";\n> "), true);
        check(&format!("{TEXT} and fix"), false);
        check(&TEXT.replace("; ", " > "), false);
        check(&format!("no, {TEXT}"), false);
        check("HEART", false);
        check("fix the", false);
        check("", false);
    }

    #[test]
    fn a_long_text_is_known_by_what_is_shown_in_its_place() {
        let pasted = Regex::new(r"\[Pasted text #\d+(?: \+\d+ lines)?\]|^…").unwrap();
        let check = |draft: &str, own| {
            assert_eq!(is_all_of(draft, TEXT, Some(&pasted)), own, "{draft:?}");
        };
        check("[Pasted text #1 +1 lines]", true);
        check("[Pasted text #1 +30 lines]", false);
        check("HEART[Pasted text #2]", true);
        check("…unread messages", true);
        check("[Pasted text #1 +1 lines] and fix", false);
        check("fix [Pasted text #1]", false);
        check("fix the", false);
        let blank_end = "one\ntwo\n\n\n";
        for (lines, own) in [(1, true), (2, true), (4, true), (5, true), (6, false)] {
            let draft = format!("[Pasted text #1 +{lines} lines]");
            assert_eq!(is_all_of(&draft, blank_end, Some(&pasted)), own, "{draft}");
        }
    }

    /// Covers F59: an older message that begins alike is no proof of this one.
    #[test]
    fn a_submitted_text_is_known_by_more_than_its_first_words() {
        let pasted = Regex::new(r"\[Pasted Content \d+ chars\]").unwrap();
        let shows = |screen: &str, text: &str| stands_in(screen, text, Some(&pasted));
        let screen = "> Please review\n│ PR 1\n● done";
        assert!(shows(screen, "Please review PR 1"));
        assert!(!shows(screen, "Please review PR 2"));
        let long = "x".repeat(1200);
        assert!(shows("› [Pasted Content 1200 chars]", &long));
        assert!(!shows("› [Pasted Content 1300 chars]", &long));
        assert!(!shows("anything", ""));
    }

    #[test]
    fn a_text_is_looked_for_by_its_beginning() {
        assert_eq!(start_of("\n  one two three four"), "one two thre");
        assert_eq!(start_of("žlu\nx"), "žlu");
    }
}
