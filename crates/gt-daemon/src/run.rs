//! The daemon from its lock to its end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use gt_core::AgentId;
use gt_core::event::{EventKind, NewEvent};
use gt_core::observed::{Observed, chain};
use gt_core::plan::Plan;
use gt_core::time::elapsed;
use gt_host::agent_environment::Captured;
use gt_host::clock::{self, Moment};
use gt_host::config::{self, Config, ConfigError};
use gt_host::daemon_state::DaemonState;
use gt_host::lock::{Lock, LockError};
use gt_host::paths::TownPaths;
use gt_host::tmux::{self, Control, Server, Tmux};
use gt_host::town::site::{self, Site};
use gt_host::town::{self, Town, private, server as town_server};
use gt_host::{atomic, hook, pid_file, process, service_notify};
use gt_store::TownRows;
use jiff::Timestamp;
use notify::RecommendedWatcher;
use tokio::sync::mpsc;

use crate::clockwork::Clockwork;
use crate::daemon::{Daemon, Hands};
use crate::event::Event;
use crate::files::FilesReading;
use crate::ignored::Ignored;
use crate::log::Log;
use crate::lookout::Lookout;
use crate::refresh::Refresh;
use crate::remembered::FirstReading;
use crate::store_thread::{Lazy, StoreThread};
use crate::terminal::Terminal;
use crate::{server, sources, watch};

/// Events that may wait for the loop. More than that, and whoever tells has to wait.
const QUEUE: usize = 1024;

/// How many things may be waited for at once that cannot be waited for otherwise: each end of what a
/// lost run left takes some seconds if it does not go. A thread that has nothing to do ends.
const BLOCKING_THREADS: usize = 64;

/// The shortest sleep of the loop: a wait that the clocks round down must not spin.
const BREATH: Duration = Duration::from_millis(1);

/// How long to wait for the lock: a probe of it holds it for an instant.
const LOCK_PATIENCE: Duration = Duration::from_millis(300);

/// How long tmux may take for one answer.
const TMUX_DEADLINE: Duration = Duration::from_secs(3);

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another one runs, or the lock cannot be had.
    #[error("cannot become the town's daemon")]
    Lock(#[source] LockError),
    /// Its directories are not private, and cannot be made so.
    #[error("cannot secure the town's private directory")]
    Private(#[source] town::private::PrivateError),
    /// town.toml is wrong.
    #[error("cannot read the town's configuration")]
    Config(#[source] ConfigError),
    /// tmux is missing or too old.
    #[error("cannot use tmux")]
    Tmux(#[source] tmux::VersionError),
    /// Something of the system failed.
    #[error("cannot {doing}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

/// Turns an error of the system into one that says what was being done.
fn doing(doing: &'static str) -> impl Fn(std::io::Error) -> DaemonError {
    move |source| DaemonError::System { doing, source }
}

/// Supervises the town until it is told to end. `ready` is called once the daemon answers on its
/// socket; `gt` is the binary that holders run.
///
/// # Errors
/// [`DaemonError`] when it cannot begin. What fails later is logged and does not end it.
pub fn run(town: Town, gt: PathBuf, ready: impl FnOnce()) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(512 << 10)
        .build()
        .map_err(doing("start the runtime"))?;
    let tasks = tokio::task::LocalSet::new();
    let result = tasks.block_on(&runtime, supervise(town, gt, ready));
    // What still waits for a hung program must not hold the end up.
    runtime.shutdown_background();
    result
}

async fn supervise(town: Town, gt: PathBuf, ready: impl FnOnce()) -> Result<(), DaemonError> {
    let paths = town.paths().clone();
    let lock = become_the_daemon(&paths)?;
    let (events, mut queue) = mpsc::channel(QUEUE);
    sources::listen_to_signals(&events).map_err(doing("listen to signals"))?;
    let mut daemon = begin(town, gt, lock, &events)?;
    daemon.write_files();
    daemon.take_first_files(&mut queue).await;
    daemon.listen(&events)?;
    let watcher = watch_files(&paths, &events);
    if let Err(error) = &watcher {
        let text = format!("files are not watched: {error}");
        daemon.note(EventKind::Unobservable, None, text);
    }
    let text = format!("pid {}", std::process::id());
    daemon.note(EventKind::DaemonStarted, None, text);
    watch::watch(&daemon.hands);
    daemon.heartbeat();
    ready();
    daemon.supervise(&mut queue).await;
    daemon.leave_tmux().await;
    daemon.end();
    daemon.finish_writing().await;
    hand_over_answers().await;
    Ok(())
}

/// Makes the daemon's directories and takes the lock that only one daemon of the town has.
fn become_the_daemon(paths: &TownPaths) -> Result<Lock, DaemonError> {
    town::private::secure(paths).map_err(DaemonError::Private)?;
    fs_err::create_dir_all(paths.daemon_directory())
        .map_err(doing("make the daemon's directory"))?;
    // The deacon starts in it, and the original makes it only when the deacon reports. Where it
    // cannot be made, the deacon's seat says what it waits on.
    let _ = fs_err::create_dir_all(paths.root().join(AgentId::Deacon.work_dir()));
    refuse_second(paths)?;
    Lock::acquire(&paths.daemon_lock(), LOCK_PATIENCE).map_err(DaemonError::Lock)
}

/// Watches the files that a person or an old tool changes, for as long as the watcher is kept.
fn watch_files(
    paths: &TownPaths,
    events: &mpsc::Sender<Event>,
) -> notify::Result<RecommendedWatcher> {
    let mut watched = vec![paths.root().to_owned(), paths.root().join("mayor")];
    // One of the town's is made, so that what is put into it is seen; one of a person's that is made
    // later is read by the next reload.
    let _ = fs_err::create_dir_all(paths.presets());
    let presets = [Some(paths.presets()), config::user_presets()];
    let is_there = |directory: &PathBuf| directory.is_dir();
    watched.extend(presets.into_iter().flatten().filter(is_there));
    sources::watch_files(&watched, events.clone())
}

/// A daemon whose lock was removed lives all the same.
fn refuse_second(paths: &TownPaths) -> Result<(), DaemonError> {
    let lock = paths.daemon_lock();
    let is_removed = matches!(lock.try_exists(), Ok(false));
    match server::listening(&paths.daemon_socket()).filter(|_| is_removed) {
        Some(pid) => Err(DaemonError::Lock(LockError::Held {
            path: lock,
            holder: Some(pid),
        })),
        None => Ok(()),
    }
}

/// Lets the clients' tasks write what they were answered last: each is woken already, and writes a
/// line without waiting.
async fn hand_over_answers() {
    const TURNS: usize = 8;
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// Opens everything; nothing is supervised yet.
fn begin(
    town: Town,
    gt: PathBuf,
    lock: Lock,
    events: &mpsc::Sender<Event>,
) -> Result<Daemon, DaemonError> {
    let paths = town.paths().clone();
    let log = Log::open(&paths.daemon_log()).map_err(doing("open the daemon's log"))?;
    let config = Config::load(&paths.town_toml()).map_err(DaemonError::Config)?;
    let captured = Captured::read(&paths).map_err(|error| DaemonError::System {
        doing: "read the captured environment",
        source: std::io::Error::other(error),
    })?;
    // Without its store the town is adopted as it is, and nothing is started or ended.
    let boot_id = process::boot_id().map_err(doing("read the boot id"))?;
    let place = site::place(&paths.private()).map_err(doing("look at the town's directory"))?;
    let mut store = Lazy::new(paths.store());
    let reading = store.get();
    let reading = reading.and_then(|store| FirstReading::of(store, &boot_id, &place));
    tmux::probe(TMUX_DEADLINE).map_err(DaemonError::Tmux)?;
    town_server::restore_socket(&paths);
    let tmux_socket = town_server::choose(&paths, &config);
    let tmux = connect_tmux(&paths, &tmux_socket, &gt);
    let hands = Hands {
        site: Site::open(paths.root()).map_err(doing("open the town's directory"))?,
        store: StoreThread::spawn(store, events.clone())
            .map_err(doing("start the store's thread"))?,
        terminal: Terminal::new(tmux),
        tmux_socket,
        events: events.clone(),
        boot_id,
        place,
        town,
        gt,
        news: RefCell::default(),
    };
    let state = first_state(&paths, clock::now());
    let files = (lock, log);
    let mut daemon = Daemon::new(hands, config, captured.unwrap_or_default(), state, files);
    daemon.take_first_reading(reading.into());
    daemon.compare_tmux();
    Ok(daemon)
}

/// A terminal on this socket.
fn connect_tmux(paths: &TownPaths, socket: &Path, gt: &Path) -> Tmux {
    let server = Server::new(socket, &paths.tmux_config(), TMUX_DEADLINE);
    let quiet = vec![gt.into(), "quiet".into()];
    Tmux::Control(Box::new(Control::new(server, quiet)))
}

/// Writes what tmux, agents and people read of a daemon. What cannot be written, on a full disk for
/// instance, is a problem to show, and no reason to leave the town alone.
fn write_files(paths: &TownPaths, config: &Config, socket: &Path, gt: &Path) -> Vec<String> {
    let is_remembered = town_server::in_use(paths).as_deref() == Some(socket);
    let text = tmux::config::server_config(config.tmux_user_config.as_deref());
    let written = [
        make_default_directory(socket),
        match is_remembered {
            true => Ok(()),
            false => town_server::remember(paths, socket, None),
        },
        hook::style::write_files(paths, gt),
        atomic::keep_private(&paths.tmux_config(), text.as_bytes()),
        pid_file::write(&paths.daemon_pid(), std::process::id()).map_err(std::io::Error::other),
    ];
    let failures = written.into_iter().filter_map(Result::err);
    failures.map(|error| chain(&error)).collect()
}

/// Makes the directory of the default server as tmux itself makes it, which it does only for a server
/// that it looks for by name.
fn make_default_directory(socket: &Path) -> std::io::Result<()> {
    let directory = socket.parent().filter(|directory| !directory.exists());
    match directory.filter(|_| *socket == tmux::default_socket()) {
        Some(directory) => private::secure_one(directory)
            .map(drop)
            .map_err(std::io::Error::other),
        None => Ok(()),
    }
}

/// The count of heartbeats goes on over restarts, as in the original.
fn first_state(paths: &TownPaths, now: Timestamp) -> DaemonState {
    let before =
        DaemonState::read(&paths.daemon_state()).unwrap_or_else(|_| DaemonState::default());
    DaemonState {
        running: true,
        pid: i64::from(std::process::id()),
        started_at: Some(now),
        last_heartbeat: None,
        heartbeat_count: before.heartbeat_count,
    }
}

impl Daemon {
    /// Serves clients, and whoever wakes the loop.
    fn listen(&self, events: &mpsc::Sender<Event>) -> Result<(), DaemonError> {
        let paths = self.hands.town.paths();
        let socket = paths.daemon_socket();
        let listener = server::bind(&socket).map_err(doing("listen on the daemon's socket"))?;
        sources::listen_to_wake_ups(paths.wake_socket(), events)
            .map_err(doing("listen for wake-ups"))?;
        let lock = Rc::clone(&self.lock);
        tokio::task::spawn_local(server::serve(socket, listener, lock, events.clone()));
        Ok(())
    }

    /// Nothing is known yet.
    fn new(
        hands: Hands,
        config: Config,
        captured: Captured,
        state: DaemonState,
        (lock, log): (Lock, Log),
    ) -> Self {
        Self {
            policy: config.policy.clone(),
            hands: Rc::new(hands),
            lock: Rc::new(RefCell::new(lock)),
            config,
            captured,
            discovery: None,
            seats: BTreeMap::new(),
            seatless: BTreeSet::new(),
            clockwork: Clockwork::new(Moment::now()),
            lookout: Lookout::default(),
            rows: None,
            store_trouble: None,
            store_writing: None,
            tmux_trouble: None,
            told_down: false,
            raised_at: None,
            problems: Vec::new(),
            roster_problems: Vec::new(),
            unwritten: Vec::new(),
            plan: Plan::default(),
            waiters: Vec::new(),
            state,
            log,
            links: 0,
            store_reading: Refresh::default(),
            tmux_reading: Refresh::default(),
            files: FilesReading::default(),
            tmux_server: None,
            remembered: None,
            hooks_ignored: Ignored::default(),
            stirred: false,
            is_lost: false,
            is_displaced: false,
            ending: false,
            ended_by: None,
        }
    }

    /// Writes what others read of it.
    fn write_files(&mut self) {
        let (hands, config) = (&self.hands, &self.config);
        let unwritten = write_files(hands.town.paths(), config, &hands.tmux_socket, &hands.gt);
        for problem in &unwritten {
            self.note(EventKind::ActionFailed, None, problem.clone());
        }
        self.unwritten = unwritten;
    }

    fn take_first_reading(&mut self, reading: Observed<FirstReading>) {
        match reading {
            // Its mail is met by the next reading, which acts on it.
            Observed::Known(reading) => {
                self.rows = Some(TownRows {
                    lifecycle_mail: Vec::new(),
                    ..self.remember_all(reading)
                });
            }
            // What lives is adopted all the same, and nothing is started or ended.
            Observed::Unknown(reason) => self.store_trouble = Some(reason),
        }
    }

    /// The loop: take in what happened, then one beat for all of it.
    async fn supervise(&mut self, queue: &mut mpsc::Receiver<Event>) {
        let mut last_heartbeat = clock::monotonic();
        let watchdog = service_notify::interval().unwrap_or(Duration::MAX);
        while !self.ending {
            // Told by the loop itself: one that hangs falls silent.
            let _ = service_notify::alive();
            let wait = self.next_look(last_heartbeat + self.config.heartbeat);
            let awake = wait.max(BREATH).min(watchdog);
            let first = match tokio::time::timeout(awake, queue.recv()).await {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(_) => Event::Tick,
            };
            // Before anything is taken in: no news is judged across a jump that is not known of.
            self.look_at_clocks();
            let stirred = self.handle_waiting(first, queue) || wait.is_zero();
            if self.ending {
                return;
            }
            if !stirred {
                continue;
            }
            // As configured now: it may have been changed since.
            if clock::monotonic() >= last_heartbeat + self.config.heartbeat {
                last_heartbeat = clock::monotonic();
                self.heartbeat();
            }
            self.beat();
        }
    }

    /// Takes in an event and what waits with it, so that a burst costs one beat; at most a
    /// queueful, so that a source that never rests does not hold the beat up. Whether any of it
    /// calls for a beat.
    fn handle_waiting(&mut self, first: Event, queue: &mut mpsc::Receiver<Event>) -> bool {
        let mut stirred = first.stirs();
        self.handle(first);
        for _ in 0..QUEUE {
            match queue.try_recv() {
                Ok(event) if !self.ending => {
                    stirred |= event.stirs();
                    self.handle(event);
                }
                Ok(_) | Err(_) => break,
            }
        }
        std::mem::take(&mut self.stirred) || stirred
    }

    /// Until when nothing has to be done unless something happens.
    fn next_look(&self, next_heartbeat: Duration) -> Duration {
        let now = clock::monotonic();
        let heartbeat = next_heartbeat.saturating_sub(now);
        let planned = self
            .plan
            .next_look()
            .map(|until| elapsed(clock::now(), until));
        let waiters = self
            .waiters
            .iter()
            .map(|waiter| waiter.deadline.saturating_sub(now))
            .min();
        [planned, waiters]
            .into_iter()
            .flatten()
            .fold(heartbeat, Duration::min)
    }

    /// The end in order: said, saved, and the agents left running.
    fn end(&mut self) {
        let agents = if self.is_down() {
            "the town is down"
        } else {
            "the agents go on"
        };
        let actor = self.ended_by.clone();
        self.record(NewEvent {
            kind: EventKind::DaemonStopped,
            agent: None,
            actor: actor.unwrap_or_else(|| "daemon".to_owned()),
            text: format!("told to end; {agents}"),
        });
        // The service manager sees the end itself, a moment later.
        let _ = service_notify::stopping();
        if self.is_displaced {
            return;
        }
        let paths = self.hands.town.paths();
        // The lock is the truth; these are for people and old tools.
        let _ = pid_file::remove_own(&paths.daemon_pid(), std::process::id());
        let _ = fs_err::remove_file(paths.daemon_socket());
        let _ = fs_err::remove_file(paths.wake_socket());
    }

    /// Waits for the store's thread to have written what it was given, but not for a hung disk; then
    /// says that nobody runs any more.
    async fn finish_writing(&mut self) {
        const PATIENCE: Duration = Duration::from_millis(80);
        let written = self.hands.store.read(|_| Ok(()));
        // What is not written by then is in the log.
        let _ = tokio::time::timeout(PATIENCE, written).await;
        if self.is_displaced {
            return;
        }
        self.state.running = false;
        // Nobody is left to be told of one that cannot be written.
        let _ = self.state.write(&self.hands.town.paths().daemon_state());
    }

    /// Saves what `gt daemon status` and old tools show, away from the loop: a slow disk holds nobody up.
    pub(crate) fn save_state(&self) {
        let (state, events) = (self.state.clone(), self.hands.events.clone());
        let path = self.hands.town.paths().daemon_state();
        // Nobody is woken when it went well.
        self.hands.store.beside(move || {
            if let Err(error) = state.write(&path) {
                let text = format!("daemon/state.json: {error}");
                // The queue of a daemon that ends is closed, and nobody reads of it any more.
                let _ = events.blocking_send(Event::Trouble(text));
            }
        });
    }
}
