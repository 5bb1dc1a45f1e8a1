//! Lifecycle requests that come by mail, in the original's form.

use gt_core::address::Address;
use gt_core::event::{EventKind, NewEvent};
use gt_core::lifecycle;
use gt_core::mail::Message;
use gt_store::{NewMessage, Store, StoreError, SubmitOutcome, TownRows};
use jiff::Timestamp;
use uuid::Uuid;

use crate::daemon::Daemon;
use crate::notification::answer;

impl Daemon {
    /// Turns mail in the original's form into requests; what cannot be read is answered, once.
    pub(crate) fn accept_lifecycle_mail(&mut self, rows: &TownRows) {
        let now = gt_host::clock::now();
        let roll = self.roll();
        for mail in &rows.lifecycle_mail {
            match lifecycle::read_mail(mail, &roll) {
                Ok(request) => self.submit(mail, request, now),
                Err(reason) => self.refuse_mail(mail, reason, now),
            }
        }
        // What was met before could not be written: it waits for the next reading.
        let known = |mail: &Message| {
            let before = self.rows.iter().flat_map(|rows| &rows.lifecycle_mail);
            before.into_iter().any(|before| before.id == mail.id)
        };
        if !rows.lifecycle_mail.iter().all(known) {
            self.read_store();
        }
    }

    fn submit(&self, mail: &Message, request: lifecycle::Request, now: Timestamp) {
        let repeated = Refusal::of(mail, "this was asked for already", now);
        // On an error it stays unhandled, is read again, and is the same request.
        self.hands
            .store
            .post(move |store| match store.submit_request(&request, None)? {
                SubmitOutcome::AlreadyOpen(other) if other != request.id => repeated.record(store),
                SubmitOutcome::New | SubmitOutcome::AlreadyOpen(_) => {
                    store.mark_handled(request.id, now).map(drop)
                }
            });
    }

    fn refuse_mail(&mut self, mail: &Message, reason: String, now: Timestamp) {
        let refusal = Refusal::of(mail, reason, now);
        self.log_event(now, &refusal.event);
        self.hands.store.post(move |store| refusal.record(store));
    }
}

/// Why lifecycle mail was not made a request, for the log and its sender.
struct Refusal {
    mail: Uuid,
    event: NewEvent,
    answer: Option<NewMessage>,
    at: Timestamp,
}

impl Refusal {
    fn of(mail: &Message, reason: impl Into<String>, at: Timestamp) -> Self {
        let reason = reason.into();
        let sender = match Address::from_canonical(&mail.from) {
            Some(Address::Agent(agent)) => Some(agent),
            Some(Address::Overseer | Address::Daemon | Address::Rig(_)) | None => None,
        };
        let text = format!("mail from {}: {reason}", mail.from);
        Self {
            mail: mail.id,
            event: NewEvent::by_daemon(EventKind::RequestRefused, sender.as_ref(), text),
            answer: answer(
                &mail.from,
                &format!("Not done: {}", mail.subject),
                &reason,
                at,
            ),
            at,
        }
    }

    /// Closes the mail, once: one that was read twice is refused once.
    fn record(&self, store: &mut Store) -> Result<(), StoreError> {
        if !store.mark_handled(self.mail, self.at)? {
            return Ok(());
        }
        // Without its answer the mail is closed all the same.
        store.append(self.at, &self.event)?;
        match &self.answer {
            Some(answer) => store.send(answer).map(drop),
            None => Ok(()),
        }
    }
}
