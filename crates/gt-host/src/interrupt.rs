//! A person's Ctrl-C, or a service manager's TERM, while something is half done: it ends the
//! program that is waited for, and leaves the clean-up to who started it.

use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::signal::unix::{SignalKind, signal};

/// Readable from the first such signal on. A second one ends this process at once.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<PipeReader>);

/// How a shell names a process that Ctrl-C ended.
pub const BY_SIGNAL: i32 = 130;

impl Interrupt {
    /// Takes INT, TERM and HUP over, for the rest of this process's life.
    ///
    /// # Errors
    /// When the system gives no handler, descriptor or thread.
    pub fn watch() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let mut signals = {
            let _inside = runtime.enter();
            [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ]
        };
        std::thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || {
                let [interrupt, terminate, hangup] = &mut signals;
                let mut next = || {
                    runtime.block_on(async {
                        tokio::select! {
                            _ = interrupt.recv() => {}
                            _ = terminate.recv() => {}
                            _ = hangup.recv() => {}
                        }
                    });
                };
                next();
                drop(writer);
                next();
                std::process::exit(BY_SIGNAL);
            })?;
        Ok(Self(Arc::new(reader)))
    }

    /// Waits for the signal.
    pub fn wait(&self) {
        let mut waiting = [PollFd::new(self, PollFlags::IN)];
        // Another signal, such as a stop and continue, is not it.
        while !matches!(poll(&mut waiting, None), Ok(ready) if ready > 0) {}
    }

    /// Whether the signal has come.
    pub fn has_come(&self) -> bool {
        let mut waiting = [PollFd::new(self, PollFlags::IN)];
        // Asked again soon by whoever waits, should the system refuse to say.
        poll(&mut waiting, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

/// Ready when the signal has come.
impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
