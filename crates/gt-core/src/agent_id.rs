//! Who an agent is: one type that gives its session, its files, its address and its environment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::{NameError, RigName, WorkerName};

/// One seat in the town. Written `mayor`, `deacon`, `RIG/witness`, `RIG/refinery`,
/// `RIG/crew/NAME`, `RIG/polecats/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AgentId {
    /// The town's coordinator.
    Mayor,
    /// The town's health agent.
    Deacon,
    /// A rig's overseer of polecats.
    Witness(RigName),
    /// A rig's merge queue worker.
    Refinery(RigName),
    /// A person's long-lived workspace in a rig.
    Crew(RigName, WorkerName),
    /// A worker in a git worktree of its own.
    Polecat(RigName, WorkerName),
}

/// What kind of seat it is; the key of `[roles.ROLE]` in town.toml and the value of `GT_ROLE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See [`AgentId::Mayor`].
    Mayor,
    /// See [`AgentId::Deacon`].
    Deacon,
    /// See [`AgentId::Witness`].
    Witness,
    /// See [`AgentId::Refinery`].
    Refinery,
    /// See [`AgentId::Crew`].
    Crew,
    /// See [`AgentId::Polecat`].
    Polecat,
}

impl Role {
    /// Every role, in the order in which a town is listed and started.
    pub const ALL: [Self; 6] = [
        Self::Mayor,
        Self::Deacon,
        Self::Witness,
        Self::Refinery,
        Self::Crew,
        Self::Polecat,
    ];

    /// The role in lower case, as in town.toml and `GT_ROLE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mayor => "mayor",
            Self::Deacon => "deacon",
            Self::Witness => "witness",
            Self::Refinery => "refinery",
            Self::Crew => "crew",
            Self::Polecat => "polecat",
        }
    }

    /// The role that this word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AgentId {
    /// What kind of seat it is.
    pub fn role(&self) -> Role {
        match self {
            Self::Mayor => Role::Mayor,
            Self::Deacon => Role::Deacon,
            Self::Witness(_) => Role::Witness,
            Self::Refinery(_) => Role::Refinery,
            Self::Crew(..) => Role::Crew,
            Self::Polecat(..) => Role::Polecat,
        }
    }

    /// The rig it belongs to; none for the town's own agents.
    pub fn rig(&self) -> Option<&RigName> {
        match self {
            Self::Mayor | Self::Deacon => None,
            Self::Witness(rig)
            | Self::Refinery(rig)
            | Self::Crew(rig, _)
            | Self::Polecat(rig, _) => Some(rig),
        }
    }

    /// The worker's own name; none for a role that a rig has once.
    pub fn worker(&self) -> Option<&WorkerName> {
        match self {
            Self::Crew(_, name) | Self::Polecat(_, name) => Some(name),
            Self::Mayor | Self::Deacon | Self::Witness(_) | Self::Refinery(_) => None,
        }
    }

    /// The tmux session's name, as in the original. Display only: identity is the incarnation.
    pub fn session_name(&self) -> String {
        match self {
            Self::Mayor => "gt-mayor".to_owned(),
            Self::Deacon => "gt-deacon".to_owned(),
            Self::Witness(rig) => format!("gt-{rig}-witness"),
            Self::Refinery(rig) => format!("gt-{rig}-refinery"),
            Self::Crew(rig, name) => format!("gt-{rig}-crew-{name}"),
            Self::Polecat(rig, name) => format!("gt-{rig}-{name}"),
        }
    }

    /// A file name for it, one to one with the id: `RIG/crew/NAME` becomes `RIG+crew+NAME`
    /// (`+` is in no name).
    pub fn file_stem(&self) -> String {
        self.to_string().replace('/', "+")
    }

    /// The id that a [`file_stem`](Self::file_stem) was made from.
    pub fn from_file_stem(stem: &str) -> Option<Self> {
        Self::from_canonical(&stem.replace('+', "/")).ok()
    }

    /// The directory its program runs in, relative to the town's root. The witness gets
    /// `RIG/witness`, so that a role read from the directory is right (fault T18).
    pub fn work_dir(&self) -> String {
        match self {
            Self::Mayor => "mayor".to_owned(),
            Self::Deacon => "deacon".to_owned(),
            Self::Witness(rig) => format!("{rig}/witness"),
            Self::Refinery(rig) => format!("{rig}/refinery/rig"),
            Self::Crew(rig, name) => format!("{rig}/crew/{name}"),
            Self::Polecat(rig, name) => format!("{rig}/polecats/{name}"),
        }
    }

    /// Reads the canonical form only, for text that this program wrote itself.
    ///
    /// # Errors
    /// [`AgentIdError`] when the text is not an id in canonical form.
    pub fn from_canonical(text: &str) -> Result<Self, AgentIdError> {
        let name = |error| AgentIdError::Name {
            text: text.to_owned(),
            source: error,
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["mayor"] => Ok(Self::Mayor),
            ["deacon"] => Ok(Self::Deacon),
            [rig, "witness"] => Ok(Self::Witness(RigName::new(rig).map_err(name)?)),
            [rig, "refinery"] => Ok(Self::Refinery(RigName::new(rig).map_err(name)?)),
            [rig, "crew", worker] => Ok(Self::Crew(
                RigName::new(rig).map_err(name)?,
                WorkerName::new(worker).map_err(name)?,
            )),
            [rig, "polecats", worker] => Ok(Self::Polecat(
                RigName::new(rig).map_err(name)?,
                WorkerName::new(worker).map_err(name)?,
            )),
            _ => Err(AgentIdError::NotAnAgent {
                text: text.escape_default().to_string(),
            }),
        }
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mayor => f.write_str("mayor"),
            Self::Deacon => f.write_str("deacon"),
            Self::Witness(rig) => write!(f, "{rig}/witness"),
            Self::Refinery(rig) => write!(f, "{rig}/refinery"),
            Self::Crew(rig, name) => write!(f, "{rig}/crew/{name}"),
            Self::Polecat(rig, name) => write!(f, "{rig}/polecats/{name}"),
        }
    }
}

impl TryFrom<String> for AgentId {
    type Error = AgentIdError;
    fn try_from(text: String) -> Result<Self, AgentIdError> {
        Self::from_canonical(&text)
    }
}

impl From<AgentId> for String {
    fn from(id: AgentId) -> Self {
        id.to_string()
    }
}

/// Why a text names no agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentIdError {
    /// It has no form of an agent's name.
    #[error("`{text}` names no agent")]
    NotAnAgent {
        /// The text as given, control characters escaped.
        text: String,
    },
    /// A part of it is not a valid name.
    #[error("`{text}` names no agent")]
    Name {
        /// The text as given.
        text: String,
        /// Which rule its part breaks.
        #[source]
        source: NameError,
    },
    /// The form is right, and no such rig or worker is known.
    #[error("no agent `{text}` in this town")]
    NotKnown {
        /// The text as given.
        text: String,
    },
    /// More than one agent answers to it.
    #[error("`{text}` could be {}", join(candidates))]
    Ambiguous {
        /// The text as given.
        text: String,
        /// Every agent it could mean.
        candidates: Vec<AgentId>,
    },
}

fn join(ids: &[AgentId]) -> String {
    ids.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" or ")
}

/// Who is known in the town: what a name in one of the original's forms is resolved against, so
/// that hyphens are never guessed at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roll {
    rigs: Vec<RigName>,
    agents: Vec<AgentId>,
}

impl Roll {
    /// The roll of a town with these rigs and workers; mayor, deacon and each rig's witness and
    /// refinery belong to every town.
    pub fn new(
        rigs: impl IntoIterator<Item = RigName>,
        workers: impl IntoIterator<Item = AgentId>,
    ) -> Self {
        let rigs: Vec<RigName> = rigs.into_iter().collect();
        let mut agents = vec![AgentId::Mayor, AgentId::Deacon];
        for rig in &rigs {
            agents.push(AgentId::Witness(rig.clone()));
            agents.push(AgentId::Refinery(rig.clone()));
        }
        agents.extend(workers.into_iter().filter(|id| id.worker().is_some()));
        Self { rigs, agents }
    }

    /// Strikes those off for whom `is_kept` does not hold; the rigs stay.
    pub fn retain(&mut self, is_kept: impl FnMut(&AgentId) -> bool) {
        self.agents.retain(is_kept);
    }

    /// Every agent on the roll.
    pub fn agents(&self) -> &[AgentId] {
        &self.agents
    }

    /// Every rig on the roll.
    pub fn rigs(&self) -> &[RigName] {
        &self.rigs
    }

    /// The agent whose session has this name; of those that would share it, the one that may be
    /// started.
    pub fn of_session(&self, name: &str) -> Option<&AgentId> {
        self.agents.iter().find(|id| id.session_name() == name)
    }

    /// Finds the agent that `text` names, in the canonical form or one of the original's:
    /// `mayor/`, `RIG-witness`, `RIG-crew-NAME`, `RIG/NAME`, `gt-RIG-NAME`.
    ///
    /// # Errors
    /// [`AgentIdError`] when it names none, or more than one.
    pub fn resolve(&self, text: &str) -> Result<AgentId, AgentIdError> {
        let bare = text.trim_end_matches('/');
        if let Ok(id) = AgentId::from_canonical(bare) {
            return self.known(id, text);
        }
        let candidates: Vec<AgentId> = self
            .agents
            .iter()
            .filter(|id| original_forms(id).iter().any(|form| form == bare))
            .cloned()
            .collect();
        match candidates.as_slice() {
            [] if AgentId::from_canonical(bare).is_err() && bare.split('/').count() > 3 => {
                Err(AgentIdError::NotAnAgent {
                    text: text.escape_default().to_string(),
                })
            }
            [] => Err(AgentIdError::NotKnown {
                text: text.escape_default().to_string(),
            }),
            [one] => Ok(one.clone()),
            _ => Err(AgentIdError::Ambiguous {
                text: text.to_owned(),
                candidates,
            }),
        }
    }

    fn known(&self, id: AgentId, text: &str) -> Result<AgentId, AgentIdError> {
        if self.agents.contains(&id) {
            Ok(id)
        } else {
            Err(AgentIdError::NotKnown {
                text: text.escape_default().to_string(),
            })
        }
    }
}

/// The ways in which the original wrote this agent, besides the canonical form.
fn original_forms(id: &AgentId) -> Vec<String> {
    let session = id.session_name();
    let dashed = session.trim_start_matches("gt-").to_owned();
    let mut forms = vec![dashed, session];
    if let (Some(rig), Some(worker)) = (id.rig(), id.worker()) {
        forms.push(format!("{rig}/{worker}"));
        forms.push(format!("{rig}-{worker}"));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rig(name: &str) -> RigName {
        RigName::new(name).unwrap()
    }

    fn worker(name: &str) -> WorkerName {
        WorkerName::new(name).unwrap()
    }

    fn roll() -> Roll {
        Roll::new(
            [
                rig("gas"),
                rig("gas-town"),
                rig("rigA"),
                rig("oil"),
                rig("oil-crew-b"),
            ],
            [
                AgentId::Crew(rig("gas"), worker("x-witness")),
                AgentId::Polecat(rig("gas"), worker("max")),
                AgentId::Polecat(rig("gas-town"), worker("max")),
            ],
        )
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = match roll().resolve(text) {
            Ok(id) => id.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expect);
    }

    /// Covers L8, L9, L10: case is kept, every documented form is read, and a crew member whose
    /// name ends in `-witness` is no witness, and a rig's is one whatever the rig's name.
    #[test]
    fn the_originals_forms_are_read_against_the_roll() {
        check("mayor/", "mayor");
        check("gt-deacon", "deacon");
        check("rigA-witness", "rigA/witness");
        check("riga-witness", "no agent `riga-witness` in this town");
        check("gas-crew-x-witness", "gas/crew/x-witness");
        check("gas/x-witness", "gas/crew/x-witness");
        check("oil-crew-b-witness", "oil-crew-b/witness");
        check("gas-town-max", "gas-town/polecats/max");
        check("gas-town/refinery", "gas-town/refinery");
        check("../x-witness", "no agent `../x-witness` in this town");
    }

    /// Covers M11: one dashed text that two agents answer to is refused, not guessed.
    #[test]
    fn an_ambiguous_name_is_refused_with_its_candidates() {
        let roll = Roll::new(
            [rig("a"), rig("a-b")],
            [
                AgentId::Polecat(rig("a"), worker("b-c")),
                AgentId::Polecat(rig("a-b"), worker("c")),
            ],
        );
        let error = roll.resolve("a-b-c").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`a-b-c` could be a/polecats/b-c or a-b/polecats/c"
        );
        let seated = roll.of_session("gt-a-b-c").unwrap();
        assert_eq!(seated.to_string(), "a/polecats/b-c");
    }

    #[test]
    fn canonical_form_and_file_stem_read_back() {
        for id in roll().agents() {
            assert_eq!(AgentId::from_canonical(&id.to_string()).as_ref(), Ok(id));
            assert_eq!(AgentId::from_file_stem(&id.file_stem()).as_ref(), Some(id));
        }
    }
}
