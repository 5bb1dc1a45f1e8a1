//! A message between agents and people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How soon it wants to be read. Numbers as in the original: 0 urgent to 3 low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// 0.
    Urgent,
    /// 1.
    High,
    /// 2, the default.
    Normal,
    /// 3; the original's 4 reads as low too.
    Low,
}

impl Priority {
    /// The original's number.
    pub fn number(self) -> i64 {
        match self {
            Self::Urgent => 0,
            Self::High => 1,
            Self::Normal => 2,
            Self::Low => 3,
        }
    }

    /// The priority of this number; none outside 0 to 4.
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Urgent),
            1 => Some(Self::High),
            2 => Some(Self::Normal),
            3 | 4 => Some(Self::Low),
            _ => None,
        }
    }
}

/// What sort of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageType {
    /// For information.
    Notification,
    /// Work for the recipient.
    Task,
    /// The answer to a message.
    Reply,
}

impl MessageType {
    /// The word stored, shown and typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Task => "task",
            Self::Reply => "reply",
        }
    }

    /// The type that this word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Notification, Self::Task, Self::Reply]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// One delivered copy of a message. Addresses are in the form that
/// [`Address`](crate::address::Address) writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// UUIDv7, made by the sender.
    pub id: Uuid,
    /// Who sent it, as the sender was proven.
    pub from: String,
    /// Whose copy this is.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Free text; hostile input to whoever shows it.
    pub body: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When its recipient first read it.
    pub read_at: Option<Timestamp>,
    /// It stays at the top of the inbox.
    pub pinned: bool,
    /// How soon it wants to be read.
    pub priority: Priority,
    /// What sort of message it is.
    pub kind: MessageType,
    /// The conversation it belongs to: the id of its first message.
    pub thread: Uuid,
    /// The message it answers.
    pub reply_to: Option<Uuid>,
}

/// The text with every control character but newline and tab taken out, so that it can be shown in
/// a terminal or put into an agent's context without commanding either.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

/// [`printable`] on one line.
pub fn printable_line(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\n' || c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}
