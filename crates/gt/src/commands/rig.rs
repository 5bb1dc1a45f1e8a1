//! `gt rig`: the repositories that the town works on.

mod add;
mod look;

pub(super) use look::shown;

use std::path::Path;
use std::time::Duration;

use gt_api::view;
use gt_core::observed::{Observed, chain};
use gt_core::shell::word;
use gt_core::{AgentId, RigName};
use gt_host::holder::client::Client as HolderClient;
use gt_host::holder::protocol::{Phase, Report};
use gt_host::holder::{self, StateError};
use gt_host::rig::{self, RigError};
use gt_host::{clock, process};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{Json, Rig};
use crate::commands::{config, status};
use crate::context::{Context, no_rig};
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// How long a holder may take for an answer: it waits for nobody.
const ANSWER: Duration = Duration::from_secs(3);

/// One rig with its agents: `gt rig status --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RigStatus {
    /// The rig.
    #[serde(flatten)]
    rig: view::Rig,
    /// Its agents, as `gt status` has them.
    agents: Vec<view::Agent>,
}

/// Runs the verb.
pub(crate) fn rig(context: &Context, verb: Rig) -> CliResult {
    match verb {
        Rig::Add {
            name,
            url: Some(url),
            prefix,
            crew,
            ..
        } => add::add(context, &name, &url, prefix.as_deref(), &crew),
        Rig::Add { name, prefix, .. } => add::adopt(context, &name, prefix.as_deref()),
        Rig::List(json) => list(context, json),
        Rig::Remove { name } => remove(context, &name),
        Rig::Status { name, json } => show(context, &name, json),
    }
}

fn list(context: &Context, json: Json) -> CliResult {
    let town = look::look(context.paths());
    if json.json {
        printer::json(&town.rigs);
    } else {
        printer::text(&listing(&town.rigs));
    }
    for problem in &town.problems {
        printer::talk(format!("problem: {problem}"));
    }
    town.registry_trouble.map_or(Ok(()), |trouble| {
        Err(
            CliError::failed(format!("the registry of rigs was not read: {trouble}"))
                .hint("what is listed was found on disk; `gt doctor` looks at the registry"),
        )
    })
}

/// Takes the rig out of the registry, if nothing of it runs. Its files stay.
fn remove(context: &Context, name: &str) -> CliResult {
    let paths = context.paths();
    let name = RigName::new(name).map_err(|_| {
        let rigs = context.roll().rigs().to_vec();
        no_rig(name, rigs.iter().map(RigName::as_str))
    })?;
    rig::show(paths, &name).map_err(|error| refused(&error))?;
    let seats = holder::list_state_files(paths).doing("look for agents of the rig")?;
    let mut running = running(&name, seats);
    // A holder without a file is told by its lock.
    let roll = context.roll();
    let of_rig = roll
        .agents()
        .iter()
        .filter(|agent| agent.rig() == Some(&name) && !running.contains(agent));
    let held = of_rig.filter(|agent| {
        let has_file = matches!(holder::read_state_file(paths, agent), Ok(Some(_)));
        !has_file && holder::is_taken(paths, agent) != Observed::Known(false)
    });
    let held: Vec<AgentId> = held.cloned().collect();
    running.extend(held);
    if !running.is_empty() {
        let agents: Vec<String> = running.iter().map(ToString::to_string).collect();
        let message = format!("agents of `{name}` run: {}", agents.join(", "));
        let hints = running.iter().map(|agent| format!("`{}`", stop(agent)));
        let hint = hints.collect::<Vec<_>>().join(", ");
        return Err(CliError::new(Kind::Refused, message).hint(format!("stop them with {hint}")));
    }
    rig::remove(paths, &name).map_err(|error| refused(&error))?;
    if let Err(error) = forget_wishes(context, &name) {
        printer::talk(format!(
            "what was wanted of its agents stays stored: {error}"
        ));
    }
    let place = paths.root().join(name.as_str());
    printer::talk(format!("rig `{name}` is no rig of the town any more"));
    printer::talk(format!(
        "its files stay at {}; `gt rig add {name} --adopt` takes it back",
        place.display()
    ));
    tell_daemon(context)
}

/// Forgets what was wished of the rig's agents: one of the same name is another rig.
fn forget_wishes(context: &Context, rig: &RigName) -> CliResult {
    let mut store = context.store()?;
    let wishes = store.intents().doing("read what is wanted")?;
    let agents: Vec<AgentId> = wishes
        .into_keys()
        .filter(|agent| agent.rig() == Some(rig))
        .collect();
    let actor = context.caller()?.actor();
    store
        .clear_intents(&agents, clock::now(), &actor.to_string())
        .doing("forget what was wanted of its agents")
}

/// The rig's agents of which something runs, or may run: what cannot be told is no reason to go
/// on.
fn running(rig: &RigName, seats: Vec<(AgentId, Result<Report, StateError>)>) -> Vec<AgentId> {
    seats
        .into_iter()
        .filter(|(agent, _)| agent.rig() == Some(rig))
        .filter(|(_, report)| report.as_ref().map_or(true, may_run))
        .map(|(agent, _)| agent)
        .collect()
}

/// Asks the holder itself: its file may be a moment older than what it did last.
fn may_run(report: &Report) -> bool {
    if process::is_alive(report.holder) == Observed::Known(false) {
        return false;
    }
    HolderClient::of(report, ANSWER)
        .and_then(|mut client| client.hello(ANSWER))
        .map_or(true, |report| report.phase != Phase::Idle)
}

/// The command that stops an agent.
fn stop(agent: &AgentId) -> String {
    match agent {
        AgentId::Mayor | AgentId::Deacon => format!("gt {agent} stop"),
        AgentId::Witness(rig) => format!("gt witness stop {rig}"),
        AgentId::Refinery(rig) => format!("gt refinery stop {rig}"),
        AgentId::Crew(rig, name) => format!("gt crew stop {rig}/{name}"),
        // Polecats come and go with their work; until then only the whole town stops one.
        AgentId::Polecat(..) => "gt down".to_owned(),
    }
}

fn show(context: &Context, name: &str, json: Json) -> CliResult {
    let town = look::look(context.paths());
    let names: Vec<String> = town.rigs.iter().map(|rig| rig.name.clone()).collect();
    let Some(rig) = town.rigs.into_iter().find(|rig| rig.name == name) else {
        return Err(no_rig(name, names.iter().map(String::as_str)));
    };
    let seen = status::look(context)?;
    let agents = seen.agents.into_iter();
    let agents = agents.filter(|agent| agent.rig.as_deref() == Some(&rig.name));
    let shown = RigStatus {
        agents: agents.collect(),
        rig,
    };
    if json.json {
        printer::json(&shown);
    } else {
        printer::text(&head(&shown.rig));
        printer::text(&status::table(&shown.agents));
    }
    Ok(())
}

fn head(rig: &view::Rig) -> String {
    let url = rig.git_url.as_deref().unwrap_or("(not known)");
    let mut text = format!("Rig {}  {}\nFrom {url}\n", rig.name, rig.path);
    for problem in &rig.problems {
        text.push_str(&format!("problem: {problem}\n"));
    }
    text.push('\n');
    text
}

/// A line a rig, wide cells last.
fn listing(rigs: &[view::Rig]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["RIG", "CREW", "POLECATS", "FROM"]);
    for rig in rigs {
        table.add_row([
            rig.name.clone(),
            words(&rig.crew),
            words(&rig.polecats),
            rig.git_url
                .clone()
                .unwrap_or_else(|| "(not known)".to_owned()),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text: String = table
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    for rig in rigs {
        for problem in &rig.problems {
            text.push_str(&format!("problem: {}: {problem}\n", rig.name));
        }
    }
    text
}

fn words(names: &[String]) -> String {
    if names.is_empty() {
        return "-".to_owned();
    }
    names.join(" ")
}

/// Has the daemon read the registry; it reads it at its start if none runs.
fn tell_daemon(context: &Context) -> CliResult {
    config::reload(context).map_err(|error| {
        CliError::failed(format!(
            "the registry is written, and the daemon did not take it: {}",
            error.sentence()
        ))
        .hint("`gt daemon restart` makes it read the registry, and keeps the agents")
    })
}

fn refused(error: &RigError) -> CliError {
    let message = chain(error);
    match error {
        RigError::AlreadyRegistered { .. } => {
            CliError::new(Kind::Refused, message).hint("`gt rig list` lists them")
        }
        RigError::InTheWay { name, .. } => {
            CliError::new(Kind::Refused, message).hint(format!(
                "`gt rig add {name} --adopt` registers it as it is; or move it away, or choose another name"
            ))
        }
        RigError::NoClone { .. } => CliError::new(Kind::Refused, message)
            .hint("`gt rig add NAME URL` makes a rig; `gt rig list` lists those there are"),
        RigError::Origin { .. } => {
            CliError::failed(message).hint("`git remote -v` in it tells what git knows")
        }
        RigError::NotRegistered { name, known } => {
            no_rig(name.as_str(), known.iter().map(String::as_str))
        }
        RigError::Registry(_) => {
            CliError::failed(message).hint("`gt doctor` looks at the registry")
        }
        RigError::Interrupted => CliError::new(Kind::Interrupted, "interrupted; nothing was added"),
        RigError::Clone { url, .. } | RigError::NoCommits { url } => CliError::failed(message)
            .hint(format!(
                "nothing was added; `git ls-remote {}` tries the URL",
                word(url)
            )),
        RigError::WrongClone { .. } => {
            CliError::failed(message).hint("nothing was added; `gt rig add` again may do")
        }
        RigError::Io(_) | RigError::File(_) => {
            CliError::failed(message).hint("`gt doctor` looks at the town's directories")
        }
    }
}

/// Makes the path of a rig's own directory short for people.
fn relative<'a>(path: &'a Path, root: &Path) -> std::path::Display<'a> {
    path.strip_prefix(root).unwrap_or(path).display()
}

#[cfg(test)]
mod tests;
