//! The seats of a town: each agent on the roll with what its role's configuration says.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gt_core::Intent;
use gt_core::policy::{Poke, Run};
use gt_core::{AgentId, Observed, Roll};

use crate::config::Config;
use crate::paths::TownPaths;
use crate::preset::Preset;
use crate::registry::{self, Discovery};

/// One seat: who, what it runs, where, and when.
#[derive(Debug, Clone)]
pub struct SeatSpec {
    /// Whose seat it is.
    pub agent: AgentId,
    /// Whether the town's registry and directories have it. One that they do not is shown for as
    /// long as something of it runs, and never started.
    pub is_listed: bool,
    /// When it runs unasked.
    pub run: Run,
    /// When it is poked.
    pub poke: Poke,
    /// What it runs.
    pub preset: Arc<Preset>,
    /// The model that it is started with; none where its program chooses.
    pub model: Option<String>,
    /// Where it runs, absolute.
    pub work_dir: PathBuf,
    /// The name of its tmux session: display only.
    pub session_name: String,
}

impl SeatSpec {
    /// Whether nobody asked for or against a run, and its role does not always run. What it owes
    /// is another matter.
    pub fn is_unasked(&self, intent: Option<&Intent>) -> bool {
        intent.is_none() && self.run != Run::Always
    }
}

/// The seats of a town.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// One for each agent that may be started.
    pub seats: Vec<SeatSpec>,
    /// Agents left out because an earlier one has their session's name.
    pub collisions: Vec<Collision>,
}

/// Two agents whose sessions would have one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// Who has the name.
    pub holder: AgentId,
    /// Who has no seat because of it.
    pub left_out: AgentId,
}

/// The roster of a town as its files are now.
#[derive(Debug, Clone)]
pub struct TownRoster {
    /// One for each agent that may be started.
    pub seats: Vec<SeatSpec>,
    /// What was found and could not be used, a line each.
    pub problems: Vec<String>,
    /// Who was found, to fall back on when the next reading fails.
    pub discovery: Discovery,
}

/// Reads who is in the town, and gives each a seat. Names that cannot be read any more are taken
/// from `previous`.
pub fn read(paths: &TownPaths, config: &Config, previous: Option<&Discovery>) -> TownRoster {
    of(paths, config, registry::discover(paths, previous))
}

/// A seat for each of those who were found in the town.
pub fn of(paths: &TownPaths, config: &Config, discovery: Discovery) -> TownRoster {
    let roster = roster(config, &discovery.roll, paths);
    let mut problems: Vec<String> = discovery.problems.iter().map(ToString::to_string).collect();
    problems.extend(roster.collisions.iter().map(|one| {
        format!(
            "{} has no seat: {} has its session's name",
            one.left_out, one.holder
        )
    }));
    TownRoster {
        seats: roster.seats,
        problems,
        discovery,
    }
}

/// A seat for an agent that is not in the town any more and of which something still runs: shown,
/// and never started.
pub fn unlisted(paths: &TownPaths, config: &Config, agent: &AgentId) -> SeatSpec {
    SeatSpec {
        is_listed: false,
        run: Run::Never,
        ..seat(config, agent, paths)
    }
}

/// The roster of a town. Of agents whose sessions would have one name, such as polecat `b-c` of
/// rig `a` and polecat `c` of rig `a-b`, only the first has a seat.
pub fn roster(config: &Config, roll: &Roll, paths: &TownPaths) -> Roster {
    let mut roster = Roster::default();
    let mut holders: HashMap<String, &AgentId> = HashMap::new();
    for agent in roll.agents() {
        let seat = seat(config, agent, paths);
        match holders.entry(seat.session_name.clone()) {
            Entry::Vacant(place) => {
                place.insert(agent);
                roster.seats.push(seat);
            }
            Entry::Occupied(holder) => roster.collisions.push(Collision {
                holder: (*holder.get()).clone(),
                left_out: agent.clone(),
            }),
        }
    }
    roster
}

fn seat(config: &Config, agent: &AgentId, paths: &TownPaths) -> SeatSpec {
    let role = config.role(agent.role());
    SeatSpec {
        agent: agent.clone(),
        is_listed: true,
        run: role.run,
        poke: role.poke,
        preset: Arc::clone(&role.agent),
        model: role.model.clone(),
        work_dir: paths.root().join(agent.work_dir()),
        session_name: agent.session_name(),
    }
}

/// Whether a successor could be started, asked before its predecessor is stopped: its work
/// directory is there, and its program is found on `path`, the agent's own `PATH`. The inner error
/// names what is missing, to follow "waits on"; what could not be looked at is unknown.
pub fn launch_readiness(seat: &SeatSpec, path: &str) -> Observed<Result<(), String>> {
    if !seat.is_listed {
        let lack = "a place in the town: neither its registry nor its directories have it";
        return Observed::Known(Err(lack.to_owned()));
    }
    match is_directory(&seat.work_dir) {
        Ok(true) => {}
        Ok(false) => {
            return Observed::Known(Err(format!(
                "the work directory `{}`, which is not there",
                seat.work_dir.display()
            )));
        }
        Err(error) => {
            return Observed::unknown(format_args!("`{}`: {error}", seat.work_dir.display()));
        }
    }
    let Some(program) = seat.preset.command.first() else {
        return Observed::Known(Err(format!(
            "a command for agent `{}`, which has none",
            seat.preset.name
        )));
    };
    find_program(program, path, &seat.work_dir).map(|found| match found {
        true => Ok(()),
        false => Err(format!(
            "the program `{program}`, which is not found on the agent's PATH"
        )),
    })
}

fn is_directory(path: &Path) -> io::Result<bool> {
    match fs_err::metadata(path) {
        Ok(metadata) => Ok(metadata.is_dir()),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(io::Error::from(error.kind())),
    }
}

/// Looks where execvp(3) would. One directory that cannot be read makes a miss unknown.
fn find_program(program: &str, path: &str, work_dir: &Path) -> Observed<bool> {
    let places: Vec<PathBuf> = match program.contains('/') {
        true => vec![work_dir.join(program)],
        false => path
            .split(':')
            .map(|directory| work_dir.join(directory).join(program))
            .collect(),
    };
    let mut miss = Observed::Known(false);
    for place in places {
        match is_executable(&place) {
            Ok(true) => return Observed::Known(true),
            Ok(false) => {}
            Err(error) => miss = Observed::unknown(format_args!("`{}`: {error}", place.display())),
        }
    }
    miss
}

fn is_executable(path: &Path) -> io::Result<bool> {
    match fs_err::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(io::Error::from(error.kind())),
    }
}

/// Whether an error proves that nothing is there.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests;
