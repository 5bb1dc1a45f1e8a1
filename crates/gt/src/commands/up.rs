//! `gt up`: the daemon, and every agent that is wanted.

use std::io::ErrorKind;
use std::time::Duration;

use gt_api::request::{Missing, Reach, Request};
use gt_api::view::{Agent, State};
use gt_core::AgentId;
use gt_core::intent::{self, Desire, Intent};
use gt_host::clock;
use gt_host::roster::SeatSpec;
use indicatif::{ProgressBar, ProgressStyle};

use crate::capture;
use crate::cli::Up;
use crate::client::Client;
use crate::commands::{config, daemon, status};
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _};
use crate::{printer, wait, wishes};

/// How often the number of running agents is shown.
const SHOWN: Duration = Duration::from_millis(250);

/// Brings the town up and returns once all that is wanted runs.
pub(crate) fn up(context: &Context, arguments: &Up) -> CliResult {
    let named = arguments
        .agents
        .iter()
        .map(|text| context.agent(text))
        .collect::<CliResult<Vec<AgentId>>>()?;
    if context.paths().is_down().unwrap_or(true) {
        context.refuse_agent("brings up a town that was told to be down")?;
    }
    capture::capture(context)?;
    config::reload(context)?;
    let taken_back = want(context, &named)?;
    if !arguments.quiet {
        for (agent, stop) in taken_back {
            printer::talk(format!(
                "{agent} was stopped by {}: `gt up` takes that back",
                stop.actor
            ));
        }
    }
    allow(context)?;
    let pid = daemon::start(context)?;
    let mut client = Client::require(context.paths())?;
    client.ask(Request::Up)?;
    let wanted = if named.is_empty() {
        always(context)?
    } else {
        named
    };
    if !arguments.quiet {
        let agents = match wanted.len() {
            1 => "1 agent".to_owned(),
            several => format!("{several} agents"),
        };
        printer::talk(format!("daemon runs (pid {pid}); {agents} wanted"));
    }
    let missing = wait_for(&mut client, &wanted, arguments)?;
    report(context, &missing, arguments)
}

/// Waits until all run that can, or the time is over, and shows on a terminal how many do.
fn wait_for(client: &mut Client, wanted: &[AgentId], arguments: &Up) -> CliResult<Vec<Missing>> {
    if wanted.is_empty() {
        // Asked for nobody, the daemon would wait for everybody.
        return Ok(Vec::new());
    }
    wait::tell_on_interrupt("the daemon goes on to start them: `gt status` shows how far it is");
    let deadline = clock::monotonic() + Duration::from_secs(arguments.wait);
    let bar = if arguments.quiet {
        ProgressBar::hidden()
    } else {
        progress_bar(wanted.len())
    };
    loop {
        let left = deadline.saturating_sub(clock::monotonic());
        let missing = client.await_agents(wanted.to_vec(), Reach::Running, left.min(SHOWN))?;
        bar.set_position((wanted.len() - missing.len()) as u64);
        if left.is_zero() || missing.iter().all(|missing| missing.needs_person) {
            bar.finish_and_clear();
            return Ok(missing);
        }
    }
}

/// Drawn on standard error, and only if that is a terminal.
fn progress_bar(agents: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos} of {len} agents run {wide_bar}");
    ProgressBar::new(agents as u64).with_style(style.expect("the template is well formed"))
}

/// Takes back single stops, unless agents are named, and returns them; parked agents stay parked,
/// and a person's stops are a person's to take back.
fn want(context: &Context, named: &[AgentId]) -> CliResult<Vec<(AgentId, Intent)>> {
    if !named.is_empty() {
        wishes::store(context, named, Desire::Up, "gt up")?;
        return Ok(Vec::new());
    }
    let actor = context.caller()?.actor();
    let mut store = context.store()?;
    let mut stops: Vec<(AgentId, Intent)> = store
        .intents()
        .doing("read what is wanted")?
        .into_iter()
        .collect();
    stops.retain(|(_, intent)| intent.desire == Desire::Down && actor.may_take_back(intent));
    let stopped: Vec<AgentId> = stops.iter().map(|(agent, _)| agent.clone()).collect();
    store
        .clear_intents(&stopped, clock::now(), &actor.to_string())
        .doing("store what is wanted")?;
    Ok(stops)
}

/// Removes the file that keeps everything down.
fn allow(context: &Context) -> CliResult {
    match fs_err::remove_file(context.paths().down_file()) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).doing("allow agents to start")
        }
        _ => Ok(()),
    }
}

/// The agents that run whenever the town is up.
fn always(context: &Context) -> CliResult<Vec<AgentId>> {
    let intents = context.store()?.intents().doing("read what is wanted")?;
    let roster = context.roster()?;
    let wanted = |seat: &&SeatSpec| intent::wants_run(intents.get(&seat.agent), seat.run);
    Ok(roster
        .seats
        .iter()
        .filter(|seat| wanted(seat) == Some(true))
        .map(|seat| seat.agent.clone())
        .collect())
}

fn report(context: &Context, missing: &[Missing], arguments: &Up) -> CliResult {
    let status = status::look(context)?;
    let running: Vec<Agent> = status
        .agents
        .into_iter()
        .filter(|agent| agent.state != State::Gone)
        .collect();
    if !arguments.quiet {
        printer::text(&status::table(&running));
    }
    status::warn(&status.problems);
    let Some(first) = missing.first() else {
        return Ok(());
    };
    for missing in missing {
        printer::talk(format!(
            "{} does not run: it waits on {}",
            missing.agent, missing.waiting
        ));
    }
    let agents = match missing.len() {
        1 => "1 agent does not run".to_owned(),
        several => format!("{several} agents do not run"),
    };
    Err(CliError::failed(agents).hint(format!("`gt why {}` explains the first", first.agent)))
}
