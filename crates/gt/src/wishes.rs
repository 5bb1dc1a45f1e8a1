//! What a caller wants of agents, stored only if it is theirs to want.

use gt_core::intent::{Desire, Intent};
use gt_core::{Actor, AgentId};
use gt_host::clock;
use gt_store::Store;

use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};

/// Stores the same wish for each of these agents, all or none.
pub(crate) fn store(
    context: &Context,
    agents: &[AgentId],
    desire: Desire,
    reason: &str,
) -> CliResult {
    let actor = context.caller()?.actor();
    let mut store = context.store()?;
    for agent in agents {
        refuse_overruling(&store, agent, desire, &actor)?;
    }
    let intent = Intent {
        desire,
        actor,
        reason: reason.to_owned(),
        at: clock::now(),
    };
    let wishes: Vec<(AgentId, Intent)> = agents
        .iter()
        .map(|agent| (agent.clone(), intent.clone()))
        .collect();
    store.set_intents(&wishes).doing("store what is wanted")
}

/// Refuses a wish that would replace what others want and may want.
fn refuse_overruling(store: &Store, agent: &AgentId, desire: Desire, actor: &Actor) -> CliResult {
    if desire.is_stop() && !actor.may_stop(agent) {
        let message = format!("{agent} is stopped only by a person or by itself, not by {actor}");
        return Err(CliError::new(Kind::Refused, message).hint(format!(
            "`gt mail send {agent} -s …` asks it to end its work"
        )));
    }
    let intents = store.intents().doing("read what is wanted")?;
    match intents.get(agent) {
        Some(wish) if !actor.may_take_back(wish) => {
            let message = format!("{agent} was stopped by a person, and {actor} is none");
            Err(CliError::new(Kind::Refused, message)
                .hint("`gt mail send overseer -s …` asks the person to start it"))
        }
        Some(_) | None => Ok(()),
    }
}
