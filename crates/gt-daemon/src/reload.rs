//! Configuration, registry and directories: who has a seat in the town.

use gt_core::address::Address;
use gt_core::event::EventKind;
use gt_core::lifecycle;
use gt_core::mail::{Message, MessageType, Priority};
use gt_core::observed::chain;
use gt_core::outcome::intent_after;
use gt_core::snapshot::Holder;
use gt_core::{AgentId, Roll};
use gt_host::agent_environment::Captured;
use gt_host::config::Config;
use gt_host::{holder, roster};
use gt_store::{NewMessage, TownRows, WishChange};
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
        self.problems.clear();
        match Config::load(&self.hands.town.paths().town_toml()) {
            Ok(config) => {
                self.policy = config.policy.clone();
                self.config = config;
            }
            Err(error) => self.problems.push(chain(&error)),
        }
        match Captured::read(self.hands.town.paths()) {
            Ok(captured) => self.captured = captured.unwrap_or_default(),
            Err(error) => self.problems.push(chain(&error)),
        }
        self.read_roster();
        self.note(EventKind::Reloaded, None, self.problems.join("; "));
        self.read_store();
    }

    /// Gives every agent of the roster a seat. One that is no longer in it keeps its seat for as
    /// long as something of it runs, and is never started again.
    pub(crate) fn read_roster(&mut self) {
        let roster = roster::read(
            self.hands.town.paths(),
            &self.config,
            self.discovery.as_ref(),
        );
        self.problems.extend(roster.problems);
        self.discovery = Some(roster.discovery);
        let listed: Vec<AgentId> = roster.seats.iter().map(|spec| spec.agent.clone()).collect();
        for spec in roster.seats {
            match self.seats.get_mut(&spec.agent) {
                Some(seat) => seat.spec = spec,
                None => self.add_seat(spec),
            }
        }
        self.seats.retain(|agent, seat| {
            let kept = listed.contains(agent) || seat.holder.known() != Some(&Holder::Gone);
            if !listed.contains(agent) {
                seat.spec.run = gt_core::policy::Run::Never;
            }
            kept
        });
        self.add_unlisted();
    }

    fn add_seat(&mut self, spec: roster::SeatSpec) {
        let agent = spec.agent.clone();
        let mut seat = Seat::new(spec);
        self.remembered.give_to(&mut seat);
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
                Ok((agent, action)) => self.submit(mail, &agent, action, now),
                Err(reason) => self.refuse_mail(mail, &reason, now),
            }
        }
        if !rows.lifecycle_mail.is_empty() {
            self.read_store();
        }
    }

    fn submit(
        &mut self,
        mail: &Message,
        agent: &AgentId,
        action: lifecycle::Action,
        now: Timestamp,
    ) {
        let incarnation = self
            .seats
            .get(agent)
            .and_then(|seat| seat.running().map(|(id, ..)| id));
        let request = lifecycle::Request {
            // The mail's own id: read twice, it is one request.
            id: mail.id,
            agent: agent.clone(),
            incarnation,
            action,
            actor: mail.from.clone(),
            message: Some(mail.body.clone()).filter(|body| !body.is_empty()),
            requested_at: mail.sent_at,
            expires_at: mail.sent_at + MAIL_REQUEST_LIFE,
        };
        let id = mail.id;
        self.hands.store.post(move |store| {
            // Both stay unhandled then, and the next reading finds them again.
            if store.submit_request(&request, None).is_ok() {
                let _ = store.mark_handled(id, now);
            }
        });
    }

    fn refuse_mail(&mut self, mail: &Message, reason: &str, now: Timestamp) {
        self.note(
            EventKind::RequestRefused,
            None,
            format!("mail from {}: {reason}", mail.from),
        );
        let answer = answer(
            &mail.from,
            &format!("Not done: {}", mail.subject),
            reason,
            now,
        );
        let id = mail.id;
        self.hands.store.post(move |store| {
            // It stays unhandled then, and the next reading finds it again.
            if store.mark_handled(id, now).is_ok() {
                let _ = answer.map(|answer| store.send(&answer));
            }
        });
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

/// Whom a mail asks for what; the sender must be the agent itself or the overseer.
fn read_mail(mail: &Message, roll: &Roll) -> Result<(AgentId, lifecycle::Action), String> {
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
    if sender != Address::Overseer && sender != Address::Agent(agent.clone()) {
        return Err(format!("{sender} may not ask for {agent}"));
    }
    Ok((agent, parsed.action))
}

fn answer(to: &str, subject: &str, body: &str, now: Timestamp) -> Option<NewMessage> {
    if to == "daemon" {
        return None;
    }
    let id = gt_host::clock::fresh_id();
    Some(NewMessage {
        id,
        from: Address::Daemon.to_string(),
        recipients: vec![to.to_owned()],
        subject: subject.to_owned(),
        body: body.to_owned(),
        sent_at: now,
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id,
        reply_to: None,
        pinned: false,
    })
}
