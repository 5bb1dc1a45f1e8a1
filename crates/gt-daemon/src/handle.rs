//! What each event changes in the loop's state. No event decides anything.

mod clients;
mod holders;
mod outcomes;
mod told;

use std::collections::BTreeSet;

use gt_core::AgentId;
use gt_core::event::EventKind;
use gt_core::incarnation::{IncarnationId, ProcessId};
use gt_core::observed::{Observed, Reason};
use gt_core::snapshot::Begun;
use gt_host::clock;
use gt_host::town::server as town_server;
use gt_store::TownRows;

use crate::clockwork::Passed;
use crate::daemon::Daemon;
use crate::event::Event;
use crate::terminal::Listing;

/// Heartbeats between two tidyings of the store: an hour by default. It waits for the disk.
const TIDY_EVERY: i64 = 12;

impl Daemon {
    /// Takes an event in. The beat that follows decides what it means.
    pub(crate) fn handle(&mut self, event: Event) {
        match event {
            // The beat that follows is what it is for.
            Event::Tick => {}
            Event::Changed => self.read_store(),
            Event::Reload => self.reload(),
            Event::Terminate => self.ending = true,
            Event::Rows(rows) => self.take_rows(rows),
            Event::FirstRows(reading) => {
                self.stirred = true;
                let rows = reading.map(|reading| self.remember_all(*reading));
                self.take_rows(rows);
            }
            Event::StoreWritable(writable) => self.take_writable(writable),
            Event::Found(found) => self.take_found(*found),
            Event::Settings(settings) => self.take_settings(*settings),
            Event::LookAtTmux => self.look_at_tmux(),
            Event::LookAtLock => self.look_at_lock(),
            Event::Panes(listing) => self.take_listing(listing),
            Event::Drawn { drawn, reply } => {
                // Nobody asks any more while the loop ends.
                let _ = reply.send(self.watched(drawn));
            }
            Event::Seen(incarnation, look) => {
                self.take_state(incarnation, |seat| seat.see(*look));
            }
            Event::Told(incarnation, told) => self.hear(incarnation, &told),
            Event::ToldStrangely(incarnation, problem) => self.ignore_hook(incarnation, problem),
            Event::HolderReady(agent) => self.connect(&agent),
            Event::HolderLate(agent) => self.miss_holder(&agent),
            Event::LostRun(agent, incarnation, left) => {
                self.take_lost_run(&agent, incarnation, left);
            }
            Event::Linked(agent, linked) => self.take_link(&agent, linked),
            Event::Holder(agent, answer) => self.take_answer(&agent, &answer),
            Event::HolderLost(agent, link) => self.lose_holder(&agent, link),
            Event::Keepalive(incarnation) => self.take_keepalive(incarnation),
            Event::Acted(agent, outcome) => self.take_outcome(&agent, outcome),
            Event::Client {
                request,
                peer,
                reply,
            } => self.take_request(request, peer, reply),
            Event::Trouble(text) => self.note(EventKind::ActionFailed, None, text),
        }
    }

    /// Looks at the clocks before every beat: no decision is made across a jump that it does not
    /// know of.
    pub(crate) fn look_at_clocks(&mut self) {
        match self.clockwork.look(clock::Moment::now()) {
            Passed::Smoothly => {}
            Passed::Slept(duration) => {
                let text =
                    format!("the machine slept for {duration:.0?}; every deadline starts again");
                self.note(EventKind::ClockJumped, None, text);
            }
            Passed::WallClockSet(duration) => {
                let now = clock::now();
                let seats = self.seats.values_mut();
                seats.for_each(|seat| seat.date_back(now));
                self.raised_at = self.raised_at.map(|at| at.min(now));
                let text =
                    format!("the clock was set by {duration:.0?}; every deadline starts again");
                self.note(EventKind::ClockJumped, None, text);
            }
        }
    }

    /// The heartbeat: every fact is looked at anew, and the fact that it was is saved.
    pub(crate) fn heartbeat(&mut self) {
        self.read_store();
        self.look_at_tmux();
        let unlinked: Vec<AgentId> = self
            .seats
            .iter()
            // Who is expected to speak is heard, or missed, by itself.
            .filter(|(_, seat)| seat.link.is_none() && !seat.awaits_holder)
            .map(|(agent, _)| agent.clone())
            .collect();
        for agent in unlinked {
            self.connect(&agent);
        }
        self.miss_rigs();
        if self.is_in_place() {
            self.read_rigs();
        }
        self.read_deacon_heartbeat();
        self.state.last_heartbeat = Some(clock::now());
        self.state.heartbeat_count += 1;
        self.save_state();
        if self.state.heartbeat_count % TIDY_EVERY == 0 {
            self.tidy_store();
        }
    }

    /// Keeps the event log from growing for ever, and the write-ahead log short.
    fn tidy_store(&self) {
        /// Months of a busy town.
        const EVENTS: usize = 100_000;
        /// Those that are over: days of a busy town.
        const NUDGES: usize = 10_000;
        // What is not tidied now is tidied at the next heartbeat.
        self.hands.store.post(|store| {
            store.prune_events(EVENTS)?;
            store.prune_nudges(NUDGES)?;
            store.checkpoint().map(drop)
        });
    }

    fn take_rows(&mut self, rows: Observed<TownRows>) {
        if self.store_reading.end() {
            self.spawn_store_reading();
        }
        match rows {
            Observed::Known(rows) => {
                self.stirred |= self.rows.as_ref() != Some(&rows);
                if self.store_trouble.take().is_some() {
                    self.stirred = true;
                    self.note(EventKind::Unobservable, None, "the store can be read again");
                }
                self.look_for_wanted(&rows);
                self.accept_lifecycle_mail(&rows);
                self.rows = Some(rows);
            }
            Observed::Unknown(reason) => {
                self.stirred = true;
                if self.store_trouble.as_ref() != Some(&reason) {
                    self.note(EventKind::Unobservable, None, reason.to_string());
                }
                self.store_trouble = Some(reason);
                self.hands.tell_again(Event::Changed);
            }
        }
        for seat in self.seats.values_mut() {
            if seat
                .in_flight
                .as_ref()
                .is_some_and(|in_flight| in_flight.what == Begun::StoreReading)
            {
                seat.in_flight = None;
                self.stirred = true;
            }
        }
    }

    /// A store that takes no writes (a full disk) can still be read: supervision goes on, and a
    /// person has to know.
    fn take_writable(&mut self, writable: Result<(), Reason>) {
        let text = match &writable {
            Ok(()) => "the store can be written to again".to_owned(),
            Err(reason) => format!("the store cannot be written to: {reason}"),
        };
        self.note(EventKind::ActionFailed, None, text);
        self.store_writing = writable.err();
    }

    /// Keeps which process the town's tmux server is, for a time when its socket is gone.
    fn remember_server(&mut self, server: Option<ProcessId>) {
        let is_kept = town_server::in_use(self.hands.town.paths()).is_some();
        if server.is_none() || (server == self.tmux_server && is_kept) {
            return;
        }
        self.tmux_server = server;
        let (paths, socket) = (self.hands.town.paths(), &self.hands.tmux_socket);
        let (paths, socket) = (paths.clone(), socket.clone());
        tokio::task::spawn_blocking(move || {
            // One that is not kept is missed only with its socket.
            let _ = town_server::remember(&paths, &socket, server);
            town_server::restore_socket(&paths);
        });
    }

    /// Somebody may want an agent whose workspace was made meanwhile. It is looked for once, and then
    /// with the whole roster.
    fn look_for_wanted(&mut self, rows: &TownRows) {
        let wanted = rows.intents.keys();
        let is_seatless = |agent: &&AgentId| !self.seats.contains_key(*agent);
        let seatless: BTreeSet<AgentId> = wanted.filter(is_seatless).cloned().collect();
        if !seatless.is_subset(&self.seatless) {
            self.read_rigs();
        }
        self.seatless = seatless;
    }

    fn take_listing(&mut self, listing: Observed<Listing>) {
        if self.tmux_reading.end() {
            self.spawn_tmux_reading();
        }
        let trouble = match &listing {
            Observed::Known(_) => None,
            Observed::Unknown(reason) => Some(reason.clone()),
        };
        if let Some(reason) = &trouble {
            if self.tmux_trouble.is_none() {
                self.note(EventKind::Unobservable, None, format!("tmux: {reason}"));
                self.hands.tell_soon(Event::LookAtTmux);
            } else {
                self.hands.tell_again(Event::LookAtTmux);
            }
        }
        self.tmux_trouble = trouble;
        self.remember_server(listing.known().and_then(|listing| listing.server));
        for seat in self.seats.values_mut() {
            let owner = seat.owner();
            let listing = listing.as_ref();
            let name_taken = listing
                .known()
                .is_some_and(|listing| listing.is_name_taken(&owner));
            self.stirred |= name_taken != seat.name_taken;
            seat.name_taken = name_taken;
            // An action under way knows better than a listing that may be older than it.
            if seat.in_flight.is_none() || seat.pane.known().is_none() {
                let pane = listing.map(|listing| listing.pane(&owner));
                self.stirred |= pane != seat.pane;
                seat.pane = pane;
            }
        }
        if self.seats.values().any(|seat| seat.name_taken) {
            // Nothing tells when it goes.
            self.hands.tell_again(Event::LookAtTmux);
        }
    }

    fn take_keepalive(&mut self, incarnation: IncarnationId) {
        if let Some(seat) = self.seat_of_run(incarnation) {
            seat.activity = Some(clock::now());
        }
    }

    /// The deacon's heartbeat file: its own, of its present run, or from an old tool since then.
    fn read_deacon_heartbeat(&mut self) {
        let path = self.hands.town.paths().deacon_heartbeat();
        let Ok(Some(heartbeat)) = gt_host::heartbeat_file::read(&path) else {
            return;
        };
        let Some(seat) = self.seats.get_mut(&AgentId::Deacon) else {
            return;
        };
        let Some((incarnation, _, since)) = seat.running() else {
            return;
        };
        let Some(stamp) = heartbeat.timestamp else {
            return;
        };
        let of_this_run = heartbeat
            .incarnation
            .map_or(stamp >= since, |id| id == incarnation);
        if of_this_run && stamp <= clock::now() {
            seat.activity = seat.activity.max(Some(stamp));
        }
    }
}
