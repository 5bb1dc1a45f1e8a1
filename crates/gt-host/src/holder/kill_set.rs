//! The processes of one run that must be gone before its successor starts, and their end.
//!
//! What a run leaves behind is known by the mark in its initial environment and by the pane's
//! session, never by name or terminal. The daemon, tmux servers and holders are started without
//! marks and live in other sessions, so they are never in a kill set.

use std::io;
use std::time::Duration;

use gt_core::{IncarnationId, ProcessId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::protocol::Report;
use crate::process::{self, Facts, PidFd, Signal};
use crate::{clock, environment};

/// How long a process has to go after KILL. Only one that hangs in the kernel, on a dead network
/// file system for instance, takes longer; it is then named as a survivor.
const KILL_WAIT: Duration = Duration::from_secs(3);

/// How long the end of a run may take beyond its time of grace: to kill, to wait, and to look again
/// on a loaded machine.
pub const BEYOND_GRACE: Duration = Duration::from_secs(10);

/// So many processes are watched at once, whatever the limit of open files; the others are looked
/// at again when these are gone.
const MAX_WATCHED: usize = 64;

/// Which processes belong to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The run.
    pub incarnation: IncarnationId,
    /// The session of the run's pane, which is the holder's pid; none when there is no such
    /// session, or none that is the run's alone. That of a dead holder may be anybody's by now.
    pub session: Option<u32>,
    /// The agent's own process, which no `keep` spares.
    pub agent: Option<ProcessId>,
    /// Nothing that started before this carries the mark (clock ticks since boot, as in
    /// [`ProcessId`]): reading the environment of every process of a busy machine takes long.
    pub since: u64,
    /// File names of programs that are spared: build daemons that several runs share.
    pub keep: Vec<String>,
    /// Processes that are known to belong to the run whatever they carry: its program, and what
    /// survived its end.
    pub known: Vec<ProcessId>,
}

impl Scope {
    /// Nothing but what carries the mark of this run.
    pub fn marked(incarnation: IncarnationId) -> Self {
        Self {
            incarnation,
            session: None,
            agent: None,
            since: 0,
            keep: Vec::new(),
            known: Vec::new(),
        }
    }

    /// What a holder is to end: its current or last run, or that of an earlier holder. None: the
    /// seat had no run in this boot.
    pub fn of_last_run(report: &Report) -> Option<Self> {
        let (incarnation, since, keep) = match (report.incarnation, &report.previous) {
            (Some(incarnation), _) => {
                let since = report.process.map_or(0, |process| process.start);
                (incarnation, since, &report.keep)
            }
            (None, Some(run)) => (run.incarnation, run.since, &run.keep),
            (None, None) => return None,
        };
        let survivors = report.survivors.iter().copied();
        Some(Self {
            incarnation,
            session: None,
            agent: report.process,
            since,
            keep: keep.clone(),
            // The program itself may have cleared or overwritten the environment that marks it.
            known: report.process.into_iter().chain(survivors).collect(),
        })
    }
}

/// One process, as far as a kill set asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which process.
    pub process: ProcessId,
    /// Its session.
    pub session: u32,
    /// It was started with the run's mark.
    pub marked: bool,
    /// The file name of its program; none when not known, which spares nothing.
    pub program: Option<String>,
}

/// Chooses the kill set. `asking` is the process that will do the killing.
pub fn select(candidates: &[Candidate], scope: &Scope, asking: u32) -> Vec<ProcessId> {
    candidates
        .iter()
        .filter(|candidate| belongs(candidate, scope) && !is_spared(candidate, scope))
        .map(|candidate| candidate.process)
        .filter(|process| process.pid > 1 && process.pid != asking)
        .collect()
}

fn belongs(candidate: &Candidate, scope: &Scope) -> bool {
    let in_session = scope.session == Some(candidate.session);
    let is_holder = scope.session == Some(candidate.process.pid);
    let is_known = scope.known.contains(&candidate.process);
    (candidate.marked || in_session || is_known) && !is_holder
}

fn is_spared(candidate: &Candidate, scope: &Scope) -> bool {
    let program = candidate.program.as_ref();
    scope.agent != Some(candidate.process)
        && program.is_some_and(|program| scope.keep.contains(program))
}

/// Looks for the processes of a run that are there now.
///
/// # Errors
/// When the process table cannot be read: then it is unknown what is left.
pub fn look(scope: &Scope) -> io::Result<Vec<ProcessId>> {
    let has_mark = |pid, mark: &str| process::carries(pid, mark).unwrap_or(false);
    Ok(among(process::table()?, scope, has_mark))
}

/// [`look`] for a holder, which finds most of its run below itself. That a run has no process is
/// only ever told by the whole table, whose length is that of the machine and not of the run.
///
/// What this user runs below the holder belongs to the run, whatever it carries: nothing else comes
/// there but a daemon or a tmux server that the agent started, with all that they run.
fn look_near(scope: &Scope) -> io::Result<Vec<ProcessId>> {
    let own = std::process::id();
    if scope.session == Some(own) {
        let below = without_servers(process::descendants_at_hand(own), scope);
        let near = among(below, scope, |pid, _| process::is_own(pid));
        if !near.is_empty() {
            return Ok(near);
        }
    }
    look(scope)
}

/// Leaves out what serves the whole town, and what that runs: it carries no mark, and goes on. What
/// was left over in a pane of such a tmux comes to the holder as well.
fn without_servers(below: Vec<Facts>, scope: &Scope) -> Vec<Facts> {
    let mark = scope.incarnation.to_string();
    let mut spared: Vec<u32> = Vec::new();
    // Parents come before their children.
    let mut belongs = |facts: &Facts| {
        let pid = facts.id.pid;
        let is_marked = || process::carries(pid, &mark).unwrap_or(true);
        let is_in_pane = || process::has_variable(pid, environment::TMUX).unwrap_or(false);
        let is_spared =
            spared.contains(&facts.parent) || (!is_marked() && (is_server(pid) || is_in_pane()));
        if is_spared {
            spared.push(pid);
        }
        !is_spared
    };
    below.into_iter().filter(|facts| belongs(facts)).collect()
}

/// Whether it is a tmux server, or a daemon or holder of this program's, whatever its file is called by
/// now.
fn is_server(pid: u32) -> bool {
    let program = process::program_name(pid);
    let words = process::command_line(pid).unwrap_or_default();
    let is_daemon = words.windows(2).any(|two| two == ["daemon", "run"]);
    let is_holder = words.get(1).is_some_and(|word| word == "hold");
    program.as_deref() == Some("tmux")
        || program == process::program_name(std::process::id())
        || is_daemon
        || is_holder
}

fn among(
    processes: Vec<Facts>,
    scope: &Scope,
    has_mark: impl Fn(u32, &str) -> bool,
) -> Vec<ProcessId> {
    let mark = scope.incarnation.to_string();
    let candidates: Vec<Candidate> = processes
        .iter()
        .filter_map(|facts| {
            let marked = facts.id.start >= scope.since && has_mark(facts.id.pid, &mark);
            candidate(facts, scope, marked)
        })
        .collect();
    select(&candidates, scope, std::process::id())
}

/// None for a process that is in no kill set of this scope.
fn candidate(facts: &Facts, scope: &Scope, marked: bool) -> Option<Candidate> {
    let in_session = scope.session == Some(facts.session);
    let considered = marked || in_session || scope.known.contains(&facts.id);
    considered.then(|| Candidate {
        process: facts.id,
        session: facts.session,
        marked,
        program: (!scope.keep.is_empty())
            .then(|| process::program_name(facts.id.pid))
            .flatten(),
    })
}

/// The end of a kill set, under way: TERM to all, a time of grace, KILL, and a last look. It never
/// waits by itself; [`end`] does, and the holder's loop.
#[derive(Debug)]
pub struct Sweep {
    scope: Scope,
    stage: Stage,
    deadline: Duration,
    asked: Vec<ProcessId>,
    watched: Vec<PidFd>,
    seen_empty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Asking,
    Killing,
}

impl Sweep {
    /// Plans the end of `scope`, with KILL at `grace` after `now` (monotonic). Nothing is
    /// signalled before the first [`advance`](Self::advance).
    pub fn new(scope: Scope, grace: Duration, now: Duration) -> Self {
        Self {
            scope,
            stage: Stage::Asking,
            deadline: now.saturating_add(grace),
            asked: Vec::new(),
            watched: Vec::new(),
            seen_empty: false,
        }
    }

    /// Does what can be done now. Some: it is over, with the processes that survived it.
    ///
    /// # Errors
    /// When the process table cannot be read: then it is unknown what is left.
    pub fn advance(&mut self, now: Duration) -> io::Result<Option<Vec<ProcessId>>> {
        loop {
            self.watched
                .retain(|member| !member.has_ended().unwrap_or(false));
            if !self.watched.is_empty() && now < self.deadline {
                return Ok(None);
            }
            let left = look_near(&self.scope)?;
            if left.is_empty() {
                // One look can miss a child that was started while its parent was looked at.
                if self.asked.is_empty() || self.seen_empty {
                    return Ok(Some(left));
                }
                self.seen_empty = true;
                continue;
            }
            self.seen_empty = false;
            if self.stage == Stage::Killing && now >= self.deadline {
                return Ok(Some(left));
            }
            if now >= self.deadline {
                self.stage = Stage::Killing;
                self.deadline = now.saturating_add(KILL_WAIT);
            }
            if self.tell(&left) {
                return Ok(None);
            }
        }
    }

    /// Signals every process of `left` and watches them. False: all of them are gone already.
    fn tell(&mut self, left: &[ProcessId]) -> bool {
        self.watched.clear();
        let mut any_there = false;
        for process in left {
            match PidFd::open(*process) {
                Ok(Some(member)) => {
                    any_there = true;
                    self.tell_one(*process, &member);
                    if self.watched.len() < MAX_WATCHED {
                        self.watched.push(member);
                    }
                }
                Ok(None) => {}
                // Not known: it is looked at again at the deadline.
                Err(_) => any_there = true,
            }
        }
        any_there
    }

    fn tell_one(&mut self, process: ProcessId, member: &PidFd) {
        let signals: &[Signal] = match self.stage {
            Stage::Killing => &[Signal::KILL],
            Stage::Asking if self.asked.contains(&process) => &[],
            // A stopped process takes TERM only when it goes on.
            Stage::Asking => &[Signal::TERM, Signal::CONT],
        };
        for signal in signals {
            // One that may not be signalled is still there at the end, and is named then.
            let _ = member.signal(*signal);
        }
        if !self.asked.contains(&process) {
            self.asked.push(process);
        }
    }

    /// Lets the time of grace end at `grace` after `now`, if that is sooner.
    pub fn hasten(&mut self, grace: Duration, now: Duration) {
        self.deadline = self.deadline.min(now.saturating_add(grace));
    }

    /// When [`advance`](Self::advance) must be called at the latest (monotonic).
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Readable when there may be something to do before the deadline.
    pub fn watched(&self) -> &[PidFd] {
        &self.watched
    }

    /// The run that is being ended.
    pub fn incarnation(&self) -> IncarnationId {
        self.scope.incarnation
    }
}

/// Ends what is left of a run whose holder is gone, and waits for it. Returns what survived: empty
/// is the proof that a successor may start.
///
/// # Errors
/// When the process table cannot be read: then it is unknown what is left.
pub fn end(scope: Scope, grace: Duration) -> io::Result<Vec<ProcessId>> {
    let mut sweep = Sweep::new(scope, grace, clock::monotonic());
    loop {
        if let Some(survivors) = sweep.advance(clock::monotonic())? {
            return Ok(survivors);
        }
        let left = sweep.deadline().saturating_sub(clock::monotonic());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut descriptors: Vec<PollFd<'_>> = sweep
            .watched()
            .iter()
            .map(|member| PollFd::new(member, PollFlags::IN))
            .collect();
        match poll(&mut descriptors, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDER: u32 = 100;

    fn scope(keep: &[&str]) -> Scope {
        Scope {
            session: Some(HOLDER),
            agent: Some(id(101)),
            keep: keep.iter().map(|&name| name.to_owned()).collect(),
            ..Scope::marked(IncarnationId(uuid::Uuid::nil()))
        }
    }

    fn id(pid: u32) -> ProcessId {
        ProcessId { pid, start: 7 }
    }

    fn process(pid: u32, session: u32, marked: bool, program: &str) -> Candidate {
        Candidate {
            process: id(pid),
            session,
            marked,
            program: (!program.is_empty()).then(|| program.to_owned()),
        }
    }

    #[track_caller]
    fn check(candidates: &[Candidate], keep: &[&str], expect: &[u32]) {
        let selected = select(candidates, &scope(keep), HOLDER);
        let pids: Vec<u32> = selected.iter().map(|process| process.pid).collect();
        assert_eq!(pids, expect);
    }

    /// Covers F10, F12: what carries no mark and lives in another session is never chosen.
    #[test]
    fn only_the_marked_and_the_panes_session_are_chosen() {
        check(
            &[
                process(1, HOLDER, true, "init"),
                process(HOLDER, HOLDER, true, "gt"),
                process(101, HOLDER, true, "agent"),
                process(102, 102, true, "setsid child"),
                process(103, HOLDER, false, "cleared environment"),
                process(104, 104, false, "tmux"),
                process(105, 50, false, "another town's agent"),
            ],
            &[],
            &[101, 102, 103],
        );
    }

    #[test]
    fn kept_programs_are_spared_but_never_the_agent_itself() {
        check(
            &[
                process(101, HOLDER, true, "java"),
                process(102, 102, true, "java"),
                process(103, 103, true, "javac"),
                process(104, 104, true, ""),
            ],
            &["java"],
            &[101, 103, 104],
        );
    }

    /// Covers D23: what survived one end is not forgotten by the next, though it may have nothing
    /// that tells whose it is.
    #[test]
    fn a_known_survivor_is_chosen_whatever_it_carries() {
        let mut scope = scope(&[]);
        scope.known = vec![id(102)];
        let stranger = ProcessId { pid: 102, start: 8 };
        let mut candidates = [process(102, 102, false, ""), process(103, 103, false, "")];
        assert_eq!(select(&candidates, &scope, HOLDER), [id(102)]);
        candidates[0].process = stranger;
        assert_eq!(select(&candidates, &scope, HOLDER), []);
    }

    #[test]
    fn without_a_session_of_its_own_only_the_mark_counts() {
        let mut scope = scope(&[]);
        scope.session = None;
        let candidates = [process(101, HOLDER, false, ""), process(102, 0, true, "")];
        assert_eq!(select(&candidates, &scope, HOLDER), [id(102)]);
    }
}
