//! The state of the loop: all that the daemon knows, owned by one task.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::Discriminant;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use gt_api::request::{Reach, Response};
use gt_core::event::{EventKind, NewEvent};
use gt_core::observed::Reason;
use gt_core::plan::Plan;
use gt_core::policy::Policy;
use gt_core::{AgentId, IncarnationId, Observed, ProcessId};
use gt_host::agent_environment::{self, Captured, Launch};
use gt_host::config::Config;
use gt_host::daemon_state::DaemonState;
use gt_host::lock::Lock;
use gt_host::registry::Discovery;
use gt_host::roster::SeatSpec;
use gt_host::town::Town;
use gt_host::town::site::Site;
use gt_host::{clock, wake};
use gt_store::{Store, TownRows};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::clockwork::Clockwork;
use crate::event::Event;
use crate::files::FilesReading;
use crate::ignored::Ignored;
use crate::log::Log;
use crate::lookout::Lookout;
use crate::refresh::Refresh;
use crate::remembered::{FirstReading, Remembered};
use crate::seat::Seat;
use crate::store_thread::StoreThread;
use crate::terminal::Terminal;

/// What tasks need to act on the world. It holds no state of the town.
#[derive(Debug)]
pub(crate) struct Hands {
    pub(crate) town: Town,
    pub(crate) site: Site,
    pub(crate) store: StoreThread,
    pub(crate) terminal: Terminal,
    /// Where that tmux listens.
    pub(crate) tmux_socket: PathBuf,
    pub(crate) events: mpsc::Sender<Event>,
    /// The binary that holders and agents run.
    pub(crate) gt: PathBuf,
    pub(crate) boot_id: String,
    /// Where its private directory lies.
    pub(crate) place: String,
    /// What the loop will be told after a while.
    pub(crate) news: RefCell<Vec<News>>,
}

/// Something that the loop will be told after a while.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct News {
    pause: Duration,
    kind: Discriminant<Event>,
    agent: Option<AgentId>,
}

/// The loop's state.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) hands: Rc<Hands>,
    /// That it is the town's only daemon.
    pub(crate) lock: Rc<RefCell<Lock>>,
    pub(crate) config: Config,
    /// The environment that a person's `gt up` captured.
    pub(crate) captured: Captured,
    /// Who was found in the town, to fall back on.
    pub(crate) discovery: Option<Discovery>,
    pub(crate) policy: Policy,
    pub(crate) seats: BTreeMap<AgentId, Seat>,
    /// Agents that are wanted and were looked for in vain.
    pub(crate) seatless: BTreeSet<AgentId>,
    pub(crate) clockwork: Clockwork,
    pub(crate) lookout: Lookout,
    /// The store as last read; kept when it cannot be read any more.
    pub(crate) rows: Option<TownRows>,
    pub(crate) store_trouble: Option<Reason>,
    /// Why the store takes no writes, if it takes none.
    pub(crate) store_writing: Option<Reason>,
    /// Why tmux could not be looked at last time, if it could not.
    pub(crate) tmux_trouble: Option<Reason>,
    /// Told by a client although the `down` file could not be written.
    pub(crate) told_down: bool,
    /// When a person last brought the town up.
    pub(crate) raised_at: Option<Timestamp>,
    /// What is wrong with configuration or registry; the last good ones are in force.
    pub(crate) problems: Vec<String>,
    /// What the last reading of registry and directories could not use.
    pub(crate) roster_problems: Vec<String>,
    /// Files that it could not write when it began.
    pub(crate) unwritten: Vec<String>,
    pub(crate) plan: Plan,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) state: DaemonState,
    pub(crate) log: Log,
    /// How many connections to holders were made.
    pub(crate) links: u64,
    pub(crate) store_reading: Refresh,
    pub(crate) tmux_reading: Refresh,
    pub(crate) files: FilesReading,
    /// The process of the tmux server, once it was seen.
    pub(crate) tmux_server: Option<ProcessId>,
    /// What the store knows of agents that had no seat yet; none until it was read once.
    pub(crate) remembered: Option<Remembered>,
    /// What was told in vain, and not by a run.
    pub(crate) hooks_ignored: Ignored,
    /// An event turned out to change a fact.
    pub(crate) stirred: bool,
    /// The town's directory was deleted.
    pub(crate) is_lost: bool,
    /// Another town or daemon is where it was: its paths lead to what is not its own.
    pub(crate) is_displaced: bool,
    pub(crate) ending: bool,
    /// Whose command ends it, if it is one.
    pub(crate) ended_by: Option<String>,
}

/// A client that waits for agents to get somewhere.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) agents: Vec<AgentId>,
    pub(crate) goal: Reach,
    /// On the monotonic clock.
    pub(crate) deadline: Duration,
    pub(crate) reply: oneshot::Sender<Response>,
}

impl Daemon {
    /// Writes down what happened: to the log at once, to the store on its thread. A store that
    /// cannot be written to does not hold supervision up; the log has it.
    pub(crate) fn record(&mut self, event: NewEvent) {
        let now = clock::now();
        self.log_event(now, &event);
        let append = move |store: &mut Store| store.append(now, &event).map(drop);
        self.hands.store.post(append);
    }

    /// [`record`](Self::record) for an event that tells which process a run is, which is kept with
    /// it.
    pub(crate) fn record_process(
        &mut self,
        run: IncarnationId,
        process: ProcessId,
        event: NewEvent,
    ) {
        let now = clock::now();
        self.log_event(now, &event);
        let note = move |store: &mut Store| store.record_process(run, process, now, &event);
        self.hands.store.post(note);
    }

    /// [`record`](Self::record) for the daemon's own doing.
    pub(crate) fn note(
        &mut self,
        kind: EventKind,
        agent: Option<&AgentId>,
        text: impl Into<String>,
    ) {
        self.record(NewEvent::by_daemon(kind, agent, text));
    }

    /// Writes an event that is stored elsewhere to the log alone.
    pub(crate) fn log_event(&mut self, now: Timestamp, event: &NewEvent) {
        let subject = event
            .agent
            .as_ref()
            .map_or_else(|| "town".to_owned(), ToString::to_string);
        // A full disk must not end supervision, and there is nowhere else to say it.
        let _ = self
            .log
            .line(now, event.kind.as_str(), &subject, &event.text);
    }

    /// The `PATH` that agents get.
    pub(crate) fn captured_path(&self) -> &str {
        self.captured.variables.get("PATH").unwrap_or("")
    }

    /// The whole environment of one run.
    pub(crate) fn environment_of(
        &self,
        spec: &SeatSpec,
        incarnation: IncarnationId,
    ) -> Vec<(String, String)> {
        let launch = Launch {
            gt_directory: self.hands.gt.parent().unwrap_or(Path::new("/")),
            incarnation,
            terminal: agent_environment::terminal(),
        };
        let variables =
            self.captured
                .for_agent(spec, &self.config, self.hands.town.paths(), launch);
        variables
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The seat of a run that goes on.
    pub(crate) fn seat_of_run(&mut self, run: IncarnationId) -> Option<&mut Seat> {
        let is_it = |seat: &&mut Seat| seat.running().is_some_and(|(now, ..)| now == run);
        self.seats.values_mut().find(is_it)
    }

    /// Whether the town was told to be down, or is no more.
    pub(crate) fn down(&self) -> Observed<bool> {
        match self.told_down || self.is_lost {
            true => Observed::Known(true),
            false => self.hands.town.paths().is_down().into(),
        }
    }

    /// Whether that is known.
    pub(crate) fn is_down(&self) -> bool {
        self.down() == Observed::Known(true)
    }

    /// Stores what is remembered of an agent.
    pub(crate) fn save_memory(&self, agent: &AgentId) {
        let Some(seat) = self.seats.get(agent) else {
            return;
        };
        let (agent, memory) = (agent.clone(), seat.memory.clone());
        let save = move |store: &mut Store| store.save_memory(&agent, &memory);
        self.hands.store.post(save);
    }

    /// Reads the store on its thread; [`Event::Rows`] brings the result.
    pub(crate) fn read_store(&mut self) {
        if self.store_reading.begin() {
            self.spawn_store_reading();
        }
    }

    pub(crate) fn spawn_store_reading(&self) {
        let hands = Rc::clone(&self.hands);
        let is_first = self.remembered.is_none();
        tokio::task::spawn_local(async move {
            let event = if is_first {
                let (boot, place) = (hands.boot_id.clone(), hands.place.clone());
                let read = move |store: &mut Store| FirstReading::of(store, &boot, &place);
                let reading = hands.store.read(read).await;
                Event::FirstRows(reading.map(Box::new).into())
            } else {
                Event::Rows(hands.store.read(|store| store.read_town()).await.into())
            };
            hands.tell(event).await;
        });
    }

    /// Lists tmux's panes; [`Event::Panes`] brings the result.
    pub(crate) fn look_at_tmux(&mut self) {
        if self.tmux_reading.begin() {
            self.spawn_tmux_reading();
        }
    }

    pub(crate) fn spawn_tmux_reading(&self) {
        let hands = Rc::clone(&self.hands);
        tokio::task::spawn_local(async move {
            let listing = hands.terminal.list().await;
            hands.tell(Event::Panes(listing.into())).await;
        });
    }
}

impl Hands {
    /// Tells the loop; a loop that has ended needs no news.
    pub(crate) async fn tell(&self, event: Event) {
        let _ = self.events.send(event).await;
    }
}

/// After this, what could not be observed is looked at again, without waiting for the heartbeat.
const AGAIN: Duration = Duration::from_secs(2);

/// What was known until now and fails is looked at again after this, once: a process takes some
/// milliseconds to die, and a server as long to be started anew.
const SOON: Duration = Duration::from_millis(50);

impl Hands {
    /// Tells the loop after a while, to look again at what was unknown.
    pub(crate) fn tell_again(self: &Rc<Self>, event: Event) {
        self.tell_after(AGAIN, event);
    }

    /// Tells the loop in a moment, to look again at what may have been caught in mid-change.
    pub(crate) fn tell_soon(self: &Rc<Self>, event: Event) {
        self.tell_after(SOON, event);
    }

    /// One of a kind at a time: whoever asks again meanwhile is told by the same.
    fn tell_after(self: &Rc<Self>, pause: Duration, event: Event) {
        let news = News {
            pause,
            kind: std::mem::discriminant(&event),
            agent: event.agent().cloned(),
        };
        if self.news.borrow().contains(&news) {
            return;
        }
        self.news.borrow_mut().push(news.clone());
        let hands = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(pause).await;
            hands.news.borrow_mut().retain(|pending| *pending != news);
            hands.tell(event).await;
        });
    }
}

/// The event that a wake-up datagram stands for. One that is not understood still wakes.
pub(crate) fn event_of(datagram: &[u8]) -> Event {
    match wake::decode(datagram) {
        Some(wake::Wake::Holder(agent)) => Event::HolderReady(agent),
        Some(wake::Wake::Keepalive { incarnation, .. }) => Event::Keepalive(incarnation),
        Some(wake::Wake::Hook { incarnation, event }) => Event::Told(incarnation, event),
        Some(wake::Wake::StrangeHook {
            incarnation,
            problem,
        }) => Event::ToldStrangely(incarnation, problem),
        Some(wake::Wake::Store | wake::Wake::Poke) | None => Event::Changed,
    }
}
