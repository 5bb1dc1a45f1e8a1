//! Which tmux is there, and whether it will do.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::command::{CommandError, Program};

/// The oldest tmux with `new-session -e` and the client flags `no-output` and `ignore-size`.
pub const MINIMUM: Version = Version::Release { major: 3, minor: 2 };
/// The first OpenBSD whose own tmux has what [`MINIMUM`] has.
const MINIMUM_OPENBSD: (u32, u32) = (7, 0);

/// What `tmux -V` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `tmux 3.3a` or `tmux next-3.5`. The letter of a bug-fix release is left out.
    Release {
        /// Before the dot.
        major: u32,
        /// After the dot.
        minor: u32,
    },
    /// `tmux openbsd-7.4`: numbered after the system it comes with.
    OpenBsd {
        /// Before the dot.
        major: u32,
        /// After the dot.
        minor: u32,
    },
    /// `tmux master`: taken for new.
    Development,
}

/// Why the tmux that is there will not do.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// `tmux -V` did not run.
    #[error("cannot find out the version of tmux")]
    Run(#[source] CommandError),
    /// It ran and said something else.
    #[error("cannot read `{said}` as a version of tmux")]
    Unreadable {
        /// The beginning of what it said.
        said: String,
    },
    /// Too old.
    #[error("tmux {found} is too old: {MINIMUM} or later is needed")]
    TooOld {
        /// The one that is there.
        found: Version,
    },
}

/// Asks `tmux` on the PATH for its version, and refuses one below [`MINIMUM`].
///
/// # Errors
/// [`VersionError`] when there is none, or none that will do.
pub fn probe(deadline: Duration) -> Result<Version, VersionError> {
    let said = Program::new("tmux", Path::new("/"), deadline)
        .args(["-V"])
        .output()
        .map_err(VersionError::Run)?;
    let found = Version::parse(&said).ok_or_else(|| VersionError::Unreadable {
        said: said.chars().take(80).collect(),
    })?;
    match found.is_supported() {
        true => Ok(found),
        false => Err(VersionError::TooOld { found }),
    }
}

impl Version {
    /// Reads what `tmux -V` prints.
    pub fn parse(said: &str) -> Option<Self> {
        let word = said.trim().strip_prefix("tmux ")?;
        if word == "master" {
            return Some(Self::Development);
        }
        if let Some(system) = word.strip_prefix("openbsd-") {
            let (major, minor) = numbers(system)?;
            return Some(Self::OpenBsd { major, minor });
        }
        let (major, minor) = numbers(word.strip_prefix("next-").unwrap_or(word))?;
        Some(Self::Release { major, minor })
    }

    /// Whether it has all that is used here.
    pub fn is_supported(self) -> bool {
        match self {
            Self::Release { .. } => self.numbers() >= MINIMUM.numbers(),
            Self::OpenBsd { .. } => self.numbers() >= MINIMUM_OPENBSD,
            Self::Development => true,
        }
    }

    fn numbers(self) -> (u32, u32) {
        match self {
            Self::Release { major, minor } | Self::OpenBsd { major, minor } => (major, minor),
            Self::Development => (u32::MAX, 0),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release { major, minor } => write!(f, "{major}.{minor}"),
            Self::OpenBsd { major, minor } => write!(f, "openbsd-{major}.{minor}"),
            Self::Development => f.write_str("master"),
        }
    }
}

/// `3.3a` and `3.4-rc2` as (3, 3) and (3, 4).
fn numbers(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let digits = rest
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &str, expected: &str) {
        let verdict = match Version::parse(said) {
            None => "unreadable".to_owned(),
            Some(version) if version.is_supported() => format!("{version} will do"),
            Some(version) => format!("{version} is too old"),
        };
        assert_eq!(verdict, expected, "{said}");
    }

    /// Covers F64.
    #[test]
    fn versions_below_3_2_are_refused() {
        check("tmux 3.3a\n", "3.3 will do");
        check("tmux 3.2", "3.2 will do");
        check("tmux 3.1c", "3.1 is too old");
        check("tmux 2.9", "2.9 is too old");
        check("tmux next-3.5", "3.5 will do");
        check("tmux 3.4-rc2", "3.4 will do");
        check("tmux 10.0", "10.0 will do");
        check("tmux openbsd-7.4", "openbsd-7.4 will do");
        check("tmux openbsd-6.3", "openbsd-6.3 is too old");
        check("tmux master", "master will do");
        check("screen 4.9", "unreadable");
        check("", "unreadable");
    }

    #[test]
    fn an_old_version_is_named_with_the_one_needed() {
        let found = Version::Release { major: 3, minor: 1 };
        insta::assert_snapshot!(VersionError::TooOld { found }, @"tmux 3.1 is too old: 3.2 or later is needed");
    }

    #[test]
    fn the_tmux_here_will_do() {
        assert!(probe(Duration::from_secs(10)).unwrap().is_supported());
    }
}
