//! Looks at what a run needs, on a thread of their own: a work directory may lie on a file system that
//! does not answer, and the loop waits for nobody.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use gt_core::{AgentId, Observed};
use gt_host::roster::{self, SeatSpec};

/// A look costs some microseconds; a file system that takes this long is not waited for.
const PATIENCE: Duration = Duration::from_millis(20);

/// What is asked of the thread: whose seat, and the `PATH` of its run.
type Question = (SeatSpec, String);

/// Whether a run could be started, or what it lacks.
pub(crate) type Readiness = Observed<Result<(), String>>;

/// How it is looked at.
type Look = fn(&SeatSpec, &str) -> Readiness;

/// A thread that looks; it ends when nobody can ask it any more.
#[derive(Debug)]
struct Thread {
    questions: mpsc::Sender<Question>,
    answers: mpsc::Receiver<Readiness>,
}

/// The thread that looks, and those that hang.
#[derive(Debug)]
pub(crate) struct Lookout {
    look: Look,
    thread: RefCell<Option<Thread>>,
    /// One for each agent at most.
    hanging: RefCell<BTreeMap<AgentId, Thread>>,
}

impl Default for Lookout {
    fn default() -> Self {
        Self::with(roster::launch_readiness)
    }
}

impl Lookout {
    fn with(look: Look) -> Self {
        Self {
            look,
            thread: RefCell::default(),
            hanging: RefCell::default(),
        }
    }

    /// Whether a run could be started in a seat. While a look hangs, that is unknown.
    pub(crate) fn launch_readiness(&self, seat: &SeatSpec, path: &str) -> Readiness {
        if self.hangs(&seat.agent) {
            return silent(seat);
        }
        let thread = self.thread.take();
        let thread = match thread.map_or_else(|| self.spawn(), Ok) {
            Ok(thread) => thread,
            Err(error) => {
                return Observed::unknown(format_args!("no thread to look with: {error}"));
            }
        };
        // A thread that has ended is missed by its answer.
        let _ = thread.questions.send((seat.clone(), path.to_owned()));
        match thread.answers.recv_timeout(PATIENCE) {
            Ok(found) => {
                self.thread.replace(Some(thread));
                found
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let mut hanging = self.hanging.borrow_mut();
                hanging.insert(seat.agent.clone(), thread);
                silent(seat)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => silent(seat),
        }
    }

    /// Whether the last look for this agent still goes on.
    fn hangs(&self, agent: &AgentId) -> bool {
        let mut hanging = self.hanging.borrow_mut();
        let owed = hanging.get(agent).map(|thread| thread.answers.try_recv());
        let hangs = owed == Some(Err(mpsc::TryRecvError::Empty));
        if !hangs {
            hanging.remove(agent);
        }
        hangs
    }

    fn spawn(&self) -> std::io::Result<Thread> {
        let (questions, asked) = mpsc::channel::<Question>();
        let (answer, answers) = mpsc::channel();
        let look = self.look;
        std::thread::Builder::new()
            .name("lookout".to_owned())
            .stack_size(128 << 10)
            .spawn(move || {
                while let Ok((seat, path)) = asked.recv() {
                    // Whoever asked may be gone, with the loop.
                    let _ = answer.send(look(&seat, &path));
                }
            })?;
        Ok(Thread { questions, answers })
    }
}

fn silent(seat: &SeatSpec) -> Readiness {
    Observed::unknown(format_args!(
        "`{}`: its file system does not answer",
        seat.work_dir.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gt_host::config::Config;
    use gt_host::paths::TownPaths;
    use std::path::Path;
    use std::sync::Mutex;

    /// Held while the mayor's file system does not answer.
    static DEAD: Mutex<()> = Mutex::new(());

    fn look(seat: &SeatSpec, _path: &str) -> Readiness {
        if seat.agent == AgentId::Mayor {
            drop(DEAD.lock());
        }
        Observed::Known(Ok(()))
    }

    /// Covers D11, D12: a work directory that does not answer holds up neither the loop nor others.
    #[test]
    fn a_look_that_hangs_is_unknown_and_holds_nobody_up() {
        let (paths, config) = (TownPaths::new(Path::new("/town")), Config::default());
        let seat = |agent| roster::unlisted(&paths, &config, agent);
        let (mayor, deacon) = (seat(&AgentId::Mayor), seat(&AgentId::Deacon));
        let lookout = Lookout::with(look);
        let dead = DEAD.lock().unwrap();
        for _ in 0..3 {
            assert_eq!(lookout.launch_readiness(&mayor, ""), silent(&mayor));
            assert_eq!(lookout.hanging.borrow().len(), 1);
            let found = lookout.launch_readiness(&deacon, "");
            assert_eq!(found, Observed::Known(Ok(())));
        }
        drop(dead);
        let hung = lookout.hanging.borrow_mut().remove(&mayor.agent).unwrap();
        assert_eq!(hung.answers.recv(), Ok(Observed::Known(Ok(()))));
        let found = lookout.launch_readiness(&mayor, "");
        assert_eq!(found, Observed::Known(Ok(())));
    }
}
