//! What each event changes in the loop's state. No event decides anything.

use std::rc::Rc;
use std::time::Duration;

use gt_api::request::{Reach, Request, Response};
use gt_core::AgentId;
use gt_core::event::{EventKind, NewEvent};
use gt_core::incarnation::{IncarnationId, ProcessId};
use gt_core::memory::PokeResult;
use gt_core::observed::Observed;
use gt_core::snapshot::{End, Holder};
use gt_host::holder::protocol::Answer;
use gt_host::holder::{self};
use gt_host::identity::{Caller, Claim};
use gt_host::{clock, process};
use gt_store::TownRows;
use tokio::sync::oneshot;

use crate::act::{Outcome, not_started};
use crate::clockwork::Passed;
use crate::daemon::{Daemon, Waiter};
use crate::event::Event;
use crate::link::{Link, LinkId};
use crate::terminal::Listing;

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
            Event::LookAtTmux => self.look_at_tmux(),
            Event::Panes(listing) => self.take_listing(listing),
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
            .filter(|(_, seat)| seat.link.is_none())
            .map(|(agent, _)| agent.clone())
            .collect();
        for agent in unlinked {
            self.connect(&agent);
        }
        self.read_roster();
        self.read_deacon_heartbeat();
        self.state.last_heartbeat = Some(clock::now());
        self.state.heartbeat_count += 1;
        self.save_state();
        self.tidy_store();
    }

    /// Keeps the event log from growing for ever, and the write-ahead log short.
    fn tidy_store(&self) {
        /// Months of a busy town.
        const EVENTS: usize = 100_000;
        self.hands.store.post(|store| {
            // What is not tidied now is tidied at the next heartbeat.
            let _ = store.prune_events(EVENTS);
            let _ = store.checkpoint();
        });
    }

    fn take_rows(&mut self, rows: Observed<TownRows>) {
        if self.store_reading.end() {
            self.spawn_store_reading();
        }
        match rows {
            Observed::Known(rows) => {
                if self.store_trouble.take().is_some() {
                    self.note(EventKind::Unobservable, None, "the store can be read again");
                }
                if rows
                    .intents
                    .keys()
                    .any(|agent| !self.seats.contains_key(agent))
                {
                    // Somebody wants an agent whose workspace was made meanwhile.
                    self.read_roster();
                }
                self.accept_lifecycle_mail(&rows);
                self.rows = Some(rows);
            }
            Observed::Unknown(reason) => {
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
                .is_some_and(|in_flight| in_flight.what == AWAITS_STORE)
            {
                seat.in_flight = None;
            }
        }
    }

    fn take_listing(&mut self, listing: Observed<Listing>) {
        if self.tmux_reading.end() {
            self.spawn_tmux_reading();
        }
        if let Observed::Unknown(reason) = &listing {
            if self.listing.known().is_some() {
                self.note(EventKind::Unobservable, None, format!("tmux: {reason}"));
            }
            self.hands.tell_again(Event::LookAtTmux);
        }
        self.listing = listing;
        for seat in self.seats.values_mut() {
            // An action under way knows better than a listing that may be older than it.
            if seat.in_flight.is_none() || seat.pane.known().is_none() {
                seat.pane = self
                    .listing
                    .as_ref()
                    .map(|listing| listing.pane(&seat.owner()));
            }
        }
    }

    /// Begins to connect to an agent's holder, if its state file names one that lives.
    pub(crate) fn connect(&mut self, agent: &AgentId) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if seat.link.is_some() || seat.linking {
            return;
        }
        let report = match holder::read_state_file(self.hands.town.paths(), agent) {
            Ok(Some(report)) => report,
            Ok(None) => {
                seat.holder = Observed::Known(Holder::Gone);
                return;
            }
            Err(error) => {
                seat.holder = Err::<Holder, _>(error).into();
                return;
            }
        };
        let here = report.boot_id == self.hands.boot_id;
        match if here {
            process::is_alive(report.holder)
        } else {
            Observed::Known(false)
        } {
            Observed::Known(true) => self.spawn_link(agent, report.socket.into()),
            Observed::Known(false) => {
                // An end that only the file tells of was the holder's end, too.
                let told = seat.last_end.map(|end| end.incarnation) == report.incarnation;
                let ended = report.incarnation.is_none() || told;
                self.bury_holder(agent, report.incarnation, ended, here);
            }
            Observed::Unknown(reason) => seat.holder = Observed::Unknown(reason),
        }
    }

    fn spawn_link(&mut self, agent: &AgentId, socket: std::path::PathBuf) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.linking = true;
        self.links += 1;
        let id = LinkId(self.links);
        let hands = Rc::clone(&self.hands);
        let agent = agent.clone();
        tokio::task::spawn_local(async move {
            let linked = Link::open(id, agent.clone(), socket, hands.events.clone()).await;
            hands.tell(Event::Linked(agent, linked.map(Box::new))).await;
        });
    }

    /// A session that was made a while ago should have its holder by now. One that has none is a
    /// failed creation, and spaces the next one.
    fn miss_holder(&mut self, agent: &AgentId) {
        self.connect(agent);
        let Some(seat) = self.seats.get(agent) else {
            return;
        };
        if seat.link.is_none() && !seat.linking {
            self.take_failure(agent, CREATE_SESSION, "its holder did not come up");
        }
    }

    fn take_link(&mut self, agent: &AgentId, linked: Result<Box<Link>, crate::link::LinkError>) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.linking = false;
        match linked {
            Ok(linked) => {
                // Its report came as the connection's first event, and later ones with it.
                let link = *linked;
                if link.is_lost() {
                    seat.holder = Observed::unknown("its holder hung up at once");
                    self.hands.tell_again(Event::HolderReady(agent.clone()));
                    return;
                }
                seat.link = Some(link);
                seat.failure
                    .take_if(|failure| failure.what == CREATE_SESSION);
                let running = seat.running();
                if !seat.is_in_its_pane() {
                    self.look_at_tmux();
                }
                if let Some((incarnation, process, since)) = running
                    && since < self.clockwork.epoch()
                {
                    let text = format!("run {incarnation}, pid {}, goes on", process.pid);
                    self.note(EventKind::Adopted, Some(agent), text);
                }
            }
            Err(error) => {
                seat.holder = Err::<Holder, _>(error).into();
                self.hands.tell_again(Event::HolderReady(agent.clone()));
            }
        }
    }

    fn take_answer(&mut self, agent: &AgentId, answer: &Answer) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if !seat.take_answer(answer) {
            return;
        }
        let Some(end) = seat.last_end else { return };
        if let Answer::Exited { exit, usage, .. } = answer {
            let text = format!(
                "{exit}; {} ms of CPU, {} MiB at most",
                usage.user_ms + usage.sys_ms,
                usage.max_rss_kib / 1024
            );
            let event = NewEvent::by_daemon(EventKind::Exited, Some(agent), text);
            self.log_event(clock::now(), &event);
            self.store_end(end, Some(event));
        }
    }

    /// Stores how a run ended, with the event that tells of it.
    fn store_end(&self, end: gt_core::snapshot::LastEnd, event: Option<NewEvent>) {
        let (word, exit) = end_word(end.how);
        let now = clock::now();
        self.hands.store.post(move |store| {
            // The holder's state file tells of the end, too.
            let _ = store.end_incarnation(end.incarnation, end.at, word, exit);
            if let Some(event) = event {
                let _ = store.append(now, &event);
            }
        });
    }

    /// The connection ended: the holder died, or hung up on a client that was too slow. Which of
    /// the two, its process tells.
    fn lose_holder(&mut self, agent: &AgentId, lost: LinkId) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if seat.link.as_ref().is_none_or(|link| link.id != lost) {
            return;
        }
        seat.link = None;
        let Some(process) = seat.holder_process else {
            seat.holder = Observed::unknown("its holder hung up before it said who it is");
            return;
        };
        let incarnation = run_of(&seat.holder);
        match process::is_alive(process) {
            Observed::Known(true) => {
                seat.holder = Observed::unknown("its holder hung up and is connected to again");
                self.connect(agent);
            }
            Observed::Known(false) => {
                self.bury_holder(agent, incarnation, incarnation.is_none(), true);
            }
            Observed::Unknown(reason) => seat.holder = Observed::Unknown(reason),
        }
        self.look_at_tmux();
    }

    /// A holder is proven dead. Its run, if it had one, may have left processes behind.
    fn bury_holder(
        &mut self,
        agent: &AgentId,
        incarnation: Option<IncarnationId>,
        ended: bool,
        this_boot: bool,
    ) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.holder_process = None;
        seat.reported_pane = None;
        let Some(incarnation) = incarnation else {
            seat.holder = Observed::Known(Holder::Gone);
            return;
        };
        let known = seat
            .last_end
            .is_some_and(|end| end.incarnation == incarnation);
        if known
            && matches!(
                seat.holder,
                Observed::Known(Holder::Gone | Holder::Orphaned { .. })
            )
        {
            return;
        }
        if this_boot {
            seat.holder = Observed::unknown("what its lost run left behind is being looked for");
            self.look_for_lost_run(agent, incarnation);
        } else {
            seat.holder = Observed::Known(Holder::Gone);
        }
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if !ended {
            let how = match seat.stopping.take() {
                Some(_) => End::Dismissed,
                None => End::Lost,
            };
            seat.note_end(incarnation, clock::now(), how);
            let end = seat.last_end;
            self.note(EventKind::Exited, Some(agent), "its holder is gone");
            if let Some(end) = end {
                self.store_end(end, None);
            }
        }
    }

    /// Looks for processes of a lost run away from the loop: it reads the whole process table.
    fn look_for_lost_run(&self, agent: &AgentId, incarnation: IncarnationId) {
        let hands = Rc::clone(&self.hands);
        let agent = agent.clone();
        tokio::task::spawn_local(async move {
            let left = tokio::task::spawn_blocking(move || process::marked(incarnation)).await;
            let left = left.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            hands
                .tell(Event::LostRun(agent, incarnation, left.into()))
                .await;
        });
    }

    fn take_lost_run(
        &mut self,
        agent: &AgentId,
        incarnation: IncarnationId,
        left: Observed<Vec<ProcessId>>,
    ) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if seat.link.is_some() || seat.linking {
            // A new holder sits there already, and ends what is left before it starts anything.
            return;
        }
        seat.holder = left.map(|left| match left.len() {
            0 => Holder::Gone,
            survivors => Holder::Orphaned {
                incarnation,
                survivors,
            },
        });
        if seat.holder.known().is_none() {
            self.hands.tell_again(Event::HolderReady(agent.clone()));
        }
    }

    fn take_keepalive(&mut self, incarnation: IncarnationId) {
        let now = clock::now();
        let seat = self.seats.values_mut().find(|seat| {
            seat.running()
                .is_some_and(|(running, ..)| running == incarnation)
        });
        if let Some(seat) = seat {
            seat.activity = Some(now);
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

    fn take_outcome(&mut self, agent: &AgentId, outcome: Outcome) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        let what = seat.in_flight.take().map(|in_flight| in_flight.what);
        if !matches!(outcome, Outcome::Failed { .. } | Outcome::SessionCreated(_)) {
            seat.failure.take_if(|failure| Some(failure.what) == what);
        }
        if !matches!(outcome, Outcome::Stopped(_)) && seat.running().is_some() {
            // A stop that was not begun leaves no purpose for a later end.
            seat.stopping = None;
        }
        match outcome {
            Outcome::SessionCreated(pane) => {
                seat.pane = Observed::Known(Some(pane));
                if seat.link.is_none() {
                    seat.holder = Observed::unknown("its holder has not spoken yet");
                }
                self.note(EventKind::SessionCreated, Some(agent), "");
                // Its holder tells when it listens; this is for one that never does.
                self.hands.tell_again(Event::HolderLate(agent.clone()));
            }
            Outcome::SessionRemoved => {
                seat.pane = Observed::Known(None);
                self.look_at_tmux();
            }
            Outcome::Swept(incarnation, survivors) => {
                self.take_sweep(agent, incarnation, &survivors);
            }
            // The holder's own word of it came before this, and maybe that of its end.
            Outcome::Started => seat.restarts += 1,
            Outcome::NotStarted {
                incarnation,
                errno,
                at,
            } => {
                seat.last_end = None;
                seat.note_end(incarnation, at, not_started(errno));
                let end = seat.last_end;
                let text = format!("its program could not be executed (errno {errno})");
                self.note(EventKind::ActionFailed, Some(agent), text);
                if let Some(end) = end {
                    self.store_end(end, None);
                }
            }
            Outcome::Stopped(survivors) => self.take_stop(agent, &survivors),
            Outcome::Poked {
                incarnation,
                misses,
                result,
                at,
            } => {
                let epoch = self.clockwork.epoch();
                seat.memory
                    .remember_poke(at, epoch, incarnation, misses, result);
                self.save_memory(agent);
                self.note_poke(agent, misses, result);
            }
            Outcome::RequestWritten => {
                seat.in_flight = Some(awaits_store());
                self.read_store();
            }
            Outcome::Failed { what, why } => self.take_failure(agent, what, &why),
        }
    }

    /// Asks a holder anew what it is doing: after an action that failed half-way, what it says
    /// counts.
    fn ask_holder(&self, agent: &AgentId) {
        let Some(link) = self.seats.get(agent).and_then(|seat| seat.link.clone()) else {
            return;
        };
        tokio::task::spawn_local(async move {
            // Its report comes as an event; the end of the connection does, too.
            let _ = link.hello().await;
        });
    }

    fn take_sweep(&mut self, agent: &AgentId, incarnation: IncarnationId, survivors: &[ProcessId]) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if survivors.is_empty() {
            seat.holder = Observed::Known(Holder::Gone);
            return;
        }
        seat.holder = Observed::Known(Holder::Orphaned {
            incarnation,
            survivors: survivors.len(),
        });
        self.take_failure(
            agent,
            "sweep",
            &format!("{} are still there", pids(survivors)),
        );
    }

    fn take_stop(&mut self, agent: &AgentId, survivors: &[ProcessId]) {
        if survivors.is_empty() {
            return;
        }
        let text = format!("{} are still there after KILL", pids(survivors));
        self.take_failure(agent, "stop", &text);
    }

    fn take_failure(&mut self, agent: &AgentId, what: &'static str, why: &str) {
        self.ask_holder(agent);
        self.note(
            EventKind::ActionFailed,
            Some(agent),
            format!("{what}: {why}"),
        );
        let now = clock::now();
        if let Some(seat) = self.seats.get_mut(agent) {
            seat.failure = Some(match seat.failure.take() {
                Some(last) if last.what == what => gt_core::snapshot::Failure {
                    what,
                    at: now,
                    times: last.times + 1,
                },
                _ => gt_core::snapshot::Failure {
                    what,
                    at: now,
                    times: 1,
                },
            });
        }
    }

    fn note_poke(&mut self, agent: &AgentId, misses: u32, result: PokeResult) {
        if misses > 0 {
            self.note(
                EventKind::PokeMissed,
                Some(agent),
                format!("{misses} in a row"),
            );
        }
        match result {
            PokeResult::Delivered => self.note(EventKind::NudgeDelivered, Some(agent), "heartbeat"),
            PokeResult::NotTyped { screen, .. } => {
                let text =
                    format!("nothing was typed: its screen is not an empty prompt ({screen:?})");
                self.note(EventKind::NudgeRefused, Some(agent), text);
            }
            PokeResult::NotTried => {
                let text = "nothing was typed: a person is at its terminal, or tmux did not answer";
                self.note(EventKind::NudgeRefused, Some(agent), text);
            }
        }
    }

    fn take_request(&mut self, request: Request, peer: u32, reply: oneshot::Sender<Response>) {
        let response = match request {
            Request::Hello => Response::Hello {
                version: crate::VERSION.to_owned(),
                pid: std::process::id(),
                protocol: gt_api::PROTOCOL,
            },
            Request::Status => Response::Status(Box::new(self.status())),
            Request::Why { agent } => return self.answer_why(agent, reply),
            Request::Wake => self.answered(Self::read_store),
            Request::Reload => self.answered(Self::reload),
            Request::Down => self.answered(|daemon| daemon.set_down(true, peer)),
            Request::Up => self.answered(|daemon| daemon.set_down(false, peer)),
            Request::Stop => self.answered(|daemon| daemon.ending = true),
            Request::Await {
                agents,
                goal,
                timeout_ms,
            } => {
                return self.take_waiter(agents, goal, timeout_ms, reply);
            }
        };
        // The client may have hung up.
        let _ = reply.send(response);
    }

    fn answered(&mut self, act: impl FnOnce(&mut Self)) -> Response {
        act(self);
        Response::Done
    }

    fn set_down(&mut self, down: bool, peer: u32) {
        self.told_down = down;
        if !down {
            self.read_environment();
        }
        let word = if down { "down" } else { "up" };
        self.record(NewEvent {
            kind: EventKind::IntentChanged,
            agent: None,
            actor: self.actor(peer),
            text: format!("the town shall be {word}"),
        });
        self.read_store();
    }

    /// Who is behind a connection, by the ancestors of its process.
    fn actor(&self, peer: u32) -> String {
        let caller = Caller::of(self.hands.town.paths(), peer, &Claim::default());
        caller.map_or_else(|_| "unknown".to_owned(), |caller| caller.actor())
    }

    fn take_waiter(
        &mut self,
        agents: Vec<AgentId>,
        goal: Reach,
        timeout_ms: u64,
        reply: oneshot::Sender<Response>,
    ) {
        let agents = if agents.is_empty() {
            self.seats.keys().cloned().collect()
        } else {
            agents
        };
        let deadline = clock::monotonic() + Duration::from_millis(timeout_ms);
        self.waiters.push(Waiter {
            agents,
            goal,
            deadline,
            reply,
        });
        self.read_store();
    }
}

/// Marks a seat whose request was written until the store was read again.
pub(crate) const AWAITS_STORE: &str = "read the store";

fn awaits_store() -> gt_core::snapshot::InFlight {
    gt_core::snapshot::InFlight {
        what: AWAITS_STORE,
        since: clock::now(),
    }
}

/// The name of the action whose failure a missing holder is.
const CREATE_SESSION: &str = "create session";

fn run_of(holder: &Observed<Holder>) -> Option<IncarnationId> {
    match holder.known()? {
        Holder::Running { incarnation, .. }
        | Holder::Stopping { incarnation }
        | Holder::Orphaned { incarnation, .. } => Some(*incarnation),
        Holder::Gone | Holder::Idle => None,
    }
}

fn pids(processes: &[ProcessId]) -> String {
    let pids: Vec<String> = processes
        .iter()
        .map(|process| process.pid.to_string())
        .collect();
    format!("pids {}", pids.join(", "))
}

fn end_word(how: End) -> (&'static str, Option<gt_core::Exit>) {
    match how {
        End::Exited(exit) => ("exited", Some(exit)),
        End::Lost => ("lost", None),
        End::Requested => ("requested", None),
        End::Unresponsive => ("unresponsive", None),
        End::Dismissed => ("dismissed", None),
    }
}
