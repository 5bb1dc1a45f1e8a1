//! `gt why AGENT`: what is wanted, what was seen, what is done or waited on.

use gt_api::request::{Request, Response};
use gt_api::view::Why;
use gt_core::AgentId;
use gt_core::time::shown_in;

use crate::cli::Json;
use crate::client::{Client, unexpected};
use crate::commands::status::{self, word};
use crate::context::Context;
use crate::error::{CliError, CliResult, Kind};
use crate::printer;

/// Explains one agent.
pub(crate) fn why(context: &Context, agent: &str, json: Json) -> CliResult {
    let agent = context.agent(agent)?;
    let Some(mut client) = Client::connect(context.paths())? else {
        return Err(unexplained(context, &agent));
    };
    let why = match client.ask(Request::Why { agent })? {
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

/// What can be told without the daemon, which alone decides: what is wanted, what is seen.
fn unexplained(context: &Context, agent: &AgentId) -> CliError {
    let seen = status::look(context).ok();
    let seen = seen.and_then(|seen| {
        let mut agents = seen.agents.into_iter();
        agents.find(|view| view.id == agent.to_string())
    });
    let message = match seen {
        Some(view) => format!(
            "the town's daemon does not run, so nothing is done about {agent}: it is {} ({}), wanted {}",
            word(view.state),
            view.evidence.join(", "),
            view.intent
        ),
        None => format!("the town's daemon does not run, so nothing is done about {agent}"),
    };
    CliError::new(Kind::DaemonNotRunning, message)
        .hint("`gt up` starts it, and every agent that is wanted; `gt events` shows what happened")
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
    shown_in(&lines.join("\n"))
}
