//! A fact that was looked for: known, or unknown with the reason. Unknown is not absent.

use std::fmt;

/// Why a fact could not be observed, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(pub String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The result of looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed<T> {
    /// It was seen.
    Known(T),
    /// It could not be looked at; nothing is killed, restarted or released on this.
    Unknown(Reason),
}

impl<T> Observed<T> {
    /// An unknown fact with its reason.
    pub fn unknown(reason: impl fmt::Display) -> Self {
        Self::Unknown(Reason(reason.to_string()))
    }

    /// The fact, if it was seen.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(fact) => Some(fact),
            Self::Unknown(_) => None,
        }
    }

    /// The same observation of a reference.
    pub fn as_ref(&self) -> Observed<&T> {
        match self {
            Self::Known(fact) => Observed::Known(fact),
            Self::Unknown(reason) => Observed::Unknown(reason.clone()),
        }
    }

    /// Applies `map` to a known fact.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Observed<U> {
        match self {
            Self::Known(fact) => Observed::Known(map(fact)),
            Self::Unknown(reason) => Observed::Unknown(reason),
        }
    }
}

impl<T, E: std::error::Error> From<Result<T, E>> for Observed<T> {
    /// A failure to look is unknown; its whole chain of causes is the reason.
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(fact) => Self::Known(fact),
            Err(error) => Self::unknown(chain(&error)),
        }
    }
}

/// An error and its causes on one line, each once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
