//! The store on a thread of its own, so that a slow disk never holds the loop.

use std::sync::mpsc;
use std::time::Duration;

use gt_core::observed::{Reason, chain};
use gt_store::{Store, StoreError};
use tokio::sync::{mpsc as events, oneshot};

use crate::event::Event;

/// How long the loop waits for the store before it takes it for unreadable. Longer than the
/// store's own busy timeout, so that a busy store is reported as busy.
const DEADLINE: Duration = Duration::from_secs(5);

/// A write that nobody waits for.
type Write = Box<dyn FnOnce(&mut Store) -> Result<(), StoreError> + Send>;

/// What the thread does next.
enum Job {
    /// Somebody waits for the result.
    Run(Box<dyn FnOnce(&mut Store) + Send>),
    /// Nobody waits; a failure is reported to the loop.
    Post(Write),
}

/// A handle to the store's thread. Jobs run one after the other, in the order given.
#[derive(Debug, Clone)]
pub(crate) struct StoreThread {
    jobs: mpsc::Sender<Job>,
}

/// Why the store did not do a job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreFailure {
    /// It refused.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// It did not answer in time.
    #[error("the store did not answer within {DEADLINE:?}")]
    TimedOut,
    /// Its thread is gone.
    #[error("the store's thread has ended")]
    Ended,
}

impl StoreThread {
    /// Gives the store to a thread of its own, which ends with the last handle. `events` hears of
    /// the first write that fails, and of the first one after it that does not.
    pub(crate) fn spawn(store: Store, events: events::Sender<Event>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("store".to_owned())
            .stack_size(512 << 10)
            .spawn(move || work(store, &queue, &events))?;
        Ok(Self { jobs })
    }

    /// Runs a job on the store and waits for its result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let (answer, result) = oneshot::channel();
        let job = Box::new(move |store: &mut Store| {
            // The asker may have given up; the job is done all the same.
            let _ = answer.send(job(store));
        });
        let job = Job::Run(job);
        self.jobs.send(job).map_err(|_| StoreFailure::Ended)?;
        match tokio::time::timeout(DEADLINE, result).await {
            Ok(Ok(result)) => result.map_err(StoreFailure::Store),
            Ok(Err(_)) => Err(StoreFailure::Ended),
            Err(_) => Err(StoreFailure::TimedOut),
        }
    }

    /// Gives the store a write that nobody waits for: what it says is in the loop's memory, in the
    /// log or in a holder's file as well. The loop hears of a store that takes none
    /// ([`Event::StoreWritable`]).
    pub(crate) fn post(
        &self,
        job: impl FnOnce(&mut Store) -> Result<(), StoreError> + Send + 'static,
    ) {
        // A thread that has ended takes no jobs; every awaited job reports that.
        let _ = self.jobs.send(Job::Post(Box::new(job)));
    }
}

fn work(mut store: Store, queue: &mpsc::Receiver<Job>, events: &events::Sender<Event>) {
    let mut writable = true;
    while let Ok(job) = queue.recv() {
        let job = match job {
            Job::Run(job) => {
                job(&mut store);
                continue;
            }
            Job::Post(job) => job,
        };
        let written = job(&mut store);
        if written.is_ok() != writable {
            let news = written.map_err(|error| Reason(chain(&error)));
            let now_writable = news.is_ok();
            // A full queue hears of it from the next write.
            if events.try_send(Event::StoreWritable(news)).is_ok() {
                writable = now_writable;
            }
        }
    }
}
