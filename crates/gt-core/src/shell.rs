//! Words of a command that a person is to paste into a shell.

use std::borrow::Cow;

/// The word as a POSIX shell reads it back: as it is where nothing in it is special, else in single
/// quotes.
pub fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(word("/srv/stadt-übung_1.toml"), "/srv/stadt-übung_1.toml");
        assert_eq!(word("my town"), "'my town'");
        assert_eq!(word("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(word("~/x"), "'~/x'");
        assert_eq!(word(""), "''");
    }
}
