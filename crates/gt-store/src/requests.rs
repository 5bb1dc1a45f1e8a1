//! Lifecycle requests: open, taken, closed.
//!
//! Invariant: a request leaves `open` once, and of one run of one agent at most one request is
//! open at a time.

use gt_core::Actor;
use gt_core::event::{EventKind, NewEvent};
use gt_core::lifecycle::{Action, Request};
use gt_core::plan::RequestEnd;
use gt_core::{AgentId, IncarnationId, Intent};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use uuid::Uuid;

use crate::columns::{agent, millis, time, time_if_any, unreadable, uuid, uuid_if_any, word};
use crate::events::{append, event_of};
use crate::intents::{clear_intent, set_intent};
use crate::mail::{self, NewMessage};
use crate::{Store, StoreError};

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// It is open now.
    New,
    /// Nothing was written: this request was submitted before, or another one of the same run is
    /// still open or taken. The id is that one's.
    AlreadyOpen(Uuid),
}

impl SubmitOutcome {
    /// The request that is open now, where this one was submitted.
    pub fn open_request(self, submitted: Uuid) -> Uuid {
        match self {
            Self::New => submitted,
            Self::AlreadyOpen(other) => other,
        }
    }
}

/// How far a request has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestStatus {
    /// Nobody has taken it.
    Open,
    /// The daemon is carrying it out.
    Taken,
    /// It was carried out.
    Done,
    /// It was not, and why.
    Refused(String),
    /// Its time was over before anybody took it.
    Expired,
    /// It was withdrawn.
    Cancelled,
}

/// What taking a request does to the wish for its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishChange {
    /// It stays as it is.
    Keep,
    /// It becomes this.
    Set(AgentId, Intent),
    /// There is none any more: the role's rule counts.
    Clear(AgentId),
}

impl Store {
    /// Stores a request, its mail and an event in one transaction: the daemon never sees one
    /// without the other. Mail in the lifecycle form is stored as handled, since the request is.
    /// An older open request of the same run whose time is over makes way.
    pub fn submit_request(
        &mut self,
        request: &Request,
        mail: Option<&NewMessage>,
    ) -> Result<SubmitOutcome, StoreError> {
        if mail.is_some_and(|mail| mail.recipients.is_empty()) {
            return Err(StoreError::NoRecipients);
        }
        self.write("submitting a request", |transaction| {
            expire_before(transaction, request)?;
            if let Some(id) = pending_like(transaction, request)? {
                return Ok(SubmitOutcome::AlreadyOpen(id));
            }
            insert(transaction, request)?;
            append(transaction, request.requested_at, &received(request))?;
            if let Some(mail) = mail {
                mail::deliver(transaction, mail, Some(request.requested_at))?;
            }
            Ok(SubmitOutcome::New)
        })
    }

    /// The requests that are open or taken, oldest first, with when they were taken.
    pub fn pending_requests(&self) -> Result<Vec<(Request, Option<Timestamp>)>, StoreError> {
        self.read("reading requests", pending_requests)
    }

    /// Takes an open request for this run, which is stored with it, with the wish that comes of it and the event, in one transaction.
    /// False, and nothing written, when somebody else had it, it was closed, or its time is over.
    pub fn take_request(
        &mut self,
        id: Uuid,
        run: IncarnationId,
        now: Timestamp,
        wish: &WishChange,
        event: &NewEvent,
    ) -> Result<bool, StoreError> {
        self.write("taking a request", |transaction| {
            if !take(transaction, id, run, now)? {
                return Ok(false);
            }
            match wish {
                WishChange::Keep => {}
                WishChange::Set(agent, intent) => set_intent(transaction, agent, intent)?,
                WishChange::Clear(agent) => clear_intent(transaction, agent, now, &event.actor)?,
            }
            append(transaction, now, event)?;
            Ok(true)
        })
    }

    /// Closes a request that is open or taken, with the event and the mail that tells of it. False, and nothing written, when it
    /// was closed already.
    pub fn close_request(
        &mut self,
        id: Uuid,
        now: Timestamp,
        end: RequestEnd,
        reason: &str,
        event: &NewEvent,
        reply: Option<&NewMessage>,
    ) -> Result<bool, StoreError> {
        self.write("closing a request", |transaction| {
            let closed = transaction
                .prepare_cached(
                    "UPDATE request SET state = ?2, closed_at = ?3, reason = ?4
                     WHERE id = ?1 AND state IN ('open', 'taken')",
                )?
                .execute((id.to_string(), end_word(end), millis(now), reason))?;
            if closed == 0 {
                return Ok(false);
            }
            append(transaction, now, event)?;
            if let Some(reply) = reply {
                mail::deliver(transaction, reply, None)?;
            }
            Ok(true)
        })
    }

    /// Withdraws a request. False when it is not open any more.
    pub fn cancel_request(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        self.write("cancelling a request", |transaction| {
            let cancelled = transaction
                .prepare_cached(
                    "UPDATE request SET state = 'cancelled', closed_at = ?2, reason = 'withdrawn'
                     WHERE id = ?1 AND state = 'open' RETURNING *",
                )?
                .query_row((id.to_string(), millis(now)), read_request)
                .optional()?;
            let Some(request) = cancelled else {
                return Ok(false);
            };
            append(transaction, now, &closed(&request, "was withdrawn"))?;
            Ok(true)
        })
    }

    /// How far a request has got; none when there never was one.
    pub fn request_status(&self, id: Uuid) -> Result<Option<RequestStatus>, StoreError> {
        self.read("reading a request", |connection| {
            connection
                .prepare_cached("SELECT state, reason FROM request WHERE id = ?1")?
                .query_row([id.to_string()], read_status)
                .optional()
        })
    }
}

pub(crate) fn pending_requests(
    connection: &Connection,
) -> rusqlite::Result<Vec<(Request, Option<Timestamp>)>> {
    connection
        .prepare_cached("SELECT * FROM request WHERE state IN ('open', 'taken') ORDER BY seq")?
        .query_map([], |row| {
            Ok((read_request(row)?, time_if_any(row, "taken_at")?))
        })?
        .collect()
}

fn insert(connection: &Connection, request: &Request) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO request (id, agent, incarnation, action, actor, message, requested_at,
                 expires_at)
             VALUES (:id, :agent, :incarnation, :action, :actor, :message, :requested_at,
                 :expires_at)",
        )?
        .execute(named_params! {
            ":id": request.id.to_string(),
            ":agent": request.agent.to_string(),
            ":incarnation": run_of(request),
            ":action": request.action.as_str(),
            ":actor": request.actor.to_string(),
            ":message": request.message,
            ":requested_at": millis(request.requested_at),
            ":expires_at": millis(request.expires_at),
        })
        .map(drop)
}

fn take(
    connection: &Connection,
    id: Uuid,
    run: IncarnationId,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let taken = connection
        .prepare_cached(
            "UPDATE request SET state = 'taken', taken_at = ?2, incarnation = ?3
             WHERE id = ?1 AND state = 'open' AND expires_at > ?2",
        )?
        .execute((id.to_string(), millis(now), run.to_string()))?;
    Ok(taken > 0)
}

/// Closes what nobody took in time: with the daemon away nobody else would, and the new request
/// would be turned away for one that is never carried out.
fn expire_before(connection: &Connection, newer: &Request) -> rusqlite::Result<()> {
    let expired: Vec<Request> = connection
        .prepare_cached(
            "UPDATE request SET state = 'expired', closed_at = ?3,
                 reason = 'it was not carried out in time'
             WHERE agent = ?1 AND incarnation IS ?2 AND state = 'open' AND expires_at <= ?3
             RETURNING *",
        )?
        .query_map(
            (
                newer.agent.to_string(),
                run_of(newer),
                millis(newer.requested_at),
            ),
            read_request,
        )?
        .collect::<rusqlite::Result<_>>()?;
    expired.iter().try_for_each(|request| {
        let event = closed(request, "was not carried out in time");
        append(connection, newer.requested_at, &event).map(drop)
    })
}

fn pending_like(connection: &Connection, request: &Request) -> rusqlite::Result<Option<Uuid>> {
    connection
        .prepare_cached(
            "SELECT id FROM request
             WHERE id = ?1
                 OR (agent = ?2 AND incarnation IS ?3 AND state IN ('open', 'taken'))
             ORDER BY id = ?1 DESC LIMIT 1",
        )?
        .query_row(
            (
                request.id.to_string(),
                request.agent.to_string(),
                run_of(request),
            ),
            |row| uuid(row, "id"),
        )
        .optional()
}

fn run_of(request: &Request) -> Option<String> {
    request.incarnation.map(|run| run.to_string())
}

fn received(request: &Request) -> NewEvent {
    let text = format!("{} requested", request.action);
    event_of(
        EventKind::RequestReceived,
        &request.agent,
        &request.actor.to_string(),
        text,
    )
}

fn closed(request: &Request, because: &str) -> NewEvent {
    let text = format!("the request to {} {because}", request.action);
    event_of(
        EventKind::RequestRefused,
        &request.agent,
        &request.actor.to_string(),
        text,
    )
}

fn end_word(end: RequestEnd) -> &'static str {
    match end {
        RequestEnd::Done => "done",
        RequestEnd::Refused => "refused",
        RequestEnd::Expired => "expired",
    }
}

fn read_request(row: &Row<'_>) -> rusqlite::Result<Request> {
    Ok(Request {
        id: uuid(row, "id")?,
        agent: agent(row, "agent")?,
        incarnation: uuid_if_any(row, "incarnation")?.map(IncarnationId),
        action: word(row, "action", Action::from_word)?,
        actor: Actor::from(row.get::<_, String>("actor")?),
        message: row.get("message")?,
        requested_at: time(row, "requested_at")?,
        expires_at: time(row, "expires_at")?,
    })
}

fn read_status(row: &Row<'_>) -> rusqlite::Result<RequestStatus> {
    let state: String = row.get("state")?;
    match state.as_str() {
        "open" => Ok(RequestStatus::Open),
        "taken" => Ok(RequestStatus::Taken),
        "done" => Ok(RequestStatus::Done),
        "refused" => row.get("reason").map(RequestStatus::Refused),
        "expired" => Ok(RequestStatus::Expired),
        "cancelled" => Ok(RequestStatus::Cancelled),
        _ => Err(unreadable("state", &state)),
    }
}
