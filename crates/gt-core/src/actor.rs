//! Who causes something.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::agent_id::{AgentId, Role};
use crate::intent::Intent;

/// Who wishes or asks for something; in stores and files its [`Display`](fmt::Display) form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Actor {
    /// The person; written `overseer`.
    Overseer,
    /// An agent; written as its id.
    Agent(AgentId),
    /// Anybody else, such as `daemon`, or an agent in the form of another version.
    Other(String),
}

impl Actor {
    /// Whether a person asked, rather than the daemon or an agent.
    pub fn is_person(&self) -> bool {
        *self == Self::Overseer
    }

    /// Whether it may have this agent stopped: a crew's run ends by a person's wish or its own, and
    /// by nobody else's (F13); the mayor's and the deacon's by each other's as well.
    pub fn may_stop(&self, agent: &AgentId) -> bool {
        let is_own = matches!(self, Self::Agent(own) if own == agent);
        let is_town_s = matches!(self, Self::Agent(AgentId::Mayor | AgentId::Deacon));
        self.is_person()
            || is_own
            || match agent.role() {
                Role::Crew => false,
                Role::Mayor | Role::Deacon => is_town_s,
                Role::Witness | Role::Refinery | Role::Polecat => true,
            }
    }

    /// Whether another wish of its may stand in the place of this one: what a person stopped stays so
    /// until a person says otherwise.
    pub fn may_take_back(&self, wish: &Intent) -> bool {
        self.is_person() || !wish.actor.is_person() || !wish.desire.is_stop()
    }
}

impl From<String> for Actor {
    fn from(text: String) -> Self {
        if text == "overseer" {
            return Self::Overseer;
        }
        AgentId::from_canonical(&text).map_or(Self::Other(text), Self::Agent)
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overseer => f.write_str("overseer"),
            Self::Agent(agent) => agent.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers F13: an agent stops those that work for it, and no crew nor the town's own.
    #[test]
    fn an_agent_may_not_stop_everybody() {
        let may = |actor: &str, agent: &str| {
            let agent = AgentId::from_canonical(agent).unwrap();
            Actor::from(actor.to_owned()).may_stop(&agent)
        };
        for agent in ["mayor", "deacon", "gas/witness", "gas/crew/max"] {
            assert!(may("overseer", agent));
            assert!(may(agent, agent));
        }
        assert!(may("deacon", "mayor") && may("mayor", "gas/witness"));
        assert!(!may("mayor", "gas/crew/max"));
        assert!(!may("gas/crew/max", "mayor") && !may("gas/witness", "deacon"));
    }

    #[test]
    fn every_actor_is_read_back_as_it_was_written() {
        for text in [
            "overseer",
            "mayor",
            "gas/crew/max",
            "daemon",
            "",
            "no one/at all",
        ] {
            let actor = Actor::from(text.to_owned());
            assert_eq!(actor.to_string(), text);
            assert_eq!(actor.is_person(), text == "overseer");
        }
    }
}
