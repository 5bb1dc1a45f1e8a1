//! The town's files and directories, read away from the loop: a rig may lie on a file system that
//! does not answer.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use gt_api::request::Response;
use gt_core::event::EventKind;
use gt_core::{AgentId, Observed, RigName, Roll};
use gt_host::agent_environment::Captured;
use gt_host::clock;
use gt_host::config::{Config, ConfigError};
use gt_host::holder;
use gt_host::json_file::JsonFileError;
use gt_host::paths::TownPaths;
use gt_host::registry::{self, Discovery};
use tokio::sync::{mpsc, oneshot};

use crate::daemon::Daemon;
use crate::event::Event;
use crate::refresh::Refresh;

/// How long a daemon that begins waits to know who is in the town.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// What is read of the town's files: each by itself, so that rigs which do not answer hold up no change
/// of the configuration; and once at a time.
#[derive(Debug, Default)]
pub(crate) struct FilesReading {
    rigs: Refresh,
    settings: Refresh,
    /// What is shown while rigs are waited for in vain.
    silence: Option<&'static str>,
    /// Clients that wait until what they changed is in force.
    replies: Vec<oneshot::Sender<Response>>,
}

/// Who is in the town.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) discovery: Discovery,
    /// Those of whom a holder's file tells.
    pub(crate) with_holders: Vec<AgentId>,
}

/// What a person may change while the daemon runs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Result<Config, ConfigError>,
    pub(crate) captured: Result<Option<Captured>, JsonFileError>,
}

impl Found {
    fn read(paths: &TownPaths, previous: Option<&Discovery>) -> Self {
        Self {
            discovery: registry::discover(paths, previous),
            with_holders: with_holders(paths),
        }
    }

    /// Who is known without a look at any rig: the town's own agents, and whose holder lives.
    fn without_rigs(paths: &TownPaths) -> Self {
        let with_holders = with_holders(paths);
        let lives = |agent: &&AgentId| holder::is_taken(paths, agent) == Observed::Known(true);
        let living: BTreeSet<AgentId> = with_holders.iter().filter(lives).cloned().collect();
        let rigs: BTreeSet<RigName> = living.iter().filter_map(|it| it.rig().cloned()).collect();
        let mut roll = Roll::new(rigs, living.iter().cloned());
        roll.retain(|agent| agent.rig().is_none() || living.contains(agent));
        Self {
            discovery: Discovery {
                roll,
                ..Discovery::default()
            },
            with_holders,
        }
    }
}

/// Without the list, nobody is missed who has a seat.
fn with_holders(paths: &TownPaths) -> Vec<AgentId> {
    holder::agents_with_state_files(paths).unwrap_or_default()
}

impl Daemon {
    /// Reads who is in the town; [`Event::Found`] brings the result.
    pub(crate) fn read_rigs(&mut self) {
        if self.files.rigs.begin() {
            self.spawn_rigs_reading();
        }
    }

    /// Reads town.toml and the captured environment; [`Event::Settings`] brings the result.
    pub(crate) fn read_settings(&mut self) {
        if self.files.settings.begin() {
            self.spawn_settings_reading();
        }
    }

    /// Waits to know who is in the town, but not for a file system that does not answer.
    pub(crate) async fn take_first_files(&mut self, queue: &mut mpsc::Receiver<Event>) {
        let until = clock::monotonic() + FIRST_LOOK;
        self.read_rigs();
        while self.files.rigs.is_under_way() && !self.ending {
            let left = until.saturating_sub(clock::monotonic());
            match tokio::time::timeout(left, queue.recv()).await {
                Ok(Some(event)) => self.handle(event),
                Ok(None) => return,
                Err(_) => return self.miss_rigs(),
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

    /// The problem that rigs do not answer.
    pub(crate) fn silence(&self) -> Option<&'static str> {
        self.files.silence
    }

    /// The rigs were read: another reading is begun if one was asked for meanwhile.
    pub(crate) fn end_rigs_reading(&mut self) {
        self.files.silence = None;
        if self.files.rigs.end() {
            self.spawn_rigs_reading();
        }
        self.answer_reloads();
    }

    /// The settings were read, as with [`end_rigs_reading`](Self::end_rigs_reading).
    pub(crate) fn end_settings_reading(&mut self) {
        if self.files.settings.end() {
            self.spawn_settings_reading();
        }
        self.answer_reloads();
    }

    fn answer_reloads(&mut self) {
        let files = &mut self.files;
        let waits_for_rigs = files.rigs.is_under_way() && files.silence.is_none();
        if files.settings.is_under_way() || waits_for_rigs {
            return;
        }
        for reply in std::mem::take(&mut files.replies) {
            // The client may have hung up.
            let _ = reply.send(Response::Done);
        }
    }

    /// Says so, once, when the rigs have not been read from one heartbeat to the next. A daemon that has
    /// just begun goes on with whom it knows without them.
    pub(crate) fn miss_rigs(&mut self) {
        const AS_BEFORE: &str = "the directories of the town's rigs do not answer: who is in the town \
                                 is as it was known last";
        const WITHOUT: &str = "the directories of the town's rigs do not answer: only who has a \
                               living holder is known";
        if !self.files.rigs.is_under_way() || self.files.silence.is_some() {
            return;
        }
        let mut text = AS_BEFORE;
        if self.discovery.is_none() {
            let found = Found::without_rigs(self.hands.town.paths());
            self.take_roster(found);
            text = WITHOUT;
        }
        self.files.silence = Some(text);
        self.note(EventKind::Unobservable, None, text);
        self.answer_reloads();
    }

    fn spawn_rigs_reading(&self) {
        let (paths, previous) = (self.hands.town.paths().clone(), self.discovery.clone());
        let read = move || Event::Found(Box::new(Found::read(&paths, previous.as_ref())));
        self.read_aside(read);
    }

    fn spawn_settings_reading(&self) {
        let paths = self.hands.town.paths().clone();
        self.read_aside(move || {
            Event::Settings(Box::new(Settings {
                config: Config::load(&paths.town_toml()),
                captured: Captured::read(&paths),
            }))
        });
    }

    fn read_aside(&self, read: impl FnOnce() -> Event + Send + 'static) {
        let reading = tokio::task::spawn_blocking(read);
        let hands = Rc::clone(&self.hands);
        tokio::task::spawn_local(async move {
            if let Ok(event) = reading.await {
                hands.tell(event).await;
            }
        });
    }
}
