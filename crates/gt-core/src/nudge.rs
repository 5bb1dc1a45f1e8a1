//! Messages that are to be brought to an agent at a safe moment: queued, typed, confirmed, or ended
//! without having arrived, with the reason.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Actor;
use crate::agent_id::AgentId;
use crate::incarnation::IncarnationId;
use crate::invisible::is_invisible;
use crate::mail::Priority;

/// The longest text, in bytes. The agents take a paste of this size whole.
pub const MAX_LENGTH: usize = 100 << 10;

/// A text that arrives as it is: what a terminal would take for anything but text is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NudgeText(String);

/// Why a text cannot be brought as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NudgeTextError {
    /// There is nothing in it.
    #[error("the text is empty")]
    Empty,
    /// It is too long.
    #[error("the text has more than {MAX_LENGTH} bytes")]
    TooLong,
    /// Enter behind it makes a new line instead of submitting, and the backslash is gone.
    #[error("the text ends with a backslash, which a program takes for a line that goes on")]
    Continued,
    /// The programs drop this, or show it as something else.
    #[error(
        "line {line} holds the invisible character U+{code:04X}, which programs drop or change"
    )]
    Invisible {
        /// Which character.
        code: u32,
        /// In which line, counted from one.
        line: usize,
    },
    /// A terminal would take this for a key.
    #[error(
        "line {line} holds the control character U+{code:04X}, which a terminal takes for a key"
    )]
    Control {
        /// Which character.
        code: u32,
        /// In which line, counted from one.
        line: usize,
    },
}

impl NudgeText {
    /// Takes a text, without the blank space around it, which the programs cut off. Line ends and tabs
    /// are text; every other control character is refused, and so is what turns or hides text.
    ///
    /// # Errors
    /// [`NudgeTextError`] when it would not arrive byte for byte.
    pub fn new(text: String) -> Result<Self, NudgeTextError> {
        if text.len() > MAX_LENGTH {
            return Err(NudgeTextError::TooLong);
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(NudgeTextError::Empty);
        }
        if text.ends_with('\\') {
            return Err(NudgeTextError::Continued);
        }
        for (line, content) in (1..).zip(text.split('\n')) {
            if let Some(control) = content.chars().find(|c| c.is_control() && *c != '\t') {
                return Err(NudgeTextError::Control {
                    code: u32::from(control),
                    line,
                });
            }
            if let Some(invisible) = content.chars().find(|&c| is_dropped(c)) {
                return Err(NudgeTextError::Invisible {
                    code: u32::from(invisible),
                    line,
                });
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// One that was taken before, perhaps by other rules.
    pub fn of_store(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the prompts of the agents' programs take it for a command of theirs, such as
    /// `/compact` or `!ls`, and not for words to their model.
    pub fn is_command(&self) -> bool {
        self.0.trim_start().starts_with(['/', '!', '#', '$', '?'])
    }
}

/// Whether a character hides, turns or breaks text, so that what a person reads is not what arrives.
/// Joiners of letters and of emoji, and what selects their look, arrive.
fn is_dropped(c: char) -> bool {
    let is_joiner = matches!(
        c,
        '\u{200c}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
    );
    let is_separator = matches!(c, '\u{2028}'..='\u{2029}' | '\u{fff9}'..='\u{fffb}');
    let is_no_character = u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    is_no_character || is_separator || (is_invisible(c) && !is_joiner)
}

/// Whether a name stands on one line, and shows all of itself.
pub fn is_plain_line(name: &str) -> bool {
    !name.trim().is_empty() && !name.chars().any(|c| c.is_control() || is_dropped(c))
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nudge {
    /// UUIDv7, made by the sender.
    pub id: Uuid,
    /// To whom.
    pub agent: AgentId,
    /// A newer one in the same slot replaces one that is still queued.
    pub slot: Option<String>,
    /// The more urgent is brought first.
    pub priority: Priority,
    /// What.
    pub text: NudgeText,
    /// From whom.
    pub actor: Actor,
    /// Since when it is queued.
    pub queued_at: Timestamp,
    /// After this it is not brought any more.
    pub expires_at: Timestamp,
}

/// How a nudge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NudgeEnd {
    /// It was typed, and the agent took it.
    Confirmed,
    /// It did not arrive in time, or whether it did cannot be told.
    Expired,
    /// It was withdrawn.
    Cancelled,
    /// A newer one has its slot.
    Replaced,
}

impl NudgeEnd {
    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced",
        }
    }

    /// The end that this word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Confirmed,
            Self::Expired,
            Self::Cancelled,
            Self::Replaced,
        ]
        .into_iter()
        .find(|end| end.as_str() == word)
    }
}

/// How far a nudge has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NudgeState {
    /// Nothing of it was typed.
    Queued,
    /// It is being typed to this run, or was when the daemon ended: it is not typed again.
    Typing(IncarnationId),
    /// It is over, since then and for this reason.
    Ended {
        /// How.
        end: NudgeEnd,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for NudgeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => f.write_str("queued"),
            Self::Typing(_) => f.write_str("typing"),
            Self::Ended { end, .. } => f.write_str(end.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<(), String> {
        let made = NudgeText::new(text.to_owned());
        made.map(drop).map_err(|error| error.to_string())
    }

    /// Covers F60: what would end a paste, or press a key, never gets into one.
    #[test]
    fn a_text_is_taken_whole_or_refused() {
        for fine in [
            "x",
            "--help",
            "-",
            "two\nlines\tand a tab",
            "žluťoučký 🐎\u{200d}",
            " x ",
        ] {
            assert_eq!(text(fine), Ok(()), "{fine}");
        }
        let cut = NudgeText::new("\n x y \n\n".to_owned()).unwrap();
        assert_eq!(cut.as_str(), "x y");
        for invisible in [
            "\u{feff}",
            "\u{202e}",
            "\u{2028}",
            "\u{ad}",
            "\u{e0041}",
            "\u{fffe}",
            "\u{3164}",
        ] {
            let error = text(&format!("one\ntwo{invisible}two")).unwrap_err();
            assert!(error.starts_with("line 2 holds the invisible"), "{error}");
        }
        assert_eq!(text(" \n"), Err("the text is empty".to_owned()));
        let escape = text("a\nb \u{1b}[201~").unwrap_err();
        assert!(
            escape.contains("line 2") && escape.contains("U+001B"),
            "{escape}"
        );
        assert!(text("a\r\nb").unwrap_err().contains("U+000D"));
        assert!(text("C:\\\n").unwrap_err().contains("a line that goes on"));
        assert!(text("\u{9b}201~").unwrap_err().contains("U+009B"));
        assert_eq!(text(&"x".repeat(MAX_LENGTH)), Ok(()));
        assert!(
            text(&"x".repeat(MAX_LENGTH + 1))
                .unwrap_err()
                .contains("more than 102400 bytes")
        );
    }

    #[test]
    fn what_a_prompt_takes_for_its_own_command_is_known() {
        let is_command = |text: &str| NudgeText::new(text.to_owned()).unwrap().is_command();
        assert!(
            ["/compact", " !ls", "# remember", "?"]
                .into_iter()
                .all(is_command)
        );
        assert!(!["read a/b", "-x", "žluťoučký"].into_iter().any(is_command));
    }

    #[test]
    fn every_end_is_read_back() {
        for word in ["confirmed", "expired", "cancelled", "replaced"] {
            assert_eq!(NudgeEnd::from_word(word).map(NudgeEnd::as_str), Some(word));
        }
    }
}
