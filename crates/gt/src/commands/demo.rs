//! `gt demo`: the whole main job on a town of its own, with scripted agents, told as a story. Each
//! step is verified; the first that did not happen ends the demo with an error.

mod told;

use gt_api::view::Agent;
use gt_core::ProcessId;
use gt_core::incarnation::pids as pids_of;
use gt_core::observed::Observed;
use gt_host::clock;
use gt_host::environment::GT_TOWN;
use gt_host::process::{self, Signal};

use super::stage::Stage;
use crate::cli::Demo;
use crate::error::{CliError, CliResult, Doing as _};
use crate::printer;

/// Plays the demo.
pub(crate) fn demo(arguments: &Demo) -> CliResult {
    let begun = clock::monotonic();
    let stage = Stage::set("gt-demo-")?;
    let played = play(&stage);
    let left = stage.strike(arguments.keep);
    played?;
    left?;
    let seconds = (clock::monotonic() - begun).as_secs_f64();
    printer::data(format!("\nEverything above happened, in {seconds:.1} s."));
    Ok(())
}

fn play(stage: &Stage) -> CliResult {
    install(stage)?;
    rig(stage)?;
    up(stage)?;
    mail(stage)?;
    crash(stage)?;
    handoff(stage)?;
    daemon_crash(stage)?;
    down(stage)
}

fn install(stage: &Stage) -> CliResult {
    stage.title("A town is a directory. Install one:");
    stage.show(&["install", &stage.town(), "--name", "demo"])?;
    stage.configure()
}

fn rig(stage: &Stage) -> CliResult {
    stage.title("A rig is a git repository in it. Add one from a local repository:");
    let repository = stage.repository()?;
    stage.show(&["rig", "add", "toys", &repository])?;
    stage.show(&["rig", "list"])
}

fn up(stage: &Stage) -> CliResult {
    stage.title("Up: the daemon starts every agent that is wanted, each in tmux:");
    stage.show(&["up"])?;
    for agent in ["mayor", "deacon"] {
        stage.running(agent)?;
    }
    stage.say("This is what the mayor's terminal shows:");
    stage.show(&["peek", "mayor"])
}

fn mail(stage: &Stage) -> CliResult {
    stage.title("Mail: a message is owed work. The mayor is idle, so the daemon pokes it, once:");
    stage.show(&[
        "mail",
        "send",
        "mayor/",
        "-s",
        "Ship the release",
        "-m",
        "Today, please.",
    ])?;
    stage.until("the mayor was poked", || {
        Ok(stage.has_event("nudge_delivered", "mayor")?.then_some(()))
    })?;
    stage.until("the mayor answered", || {
        Ok(stage.has_event("poke_answered", "mayor")?.then_some(()))
    })?;
    stage.say("It answered by reading its mail. The record of it:");
    stage.show_events("mayor", &["nudge_delivered", "poke_answered"])
}

fn crash(stage: &Stage) -> CliResult {
    stage.title("A crash: kill -9 on the mayor. The daemon notices and starts a successor:");
    let before = stage.running("mayor")?;
    let starts = stage.starts("mayor")?;
    let killed_at = clock::monotonic();
    kill(&before)?;
    let after = stage.until("a successor of the mayor", || {
        Ok(stage
            .starts("mayor")?
            .into_iter()
            .find(|start| !starts.contains(start)))
    })?;
    let latency = (after.saturating_sub(killed_at)).as_secs_f64() * 1000.0;
    stage.say(&format!(
        "From kill -9 to the successor's first instruction: {latency:.1} ms"
    ));
    stage.until("a new run of the mayor", || {
        stage.run_after("mayor", &before)
    })?;
    stage.show(&["agents"])
}

fn handoff(stage: &Stage) -> CliResult {
    stage.title("A hand-off: the mayor asks for a fresh run of itself, with a message for it:");
    let before = stage.running("mayor")?;
    let words = "tag-it-first";
    let ask = format!("/run {} handoff --cycle -m {words}", stage.program());
    stage.type_line("mayor", &ask)?;
    let after = stage.until("the mayor's fresh run", || {
        stage.run_after("mayor", &before)
    })?;
    stage.until("the request is closed", || {
        Ok(stage.has_event("request_done", "mayor")?.then_some(()))
    })?;
    stage.say(&format!(
        "pid {} was replaced by pid {}.",
        pid(&before)?,
        pid(&after)?
    ));
    stage.say("Its successor's inbox:");
    let inbox = stage.shown(&["mail", "inbox", "mayor/", "--unread"])?;
    match inbox.contains("HANDOFF") {
        true => Ok(()),
        false => Err(missing("the words for the successor")),
    }
}

fn daemon_crash(stage: &Stage) -> CliResult {
    stage.title("The daemon itself dies by kill -9. The agents do not notice:");
    let before = stage.running("mayor")?;
    kill_pid(stage.daemon()?)?;
    stage.until("the daemon is gone", || {
        Ok((stage.status()?.daemon.running == Some(false)).then_some(()))
    })?;
    stage.show(&["daemon", "start"])?;
    let after = stage.running("mayor")?;
    if (&after.pid, &after.incarnation) != (&before.pid, &before.incarnation) {
        return Err(missing("the same run of the mayor as before"));
    }
    stage.say(&format!(
        "The mayor's pid is {} as before: its run was adopted.",
        pid(&after)?
    ));
    Ok(())
}

fn down(stage: &Stage) -> CliResult {
    stage.title("Down means down:");
    let agents = stage.status()?.agents;
    let of_agents = agents
        .iter()
        .flat_map(|agent| [agent.pid, agent.holder_pid]);
    let pids = of_agents
        .flatten()
        .chain([stage.daemon()?, stage.tmux_server()?]);
    let processes: Vec<ProcessId> = pids.map(living).collect::<CliResult<_>>()?;
    stage.show(&["down"])?;
    let marked = process::started_with(GT_TOWN, &stage.town()).doing("look for processes")?;
    let gone = Observed::Known(false);
    let living = processes.into_iter();
    let left: Vec<ProcessId> = living
        .filter(|process| process::is_alive(*process) != gone)
        .chain(marked)
        .collect();
    if !left.is_empty() {
        let left = pids_of(&left);
        return Err(CliError::failed(format!("{left} is left after `gt down`")));
    }
    stage.say("No process of the town is left: no agent, holder, tmux server or daemon.");
    Ok(())
}

fn kill(agent: &Agent) -> CliResult {
    kill_pid(pid(agent)?)
}

fn kill_pid(pid: u32) -> CliResult {
    process::signal(living(pid)?, Signal::KILL)
        .doing("kill a process")
        .map(drop)
}

fn living(pid: u32) -> CliResult<ProcessId> {
    let process = process::identify(pid).doing("look at a process")?;
    process.ok_or_else(|| missing(&format!("process {pid}")))
}

fn pid(agent: &Agent) -> CliResult<u32> {
    agent
        .pid
        .ok_or_else(|| missing(&format!("a process of {}", agent.id)))
}

/// A step that did not happen.
fn missing(what: &str) -> CliError {
    CliError::failed(format!("the demo failed: {what} is not there"))
}
