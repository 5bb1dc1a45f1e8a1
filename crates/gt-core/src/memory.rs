//! What is remembered of one agent from beat to beat, across daemon restarts. Stored as it is;
//! changed only by [`crate::outcome`]'s pure transitions.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::incarnation::IncarnationId;
use crate::screen::Screen;

/// Why an agent was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was wanted and had no run.
    Wanted,
    /// Its program ended by itself.
    Exited,
    /// Its seat was gone: holder killed, tmux server died.
    SeatLost,
    /// It or a person asked for a fresh run.
    Requested,
    /// It left pokes unanswered.
    Unresponsive,
}

impl Cause {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Exited => "exited",
            Self::SeatLost => "seat_lost",
            Self::Requested => "requested",
            Self::Unresponsive => "unresponsive",
        }
    }
}

/// One start that the gate let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
}

/// An open circuit: restarts are held back after too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Since when.
    pub opened_at: Timestamp,
    /// How many half-open tries were made.
    pub tries: u32,
    /// When the last one was made, or when it opened.
    pub last_try_at: Timestamp,
    /// When the wish was made that there was when it opened. Another one is newer, whatever the
    /// clock did in between.
    pub wish_at: Option<Timestamp>,
}

/// How the last poke went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PokeResult {
    /// Typed at an empty prompt and taken.
    Delivered,
    /// Not typed: the screen was not an empty prompt. The digest tells a frozen screen from one
    /// that moves.
    NotTyped {
        /// What the screen was.
        screen: Screen,
        /// [`crate::screen::digest`] of it.
        digest: u64,
    },
    /// It could not be tried: tmux did not answer, a person was at the terminal. Also what a poke
    /// becomes once no answer is waited for: it spaces the next one, and is no miss.
    NotTried,
}

impl fmt::Display for PokeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered => f.write_str("delivered"),
            Self::NotTyped {
                screen: Screen::Prompt,
                ..
            } => f.write_str("pasted at its empty prompt, which did not show it"),
            Self::NotTyped { screen, .. } => write!(f, "not typed, the screen showed {screen}"),
            Self::NotTried => f.write_str("no answer is waited for"),
        }
    }
}

/// The last poke of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPoke {
    /// When.
    pub at: Timestamp,
    /// Which run was poked.
    pub incarnation: IncarnationId,
    /// How it went.
    pub result: PokeResult,
}

/// What is remembered of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentMemory {
    /// Starts within the restart window, oldest first.
    pub attempts: Vec<Attempt>,
    /// Set while the circuit is open.
    pub circuit: Option<Circuit>,
    /// The last poke.
    pub poke: Option<LastPoke>,
    /// How many pokes in a row went unanswered.
    pub misses: u32,
    /// When a person was told of it; nobody is told twice.
    pub escalated_at: Option<Timestamp>,
}
