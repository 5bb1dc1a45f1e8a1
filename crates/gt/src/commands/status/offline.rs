//! The town without its daemon: what the holders' files and processes, the store and the roster
//! say. What only a daemon knows is unknown, not absent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gt_api::view::{Agent, Daemon, State, Status, Town};
use gt_core::observed::{Observed, chain};
use gt_core::policy::Run;
use gt_core::time::stamp;
use gt_core::{AgentId, Intent, Role};
use gt_host::config::Config;
use gt_host::daemon_state::DaemonState;
use gt_host::holder::StateError;
use gt_host::holder::protocol::{Phase, Report};
use gt_host::paths::TownPaths;
use gt_host::registry::{self, Discovery};
use gt_host::roster::{self, SeatSpec};
use gt_host::tmux::PaneRow;
use gt_host::town::server;
use gt_host::{holder, lock, process};

use crate::context::{Context, Panes};
use crate::error::{CliError, Doing as _};

/// How long tmux may take to say what it shows.
const TMUX: Duration = Duration::from_secs(2);

/// Looks at the whole town.
pub(super) fn look(context: &Context) -> Status {
    let sight = Sight::of(context, |_, _| registry::discover(context.paths(), None));
    sight.into_status(context)
}

/// Looks at the town and leaves the seats out that rest.
pub(super) fn glance(context: &Context) -> Status {
    let mut sight = Sight::of(context, |sight, config| sight.discover(context, config));
    sight.leave_out_resting(context.paths());
    sight.into_status(context)
}

/// What tmux shows. A town that is on no server has nothing to show, and no program is started for it.
fn shown(context: &Context) -> Panes {
    match server::in_use(context.paths()) {
        Some(_) => context.panes(TMUX),
        None => Ok(Vec::new()),
    }
}

/// What is wanted of each agent.
type Intents = BTreeMap<AgentId, Intent>;

/// What can be read without a daemon.
struct Sight {
    /// In the order in which the daemon lists them.
    seats: Vec<SeatSpec>,
    intents: Option<Intents>,
    reports: Reports,
    panes: Panes,
    problems: Vec<String>,
}

impl Sight {
    fn of(context: &Context, discover: impl FnOnce(&Self, &Config) -> Discovery) -> Self {
        let mut sight = Self {
            seats: Vec::new(),
            intents: None,
            reports: Reports::read(context.paths()),
            panes: shown(context),
            problems: Vec::new(),
        };
        if let Err(reason) = &sight.panes {
            let unknown = format!("what tmux shows is unknown: {reason}");
            sight.problems.push(unknown);
        }
        match context
            .store()
            .and_then(|store| store.intents().doing("read the store"))
        {
            Ok(intents) => sight.intents = Some(intents),
            Err(error) => sight.lacks(&error),
        }
        match context.config() {
            Ok(config) => {
                let discovery = discover(&sight, &config);
                sight.seat(context.paths(), &config, discovery);
            }
            Err(error) => sight.lacks(&error),
        }
        sight
    }

    fn lacks(&mut self, error: &CliError) {
        let problem = format!("{}; `gt doctor` says what to do", error.sentence());
        self.problems.push(problem);
    }

    /// Who is in the town, without those who rest: a large town has hundreds of seats of theirs.
    fn discover(&self, context: &Context, config: &Config) -> Discovery {
        let always = |role| config.role(role).run == Run::Always;
        let Some(intents) = &self.intents else {
            return registry::discover(context.paths(), None);
        };
        let known: BTreeSet<&AgentId> = intents.keys().chain(self.reports.agents()).collect();
        let mut discovery = match always(Role::Crew) || always(Role::Polecat) {
            true => registry::discover(context.paths(), None),
            false => registry::discover_only(context.paths(), &known),
        };
        discovery
            .roll
            .retain(|agent| always(agent.role()) || known.contains(agent));
        discovery
    }

    /// Gives everyone who was found a seat, and who runs without a place in the town.
    fn seat(&mut self, paths: &TownPaths, config: &Config, discovery: Discovery) {
        let roster = roster::of(paths, config, discovery);
        self.problems.extend(roster.problems);
        self.seats = roster.seats;
        self.seats.sort_by(|one, other| one.agent.cmp(&other.agent));
        let seat_of = |agent| self.seats.binary_search_by(|seat| seat.agent.cmp(agent));
        let strangers = self.reports.agents().filter(|agent| {
            seat_of(agent).is_err() && self.reports.see(paths, agent).state != State::Gone
        });
        let strangers: Vec<SeatSpec> = strangers
            .map(|agent| roster::unlisted(paths, config, agent))
            .collect();
        self.seats.extend(strangers);
        self.seats.sort_by(|one, other| one.agent.cmp(&other.agent));
    }

    /// Without the store, nothing is known to be unasked for.
    fn leave_out_resting(&mut self, paths: &TownPaths) {
        let Some(intents) = &self.intents else { return };
        self.seats.retain(|seat| {
            let is_gone = self.reports.see(paths, &seat.agent).state == State::Gone;
            !is_gone || !seat.is_unasked(intents.get(&seat.agent))
        });
    }

    fn into_status(mut self, context: &Context) -> Status {
        let paths = context.paths();
        let down = paths.is_down();
        if let Err(error) = &down {
            let unknown = format!("whether the town is down is unknown: {error}");
            self.problems.push(unknown);
        }
        let agents = self.seats.iter().map(|seat| self.agent(paths, seat));
        Status {
            town: Town {
                name: context.town.name().to_owned(),
                root: paths.root().display().to_string(),
                down: down.unwrap_or(true),
            },
            agents: agents.collect(),
            daemon: daemon(context, &mut self.problems),
            problems: self.problems,
        }
    }

    fn agent(&self, paths: &TownPaths, seat: &SeatSpec) -> Agent {
        let Seen {
            state,
            run,
            holder,
            evidence,
        } = self.reports.see(paths, &seat.agent);
        let shown = in_tmux(&self.panes, seat, holder);
        let intents = self.intents.as_ref();
        let intent = intents.and_then(|intents| intents.get(&seat.agent));
        Agent {
            id: seat.agent.to_string(),
            role: seat.agent.role().to_string(),
            rig: seat.agent.rig().map(ToString::to_string),
            session: seat.session_name.clone(),
            intent: match (intent, intents) {
                (Some(intent), _) => intent.desire.as_str().to_owned(),
                (None, Some(_)) => seat.run.as_str().to_owned(),
                (None, None) => "unknown".to_owned(),
            },
            state,
            since: run.and_then(|report| report.started_at).map(stamp),
            pid: run
                .and_then(|report| report.process)
                .map(|process| process.pid),
            holder_pid: holder,
            incarnation: run
                .and_then(|report| report.incarnation)
                .map(|id| id.to_string()),
            restarts: None,
            waiting: None,
            evidence: [evidence].into_iter().chain(shown).collect(),
        }
    }
}

/// By its lock. One that holds it and does not answer is running and in trouble.
fn daemon(context: &Context, problems: &mut Vec<String>) -> Daemon {
    let paths = context.paths();
    let running = match lock::is_held(&paths.daemon_lock()) {
        Observed::Known(held) => Some(held),
        Observed::Unknown(reason) => {
            problems.push(format!("whether the daemon runs is unknown: {reason}"));
            None
        }
    };
    if running == Some(true) {
        problems.push("the daemon holds its lock and does not answer on its socket: `gt daemon restart` replaces it and keeps the agents".to_owned());
    }
    let state = DaemonState::read(&paths.daemon_state()).unwrap_or_else(|error| {
        problems.push(chain(&error));
        DaemonState::default()
    });
    Daemon {
        running,
        pid: None,
        version: None,
        started_at: None,
        last_heartbeat: state.last_heartbeat.map(stamp),
        heartbeat_count: u64::try_from(state.heartbeat_count).ok(),
    }
}

/// What the holders' files say: one directory is listed, since most seats of a large town have
/// none.
enum Reports {
    Listed(BTreeMap<AgentId, Result<Report, StateError>>),
    Unknown(String),
}

impl Reports {
    fn read(paths: &TownPaths) -> Self {
        match holder::list_state_files(paths) {
            Ok(files) => Self::Listed(files.into_iter().collect()),
            Err(error) => Self::Unknown(chain(&error)),
        }
    }

    /// Those who have one.
    fn agents(&self) -> impl Iterator<Item = &AgentId> {
        let reports = match self {
            Self::Listed(reports) => Some(reports.keys()),
            Self::Unknown(_) => None,
        };
        reports.into_iter().flatten()
    }

    /// What an agent's file, its seat's lock and the kernel say together. A file can be missing,
    /// or an earlier holder's, as on a full disk: only the lock says that nobody sits there.
    fn see(&self, paths: &TownPaths, agent: &AgentId) -> Seen<'_> {
        let report = match self {
            Self::Listed(reports) => reports.get(agent).map(Result::as_ref).transpose(),
            Self::Unknown(reason) => return Seen::without(State::Unknown, reason.clone()),
        };
        let report = match report {
            Ok(report) => report,
            Err(error) => return Seen::without(State::Unknown, chain(error)),
        };
        let is_alive = report.map_or(Observed::Known(false), |it| process::is_alive(it.holder));
        match (is_alive, report) {
            (Observed::Known(true), Some(report)) => Seen::seated(report),
            (Observed::Known(_), report) => Seen::by_lock(&holder::is_taken(paths, agent), report),
            (Observed::Unknown(reason), _) => Seen::without(State::Unknown, reason.to_string()),
        }
    }
}

/// What can be said of one agent.
struct Seen<'a> {
    state: State,
    /// Its run, if it goes on.
    run: Option<&'a Report>,
    holder: Option<u32>,
    evidence: String,
}

impl<'a> Seen<'a> {
    fn without(state: State, evidence: impl Into<String>) -> Self {
        Self {
            state,
            run: None,
            holder: None,
            evidence: evidence.into(),
        }
    }

    /// A seat whose file names no living holder.
    fn by_lock(is_taken: &Observed<bool>, report: Option<&'a Report>) -> Self {
        match (is_taken, report) {
            (Observed::Known(true), _) => Self::without(
                State::Unknown,
                "its holder runs and could not write its file: a daemon can ask it",
            ),
            (Observed::Known(false), Some(report)) => Self::unheld(report),
            (Observed::Known(false), None) => Self::without(State::Gone, "it has no holder"),
            (Observed::Unknown(reason), _) => Self::without(State::Unknown, reason.to_string()),
        }
    }

    /// A seat whose holder is gone: its program may have stayed.
    fn unheld(report: &'a Report) -> Self {
        let of_this_boot = process::boot_id().is_ok_and(|boot| boot == report.boot_id);
        let program = report.process.filter(|_| of_this_boot);
        let lives = program.map_or(Observed::Known(false), process::is_alive);
        match lives {
            Observed::Known(false) => Self::without(State::Gone, "its holder is gone"),
            Observed::Known(true) => Self {
                run: Some(report),
                ..Self::without(State::Unknown, "its holder is gone, and its program runs")
            },
            Observed::Unknown(reason) => Self::without(State::Unknown, reason.to_string()),
        }
    }

    /// A seat whose holder lives. What the agent is doing only a daemon knows.
    fn seated(report: &'a Report) -> Self {
        let state = match report.phase {
            Phase::Idle => State::Exited,
            Phase::Ending => State::Stopping,
            Phase::Running | Phase::Unknown => State::Unknown,
        };
        let lives = |process| process::is_alive(process) == Observed::Known(true);
        let runs = report.phase == Phase::Running && report.process.is_some_and(lives);
        let evidence = match runs {
            true => "its program runs; what it is doing only a daemon knows",
            false => "its holder's file says so",
        };
        Self {
            state,
            run: Some(report).filter(|_| runs),
            holder: Some(report.holder.pid),
            evidence: evidence.to_owned(),
        }
    }
}

/// What tmux shows of an agent, if that is worth a word.
fn in_tmux(panes: &Panes, seat: &SeatSpec, holder: Option<u32>) -> Option<String> {
    let panes = panes.as_ref().ok()?;
    let is_its_own = |pane: &&PaneRow| Some(pane.pane_pid) == holder;
    let name = &seat.session_name;
    let text = match (panes.iter().find(is_its_own), holder) {
        (Some(pane), _) if pane.attached > 0 => {
            format!("tmux shows its session `{name}`, and somebody is attached")
        }
        (Some(_), _) => format!("tmux shows its session `{name}`"),
        (None, Some(_)) => "tmux shows no session with its holder".to_owned(),
        (None, None) => {
            let mut panes = panes.iter();
            panes.find(|pane| pane.session_name == *name)?;
            format!("tmux has a session `{name}` that is not its own")
        }
    };
    Some(text)
}
