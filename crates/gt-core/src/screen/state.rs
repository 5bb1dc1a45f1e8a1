//! What a screen says an agent is doing, and on which line it says so.

use std::fmt;

use super::Reset;

/// What a screen shows. Only what a screen can show is here: that a program ended, its process
/// tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScreenState {
    /// A turn is under way.
    Working,
    /// The turn is over, and work that it began goes on.
    BackgroundWork,
    /// It asks whether it may do something.
    NeedsApproval,
    /// It asks something else: a question, trust, a login.
    NeedsAnswer,
    /// It waits for a prompt.
    Idle,
    /// Its account's limit is reached, or its model's rate.
    Limited,
    /// Its login or key is refused.
    AuthDead,
    /// Its model is not to be had.
    ModelUnavailable,
    /// Its context is full.
    ContextFull,
    /// A screen that was opened to look at something. It says nothing about the work behind it.
    Viewer,
    /// Nothing that is known.
    Unknown,
}

impl ScreenState {
    /// Every state that a preset can name patterns for, in the order in which they are looked for
    /// where several match.
    pub const NAMED: [Self; 8] = [
        Self::NeedsApproval,
        Self::Viewer,
        Self::AuthDead,
        Self::Limited,
        Self::ModelUnavailable,
        Self::ContextFull,
        Self::Working,
        Self::BackgroundWork,
    ];

    /// Whether a person is asked something.
    pub fn is_dialog(self) -> bool {
        matches!(self, Self::NeedsApproval | Self::NeedsAnswer)
    }

    /// Its word in presets, in output and in the names of recorded screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::BackgroundWork => "background-work",
            Self::NeedsApproval => "needs-approval",
            Self::NeedsAnswer => "needs-answer",
            Self::Idle => "idle",
            Self::Limited => "limited",
            Self::AuthDead => "auth-dead",
            Self::ModelUnavailable => "model-unavailable",
            Self::ContextFull => "context-full",
            Self::Viewer => "viewer",
            Self::Unknown => "unknown",
        }
    }

    /// The state of a word that a preset may use.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for ScreenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state and the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What the screen shows.
    pub state: ScreenState,
    /// The key whose pattern decided, such as `blocked` or `states.limited`; none where nothing
    /// matched.
    pub rule: Option<String>,
    /// The line on which it matched.
    pub line: Option<String>,
    /// When a limit ends, where the screen says it.
    pub reset: Option<Reset>,
}

impl Reading {
    pub(super) fn unknown() -> Self {
        Self {
            state: ScreenState::Unknown,
            rule: None,
            line: None,
            reset: None,
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.rule, &self.line) {
            (Some(rule), Some(line)) => write!(f, "`{rule}` matches `{}`", line.trim()),
            (Some(rule), None) => write!(f, "`{rule}` matches"),
            (None, _) => f.write_str("no pattern matches"),
        }
    }
}
