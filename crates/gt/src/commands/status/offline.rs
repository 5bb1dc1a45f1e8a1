//! The town without its daemon: what the holders' files and processes, the store and the roster
//! say. What only a daemon knows is unknown, not absent.

use std::collections::{BTreeMap, BTreeSet};

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
use gt_host::{holder, lock, process};

use crate::context::Context;
use crate::error::{CliError, Doing as _};

/// Looks at the whole town.
pub(super) fn look(context: &Context) -> Status {
    let sight = Sight::of(context, |_, _| registry::discover(context.paths(), None));
    sight.into_status(context)
}

/// Looks at the town and leaves the seats out that rest.
pub(super) fn glance(context: &Context) -> Status {
    let mut sight = Sight::of(context, |sight, config| sight.discover(context, config));
    sight.leave_out_resting();
    sight.into_status(context)
}

/// What is wanted of each agent.
type Intents = BTreeMap<AgentId, Intent>;

/// What can be read without a daemon.
struct Sight {
    /// In the order in which the daemon lists them.
    seats: Vec<SeatSpec>,
    intents: Option<Intents>,
    reports: Reports,
    problems: Vec<String>,
}

impl Sight {
    fn of(context: &Context, discover: impl FnOnce(&Self, &Config) -> Discovery) -> Self {
        let mut sight = Self {
            seats: Vec::new(),
            intents: None,
            reports: Reports::read(context.paths()),
            problems: Vec::new(),
        };
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
            seat_of(agent).is_err() && see(&self.reports.of(agent)).state != State::Gone
        });
        let strangers: Vec<SeatSpec> = strangers
            .map(|agent| roster::unlisted(paths, config, agent))
            .collect();
        self.seats.extend(strangers);
        self.seats.sort_by(|one, other| one.agent.cmp(&other.agent));
    }

    /// Without the store, nothing is known to be unasked for.
    fn leave_out_resting(&mut self) {
        let Some(intents) = &self.intents else { return };
        self.seats.retain(|seat| {
            let is_gone = see(&self.reports.of(&seat.agent)).state == State::Gone;
            !is_gone || !seat.is_unasked(intents.get(&seat.agent))
        });
    }

    fn into_status(mut self, context: &Context) -> Status {
        let paths = context.paths();
        let agents = self.seats.iter();
        let agents =
            agents.map(|seat| agent(seat, &self.reports.of(&seat.agent), self.intents.as_ref()));
        Status {
            town: Town {
                name: context.town.name().to_owned(),
                root: paths.root().display().to_string(),
                down: paths.down_file().exists(),
            },
            agents: agents.collect(),
            daemon: daemon(context, &mut self.problems),
            problems: self.problems,
        }
    }
}

/// By its lock. One that holds it and does not answer is running and in trouble.
fn daemon(context: &Context, problems: &mut Vec<String>) -> Daemon {
    let paths = context.paths();
    let running = match lock::is_held(&paths.daemon_lock()) {
        Observed::Known(held) => held,
        Observed::Unknown(reason) => {
            problems.push(format!("whether the daemon runs is unknown: {reason}"));
            false
        }
    };
    if running {
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

    /// None when there is no holder's file; why not, when that is unknown.
    fn of(&self, agent: &AgentId) -> Result<Option<&Report>, String> {
        match self {
            Self::Listed(reports) => match reports.get(agent) {
                Some(Ok(report)) => Ok(Some(report)),
                Some(Err(error)) => Err(chain(error)),
                None => Ok(None),
            },
            Self::Unknown(reason) => Err(reason.clone()),
        }
    }
}

fn agent(
    seat: &SeatSpec,
    report: &Result<Option<&Report>, String>,
    intents: Option<&Intents>,
) -> Agent {
    let seen = see(report);
    let intent = intents.and_then(|intents| intents.get(&seat.agent));
    let running = report.as_ref().ok().copied().flatten();
    let running = running.filter(|_| seen.runs);
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
        state: seen.state,
        since: running.and_then(|report| report.started_at).map(stamp),
        pid: running
            .and_then(|report| report.process)
            .map(|process| process.pid),
        holder_pid: seen.holder,
        incarnation: running
            .and_then(|report| report.incarnation)
            .map(|id| id.to_string()),
        restarts: None,
        waiting: None,
        evidence: vec![seen.evidence],
    }
}

/// What a state file and the kernel say together.
struct Seen {
    state: State,
    runs: bool,
    holder: Option<u32>,
    evidence: String,
}

fn see(report: &Result<Option<&Report>, String>) -> Seen {
    let without = |state, evidence: String| Seen {
        state,
        runs: false,
        holder: None,
        evidence,
    };
    let report = match report {
        Ok(Some(report)) => report,
        Ok(None) => return without(State::Gone, "it has no holder".to_owned()),
        Err(reason) => return without(State::Unknown, reason.clone()),
    };
    match process::is_alive(report.holder) {
        Observed::Unknown(reason) => without(State::Unknown, reason.to_string()),
        Observed::Known(false) => without(State::Gone, "its holder is gone".to_owned()),
        Observed::Known(true) => seated(report),
    }
}

/// A seat whose holder lives. What the agent is doing only a daemon knows.
fn seated(report: &Report) -> Seen {
    let holder = Some(report.holder.pid);
    let state = match report.phase {
        Phase::Idle => State::Exited,
        Phase::Ending => State::Stopping,
        Phase::Running | Phase::Unknown => State::Unknown,
    };
    let runs = report.phase == Phase::Running
        && report
            .process
            .is_some_and(|process| process::is_alive(process) == Observed::Known(true));
    let evidence = if runs {
        "its program runs; what it is doing only a daemon knows".to_owned()
    } else {
        "its holder's file says so".to_owned()
    };
    Seen {
        state,
        runs,
        holder,
        evidence,
    }
}
