//! What a caller wants of agents, stored only if it is theirs to want.

use gt_core::intent::{Desire, Intent};
use gt_core::{Actor, AgentId};
use gt_host::clock;

use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};

/// Stores the same wish for each of these agents, all or none.
pub(crate) fn store(
    context: &Context,
    agents: &[AgentId],
    desire: Desire,
    reason: &str,
) -> CliResult {
    let intent = Intent {
        desire,
        actor: context.caller()?.actor(),
        reason: reason.to_owned(),
        at: clock::now(),
    };
    let spared = agents.iter().find(|it| !intent.actor.may_stop(it));
    if let Some(agent) = spared.filter(|_| desire.is_stop()) {
        return Err(may_not_stop(&intent.actor, agent));
    }
    let wishes: Vec<(AgentId, Intent)> = agents
        .iter()
        .map(|agent| (agent.clone(), intent.clone()))
        .collect();
    let mut store = context.store()?;
    match store.set_intents(&wishes).doing("store what is wanted")? {
        None => Ok(()),
        Some((agent, kept)) => Err(may_not_take_back(&intent.actor, &agent, &kept)),
    }
}

fn may_not_stop(actor: &Actor, agent: &AgentId) -> CliError {
    let message = format!("{actor} may not stop {agent}: a person may, and the agent itself");
    CliError::new(Kind::Refused, message).hint(format!(
        "`gt mail send {agent} -s …` asks it to end its work"
    ))
}

fn may_not_take_back(actor: &Actor, agent: &AgentId, kept: &Intent) -> CliError {
    let message = format!(
        "{agent} was stopped by {}, and {actor} may not take that back",
        kept.actor
    );
    CliError::new(Kind::Refused, message)
        .hint("`gt mail send overseer -s …` asks the person to start it")
}
