//! A full-screen terminal program that behaves like a coding agent: `gt simulate-agent`.
//!
//! It draws a transcript, an input row between two rules and a footer; takes keys, bracketed
//! pastes and Enter; answers heartbeats and mail by running `gt`; and asks for permission with a
//! dialog that the next Enter approves, as the real ones do. What it does besides is told to it in
//! prompts and in a script (`command.rs`): hang, die, leave processes behind, stay deaf.
//!
//! It is one thread around one `poll`, and sets no timer while it is idle: a hundred idle agents
//! cost no processor time.
//!
//! Invariant: whatever a test may want to count is a line of the journal, written when it
//! happened, by the process that it happened to.

mod agent;
mod arguments;
mod command;
mod display;
mod hooks;
mod job;
mod journal;
mod keys;
mod script;
mod signals;
mod survivor;
mod terminal;
mod transcript;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

use gt_core::screen::{RuleTexts, ScreenRules};

use agent::{Agent, Ending};
use arguments::Arguments;
use hooks::Hooks;
use journal::{Happening, Journal};
use terminal::Terminal;

/// Variable that names the journal: a file, or a directory in which each agent keeps
/// `NAME.journal`.
pub const JOURNAL_VARIABLE: &str = "SCRIPTED_AGENT_JOURNAL";

/// Variable that names the script when `--script` does not: a file, or a directory in which each
/// agent finds `NAME.script` (or nothing to do).
pub const SCRIPT_VARIABLE: &str = "SCRIPTED_AGENT_SCRIPT";

/// The `ready` pattern of the agent for `town.toml`: its prompt, with what stands in the input row
/// as the group `draft`.
///
/// The footer of an idle agent must be the last line of the screen, so that nothing in the
/// transcript is taken for a prompt. A tmux client without UTF-8 shows the rule as underscores.
pub const READY: &str = r"^>(?: (?<draft>.*))?\n[─_]+\n\? for shortcuts\z";

/// The `pasted` pattern of the agent: it shows the first of many lines, and the end of a long one.
pub const PASTED: &str = r" \[\+\d+ lines\]$|^…";

/// The `blocked` pattern of the agent for `town.toml`: its dialog.
pub const BLOCKED: &str = r"^Do you want to proceed\?\n\S+ 1\. Yes$";

/// How its screen is read: [`READY`] and [`BLOCKED`], as a town does that has them in its
/// `town.toml`.
pub fn screen_rules() -> ScreenRules {
    let texts = RuleTexts {
        ready: Some(READY.to_owned()),
        blocked: Some(BLOCKED.to_owned()),
        pasted: Some(PASTED.to_owned()),
        ..RuleTexts::default()
    };
    ScreenRules::new(&texts).expect("its patterns parse")
}

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(
        "{0}; expected: gt simulate-agent [--script FILE] [--name NAME] [--gt PATH] [--settings FILE] [--session-id ID] [--resume ID]"
    )]
    Usage(String),
    #[error("cannot open the journal")]
    Journal(#[source] std::io::Error),
    #[error("cannot read the settings")]
    Settings(#[source] std::io::Error),
    #[error("cannot read the script")]
    Script(#[source] std::io::Error),
    #[error("line {line} of `{}` cannot be done", path.display())]
    ScriptLine {
        path: PathBuf,
        line: usize,
        #[source]
        source: command::NotUnderstood,
    },
    #[error("cannot receive signals")]
    Signals(#[source] std::io::Error),
    #[error("standard input and output must be a terminal")]
    Terminal(#[source] std::io::Error),
}

/// Plays an agent until it ends, and returns its exit code: what it was told to end with, 0 when it
/// was quit by keys, 128 + the number of a signal that ended it, 2 for a usage or a script that is
/// not understood, 1 when it could not start.
///
/// `arguments` are those after `simulate-agent`. It must be called before any thread is started
/// (`/setsid` and `/daemonize` fork), and takes over the process's signal handlers.
pub fn run(arguments: Vec<OsString>) -> i32 {
    let outcome = Arguments::parse(arguments).and_then(|arguments| {
        let journal = Journal::open(&arguments.name).map_err(StartError::Journal)?;
        journal.record(&Happening::Start);
        if let Some(session) = &arguments.session {
            journal.record(&Happening::Session(&session.to_string_lossy()));
        }
        if let Some(session) = &arguments.resume {
            journal.record(&Happening::Resume(&session.to_string_lossy()));
        }
        Ok(play(&arguments, &journal))
    });
    outcome.unwrap_or_else(|error| refuse(&error))
}

/// From the first line of the journal to its last.
fn play(arguments: &Arguments, journal: &Journal) -> i32 {
    let code = match start(arguments, journal) {
        Ok(agent) => match agent.live() {
            Ending::Code(code) => {
                say(&format!("{} ended with code {code}", arguments.name));
                code
            }
            Ending::Silent => 1,
        },
        Err(error) => refuse(&error),
    };
    journal.record(&Happening::Exit(code));
    code
}

fn start<'a>(arguments: &Arguments, journal: &'a Journal) -> Result<Agent<'a>, StartError> {
    let commands = match arguments.script() {
        Some(path) => script::read(&path, journal.is_first_run())?,
        None => Vec::new(),
    };
    let hooks = match &arguments.settings {
        Some(file) => {
            Hooks::read(file, arguments.resume.as_deref()).map_err(StartError::Settings)?
        }
        None => Hooks::default(),
    };
    let signals = signals::Signals::catch().map_err(StartError::Signals)?;
    let terminal = Terminal::take().map_err(StartError::Terminal)?;
    Ok(Agent::new(
        arguments, hooks, journal, terminal, signals, commands,
    ))
}

fn refuse(error: &StartError) -> i32 {
    let mut message = format!("error: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    say(&message);
    match error {
        StartError::Usage(_) | StartError::ScriptLine { .. } => 2,
        StartError::Journal(_)
        | StartError::Settings(_)
        | StartError::Script(_)
        | StartError::Signals(_)
        | StartError::Terminal(_) => 1,
    }
}

fn say(message: &str) {
    // The terminal may be gone, and nobody else is there to be told.
    let _ = writeln!(std::io::stderr(), "{message}");
}
