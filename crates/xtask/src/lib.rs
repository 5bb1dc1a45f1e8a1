//! Checks over the checkout itself: its text, its crate table, its faults, its dependencies.
//!
//! Every check is a function from what was read to a list of [`Finding`]s, so that it is tested
//! on values. Reading the checkout is [`checkout`]'s work, printing is the binary's.
//! Invariant: a check never writes.

pub mod arrows;
pub mod checkout;
pub mod faults;
pub mod policy;
pub mod tidy;

use std::fmt;

/// One place in the checkout that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root of the checkout, with a line where there is one.
    pub place: String,
    /// Which rule it breaks, and what to do.
    pub rule: String,
}

impl Finding {
    fn new(place: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// Why a check could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A file or directory of the checkout could not be read.
    #[error("cannot read the checkout")]
    Read(#[source] std::io::Error),
    /// `cargo metadata` did not answer.
    #[error("cannot ask cargo for the workspace")]
    Metadata(#[source] cargo_metadata::Error),
    /// A TOML file of the checkout does not have the expected form.
    #[error("cannot understand {file}")]
    Toml {
        /// Which file.
        file: &'static str,
        /// Where and why.
        #[source]
        source: toml::de::Error,
    },
}
