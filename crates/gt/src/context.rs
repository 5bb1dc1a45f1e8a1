//! What most commands begin with: the town, who asks, and the names in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::agent_id::AgentIdError;
use gt_core::nearest::nearest;
use gt_core::observed::{Observed, chain};
use gt_core::shell::word;
use gt_core::{AgentId, RigName, Roll};
use gt_host::config::Config;
use gt_host::environment;
use gt_host::holder;
use gt_host::identity::{Caller, IdentityError};
use gt_host::lock;
use gt_host::paths::TownPaths;
use gt_host::registry::{self, Discovery, Problem};
use gt_host::roster::{self, TownRoster};
use gt_host::tmux::{Forked, PaneRow, Server};
use gt_host::town::stranger::{Closed, closed_on_the_way};
use gt_host::town::{Town, server};
use gt_host::wake::{self, Wake};
use gt_store::{Store, StoreError};

use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// How long a command waits for the store's write lock: many short writers meet there.
const STORE_BUSY: Duration = Duration::from_secs(5);

/// The panes of a tmux server, or why they are unknown.
pub(crate) type Panes = Result<Vec<PaneRow>, String>;

/// The town that a command acts on.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) town: Town,
    /// How long it waits for the store's write lock.
    patience: Duration,
}

impl Context {
    /// Finds the town: `--town`, else the one around the current directory.
    pub(crate) fn find(given: Option<&Path>) -> CliResult<Self> {
        let start = match given {
            Some(path) => path.to_owned(),
            None => std::env::current_dir().doing("read the current directory")?,
        };
        let town = Town::around(&start).map_err(|error| {
            closed_on_the_way(&start).map_or_else(|| not_in_a_town(&error), another_users)
        })?;
        if let Some(closed) = closed_on_the_way(&town.paths().private()) {
            return Err(another_users(closed));
        }
        town.agrees_with(environment::variable(environment::GT_TOWN).as_deref())
            .map_err(|error| other_town(&error))?;
        Ok(Self::of(town))
    }

    /// For a town that was found.
    pub(crate) fn of(town: Town) -> Self {
        Self {
            town,
            patience: STORE_BUSY,
        }
    }

    /// The same, for a command that waits for nobody longer than this.
    pub(crate) fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(crate) fn paths(&self) -> &TownPaths {
        self.town.paths()
    }

    /// Who runs this command.
    pub(crate) fn caller(&self) -> CliResult<Caller> {
        Caller::own(self.paths()).map_err(|error| self.not_borne_out(&error))
    }

    /// Refuses what only a person may do.
    pub(crate) fn refuse_agent(&self, what: &str) -> CliResult {
        match Caller::own(self.paths()) {
            caller if Caller::may_be_person(&caller) => Ok(()),
            Ok(caller) => {
                let why = format!("{} asks, and only a person {what}", caller.actor());
                let hint = "a person does it from a terminal of their own; `gt handoff` ends one's own run";
                Err(CliError::new(Kind::Refused, why).hint(hint))
            }
            Err(error) => Err(self.not_borne_out(&error)),
        }
    }

    /// The refusal of a caller who is not who it says, which is put on record, or cannot be named.
    fn not_borne_out(&self, error: &IdentityError) -> CliError {
        if matches!(error, IdentityError::Forged { .. }) {
            self.record_forgery(&error.to_string());
        }
        CliError::new(Kind::Refused, chain(error))
            .hint("run it without the GT_ variables of another agent")
    }

    fn record_forgery(&self, text: &str) {
        let event = gt_core::event::NewEvent {
            kind: gt_core::event::EventKind::Forgery,
            agent: None,
            actor: "unknown".to_owned(),
            text: text.to_owned(),
        };
        // The refusal itself does not depend on its record.
        if let Ok(mut store) = self.store() {
            let _ = store.append(gt_host::clock::now(), &event);
        }
    }

    pub(crate) fn config(&self) -> CliResult<Config> {
        Config::load(&self.paths().town_toml())
            .doing("read the town's configuration")
            .map_err(|error| error.hint("`gt config check` shows what is wrong"))
    }

    pub(crate) fn store(&self) -> CliResult<Store> {
        let path = self.paths().store();
        // A daemon keeps it there, and writes it anew if it is removed: a new one would be empty.
        let opened = match self.has_daemon() {
            true => {
                self.await_store();
                Store::open_shared(&path, self.patience)
            }
            false => Store::open(&path, self.patience),
        };
        opened.map_err(|cause| {
            let hints = store_hints(&cause);
            let error = CliError::failed("cannot open the town's store").caused_by(cause);
            hints.into_iter().fold(error, CliError::hint)
        })
    }

    fn has_daemon(&self) -> bool {
        lock::is_held(&self.paths().daemon_lock()) == Observed::Known(true)
    }

    /// Has a daemon that runs write the store anew if somebody removed its file, and waits for that: a
    /// new one would have nothing in it.
    pub(crate) fn await_store(&self) {
        /// A store of some megabytes takes a fraction of this.
        const PATIENCE: Duration = Duration::from_secs(3);
        let path = self.paths().store();
        let is_there = || path.exists().then_some(());
        if is_there().is_none() && self.has_daemon() {
            self.wake();
            crate::wait::until(PATIENCE, is_there);
        }
    }

    /// Everyone who has a place in the town; whoever is found on disk where the registry cannot be
    /// read, so that a person still gets at what runs.
    pub(crate) fn roll(&self) -> Roll {
        self.discovery().roll
    }

    fn discovery(&self) -> Discovery {
        registry::discover(self.paths(), None)
    }

    /// Every seat of the town, with what could not be used.
    pub(crate) fn roster(&self) -> CliResult<TownRoster> {
        Ok(roster::read(self.paths(), &self.config()?, None))
    }

    /// The socket of the town's tmux server: where it is, or would come up.
    pub(crate) fn tmux_socket(&self) -> CliResult<PathBuf> {
        server::restore_socket(self.paths());
        match server::in_use(self.paths()) {
            Some(socket) => Ok(socket),
            None => Ok(self.config()?.tmux_socket_path(self.paths())),
        }
    }

    /// The town's tmux server, with so much time for an answer.
    pub(crate) fn tmux_server(&self, deadline: Duration) -> CliResult<Server> {
        Ok(Server::new(
            &self.tmux_socket()?,
            &self.paths().tmux_config(),
            deadline,
        ))
    }

    /// Every pane of the town's tmux server; none where no server runs.
    pub(crate) fn panes(&self, deadline: Duration) -> Panes {
        let server = self.tmux_server(deadline);
        let server = server.map_err(|problem| problem.sentence())?;
        let panes = Forked::new(server).panes();
        panes.map_err(|problem| chain(&problem))
    }

    /// Whether the town is on a server of its own, which is the town's to end. It is when the
    /// configuration cannot be read: nobody else has a reason to listen there.
    pub(crate) fn owns_tmux(&self) -> bool {
        self.tmux_socket()
            .map_or(true, |socket| socket == self.paths().tmux_socket())
    }

    /// The agent that `text` names.
    pub(crate) fn agent(&self, text: &str) -> CliResult<AgentId> {
        let discovery = self.discovery();
        let found = discovery.roll.resolve(text);
        found.or_else(|error| {
            let seated = AgentId::from_canonical(text).ok();
            let seated = seated.filter(|agent| self.is_seated(agent));
            seated.ok_or_else(|| {
                but_for_registry(no_agent(text, &error, &discovery.roll, &[]), &discovery)
            })
        })
    }

    /// Whether somebody sits in an agent's seat: one that runs is there, whatever became of its place in
    /// the town.
    pub(crate) fn is_seated(&self, agent: &AgentId) -> bool {
        holder::is_taken(self.paths(), agent) == Observed::Known(true)
    }

    /// The rig that `text` names.
    pub(crate) fn rig(&self, text: &str) -> CliResult<RigName> {
        let discovery = self.discovery();
        let rigs = discovery.roll.rigs();
        let found = rigs.iter().find(|rig| rig.as_str() == text);
        found.cloned().ok_or_else(|| {
            let error = no_rig(text, rigs.iter().map(RigName::as_str));
            but_for_registry(error, &discovery)
        })
    }

    /// The rig around the current directory.
    pub(crate) fn rig_here(&self) -> CliResult<RigName> {
        let here = std::env::current_dir().doing("read the current directory")?;
        let inside = here.strip_prefix(self.paths().root()).ok();
        let first = inside.and_then(|path| path.components().next());
        match first {
            Some(name) => self.rig(&name.as_os_str().to_string_lossy()),
            None => Err(
                CliError::new(Kind::Usage, "the current directory is in no rig")
                    .hint("name it with `--rig RIG`"),
            ),
        }
    }

    /// Tells the daemon that the store was written. Without one, the next daemon reads it.
    pub(crate) fn wake(&self) {
        // A hint: every heartbeat reads the store anyway.
        let _ = wake::send(self.paths(), &Wake::Store);
    }

    /// Wakes the daemon for what it shall bring to an agent, and says so if there is none.
    pub(crate) fn wake_to_bring(&self) {
        // A daemon whose socket cannot be written to reads the store at its next heartbeat.
        if matches!(wake::send(self.paths(), &Wake::Store), Ok(false)) {
            printer::talk("no daemon runs that could bring it: `gt up` starts the town");
        }
    }

    /// Tells the daemon that an agent ran this command on purpose, and mirrors it where the
    /// original did.
    pub(crate) fn keepalive(&self, command: &str) {
        let Ok(Caller::Agent {
            agent,
            incarnation: Some(incarnation),
        }) = Caller::own(self.paths())
        else {
            return;
        };
        let wake = Wake::Keepalive {
            incarnation,
            agent: Some(agent),
            command: command.to_owned(),
        };
        // A sign of life that is lost is followed by others.
        let _ = wake::send(self.paths(), &wake);
        let _ = gt_host::keepalive::mirror(self.paths(), command, gt_host::clock::now());
    }

    /// The binary that runs.
    pub(crate) fn gt() -> CliResult<PathBuf> {
        std::env::current_exe().doing("find this program's own file")
    }
}

/// What to do about a store that does not open.
pub(crate) fn store_hints(error: &StoreError) -> Vec<String> {
    let (StoreError::Corrupt { path, .. }
    | StoreError::BadRow { path, .. }
    | StoreError::Removed { path, .. }) = error
    else {
        return vec!["`gt doctor` looks at the store".to_owned()];
    };
    let aside = path.with_file_name("damaged");
    let (path, aside) = (path.to_string_lossy(), aside.to_string_lossy());
    vec![
        format!(
            "`mkdir -p {aside} && mv {path}* {aside}` moves it away, `gt daemon restart` then \
             begins a new one; a good copy can be put in its place before that",
            aside = word(&aside),
            path = word(&path),
        ),
        "what it held is lost with it: mail, what you wished of agents, the history; agents that \
         run keep running"
            .to_owned(),
    ]
}

/// The error for a text that names no agent, nor one of the `others`: often its rig is not there.
pub(crate) fn no_agent(text: &str, error: &AgentIdError, roll: &Roll, others: &[&str]) -> CliError {
    let name = text.trim_end_matches('/');
    let agents = roll.agents().iter().map(ToString::to_string);
    let known: Vec<String> = agents
        .chain(others.iter().map(|&other| other.to_owned()))
        .collect();
    let is_alike = nearest(name, known.iter().map(String::as_str)).is_some();
    if let Some(rig) = unknown_rig(text, roll).filter(|_| !is_alike) {
        return no_rig(rig, roll.rigs().iter().map(RigName::as_str));
    }
    let error = CliError::new(Kind::Usage, gt_core::observed::chain(error));
    did_you_mean(error, name, &known).hint("`gt agents` lists them")
}

/// The rig in an agent's or a rig's address, if there is none of that name.
fn unknown_rig<'a>(text: &'a str, roll: &Roll) -> Option<&'a str> {
    let (rig, _) = text.split_once('/')?;
    let is_known = AgentId::from_canonical(rig).is_ok()
        || roll.rigs().iter().any(|known| known.as_str() == rig);
    (!is_known).then_some(rig)
}

/// The error for a rig that the town does not have.
pub(crate) fn no_rig<'a>(text: &str, rigs: impl IntoIterator<Item = &'a str>) -> CliError {
    let known: Vec<String> = rigs.into_iter().map(str::to_owned).collect();
    let message = format!("no rig `{}` in this town", text.escape_default());
    did_you_mean(CliError::new(Kind::Usage, message), text, &known).hint("`gt rig list` lists them")
}

/// Says so when a name may be unknown only because the registry was not read.
fn but_for_registry(error: CliError, discovery: &Discovery) -> CliError {
    let is_registry = |problem: &&Problem| matches!(problem, Problem::Registry { .. });
    match discovery.problems.iter().find(is_registry) {
        Some(problem) => error.hint(format!("{problem}; only what is on disk was looked at")),
        None => error,
    }
}

/// Names what was probably meant.
pub(crate) fn did_you_mean(error: CliError, text: &str, known: &[String]) -> CliError {
    match nearest(text, known.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// The error for a town that another user keeps: nothing of it can be seen or changed.
fn another_users(closed: Closed) -> CliError {
    let error = CliError::new(
        Kind::Refused,
        format!("the town is another user's: {closed}"),
    );
    let error = match &closed.owner {
        Some(owner) => error.hint(format!("run it as its owner, with `sudo -u {owner} gt …`")),
        None => error,
    };
    error.hint("a town of your own is made by `gt install ~/town`")
}

fn other_town(error: &gt_host::town::TownError) -> CliError {
    CliError::new(Kind::Refused, gt_core::observed::chain(error))
        .hint("an agent keeps to its own town; a person leaves it by `unset GT_TOWN`")
}

fn not_in_a_town(error: &gt_host::town::TownError) -> CliError {
    CliError::new(Kind::NotInATown, gt_core::observed::chain(error))
        .hint("go to a town, name one with `--town DIR`, or make one with `gt install DIR`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_users_town_is_told_with_whose_it_is_and_what_to_do() {
        let error = another_users(Closed {
            path: "/srv/town/.gt".into(),
            uid: 1000,
            owner: Some("ann".to_owned()),
        });
        let said = error.to_string();
        assert!(
            said.contains("`/srv/town/.gt` belongs to user ann (1000)"),
            "{said}"
        );
        assert!(said.contains("`sudo -u ann gt …`"), "{said}");
        assert_eq!(error.kind, Kind::Refused);
    }
}
