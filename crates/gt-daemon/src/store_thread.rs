//! The store on a thread of its own, so that a slow disk never holds the loop.

use std::sync::mpsc;
use std::time::Duration;

use gt_store::{Store, StoreError};
use tokio::sync::oneshot;

/// How long the loop waits for the store before it takes it for unreadable. Longer than the
/// store's own busy timeout, so that a busy store is reported as busy.
const DEADLINE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(&mut Store) + Send>;

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
    /// Gives the store to a thread of its own, which ends with the last handle.
    pub(crate) fn spawn(mut store: Store) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("store".to_owned())
            .stack_size(512 << 10)
            .spawn(move || {
                while let Ok(job) = queue.recv() {
                    job(&mut store);
                }
            })?;
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
        self.jobs.send(job).map_err(|_| StoreFailure::Ended)?;
        match tokio::time::timeout(DEADLINE, result).await {
            Ok(Ok(result)) => result.map_err(StoreFailure::Store),
            Ok(Err(_)) => Err(StoreFailure::Ended),
            Err(_) => Err(StoreFailure::TimedOut),
        }
    }

    /// Gives the store a job whose failure is only reported through `failed`.
    pub(crate) fn post(&self, job: impl FnOnce(&mut Store) + Send + 'static) {
        // A thread that has ended takes no jobs; every awaited job reports that.
        let _ = self.jobs.send(Box::new(job));
    }
}
