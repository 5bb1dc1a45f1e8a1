//! Who runs a command: attribution by ancestry, not by what the environment claims.
//!
//! A process below a holder is that holder's agent, whatever its environment says. One below no
//! holder is an agent only if it carries the run that a holder reports; otherwise it is the
//! person. Agents of one user are not isolated from each other: this tells them apart, it does not
//! keep them apart.

use gt_core::Actor;
use gt_core::address::Address;
use gt_core::incarnation::IncarnationId;
use gt_core::{AgentId, ProcessId};

use crate::holder::{self, protocol::Report};
use crate::paths::TownPaths;
use crate::{environment, process};

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An agent, in this run.
    Agent {
        /// Which.
        agent: AgentId,
        /// Its run, if its holder reports one.
        incarnation: Option<IncarnationId>,
    },
    /// The person.
    Overseer,
}

/// What the environment claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// `GT_AGENT`.
    pub agent: Option<String>,
    /// `GT_INCARNATION`.
    pub incarnation: Option<String>,
}

/// Why nobody can be named.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The claim is not borne out.
    #[error("the environment says `{claimed}`, but this process belongs to {actual}")]
    Forged {
        /// What was claimed, made printable.
        claimed: String,
        /// Who it is by ancestry.
        actual: String,
    },
    /// It was gone before it was looked at: it was anybody's.
    #[error("who asked is gone")]
    Gone,
    /// The ancestors or holders cannot be looked at.
    #[error("cannot tell who runs this command")]
    Unknown(#[source] std::io::Error),
}

impl Caller {
    /// Who runs this very process.
    ///
    /// # Errors
    /// [`IdentityError`] for a forged claim, or when it cannot be told.
    pub fn own(paths: &TownPaths) -> Result<Self, IdentityError> {
        let claim = Claim {
            agent: environment::variable(environment::GT_AGENT),
            incarnation: environment::variable(environment::GT_INCARNATION),
        };
        Self::of(paths, std::process::id(), &claim)
    }

    /// Who runs the process `pid`, which makes this claim.
    ///
    /// # Errors
    /// As [`own`](Self::own).
    pub fn of(paths: &TownPaths, pid: u32, claim: &Claim) -> Result<Self, IdentityError> {
        let ancestors = process::ancestors(pid).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => IdentityError::Gone,
            _ => IdentityError::Unknown(error),
        })?;
        let mut above = ancestors.iter();
        let seated = above.find_map(|above| holder::whose(above.pid, paths));
        let reports = match reports(paths) {
            // Whose holder is above needs no report.
            Err(_) if seated.is_some() => Vec::new(),
            reports => reports.map_err(IdentityError::Unknown)?,
        };
        judge(&reports, &ancestors, seated, claim)
    }

    /// Who is behind a connection: an agent by its holder, or by the mark in the environment that the
    /// process was started with.
    ///
    /// # Errors
    /// [`IdentityError`]
    pub fn of_peer(paths: &TownPaths, pid: u32) -> Result<Self, IdentityError> {
        // What cannot be listed is told of by `of`, unless a holder above says who it is.
        let reports = reports(paths).unwrap_or_default();
        let mut runs = reports.iter().filter_map(|report| report.incarnation);
        let carries =
            |run: &IncarnationId| process::carries(pid, &run.to_string()).unwrap_or(false);
        let claim = Claim {
            agent: None,
            incarnation: runs.find(carries).map(|run| run.to_string()),
        };
        Self::of(paths, pid, &claim)
    }

    /// The agent and run that this process claims to be of, if it is below that agent's holder, which
    /// runs it. For what is run at every turn: it looks at one holder only.
    pub fn borne_out(paths: &TownPaths) -> Option<(AgentId, IncarnationId)> {
        let agent = environment::variable(environment::GT_AGENT)?;
        let agent = AgentId::from_canonical(&agent).ok()?;
        let claimed = environment::variable(environment::GT_INCARNATION)?
            .parse()
            .ok()?;
        let report = holder::read_state_file(paths, &agent).ok()??;
        let ancestors = process::ancestors(std::process::id()).ok()?;
        let is_its_own = report.incarnation == Some(claimed)
            && report.exit.is_none()
            && ancestors.contains(&report.holder);
        is_its_own.then_some((agent, claimed))
    }

    /// Whether somebody who was looked at may be the person: an agent and a liar may not, nor who is gone.
    /// Where it cannot be told, since the holders' files cannot be read and no holder is above, a person
    /// must get at what runs.
    pub fn may_be_person(looked: &Result<Self, IdentityError>) -> bool {
        match looked {
            Ok(Self::Overseer) | Err(IdentityError::Unknown(_)) => true,
            Ok(Self::Agent { .. }) | Err(IdentityError::Forged { .. } | IdentityError::Gone) => {
                false
            }
        }
    }

    /// Who it is, as events and intents name it.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Agent { agent, .. } => Actor::Agent(agent.clone()),
            Self::Overseer => Actor::Overseer,
        }
    }

    /// Its mail address.
    pub fn address(&self) -> Address {
        match self {
            Self::Agent { agent, .. } => Address::Agent(agent.clone()),
            Self::Overseer => Address::Overseer,
        }
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Agent { agent, .. } => Some(agent),
            Self::Overseer => None,
        }
    }
}

/// What the holders report. Whose file is missing or damaged, the holder's own process tells.
fn reports(paths: &TownPaths) -> std::io::Result<Vec<Report>> {
    let files = holder::list_state_files(paths)?;
    Ok(files
        .into_iter()
        .filter_map(|(_, report)| report.ok())
        .collect())
}

/// `seated`: whose holder's process is among the ancestors, whether it reports or not.
fn judge(
    reports: &[Report],
    ancestors: &[ProcessId],
    seated: Option<AgentId>,
    claim: &Claim,
) -> Result<Caller, IdentityError> {
    let below = reports
        .iter()
        .find(|report| ancestors.contains(&report.holder));
    let claimed = claim
        .incarnation
        .as_deref()
        .and_then(|text| text.parse::<IncarnationId>().ok());
    let carried = reports
        .iter()
        .find(|report| claimed.is_some() && report.incarnation == claimed && report.exit.is_none());
    let caller = match (below, seated, carried) {
        (Some(report), _, _) | (None, None, Some(report)) => Caller::Agent {
            agent: report.agent.clone(),
            incarnation: report.incarnation,
        },
        (None, Some(agent), _) => Caller::Agent {
            agent,
            incarnation: claimed,
        },
        (None, None, None) => Caller::Overseer,
    };
    match &claim.agent {
        Some(agent) if *agent != caller.actor().to_string() => Err(IdentityError::Forged {
            claimed: gt_core::mail::printable_line(agent),
            actual: caller.actor().to_string(),
        }),
        _ => Ok(caller),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holder::protocol::Phase;

    const HOLDER: ProcessId = ProcessId { pid: 100, start: 7 };

    fn run() -> IncarnationId {
        "01920000-0000-7000-8000-000000000001".parse().unwrap()
    }

    fn report() -> Report {
        Report {
            version: 1,
            gt: "0".to_owned(),
            agent: AgentId::Deacon,
            socket: String::new(),
            holder: HOLDER,
            boot_id: String::new(),
            pane: None,
            phase: Phase::Running,
            incarnation: Some(run()),
            process: None,
            started_at: None,
            exit: None,
            exited_at: None,
            usage: None,
            keep: Vec::new(),
            survivors: Vec::new(),
            previous: None,
        }
    }

    #[track_caller]
    fn check(
        ancestors: &[ProcessId],
        agent: Option<&str>,
        incarnation: Option<&str>,
        expect: &str,
    ) {
        let claim = Claim {
            agent: agent.map(str::to_owned),
            incarnation: incarnation.map(str::to_owned),
        };
        let seen = match judge(&[report()], ancestors, None, &claim) {
            Ok(caller) => caller.actor().to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(seen, expect);
    }

    /// Covers D10, M10, F84: ancestry decides; an emptied or forged environment does not.
    #[test]
    fn ancestry_tells_who_it_is_whatever_the_environment_says() {
        let run = run().to_string();
        check(&[HOLDER], None, None, "deacon");
        check(&[HOLDER], Some("deacon"), Some(&run), "deacon");
        check(
            &[HOLDER],
            Some("mayor"),
            None,
            "the environment says `mayor`, but this process belongs to deacon",
        );
        check(&[], None, None, "overseer");
        check(&[], Some("deacon"), Some(&run), "deacon");
        check(
            &[],
            Some("mayor"),
            None,
            "the environment says `mayor`, but this process belongs to overseer",
        );
        check(&[ProcessId { pid: 100, start: 8 }], None, None, "overseer");
    }

    /// Covers F84: a client that has hung up and gone was anybody's.
    #[test]
    fn who_is_gone_is_nobody_that_is_known() {
        let town = tempfile::tempdir().unwrap();
        let paths = TownPaths::new(town.path());
        assert_eq!(
            Caller::of_peer(&paths, std::process::id()).unwrap(),
            Caller::Overseer
        );
        // Who cannot be told from an agent because nothing can be read may be the person.
        fs_err::create_dir_all(paths.private()).unwrap();
        fs_err::write(paths.holders(), "").unwrap();
        let seen = Caller::of_peer(&paths, std::process::id());
        assert!(matches!(seen, Err(IdentityError::Unknown(_))), "{seen:?}");
        assert!(Caller::may_be_person(&seen));
        for gone in [0, u32::MAX] {
            let seen = Caller::of_peer(&paths, gone);
            assert!(matches!(seen, Err(IdentityError::Gone)), "{seen:?}");
            assert!(!Caller::may_be_person(&seen));
        }
    }
}
