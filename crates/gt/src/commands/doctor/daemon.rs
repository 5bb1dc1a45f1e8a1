//! The daemon: whether it runs, whether it is this gt's, and what its pid file says.

use std::time::Duration;

use gt_api::request::{Request, Response};
use gt_api::view::Check;
use gt_core::observed::{Observed, chain};
use gt_core::time::shown;
use gt_host::daemon_state::DaemonState;
use gt_host::lock::{self, Lock};
use gt_host::pid_file::{self, PidFileError};
use gt_host::process;

use super::{Patient, error, ok, unseen, warning};
use crate::client::Client;
use crate::commands::{daemon, status};
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _};

/// How long another `doctor` may hold the daemon's lock while it mends the pid file.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) pid: u32,
    pub(super) version: String,
}

/// The daemon that answers; none when nobody listens.
pub(super) fn hello(context: &Context) -> CliResult<Option<Hello>> {
    let Some(mut client) = Client::connect(context.paths())? else {
        return Ok(None);
    };
    match client.ask(Request::Hello)? {
        Response::Hello { version, pid, .. } => Ok(Some(Hello { pid, version })),
        other => Err(crate::client::unexpected(&other)),
    }
}

pub(super) fn running(patient: &Patient<'_>) -> Option<Check> {
    let paths = patient.paths();
    let held = lock::is_held(&paths.daemon_lock());
    let heartbeats = DaemonState::read(&paths.daemon_state()).map_or_else(
        |problem| chain(&problem),
        |state| match state.last_heartbeat {
            Some(last) => format!(
                "{} heartbeats, the last at {}",
                state.heartbeat_count,
                shown(last)
            ),
            None => "no heartbeat yet".to_owned(),
        },
    );
    Some(running_of(
        &held,
        patient.hello(),
        &heartbeats,
        &paths.is_down().into(),
    ))
}

/// The lock tells whether it runs, the socket whether it works.
fn running_of(
    held: &Observed<bool>,
    answer: &Result<Option<Hello>, String>,
    heartbeats: &str,
    down: &Observed<bool>,
) -> Check {
    const NAME: &str = "daemon";
    let restart = "`gt daemon restart` replaces it and keeps the agents";
    match (held, answer) {
        (Observed::Unknown(reason), _) => unseen(NAME, reason),
        (Observed::Known(true), Ok(Some(hello))) => {
            ok(NAME, format!("running (pid {}), {heartbeats}", hello.pid))
        }
        (Observed::Known(true), Ok(None)) => {
            error(NAME, "it holds its lock and does not listen", restart)
        }
        (Observed::Known(true), Err(problem)) => {
            error(NAME, format!("it does not answer: {problem}"), restart)
        }
        (Observed::Known(false), Ok(Some(hello))) => error(
            NAME,
            format!(
                "pid {} answers and holds no lock: its file was removed",
                hello.pid
            ),
            restart,
        ),
        (Observed::Known(false), _) => match down {
            Observed::Known(true) => ok(NAME, "not running: the town was told to be down"),
            Observed::Known(false) => warning(
                NAME,
                "not running",
                "`gt daemon start`, or `gt up` for the whole town",
            ),
            Observed::Unknown(reason) => unseen(
                NAME,
                format!("not running, and whether it should be is unknown: {reason}"),
            ),
        },
    }
}

/// Starts one where none runs. One that hangs is a person's to replace: it may be in the middle of
/// something.
pub(super) fn start(context: &Context) -> CliResult {
    match lock::is_held(&context.paths().daemon_lock()) {
        Observed::Known(false) => daemon::start(context).map(drop),
        Observed::Known(true) => Err(CliError::failed("one that runs is not replaced unasked")),
        Observed::Unknown(reason) => Err(CliError::failed(reason.to_string())),
    }
}

/// A daemon of another version than this program.
pub(super) fn version(patient: &Patient<'_>) -> Option<Check> {
    let hello = patient.hello().as_ref().ok()?.as_ref()?;
    Some(version_of(hello, gt_daemon::VERSION))
}

fn version_of(hello: &Hello, own: &str) -> Check {
    const NAME: &str = "daemon version";
    if hello.version == own {
        return ok(NAME, format!("{own}, as this gt"));
    }
    warning(
        NAME,
        format!(
            "the daemon is gt {}, this is gt {own}",
            hello.version.escape_debug()
        ),
        "`gt daemon restart` replaces it and keeps the agents",
    )
}

/// What the daemon itself finds wrong, such as a town that was moved under it.
pub(super) fn problems(patient: &Patient<'_>) -> Option<Check> {
    const NAME: &str = "daemon's word";
    patient.daemon_pid()?;
    let status = match status::look(patient.context) {
        Ok(status) => status,
        Err(problem) => return Some(unseen(NAME, problem.sentence())),
    };
    Some(match status.problems.is_empty() {
        true => ok(NAME, "it finds nothing wrong"),
        false => warning(
            NAME,
            status.problems.join("\n"),
            "`gt status` shows whether it is so still",
        ),
    })
}

/// The pid file is for people and old tools, and misleads both when it is stale. No process is
/// signalled for what it says.
pub(super) fn pid_file(patient: &Patient<'_>) -> Option<Check> {
    let paths = patient.paths();
    let written = pid_file::read(&paths.daemon_pid());
    let held = lock::is_held(&paths.daemon_lock());
    let daemon = patient.daemon_pid();
    Some(pid_file_of(&written, &held, daemon, |pid| {
        Observed::from(process::identify(pid)).map(|found| found.is_some())
    }))
}

fn pid_file_of(
    written: &Result<Option<u32>, PidFileError>,
    held: &Observed<bool>,
    daemon: Option<u32>,
    is_there: impl Fn(u32) -> Observed<bool>,
) -> Check {
    const NAME: &str = "pid file";
    let fix = "`gt doctor --fix` removes it; no process is touched";
    let restart = "`gt daemon restart` writes it anew, and keeps the agents";
    match (held, written, daemon) {
        (Observed::Unknown(reason), _, _) => unseen(NAME, reason),
        (Observed::Known(_), Err(problem @ PidFileError::Io(_)), _) => unseen(NAME, chain(problem)),
        (Observed::Known(true), Ok(Some(pid)), Some(daemon)) if *pid == daemon => {
            ok(NAME, format!("names the daemon (pid {pid})"))
        }
        (Observed::Known(true), _, None) => unseen(NAME, "the daemon does not say who it is"),
        (Observed::Known(true), Ok(Some(pid)), Some(daemon)) => warning(
            NAME,
            format!("names process {pid}, but the daemon is process {daemon}"),
            restart,
        ),
        (Observed::Known(true), Ok(None), Some(_)) => {
            warning(NAME, "the daemon runs and its file is gone", restart)
        }
        (Observed::Known(true), Err(problem), Some(_)) => warning(NAME, chain(problem), restart),
        (Observed::Known(false), Ok(None), _) => ok(NAME, "there is none, and no daemon"),
        (Observed::Known(false), Err(problem), _) => warning(NAME, chain(problem), fix),
        (Observed::Known(false), Ok(Some(pid)), _) => {
            let of = match is_there(*pid) {
                Observed::Known(true) => "which is another program: no daemon runs".to_owned(),
                Observed::Known(false) => "which has ended".to_owned(),
                Observed::Unknown(reason) => format!("of which nothing is known: {reason}"),
            };
            warning(
                NAME,
                format!("it is stale: it names process {pid}, {of}"),
                fix,
            )
        }
    }
}

/// Removes a file that no daemon stands behind, made sure of by holding the daemon's lock: one that
/// starts meanwhile writes its own afterwards.
pub(super) fn remove_pid_file(context: &Context) -> CliResult {
    let paths = context.paths();
    let _lock =
        Lock::acquire(&paths.daemon_lock(), PATIENCE).doing("make sure that no daemon runs")?;
    fs_err::remove_file(paths.daemon_pid()).doing("remove the stale pid file")
}

#[cfg(test)]
mod tests;
