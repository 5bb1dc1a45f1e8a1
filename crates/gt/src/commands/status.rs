//! `gt status`: the town at a glance, from the daemon, or without one from what the store and the
//! holders say.

use std::time::Duration;

use comfy_table::{Table, presets};
use gt_api::request::{Request, Response};
use gt_api::view::{Agent, State, Status};
use gt_core::observed::Observed;
use gt_host::lock;

use crate::cli::Json;
use crate::client::{Client, unexpected};
use crate::context::Context;
use crate::error::CliResult;
use crate::{printer, wait};

mod offline;

/// Shows the town.
pub(crate) fn status(context: &Context, json: Json) -> CliResult {
    let status = look(context)?;
    if json.json {
        printer::json(&status);
    } else {
        printer::text(&render(&status));
    }
    Ok(())
}

/// The town as the daemon sees it, or as far as it can be seen without one.
pub(crate) fn look(context: &Context) -> CliResult<Status> {
    let Some(mut client) = Client::connect(context.paths())? else {
        return offline::look(context);
    };
    match client.ask(Request::Status) {
        Ok(Response::Status(status)) => Ok(*status),
        Ok(other) => Err(unexpected(&other)),
        // It ended while it was asked.
        Err(_) if is_gone(context) => offline::look(context),
        Err(error) => Err(error),
    }
}

/// Whether the daemon that hung up has ended. Its lock is free a moment after its connections are.
fn is_gone(context: &Context) -> bool {
    const MOMENT: Duration = Duration::from_millis(500);
    let lock = context.paths().daemon_lock();
    wait::until(MOMENT, || {
        (lock::is_held(&lock) == Observed::Known(false)).then_some(())
    })
    .is_some()
}

fn render(status: &Status) -> String {
    let mut text = head(status);
    if !status.agents.is_empty() {
        text.push_str(&table(&status.agents));
        text.push('\n');
    }
    for problem in &status.problems {
        text.push_str(&format!("problem: {problem}\n"));
    }
    text
}

fn head(status: &Status) -> String {
    let daemon = &status.daemon;
    let state = match (daemon.running, daemon.pid) {
        (true, Some(pid)) => format!("running (pid {pid})"),
        (true, None) => "running".to_owned(),
        (false, _) => "not running; start the town with `gt up`".to_owned(),
    };
    let heartbeat = match (&daemon.last_heartbeat, daemon.heartbeat_count) {
        (Some(at), Some(count)) => format!(", heartbeat {count} at {at}"),
        _ => String::new(),
    };
    let down = if status.town.down { " (down)" } else { "" };
    format!(
        "Town {}{down}  {}\nDaemon {state}{heartbeat}\n",
        status.town.name, status.town.root
    )
}

/// A table of agents; wide cells come last.
pub(crate) fn table(agents: &[Agent]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["AGENT", "WANTED", "STATE", "PID", "RESTARTS", "WAITING ON"]);
    for agent in agents {
        let waiting = agent
            .waiting
            .as_ref()
            .map_or("", |waiting| waiting.on.as_str());
        table.add_row([
            agent.id.clone(),
            agent.intent.clone(),
            word(agent.state).to_owned(),
            agent
                .pid
                .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            agent
                .restarts
                .map_or_else(|| "-".to_owned(), |restarts| restarts.to_string()),
            waiting.to_owned(),
        ]);
    }
    table
        .lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect()
}

/// The state as `--json` writes it.
pub(crate) fn word(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Working => "working",
        State::NeedsAnswer => "needs-answer",
        State::Idle => "idle",
        State::Stalled => "stalled",
        State::Stopping => "stopping",
        State::Exited => "exited",
        State::Gone => "gone",
        State::Unknown => "unknown",
    }
}
