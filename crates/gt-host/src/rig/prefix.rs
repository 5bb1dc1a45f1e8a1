//! What the ids of a rig's issues begin with.

use std::fmt;

use gt_core::RigName;

/// Longest prefix: it stands before every id in every list.
const MAX: usize = 12;

/// A prefix such as `ga`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no prefix: it takes 1 to {MAX} lower-case letters, digits and inner `-`",
    text.escape_default()
)]
pub struct PrefixError {
    /// As given.
    pub text: String,
}

impl Prefix {
    /// Checks a prefix that a person gave; capitals are lowered, a `-` at the end is cut.
    ///
    /// # Errors
    /// [`PrefixError`].
    pub fn new(text: &str) -> Result<Self, PrefixError> {
        let prefix = text.trim_end_matches('-').to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if prefix.is_empty()
            || prefix.len() > MAX
            || prefix.starts_with('-')
            || !prefix.chars().all(plain)
        {
            return Err(PrefixError {
                text: text.to_owned(),
            });
        }
        Ok(Self(prefix))
    }

    /// The prefix of a rig that was given none, by the original's rule: without `-py` or `-go`,
    /// the initials of its parts; of one word that is longer than three letters, the first two.
    pub fn of(rig: &RigName) -> Self {
        let name = rig.as_str();
        let name = name.strip_suffix("-py").unwrap_or(name);
        let name = name.strip_suffix("-go").unwrap_or(name);
        let parts: Vec<&str> = name
            .split(['-', '_'])
            .filter(|part| !part.is_empty())
            .collect();
        let prefix: String = match parts.as_slice() {
            [word] if word.len() <= 3 => (*word).to_owned(),
            [word] => word.chars().take(2).collect(),
            parts => parts
                .iter()
                .filter_map(|part| part.chars().next())
                .take(MAX)
                .collect(),
        };
        Self(prefix.to_ascii_lowercase())
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rig: &str, expect: &str) {
        assert_eq!(Prefix::of(&RigName::new(rig).unwrap()).as_str(), expect);
    }

    /// Covers M26: what the original does, not what its manual says (`gastown` gives `ga`).
    #[test]
    fn a_prefix_is_made_from_a_name_as_the_original_does() {
        check("gastown", "ga");
        check("my-project", "mp");
        check("My_Big-Thing", "mbt");
        check("api", "api");
        check("tool-py", "to");
        check("db-go", "db");
        check("x-", "x");
    }

    #[test]
    fn a_given_prefix_is_checked() {
        assert_eq!(Prefix::new("GT-").unwrap().as_str(), "gt");
        for bad in ["", "-", "a b", "é", "../x", "abcdefghijklm", "-a"] {
            assert!(Prefix::new(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
