//! git, run as a program: never asking anybody anything, never running a repository's hooks, never
//! led astray by the `GIT_*` variables of a hook that gt was started from.

pub mod status;
pub mod url;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use status::Change;
pub use url::{GitUrl, GitUrlError};

use gt_core::mail::printable_line;

use crate::command::{CommandError, Output, Program};
use crate::environment;
use crate::interrupt::Interrupt;

/// For what reads or changes a repository on this machine: long enough for a large one on a slow
/// disk, short enough that a hang is noticed by whoever waits.
const LOCAL: Duration = Duration::from_secs(30);

/// For a checkout or a copy on this machine.
const COPY: Duration = Duration::from_secs(10 * 60);

/// For what crosses a network. A first clone of a large project takes that long.
const REMOTE: Duration = Duration::from_secs(60 * 60);

/// Names the remote, whatever a person's `clone.defaultRemoteName` says.
const ORIGIN: &str = "--origin=origin";

/// Oldest git that is supported: `merge-tree --write-tree`, by which conflicts are found without
/// touching a work tree, came with it.
pub const MINIMUM_VERSION: (u32, u32) = (2, 38);

/// Variables that say where a repository is or how to read it. Git's own list
/// (`git rev-parse --local-env-vars`) and those that redirect its parts.
const LOCAL_VARIABLES: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Why git did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It could not be run, or did not end in time.
    #[error("cannot run `git {operation}` in `{}`", directory.display())]
    Run {
        /// The subcommand.
        operation: String,
        /// Where.
        directory: PathBuf,
        /// Why.
        #[source]
        source: CommandError,
    },
    /// The directory is in no repository.
    #[error("`{}` is not a git repository", directory.display())]
    NotARepository {
        /// Which directory.
        directory: PathBuf,
    },
    /// The remote refused us, and nobody may be asked for a password.
    #[error("`git {operation}` was refused:{stderr}")]
    Authentication {
        /// The subcommand.
        operation: String,
        /// What git said, without passwords.
        stderr: String,
    },
    /// A clone could not be made.
    #[error("`git clone` of `{url}` ended with {code}:{stderr}")]
    Clone {
        /// What was to be cloned, without a password.
        url: String,
        /// git's exit code.
        code: i32,
        /// What git said, without passwords.
        stderr: String,
    },
    /// Any other failure.
    #[error("`git {operation}` in `{}` ended with {code}:{stderr}", directory.display())]
    Failed {
        /// The subcommand.
        operation: String,
        /// Where.
        directory: PathBuf,
        /// Its exit code.
        code: i32,
        /// What git said, without passwords.
        stderr: String,
    },
    /// It answered something that this program does not understand.
    #[error("`git {operation}` answered `{}`", answer.escape_default())]
    Answer {
        /// The subcommand.
        operation: String,
        /// The answer.
        answer: String,
    },
    /// It is too old.
    #[error("git {}.{} is too old: {}.{} or newer is needed", found.0, found.1, MINIMUM_VERSION.0, MINIMUM_VERSION.1)]
    TooOld {
        /// Its version.
        found: (u32, u32),
    },
}

/// How git is run.
#[derive(Debug, Clone, Default)]
pub struct Git {
    environment: Vec<(OsString, OsString)>,
    interrupt: Option<Interrupt>,
}

impl Git {
    /// git with this process's environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Ends what is run when the signal comes.
    #[must_use]
    pub fn interrupted_by(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// The installed version, if it is new enough.
    ///
    /// # Errors
    /// [`GitError`] when git is missing or [too old](GitError::TooOld).
    pub fn version(&self) -> Result<(u32, u32), GitError> {
        let answer = self.ask(Path::new("/"), LOCAL, &["version"])?;
        let found = parse_version(&answer).ok_or(GitError::Answer {
            operation: "version".to_owned(),
            answer,
        })?;
        if found < MINIMUM_VERSION {
            return Err(GitError::TooOld { found });
        }
        Ok(found)
    }

    /// Clones `url` into `into`, which must not be there.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn clone_remote(&self, url: &GitUrl, into: &Path) -> Result<(), GitError> {
        let above = into.parent().unwrap_or(Path::new("/"));
        let arguments: [&OsStr; 6] = [
            "clone".as_ref(),
            "--quiet".as_ref(),
            ORIGIN.as_ref(),
            "--".as_ref(),
            url.as_str().as_ref(),
            into.as_os_str(),
        ];
        let cloned = self.run(above, REMOTE, &arguments);
        cloned
            .map(drop)
            .map_err(|error| not_cloned(error, url, into))
    }

    /// Makes a second clone of `url` from the clone `first` on this machine, with the same
    /// branches and tags of the remote and without asking it.
    ///
    /// The files are checked out last, when `origin` is right: filters such as LFS ask it.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn clone_local(&self, first: &Path, url: &GitUrl, into: &Path) -> Result<(), GitError> {
        self.copy(first, url, into)
            .map_err(|error| not_cloned(error, url, into))
    }

    fn copy(&self, first: &Path, url: &GitUrl, into: &Path) -> Result<(), GitError> {
        let arguments: [&OsStr; 8] = [
            "clone".as_ref(),
            "--quiet".as_ref(),
            ORIGIN.as_ref(),
            "--local".as_ref(),
            "--no-checkout".as_ref(),
            "--".as_ref(),
            first.as_os_str(),
            into.as_os_str(),
        ];
        let above = into.parent().unwrap_or(Path::new("/"));
        self.run(above, COPY, &arguments)?;
        let fetch: [&OsStr; 8] = [
            "fetch".as_ref(),
            "--quiet".as_ref(),
            "--no-prune".as_ref(),
            "--no-write-fetch-head".as_ref(),
            "--".as_ref(),
            first.as_os_str(),
            "+refs/remotes/origin/*:refs/remotes/origin/*".as_ref(),
            // A symbolic ref here and there: copied, it would be written through to its branch.
            "^refs/remotes/origin/HEAD".as_ref(),
        ];
        self.run(into, COPY, &fetch)?;
        self.run(
            into,
            LOCAL,
            &["remote", "set-url", "--", "origin", url.as_str()],
        )?;
        self.run(into, COPY, &["reset", "--quiet", "--hard"])
            .map(drop)
    }

    /// The commit that is checked out; none in a repository without commits.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn head(&self, directory: &Path) -> Result<Option<String>, GitError> {
        let arguments = ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"];
        let output = self.run_to_end(directory, LOCAL, &arguments)?;
        match output.code {
            0 => Ok(Some(text(&output))),
            1 => Ok(None),
            _ => Err(failure("rev-parse", directory, &output)),
        }
    }

    /// The branch that is checked out; none when the head is detached.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn branch(&self, directory: &Path) -> Result<Option<String>, GitError> {
        let arguments = ["symbolic-ref", "--quiet", "--short", "HEAD"];
        let output = self.run_to_end(directory, LOCAL, &arguments)?;
        match output.code {
            0 => Ok(Some(text(&output))),
            1 => Ok(None),
            _ => Err(failure("symbolic-ref", directory, &output)),
        }
    }

    /// The root of the work tree around `directory`. Compare it before acting: a directory without
    /// a repository of its own answers with the one around it, which may be the town's (M3, F47).
    ///
    /// # Errors
    /// [`GitError`].
    pub fn work_tree(&self, directory: &Path) -> Result<PathBuf, GitError> {
        self.ask(directory, LOCAL, &["rev-parse", "--show-toplevel"])
            .map(PathBuf::from)
    }

    /// The URL of `origin`, as configured.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn origin(&self, directory: &Path) -> Result<String, GitError> {
        self.ask(directory, LOCAL, &["config", "--get", "remote.origin.url"])
    }

    /// What differs from the last commit; empty in a clean work tree.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn status(&self, directory: &Path) -> Result<Vec<Change>, GitError> {
        let arguments = ["status", "--porcelain=v2", "-z", "--untracked-files=all"];
        let output = self.run(directory, LOCAL, &arguments)?;
        status::parse(&output.stdout).ok_or_else(|| GitError::Answer {
            operation: "status".to_owned(),
            answer: String::from_utf8_lossy(&output.stdout)
                .chars()
                .take(200)
                .collect(),
        })
    }

    fn ask(
        &self,
        directory: &Path,
        deadline: Duration,
        arguments: &[&str],
    ) -> Result<String, GitError> {
        self.run(directory, deadline, arguments)
            .map(|output| text(&output))
    }

    fn run<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        deadline: Duration,
        arguments: &[A],
    ) -> Result<Output, GitError> {
        let output = self.run_to_end(directory, deadline, arguments)?;
        if output.code == 0 {
            return Ok(output);
        }
        Err(failure(&operation(arguments), directory, &output))
    }

    fn run_to_end<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        deadline: Duration,
        arguments: &[A],
    ) -> Result<Output, GitError> {
        self.program(directory, deadline)
            .args(arguments)
            .run()
            .map_err(|source| GitError::Run {
                operation: operation(arguments),
                directory: directory.to_owned(),
                source: without_arguments(source),
            })
    }

    fn program(&self, directory: &Path, deadline: Duration) -> Program {
        let present = LOCAL_VARIABLES
            .iter()
            .copied()
            .filter(|name| environment::variable(name).is_some());
        let program = program_without(&present.collect::<Vec<_>>(), directory, deadline)
            .args(["-c", "core.hooksPath=/dev/null"])
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            .interrupted_by(self.interrupt.as_ref());
        self.environment
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value))
    }
}

/// `git` without these variables: through `env -u`, only in the rare process that has any.
fn program_without(names: &[&str], directory: &Path, deadline: Duration) -> Program {
    if names.is_empty() {
        return Program::new("git", directory, deadline);
    }
    Program::new("env", directory, deadline)
        .args(names.iter().flat_map(|name| ["-u", name]))
        .args(["git"])
}

/// The subcommand, for messages: the rest of the line may hold a URL with a password.
fn operation<A: AsRef<OsStr>>(arguments: &[A]) -> String {
    arguments.first().map_or_else(String::new, |first| {
        first.as_ref().to_string_lossy().into_owned()
    })
}

/// The same error without the command line.
fn without_arguments(error: CommandError) -> CommandError {
    let program = "git".to_owned();
    match error {
        CommandError::TimedOut { deadline, .. } => CommandError::TimedOut { program, deadline },
        CommandError::Interrupted { .. } => CommandError::Interrupted { program },
        CommandError::Output { source, .. } => CommandError::Output { program, source },
        CommandError::Failed { code, stderr, .. } => CommandError::Failed {
            program,
            code,
            stderr,
        },
        start @ CommandError::Start { .. } => start,
    }
}

/// The failure in the words of who asked for the clone, who does not know where it is made.
fn not_cloned(error: GitError, url: &GitUrl, into: &Path) -> GitError {
    match error {
        GitError::Failed { code, stderr, .. } => GitError::Clone {
            url: url.to_string(),
            code,
            stderr: stderr.replace(&into.display().to_string(), "the clone"),
        },
        error => error,
    }
}

fn failure(operation: &str, directory: &Path, output: &Output) -> GitError {
    let stderr = url::without_passwords(last_lines(&output.stderr));
    let operation = operation.to_owned();
    let directory = directory.to_owned();
    if stderr.contains("not a git repository") {
        return GitError::NotARepository { directory };
    }
    let refused = [
        "Authentication failed",
        "could not read Username",
        "Permission denied",
    ];
    if refused.iter().any(|words| stderr.contains(words)) {
        return GitError::Authentication { operation, stderr };
    }
    GitError::Failed {
        operation,
        directory,
        code: output.code,
        stderr,
    }
}

/// The end of what git said, where its reason stands, each line indented below the message that it
/// belongs to and without control characters.
fn last_lines(stderr: &str) -> String {
    const LINES: usize = 6;
    let lines: Vec<&str> = stderr.trim().lines().collect();
    let end = lines[lines.len().saturating_sub(LINES)..].iter();
    end.map(|line| format!("\n    {}", printable_line(line)))
        .collect()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// Reads `git version 2.39.5 (Apple Git-154)`.
fn parse_version(answer: &str) -> Option<(u32, u32)> {
    let mut numbers = answer.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
pub(crate) mod tests;
