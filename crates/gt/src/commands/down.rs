//! `gt down`: down means down. Works without store, daemon or an answering tmux.

use std::path::Path;
use std::time::Duration;

use gt_api::request::{Reach, Request};
use gt_core::event::{EventKind, NewEvent};
use gt_core::incarnation::pids;
use gt_core::observed::{Observed, chain};
use gt_core::{AgentId, ProcessId};
use gt_host::config::Config;
use gt_host::holder::StateError;
use gt_host::holder::client::Client as HolderClient;
use gt_host::holder::kill_set::{self, Scope};
use gt_host::holder::protocol::{self, Report};
use gt_host::tmux::{Forked, PaneState, Server, TmuxError};
use gt_host::town::{server, site};
use gt_host::{atomic, clock, environment, holder, process};

use crate::cli::Down;
use crate::client::Client;
use crate::commands::daemon;
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::{printer, wait};

/// How long tmux may take for one answer.
const TMUX: Duration = Duration::from_secs(3);

/// How long a tmux server that did not answer once has to answer or to end, before it is killed.
const HUNG: Duration = Duration::from_millis(500);

/// Whether the town's tmux server can be asked anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tmux {
    Answers,
    Hangs,
}

/// When a holder has to have answered: it answers at once.
fn in_time() -> Duration {
    clock::monotonic() + ANSWER
}

/// How long a holder may take for one answer.
const ANSWER: Duration = Duration::from_secs(3);

/// What could not be brought down or saved, a line each.
type Left = Vec<String>;

/// Brings the town down: the wish first, then the agents, the daemon, and the tmux server last.
pub(crate) fn down(context: &Context, arguments: &Down) -> CliResult {
    context.refuse_agent("brings the town down")?;
    let was_up = matches!(context.paths().is_down(), Ok(false));
    let running = daemon::process(context);
    let unsaved = save_wish(context).err();
    wait::tell_on_interrupt("the town shall be down all the same: `gt down` again waits for that");
    let mut left = Vec::new();
    let agents = seated(context, &mut left);
    let tmux = probe_tmux(context);
    let told_of = match stop_agents(context, agents, arguments, tmux, &mut left) {
        Ok(told_of) => told_of,
        Err(refusal) => {
            if was_up {
                fs_err::remove_file(context.paths().down_file()).doing("take the wish back")?;
            }
            return Err(refusal);
        }
    };
    end_untold(context, &told_of, grace(arguments), &mut left);
    let stopped = daemon::stop(context);
    end_tmux(context, tmux, &mut left);
    match stopped {
        Ok(()) => {
            running.into_iter().for_each(daemon::await_exit);
            leave_tmux(context);
        }
        Err(error) => left.push(error.sentence()),
    }
    for line in &left {
        printer::talk(line);
    }
    if !left.is_empty() {
        let error = CliError::failed("not everything is down")
            .hint("`gt status` shows what is left; `gt doctor` looks for the cause");
        let why = unsaved.map(|why| format!("the wish to be down could not be saved: {why}"));
        return Err(why.into_iter().fold(error, CliError::hint));
    }
    if let Some(why) = unsaved {
        return Err(only_for_now(&why));
    }
    if !arguments.quiet {
        printer::talk("the town is down");
    }
    Ok(())
}

fn only_for_now(why: &std::io::Error) -> CliError {
    CliError::failed(format!(
        "everything is down, but the wish to be so could not be saved: {why}"
    ))
    .hint(
        "a daemon that starts, after a boot for instance, brings the town up: `gt down` again once \
         there is room",
    )
}

/// Writes the wish where every starter looks, and tells the daemon even if it cannot be written.
fn save_wish(context: &Context) -> std::io::Result<()> {
    let paths = context.paths();
    let actor = context.caller().map_or_else(
        |_| "unknown".to_owned(),
        |caller| caller.actor().to_string(),
    );
    let text = format!("{} {actor}\n", clock::now());
    let saved = atomic::write_private(&paths.down_file(), text.as_bytes());
    let event = NewEvent {
        kind: EventKind::IntentChanged,
        agent: None,
        actor,
        text: "the town shall be down".to_owned(),
    };
    // The file is the wish; its event is only the record of it.
    if let Ok(mut store) = context.store() {
        let _ = store.append(clock::now(), &event);
    }
    saved
}

/// By the daemon if it answers; else, or with `--force`, by the holders themselves, once no daemon
/// acts on them any more.
///
/// # Errors
/// The daemon's refusal of this caller. Given back is of whose runs somebody told.
fn stop_agents(
    context: &Context,
    agents: Vec<AgentId>,
    arguments: &Down,
    tmux: Tmux,
    left: &mut Left,
) -> CliResult<Vec<AgentId>> {
    let daemon_can = !arguments.force && tmux == Tmux::Answers;
    if daemon_can && stop_by_daemon(context, arguments)? {
        return Ok(agents);
    }
    if let Err(error) = daemon::stop(context) {
        left.push(error.sentence());
    }
    let mut told_of = Vec::new();
    for agent in agents {
        match stop_by_holder(context, &agent, arguments) {
            Ok(Stopped::AsTold) => told_of.push(agent),
            Ok(Stopped::Untold) => {}
            Err(why) => {
                left.push(format!("{agent}: {why}"));
                told_of.push(agent);
            }
        }
    }
    Ok(told_of)
}

/// Whether anybody told of an agent's run.
enum Stopped {
    /// Its holder did, or its file.
    AsTold,
    /// Nobody: what it left, only the store may know.
    Untold,
}

/// Ends runs that no holder tells of: it may be gone, and its file with it. The store knows them.
fn end_untold(context: &Context, told_of: &[AgentId], grace: Duration, left: &mut Left) {
    let runs = context.store().and_then(|mut store| {
        let place = site::place(&context.paths().private()).doing("look at the town")?;
        let boot = process::boot_id().doing("read the boot id")?;
        let settled = store.settle(&boot, &place, clock::now());
        settled.doing("tell the town from a copy of it")?;
        store.open_runs().doing("read the runs")
    });
    let Ok(runs) = runs else {
        left.extend(unmarked_without_store(context).err());
        return;
    };
    let untold = runs
        .into_iter()
        .filter(|(agent, _)| !told_of.contains(agent));
    for (agent, run) in untold {
        let scope = Scope {
            keep: kept_by(context, &agent),
            ..Scope::marked(run)
        };
        if let Err(why) = end(scope, grace) {
            left.push(format!("{agent}: {why}"));
        }
    }
}

/// Programs that the end of this agent's run spares.
fn kept_by(context: &Context, agent: &AgentId) -> Vec<String> {
    let role = |config: Config| config.role(agent.role()).agent.keep.clone();
    context.config().map(role).unwrap_or_default()
}

/// Without the store, only its mark tells whether a run is left that no holder tells of.
fn unmarked_without_store(context: &Context) -> Result<(), String> {
    let root = context.paths().root().display().to_string();
    let marked = process::started_with(environment::GT_TOWN, &root);
    let marked = marked.map_err(|error| {
        format!("whether a run is left that only the store knows cannot be told: {error}")
    })?;
    let own = std::process::id();
    let above = process::ancestors(own).unwrap_or_default();
    let is_asking = |process: &ProcessId| process.pid == own || above.contains(process);
    let others: Vec<ProcessId> = marked.into_iter().filter(|it| !is_asking(it)).collect();
    match others.as_slice() {
        [] => Ok(()),
        others => Err(format!(
            "{} of the town may be left of a run that only the store knows, which cannot be read",
            pids(others)
        )),
    }
}

/// Whether a daemon brought every agent that it knows of down in time. What it could not do is tried
/// again without it, so nothing is said about it, unless it refuses.
fn stop_by_daemon(context: &Context, arguments: &Down) -> CliResult<bool> {
    let Ok(Some(mut client)) = Client::connect(context.paths()) else {
        return Ok(false);
    };
    match client.ask(Request::Down) {
        Err(refusal) if refusal.kind == Kind::Refused => return Err(refusal),
        Err(_) => return Ok(false),
        Ok(_) => {}
    }
    let patience = Duration::from_secs(arguments.wait);
    let missing = client.await_agents(Vec::new(), Reach::Stopped, patience);
    Ok(missing.is_ok_and(|missing| missing.is_empty()))
}

/// Every agent with a holder's file, or with a holder whose file is missing.
fn seated(context: &Context, left: &mut Left) -> Vec<AgentId> {
    let mut seated: Vec<AgentId> = match holder::list_state_files(context.paths()) {
        Ok(files) => files.into_iter().map(|(agent, _)| agent).collect(),
        Err(error) => {
            left.push(format!("the holders' files cannot be listed: {error}"));
            Vec::new()
        }
    };
    for agent in context.roll().agents() {
        if !seated.contains(agent) && may_be_held(context, agent) {
            seated.push(agent.clone());
        }
    }
    seated
}

fn may_be_held(context: &Context, agent: &AgentId) -> bool {
    holder::is_taken(context.paths(), agent) != Observed::Known(false)
}

/// Stops one agent through its holder, and makes sure that both are gone. A holder that ended while
/// it was asked, as the daemon's last word to it may have told it to, is what is wanted.
fn stop_by_holder(context: &Context, agent: &AgentId, arguments: &Down) -> Result<Stopped, String> {
    let paths = context.paths();
    let told = match holder::read_state_file(paths, agent) {
        // A damaged file tells as much as a missing one.
        Err(StateError::Form { .. }) => None,
        told => told.map_err(|error| chain(&error))?,
    };
    let is_gone = |report: &Report| process::is_alive(report.holder) == Observed::Known(false);
    let report = match told {
        Some(report) if !is_gone(&report) => report,
        // Its holder could not write its file.
        _ if may_be_held(context, agent) => {
            let socket = paths.holder_socket(agent);
            let client = HolderClient::connect(&socket, in_time());
            greet(client.map_err(|error| chain(&error))?)?.1
        }
        Some(report) => return sweep(&report, grace(arguments)).map(|()| Stopped::AsTold),
        None => return Ok(Stopped::Untold),
    };
    if holder::restore_socket(&report) {
        // Whoever removed it did not end its holder.
        wait::until(TMUX, || Path::new(&report.socket).exists().then_some(()));
    }
    let asked = ask_holder(&report, arguments);
    let gone = || is_gone(&report).then_some(());
    match (asked, wait::until(TMUX, gone)) {
        (Ok(()), Some(())) => {}
        (Ok(()), None) => return Err("its holder did not end".to_owned()),
        (Err(why), None) => return Err(why),
        (Err(_), Some(())) => sweep(&report, grace(arguments))?,
    }
    Ok(Stopped::AsTold)
}

/// The time between TERM and KILL.
fn grace(arguments: &Down) -> Duration {
    if arguments.force {
        Duration::ZERO
    } else {
        Duration::from_secs(arguments.wait) / 3
    }
}

/// Has the holder stop its run and end.
fn ask_holder(report: &Report, arguments: &Down) -> Result<(), String> {
    let grace = grace(arguments);
    let client = HolderClient::of(report, in_time()).map_err(|error| chain(&error))?;
    let (mut client, report) = greet(client)?;
    // A run that has ended may have left something behind.
    if let Some(scope) = Scope::of_last_run(&report) {
        let survivors = client
            .stop_and_wait_gone(
                scope.incarnation,
                grace,
                clock::monotonic() + grace + kill_set::BEYOND_GRACE,
            )
            .map_err(|error| chain(&error))?;
        none_survived(&survivors)?;
    }
    // The daemon may have told it first: what counts is that it goes.
    let _ = client.request(&protocol::Request::Quit, in_time());
    Ok(())
}

fn greet(mut client: HolderClient) -> Result<(HolderClient, Report), String> {
    let report = client.hello(in_time()).map_err(|error| chain(&error))?;
    Ok((client, report))
}

/// Ends what a dead holder left behind of its run.
fn sweep(report: &Report, grace: Duration) -> Result<(), String> {
    let of_this_boot = process::boot_id().is_ok_and(|boot| boot == report.boot_id);
    let Some(scope) = Scope::of_last_run(report).filter(|_| of_this_boot) else {
        return Ok(());
    };
    end(scope, grace)
}

fn end(scope: Scope, grace: Duration) -> Result<(), String> {
    let survivors = kill_set::end(scope, grace)
        .map_err(|error| format!("what is left of it is unknown: {error}"))?;
    none_survived(&survivors)
}

fn none_survived(survivors: &[ProcessId]) -> Result<(), String> {
    if survivors.is_empty() {
        return Ok(());
    }
    Err(format!("{} could not be ended", pids(survivors)))
}

/// Nothing waits for a tmux that does not answer: the daemon would, since it cannot remove what it
/// cannot see.
fn probe_tmux(context: &Context) -> Tmux {
    let paths = context.paths();
    let socket = context
        .tmux_socket()
        .unwrap_or_else(|_| paths.tmux_socket());
    let server = Server::new(&socket, &paths.tmux_config(), TMUX);
    match Forked::new(server).panes() {
        Err(TmuxError::TimedOut { .. }) => Tmux::Hangs,
        _ => Tmux::Answers,
    }
}

/// Ends the town's own tmux server, unless a person's sessions are in it.
fn end_tmux(context: &Context, tmux: Tmux, left: &mut Left) {
    if !context.owns_tmux() {
        // A server that people share is not the town's to end.
        return;
    }
    let paths = context.paths();
    let deadline = match tmux {
        Tmux::Answers => TMUX,
        Tmux::Hangs => HUNG,
    };
    let server = Server::new(&paths.tmux_socket(), &paths.tmux_config(), deadline);
    let strangers = match strangers(context, &server) {
        Err(TmuxError::TimedOut { .. }) => unasked_strangers(context, &server),
        // The daemon has left it, and an empty one ends.
        Err(_) if is_ending(&server) => return,
        strangers => strangers.map_err(|error| chain(&error)),
    };
    match strangers {
        Ok(strangers) if strangers.is_empty() => end_server(&server, left),
        Ok(strangers) => left.push(format!(
            "the tmux server stays for what is not the town's: {}",
            strangers.join(", ")
        )),
        Err(why) => left.push(format!(
            "the tmux server stays, since what is in it is not known: {why}"
        )),
    }
}

fn is_ending(server: &Server) -> bool {
    let gone = || matches!(server.process(), Ok(None)).then_some(());
    wait::until(HUNG, gone).is_some()
}

fn end_server(server: &Server, left: &mut Left) {
    if let Err(error) = server.kill() {
        left.push(chain(&error));
    }
}

/// Removes the socket that a killed server leaves behind, once no daemon is there that could make
/// another. The town is on no server any more.
fn leave_tmux(context: &Context) {
    let paths = context.paths();
    let server = Server::new(&paths.tmux_socket(), &paths.tmux_config(), TMUX);
    if context.owns_tmux() && matches!(server.process(), Ok(None)) {
        // It may be gone already; one that stays is replaced by the next server.
        let _ = fs_err::remove_file(server.socket());
    }
    server::forget(paths);
}

/// Sessions of the town's server in which something lives that is no agent's, whatever they are
/// called.
fn strangers(context: &Context, server: &Server) -> Result<Vec<String>, TmuxError> {
    let panes = Forked::new(server.clone()).panes()?;
    let mut names: Vec<String> = panes
        .into_iter()
        .filter(|pane| pane.state == PaneState::Running && !is_holder(context, pane.pane_pid))
        .map(|pane| format!("session `{}`", pane.session_name))
        .collect();
    names.dedup();
    Ok(names)
}

/// The same for a server that hangs: the kernel knows what it runs. Each pane's first process leads a
/// session; what tmux runs for itself does not.
fn unasked_strangers(context: &Context, server: &Server) -> Result<Vec<String>, String> {
    let Some(process) = server.process().map_err(|error| chain(&error))? else {
        return Ok(Vec::new());
    };
    let table = process::table().map_err(|error| error.to_string())?;
    let strangers = table.into_iter().filter(|child| {
        let leads = child.session == child.id.pid;
        let pid = child.id.pid;
        child.parent == process.pid && leads && !is_holder(context, pid) && !holder::is_quiet(pid)
    });
    Ok(strangers.map(|child| said(child.id.pid)).collect())
}

fn said(pid: u32) -> String {
    match process::program_name(pid) {
        Some(program) => format!("`{program}` (pid {pid})"),
        None => format!("pid {pid}"),
    }
}

/// A holder that is not known is taken for a person's program, which stays.
fn is_holder(context: &Context, pid: u32) -> bool {
    holder::whose(pid, context.paths()).is_some() || {
        let files = holder::list_state_files(context.paths()).unwrap_or_default();
        let mut reports = files.into_iter().filter_map(|(_, report)| report.ok());
        reports.any(|report| report.holder.pid == pid)
    }
}
