//! The holder's loop, and what it does about requests, signals and exits.

use std::io;
use std::time::Duration;

use gt_core::{AgentId, Exit, IncarnationId, ProcessId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, getsid, kill_process_group};

use super::connections::{ClientId, Connections};
use super::kill_set::{Scope, Sweep};
use super::protocol::{
    self, Answer, Phase, Previous, Refusal, Report, Request, SignalName, Start, Usage, VERSION,
};
use super::seat::{self, Seat, SeatError};
use super::signals::{self, Change, Signals};
use super::terminal::Terminal;
use super::{spawn, state};
use crate::paths::TownPaths;
use crate::town::site::{Site, Whereabouts};
use crate::wake::{self, Wake};
use crate::{clock, environment, local_socket, process};

/// Longest time of grace: a client that asks for more made a mistake in the unit.
const MAX_GRACE: Duration = Duration::from_secs(3600);

/// Time of grace when the pane goes away and no start has named one.
const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// Takes the agent's seat and keeps it until the holder is told to end.
pub(super) fn hold(paths: &TownPaths, agent: AgentId) -> Result<(), SeatError> {
    let system = |doing| move |source| SeatError::System { doing, source };
    let signals = Signals::take_over().map_err(system("take over signals"))?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| system("become the reaper of orphans")(error.into()))?;
    // Before the seat is taken, which makes whatever lies there its own. What cannot be read tells
    // nothing; the daemon has the run before in its store.
    let before = state::read_state_file(paths, &agent).ok().flatten();
    let (seat, listener) = seat::take(paths, &agent)?;
    // So that no worktree is held by the holder's own work directory.
    rustix::process::chdir("/").map_err(|error| system("leave the directory")(error.into()))?;
    let report = first_report(before, agent, &seat).map_err(system("find itself"))?;
    let site = Site::open(paths.root()).map_err(system("open the town's directory"))?;
    let mut holder = Holder {
        paths: paths.clone(),
        site,
        connections: Connections::new(listener).map_err(system("listen"))?,
        signals,
        terminal: Terminal::open(),
        session: own_session(),
        runs: false,
        grace: DEFAULT_GRACE,
        ending: None,
        end: None,
        seat,
        report,
    };
    holder.changed();
    while holder.end.is_none() {
        holder
            .wait()
            .map_err(system("wait for anything to happen"))?;
        holder.turn();
    }
    holder.leave();
    Ok(())
}

/// The session whose processes all belong to the agent: the holder's, if it leads it. Otherwise it
/// was started by hand or by a test, and the session holds who started it.
fn own_session() -> Option<u32> {
    let own = rustix::process::getpid();
    let leads = getsid(None).is_ok_and(|session| session == own);
    leads.then(std::process::id)
}

fn first_report(before: Option<Report>, agent: AgentId, seat: &Seat) -> io::Result<Report> {
    let boot_id = process::boot_id()?;
    let before = before.filter(|before| before.boot_id == boot_id);
    let survivors = before.as_ref().map(|before| before.survivors.clone());
    Ok(Report {
        version: VERSION,
        gt: env!("CARGO_PKG_VERSION").to_owned(),
        agent,
        socket: seat.socket.to_string_lossy().into_owned(),
        holder: process::own()?,
        boot_id,
        pane: environment::variable(environment::TMUX_PANE),
        phase: Phase::Idle,
        incarnation: None,
        process: None,
        started_at: None,
        exit: None,
        exited_at: None,
        usage: None,
        keep: Vec::new(),
        survivors: survivors.unwrap_or_default(),
        previous: before.and_then(previous_run),
    })
}

/// The run that an earlier holder of the seat had.
fn previous_run(before: Report) -> Option<Previous> {
    match before.incarnation {
        Some(incarnation) => Some(Previous {
            incarnation,
            since: before.process.map_or(0, |process| process.start),
            keep: before.keep,
        }),
        None => before.previous,
    }
}

struct Holder {
    paths: TownPaths,
    /// The town, which may come to be elsewhere.
    site: Site,
    seat: Seat,
    connections: Connections,
    signals: Signals,
    terminal: Option<Terminal>,
    session: Option<u32>,
    report: Report,
    /// The agent's own process was not reaped yet, so its pid is its own.
    runs: bool,
    /// What the last start said.
    grace: Duration,
    ending: Option<Ending>,
    end: Option<End>,
}

/// The end of a run, under way.
struct Ending {
    sweep: Sweep,
    then: Then,
}

/// What follows when a run is gone.
enum Then {
    Stay,
    Start(Asker, Box<Start>),
    /// By request, and only if nothing is left of the run: who asked waits for that.
    Quit(Vec<Asker>),
    /// Whatever is left: the pane is gone.
    Leave,
}

/// How the holder ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The state file stays: it tells how the last run ended.
    Remembered,
    /// By request: nothing of the seat is left.
    Forgotten,
}

/// Who waits for an answer.
#[derive(Debug, Clone, Copy)]
struct Asker {
    client: ClientId,
    id: Option<u64>,
}

impl Holder {
    /// Waits until there is something to do.
    fn wait(&self) -> io::Result<()> {
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        descriptors.extend(self.connections.descriptors());
        let mut timeout = None;
        if let Some(Ending { sweep, .. }) = &self.ending {
            let members = sweep.watched().iter();
            descriptors.extend(members.map(|member| PollFd::new(member, PollFlags::IN)));
            let left = sweep.deadline().saturating_sub(clock::monotonic());
            timeout = Some(Timespec::try_from(left).map_err(io::Error::other)?);
        }
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Does what there is to do. Exits come first, since they change what follows; but signals
    /// are taken before, or a SIGCHLD of an exit that was not seen yet would be lost.
    fn turn(&mut self) {
        let signals: Vec<i32> = std::iter::from_fn(|| self.signals.next()).collect();
        self.reap();
        for signal in signals {
            self.on_signal(signal);
        }
        for (client, line) in self.connections.serve() {
            self.on_line(client, &line);
        }
        self.advance();
    }

    fn on_signal(&mut self, signal: i32) {
        match signal {
            libc::SIGHUP => {
                self.forward(Signal::HUP);
                self.close();
            }
            libc::SIGTERM if !self.runs => self.close(),
            libc::SIGTERM => self.forward(Signal::TERM),
            libc::SIGINT => self.forward(Signal::INT),
            libc::SIGCONT => self.forward(Signal::CONT),
            libc::SIGUSR1 => self.listen_anew(),
            // SIGCHLD has done its work by waking the loop. Nothing else is for the holder.
            _ => {}
        }
    }

    /// Makes its socket again where somebody removed it. The clients that it has stay.
    fn listen_anew(&mut self) {
        let is_removed = local_socket::is_removed(&self.seat.socket);
        // One that cannot be made now is asked for again.
        if is_removed && let Ok(listener) = seat::listen(&self.seat.socket) {
            let _ = self.connections.replace_listener(listener);
        }
    }

    /// Signals the agent's process group.
    fn forward(&self, signal: Signal) {
        if let Some(group) = self.group() {
            // A group that is gone will be reaped at the next turn.
            let _ = kill_process_group(group, signal);
        }
    }

    /// The agent's process group; none once the agent was reaped, when the number may be another's.
    fn group(&self) -> Option<Pid> {
        let process = self.report.process.filter(|_| self.runs)?;
        let pid = i32::try_from(process.pid).ok().filter(|pid| *pid > 1)?;
        Pid::from_raw(pid)
    }

    fn reap(&mut self) {
        while let Some((pid, change)) = signals::next_change() {
            // Orphans of the agent only have to be reaped.
            if self.runs && self.report.process.is_some_and(|agent| agent.pid == pid) {
                match change {
                    Change::Ended(exit, usage) => self.on_exit(exit, usage),
                    Change::Stopped(signal) => self.on_stop(signal),
                }
            }
        }
    }

    /// Lets a stopped agent go on: nobody could type `fg` in its pane.
    fn on_stop(&self, signal: i32) {
        let wants_terminal = matches!(signal, libc::SIGTTIN | libc::SIGTTOU);
        if let (Some(terminal), Some(group), true) = (&self.terminal, self.group(), wants_terminal)
        {
            // Without it, the agent would be stopped again at once, for ever.
            terminal.give(group);
        }
        self.forward(Signal::CONT);
    }

    fn on_exit(&mut self, exit: Exit, usage: Usage) {
        let at = clock::now();
        self.runs = false;
        self.report.exit = Some(exit);
        self.report.usage = Some(usage);
        self.report.exited_at = Some(at);
        self.set_phase();
        let pane_is_gone = self.terminal.as_ref().is_some_and(Terminal::is_hung_up);
        if pane_is_gone {
            // Said before the exit is: a successor in this seat would be lost with it.
            self.connections.tell(&Answer::Quitting, None);
        }
        if let Some(incarnation) = self.report.incarnation {
            let news = Answer::Exited {
                incarnation,
                exit,
                usage,
                at,
            };
            self.connections.tell(&news, None);
        }
        if let Some(terminal) = &self.terminal {
            terminal.take();
            if self.ending.is_none() {
                terminal.say(&format!(
                    "agent exited ({exit}); the daemon will decide what comes next"
                ));
            }
        }
        self.changed();
        if pane_is_gone {
            self.close();
        }
    }

    fn set_phase(&mut self) {
        self.report.phase = match (&self.ending, self.runs) {
            (Some(_), _) => Phase::Ending,
            (None, true) => Phase::Running,
            (None, false) => Phase::Idle,
        };
    }

    /// Writes the state file and wakes the daemon.
    fn changed(&mut self) {
        // A full disk stops no agent: what the file lacks is told on the socket.
        if self.is_in_place() {
            let _ = state::write(&self.paths, &self.report);
        }
        // The daemon has a connection, or will read the file at its next look.
        let _ = wake::send(&self.paths, &Wake::Holder(self.report.agent.clone()));
    }

    /// Whether its paths still lead to its own town, and not to one that was made where that was.
    fn is_in_place(&self) -> bool {
        matches!(self.site.look(), Ok(Whereabouts::There))
    }

    fn on_line(&mut self, client: ClientId, line: &[u8]) {
        match protocol::decode::<Request>(line) {
            Ok(message) => {
                let asker = Asker {
                    client,
                    id: message.id,
                };
                self.on_request(asker, message.body);
            }
            Err(error) => {
                let id = protocol::head(line).ok().and_then(|head| head.id);
                let message = gt_core::observed::chain(&error);
                self.connections
                    .answer(client, id, &Answer::Error { message });
            }
        }
    }

    fn on_request(&mut self, asker: Asker, request: Request) {
        match request {
            Request::Hello => self.answer(
                asker,
                &Answer::Report {
                    report: Box::new(self.report.clone()),
                },
            ),
            Request::Start(order) => self.on_start(asker, order),
            Request::Stop {
                incarnation,
                grace_ms,
            } => self.on_stop_request(asker, incarnation, grace(grace_ms)),
            Request::Signal {
                incarnation,
                signal,
            } => self.on_signal_request(asker, incarnation, signal),
            Request::Quit => self.on_quit(asker),
            Request::Unknown => self.answer(
                asker,
                &Answer::Error {
                    message: "this holder does not know the request".to_owned(),
                },
            ),
        }
    }

    fn answer(&mut self, asker: Asker, answer: &Answer) {
        self.connections.answer(asker.client, asker.id, answer);
    }

    fn refuse(&mut self, asker: Asker, refusal: Refusal) {
        self.answer(asker, &Answer::Refused { refusal });
    }

    fn on_start(&mut self, asker: Asker, order: Box<Start>) {
        if let Some(refusal) = self.objection(&order).or_else(|| spawn::objection(&order)) {
            return self.refuse(asker, refusal);
        }
        if let Some(ending) = &mut self.ending {
            ending
                .sweep
                .hasten(grace(order.grace_ms), clock::monotonic());
            ending.then = Then::Start(asker, order);
        } else {
            let grace = grace(order.grace_ms);
            self.end_run(grace, Then::Start(asker, order));
        }
    }

    /// Why no start is possible now, whatever the order says.
    fn objection(&self, order: &Start) -> Option<Refusal> {
        match (&self.ending, self.report.incarnation) {
            (_, Some(current)) if current == order.incarnation => Some(Refusal::AlreadyStarted),
            (None, Some(incarnation)) if self.runs => Some(Refusal::Running { incarnation }),
            (Some(ending), _) => match ending.then {
                Then::Stay => None,
                Then::Start(..) => Some(Refusal::StartPending),
                Then::Quit(_) | Then::Leave => Some(Refusal::Ending),
            },
            (None, _) => None,
        }
    }

    fn on_stop_request(&mut self, asker: Asker, incarnation: IncarnationId, grace: Duration) {
        if self.cancel_start(asker, incarnation) {
            return;
        }
        if self.scope().map(|scope| scope.incarnation) != Some(incarnation) {
            let current = self.report.incarnation;
            return self.refuse(asker, Refusal::OtherIncarnation { current });
        }
        self.answer(asker, &Answer::Stopping { incarnation });
        match &mut self.ending {
            Some(ending) => ending.sweep.hasten(grace, clock::monotonic()),
            None => self.end_run(grace, Then::Stay),
        }
    }

    /// A stop that overtakes its start. The previous run is ended all the same.
    fn cancel_start(&mut self, asker: Asker, incarnation: IncarnationId) -> bool {
        let Some(ending) = &mut self.ending else {
            return false;
        };
        match &ending.then {
            Then::Start(starter, order) if order.incarnation == incarnation => {
                let starter = *starter;
                ending.then = Then::Stay;
                self.refuse(starter, Refusal::Stopped);
                self.answer(asker, &Answer::Stopping { incarnation });
                self.tell_gone(incarnation, Vec::new(), None);
                true
            }
            Then::Stay | Then::Start(..) | Then::Quit(_) | Then::Leave => false,
        }
    }

    fn on_signal_request(&mut self, asker: Asker, incarnation: IncarnationId, name: SignalName) {
        if self.report.incarnation != Some(incarnation) {
            let current = self.report.incarnation;
            self.refuse(asker, Refusal::OtherIncarnation { current });
        } else if self.runs {
            self.forward(signal(name));
            self.answer(asker, &Answer::Signalled { incarnation });
        } else {
            self.refuse(asker, Refusal::NothingRuns);
        }
    }

    fn on_quit(&mut self, asker: Asker) {
        if let (true, Some(incarnation)) = (self.runs, self.report.incarnation) {
            return self.refuse(asker, Refusal::Running { incarnation });
        }
        let Some(ending) = &mut self.ending else {
            return self.end_run(self.grace, Then::Quit(vec![asker]));
        };
        match &mut ending.then {
            Then::Quit(askers) => askers.push(asker),
            Then::Leave => self.answer(asker, &Answer::Quitting),
            Then::Stay | Then::Start(..) => self.go_on_to(Then::Quit(vec![asker])),
        }
    }

    /// Ends the run that there is, and then the holder.
    fn close(&mut self) {
        self.connections.tell(&Answer::Quitting, None);
        match self.ending {
            Some(_) => self.go_on_to(Then::Leave),
            None => self.end_run(self.grace, Then::Leave),
        }
    }

    /// Has something else follow the end that is under way, which is hastened.
    fn go_on_to(&mut self, then: Then) {
        let Some(ending) = &mut self.ending else {
            return;
        };
        ending.sweep.hasten(self.grace, clock::monotonic());
        match std::mem::replace(&mut ending.then, then) {
            Then::Start(asker, _) => self.refuse(asker, Refusal::Ending),
            Then::Quit(askers) => self.answer_all(&askers, &Answer::Quitting),
            Then::Stay | Then::Leave => {}
        }
    }

    fn answer_all(&mut self, askers: &[Asker], answer: &Answer) {
        for asker in askers {
            self.answer(*asker, answer);
        }
    }

    /// Begins to end the last run; at once done when there was none.
    fn end_run(&mut self, grace: Duration, then: Then) {
        let Some(scope) = self.scope() else {
            return self.follow(then, Ok(Vec::new()));
        };
        self.ending = Some(Ending {
            sweep: Sweep::new(scope, grace, clock::monotonic()),
            then,
        });
        self.set_phase();
        self.advance();
    }

    /// Whether nothing can be left of the run, known without a look at every process of the
    /// machine: what this holder started and all that came of it are its descendants.
    fn is_all_gone(&self) -> bool {
        let is_own = self.report.incarnation.is_some();
        cfg!(target_os = "linux") && is_own && !self.runs && !signals::has_children()
    }

    /// What is to be ended.
    fn scope(&self) -> Option<Scope> {
        let scope = Scope::of_last_run(&self.report)?;
        Some(Scope {
            session: self.session,
            ..scope
        })
    }

    /// Brings the end of a run forward.
    fn advance(&mut self) {
        let is_all_gone = self.is_all_gone();
        let Some(ending) = &mut self.ending else {
            return;
        };
        let outcome = if is_all_gone {
            Ok(Vec::new())
        } else {
            match ending.sweep.advance(clock::monotonic()) {
                Ok(None) => return,
                Ok(Some(survivors)) => Ok(survivors),
                Err(error) => Err(error),
            }
        };
        // The agent is a zombie at the most: its exit is told before its run is.
        self.reap();
        if let Some(ending) = self.ending.take() {
            self.set_phase();
            if let Ok(survivors) = &outcome {
                self.report.survivors.clone_from(survivors);
            }
            let (survivors, unknown) = match &outcome {
                Ok(survivors) => (survivors.clone(), None),
                Err(error) => (Vec::new(), Some(error.to_string())),
            };
            self.tell_gone(ending.sweep.incarnation(), survivors, unknown);
            self.follow(ending.then, outcome);
        }
    }

    fn tell_gone(
        &mut self,
        incarnation: IncarnationId,
        survivors: Vec<ProcessId>,
        unknown: Option<String>,
    ) {
        let news = Answer::Gone {
            incarnation,
            survivors,
            unknown,
        };
        self.connections.tell(&news, None);
    }

    fn follow(&mut self, then: Then, outcome: io::Result<Vec<ProcessId>>) {
        match (then, none_left(outcome)) {
            (Then::Start(asker, order), Ok(())) => return self.start(asker, &order),
            (Then::Start(asker, _), Err(refusal)) => self.refuse(asker, refusal),
            (Then::Quit(askers), Ok(())) => {
                self.answer_all(&askers, &Answer::Quitting);
                self.end = Some(End::Forgotten);
                return;
            }
            (Then::Quit(askers), Err(refusal)) => {
                self.answer_all(&askers, &Answer::Refused { refusal });
            }
            (Then::Leave, _) => self.end = Some(End::Remembered),
            (Then::Stay, _) => {}
        }
        self.changed();
    }

    /// Starts the agent: no process of the last one is left.
    fn start(&mut self, asker: Asker, order: &Start) {
        if let Some(terminal) = &self.terminal {
            terminal.reset();
        }
        let started = spawn::spawn(order, self.terminal.as_ref());
        let at = clock::now();
        self.report.keep.clone_from(&order.keep);
        self.grace = grace(order.grace_ms);
        self.report.incarnation = Some(order.incarnation);
        self.report.started_at = Some(at);
        self.report.process = started.as_ref().ok().copied();
        self.report.exit = None;
        self.report.exited_at = None;
        self.report.usage = None;
        self.report.previous = None;
        match started {
            Ok(process) => {
                self.runs = true;
                let answer = Answer::Started {
                    incarnation: order.incarnation,
                    process,
                    at,
                };
                self.answer(asker, &answer);
                self.connections.tell(&answer, Some(asker.client));
            }
            Err(refusal) => self.fail_start(asker, order, refusal),
        }
        self.set_phase();
        self.changed();
        give_memory_back();
    }

    fn fail_start(&mut self, asker: Asker, order: &Start, refusal: Refusal) {
        if let Refusal::NotStarted { errno, .. } = refusal {
            self.report.exit = Some(Exit::NotStarted(errno));
            self.report.exited_at = self.report.started_at;
        }
        if let (Some(terminal), Some(program)) = (&self.terminal, order.argv.first()) {
            terminal.take();
            terminal.say(&format!("cannot start {program}: {refusal}"));
        }
        self.refuse(asker, refusal);
    }

    /// Removes what would tell of a holder that is no more.
    fn leave(&self) {
        // What cannot be removed is stale: the lock is released with the process.
        if self.is_in_place() {
            let _ = fs_err::remove_file(&self.seat.socket);
        }
        if self.end == Some(End::Forgotten) && self.is_in_place() {
            let _ = fs_err::remove_file(self.paths.holder_state(&self.report.agent));
        }
        let _ = wake::send(&self.paths, &Wake::Holder(self.report.agent.clone()));
    }
}

/// Whether nothing is left of a run that was ended.
fn none_left(outcome: io::Result<Vec<ProcessId>>) -> Result<(), Refusal> {
    match outcome {
        Ok(survivors) if survivors.is_empty() => Ok(()),
        Ok(survivors) => Err(Refusal::Leftovers { survivors }),
        Err(error) => Err(Refusal::Unobservable {
            message: error.to_string(),
        }),
    }
}

fn grace(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds).min(MAX_GRACE)
}

fn signal(name: SignalName) -> Signal {
    match name {
        SignalName::Int => Signal::INT,
        SignalName::Term => Signal::TERM,
        SignalName::Hup => Signal::HUP,
        SignalName::Quit => Signal::QUIT,
        SignalName::Cont => Signal::CONT,
        SignalName::Usr1 => Signal::USR1,
        SignalName::Usr2 => Signal::USR2,
        SignalName::Winch => Signal::WINCH,
        SignalName::Kill => Signal::KILL,
    }
}

/// Returns what an order with its environment took: a holder lives for weeks, and there are
/// hundreds.
#[cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "the C library's trim is not in std")
)]
fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes a number and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}
