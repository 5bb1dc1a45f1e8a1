//! town.toml: what people say about their town. Every key has a default; a mistake is named with
//! its line, its key and the key that may have been meant; comments stay when gt writes it.

mod change;
pub mod duration;
pub(crate) mod entries;
mod key;
mod kind;
mod preset_files;
mod schema;
mod template;
mod twice;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gt_core::Role;
use gt_core::nearest::nearest;
use gt_core::nudge::is_plain_line;
use gt_core::policy::{Poke, PokePolicy, Policy, RestartPolicy, Run};
use gt_core::screen::ScreenState;

pub use duration::parse as parse_duration;
pub use entries::Mistake;
pub use key::{Fallback, KEYS, Key};
pub use kind::{Kind, Value};
pub use preset_files::user_presets;
pub use schema::{preset_schema, schema};
pub use template::template;

use crate::lock::{Lock, LockError};
use crate::paths::TownPaths;
use crate::preset::{self, Preset};
use crate::town::private::{self, PrivateError};
use entries::Entries;

/// How long `gt config set` waits for another one.
const PATIENCE: Duration = Duration::from_secs(5);

/// The configuration of a town, complete and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[daemon] heartbeat`.
    pub heartbeat: Duration,
    /// `[poke]`, `[restart]` and `[tmux] attached_quiet`: what decisions follow.
    pub policy: Policy,
    /// `[tmux] socket`.
    pub tmux_socket: TmuxSocket,
    /// `[tmux] user_config`.
    pub tmux_user_config: Option<PathBuf>,
    /// `[env] pass`.
    pub pass: Vec<String>,
    roles: BTreeMap<Role, RoleConfig>,
    names: BTreeSet<String>,
    entries: Entries,
}

/// `[roles.ROLE]`.
#[derive(Debug, Clone)]
pub struct RoleConfig {
    /// What its agents run.
    pub agent: Arc<Preset>,
    /// The model that they are started with; none where their program chooses.
    pub model: Option<String>,
    /// When they run unasked.
    pub run: Run,
    /// When they are poked.
    pub poke: Poke,
}

/// Which tmux server the town uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TmuxSocket {
    /// One of its own.
    Town,
    /// The user's, as the original does.
    Default,
    /// The one at this socket.
    Path(PathBuf),
}

/// The value of a key, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// The key's path.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Who says so.
    pub origin: Origin,
}

/// Who gave a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// town.toml.
    File,
    /// The preset of that name, built in or in a file of its own.
    Preset,
    /// The table of keys.
    Default,
}

/// Why the configuration could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or written; the text names it.
    #[error(transparent)]
    Io(io::Error),
    /// The file has mistakes.
    #[error("{}", lines(path, mistakes))]
    Mistakes {
        /// Which file.
        path: PathBuf,
        /// Every mistake in it.
        mistakes: Vec<Mistake>,
    },
    /// There is no such key.
    #[error("`{}` is not a key{}", key.escape_default(), meant(suggestion.as_deref()))]
    UnknownKey {
        /// As given.
        key: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// It is a table of keys.
    #[error("`{table}` is a table, not a key; its keys are {}", keys.join(", "))]
    Table {
        /// Which table.
        table: String,
        /// The paths of what lies in it.
        keys: Vec<String>,
    },
    /// The key does not take the value.
    #[error("`{key}` {problem}")]
    BadValue {
        /// Which key.
        key: String,
        /// What is wrong, in words that follow the key.
        problem: String,
    },
    /// The directory of its lock is not safe to use.
    #[error(transparent)]
    Private(PrivateError),
    /// Another program is changing the file and does not end.
    #[error("the configuration cannot be changed now")]
    Locked(#[source] LockError),
}

fn lines(path: &Path, mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes
        .iter()
        .map(|mistake| format!("{}: {mistake}", path.display()))
        .collect();
    lines.join("\n")
}

fn meant(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

impl PartialEq for Config {
    /// Whether they say the same, in the same places.
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Config {
    /// Reads the file and the files of presets; the defaults without one.
    ///
    /// # Errors
    /// [`ConfigError::Io`], or [`ConfigError::Mistakes`] with all of a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::of_text(&text_of(path)?, path)
    }

    /// Reads what the file at `path` would say with this text.
    fn of_text(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let presets = preset_files::read(path)?;
        let entries = Entries::read(text).map(|entries| entries.over(presets));
        let built = entries.and_then(Self::build);
        built.map_err(|mistakes| ConfigError::Mistakes {
            path: path.to_owned(),
            mistakes,
        })
    }

    /// Reads a text.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn check(text: &str) -> Result<Self, Vec<Mistake>> {
        Self::build(Entries::read(text)?)
    }

    /// The socket of the tmux server that the town uses.
    pub fn tmux_socket_path(&self, paths: &TownPaths) -> PathBuf {
        match &self.tmux_socket {
            TmuxSocket::Town => paths.tmux_socket(),
            TmuxSocket::Default => crate::tmux::default_socket(),
            TmuxSocket::Path(path) => path.clone(),
        }
    }

    /// The role's agents.
    pub fn role(&self, role: Role) -> &RoleConfig {
        self.roles.get(&role).expect("every role was filled in")
    }

    /// The preset of a name, as town.toml changes it.
    pub fn agent(&self, name: &str) -> Option<Preset> {
        let is_known = self.names.contains(name);
        is_known.then(|| Preset::from_entries(name, &self.entries))
    }

    /// The names of every preset and `[agents.NAME]`.
    pub fn agent_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The value of a key; none for one that has neither entry nor default.
    ///
    /// # Errors
    /// [`ConfigError::UnknownKey`].
    pub fn get(&self, key: &str) -> Result<Option<Effective>, ConfigError> {
        find_key(key)?;
        Ok(self.entries.effective(key))
    }

    /// Every value that holds in a table, in the order of the table of keys; none if `path` is none.
    pub fn table(&self, path: &str) -> Vec<Effective> {
        let inside = format!("{path}.");
        let mut effective = self.effective();
        effective.retain(|one| one.key.starts_with(&inside));
        effective
    }

    /// Every value that holds, in the order of the table.
    pub fn effective(&self) -> Vec<Effective> {
        let names: Vec<&str> = self.agent_names().collect();
        let paths = KEYS.iter().flat_map(|key| self.entries.expand(key, &names));
        paths
            .filter_map(|path| self.entries.effective(&path))
            .collect()
    }

    fn build(entries: Entries) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = entries.out_of_order();
        let names = entries.agent_names();
        // A preset is a hundred patterns: those that no role runs are not compiled.
        let mut agents = BTreeMap::new();
        let mut roles = BTreeMap::new();
        for role in Role::ALL {
            match entries.role(role, &names, &mut agents) {
                Ok(config) => {
                    roles.insert(role, config);
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let entry = |path: &str| entries.value(path);
        Ok(Self {
            heartbeat: entries.duration("daemon.heartbeat"),
            policy: entries.policy(),
            tmux_socket: match entries.text("tmux.socket").as_str() {
                "town" => TmuxSocket::Town,
                "default" => TmuxSocket::Default,
                path => TmuxSocket::Path(path.into()),
            },
            tmux_user_config: entry("tmux.user_config").map(|path| path.to_string().into()),
            pass: entries.list("env.pass"),
            roles,
            names,
            entries,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::check("").expect("the defaults of the table of keys are checked by a test")
    }
}

/// Writes one value into town.toml, keeping its comments and its other entries. The result is
/// checked whole before anything is written.
///
/// # Errors
/// [`ConfigError`]; the file is then as it was.
pub fn set(paths: &TownPaths, key: &str, value: &str) -> Result<(), ConfigError> {
    private::secure_one(&paths.private()).map_err(ConfigError::Private)?;
    let lock = paths.private().join("config.lock");
    let _lock = Lock::acquire(&lock, PATIENCE).map_err(ConfigError::Locked)?;
    // Through a symlink, such as into a person's collection of dotfiles.
    let given = paths.town_toml();
    let path = given.canonicalize().unwrap_or_else(|_| given.clone());
    let before = text_of(&path)?;
    let text = change::text_with(&before, key, value).map_err(|error| error.in_file(&path))?;
    // The town's presets lie beside the link, not beside what it leads to.
    Config::of_text(&text, &given).map_err(|error| match error {
        ConfigError::Mistakes { path: of, mistakes } if of == given => {
            refusal(&path, mistakes, Config::of_text(&before, &given).is_ok())
        }
        error => error,
    })?;
    let written = match is_private(&path) {
        true => crate::atomic::write_private(&path, text.as_bytes()),
        false => crate::atomic::write(&path, text.as_bytes()),
    };
    written.map_err(ConfigError::Io)
}

/// Why a changed text is not written: for the value, if the file had no mistake before.
fn refusal(path: &Path, mut mistakes: Vec<Mistake>, of_the_value: bool) -> ConfigError {
    if !of_the_value || mistakes.is_empty() {
        return ConfigError::Mistakes {
            path: path.to_owned(),
            mistakes,
        };
    }
    let mistake = mistakes.swap_remove(0);
    ConfigError::BadValue {
        problem: mistake.problem + &meant(mistake.suggestion.as_deref()),
        key: mistake.key,
    }
}

/// Whether a person closed the file to others, as one does with keys inside.
fn is_private(path: &Path) -> bool {
    fs_err::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 == 0)
}

impl ConfigError {
    /// The same error about this file.
    fn in_file(self, file: &Path) -> Self {
        match self {
            Self::Mistakes { mistakes, .. } => Self::Mistakes {
                path: file.to_owned(),
                mistakes,
            },
            error => error,
        }
    }
}

fn find_key(path: &str) -> Result<&'static Key, ConfigError> {
    let words: Vec<&str> = path.split('.').collect();
    key::find(&words).ok_or_else(|| match key::is_table(&words) {
        true => ConfigError::Table {
            table: path.to_owned(),
            keys: key::paths_in(&words),
        },
        false => ConfigError::UnknownKey {
            key: path.to_owned(),
            suggestion: entries::unknown_key(&words, 0).suggestion,
        },
    })
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(ConfigError::Io(error)),
    }
}

/// What holds: the file's entry, else the preset's, else the table's default.
impl Entries {
    fn effective(&self, path: &str) -> Option<Effective> {
        let (value, origin) = match self.get(path) {
            Some(value) => (value.clone(), self.origin(path)),
            None => match preset::builtin(path) {
                Some(value) => (value, Origin::Preset),
                None => (default_of(path)?, Origin::Default),
            },
        };
        Some(Effective {
            key: path.to_owned(),
            value,
            origin,
        })
    }

    pub(crate) fn value(&self, path: &str) -> Option<Value> {
        self.effective(path).map(|effective| effective.value)
    }

    pub(crate) fn duration(&self, path: &str) -> Duration {
        match self.value(path) {
            Some(Value::Duration(duration)) => duration,
            other => unreachable!("the table of keys gives `{path}` a time, not {other:?}"),
        }
    }

    pub(crate) fn size(&self, path: &str) -> u64 {
        match self.value(path) {
            Some(Value::Size(bytes)) => bytes,
            other => unreachable!("the table of keys gives `{path}` a size, not {other:?}"),
        }
    }

    fn factor(&self, path: &str) -> f64 {
        match self.value(path) {
            Some(Value::Factor(factor)) => factor,
            other => unreachable!("the table of keys gives `{path}` a number, not {other:?}"),
        }
    }

    fn count(&self, path: &str) -> u32 {
        match self.value(path) {
            Some(Value::Count(count)) => count,
            other => unreachable!("the table of keys gives `{path}` a count, not {other:?}"),
        }
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.value(path)
            .map_or_else(String::new, |text| text.to_string())
    }

    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        match self.value(path) {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        }
    }

    fn policy(&self) -> Policy {
        Policy {
            poke: PokePolicy {
                fresh: self.duration("poke.fresh"),
                very_stale: self.duration("poke.very_stale"),
                base: self.duration("poke.base"),
                factor: self.factor("poke.factor"),
                max: self.duration("poke.max"),
                slot_max_age: self.duration("poke.slot_max_age"),
                unanswered_before_restart: self.count("poke.unanswered_before_restart"),
            },
            restart: RestartPolicy {
                first_delay: self.duration("restart.first_delay"),
                base: self.duration("restart.base"),
                factor: self.factor("restart.factor"),
                max: self.duration("restart.max"),
                budget: self.count("restart.budget"),
                window: self.duration("restart.window"),
                half_open: self.duration("restart.half_open"),
                stop_grace: self.duration("restart.stop_grace"),
            },
            attached_quiet: self.duration("tmux.attached_quiet"),
        }
    }

    /// Pairs of keys of which the first may not be above the second.
    fn out_of_order(&self) -> Vec<Mistake> {
        let pairs = [
            ("poke.fresh", "poke.very_stale"),
            ("poke.base", "poke.max"),
            ("restart.base", "restart.max"),
        ];
        pairs
            .into_iter()
            .filter(|(low, high)| self.duration(low) > self.duration(high))
            .map(|(low, high)| Mistake {
                line: self.line(low).or_else(|| self.line(high)).unwrap_or(1),
                key: low.to_owned(),
                problem: format!("is longer than `{high}`"),
                suggestion: None,
            })
            .collect()
    }

    /// Every preset and `[agents.NAME]`.
    fn agent_names(&self) -> BTreeSet<String> {
        let own = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix("agents.")?.split('.').next());
        let names = preset::NAMES.into_iter().chain(own);
        names.map(str::to_owned).collect()
    }

    fn role(
        &self,
        role: Role,
        names: &BTreeSet<String>,
        agents: &mut BTreeMap<String, Arc<Preset>>,
    ) -> Result<RoleConfig, Mistake> {
        let path = format!("roles.{role}.agent");
        let name = self.text(&path);
        if !names.contains(&name) || self.list(&format!("agents.{name}.command")).is_empty() {
            return Err(Mistake {
                line: self.line(&path).unwrap_or(1),
                key: path,
                problem: no_agent(&name, names),
                suggestion: nearest(&name, names.iter().map(String::as_str))
                    .filter(|near| *near != name)
                    .map(str::to_owned),
            });
        }
        let agent = agents
            .entry(name)
            .or_insert_with_key(|name| Arc::new(Preset::from_entries(name, self)));
        Ok(RoleConfig {
            agent: Arc::clone(agent),
            model: self.model(role, agent)?,
            run: match self.text(&format!("roles.{role}.run")).as_str() {
                "always" => Run::Always,
                "on_demand" => Run::OnDemand,
                _ => Run::Never,
            },
            poke: match self.text(&format!("roles.{role}.poke")).as_str() {
                "always" => Poke::Always,
                "owed" => Poke::Owed,
                _ => Poke::Never,
            },
        })
    }

    /// The model of a role, if its program can be told one.
    fn model(&self, role: Role, agent: &Preset) -> Result<Option<String>, Mistake> {
        let path = format!("roles.{role}.model");
        let Some(model) = self.get(&path).map(ToString::to_string) else {
            return Ok(None);
        };
        let problem = if !is_plain_line(&model) {
            "takes the name of a model, on one line".to_owned()
        } else if agent.model.is_empty() {
            format!(
                "cannot be told to `{0}`: `agents.{0}.model` does not say how",
                agent.name
            )
        } else {
            return Ok(Some(model));
        };
        Err(Mistake {
            line: self.line(&path).unwrap_or(1),
            key: path,
            problem,
            suggestion: None,
        })
    }

    /// The paths that a key stands for here.
    fn expand(&self, key: &Key, names: &[&str]) -> Vec<String> {
        let roles = Role::ALL.map(Role::as_str);
        match key.parts().find(|part| matches!(*part, "ROLE" | "NAME")) {
            Some("ROLE") => roles
                .iter()
                .map(|role| key.path.replace("ROLE", role))
                .collect(),
            Some(_) => {
                let paths = names.iter().map(|name| key.path.replace("NAME", name));
                paths.flat_map(|path| self.expand_last(path)).collect()
            }
            None => vec![key.path.to_owned()],
        }
    }

    /// What stands for the last part: every state, or the variables that are set.
    fn expand_last(&self, path: String) -> Vec<String> {
        if let Some(table) = path.strip_suffix("STATE") {
            return ScreenState::NAMED
                .map(|state| format!("{table}{state}"))
                .to_vec();
        }
        let Some(table) = path.strip_suffix("VARIABLE") else {
            return vec![path];
        };
        self.0
            .keys()
            .filter(|path| path.starts_with(table))
            .cloned()
            .collect()
    }
}

fn no_agent(name: &str, names: &BTreeSet<String>) -> String {
    if names.contains(name) {
        return format!("names `{name}`, which has no command: give `agents.{name}.command`");
    }
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let name = name.escape_default();
    format!(
        "names `{name}`, which is neither a preset nor in [agents] (there are {})",
        known.join(", ")
    )
}

fn default_of(path: &str) -> Option<Value> {
    let words: Vec<&str> = path.split('.').collect();
    let key = key::find(&words)?;
    let value = key.fallback(&words)?.parse::<toml_edit::Value>().ok()?;
    key.kind.read(&value).ok()
}

#[cfg(test)]
mod tests;
