//! Starting a program that outlives its starter: its own session, no terminal, no mark of the
//! agent that may have started it.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::environment;

/// A program that was started, for as long as its starter watches it come up.
#[derive(Debug)]
pub struct Detached {
    child: Child,
}

/// Starts `program` in `directory` in a session of its own. Its standard error comes back through
/// [`Detached::end`] until it calls [`ready`].
///
/// # Errors
/// When it cannot be started.
pub fn spawn<'a>(
    program: &Path,
    arguments: impl IntoIterator<Item = &'a OsStr>,
    directory: &Path,
) -> io::Result<Detached> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a program that stays: nobody waits for its end"
    )]
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    for (name, _) in environment::all() {
        if environment::is_mark(&name) {
            command.env_remove(name);
        }
    }
    new_session(&mut command);
    Ok(Detached {
        child: command.spawn()?,
    })
}

#[expect(
    unsafe_code,
    reason = "setsid between fork and exec has no safe interface in std"
)]
fn new_session(command: &mut std::process::Command) {
    // SAFETY: setsid is async-signal-safe and touches no memory of this process.
    unsafe {
        command.pre_exec(|| rustix::process::setsid().map(drop).map_err(io::Error::from));
    }
}

impl Detached {
    /// What the program said, if it has ended; none while it goes on.
    pub fn end(&mut self) -> Option<String> {
        let ended = self.child.try_wait().ok()?;
        ended?;
        let mut said = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            // What was not said in UTF-8 is not worth an error of its own.
            let _ = stderr.read_to_string(&mut said);
        }
        Some(said)
    }
}

/// Tells the starter that this program is up: its standard error is the starter's no more.
pub fn ready() {
    if rustix::termios::isatty(io::stderr()) {
        return;
    }
    if let Ok(null) = fs_err::OpenOptions::new().write(true).open("/dev/null") {
        // A starter that is gone reads nothing; there is nobody to tell.
        let _ = rustix::stdio::dup2_stderr(null.as_fd());
    }
}
