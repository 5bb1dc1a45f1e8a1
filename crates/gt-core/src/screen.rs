//! What the bottom of an agent's screen says: the last guard before anything is typed, and the
//! evidence for what the agent is doing.

mod draft;
mod reset;
mod rules;
mod sighting;
mod state;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use draft::{start_of, times_shown};
pub use reset::Reset;
pub use rules::{CannotType, PatternError, RuleTexts, ScreenRules, check_pattern, matches_nothing};
pub use sighting::{Authority, Look, Sighting};
pub use state::{Reading, ScreenState};

/// What the screen was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// An empty prompt: text may be typed.
    Prompt,
    /// A prompt with something in its input row: somebody's half-typed line.
    Draft,
    /// A dialog: whatever is typed may answer it.
    Dialog,
    /// Neither: at work, starting, or something not known.
    Busy,
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prompt => "an empty prompt",
            Self::Draft => "a half-typed line",
            Self::Dialog => "a dialog",
            Self::Busy => "no prompt",
        })
    }
}

/// What a terminal showed at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// The title that the program set; the host's name where it set none.
    pub title: String,
    /// The visible screen, a line each.
    pub text: String,
}

impl Capture {
    /// A screen of which no title is known.
    pub fn untitled(text: impl Into<String>) -> Self {
        Self {
            title: String::new(),
            text: text.into(),
        }
    }
}

/// A short fingerprint of a screen, to tell a frozen one from one that moves. FNV-1a, 64 bit.
pub fn digest(captured: &str) -> u64 {
    captured.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
