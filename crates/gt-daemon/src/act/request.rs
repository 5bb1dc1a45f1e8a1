//! Lifecycle requests, written to the store.

use gt_core::address::Address;
use gt_core::event::{EventKind, NewEvent};
use gt_core::incarnation::IncarnationId;
use gt_core::outcome::intent_after;
use gt_core::plan::{RequestEnd, Step};
use gt_core::{Actor, lifecycle};
use gt_host::clock;
use gt_store::{NewMessage, Store, StoreError, WishChange};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Outcome, spawn};
use crate::daemon::Daemon;
use crate::event::Event;
use crate::notification::answer;

/// Takes a request in one transaction with the wish that it leaves: from now on it is carried out,
/// at most once, and only for this run.
pub(super) fn take(daemon: &mut Daemon, step: &Step, id: Uuid, run: IncarnationId, now: Timestamp) {
    let wish = daemon.wish_after(id, now);
    let event = NewEvent::by_daemon(
        EventKind::RequestTaken,
        Some(&step.agent),
        step.because.clone(),
    );
    daemon.log_event(now, &event);
    write(daemon, step, move |store| {
        store.take_request(id, run, now, &wish, &event)
    });
}

pub(super) fn close(daemon: &mut Daemon, step: &Step, id: Uuid, end: RequestEnd, now: Timestamp) {
    let event = closing_event(step, end);
    daemon.log_event(now, &event);
    let reason = step.because.clone();
    let reply = (end != RequestEnd::Done)
        .then(|| daemon.refusal_mail(id, &reason, now))
        .flatten();
    write(daemon, step, move |store| {
        store.close_request(id, now, end, &reason, &event, reply.as_ref())
    });
}

/// Whether the request was still there to be written, the next reading of the store shows.
fn write(
    daemon: &Daemon,
    step: &Step,
    change: impl FnOnce(&mut Store) -> Result<bool, StoreError> + Send + 'static,
) {
    let kind = step.action.kind();
    spawn(daemon, &step.agent, kind, |hands| async move {
        hands.store.write(change).await?;
        Ok(Outcome::Written)
    });
}

/// Closes a request for an agent that the town does not have.
pub(crate) fn close_without_seat(daemon: &mut Daemon, id: Uuid, step: &Step) {
    let now = clock::now();
    let event = closing_event(step, RequestEnd::Refused);
    daemon.log_event(now, &event);
    let reason = step.because.clone();
    let reply = daemon.refusal_mail(id, &reason, now);
    let events = daemon.hands.events.clone();
    daemon.hands.store.post(move |store| {
        // It stays open on an error, and the next reading of the store finds it again.
        let end = RequestEnd::Refused;
        store.close_request(id, now, end, &reason, &event, reply.as_ref())?;
        // A full queue has news enough to read the store for.
        let _ = events.try_send(Event::Changed);
        Ok(())
    });
}

fn closing_event(step: &Step, end: RequestEnd) -> NewEvent {
    let kind = match end {
        RequestEnd::Done => EventKind::RequestDone,
        RequestEnd::Refused | RequestEnd::Expired => EventKind::RequestRefused,
    };
    NewEvent::by_daemon(kind, Some(&step.agent), step.because.clone())
}

impl Daemon {
    /// The request of this id, as last read.
    fn request(&self, id: Uuid) -> Option<&lifecycle::Request> {
        let rows = self.rows.as_ref()?;
        rows.requests
            .iter()
            .map(|(request, _)| request)
            .find(|request| request.id == id)
    }

    /// What taking this request does to the wish for its agent.
    fn wish_after(&self, id: Uuid, now: Timestamp) -> WishChange {
        let Some(request) = self.request(id) else {
            return WishChange::Keep;
        };
        let Some(seat) = self.seats.get(&request.agent) else {
            return WishChange::Keep;
        };
        let before = self
            .rows
            .as_ref()
            .and_then(|rows| rows.intents.get(&request.agent).cloned());
        let after = intent_after(request, seat.spec.run, before.clone(), now);
        match after {
            after if after == before => WishChange::Keep,
            Some(intent) => WishChange::Set(request.agent.clone(), intent),
            None => WishChange::Clear(request.agent.clone()),
        }
    }

    /// The mail that tells a request's sender that it was not carried out.
    fn refusal_mail(&self, id: Uuid, reason: &str, now: Timestamp) -> Option<NewMessage> {
        let request = self.request(id)?;
        let sender = match &request.actor {
            Actor::Agent(agent) => Address::Agent(agent.clone()),
            Actor::Overseer | Actor::Other(_) => Address::Overseer,
        };
        answer(
            &sender.to_string(),
            &format!("Not done: {} of {}", request.action, request.agent),
            reason,
            now,
        )
    }
}
