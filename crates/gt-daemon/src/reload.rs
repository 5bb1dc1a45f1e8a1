//! Configuration, registry and directories: who has a seat in the town.

use gt_core::address::Address;
use gt_core::event::{EventKind, NewEvent};
use gt_core::lifecycle;
use gt_core::mail::{Message, MessageType, Priority};
use gt_core::observed::chain;
use gt_core::outcome::intent_after;
use gt_core::plan::Step;
use gt_core::policy::Run;
use gt_core::snapshot::Holder;
use gt_core::{AgentId, Roll};
use gt_host::agent_environment::Captured;
use gt_host::config::Config;
use gt_host::{holder, roster};
use gt_store::{NewMessage, Store, StoreError, SubmitOutcome, TownRows, WishChange};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::daemon::Daemon;
use crate::seat::Seat;

/// How long a request that came by mail may wait to be carried out.
const MAIL_REQUEST_LIFE: SignedDuration = SignedDuration::from_mins(5);

impl Daemon {
    /// Reads town.toml and the registry anew. What is wrong is shown, and the last good one stays
    /// in force.
    pub(crate) fn reload(&mut self) {
        if !self.is_in_place() {
            return;
        }
        let before = [self.problems.as_slice(), &self.roster_problems].concat();
        let agents: Vec<AgentId> = self.seats.keys().cloned().collect();
        let mut is_news = false;
        self.problems.clear();
        match Config::load(&self.hands.town.paths().town_toml()) {
            Ok(config) => {
                is_news = self.config != config;
                self.policy = config.policy.clone();
                self.config = config;
            }
            Err(error) => self.problems.push(chain(&error)),
        }
        self.compare_tmux();
        self.read_environment();
        self.read_roster();
        let problems = [self.problems.as_slice(), &self.roster_problems].concat();
        is_news |= problems != before || !self.seats.keys().eq(&agents);
        // One change of a file is told of several times.
        if is_news {
            self.note(EventKind::Reloaded, None, problems.join("; "));
        }
        self.read_store();
    }

    /// Says so when the town is told to be on another tmux server than it is on.
    pub(crate) fn compare_tmux(&mut self) {
        let used = &self.hands.tmux_socket;
        if self.config.tmux_socket_path(self.hands.town.paths()) != *used {
            self.problems.push(format!(
                "`tmux.socket` is another than the town is on, `{}`: `gt down` and `gt up` move it",
                used.display()
            ));
        }
    }

    /// Reads the environment that a person's `gt up` captured last.
    pub(crate) fn read_environment(&mut self) {
        match Captured::read(self.hands.town.paths()) {
            Ok(captured) => self.captured = captured.unwrap_or_default(),
            Err(error) => self.problems.push(chain(&error)),
        }
    }

    /// Gives every agent of the roster a seat. One that is no longer in it keeps its seat for as
    /// long as something of it runs, and is never started again.
    pub(crate) fn read_roster(&mut self) {
        let roster = roster::read(
            self.hands.town.paths(),
            &self.config,
            self.discovery.as_ref(),
        );
        self.roster_problems = roster.problems;
        self.discovery = Some(roster.discovery);
        let listed: Vec<AgentId> = roster.seats.iter().map(|spec| spec.agent.clone()).collect();
        for spec in roster.seats {
            match self.seats.get_mut(&spec.agent) {
                Some(seat) => seat.spec = spec,
                None => self.add_seat(spec),
            }
        }
        for (agent, seat) in &mut self.seats {
            if !listed.contains(agent) {
                seat.spec.is_listed = false;
                seat.spec.run = Run::Never;
            }
        }
        self.clear_seats();
        self.add_unlisted();
    }

    /// Clears the seats that are empty, of agents that are not in the roster any more.
    pub(crate) fn clear_seats(&mut self) {
        let is_over = |_: &AgentId, seat: &mut Seat| {
            let is_empty = seat.holder.known() == Some(&Holder::Gone) && seat.in_flight.is_none();
            is_empty && !seat.spec.is_listed
        };
        for (agent, seat) in self.seats.extract_if(.., is_over) {
            // It has told all that it had to tell. One that stays is looked at once more.
            let _ = fs_err::remove_file(self.hands.town.paths().holder_state(&agent));
            if let Some(remembered) = &mut self.remembered {
                remembered.keep(seat);
            }
        }
    }

    fn add_seat(&mut self, spec: roster::SeatSpec) {
        let agent = spec.agent.clone();
        let mut seat = Seat::new(spec);
        if let Some(remembered) = &mut self.remembered {
            remembered.give_to(&mut seat);
        }
        self.seats.insert(agent.clone(), seat);
        self.connect(&agent);
        self.look_at_tmux();
    }

    /// Holders of agents that the roster does not know, such as those of a rig that was removed:
    /// shown, and left as they are.
    fn add_unlisted(&mut self) {
        let Ok(files) = holder::list_state_files(self.hands.town.paths()) else {
            return;
        };
        for (agent, _) in files {
            if !self.seats.contains_key(&agent) {
                let spec = roster::unlisted(self.hands.town.paths(), &self.config, &agent);
                self.add_seat(spec);
            }
        }
    }

    /// Everyone who has a seat, to resolve names against.
    pub(crate) fn roll(&self) -> Roll {
        let rigs: Vec<_> = self
            .seats
            .keys()
            .filter_map(|agent| agent.rig().cloned())
            .collect();
        let mut rigs = rigs;
        rigs.sort();
        rigs.dedup();
        Roll::new(rigs, self.seats.keys().cloned())
    }

    /// Turns mail in the original's form into requests; what cannot be read is answered, once.
    pub(crate) fn accept_lifecycle_mail(&mut self, rows: &TownRows) {
        let now = gt_host::clock::now();
        let roll = self.roll();
        for mail in &rows.lifecycle_mail {
            match read_mail(mail, &roll) {
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

    /// The request of this id, as last read.
    pub(crate) fn request(&self, id: Uuid) -> Option<&lifecycle::Request> {
        let rows = self.rows.as_ref()?;
        rows.requests
            .iter()
            .map(|(request, _)| request)
            .find(|request| request.id == id)
    }

    /// What taking this request does to the wish for its agent.
    pub(crate) fn wish_after(&self, id: Uuid, now: Timestamp) -> WishChange {
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
    pub(crate) fn refusal_mail(
        &self,
        id: Uuid,
        reason: &str,
        now: Timestamp,
    ) -> Option<NewMessage> {
        let request = self.request(id)?;
        let sender =
            AgentId::from_canonical(&request.actor).map_or(Address::Overseer, Address::Agent);
        answer(
            &sender.to_string(),
            &format!("Not done: {} of {}", request.action, request.agent),
            reason,
            now,
        )
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

/// What a mail asks for; the sender must be the agent itself or the overseer. It concerns the run
/// that there was when it was sent, whichever there is when it is read.
fn read_mail(mail: &Message, roll: &Roll) -> Result<lifecycle::Request, String> {
    let parsed = lifecycle::parse_subject(&mail.subject).ok_or("it is no lifecycle mail")?;
    let parsed = parsed.map_err(|error| error.to_string())?;
    let sender = Address::from_canonical(&mail.from).ok_or("its sender is nobody here")?;
    let agent = match parsed.identity {
        "" => match &sender {
            Address::Agent(agent) => agent.clone(),
            Address::Overseer | Address::Daemon | Address::Rig(_) => {
                return Err("it names no agent".to_owned());
            }
        },
        identity => roll.resolve(identity).map_err(|error| error.to_string())?,
    };
    let actor = match &sender {
        Address::Overseer => sender.to_string(),
        Address::Agent(own) if *own == agent => agent.to_string(),
        Address::Agent(_) | Address::Daemon | Address::Rig(_) => {
            return Err(format!("{sender} may not ask for {agent}"));
        }
    };
    Ok(lifecycle::Request {
        // The mail's own id: read twice, it is one request.
        id: mail.id,
        agent,
        incarnation: None,
        action: parsed.action,
        actor,
        message: Some(mail.body.clone()).filter(|body| !body.is_empty()),
        requested_at: mail.sent_at,
        expires_at: mail.sent_at + MAIL_REQUEST_LIFE,
    })
}

/// The answer to whoever asked; none to the daemon itself.
fn answer(to: &str, subject: &str, body: &str, now: Timestamp) -> Option<NewMessage> {
    (to != Address::Daemon.to_string())
        .then(|| notification(to, subject.to_owned(), body.to_owned(), now))
}

/// What the overseer is told of an agent that needs a person.
pub(crate) fn escalation_mail(step: &Step, now: Timestamp) -> NewMessage {
    let agent = &step.agent;
    let body = format!(
        "{}\n\n`gt why {agent}` explains; `gt attach {agent}` shows its terminal.\n",
        step.because
    );
    NewMessage {
        priority: Priority::High,
        ..notification(
            &Address::Overseer.to_string(),
            format!("{agent} needs you: {}", step.because),
            body,
            now,
        )
    }
}

fn notification(to: &str, subject: String, body: String, now: Timestamp) -> NewMessage {
    let id = gt_host::clock::fresh_id();
    NewMessage {
        id,
        from: Address::Daemon.to_string(),
        recipients: vec![to.to_owned()],
        subject,
        body,
        sent_at: now,
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id,
        reply_to: None,
        pinned: false,
    }
}
