//! What a command ends with when it fails: said once, with its causes and the next command.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use gt_api::exit_code;
use gt_store::StoreError;

/// Sorts failures by what the caller can do; one exit code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It failed.
    Failed,
    /// The arguments are wrong in a way that the parser cannot see.
    Usage,
    /// The directory is in no town.
    NotInATown,
    /// The daemon does not run.
    DaemonNotRunning,
    /// The daemon runs and does not answer.
    DaemonSilent,
    /// Refused, since it would be unsafe.
    Refused,
    /// A person ended it.
    Interrupted,
    /// Nothing to say: a command whose exit code is its answer, such as `gt mail check`.
    Answer,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) kind: Kind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hints: Vec<String>,
}

/// What every command returns.
pub(crate) type CliResult<T = ()> = Result<T, CliError>;

impl CliError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
            hints: Vec::new(),
        }
    }

    /// A failure without a cause of its own.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Adds the next command, or what to know.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what caused it.
    #[must_use]
    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        if let Some(StoreError::Full { path, .. }) = source.downcast_ref() {
            let directory = path.parent().unwrap_or(path).display().to_string();
            self.hints.push(format!(
                "nothing was stored; make room first: `df -h {}` shows where",
                gt_core::shell::word(&directory)
            ));
        }
        self.source = Some(source);
        self
    }

    /// It as part of a sentence, without its hints.
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source.as_deref().map(|error| error as &dyn Error);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }

    /// The exit code that the manual documents.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Failed | Kind::DaemonSilent | Kind::Answer => exit_code::FAILED,
            Kind::Usage => exit_code::USAGE,
            Kind::NotInATown => exit_code::NOT_IN_A_TOWN,
            Kind::DaemonNotRunning => exit_code::DAEMON_NOT_RUNNING,
            Kind::Refused => exit_code::REFUSED,
            Kind::Interrupted => exit_code::INTERRUPTED,
        })
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        let mut cause = self.source.as_deref().map(|error| error as &dyn Error);
        while let Some(error) = cause {
            write!(f, "\n  cause: {error}")?;
            cause = error.source();
        }
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Turns a library's error into a command's, saying what was being done.
pub(crate) trait Doing<T> {
    /// `doing` reads after "error: cannot ".
    fn doing(self, doing: impl fmt::Display) -> CliResult<T>;
}

impl<T, E: Error + Send + Sync + 'static> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl fmt::Display) -> CliResult<T> {
        self.map_err(|source| CliError::failed(format!("cannot {doing}")).caused_by(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_why_and_what_next_once_each() {
        let cause = std::io::Error::other("disk on fire");
        let error = Err::<(), _>(cause)
            .doing("read `town.toml`")
            .unwrap_err()
            .hint("put it out");
        assert_eq!(
            error.to_string(),
            "error: cannot read `town.toml`\n  cause: disk on fire\nhint: put it out"
        );
    }
}
