//! `gt doctor`: looks at everything that the town depends on, and mends what can be mended without
//! risk to anybody's work.
//!
//! One examination's failure is its own finding and stops no other. What was not looked at is not
//! called well: it is a warning that says why, or, where it does not apply, no line at all.

mod agents;
mod daemon;
mod files;
mod programs;
mod service;
mod store;

use std::cell::OnceCell;
use std::ops::Deref;

use anstyle::{AnsiColor, Style};
use gt_api::view::{Check, CheckResult};

use self::daemon::Hello;
use crate::cli::Doctor;
use crate::context::Context;
use crate::error::{CliError, CliResult, Kind};
use crate::printer;

/// The town while it is looked at.
struct Patient<'a> {
    context: &'a Context,
    /// What the daemon answered: one that is silent is waited for once.
    hello: OnceCell<Result<Option<Hello>, String>>,
}

impl<'a> Patient<'a> {
    fn new(context: &'a Context) -> Self {
        let hello = OnceCell::new();
        Self { context, hello }
    }

    /// The daemon that answers; none when nobody listens.
    fn hello(&self) -> &Result<Option<Hello>, String> {
        let ask = || daemon::hello(self.context).map_err(|problem| problem.sentence());
        self.hello.get_or_init(ask)
    }

    /// The pid of the daemon that answers.
    fn daemon_pid(&self) -> Option<u32> {
        let hello = self.hello().as_ref().ok()?;
        hello.as_ref().map(|hello| hello.pid)
    }
}

impl Deref for Patient<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.context
    }
}

/// One thing that is looked at.
struct Examination {
    /// None where it does not apply to this town.
    look: fn(&Patient<'_>) -> Option<Check>,
    /// Puts it right; only where that harms nothing.
    mend: Option<fn(&Context) -> CliResult>,
}

/// All of them, causes before what follows from them.
const EXAMINATIONS: &[Examination] = &[
    only(programs::tmux),
    only(programs::git),
    only(files::town),
    only(files::configuration),
    only(files::registry),
    only(files::file_system),
    only(files::space),
    mended(files::private, files::make_private),
    only(files::sockets),
    mended(files::leftovers, files::clear_leftovers),
    only(store::integrity),
    only(store::writable),
    mended(daemon::pid_file, daemon::remove_pid_file),
    mended(daemon::running, daemon::start),
    only(daemon::version),
    only(daemon::problems),
    only(service::service),
    only(agents::programs),
    only(agents::environment),
    only(agents::strays),
];

const fn only(look: fn(&Patient<'_>) -> Option<Check>) -> Examination {
    Examination { look, mend: None }
}

const fn mended(
    look: fn(&Patient<'_>) -> Option<Check>,
    mend: fn(&Context) -> CliResult,
) -> Examination {
    Examination {
        look,
        mend: Some(mend),
    }
}

/// Examines the town.
pub(crate) fn doctor(context: &Context, arguments: &Doctor) -> CliResult {
    let mut patient = Patient::new(context);
    let examine = |examination| examine(&mut patient, examination, arguments.fix);
    let checks: Vec<Check> = EXAMINATIONS.iter().filter_map(examine).collect();
    if arguments.json.json {
        printer::json(&checks);
    } else {
        printer::text(&report(&checks, arguments.verbose));
    }
    if checks
        .iter()
        .any(|check| check.result == CheckResult::Error)
    {
        // The report said it all; the exit code sums it up.
        return Err(CliError::new(Kind::Answer, "something does not work"));
    }
    Ok(())
}

/// Looks, and with `fix` mends what is not well and looks again.
fn examine(patient: &mut Patient<'_>, examination: &Examination, fix: bool) -> Option<Check> {
    let mut check = (examination.look)(patient)?;
    let Some(mend) = examination
        .mend
        .filter(|_| fix && check.result != CheckResult::Ok)
    else {
        return Some(check);
    };
    if let Err(error) = mend(patient.context) {
        check.message = format!(
            "{}; it could not be mended: {}",
            check.message,
            error.sentence()
        );
        return Some(check);
    }
    *patient = Patient::new(patient.context);
    let mut check = (examination.look)(patient)?;
    check.fixed = check.result == CheckResult::Ok;
    Some(check)
}

/// What a person reads: what is not well, or all of it, and a line that sums up.
fn report(checks: &[Check], verbose: bool) -> String {
    let shown = |check: &&Check| verbose || check.fixed || check.result != CheckResult::Ok;
    let mut text: String = checks.iter().filter(shown).map(lines).collect();
    let count = |result| checks.iter().filter(|check| check.result == result).count();
    text.push_str(&format!(
        "{} checks: {} ok, {} warning, {} error\n",
        checks.len(),
        count(CheckResult::Ok),
        count(CheckResult::Warning),
        count(CheckResult::Error),
    ));
    text
}

fn lines(check: &Check) -> String {
    let (word, color) = match check.result {
        CheckResult::Ok => ("ok", AnsiColor::Green),
        CheckResult::Warning => ("warning", AnsiColor::Yellow),
        CheckResult::Error => ("error", AnsiColor::Red),
    };
    let style = Style::new().fg_color(Some(color.into()));
    let fixed = if check.fixed { " (fixed)" } else { "" };
    let message = check.message.replace('\n', "\n         ");
    let mut text = format!(
        "{style}{word:<8}{style:#} {}: {message}{fixed}\n",
        check.name
    );
    for hint in check.hint.iter().flat_map(|hint| hint.lines()) {
        text.push_str(&format!("         hint: {hint}\n"));
    }
    text
}

fn ok(name: &str, message: impl Into<String>) -> Check {
    Check {
        name: name.to_owned(),
        result: CheckResult::Ok,
        message: message.into(),
        hint: None,
        fixed: false,
    }
}

fn warning(name: &str, message: impl Into<String>, hint: impl Into<String>) -> Check {
    Check {
        result: CheckResult::Warning,
        hint: Some(hint.into()),
        ..ok(name, message)
    }
}

fn error(name: &str, message: impl Into<String>, hint: impl Into<String>) -> Check {
    Check {
        result: CheckResult::Error,
        ..warning(name, message, hint)
    }
}

/// A check that could not be made.
fn unseen(name: &str, why: impl std::fmt::Display) -> Check {
    let message = format!("it could not be looked at: {why}");
    Check {
        result: CheckResult::Warning,
        ..ok(name, message)
    }
}

#[cfg(test)]
mod tests;
