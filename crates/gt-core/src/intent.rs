//! What a person or agent wants of an agent: stored, with who, when and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::policy::Run;

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
    /// It need not run until it owes something that is newer than this wish.
    Resting,
}

impl Desire {
    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Parked => "parked",
            Self::Resting => "resting",
        }
    }

    /// The desire that this word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Up, Self::Down, Self::Parked, Self::Resting]
            .into_iter()
            .find(|desire| desire.as_str() == word)
    }

    /// Whether the agent shall run, if the wish alone settles that.
    pub fn wants_run(self) -> Option<bool> {
        match self {
            Self::Up => Some(true),
            Self::Down | Self::Parked => Some(false),
            Self::Resting => None,
        }
    }

    /// Whether it is that the agent shall not run.
    pub fn is_stop(self) -> bool {
        self.wants_run() == Some(false)
    }
}

/// Whether an agent shall run, as far as the wish for it and its role's habit settle that: none where
/// it depends on what it owes.
pub fn wants_run(wish: Option<&Intent>, run: Run) -> Option<bool> {
    let wished = wish.and_then(|wish| wish.desire.wants_run());
    wished.or((run == Run::Always).then_some(true))
}

/// A stored wish for one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is wanted.
    pub desire: Desire,
    /// Who wants it.
    pub actor: Actor,
    /// Why, in a few words.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}
