//! A program that an agent runs while its screen stays alive.
//!
//! It has a process group of its own without the terminal, and no deadline: like the tools of a
//! real agent it ends by itself, by Escape, or with the agent.

use std::ffi::OsStr;
use std::io::{self, PipeReader, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// Output kept while its line is not complete; a longer line is cut into several.
const MAX_LINE: usize = 4096;

/// A running program. Killed with its group when dropped.
#[derive(Debug)]
pub(super) struct Job {
    child: Child,
    /// Both of its outputs; none when they were read to the end.
    output: Option<PipeReader>,
    line: Vec<u8>,
    /// Its words, for the transcript and the journal.
    pub(super) command: String,
}

impl Job {
    /// Starts `program`, which is shown as `command`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the screen must stay alive, so it cannot be waited for as gt_host::command does"
    )]
    pub(super) fn start<I: AsRef<OsStr>>(
        program: &OsStr,
        arguments: impl IntoIterator<Item = I>,
        command: String,
    ) -> io::Result<Self> {
        let (output, write) = io::pipe()?;
        rustix::io::ioctl_fionbio(&output, true)?;
        let child = std::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(write.try_clone()?)
            .stderr(write)
            .process_group(0)
            .spawn()?;
        Ok(Self {
            child,
            output: Some(output),
            line: Vec::new(),
            command,
        })
    }

    /// What to poll for output.
    pub(super) fn output(&self) -> Option<BorrowedFd<'_>> {
        self.output.as_ref().map(AsFd::as_fd)
    }

    /// Reads the output that is there; `show` gets it in whole lines.
    pub(super) fn read(&mut self, mut show: impl FnMut(&str)) {
        let mut buffer = [0; 4096];
        while let Some(output) = &mut self.output {
            match output.read(&mut buffer) {
                Ok(0) => self.output = None,
                Ok(count) => self.take(&buffer[..count], &mut show),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.output = None,
            }
        }
    }

    /// Its exit code once it has ended; 128 + the signal that ended it otherwise.
    ///
    /// The end of its output is no sign: a process that it left behind may hold it open.
    pub(super) fn ended(&mut self, mut show: impl FnMut(&str)) -> Option<i32> {
        let status = self.child.try_wait().ok().flatten()?;
        self.read(&mut show);
        self.flush(&mut show);
        let signal = status.signal().unwrap_or(0);
        Some(status.code().unwrap_or(128 + signal))
    }

    fn take(&mut self, bytes: &[u8], show: &mut impl FnMut(&str)) {
        for byte in bytes {
            if *byte == b'\n' || self.line.len() == MAX_LINE {
                self.flush(show);
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }

    fn flush(&mut self, show: &mut impl FnMut(&str)) {
        if !self.line.is_empty() {
            show(&String::from_utf8_lossy(&self.line));
            self.line.clear();
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // One that was waited for is gone, and its number may be another's by now.
        if let Ok(None) = self.child.try_wait() {
            if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
                // The group may be gone already, which is what is wanted.
                let _ = kill_process_group(group, Signal::KILL);
            }
            // A killed child is reaped at once.
            let _ = self.child.wait();
        }
    }
}
