//! Running another program: always with a work directory, a deadline and a process group of its
//! own, never through a shell.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::clock;
use crate::interrupt::Interrupt;

/// What to run.
#[derive(Debug, Clone)]
pub struct Program {
    program: OsString,
    arguments: Vec<OsString>,
    directory: PathBuf,
    environment: Vec<(OsString, Option<OsString>)>,
    deadline: Duration,
    interrupt: Option<Interrupt>,
}

/// What a program that ended printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; 128 + the signal that ended it otherwise, as a shell would say.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, as text.
    pub stderr: String,
}

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("cannot run `{program}` in `{}`", directory.display())]
    Start {
        /// Which program.
        program: String,
        /// In which directory.
        directory: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It did not end in time and was killed with its process group.
    #[error("`{program}` did not end within {deadline:?} and was killed")]
    TimedOut {
        /// Which program and arguments.
        program: String,
        /// How long it had.
        deadline: Duration,
    },
    /// We were told to end meanwhile, and it was killed with its process group.
    #[error("`{program}` was interrupted")]
    Interrupted {
        /// Which program and arguments.
        program: String,
    },
    /// Its output could not be read.
    #[error("cannot read the output of `{program}`")]
    Output {
        /// Which program and arguments.
        program: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It ended with an error.
    #[error("`{program}` ended with {code}: {stderr}")]
    Failed {
        /// Which program and arguments.
        program: String,
        /// Its exit code.
        code: i32,
        /// The end of what it said on standard error.
        stderr: String,
    },
}

impl Program {
    /// `program` in `directory`, ended after `deadline`.
    pub fn new(program: impl AsRef<OsStr>, directory: &Path, deadline: Duration) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            directory: directory.to_owned(),
            environment: Vec::new(),
            deadline,
            interrupt: None,
        }
    }

    /// Ends it with [`CommandError::Interrupted`] when the signal comes, or has come.
    #[must_use]
    pub fn interrupted_by(mut self, interrupt: Option<&Interrupt>) -> Self {
        self.interrupt = interrupt.cloned();
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets a variable for it.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Takes every mark of an agent or a tmux pane from its environment.
    #[must_use]
    pub fn without_marks(mut self) -> Self {
        let marks = crate::environment::all()
            .into_iter()
            .filter(|(name, _)| crate::environment::is_mark(name));
        self.environment.extend(marks.map(|(name, _)| (name, None)));
        self
    }

    /// Takes everything but these variables from its environment.
    #[must_use]
    pub fn only(mut self, kept: &[&str]) -> Self {
        let others = crate::environment::all().into_iter().map(|(name, _)| name);
        let others = others.filter(|name| !kept.iter().any(|kept| name == kept));
        self.environment.extend(others.map(|name| (name, None)));
        self
    }

    /// The words of the command line, for messages.
    pub fn line(&self) -> String {
        let mut line = self.program.to_string_lossy().into_owned();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&argument.to_string_lossy());
        }
        line
    }

    /// Runs it and waits for its end, whatever its exit code.
    ///
    /// # Errors
    /// [`CommandError`] when it cannot be started, read or does not end in time.
    pub fn run(&self) -> Result<Output, CommandError> {
        let mut child = self.spawn()?;
        let collected = collect(&mut child, self.deadline, self.interrupt.as_ref());
        match collected {
            Ok(Collected::Whole(stdout, stderr)) => {
                let status = child.wait().map_err(|source| CommandError::Output {
                    program: self.line(),
                    source,
                })?;
                let code = status
                    .code()
                    .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
                Ok(Output {
                    code,
                    stdout,
                    stderr: String::from_utf8_lossy(&stderr).into_owned(),
                })
            }
            Ok(Collected::TimedOut) => {
                end(&mut child);
                Err(CommandError::TimedOut {
                    program: self.line(),
                    deadline: self.deadline,
                })
            }
            Ok(Collected::Interrupted) => {
                end(&mut child);
                Err(CommandError::Interrupted {
                    program: self.line(),
                })
            }
            Err(source) => {
                end(&mut child);
                Err(CommandError::Output {
                    program: self.line(),
                    source,
                })
            }
        }
    }

    /// Runs it and returns its standard output, trimmed at the end.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`CommandError::Failed`] for an exit code other than 0.
    pub fn output(&self) -> Result<String, CommandError> {
        let output = self.run()?;
        if output.code != 0 {
            return Err(CommandError::Failed {
                program: self.line(),
                code: output.code,
                stderr: tail(&output.stderr),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts programs to their end"
    )]
    fn spawn(&self) -> Result<Child, CommandError> {
        let mut command = std::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.spawn().map_err(|source| CommandError::Start {
            program: self.program.to_string_lossy().into_owned(),
            directory: self.directory.clone(),
            source,
        })
    }
}

/// Kills the program's whole group and reaps it.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The group may be gone already, which is what is wanted.
        let _ = kill_process_group(group, Signal::KILL);
    }
    // A killed child is reaped at once; an error means that it was reaped before.
    let _ = child.wait();
}

/// What came of waiting for both outputs' end.
enum Collected {
    Whole(Vec<u8>, Vec<u8>),
    TimedOut,
    Interrupted,
}

fn collect(
    child: &mut Child,
    deadline: Duration,
    interrupt: Option<&Interrupt>,
) -> std::io::Result<Collected> {
    let mut stdout = child.stdout.take().expect("stdout was piped");
    let mut stderr = child.stderr.take().expect("stderr was piped");
    for descriptor in [stdout.as_fd(), stderr.as_fd()] {
        rustix::io::ioctl_fionbio(descriptor, true)?;
    }
    let until = clock::monotonic() + deadline;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let left = until.saturating_sub(clock::monotonic());
        if left.is_zero() {
            return Ok(Collected::TimedOut);
        }
        let mut waiting = Vec::with_capacity(3);
        if out_open {
            waiting.push(PollFd::new(&stdout, PollFlags::IN));
        }
        if err_open {
            waiting.push(PollFd::new(&stderr, PollFlags::IN));
        }
        if let Some(interrupt) = interrupt {
            waiting.push(PollFd::new(interrupt, PollFlags::IN));
        }
        let timeout = rustix::event::Timespec::try_from(left).map_err(std::io::Error::other)?;
        match poll(&mut waiting, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let is_last_ready = waiting
            .last()
            .is_some_and(|last| !last.revents().is_empty());
        if interrupt.is_some() && is_last_ready {
            return Ok(Collected::Interrupted);
        }
        out_open = out_open && read_available(&mut stdout, &mut out)?;
        err_open = err_open && read_available(&mut stderr, &mut err)?;
    }
    Ok(Collected::Whole(out, err))
}

/// Reads what is there; whether more may come.
fn read_available(pipe: &mut impl std::io::Read, into: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut buffer = [0; 8192];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => into.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The last lines of what a program said, enough to name the cause in one message.
fn tail(stderr: &str) -> String {
    const LINES: usize = 4;
    let lines: Vec<&str> = stderr.trim().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str, deadline: Duration) -> Program {
        Program::new(name, Path::new("/"), deadline)
    }

    /// Covers D11, F73: a program that hangs is ended with its children, at its deadline.
    #[test]
    fn a_hanging_program_is_ended_with_its_group() {
        let directory = tempfile::tempdir().unwrap();
        let child = directory.path().join("child");
        let script = format!("sleep 600 & echo $! > {}; wait", child.display());
        let hanging = program("sh", Duration::from_millis(300)).args(["-c", &script]);
        assert!(matches!(hanging.run(), Err(CommandError::TimedOut { .. })));
        let child: u32 = fs_err::read_to_string(child)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let until = clock::monotonic() + Duration::from_secs(30);
        while crate::process::identify(child).unwrap().is_some() {
            assert!(clock::monotonic() < until, "its child lives on");
            clock::pause(Duration::from_millis(5));
        }
    }

    #[test]
    fn large_output_on_both_streams_is_read_whole() {
        let noisy = program("sh", Duration::from_secs(30)).args([
            "-c",
            "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2; exit 3",
        ]);
        let output = noisy.run().unwrap();
        assert_eq!(
            (output.code, output.stdout.len(), output.stderr.len()),
            (3, 300_000, 200_000)
        );
    }

    #[test]
    fn a_missing_program_is_named_with_its_directory() {
        let error = program("gt-no-such-program", Duration::from_secs(1))
            .run()
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot run `gt-no-such-program` in `/`");
    }
}
