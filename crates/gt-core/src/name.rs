//! Names of rigs and workers: validated when made, safe in paths, session names and addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest accepted name. A session name is `gt-RIG-crew-NAME`, and tmux's status line, socket
/// paths and git branch names all stay readable below this.
pub const MAX_NAME: usize = 48;

/// Directories and identities of the town itself, which no rig may shadow.
const RESERVED_RIGS: &[&str] = &[
    "mayor", "deacon", "daemon", "rigs", "docs", "crew", "polecats", "witness", "refinery", "gt",
    "logs", "settings", "plugins", "presets", "prompts", "overseer", "human",
];

/// Session and address words that a worker's name would collide with.
const RESERVED_WORKERS: &[&str] = &["witness", "refinery", "crew", "polecats", "mayor", "deacon"];

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a {kind} name must not be empty")]
    Empty {
        /// `rig`, `crew` or `polecat`.
        kind: &'static str,
    },
    /// Longer than [`MAX_NAME`].
    #[error("{kind} name `{name}` is longer than {MAX_NAME} characters")]
    TooLong {
        /// `rig` or `worker`.
        kind: &'static str,
        /// The text as given.
        name: String,
    },
    /// A character outside letters, digits, `-` and `_`, or a leading `-`.
    #[error(
        "{kind} name `{name}` may hold only letters, digits, `-` and `_`, and starts with a letter or digit"
    )]
    BadCharacter {
        /// `rig` or `worker`.
        kind: &'static str,
        /// The text as given, control characters escaped.
        name: String,
    },
    /// The name belongs to the town.
    #[error("{kind} name `{name}` is reserved")]
    Reserved {
        /// `rig` or `worker`.
        kind: &'static str,
        /// The text as given.
        name: String,
    },
}

fn check(kind: &'static str, text: &str, reserved: &[&str]) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { kind });
    }
    let name = || text.escape_default().to_string();
    if text.len() > MAX_NAME {
        return Err(NameError::TooLong { kind, name: name() });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.chars().all(plain) || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(NameError::BadCharacter { kind, name: name() });
    }
    if reserved.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Err(NameError::Reserved { kind, name: name() });
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $reserved:expr, $extra:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks `text` and makes it a name.
            ///
            /// # Errors
            /// A [`NameError`] that says which rule the text breaks.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check($kind, text, $reserved)?;
                let shadows: fn(&str) -> bool = $extra;
                if shadows(text) {
                    return Err(NameError::Reserved { kind: $kind, name: text.to_owned() });
                }
                Ok(Self(text.to_owned()))
            }

            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }
    };
}

name_type!(
    /// The name of a rig: its directory under the town and its key in `rigs.json`.
    RigName, "rig", RESERVED_RIGS, |_| false
);
name_type!(
    /// The name of a crew member or polecat within its rig.
    ///
    /// `crew-` may not begin it: `gt-RIG-crew-NAME` is a crew member's session.
    WorkerName, "worker", RESERVED_WORKERS, |text| text.starts_with("crew-")
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers T2, T7, M25, L11: names that tmux would rewrite, that shadow a role or that leave
    /// their directory are refused when made.
    #[test]
    fn a_name_that_would_collide_or_escape_is_refused() {
        for bad in [
            "", "a.b", "a:b", "../x", "-x", "a b", "a/b", "mayor", "Deacon", "é", "x\n",
        ] {
            assert!(RigName::new(bad).is_err(), "{bad:?} was accepted as a rig");
        }
        for bad in ["witness", "refinery", "crew", "crew-max", "a/b"] {
            assert!(
                WorkerName::new(bad).is_err(),
                "{bad:?} was accepted as a worker"
            );
        }
        assert_eq!(RigName::new("my-rig_2").unwrap().as_str(), "my-rig_2");
        assert_eq!(WorkerName::new("x-witness").unwrap().as_str(), "x-witness");
    }

    #[test]
    fn an_error_never_prints_a_control_character() {
        let error = RigName::new("a\u{1b}[2J").unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}
