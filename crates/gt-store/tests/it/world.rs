//! A store in a directory of its own, and short ways to say what is put into it.

use gt_core::Actor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::event::{EventKind, NewEvent};
use gt_core::lifecycle::{Action, Request};
use gt_core::mail::{MessageType, Priority};
use gt_core::{AgentId, Desire, Incarnation, IncarnationId, Intent, ProcessId};
use gt_store::{NewMessage, Store};
use jiff::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

/// Long enough for 24 threads on a loaded machine.
pub(crate) const BUSY: Duration = Duration::from_secs(30);

pub(crate) struct World {
    directory: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("store.db")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.path(), BUSY).unwrap()
    }

    /// The database without the store in between, to put into it what no gt writes.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(crate) fn agent(text: &str) -> AgentId {
    AgentId::from_canonical(text).unwrap()
}

/// A UUIDv7 whose time is `second` and whose random part is `random`.
pub(crate) fn id(second: i64, random: u64) -> Uuid {
    let millis = u64::try_from(at(second).as_millisecond()).unwrap();
    Uuid::from_u64_pair((millis << 16) | 0x7000, (0b10 << 62) | random)
}

pub(crate) fn event(text: &str) -> NewEvent {
    NewEvent::by_daemon(EventKind::Started, Some(&agent("mayor")), text)
}

pub(crate) fn wish(desire: Desire, actor: &str, second: i64) -> Intent {
    Intent {
        desire,
        actor: Actor::from(actor.to_owned()),
        reason: "because".to_owned(),
        at: at(second),
    }
}

pub(crate) fn run(number: u64, who: &str) -> Incarnation {
    Incarnation {
        id: IncarnationId(id(0, number)),
        agent: agent(who),
        pane: "%7".to_owned(),
        holder: ProcessId { pid: 100, start: 5 },
        process: None,
        boot_id: "boot".to_owned(),
        command_hash: "hash".to_owned(),
        started_at: at(i64::try_from(number).unwrap()),
    }
}

pub(crate) fn request(number: u64, run: Option<u64>) -> Request {
    Request {
        id: id(1, number),
        agent: agent("gas/witness"),
        incarnation: run.map(|run| IncarnationId(id(0, run))),
        action: Action::Cycle,
        actor: Actor::from("gas/witness".to_owned()),
        message: Some("go on with the tests".to_owned()),
        requested_at: at(10),
        expires_at: at(610),
    }
}

pub(crate) fn message(number: u64, to: &[&str]) -> NewMessage {
    NewMessage {
        id: id(2, number),
        from: "gas/witness".to_owned(),
        recipients: to.iter().map(|to| (*to).to_owned()).collect(),
        subject: format!("message {number}"),
        body: "text".to_owned(),
        sent_at: at(i64::try_from(number).unwrap()),
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id(2, number),
        reply_to: None,
        pinned: false,
    }
}

/// What the log says, one line per event.
pub(crate) fn log(store: &Store) -> Vec<String> {
    let events = store.since(0, 1_000).unwrap();
    events
        .into_iter()
        .map(|event| format!("{} {}: {}", event.kind, event.actor, event.text))
        .collect()
}
