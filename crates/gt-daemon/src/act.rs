//! Carrying out a step of the plan: one task per step, one outcome per task, no retries. The next
//! beat is the retry.

mod nudge;
mod person;
mod post_mortem;
mod request;
mod session;
mod start;
mod stop;

use std::rc::Rc;

use gt_core::AgentId;
use gt_core::incarnation::{IncarnationId, ProcessId};
use gt_core::observed::chain;
use gt_core::plan::{Action, ActionKind, Step};
use gt_core::snapshot::Pane;
use jiff::Timestamp;
use uuid::Uuid;

pub(crate) use self::nudge::end_message;
pub(crate) use self::request::close_without_seat;
pub(crate) use self::start::{Took, not_started};
pub(crate) use self::stop::stop_run;
use crate::daemon::{Daemon, Hands};
use crate::event::Event;
use crate::poke::{self, Poked};
use crate::typing::Tried;

/// What came of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The session is there, with this pane and its first process.
    SessionCreated(Pane, u32),
    /// Nothing of the agent is in tmux any more.
    SessionRemoved,
    /// The processes of a lost run are gone, but these.
    Swept(IncarnationId, Vec<ProcessId>),
    /// The program was started, as its holder told the loop itself.
    Started {
        incarnation: IncarnationId,
        process: ProcessId,
        took: Took,
    },
    /// The program could not be started, for this reason.
    NotStarted {
        incarnation: IncarnationId,
        errno: i32,
        why: String,
        at: Timestamp,
    },
    /// Nothing spares the silent run: it is to be stopped.
    Silent {
        incarnation: IncarnationId,
        because: String,
    },
    /// The run is gone, but these processes.
    Stopped(Vec<ProcessId>),
    /// The poke was tried.
    Poked(Poked),
    /// A message was tried.
    Nudged(Uuid, Tried),
    /// A request or the end of a message was written; the store will show it.
    Written,
    /// A person has the mail that tells of it.
    PersonTold {
        because: String,
        /// The circuit that is to be open from now on, and the wish that held.
        circuit: Option<Option<Timestamp>>,
    },
    /// It was not done.
    Failed { what: ActionKind, why: String },
}

/// Why a step failed, with its causes. Outcomes are data: nothing handles it but the log.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(chain(&error))
    }
}

/// Begins a step that needs the world. The seat is marked already.
pub(crate) fn begin(daemon: &mut Daemon, step: &Step, now: Timestamp) {
    match step.action.clone() {
        Action::CreateSession => session::create(daemon, step),
        Action::RemoveSession { pane } => session::remove(daemon, step, pane),
        Action::Sweep { incarnation } => stop::sweep(daemon, step, incarnation),
        Action::Start { incarnation, cause } => start::start(daemon, step, incarnation, cause, now),
        Action::Stop {
            incarnation,
            purpose,
        } => stop::stop(daemon, step, incarnation, purpose),
        Action::Poke {
            incarnation,
            pane,
            text,
            misses,
        } => {
            let message = poke::Message {
                incarnation,
                pane,
                text,
                misses,
            };
            poke::poke(daemon, step, message);
        }
        Action::Nudge {
            nudge,
            incarnation,
            pane,
        } => nudge::bring(daemon, step, nudge, incarnation, pane),
        Action::EndNudge { nudge, end } => nudge::end(daemon, step, nudge, end),
        Action::TakeRequest {
            request,
            incarnation,
        } => request::take(daemon, step, request, incarnation, now),
        Action::CloseRequest { request, end } => request::close(daemon, step, request, end, now),
        Action::OpenCircuit { wish_at } => person::tell(daemon, step, Some(wish_at)),
        Action::Escalate => person::tell(daemon, step, None),
        Action::ForgetPokes | Action::CloseCircuit => {
            unreachable!("the beat does what only changes memory itself")
        }
    }
}

/// Runs an action in a task of its own and tells the loop what came of it.
pub(crate) fn spawn<F>(
    daemon: &Daemon,
    agent: &AgentId,
    what: ActionKind,
    work: impl FnOnce(Rc<Hands>) -> F + 'static,
) where
    F: Future<Output = Result<Outcome, Failure>> + 'static,
{
    let (hands, agent) = (Rc::clone(&daemon.hands), agent.clone());
    tokio::task::spawn_local(async move {
        let outcome = match work(Rc::clone(&hands)).await {
            Ok(outcome) => outcome,
            Err(Failure(why)) => Outcome::Failed { what, why },
        };
        hands.tell(Event::Acted(agent, outcome)).await;
    });
}
