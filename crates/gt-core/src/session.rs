//! The session in which a run of an agent's program talks with its model, by the program's own name
//! for it.

use std::fmt;

use uuid::Builder;

use crate::incarnation::{Exit, IncarnationId};
use crate::memory::Cause;
use crate::snapshot::End;

/// The longest name. Programs name their sessions by UUIDs.
const LONGEST: usize = 100;

/// A program's name for a session: fit to be an argument of its command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionId(String);

impl SessionId {
    /// None for what no program names a session, and what could be taken for an option.
    pub fn new(name: &str) -> Option<Self> {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = !name.is_empty()
            && name.len() <= LONGEST
            && !name.starts_with('-')
            && name.chars().all(is_fit);
        is_name.then(|| Self(name.to_owned()))
    }

    /// The name that the town gives the session of a run, where a program lets it: a UUID whose
    /// beginning is chance, since programs name files by that.
    pub fn of_run(run: IncarnationId) -> Self {
        let mut bytes = run.0.into_bytes();
        // The id begins with the time.
        bytes.reverse();
        Self(Builder::from_random_bytes(bytes).into_uuid().to_string())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The session of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whether a turn was begun in it during that run.
    pub used: bool,
}

impl Session {
    /// One in which no turn was begun yet during the run.
    pub fn unused(id: SessionId) -> Self {
        Self { id, used: false }
    }

    /// Whether the run that is started for this cause goes on with the session of the last one, which
    /// ended so: after a crash it does. What was ended on purpose begins afresh, and so does what came
    /// to nothing: a session that cannot be gone on with must not keep its agent from coming up.
    pub fn goes_on(&self, end: End, cause: Cause) -> bool {
        let was_cut_off = match end {
            End::Exited(Exit::Code(code)) => code != 0,
            End::Exited(Exit::Signal(_)) | End::Lost => true,
            End::Exited(Exit::NotStarted(_))
            | End::Requested
            | End::Unresponsive
            | End::Dismissed => false,
        };
        self.used && was_cut_off && cause != Cause::Requested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_to_be_an_argument() {
        let is_name = |name: &str| SessionId::new(name).is_some();
        assert!(is_name("01a21cb0-0d8a-7812-ac1a-de85cc59d71b"));
        for bad in ["", "-x", "a b", "a/b", "a\n", "ž", &"x".repeat(LONGEST + 1)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    /// Runs that begin in the same minute have names with other beginnings.
    #[test]
    fn the_name_of_a_runs_session_begins_with_chance() {
        let run = |text: &str| SessionId::of_run(text.parse().unwrap());
        let name = run("01a220cd-e893-7bbe-a2b9-3e6bc8b013c0");
        assert_eq!(name.as_str(), "c013b0c8-6b3e-49a2-be7b-93e8cd20a201");
        assert_eq!(SessionId::new(name.as_str()), Some(name));
    }

    #[test]
    fn only_what_was_cut_off_in_the_middle_goes_on() {
        let session = |used| Session {
            id: SessionId::new("s").unwrap(),
            used,
        };
        let goes_on = |end, cause| session(true).goes_on(end, cause);
        assert!(goes_on(End::Exited(Exit::Signal(9)), Cause::Exited));
        assert!(goes_on(End::Exited(Exit::Code(1)), Cause::Exited));
        assert!(goes_on(End::Lost, Cause::SeatLost));
        assert!(
            !goes_on(End::Exited(Exit::Code(0)), Cause::Exited),
            "it was quit"
        );
        assert!(
            !goes_on(End::Lost, Cause::Requested),
            "a fresh run was asked for"
        );
        for end in [End::Requested, End::Unresponsive, End::Dismissed] {
            assert!(!goes_on(end, Cause::Wanted), "{end}");
        }
        let unused = session(false).goes_on(End::Exited(Exit::Signal(9)), Cause::Exited);
        assert!(
            !unused,
            "a resumed one that ended at once is not tried again"
        );
    }
}
