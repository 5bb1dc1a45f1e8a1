//! What is known of an agent's program: how to start it, and what its screen looks like when it
//! may be typed at. Data, in the files of `presets/`; town.toml changes it field by field.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use gt_core::incarnation::IncarnationId;
use gt_core::screen::{CannotType, RuleTexts, ScreenRules, ScreenState};
use gt_core::session::SessionId;

use crate::config::entries::Entries;
use crate::config::{Mistake, Value};
use crate::hook::style::HookStyle;
use crate::paths::TownPaths;

/// The presets. `generic` has no command and no pattern: what is built on it is never typed at.
pub const NAMES: [&str; 9] = [
    "claude", "codex", "gemini", "opencode", "aider", "amp", "copilot", "cursor", "generic",
];

const TEXTS: [(&str, &str); 9] = [
    ("claude", include_str!("presets/claude.toml")),
    ("codex", include_str!("presets/codex.toml")),
    ("gemini", include_str!("presets/gemini.toml")),
    ("opencode", include_str!("presets/opencode.toml")),
    ("aider", include_str!("presets/aider.toml")),
    ("amp", include_str!("presets/amp.toml")),
    ("copilot", include_str!("presets/copilot.toml")),
    ("cursor", include_str!("presets/cursor.toml")),
    ("generic", include_str!("presets/generic.toml")),
];

/// What a program is started with besides its preset.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// The town's.
    pub paths: &'a TownPaths,
    /// The program that its hooks call.
    pub gt: &'a Path,
    /// Where it runs.
    pub work_dir: &'a Path,
    /// Which run it is.
    pub run: IncarnationId,
    /// The session that it goes on with.
    pub session: Option<&'a SessionId>,
    /// The model that it is told.
    pub model: Option<&'a str>,
}

/// What stands for the work directory in the arguments that trust it.
const DIRECTORY: &str = "{directory}";

/// What stands for the model in the arguments that name it.
const MODEL: &str = "{model}";

/// A path that may stand between quotes of any language; a program asks about others.
fn quotable(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\'' | '\\');
    text.chars().all(is_plain).then(|| text.to_owned())
}

/// What stands for a session's name in the arguments that begin or resume it.
const SESSION: &str = "{session}";

/// A preset, as town.toml changes it.
#[derive(Debug)]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// The program and its arguments; empty for one that nobody gave a command yet.
    pub command: Vec<String>,
    /// Variables set for it.
    pub env: BTreeMap<String, String>,
    /// Variables that it gets from a person's environment; `*` at the end stands for the rest.
    pub pass: Vec<String>,
    /// How it is made to tell what it does.
    pub hooks: Option<HookStyle>,
    /// The arguments with which it takes its work directory, which stands for `{directory}`, for
    /// trusted; none for a program that asks or does not care.
    pub trust: Vec<String>,
    /// The arguments with which it is told its model, which stands for `{model}`; none for a program
    /// that cannot be.
    pub model: Vec<String>,
    /// The arguments with which it begins a session of the name that stands for `{session}`; none for
    /// a program that names its sessions itself.
    pub session: Vec<String>,
    /// The arguments with which it goes on with a session, whose name stands for `{session}`; none for
    /// a program that cannot.
    pub resume: Vec<String>,
    /// Programs that are left running when it is stopped.
    pub keep: Vec<String>,
    /// The key that submits a line, by tmux's name.
    pub submit: String,
    /// The keys that interrupt its work, by tmux's names, one after the other.
    pub interrupt: Vec<String>,
    /// The pause between the text and that key.
    pub settle: Duration,
    /// The longest text that is typed at it, in bytes.
    pub longest: u64,
    /// What its screen says; a hundred patterns, compiled when the first screen is read.
    pub screen: LazyRules,
}

/// The rules of a screen that may never be looked at.
pub type LazyRules = LazyLock<ScreenRules, Box<dyn FnOnce() -> ScreenRules + Send>>;

/// Checks the file of the preset of this name: the keys of `[agents.NAME]`. One that is built in is
/// changed key by key, a new one needs a command.
///
/// # Errors
/// Every mistake, with its line and key.
pub fn check(name: &str, text: &str) -> Result<(), Vec<Mistake>> {
    const ANY: &str = "preset";
    let entries = Entries::read_preset(text, ANY)?;
    let has_command = entries.get(&format!("agents.{ANY}.command")).is_some();
    if has_command || NAMES.contains(&name) {
        return Ok(());
    }
    Err(vec![Mistake {
        line: 1,
        key: "command".to_owned(),
        problem: "is missing: what is to be started".to_owned(),
        suggestion: None,
    }])
}

impl Preset {
    /// What is started: the command, with what makes the program trust its directory, call this `gt`
    /// and go on with a session.
    pub fn argv(&self, launch: &Launch<'_>) -> Vec<String> {
        let Launch { paths, gt, .. } = launch;
        let style = self.hooks.into_iter();
        let hooks = style.flat_map(|style| style.arguments(paths, gt, &self.command));
        let trust = quotable(launch.work_dir).into_iter().flat_map(|directory| {
            let filled = move |word: &String| word.replace(DIRECTORY, &directory);
            self.trust.iter().map(filled)
        });
        let model = launch.model.into_iter().flat_map(|model| {
            let filled = move |word: &String| word.replace(MODEL, model);
            self.model.iter().map(filled)
        });
        let (words, name) = match launch.session {
            Some(session) => (&self.resume, session.clone()),
            None => (&self.session, SessionId::of_run(launch.run)),
        };
        let session = words
            .iter()
            .map(|word| word.replace(SESSION, name.as_str()));
        self.command
            .iter()
            .cloned()
            .chain(trust)
            .chain(hooks)
            .chain(model)
            .chain(session)
            .collect()
    }

    /// Whether it takes this text as it is, and can be seen to have taken it.
    ///
    /// # Errors
    /// [`CannotType`] says why not.
    pub fn check_text(&self, text: &str) -> Result<(), CannotType> {
        self.screen.check_text(text)?;
        match u64::try_from(text.len()) {
            Ok(length) if length <= self.longest => Ok(()),
            _ => Err(CannotType::Long {
                longest: self.longest,
            }),
        }
    }

    pub(crate) fn from_entries(name: &str, entries: &Entries) -> Self {
        let path = |field: &str| format!("agents.{name}.{field}");
        Self {
            name: name.to_owned(),
            command: entries.list(&path("command")),
            env: variables(name, entries),
            pass: entries.list(&path("pass")),
            hooks: HookStyle::from_word(&entries.text(&path("hooks"))),
            trust: entries.list(&path("trust")),
            model: entries.list(&path("model")),
            session: entries.list(&path("session")),
            resume: entries.list(&path("resume")),
            keep: entries.list(&path("keep")),
            submit: entries.text(&path("submit")),
            interrupt: entries.list(&path("interrupt")),
            settle: entries.duration(&path("settle")),
            longest: entries.size(&path("longest")),
            screen: screen_rules(name, entries),
        }
    }
}

fn screen_rules(name: &str, entries: &Entries) -> LazyRules {
    let text = |field: &str| {
        let value = entries.value(&format!("agents.{name}.{field}"));
        value.map(|value| value.to_string())
    };
    let by_state = |table: &str| {
        let pattern = |state: ScreenState| Some((state, text(&format!("{table}.{state}"))?));
        ScreenState::NAMED.into_iter().filter_map(pattern).collect()
    };
    let texts = RuleTexts {
        ready: text("ready"),
        blocked: text("blocked"),
        busy: text("busy"),
        pasted: text("pasted"),
        untypable: text("untypable"),
        turn: text("turn"),
        states: by_state("states"),
        titles: by_state("titles"),
    };
    LazyLock::new(Box::new(move || {
        ScreenRules::new(&texts).expect("a pattern is checked when the key is read")
    }))
}

/// The variables of the preset, then those of the file over them.
fn variables(name: &str, entries: &Entries) -> BTreeMap<String, String> {
    let table = &format!("agents.{name}.env.");
    let layers = [builtins_of(name), Some(entries)];
    layers
        .into_iter()
        .flatten()
        .flat_map(|layer| &layer.0)
        .filter_map(|(path, entry)| {
            Some((
                path.strip_prefix(table)?.to_owned(),
                entry.value.to_string(),
            ))
        })
        .collect()
}

/// The value that a preset has at a path such as `agents.claude.command`.
pub(crate) fn builtin(path: &str) -> Option<Value> {
    let name = path.strip_prefix("agents.")?.split('.').next()?;
    builtins_of(name)?.get(path).cloned()
}

/// What the preset of a name says, read once.
fn builtins_of(name: &str) -> Option<&'static Entries> {
    static READ: [OnceLock<Entries>; TEXTS.len()] = [const { OnceLock::new() }; TEXTS.len()];
    let place = TEXTS.iter().position(|(preset, _)| *preset == name)?;
    let read = || {
        let (name, text) = TEXTS[place];
        Entries::read_tested(text, &["agents", name]).expect("the presets are read by a test")
    };
    Some(READ[place].get_or_init(read))
}

#[cfg(test)]
mod tests;
