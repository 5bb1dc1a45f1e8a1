//! The daemon's one way to tmux: its requests one after the other, and none while it is known not
//! to answer.

use std::cell::Cell;
use std::time::Duration;

use gt_core::ProcessId;
use gt_core::screen::Capture;
use gt_core::snapshot;
use gt_host::clock;
use gt_host::tmux::{Client, Drawn, PaneRow, PaneState, Request, Tmux, TmuxError, request};
use tokio::sync::Mutex;

/// After a request that was not answered in time, tmux is left alone for this long: everything
/// that needs it is unknown at once, and does not queue up behind one deadline after another.
const SICK: Duration = Duration::from_secs(5);

/// tmux, shared by the actions that are under way. The lock is held for one request at a time,
/// which has a deadline of its own; there is no second lock.
#[derive(Debug)]
pub(crate) struct Terminal {
    tmux: Mutex<Tmux>,
    sick_until: Cell<Duration>,
}

/// Why tmux did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TerminalError {
    /// It failed.
    #[error("tmux failed")]
    Tmux(#[source] TmuxError),
    /// It did not answer a moment ago.
    #[error("tmux did not answer and is left alone for {SICK:?}")]
    Sick,
}

impl TerminalError {
    /// Whether what was asked for is proven not to be there.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::Tmux(error) => {
                error.is_nothing_there() || matches!(error, TmuxError::NotFound { .. })
            }
            Self::Sick => false,
        }
    }
}

/// What one look at tmux showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    panes: Vec<PaneRow>,
    people: Vec<Client>,
    /// The process of the server that was looked at, where that is known.
    pub(crate) server: Option<ProcessId>,
}

impl Terminal {
    pub(crate) fn new(tmux: Tmux) -> Self {
        Self {
            tmux: Mutex::new(tmux),
            sick_until: Cell::new(Duration::ZERO),
        }
    }

    /// Asks one thing.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        request: Request<T>,
    ) -> Result<T, TerminalError> {
        let mut tmux = self.tmux.lock().await;
        if clock::monotonic() < self.sick_until.get() {
            return Err(TerminalError::Sick);
        }
        let answer = tmux.ask(request).await;
        if matches!(answer, Err(TmuxError::TimedOut { .. })) {
            self.sick_until.set(clock::monotonic() + SICK);
        }
        answer.map_err(TerminalError::Tmux)
    }

    /// Leaves a server. One that is empty ends, and the town's own as soon as it is; one that others
    /// use stays as it was found.
    pub(crate) async fn leave(&self, is_own: bool) {
        let is_empty =
            is_own || matches!(self.list().await, Ok(listing) if listing.panes.is_empty());
        let leave = match is_empty {
            true => request::leave_empty(),
            false => request::leave(),
        };
        // This ends the client that asks for it, so that no answer comes.
        let _ = self.ask(leave).await;
    }

    /// Ends the server and everything in it, as well as it can be done.
    pub(crate) async fn end(&self) {
        // Nobody is left to be told of one that does not end.
        let _ = self.tmux.lock().await.kill_server().await;
    }

    /// Every pane, and every person who is attached.
    pub(crate) async fn list(&self) -> Result<Listing, TerminalError> {
        let panes = self.ask(request::list()).await?;
        let anybody = panes.iter().any(|pane| pane.attached > 0);
        let people = if anybody {
            self.ask(request::clients()).await?
        } else {
            Vec::new()
        };
        let server = self.tmux.lock().await.server_process();
        Ok(Listing {
            panes,
            people,
            server,
        })
    }

    /// The panes in which something was drawn in this second of the epoch or later; none, and no
    /// server started, while there is no connection.
    pub(crate) async fn drawn_since(&self, second: i64) -> Result<Vec<Drawn>, TerminalError> {
        let server = self.tmux.lock().await.server_process();
        match server.is_some() {
            true => self.ask(request::drawn_since(second)).await,
            false => Ok(Vec::new()),
        }
    }

    /// The pane as it is, if it is still this agent's: ids begin anew with each server, and may be
    /// another's by now.
    pub(crate) async fn row_of(
        &self,
        pane: &snapshot::Pane,
        owner: &Owner,
    ) -> Result<Option<PaneRow>, TerminalError> {
        match self.ask(request::list()).await {
            Ok(panes) => Ok(panes.into_iter().find(|row| {
                row.pane_id.to_string() == pane.pane
                    && row.session_id.to_string() == pane.session
                    && owner.has(row)
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A screen into which a message may be typed needs a fresh look at who is there.
    pub(crate) async fn people(&self) -> Result<Vec<Client>, TerminalError> {
        self.ask(request::clients()).await
    }

    /// What a pane shows.
    pub(crate) async fn look(&self, pane: &str) -> Result<Capture, TerminalError> {
        self.ask(request::look(&pane_id(pane))).await
    }
}

/// What a pane of an agent is known by, besides its id. A name alone makes nothing an agent's: a
/// person can split its window, and name a session as they like.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// The name of the agent's session.
    pub(crate) session: String,
    /// The first process of its pane: its holder.
    pub(crate) first: Option<u32>,
}

impl Owner {
    fn has(&self, row: &PaneRow) -> bool {
        self.sits_in(row) || self.left(row)
    }

    fn sits_in(&self, row: &PaneRow) -> bool {
        self.first == Some(row.pane_pid)
    }

    /// Whether a pane in the session of its name holds nothing that lives.
    fn left(&self, row: &PaneRow) -> bool {
        row.session_name == self.session && row.state != PaneState::Running
    }
}

/// Ids in plans come from tmux itself.
pub(crate) fn pane_id(text: &str) -> gt_host::tmux::PaneId {
    text.parse().expect("a pane id that tmux gave")
}

impl Listing {
    /// The agent's pane: the one its holder sits in, else what is left of an earlier one.
    pub(crate) fn pane(&self, owner: &Owner) -> Option<snapshot::Pane> {
        let mut panes = self.panes.iter();
        let seat = panes.clone().find(|row| owner.sits_in(row));
        let row = seat.or_else(|| panes.find(|row| owner.left(row)))?;
        Some(snapshot::Pane {
            session: row.session_id.to_string(),
            pane: row.pane_id.to_string(),
            attached: last_activity(&self.people, &row.session_id.to_string()),
        })
    }

    /// Whether something that lives and is not the agent's keeps the name of its session.
    pub(crate) fn is_name_taken(&self, owner: &Owner) -> bool {
        let mut panes = self.panes.iter();
        panes.any(|row| row.session_name == owner.session && !owner.has(row))
    }
}

/// When a person attached to this session last pressed a key.
pub(crate) fn last_activity(people: &[Client], session: &str) -> Option<jiff::Timestamp> {
    people
        .iter()
        .filter(|person| person.session_id.to_string() == session)
        .map(|person| person.last_activity)
        .max()
}
