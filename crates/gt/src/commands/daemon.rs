//! `gt daemon`: its start, verified; its end, verified; its log.

pub(super) mod running;

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use gt_api::request::{Request, Response};
use gt_core::ProcessId;
use gt_core::observed::Observed;
use gt_core::time::shown_in;
use gt_host::paths::TownPaths;
use gt_host::process::Signal;
use gt_host::{hook, lock, process};

use crate::cli::{Daemon, Json};
use crate::client::{Client, unexpected};
use crate::commands::daemon::running::Running;
use crate::commands::{service, status};
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::{printer, wait};

/// How long a daemon may take to answer after its start: it opens the store and connects to every
/// holder meanwhile.
const START: Duration = Duration::from_secs(20);

/// How often the log is looked at for more.
const LOOK: Duration = Duration::from_millis(200);

/// How long it may take to listen anew where its socket was removed: it looks every second.
const LISTEN: Duration = Duration::from_secs(2);

/// How long it may take to end after it said that it would.
const END: Duration = Duration::from_secs(10);

/// Runs the verb.
pub(crate) fn daemon(context: &Context, verb: Daemon) -> CliResult {
    match verb {
        Daemon::Start => {
            if Client::connect(context.paths())?.is_some() {
                return Err(CliError::failed("the daemon runs already")
                    .hint("`gt daemon restart` replaces it and keeps the agents"));
            }
            printer::talk(format!("daemon started (pid {})", start(context)?));
            status::warn(&status::look(context)?.problems);
            Ok(())
        }
        Daemon::Stop => {
            context.refuse_agent("stops the daemon")?;
            require_any(context.paths())?;
            let agents = Running::of(context.paths());
            stop(context)?;
            printer::talk(format!("daemon stopped; {}", agents.now()));
            Ok(())
        }
        Daemon::Restart => {
            // A daemon that works is not ended for one that could not begin.
            context.config()?;
            context.store()?;
            hook::style::write_files(context.paths(), &Context::gt()?)
                .doing("write what a daemon writes at its start")
                .map_err(|error| {
                    error.hint(
                        "nothing was stopped: make room first (`df` shows where), and try again",
                    )
                })?;
            let agents = Running::of(context.paths());
            stop(context)?;
            let pid = start(context)?;
            printer::talk(format!("daemon restarted (pid {pid}); {}", agents.now()));
            Ok(())
        }
        Daemon::Status(json) => show(context, json),
        Daemon::Logs { follow, lines } => logs(&context.paths().daemon_log(), follow, lines),
        Daemon::Run => run(context),
        Daemon::Install => service::install(context),
        Daemon::Uninstall => service::uninstall(context),
    }
}

/// Starts the daemon if none answers, and returns its pid once it does. Its own error, if it ends
/// instead, is the error.
pub(crate) fn start(context: &Context) -> CliResult<u32> {
    if let Some(pid) = answering(context.paths())? {
        return Ok(pid);
    }
    let gt = Context::gt()?;
    let arguments: [&OsStr; 4] = [
        "--town".as_ref(),
        context.paths().root().as_os_str(),
        "daemon".as_ref(),
        "run".as_ref(),
    ];
    let mut child = gt_host::detached::spawn(&gt, arguments, context.paths().root())
        .doing("start the daemon")?;
    let mut last_word = None;
    let pid = wait::until(START, || match answering(context.paths()) {
        Ok(Some(pid)) => Some(Ok(pid)),
        Ok(None) | Err(_) => {
            last_word = last_word.take().or_else(|| child.end());
            // Another one may have been quicker, and answers soon.
            let lock = lock::is_held(&context.paths().daemon_lock());
            let said = last_word
                .as_ref()
                .filter(|_| lock == Observed::Known(false));
            said.map(|said| Err(ended(said)))
        }
    });
    pid.unwrap_or_else(|| {
        Err(
            CliError::failed(format!("the daemon did not answer within {START:?}"))
                .hint("`gt daemon logs` shows what it says"),
        )
    })
}

fn ended(said: &str) -> CliError {
    let said = said.trim().trim_start_matches("error: ");
    let said = if said.is_empty() {
        "another command ended it"
    } else {
        said
    };
    CliError::failed(format!("the daemon ended at once: {said}"))
        .hint("`gt doctor` looks for the cause")
}

/// The pid of the daemon that answers.
fn answering(paths: &TownPaths) -> CliResult<Option<u32>> {
    let Some(mut client) = Client::connect(paths)? else {
        return Ok(None);
    };
    match client.ask(Request::Hello)? {
        Response::Hello { pid, .. } => Ok(Some(pid)),
        other => Err(unexpected(&other)),
    }
}

/// Ends the daemon if one runs, and makes sure of it: its lock is free. One that does not do as it
/// is asked is killed, which it is made for: what it does, it does at most once, and what it knows
/// is stored.
pub(crate) fn stop(context: &Context) -> CliResult {
    /// So many that somebody else starts meanwhile are ended as well.
    const OTHERS: usize = 3;
    for _ in 0..OTHERS {
        stop_one(context)?;
        if lock::is_held(&context.paths().daemon_lock()) != Observed::Known(true) {
            return Ok(());
        }
    }
    Err(CliError::failed("somebody else starts the daemon again and again")
        .hint("`gt events` shows what it does; a service that keeps it is removed by `gt daemon uninstall`"))
}

fn stop_one(context: &Context) -> CliResult {
    let lock = context.paths().daemon_lock();
    let daemon = process_of(&lock)?;
    match ask_to_end(context.paths()) {
        // One that starts now is another's.
        Ok(Told::Nobody) => return Ok(()),
        Ok(Told::Daemon) if has_ended(&lock, daemon, END) => return Ok(()),
        // One that hung up may have died over it.
        Err(error) if error.kind != Kind::DaemonSilent => {
            return match status::is_gone(context) {
                true => Ok(()),
                false => Err(error),
            };
        }
        Ok(Told::Daemon) | Err(_) => {}
    }
    for (name, patience) in [(Signal::TERM, Duration::from_secs(2)), (Signal::KILL, END)] {
        if let Some(daemon) = process_of(&lock)? {
            let signalled = process::signal(daemon, name);
            signalled.doing(format!("signal the daemon (pid {})", daemon.pid))?;
        }
        if has_ended(&lock, daemon, patience) {
            printer::talk("the daemon did not answer and was ended by a signal");
            return Ok(());
        }
    }
    Err(
        CliError::failed("the daemon cannot be ended: its lock is still held")
            .hint("`gt daemon logs` shows what it did; `gt doctor` looks at its lock and pid file"),
    )
}

/// There has to be a daemon, in whatever state.
fn require_any(paths: &TownPaths) -> CliResult {
    match lock::is_held(&paths.daemon_lock()) {
        Observed::Known(true) => Ok(()),
        Observed::Known(false) | Observed::Unknown(_) => Client::require(paths).map(drop),
    }
}

/// Who was told to end.
enum Told {
    Daemon,
    Nobody,
}

fn ask_to_end(paths: &TownPaths) -> CliResult<Told> {
    // One that runs and whose socket was removed listens anew within a moment.
    let runs = || lock::is_held(&paths.daemon_lock()) == Observed::Known(true);
    let client = wait::until(LISTEN, || match Client::connect(paths) {
        Ok(None) if runs() => None,
        client => Some(client),
    });
    match client.transpose()?.flatten() {
        Some(mut client) => client.ask(Request::Stop).map(|_| Told::Daemon),
        None if runs() => Ok(Told::Daemon),
        None => Ok(Told::Nobody),
    }
}

/// Whether its process is gone before the time is over, or its lock free where that is not known.
fn has_ended(lock: &Path, daemon: Option<ProcessId>, patience: Duration) -> bool {
    let gone = Observed::Known(false);
    let ended = || match daemon {
        Some(daemon) => (process::is_alive(daemon) == gone).then_some(()),
        None => (lock::is_held(lock) == gone).then_some(()),
    };
    wait::until(patience, ended).is_some()
}

/// The daemon's process, if one is known to run.
pub(crate) fn process(context: &Context) -> Option<ProcessId> {
    process_of(&context.paths().daemon_lock()).ok().flatten()
}

/// Waits for the end of a daemon that has let go of its lock, which its process does a moment before.
pub(crate) fn await_exit(daemon: ProcessId) {
    // One that stays is no daemon any more.
    let gone = || (process::is_alive(daemon) == Observed::Known(false)).then_some(());
    let _ = wait::until(END, gone);
}

/// The process that holds the daemon's lock, if one does.
fn process_of(lock: &Path) -> CliResult<Option<ProcessId>> {
    let Some(pid) = lock::holder(lock) else {
        return Ok(None);
    };
    let found = process::identify(pid).doing("look at the daemon's process")?;
    // The pid is of a process that held the lock after it was written, or of nobody.
    Ok(found.filter(|_| lock::holder(lock) == Some(pid)))
}

fn show(context: &Context, json: Json) -> CliResult {
    let status = status::look(context)?;
    if json.json {
        printer::json(&status.daemon);
        return Ok(());
    }
    let daemon = &status.daemon;
    match daemon.pid {
        Some(pid) => printer::data(format!("running (pid {pid})")),
        None => printer::data(match daemon.running {
            Some(true) => "running, but it does not answer",
            Some(false) => "not running",
            None => "unknown",
        }),
    }
    for (what, value) in [
        ("started", &daemon.started_at),
        ("last heartbeat", &daemon.last_heartbeat),
    ] {
        if let Some(value) = value {
            printer::data(format!("{what}: {}", shown_in(value)));
        }
    }
    if let Some(count) = daemon.heartbeat_count {
        printer::data(format!("heartbeats: {count}"));
    }
    Ok(())
}

/// Prints the end of the log, and what is added to it.
fn logs(path: &Path, follow: bool, lines: usize) -> CliResult {
    let mut file = fs_err::File::open(path)
        .doing("open the daemon's log")
        .map_err(|error| error.hint("the daemon writes it; `gt daemon start` starts one"))?;
    let text = rest(&mut file)?;
    let all: Vec<&str> = text.lines().collect();
    for line in &all[all.len().saturating_sub(lines)..] {
        printer::data(line);
    }
    if follow {
        follow_log(path, file)?;
    }
    Ok(())
}

/// Prints what is added, until the person has seen enough.
fn follow_log(path: &Path, mut file: fs_err::File) -> CliResult {
    loop {
        gt_host::clock::pause(LOOK);
        printer::text(&added(path, &mut file)?);
    }
}

/// What was added to the log since it was read last. One that was rotated away is read to its end,
/// and the one that took its place from its beginning.
fn added(path: &Path, file: &mut fs_err::File) -> CliResult<String> {
    // Looked for first: nothing is added any more to a file whose successor is there.
    let successor = successor(path, file)?;
    let mut text = rest(file)?;
    if let Some(next) = successor {
        *file = next;
        text.push_str(&rest(file)?);
    }
    Ok(text)
}

fn successor(path: &Path, file: &fs_err::File) -> CliResult<Option<fs_err::File>> {
    let identity = |file: &fs_err::File| file.metadata().map(|it| (it.dev(), it.ino()));
    let next = match fs_err::File::open(path) {
        // Between the two steps of a rotation.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        next => next.doing("open the daemon's log")?,
    };
    let is_same = identity(&next).doing("look at the daemon's log")?
        == identity(file).doing("look at the daemon's log")?;
    Ok((!is_same).then_some(next))
}

fn rest(file: &mut fs_err::File) -> CliResult<String> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .doing("read the daemon's log")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Is the daemon. When it was started detached, its errors before it is ready go to whoever
/// started it, and nothing after that.
fn run(context: &Context) -> CliResult {
    let gt = Context::gt()?;
    gt_daemon::run(context.town.clone(), gt, up)
        .doing("run the daemon")
        .map_err(|error| match Client::connect(context.paths()) {
            Ok(Some(_)) => error.hint("it runs already; `gt daemon status` shows it"),
            _ => error,
        })
}

/// The daemon answers: tells whoever started it, and the service manager if there is one.
fn up() {
    gt_host::detached::ready();
    // A service manager that does not hear of it gives up on the service, and says so itself.
    let _ = gt_host::service_notify::ready();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_followed_over_its_rotation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("daemon.log");
        fs_err::write(&path, "one\n").unwrap();
        let mut file = fs_err::File::open(&path).unwrap();
        assert_eq!(added(&path, &mut file).unwrap(), "one\n");
        assert_eq!(added(&path, &mut file).unwrap(), "");
        fs_err::write(&path, "one\ntwo\n").unwrap();
        let old = directory.path().join("daemon.log.1");
        fs_err::rename(&path, old).unwrap();
        assert_eq!(added(&path, &mut file).unwrap(), "two\n");
        fs_err::write(&path, "three, which is longer than all before\n").unwrap();
        let more = added(&path, &mut file).unwrap();
        assert_eq!(more, "three, which is longer than all before\n");
    }
}
