//! The town's files and directories, read away from the loop: a rig may lie on a file system that
//! does not answer.

use std::rc::Rc;
use std::time::Duration;

use gt_api::request::Response;
use gt_core::AgentId;
use gt_core::event::EventKind;
use gt_host::agent_environment::Captured;
use gt_host::clock;
use gt_host::config::{Config, ConfigError};
use gt_host::holder;
use gt_host::json_file::JsonFileError;
use gt_host::paths::TownPaths;
use gt_host::registry::Discovery;
use gt_host::roster::{self, TownRoster};
use tokio::sync::{mpsc, oneshot};

use crate::daemon::Daemon;
use crate::event::Event;
use crate::refresh::Refresh;

/// How long a daemon that begins waits to know who is in the town.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// How much is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// Who is in the town.
    #[default]
    Roster,
    /// That, and what town.toml and the captured environment say.
    Everything,
}

/// The readings: one under way at a time, and what is asked of the next.
#[derive(Debug, Default)]
pub(crate) struct FilesReading {
    refresh: Refresh,
    extent: Extent,
    /// Clients that wait until what they changed is in force.
    replies: Vec<oneshot::Sender<Response>>,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct TownFiles {
    pub(crate) settings: Option<Settings>,
    pub(crate) roster: TownRoster,
    /// Those of whom a holder's file tells.
    pub(crate) with_holders: Vec<AgentId>,
    pub(crate) replies: Vec<oneshot::Sender<Response>>,
}

/// What a person may change while the daemon runs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Result<Config, ConfigError>,
    pub(crate) captured: Result<Option<Captured>, JsonFileError>,
}

impl TownFiles {
    fn read(
        paths: &TownPaths,
        extent: Extent,
        in_force: &Config,
        previous: Option<&Discovery>,
    ) -> Self {
        let settings = (extent == Extent::Everything).then(|| Settings {
            config: Config::load(&paths.town_toml()),
            captured: Captured::read(paths),
        });
        let read = settings.as_ref().and_then(|read| read.config.as_ref().ok());
        Self {
            roster: roster::read(paths, read.unwrap_or(in_force), previous),
            // Without the list, nobody is missed who has a seat.
            with_holders: holder::agents_with_state_files(paths).unwrap_or_default(),
            settings,
            replies: Vec::new(),
        }
    }
}

impl Daemon {
    /// Reads the town's files; [`Event::Files`] brings the result.
    pub(crate) fn read_files(&mut self, extent: Extent) {
        self.files.extent = self.files.extent.max(extent);
        if self.files.refresh.begin() {
            self.spawn_files_reading();
        }
    }

    /// Waits to know who is in the town, but not for a file system that does not answer.
    pub(crate) async fn take_first_files(&mut self, queue: &mut mpsc::Receiver<Event>) {
        let until = clock::monotonic() + FIRST_LOOK;
        self.read_files(Extent::Roster);
        while self.files.refresh.is_under_way() && !self.ending {
            let left = until.saturating_sub(clock::monotonic());
            match tokio::time::timeout(left, queue.recv()).await {
                Ok(Some(event)) => self.handle(event),
                Ok(None) => return,
                Err(_) => return self.miss_files(),
            }
        }
    }

    /// Reads everything anew, and answers once it is in force.
    pub(crate) fn answer_reload(&mut self, reply: oneshot::Sender<Response>) {
        if self.is_in_place() {
            self.files.replies.push(reply);
            self.reload();
        } else {
            let message = self.problems.join("; ");
            // The client may have hung up.
            let _ = reply.send(Response::Error {
                message,
                refused: true,
            });
        }
    }

    /// A reading ended: another one is begun if something was asked of it meanwhile.
    pub(crate) fn end_files_reading(&mut self) {
        if self.files.refresh.end() {
            self.spawn_files_reading();
        }
    }

    /// Says so, once, when a reading takes longer than from one heartbeat to the next.
    pub(crate) fn miss_files(&mut self) {
        const SILENT: &str = "the directories of the town's rigs do not answer: who is in the town \
                              is as it was known last";
        if self.files.refresh.is_under_way() && !self.roster_problems.iter().any(|it| it == SILENT)
        {
            self.roster_problems.push(SILENT.to_owned());
            self.note(EventKind::Unobservable, None, SILENT);
        }
    }

    fn spawn_files_reading(&mut self) {
        let extent = std::mem::take(&mut self.files.extent);
        let replies = std::mem::take(&mut self.files.replies);
        let paths = self.hands.town.paths().clone();
        let (config, previous) = (self.config.clone(), self.discovery.clone());
        let reading = tokio::task::spawn_blocking(move || {
            TownFiles::read(&paths, extent, &config, previous.as_ref())
        });
        let hands = Rc::clone(&self.hands);
        tokio::task::spawn_local(async move {
            if let Ok(files) = reading.await {
                let files = TownFiles { replies, ..files };
                hands.tell(Event::Files(Box::new(files))).await;
            }
        });
    }
}
