//! `gt status`: the town at a glance, from the daemon, or without one from what the store and the
//! holders say.

use std::collections::HashSet;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use gt_api::request::{Request, Response};
use gt_api::view::{Agent, State, Status};
use gt_core::observed::Observed;
use gt_core::time::shown_in;
use gt_host::lock;

use crate::cli::Json;
use crate::client::{Client, unexpected};
use crate::context::Context;
use crate::error::{CliResult, Kind};
use crate::{printer, wait};

mod offline;

/// The version of this binary.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Shows the town.
pub(crate) fn status(context: &Context, json: Json) -> CliResult {
    if json.json {
        printer::json(&look(context)?);
    } else {
        printer::text(&render(&glance(context)?));
    }
    Ok(())
}

/// The town without the seats that rest, for people: in a large town most do.
struct Glance {
    status: Status,
    /// How many rest, which the daemon knows.
    resting: Option<usize>,
}

/// The town as the daemon sees it, or as far as it can be seen without one.
pub(crate) fn look(context: &Context) -> CliResult<Status> {
    match ask(context, Request::Status)? {
        Some(Response::Status(status)) => Ok(told_once(*status)),
        Some(other) => Err(unexpected(&other)),
        None => Ok(offline::look(context)),
    }
}

fn glance(context: &Context) -> CliResult<Glance> {
    match ask(context, Request::Glance)? {
        Some(Response::Glance { status, resting }) => Ok(Glance {
            status: told_once(*status),
            resting: Some(resting),
        }),
        Some(other) => Err(unexpected(&other)),
        None => Ok(Glance {
            status: offline::glance(context),
            resting: None,
        }),
    }
}

/// What several looks found wrong is one problem.
fn told_once(mut status: Status) -> Status {
    let mut told = HashSet::new();
    status
        .problems
        .retain(|problem| told.insert(problem.clone()));
    status
}

/// The daemon's answer; none without a daemon.
fn ask(context: &Context, request: Request) -> CliResult<Option<Response>> {
    let Some(mut client) = Client::connect(context.paths())? else {
        return Ok(None);
    };
    match client.ask(request) {
        Ok(response) => Ok(Some(response)),
        // It hangs, or ended while it was asked: what can be seen without it is shown.
        Err(error) if error.kind == Kind::DaemonSilent => Ok(None),
        Err(_) if is_gone(context) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the daemon that hung up has ended. Its lock is free a moment after its connections are.
pub(crate) fn is_gone(context: &Context) -> bool {
    const MOMENT: Duration = Duration::from_millis(500);
    let lock = context.paths().daemon_lock();
    wait::until(MOMENT, || {
        (lock::is_held(&lock) == Observed::Known(false)).then_some(())
    })
    .is_some()
}

fn render(Glance { status, resting }: &Glance) -> String {
    let mut text = head(status);
    if !status.agents.is_empty() {
        text.push_str(&table(&status.agents));
        text.push('\n');
    }
    let rest = match resting {
        None => "shown is who is wanted or runs",
        Some(0) => "",
        Some(1) => "1 seat rests",
        Some(many) => &format!("{many} seats rest"),
    };
    if !rest.is_empty() {
        text.push_str(&format!("{rest}; `gt agents` lists all\n"));
    }
    for problem in &status.problems {
        text.push_str(&format!("problem: {problem}\n"));
    }
    text
}

fn head(status: &Status) -> String {
    let daemon = &status.daemon;
    let state = match (daemon.running, daemon.pid) {
        (Some(true), Some(pid)) => format!("running (pid {pid})"),
        (Some(true), None) => "running".to_owned(),
        (Some(false), _) => "not running; start the town with `gt up`".to_owned(),
        (None, _) => "unknown".to_owned(),
    };
    let heartbeat = match (&daemon.last_heartbeat, daemon.heartbeat_count) {
        (Some(at), Some(count)) if daemon.running == Some(true) => {
            format!(", heartbeat {count} at {}", shown_in(at))
        }
        _ => String::new(),
    };
    let down = if status.town.down { " (down)" } else { "" };
    let mut text = format!(
        "Town {}{down}  {}\nDaemon {state}{heartbeat}\n",
        status.town.name, status.town.root
    );
    let other = daemon.version.as_deref().filter(|it| *it != OWN_VERSION);
    if let Some(version) = other {
        text.push_str(&format!(
            "problem: the daemon is gt {version}, this is gt {OWN_VERSION}; \
             `gt daemon restart` brings this one up and keeps the agents\n"
        ));
    }
    text
}

/// Says what is wrong with the town besides the agents.
pub(crate) fn warn(problems: &[String]) {
    for problem in problems {
        printer::talk(format!("warning: {problem}"));
    }
}

/// A table of agents; wide cells come last. Laid out here and not by a library, which takes longer
/// over a large town than all else that `gt status` does.
pub(crate) fn table(agents: &[Agent]) -> String {
    laid_out(agents, printer::width())
}

/// What is too wide for the terminal has lines of its own: what an agent waits on, and on a narrow one
/// all but its state.
fn laid_out(agents: &[Agent], width: Option<usize>) -> String {
    let mut head = ["AGENT", "WANTED", "STATE", "PID", "RESTARTS", "WAITING ON"];
    let rows: Vec<[String; 6]> = agents.iter().map(cells).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.fold(head[column].len(), usize::max)
        })
        .collect();
    // A blank before each cell, and another between two.
    let needed = |columns: usize| widths[..columns].iter().sum::<usize>() + 2 * columns - 1;
    let width = width.unwrap_or(usize::MAX);
    if width < needed(WAITING) {
        let blocks = rows.iter().zip(agents);
        return blocks
            .map(|(row, agent)| block(row, agent.state, width))
            .collect();
    }
    let has_waiting = needed(head.len()) <= width;
    if !has_waiting {
        head[WAITING] = "";
    }
    let mut text = String::new();
    append_row(&mut text, &head, &widths, None);
    for (row, agent) in rows.iter().zip(agents) {
        let mut cells = row.each_ref().map(String::as_str);
        if has_waiting {
            append_row(&mut text, &cells, &widths, Some(agent.state));
            continue;
        }
        let waiting = std::mem::take(&mut cells[WAITING]);
        append_row(&mut text, &cells, &widths, Some(agent.state));
        if !waiting.is_empty() {
            append_wrapped(&mut text, &format!("waiting on {waiting}"), width);
        }
    }
    text
}

/// One agent for a narrow terminal.
fn block(
    [agent, wanted, _, pid, restarts, waiting]: &[String; 6],
    state: State,
    width: usize,
) -> String {
    let mut text = format!(" {agent}  {}\n", colored(state));
    let mut about = format!("wanted {wanted}, pid {pid}");
    if !matches!(restarts.as_str(), "0" | "-") {
        about.push_str(&format!(", restarted {restarts}×"));
    }
    if !waiting.is_empty() {
        about.push_str(&format!("; waiting on {waiting}"));
    }
    append_wrapped(&mut text, &about, width);
    text
}

fn append_wrapped(text: &mut String, about: &str, width: usize) {
    const INDENT: &str = "   ";
    for line in printer::wrapped(about, width.saturating_sub(INDENT.len())) {
        text.push_str(&format!("{INDENT}{line}\n"));
    }
}

/// All but the last are plain ASCII: their length is their width.
fn cells(agent: &Agent) -> [String; 6] {
    let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |it| it.to_string());
    let waiting = agent.waiting.as_ref();
    [
        agent.id.clone(),
        agent.intent.clone(),
        word(agent.state).to_owned(),
        number(agent.pid),
        number(agent.restarts),
        waiting.map_or_else(String::new, |waiting| shown_in(&waiting.on)),
    ]
}

/// Which cell of a row is the state.
const STATE: usize = 2;

/// Which cell of a row says what it waits on.
const WAITING: usize = 5;

/// Appends a line without blanks at its end, the state in its colour.
fn append_row(text: &mut String, cells: &[&str; 6], widths: &[usize], state: Option<State>) {
    let last = cells.iter().rposition(|cell| !cell.is_empty());
    for (column, cell) in cells[..last.map_or(0, |last| last + 1)].iter().enumerate() {
        let blanks = widths.get(column).map_or(0, |width| width - cell.len());
        text.push(' ');
        match state.filter(|_| column == STATE) {
            Some(state) => text.push_str(&colored(state)),
            None => text.push_str(cell),
        }
        if Some(column) != last {
            text.extend(std::iter::repeat_n(' ', blanks + 1));
        }
    }
    text.push('\n');
}

/// The state's word. Its colour repeats what the word says.
fn colored(state: State) -> String {
    let color = match state {
        State::Working | State::BackgroundWork | State::Idle | State::Starting => AnsiColor::Green,
        State::NeedsApproval
        | State::NeedsAnswer
        | State::Limited
        | State::AuthDead
        | State::ModelUnavailable
        | State::ContextFull
        | State::Stalled
        | State::Stopping
        | State::Unknown => AnsiColor::Yellow,
        State::Exited | State::Gone => AnsiColor::White,
    };
    let style = Style::new().fg_color(Some(color.into()));
    format!("{style}{}{style:#}", word(state))
}

/// The state as `--json` writes it.
pub(crate) fn word(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Working => "working",
        State::BackgroundWork => "background-work",
        State::NeedsApproval => "needs-approval",
        State::NeedsAnswer => "needs-answer",
        State::Limited => "limited",
        State::AuthDead => "auth-dead",
        State::ModelUnavailable => "model-unavailable",
        State::ContextFull => "context-full",
        State::Idle => "idle",
        State::Stalled => "stalled",
        State::Stopping => "stopping",
        State::Exited => "exited",
        State::Gone => "gone",
        State::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str, restarts: u32, on: Option<&str>) -> Agent {
        let waiting = on.map(|on| serde_json::json!({ "on": on }));
        serde_json::from_value(serde_json::json!({
            "id": id, "role": "mayor", "session": "gt", "intent": "always", "state": "idle",
            "pid": 4711, "restarts": restarts, "waiting": waiting, "evidence": [],
        }))
        .unwrap()
    }

    /// A table fits its terminal, as far as single words do.
    #[test]
    fn a_table_fits_its_terminal() {
        let agents = [
            agent("mayor", 0, None),
            agent(
                "gas/crew/max",
                2,
                Some("a person: its dialog asks for a choice"),
            ),
        ];
        let shown = |width| {
            let text = anstream::adapter::strip_str(&laid_out(&agents, Some(width))).to_string();
            assert!(
                text.lines().all(|line| line.chars().count() <= width),
                "{text}"
            );
            text
        };
        insta::assert_snapshot!(shown(100), @"
        AGENT         WANTED  STATE  PID   RESTARTS  WAITING ON
        mayor         always  idle   4711  0
        gas/crew/max  always  idle   4711  2         a person: its dialog asks for a choice
        ");
        insta::assert_snapshot!(shown(60), @"
        AGENT         WANTED  STATE  PID   RESTARTS
        mayor         always  idle   4711  0
        gas/crew/max  always  idle   4711  2
          waiting on a person: its dialog asks for a choice
        ");
        insta::assert_snapshot!(shown(36), @"
        mayor  idle
          wanted always, pid 4711
        gas/crew/max  idle
          wanted always, pid 4711,
          restarted 2×; waiting on a
          person: its dialog asks for a
          choice
        ");
    }
}
