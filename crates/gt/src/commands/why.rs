//! `gt why AGENT`: what is wanted, what was seen, what is done or waited on.

use gt_api::request::{Request, Response};
use gt_api::view::Why;

use crate::cli::Json;
use crate::client::{Client, unexpected};
use crate::commands::status::word;
use crate::context::Context;
use crate::error::CliResult;
use crate::printer;

/// Explains one agent.
pub(crate) fn why(context: &Context, agent: &str, json: Json) -> CliResult {
    let agent = context.agent(agent)?;
    let why = match Client::require(context.paths())?.ask(Request::Why { agent })? {
        Response::Why(why) => *why,
        other => return Err(unexpected(&other)),
    };
    if json.json {
        printer::json(&why);
    } else {
        printer::text(&render(&why));
    }
    Ok(())
}

fn render(why: &Why) -> String {
    let agent = &why.agent;
    let mut lines = vec![
        format!("{} is {}", agent.id, word(agent.state)),
        format!("  goal      {}", why.goal),
        format!("  decision  {}", why.decision),
    ];
    lines.extend(
        agent
            .evidence
            .iter()
            .map(|line| format!("  evidence  {line}")),
    );
    lines.extend(why.facts.iter().map(|line| format!("  fact      {line}")));
    lines.extend(why.events.iter().map(|event| {
        let what = format!("  {}  {} by {}", event.at, event.kind, event.actor);
        match event.text.as_str() {
            "" => what,
            text => format!("{what}: {text}"),
        }
    }));
    lines.push(String::new());
    lines.join("\n")
}
