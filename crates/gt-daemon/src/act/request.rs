//! Lifecycle requests, written to the store.

use gt_core::event::{EventKind, NewEvent};
use gt_core::incarnation::IncarnationId;
use gt_core::plan::{RequestEnd, Step};
use gt_host::clock;
use gt_store::{Store, StoreError};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Outcome, spawn};
use crate::daemon::Daemon;
use crate::event::Event;

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
        Ok(Outcome::RequestWritten)
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
