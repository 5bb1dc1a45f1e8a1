//! Carrying out a step of the plan: one task per step, one outcome per task, no retries. The next
//! beat is the retry.

use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use gt_core::AgentId;
use gt_core::event::{EventKind, NewEvent};
use gt_core::incarnation::{Exit, Incarnation, IncarnationId, ProcessId};
use gt_core::memory::{AgentMemory, Cause};
use gt_core::observed::chain;
use gt_core::plan::{Action, ActionKind, RequestEnd, Step, StopPurpose};
use gt_core::snapshot::{Begun, InFlight, Pane};
use gt_core::time::milliseconds;
use gt_host::holder::kill_set;
use gt_host::holder::protocol::{Answer, Refusal, Request, Start};
use gt_host::roster::SeatSpec;
use gt_host::tmux::{NewSession, config, request};
use gt_host::{atomic, clock};
use gt_store::Store;
use jiff::Timestamp;
use uuid::Uuid;

use crate::daemon::{Daemon, Hands};
use crate::event::Event;
use crate::link::Link;
use crate::poke::{self, Tried};
use crate::reload::escalation_mail;
use crate::terminal::{Owner, pane_id, session_id};

/// How long the capture of a last screen may hold a restart up.
const LAST_SCREEN: Duration = Duration::from_millis(500);

/// How long a holder may take beyond the grace it was given, to kill, wait and look again.
const BEYOND_GRACE: Duration = Duration::from_secs(10);

/// What came of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The session is there, with this pane.
    SessionCreated(Pane),
    /// The session is gone.
    SessionRemoved,
    /// The processes of a lost run are gone, but these.
    Swept(IncarnationId, Vec<ProcessId>),
    /// The program was started, as its holder told the loop itself.
    Started(Took),
    /// The program could not be executed.
    NotStarted {
        incarnation: IncarnationId,
        errno: i32,
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
    Poked {
        incarnation: IncarnationId,
        misses: u32,
        tried: Tried,
        at: Timestamp,
    },
    /// The request was written; the store will show it.
    RequestWritten,
    /// A person has the mail that tells of it.
    PersonTold {
        because: String,
        /// The circuit that is to be open from now on, and the wish that held.
        circuit: Option<Option<Timestamp>>,
    },
    /// It was not done.
    Failed { what: ActionKind, why: String },
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

/// Begins a step that needs the world. The seat is marked already.
pub(crate) fn begin(daemon: &mut Daemon, step: &Step, now: Timestamp) {
    let agent = step.agent.clone();
    let hands = Rc::clone(&daemon.hands);
    let kind = step.action.kind();
    match step.action.clone() {
        Action::CreateSession => {
            let spec = daemon.seats[&agent].spec.clone();
            spawn(hands, agent, kind, |hands| create_session(hands, spec));
        }
        Action::RemoveSession { pane } => {
            let seat = &daemon.seats[&agent];
            let (link, owner) = (seat.link.clone(), seat.owner());
            spawn(hands, agent, kind, |hands| {
                remove_session(hands, link, pane, owner)
            });
        }
        Action::Sweep { incarnation } => {
            daemon.note(EventKind::Stopped, Some(&agent), step.because.clone());
            let grace = daemon.policy.restart.stop_grace;
            let keep = daemon.seats[&agent].spec.preset.keep.clone();
            spawn(hands, agent, kind, move |_| sweep(incarnation, keep, grace));
        }
        Action::Start { incarnation, cause } => {
            let run = prepare_run(daemon, step, incarnation, cause, now);
            spawn(hands, agent, kind, |hands| start(hands, run));
        }
        Action::Stop {
            incarnation,
            purpose,
        } => begin_stop(daemon, step, incarnation, purpose),
        Action::Poke {
            incarnation,
            pane,
            text,
            misses,
        } => {
            let seat = &daemon.seats[&agent];
            let (spec, owner) = (seat.spec.clone(), seat.owner());
            let quiet = daemon.policy.attached_quiet;
            let message = poke::Message {
                incarnation,
                pane,
                text,
                misses,
                quiet,
                owner,
            };
            spawn(hands, agent, kind, |hands| {
                poke::bring(hands, spec, message)
            });
        }
        Action::TakeRequest {
            request,
            incarnation,
        } => {
            take_request(daemon, step, request, incarnation, now);
        }
        Action::CloseRequest { request, end } => close_request(daemon, step, request, end, now),
        Action::OpenCircuit { wish_at } => {
            let step = step.clone();
            spawn(hands, agent, kind, move |hands| {
                tell_person(hands, step, Some(wish_at))
            });
        }
        Action::Escalate => {
            let step = step.clone();
            spawn(hands, agent, kind, move |hands| {
                tell_person(hands, step, None)
            });
        }
        Action::ForgetPokes | Action::CloseCircuit => {
            unreachable!("the beat does what only changes memory itself")
        }
    }
}

/// Runs a step in a task of its own and tells the loop what came of it.
fn spawn<F>(
    hands: Rc<Hands>,
    agent: AgentId,
    what: ActionKind,
    work: impl FnOnce(Rc<Hands>) -> F + 'static,
) where
    F: Future<Output = Result<Outcome, Failure>> + 'static,
{
    tokio::task::spawn_local(async move {
        let outcome = match work(Rc::clone(&hands)).await {
            Ok(outcome) => outcome,
            Err(Failure(why)) => Outcome::Failed { what, why },
        };
        hands.tell(Event::Acted(agent, outcome)).await;
    });
}

/// Why a step failed, with its causes. Outcomes are data: nothing handles it but the log.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(chain(&error))
    }
}

async fn create_session(hands: Rc<Hands>, spec: SeatSpec) -> Result<Outcome, Failure> {
    let session = NewSession {
        name: spec.session_name.clone(),
        directory: hands.town.paths().root().to_owned(),
        environment: Vec::new(),
        argv: holder_command(&hands, &spec.agent),
    };
    let made = hands.terminal.ask(request::create(&session)).await?;
    let pane = Pane {
        session: made.session_id.to_string(),
        pane: made.pane_id.to_string(),
        attached: None,
    };
    // A session without its colours is a session all the same.
    let _ = hands
        .terminal
        .ask(config::dress(
            &made.session_id,
            &spec.agent,
            spec.theme,
            &hands.gt,
        ))
        .await;
    Ok(Outcome::SessionCreated(pane))
}

fn holder_command(hands: &Hands, agent: &AgentId) -> Vec<std::ffi::OsString> {
    let town = hands.town.paths().root();
    let agent = agent.to_string();
    let words: [&std::ffi::OsStr; 6] = [
        hands.gt.as_os_str(),
        "hold".as_ref(),
        "--town".as_ref(),
        town.as_os_str(),
        "--agent".as_ref(),
        agent.as_ref(),
    ];
    words.map(ToOwned::to_owned).to_vec()
}

async fn remove_session(
    hands: Rc<Hands>,
    link: Option<Link>,
    pane: Pane,
    owner: Owner,
) -> Result<Outcome, Failure> {
    let is_its_own = hands.terminal.is_of(&pane, &owner).await;
    if let Some(link) = link {
        // A holder that is gone already needs no telling.
        if let Ok(Answer::Refused { refusal }) = link.ask(Request::Quit, BEYOND_GRACE).await {
            return Err(refusal.into());
        }
    }
    if !is_its_own? {
        return Ok(Outcome::SessionRemoved);
    }
    match hands
        .terminal
        .ask(request::remove(&session_id(&pane.session)))
        .await
    {
        Ok(()) => Ok(Outcome::SessionRemoved),
        Err(error) if error.is_not_found() => Ok(Outcome::SessionRemoved),
        Err(error) => Err(error.into()),
    }
}

async fn sweep(
    incarnation: IncarnationId,
    keep: Vec<String>,
    grace: Duration,
) -> Result<Outcome, Failure> {
    let scope = kill_set::Scope {
        incarnation,
        session: None,
        agent: None,
        since: 0,
        keep,
    };
    let survivors = tokio::task::spawn_blocking(move || kill_set::end(scope, grace)).await??;
    Ok(Outcome::Swept(incarnation, survivors))
}

/// Everything that a start needs, put together before it begins.
struct Run {
    spec: SeatSpec,
    env: Vec<(String, String)>,
    link: Option<Link>,
    incarnation: Incarnation,
    memory: AgentMemory,
    because: String,
    /// The run before, whose screen is to be kept, and where it is shown.
    last: Option<(IncarnationId, String)>,
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
    let env = daemon.environment_of(&daemon.seats[&step.agent].spec, id);
    let seat = daemon
        .seats
        .get_mut(&step.agent)
        .expect("a step names a seat");
    seat.memory.remember_start(now, cause, &restart);
    let pane = seat
        .pane
        .known()
        .and_then(|pane| pane.as_ref().map(|pane| pane.pane.clone()));
    let pane = pane
        .or_else(|| seat.reported_pane.clone())
        .unwrap_or_default();
    let last = seat.last_end.map(|end| (end.incarnation, pane.clone()));
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
        spec: seat.spec.clone(),
        env,
        link: seat.link.clone(),
        memory: seat.memory.clone(),
        because: format!("{} ({})", step.because, cause.as_str()),
        last,
        grace: restart.stop_grace,
    }
}

/// The order of a restart: last screen captured and attempt recorded, side by side, then the
/// holder, which makes sure that nothing of the run before is left.
async fn start(hands: Rc<Hands>, run: Run) -> Result<Outcome, Failure> {
    let Some(link) = run.link.clone() else {
        return Err(Failure("its holder is not connected".to_owned()));
    };
    let ((screen_took, screen), (record_took, ())) = tokio::join!(
        timed(last_screen(&hands, run.last.as_ref())),
        timed(record_start(&hands, &run))
    );
    let request = Request::Start(Box::new(start_request(&run)));
    let (holder_took, answer) = timed(link.ask(request, run.grace + BEYOND_GRACE)).await;
    let answer = answer?;
    if let (Some(screen), Some((ended, _))) = (screen, &run.last) {
        keep_screen(&hands, &run.spec.agent, *ended, &screen);
    }
    match answer {
        Answer::Started {
            incarnation,
            process,
            ..
        } => {
            // The holder's state file has the process, too.
            let note = move |store: &mut Store| store.set_process(incarnation, process);
            hands.store.post(note);
            Ok(Outcome::Started(Took {
                screen: screen_took,
                record: record_took,
                holder: holder_took,
            }))
        }
        Answer::Refused {
            refusal: Refusal::NotStarted { errno, .. },
        } => Ok(Outcome::NotStarted {
            incarnation: run.incarnation.id,
            errno,
            at: clock::now(),
        }),
        Answer::Refused { refusal } => Err(refusal.into()),
        other => Err(Failure(format!("its holder answered with {other:?}"))),
    }
}

/// The attempt is on record before it is made; a store that fails is no reason to leave an agent
/// dead, since the loop remembers it too.
async fn record_start(hands: &Hands, run: &Run) {
    let (incarnation, memory) = (run.incarnation.clone(), run.memory.clone());
    let event = NewEvent::by_daemon(
        EventKind::Started,
        Some(&run.spec.agent),
        run.because.clone(),
    );
    // The reading of the store that follows finds and shows the trouble.
    let _ = hands
        .store
        .write(move |store| store.record_start(&incarnation, &memory, &event))
        .await;
}

fn start_request(run: &Run) -> Start {
    Start {
        incarnation: run.incarnation.id,
        argv: run.spec.preset.command.clone(),
        env: run.env.clone(),
        cwd: run.spec.work_dir.to_string_lossy().into_owned(),
        keep: run.spec.preset.keep.clone(),
        grace_ms: u64::try_from(run.grace.as_millis()).unwrap_or(u64::MAX),
    }
}

/// What the ended run's screen shows; none when tmux cannot say in time.
async fn last_screen(hands: &Hands, last: Option<&(IncarnationId, String)>) -> Option<String> {
    let (_, pane) = last?;
    if pane.is_empty() {
        return None;
    }
    tokio::time::timeout(
        LAST_SCREEN,
        hands.terminal.ask(request::capture(&pane_id(pane), 200)),
    )
    .await
    .ok()?
    .ok()
}

/// Keeps the last screen of a run: 0600, the newest few per agent. It may hold secrets.
fn keep_screen(hands: &Hands, agent: &AgentId, ended: IncarnationId, screen: &str) {
    let directory = hands.town.paths().post_mortems();
    let path = directory.join(format!("{}.{ended}.txt", agent.file_stem()));
    let agent = agent.file_stem();
    let screen = screen.to_owned();
    tokio::task::spawn_blocking(move || {
        // A screen that cannot be kept is a smaller loss than a log full of it.
        if atomic::write_private(&path, screen.as_bytes()).is_ok() {
            age_out(&directory, &agent);
        }
    });
}

/// Removes all but the newest last screens of an agent. Ids rise with time, and so do the names.
fn age_out(directory: &Path, agent: &str) {
    const KEPT: usize = 10;
    let Ok(entries) = fs_err::read_dir(directory) else {
        return;
    };
    let prefix = format!("{agent}.");
    let mut screens: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        })
        .collect();
    screens.sort();
    for old in screens.iter().rev().skip(KEPT) {
        // Another pass removes what stays.
        let _ = fs_err::remove_file(old);
    }
}

/// Stops a run. For its silence it is looked at once more: the loop hears what spares it, or that
/// nothing does.
fn begin_stop(daemon: &mut Daemon, step: &Step, incarnation: IncarnationId, purpose: StopPurpose) {
    if purpose != StopPurpose::Unresponsive {
        stop_run(
            daemon,
            &step.agent,
            incarnation,
            purpose,
            step.because.clone(),
        );
        return;
    }
    let seat = &daemon.seats[&step.agent];
    let (spec, pane) = (seat.spec.clone(), seat.pane.known().cloned().flatten());
    let misses = seat.memory.misses;
    let quiet = daemon.policy.attached_quiet;
    let because = step.because.clone();
    let hands = Rc::clone(&daemon.hands);
    let look = async move |hands: Rc<Hands>| {
        let spared = poke::look_before_stop(&hands, &spec, pane, quiet).await?;
        Ok(match spared {
            None => Outcome::Silent {
                incarnation,
                because,
            },
            Some(tried) => Outcome::Poked {
                incarnation,
                misses,
                tried,
                at: clock::now(),
            },
        })
    };
    spawn(hands, step.agent.clone(), ActionKind::Stop, look);
}

/// Writes who, why and on what evidence, then stops.
pub(crate) fn stop_run(
    daemon: &mut Daemon,
    agent: &AgentId,
    incarnation: IncarnationId,
    purpose: StopPurpose,
    because: String,
) {
    daemon.note(EventKind::Stopped, Some(agent), because);
    let grace = daemon.policy.restart.stop_grace;
    let seat = daemon.seats.get_mut(agent).expect("a stop names a seat");
    seat.stopping = Some(purpose);
    seat.in_flight.get_or_insert(InFlight {
        what: Begun::Action(ActionKind::Stop),
        since: clock::now(),
    });
    let link = seat.link.clone();
    let hands = Rc::clone(&daemon.hands);
    spawn(hands, agent.clone(), ActionKind::Stop, move |_| {
        stop(link, incarnation, grace)
    });
}

async fn stop(
    link: Option<Link>,
    incarnation: IncarnationId,
    grace: Duration,
) -> Result<Outcome, Failure> {
    let link = link.ok_or_else(|| Failure("its holder is not connected".to_owned()))?;
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    match link
        .stop(incarnation, grace_ms, grace + BEYOND_GRACE)
        .await?
    {
        Answer::Gone {
            survivors,
            unknown: None,
            ..
        } => Ok(Outcome::Stopped(survivors)),
        Answer::Gone {
            unknown: Some(why), ..
        } => Err(Failure(format!("what is left of it is unknown: {why}"))),
        Answer::Refused { refusal } => Err(refusal.into()),
        other => Err(Failure(format!("its holder answered with {other:?}"))),
    }
}

/// Takes a request in one transaction with the wish that it leaves: from now on it is carried out,
/// at most once, and only for this run.
fn take_request(daemon: &mut Daemon, step: &Step, id: Uuid, run: IncarnationId, now: Timestamp) {
    let wish = daemon.wish_after(id, now);
    let event = NewEvent::by_daemon(
        EventKind::RequestTaken,
        Some(&step.agent),
        step.because.clone(),
    );
    daemon.log_event(now, &event);
    let hands = Rc::clone(&daemon.hands);
    spawn(
        hands,
        step.agent.clone(),
        step.action.kind(),
        move |hands| async move {
            hands
                .store
                .write(move |store| store.take_request(id, run, now, &wish, &event))
                .await?;
            Ok(Outcome::RequestWritten)
        },
    );
}

fn close_request(daemon: &mut Daemon, step: &Step, id: Uuid, end: RequestEnd, now: Timestamp) {
    let event = closing_event(step, end);
    daemon.log_event(now, &event);
    let reason = step.because.clone();
    let reply = (end != RequestEnd::Done)
        .then(|| daemon.refusal_mail(id, &reason, now))
        .flatten();
    spawn(
        Rc::clone(&daemon.hands),
        step.agent.clone(),
        step.action.kind(),
        move |hands| async move {
            hands
                .store
                .write(move |store| {
                    store.close_request(id, now, end, &reason, &event, reply.as_ref())
                })
                .await?;
            Ok(Outcome::RequestWritten)
        },
    );
}

/// Closes a request for an agent that the town does not have.
pub(crate) fn close_without_seat(daemon: &mut Daemon, id: Uuid, step: &Step) {
    let now = clock::now();
    let event = closing_event(step, RequestEnd::Refused);
    daemon.log_event(now, &event);
    let reason = step.because.clone();
    let reply = daemon.refusal_mail(id, &reason, now);
    let events = daemon.hands.events.clone();
    daemon.hands.store.post(move |store| {
        // It stays open on an error, and the next reading of the store finds it again.
        let end = RequestEnd::Refused;
        store.close_request(id, now, end, &reason, &event, reply.as_ref())?;
        // A full queue has news enough to read the store for.
        let _ = events.try_send(Event::Changed);
        Ok(())
    });
}

/// Puts it into the overseer's mail that a person is needed. Only then is it remembered as told.
async fn tell_person(
    hands: Rc<Hands>,
    step: Step,
    circuit: Option<Option<Timestamp>>,
) -> Result<Outcome, Failure> {
    let mail = escalation_mail(&step, clock::now());
    hands.store.write(move |store| store.send(&mail)).await?;
    Ok(Outcome::PersonTold {
        because: step.because,
        circuit,
    })
}

fn closing_event(step: &Step, end: RequestEnd) -> NewEvent {
    let kind = match end {
        RequestEnd::Done => EventKind::RequestDone,
        RequestEnd::Refused | RequestEnd::Expired => EventKind::RequestRefused,
    };
    NewEvent::by_daemon(kind, Some(&step.agent), step.because.clone())
}

/// How a program that could not be executed ended.
pub(crate) fn not_started(errno: i32) -> gt_core::snapshot::End {
    gt_core::snapshot::End::Exited(Exit::NotStarted(errno))
}
