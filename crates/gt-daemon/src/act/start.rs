//! The start of a run, by its holder.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use gt_core::event::{EventKind, NewEvent};
use gt_core::incarnation::{Exit, Incarnation, IncarnationId, ProcessId};
use gt_core::memory::{AgentMemory, Cause};
use gt_core::plan::Step;
use gt_core::session::Session;
use gt_core::snapshot::End;
use gt_core::time::milliseconds;
use gt_host::clock;
use gt_host::holder::kill_set::BEYOND_GRACE;
use gt_host::holder::protocol::{Answer, Refusal, Request, Start};
use gt_host::preset::Launch;
use gt_host::roster::SeatSpec;
use gt_host::tmux::PaneId;
use jiff::Timestamp;

use super::post_mortem::{Kept, keep_screen};
use super::{Failure, Outcome, spawn};
use crate::daemon::{Daemon, Hands};
use crate::link::Link;
use crate::seat::Seat;

pub(super) fn start(
    daemon: &mut Daemon,
    step: &Step,
    incarnation: IncarnationId,
    cause: Cause,
    now: Timestamp,
) {
    let run = prepare_run(daemon, step, incarnation, cause, now);
    daemon.log_event(now, &run.event);
    spawn(daemon, &step.agent, step.action.kind(), |hands| {
        start_run(hands, run)
    });
}

/// Everything that a start needs, put together before it begins.
struct Run {
    spec: SeatSpec,
    argv: Vec<String>,
    env: Vec<(String, String)>,
    link: Option<Link>,
    incarnation: Incarnation,
    memory: AgentMemory,
    /// That it begins, and why.
    event: NewEvent,
    /// The session that the town named.
    session: Option<Session>,
    /// The run before, whose screen is to be kept, and where it is shown.
    last: Option<(IncarnationId, PaneId)>,
    grace: Duration,
}

fn prepare_run(
    daemon: &mut Daemon,
    step: &Step,
    id: IncarnationId,
    cause: Cause,
    now: Timestamp,
) -> Run {
    let boot_id = daemon.hands.boot_id.clone();
    let restart = daemon.policy.restart.clone();
    let env = environment(daemon, &daemon.seats[&step.agent].spec, id);
    let seat = daemon
        .seats
        .get_mut(&step.agent)
        .expect("a step names a seat");
    seat.memory.remember_start(now, cause, &restart);
    let pane = seat.pane_named();
    let last = seat.last_screen();
    let (argv, because) = program(seat, step, id, cause, &daemon.hands);
    let session = seat.begin_run(id, cause);
    let event = NewEvent::by_daemon(EventKind::Starting, Some(&step.agent), because);
    Run {
        incarnation: Incarnation {
            id,
            agent: step.agent.clone(),
            pane,
            holder: seat
                .holder_process
                .unwrap_or(ProcessId { pid: 0, start: 0 }),
            process: None,
            boot_id,
            command_hash: format!(
                "{:016x}",
                gt_core::screen::digest(&seat.spec.preset.command.join("\0"))
            ),
            started_at: now,
        },
        argv,
        spec: seat.spec.clone(),
        env,
        link: seat.link.clone(),
        memory: seat.memory.clone(),
        event,
        session,
        last,
        grace: restart.stop_grace,
    }
}

/// Its variables, with the one by which its program finds its hooks.
fn environment(daemon: &Daemon, spec: &SeatSpec, id: IncarnationId) -> Vec<(String, String)> {
    let mut env = daemon.environment_of(spec, id);
    let paths = daemon.hands.town.paths();
    let is_set = |wanted: &str| env.iter().any(|(name, _)| name == wanted);
    let hooks = spec.preset.hooks;
    let variable = hooks.and_then(|style| style.variable(paths, is_set));
    env.extend(variable);
    env
}

/// What is started, and why: after a crash, where the program can, with the session that was cut off.
fn program(
    seat: &Seat,
    step: &Step,
    id: IncarnationId,
    cause: Cause,
    hands: &Hands,
) -> (Vec<String>, String) {
    let session = seat.session_to_resume(cause);
    let because = format!("{} ({})", step.because, cause.as_str());
    let because = match session {
        Some(id) => format!("{because}, with its session {id}"),
        None => because,
    };
    let launch = Launch {
        paths: hands.town.paths(),
        gt: &hands.gt,
        work_dir: &seat.spec.work_dir,
        run: id,
        session,
        model: seat.spec.model.as_deref(),
    };
    (seat.spec.preset.argv(&launch), because)
}

/// How long the parts of a start took. The first two go side by side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// The last screen was captured.
    screen: Duration,
    /// The attempt was recorded.
    record: Duration,
    /// The holder made sure that nothing of the run before is left, and started the program.
    holder: Duration,
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [screen, record, holder] = [self.screen, self.record, self.holder].map(milliseconds);
        write!(f, "screen {screen}, record {record}, holder {holder}")
    }
}

/// How long something took, and what came of it.
async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let before = clock::monotonic();
    let done = work.await;
    (clock::monotonic().saturating_sub(before), done)
}

/// The order of a restart: last screen captured and attempt recorded, side by side, then the
/// holder, which makes sure that nothing of the run before is left.
async fn start_run(hands: Rc<Hands>, run: Run) -> Result<Outcome, Failure> {
    let Some(link) = run.link.clone() else {
        return Err(Failure("its holder is not connected".to_owned()));
    };
    let agent = &run.spec.agent;
    // The start waits for the capture, and not for the disk.
    let ((screen_took, _), (record_took, ())) = tokio::join!(
        timed(keep_screen(&hands, agent, run.last.clone(), Kept::After)),
        timed(record_start(&hands, &run))
    );
    let request = Request::Start(Box::new(start_request(&run)));
    let (holder_took, answer) = timed(link.ask(request, run.grace + BEYOND_GRACE)).await;
    match answer? {
        Answer::Started {
            incarnation,
            process,
            ..
        } => {
            let took = Took {
                screen: screen_took,
                record: record_took,
                holder: holder_took,
            };
            Ok(Outcome::Started {
                incarnation,
                process,
                took,
            })
        }
        Answer::Refused { refusal } => match refusal {
            Refusal::NotStarted { errno, .. } => Ok(Outcome::NotStarted {
                incarnation: run.incarnation.id,
                errno,
                why: refusal.to_string(),
                at: clock::now(),
            }),
            refusal => Err(refusal.into()),
        },
        other => Err(Failure(format!("its holder answered with {other:?}"))),
    }
}

/// The attempt is on record before it is made; a store that fails is no reason to leave an agent
/// dead, since the loop remembers it too.
async fn record_start(hands: &Hands, run: &Run) {
    let (incarnation, memory) = (run.incarnation.clone(), run.memory.clone());
    let session = run.session.clone();
    let event = run.event.clone();
    // The reading of the store that follows finds and shows the trouble.
    let _ = hands
        .store
        .write(move |store| {
            store.record_start(&incarnation, &memory, &event)?;
            session.map_or(Ok(()), |session| {
                store.set_session(incarnation.id, &session)
            })
        })
        .await;
}

fn start_request(run: &Run) -> Start {
    Start {
        incarnation: run.incarnation.id,
        argv: run.argv.clone(),
        env: run.env.clone(),
        cwd: run.spec.work_dir.to_string_lossy().into_owned(),
        keep: run.spec.preset.keep.clone(),
        grace_ms: u64::try_from(run.grace.as_millis()).unwrap_or(u64::MAX),
    }
}

/// How a program that could not be executed ended.
pub(crate) fn not_started(errno: i32) -> End {
    End::Exited(Exit::NotStarted(errno))
}
