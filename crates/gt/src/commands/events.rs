//! `gt events`: the event table, and what is added to it.

use std::time::Duration;

use gt_api::view::Event;
use gt_core::time::shown_in;

use crate::cli;
use crate::context::Context;
use crate::error::{CliResult, Doing as _};
use crate::printer;

/// How many rows are read at once.
const PAGE: usize = 1000;

/// How often new rows are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// Prints events, oldest first.
pub(crate) fn events(context: &Context, arguments: &cli::Events) -> CliResult {
    let store = context.store()?;
    let mut seen = match arguments.since {
        Some(seq) => seq,
        None => {
            let latest = store.latest(arguments.lines).doing("read the events")?;
            let last = latest.last().map_or(0, |event| event.seq);
            show(latest.iter().map(Event::from), arguments);
            last
        }
    };
    loop {
        let rows = store.since(seen, PAGE).doing("read the events")?;
        seen = rows.last().map_or(seen, |event| event.seq);
        show(rows.iter().map(Event::from), arguments);
        if rows.len() == PAGE {
            continue;
        }
        if !arguments.follow {
            return Ok(());
        }
        gt_host::clock::pause(LOOK);
    }
}

/// One event a line; with `--json` one object a line.
fn show(events: impl Iterator<Item = Event>, arguments: &cli::Events) {
    for event in events {
        if arguments.json.json {
            printer::json_line(&event);
        } else {
            printer::data(line(&event));
        }
    }
}

fn line(event: &Event) -> String {
    let agent = event.agent.as_deref().unwrap_or("town");
    let what = match event.text.as_str() {
        "" => String::new(),
        text => format!("{} ", shown_in(text)),
    };
    format!(
        "{:>6}  {}  {:<17} {agent}  {what}({})",
        event.seq,
        shown_in(&event.at),
        event.kind,
        event.actor
    )
}
