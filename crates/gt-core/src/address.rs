//! Where mail goes: the original's addresses, read against the roll.

use std::fmt;

use crate::agent_id::{AgentId, AgentIdError, Roll};
use crate::name::RigName;

/// A sender or recipient of mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// One agent; written `mayor/`, `deacon/`, `RIG/witness`, `RIG/crew/NAME`.
    Agent(AgentId),
    /// The person; written `overseer`. Read also as `human`.
    Overseer,
    /// The daemon itself, only ever a sender; written `daemon`.
    Daemon,
    /// Everyone of a rig; written `RIG/`. Only ever a recipient.
    Rig(RigName),
}

impl Address {
    /// Reads an address as a person or agent types it.
    ///
    /// # Errors
    /// [`AgentIdError`] when it names nobody, or more than one.
    pub fn resolve(text: &str, roll: &Roll) -> Result<Self, AgentIdError> {
        if matches!(text, "overseer" | "human" | "overseer/" | "human/") {
            return Ok(Self::Overseer);
        }
        if text == "daemon" {
            return Ok(Self::Daemon);
        }
        if let Some(rig) = text
            .strip_suffix('/')
            .and_then(|rig| RigName::new(rig).ok())
            && roll.rigs().contains(&rig)
        {
            return Ok(Self::Rig(rig));
        }
        roll.resolve(text).map(Self::Agent)
    }

    /// Reads the form that [`Display`](fmt::Display) wrote, without a roll.
    pub fn from_canonical(text: &str) -> Option<Self> {
        match text {
            "overseer" => Some(Self::Overseer),
            "daemon" => Some(Self::Daemon),
            "mayor/" => Some(Self::Agent(AgentId::Mayor)),
            "deacon/" => Some(Self::Agent(AgentId::Deacon)),
            _ => match text.strip_suffix('/') {
                Some(rig) => RigName::new(rig).ok().map(Self::Rig),
                None => AgentId::from_canonical(text).ok().map(Self::Agent),
            },
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(id @ (AgentId::Mayor | AgentId::Deacon)) => write!(f, "{id}/"),
            Self::Agent(id) => id.fmt(f),
            Self::Overseer => f.write_str("overseer"),
            Self::Daemon => f.write_str("daemon"),
            Self::Rig(rig) => write!(f, "{rig}/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_addresses_are_read() {
        let gas = RigName::new("gas").unwrap();
        let roll = Roll::new([gas.clone()], []);
        let read = |text| Address::resolve(text, &roll).unwrap().to_string();
        assert_eq!(read("mayor"), "mayor/");
        assert_eq!(read("mayor/"), "mayor/");
        assert_eq!(read("human"), "overseer");
        assert_eq!(read("gas/"), "gas/");
        assert_eq!(read("gas-witness"), "gas/witness");
        assert!(
            Address::resolve("mayor2", &roll).is_err(),
            "a prefix is not an address"
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in [
            "mayor/",
            "deacon/",
            "gas/",
            "gas/witness",
            "gas/crew/max",
            "overseer",
            "daemon",
        ] {
            assert_eq!(Address::from_canonical(text).unwrap().to_string(), text);
        }
    }
}
