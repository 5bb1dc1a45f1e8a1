//! The store on a thread of its own, so that a slow disk never holds the loop.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, TrySendError};
use std::time::Duration;

use gt_core::observed::{Reason, chain};
use gt_store::{Store, StoreError};
use tokio::sync::{mpsc as events, oneshot};

use crate::event::Event;

/// How long the loop waits for the store before it takes it for unreadable. Longer than the
/// store's own busy timeout, so that a busy store is reported as busy.
const DEADLINE: Duration = Duration::from_secs(5);

/// How many jobs may wait. A town's busiest second makes a few dozen; a store that is this far
/// behind takes no more, and says so.
const QUEUE: usize = 4096;

/// What a job says of the store's taking writes, if anything.
type Verdict = Option<Result<(), Reason>>;

/// What the thread does next.
type Job = Box<dyn FnOnce(&mut Lazy) -> Verdict + Send>;

/// How long a process may wait for the store's write lock before the store counts as busy.
const BUSY: Duration = Duration::from_secs(3);

/// A store that is opened when it is wanted, and tried anew each time until it can be.
#[derive(Debug)]
pub(crate) struct Lazy {
    path: PathBuf,
    store: Option<Store>,
    /// Which file it is, in which directory: somebody may put another in its place, and where its town
    /// was moved away, another town's is no other.
    place: (Option<Place>, Option<Place>),
    /// What a person shall know of that.
    news: Option<&'static str>,
}

/// The device and number of a file.
type Place = (u64, u64);

impl Lazy {
    /// The store in this file.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            store: None,
            place: (None, None),
            news: None,
        }
    }

    /// Opens it if it is not open, or if it is not the one any more that everybody else opens. One that
    /// was removed is written anew.
    pub(crate) fn get(&mut self) -> Result<&mut Store, StoreError> {
        let is_its_town = self.look().0 == self.place.0;
        let is_removed = matches!(self.path.try_exists(), Ok(false));
        if let Some(store) = self.store.as_mut().filter(|_| is_its_town && is_removed)
            && store.write_back(BUSY)?
        {
            self.news = Some("the store was removed, and is written anew");
            self.place = self.look();
        }
        // Somebody may have put another there at this very moment.
        let now = self.look();
        let is_replaced = is_its_town && now.1.is_some() && now != self.place;
        if self.store.is_none() || is_replaced {
            if self.store.take().is_some() {
                self.news = Some("another store is in the place of the one before, and is used");
            }
            self.store = Some(Store::open(&self.path, BUSY)?);
            self.place = self.look();
        }
        Ok(self.store.as_mut().expect("opened just now"))
    }

    fn look(&self) -> (Option<Place>, Option<Place>) {
        let place = |path: &Path| path.metadata().map(|it| (it.dev(), it.ino())).ok();
        (self.path.parent().and_then(place), place(&self.path))
    }
}

/// A handle to the store's thread. Jobs run one after the other, in the order given.
#[derive(Debug, Clone)]
pub(crate) struct StoreThread {
    jobs: mpsc::SyncSender<Job>,
    events: events::Sender<Event>,
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
    /// It is too far behind with what it was given.
    #[error("the store has {QUEUE} jobs to do before the next")]
    Behind,
    /// Its thread is gone.
    #[error("the store's thread has ended")]
    Ended,
}

impl StoreThread {
    /// Gives the store to a thread of its own, which ends with the last handle. `events` hears of
    /// the first write that fails, and of the first one after it that does not.
    pub(crate) fn spawn(store: Lazy, events: events::Sender<Event>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(QUEUE);
        let told = events.clone();
        std::thread::Builder::new()
            .name("store".to_owned())
            .stack_size(512 << 10)
            .spawn(move || work(store, &queue, &told))?;
        Ok(Self { jobs, events })
    }

    /// Reads from the store and waits for the result. What was given to it before is written by
    /// then.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        self.run(read, |_| None).await
    }

    /// Writes to the store and waits for the result.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        self.run(write, verdict).await
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
        verdict: fn(&Result<T, StoreError>) -> Verdict,
    ) -> Result<T, StoreFailure> {
        let (answer, result) = oneshot::channel();
        let job = Box::new(move |store: &mut Lazy| {
            let done = store.get().and_then(job);
            let said = verdict(&done);
            // The asker may have given up; the job is done all the same.
            let _ = answer.send(done);
            said
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreFailure::Behind,
            TrySendError::Disconnected(_) => StoreFailure::Ended,
        })?;
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
        let job = Box::new(|store: &mut Lazy| verdict(&store.get().and_then(job)));
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(job) {
            let reason = Reason(chain(&StoreFailure::Behind));
            // A full queue hears of it from the next write.
            let _ = self.events.try_send(Event::StoreWritable(Err(reason)));
        }
        // A thread that has ended takes no jobs; every awaited job reports that.
    }

    /// Has the thread, which waits for the disk in any case, do something else that nobody waits for.
    /// It is left out where the store is far behind.
    pub(crate) fn beside(&self, job: impl FnOnce() + Send + 'static) {
        let job = Box::new(|_: &mut Lazy| {
            job();
            None
        });
        let _ = self.jobs.try_send(job);
    }
}

/// What a write says of the store: nothing where it is to blame itself.
fn verdict<T>(written: &Result<T, StoreError>) -> Verdict {
    match written {
        Ok(_) => Some(Ok(())),
        Err(error) if error.is_of_store() => Some(Err(Reason(chain(error)))),
        Err(_) => None,
    }
}

fn work(mut store: Lazy, queue: &mpsc::Receiver<Job>, events: &events::Sender<Event>) {
    let mut writable = true;
    while let Ok(job) = queue.recv() {
        let said = job(&mut store);
        if let Some(news) = store.news.take() {
            // Whoever ends needs no news.
            let _ = events.try_send(Event::Trouble(news.to_owned()));
        }
        let Some(said) = said.filter(|said| said.is_ok() != writable) else {
            continue;
        };
        let now_writable = said.is_ok();
        // A full queue hears of it from the next write.
        if events.try_send(Event::StoreWritable(said)).is_ok() {
            writable = now_writable;
        }
    }
}
