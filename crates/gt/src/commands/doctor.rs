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

use anstyle::{AnsiColor, Style};
use gt_api::view::{Check, CheckResult};

use crate::cli::Doctor;
use crate::context::Context;
use crate::error::{CliError, CliResult, Kind};
use crate::printer;

/// One thing that is looked at.
struct Examination {
    /// None where it does not apply to this town.
    look: fn(&Context) -> Option<Check>,
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
    only(service::service),
    only(agents::programs),
    only(agents::environment),
    only(agents::strays),
];

const fn only(look: fn(&Context) -> Option<Check>) -> Examination {
    Examination { look, mend: None }
}

const fn mended(
    look: fn(&Context) -> Option<Check>,
    mend: fn(&Context) -> CliResult,
) -> Examination {
    Examination {
        look,
        mend: Some(mend),
    }
}

/// Examines the town.
pub(crate) fn doctor(context: &Context, arguments: &Doctor) -> CliResult {
    let examine = |examination| examine(context, examination, arguments.fix);
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
fn examine(context: &Context, examination: &Examination, fix: bool) -> Option<Check> {
    let mut check = (examination.look)(context)?;
    let Some(mend) = examination
        .mend
        .filter(|_| fix && check.result != CheckResult::Ok)
    else {
        return Some(check);
    };
    if let Err(error) = mend(context) {
        check.message = format!(
            "{}; it could not be mended: {}",
            check.message,
            error.sentence()
        );
        return Some(check);
    }
    let mut check = (examination.look)(context)?;
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
