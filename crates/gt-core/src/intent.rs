//! What a person or agent wants of an agent: stored, with who, when and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desire {
    /// It shall run, and be started again when it ends.
    Up,
    /// It shall not run.
    Down,
    /// It shall not run, and `gt up` leaves it so.
    Parked,
}

impl Desire {
    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Parked => "parked",
        }
    }

    /// The desire that this word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Up, Self::Down, Self::Parked]
            .into_iter()
            .find(|desire| desire.as_str() == word)
    }
}

/// A stored wish for one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is wanted.
    pub desire: Desire,
    /// Who wants it: `overseer`, `daemon` or an agent's id.
    pub actor: String,
    /// Why, in a few words.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}
