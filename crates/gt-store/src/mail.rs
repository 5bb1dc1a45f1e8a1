//! Messages between agents and people.
//!
//! Invariant: every recipient has a copy of their own, with its own id and its own marks, and all
//! copies of a message are there or none. Lifecycle mail to the deacon's address is the daemon's:
//! it is in nobody's inbox and counts as nobody's unread mail, so that it has one consumer.

use std::collections::{BTreeMap, BTreeSet};

use gt_core::AgentId;
use gt_core::address::Address;
use gt_core::event::{EventKind, NewEvent};
use gt_core::lifecycle::parse_subject;
use gt_core::mail::{Message, MessageType, Priority};
use gt_core::snapshot::Owed;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use uuid::Uuid;

use crate::columns::{millis, time, time_if_any, unreadable, uuid, uuid_if_any, word};
use crate::events::append;
use crate::{Store, StoreError};

/// Where the original sends lifecycle mail.
const DAEMON_MAILBOX: AgentId = AgentId::Deacon;

/// The fewest characters of an id that are looked up.
const SHORTEST_ID: usize = 4;

/// A message before it is delivered. Addresses are in the form that
/// [`Address`](gt_core::address::Address) writes; a broadcast lists everyone it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// UUIDv7, made by the sender; the id of the first recipient's copy.
    pub id: Uuid,
    /// Who sends it, as proven.
    pub from: String,
    /// To whom. Who is named twice gets one copy.
    pub recipients: Vec<String>,
    /// One line.
    pub subject: String,
    /// Free text.
    pub body: String,
    /// When it is sent.
    pub sent_at: Timestamp,
    /// How soon it wants to be read.
    pub priority: Priority,
    /// What sort of message it is.
    pub kind: MessageType,
    /// The conversation it belongs to; `id` itself when it begins one.
    pub thread: Uuid,
    /// The message it answers.
    pub reply_to: Option<Uuid>,
    /// It stays at the top of the inbox.
    pub pinned: bool,
}

impl Store {
    /// Delivers one copy to each recipient, and one event. Gives the copies' ids in the order of
    /// the recipients.
    ///
    /// # Errors
    /// [`StoreError::NoRecipients`] for a message that would vanish.
    pub fn send(&mut self, message: &NewMessage) -> Result<Vec<Uuid>, StoreError> {
        if message.recipients.is_empty() {
            return Err(StoreError::NoRecipients);
        }
        self.write("sending mail", |transaction| {
            deliver(transaction, message, None)
        })
    }

    /// The messages to `to` that were neither acknowledged nor deleted: pinned ones first, then by
    /// priority, then newest first.
    pub fn inbox(&self, to: &str, unread_only: bool) -> Result<Vec<Message>, StoreError> {
        self.read("reading an inbox", |connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM message
                     WHERE recipient = ?1 AND acknowledged_at IS NULL AND deleted_at IS NULL
                         AND lifecycle = 0 AND (read_at IS NULL OR NOT ?2)
                     ORDER BY pinned DESC, priority, sent_at DESC, seq DESC",
                )?
                .query_map((to, unread_only), read_message)?
                .collect()
        })
    }

    /// The message with this id. A part of the id does, from its beginning or its end, if only one
    /// message has it: ids made in the same minute begin alike.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Ambiguous`].
    pub fn message(&self, id: &str) -> Result<Message, StoreError> {
        let mut found = self.read("reading a message", |connection| {
            messages_by(connection, id)
        })?;
        let what = || format!("message {}", id.escape_debug());
        match found.len() {
            0 => Err(self.not_found(what())),
            1 => Ok(found.remove(0)),
            matches => Err(StoreError::Ambiguous {
                path: self.path().to_owned(),
                what: what(),
                matches,
            }),
        }
    }

    /// Marks a message as read; the first reading counts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn mark_read(&mut self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        self.update_message(
            id,
            "marking a message read",
            "UPDATE message SET read_at = ifnull(read_at, ?2) WHERE id = ?1",
            millis(now),
        )
    }

    /// Marks a message as read and takes it out of the inbox. It stays in its thread.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn acknowledge(&mut self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        self.update_message(
            id,
            "acknowledging a message",
            "UPDATE message SET read_at = ifnull(read_at, ?2),
                 acknowledged_at = ifnull(acknowledged_at, ?2)
             WHERE id = ?1",
            millis(now),
        )
    }

    /// Takes a message away from its reader. The row stays, for whoever must find out later.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn delete_message(&mut self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        self.update_message(
            id,
            "deleting a message",
            "UPDATE message SET deleted_at = ifnull(deleted_at, ?2) WHERE id = ?1",
            millis(now),
        )
    }

    /// Pins a message to the top of its inbox, or lets go of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn set_pinned(&mut self, id: Uuid, pinned: bool) -> Result<(), StoreError> {
        self.update_message(
            id,
            "pinning a message",
            "UPDATE message SET pinned = ?2 WHERE id = ?1",
            i64::from(pinned),
        )
    }

    /// The conversation with this id, or that this message belongs to, oldest first; every
    /// recipient's copy.
    pub fn thread(&self, id: Uuid) -> Result<Vec<Message>, StoreError> {
        self.read("reading a thread", |connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM message
                     WHERE thread = ifnull((SELECT thread FROM message WHERE id = ?1), ?1)
                         AND deleted_at IS NULL
                     ORDER BY sent_at, seq",
                )?
                .query_map([id.to_string()], read_message)?
                .collect()
        })
    }

    /// How many messages to `to` are unread.
    pub fn unread_count(&self, to: &str) -> Result<u32, StoreError> {
        self.read("counting unread mail", |connection| {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM message
                     WHERE recipient = ?1 AND read_at IS NULL AND deleted_at IS NULL
                         AND lifecycle = 0",
                )?
                .query_row([to], |row| row.get(0))
        })
    }

    /// The lifecycle mail that nobody has handled yet, oldest first.
    pub fn unhandled_lifecycle_mail(&self) -> Result<Vec<Message>, StoreError> {
        self.read("reading lifecycle mail", unhandled_lifecycle_mail)
    }

    /// Marks lifecycle mail as handled. True for one caller only: that one acts on it.
    pub fn mark_handled(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        self.write("marking lifecycle mail handled", |transaction| {
            let handled = transaction
                .prepare_cached(
                    "UPDATE message SET handled_at = ?2, read_at = ifnull(read_at, ?2)
                     WHERE id = ?1 AND lifecycle = 1 AND handled_at IS NULL
                         AND deleted_at IS NULL",
                )?
                .execute((id.to_string(), millis(now)))?;
            Ok(handled > 0)
        })
    }

    fn update_message(
        &mut self,
        id: Uuid,
        doing: &'static str,
        update: &str,
        value: i64,
    ) -> Result<(), StoreError> {
        let changed = self.write(doing, |transaction| {
            transaction.execute(update, (id.to_string(), value))
        })?;
        self.found(changed, format!("message {id}"))
    }
}

/// Delivers within a transaction of somebody else's. With `handled`, copies in the lifecycle form
/// are stored as handled then.
pub(crate) fn deliver(
    connection: &Connection,
    message: &NewMessage,
    handled: Option<Timestamp>,
) -> rusqlite::Result<Vec<Uuid>> {
    let recipients = distinct(&message.recipients);
    let copies: Vec<Uuid> = (0..)
        .zip(&recipients)
        .map(|(copy, _)| copy_id(message.id, copy))
        .collect();
    for (id, recipient) in copies.iter().zip(&recipients) {
        insert(connection, message, *id, recipient, handled)?;
    }
    append(connection, message.sent_at, &sent(message, &recipients))?;
    Ok(copies)
}

pub(crate) fn owed(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Owed>> {
    connection
        .prepare_cached(
            "SELECT recipient, count(*) AS unread, max(sent_at) AS newest FROM message
             WHERE read_at IS NULL AND deleted_at IS NULL AND lifecycle = 0
             GROUP BY recipient",
        )?
        .query_map([], |row| {
            let owed = Owed {
                mail: row.get("unread")?,
                newest: Some(time(row, "newest")?),
            };
            Ok((row.get("recipient")?, owed))
        })?
        .collect()
}

pub(crate) fn unhandled_lifecycle_mail(connection: &Connection) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(
            "SELECT * FROM message
             WHERE lifecycle = 1 AND handled_at IS NULL AND deleted_at IS NULL
             ORDER BY seq",
        )?
        .query_map([], read_message)?
        .collect()
}

fn insert(
    connection: &Connection,
    message: &NewMessage,
    id: Uuid,
    recipient: &str,
    handled: Option<Timestamp>,
) -> rusqlite::Result<()> {
    let lifecycle = is_lifecycle(recipient, &message.subject);
    let handled = handled.filter(|_| lifecycle).map(millis);
    connection
        .prepare_cached(
            "INSERT INTO message (id, sender, recipient, subject, body, sent_at, priority, kind,
                 thread, reply_to, pinned, lifecycle, handled_at, read_at)
             VALUES (:id, :sender, :recipient, :subject, :body, :sent_at, :priority, :kind,
                 :thread, :reply_to, :pinned, :lifecycle, :handled_at, :handled_at)",
        )?
        .execute(named_params! {
            ":id": id.to_string(),
            ":sender": message.from,
            ":recipient": recipient,
            ":subject": message.subject,
            ":body": message.body,
            ":sent_at": millis(message.sent_at),
            ":priority": message.priority.number(),
            ":kind": message.kind.as_str(),
            ":thread": message.thread.to_string(),
            ":reply_to": message.reply_to.map(|id| id.to_string()),
            ":pinned": message.pinned,
            ":lifecycle": lifecycle,
            ":handled_at": handled,
        })
        .map(drop)
}

/// Whether it begins as lifecycle mail does; what it asks for, if anything known, is decided by
/// whoever handles it.
fn is_lifecycle(recipient: &str, subject: &str) -> bool {
    recipient == Address::Agent(DAEMON_MAILBOX).to_string() && parse_subject(subject).is_some()
}

fn distinct(recipients: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    recipients
        .iter()
        .map(String::as_str)
        .filter(|recipient| seen.insert(*recipient))
        .collect()
}

/// The id of the n-th copy: the first one's is the message's own, the others are made from it, so
/// that the same message can never be delivered twice. The lower half of a UUIDv7 is random but
/// for the two bits of its variant; it is stirred, so that the ends of the ids look nothing alike.
fn copy_id(id: Uuid, copy: u64) -> Uuid {
    const VARIANT: u64 = 0b11 << 62;
    if copy == 0 {
        return id;
    }
    let (high, low) = id.as_u64_pair();
    let random = stirred(low.wrapping_add(copy));
    Uuid::from_u64_pair(high, (low & VARIANT) | (random & !VARIANT))
}

/// A bijection of 64 bits whose every output bit depends on every input bit (the finalizer of
/// MurmurHash3).
fn stirred(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

fn sent(message: &NewMessage, recipients: &[&str]) -> NewEvent {
    let agent = match recipients {
        [one] => agent_of(one),
        _ => None,
    };
    NewEvent {
        kind: EventKind::MailSent,
        agent,
        actor: message.from.clone(),
        text: format!("to {}: {}", recipients.join(", "), message.subject),
    }
}

fn agent_of(address: &str) -> Option<AgentId> {
    match Address::from_canonical(address)? {
        Address::Agent(agent) => Some(agent),
        Address::Overseer | Address::Daemon | Address::Rig(_) => None,
    }
}

fn messages_by(connection: &Connection, id: &str) -> rusqlite::Result<Vec<Message>> {
    let id = id.to_ascii_lowercase();
    if let Ok(full) = Uuid::try_parse(&id) {
        return message_by_full(connection, full);
    }
    let is_part = id.len() >= SHORTEST_ID && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !is_part {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(
            "SELECT * FROM message
             WHERE (id LIKE ?1 || '%' OR id LIKE '%' || ?1) AND deleted_at IS NULL",
        )?
        .query_map([id], read_message)?
        .collect()
}

fn message_by_full(connection: &Connection, id: Uuid) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached("SELECT * FROM message WHERE id = ?1 AND deleted_at IS NULL")?
        .query_row([id.to_string()], read_message)
        .optional()
        .map(|found| found.into_iter().collect())
}

fn read_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: uuid(row, "id")?,
        from: row.get("sender")?,
        to: row.get("recipient")?,
        subject: row.get("subject")?,
        body: row.get("body")?,
        sent_at: time(row, "sent_at")?,
        read_at: time_if_any(row, "read_at")?,
        pinned: row.get("pinned")?,
        priority: read_priority(row)?,
        kind: word(row, "kind", MessageType::from_word)?,
        thread: uuid(row, "thread")?,
        reply_to: uuid_if_any(row, "reply_to")?,
    })
}

fn read_priority(row: &Row<'_>) -> rusqlite::Result<Priority> {
    let number: i64 = row.get("priority")?;
    Priority::from_number(number).ok_or_else(|| unreadable("priority", &number.to_string()))
}
