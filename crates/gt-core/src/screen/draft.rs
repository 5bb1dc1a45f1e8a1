//! Whose text stands in an input row.

use regex_lite::Regex;

/// As much of a text as no program cuts or wraps, and as no person types by chance, in characters.
const START: usize = 12;

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

/// A text without what a terminal's rows add to it, and take from it.
fn squeezed(text: &str) -> String {
    text.chars()
        .filter(|&c| !c.is_whitespace() && !matches!(c, '│' | '┃'))
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
        check(&TEXT.replace("; ", ";\n ┃  "), true);
        check("HEARTBEAT: check your rigs;", true);
        check(&format!("{TEXT} and fix"), false);
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
        check("[Pasted text #1 +30 lines]", true);
        check("HEART[Pasted text #2]", true);
        check("…unread messages", true);
        check("[Pasted text #1 +30 lines] and fix", false);
        check("fix [Pasted text #1]", false);
        check("fix the", false);
    }

    #[test]
    fn a_text_is_looked_for_by_its_beginning() {
        assert_eq!(start_of("\n  one two three four"), "one two thre");
        assert_eq!(start_of("žlu\nx"), "žlu");
    }
}
