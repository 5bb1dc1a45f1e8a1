//! Events of holders: connections, what they say, how they are lost.

use std::rc::Rc;
use std::{fmt, io};

use gt_core::AgentId;
use gt_core::event::{EventKind, NewEvent};
use gt_core::incarnation::{Exit, IncarnationId, ProcessId};
use gt_core::observed::{Observed, chain};
use gt_core::plan::ActionKind;
use gt_core::snapshot::{End, Holder};
use gt_core::time::{elapsed, milliseconds};
use gt_host::holder::StateError;
use gt_host::holder::kill_set::{self, Scope};
use gt_host::holder::protocol::{Answer, Report, Usage};
use gt_host::paths::TownPaths;
use gt_host::{clock, holder, process};
use jiff::Timestamp;

use crate::daemon::Daemon;
use crate::event::Event;
use crate::link::{HolderAt, Link, LinkError, LinkId};

impl Daemon {
    /// Begins to connect to an agent's holder, if there is one. Its file tells where; its lock
    /// tells whether, should the file be missing or an earlier holder's, as on a full disk.
    pub(crate) fn connect(&mut self, agent: &AgentId) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if seat.link.is_some() || seat.linking {
            return;
        }
        let paths = self.hands.town.paths();
        let report = match holder::read_state_file(paths, agent) {
            Ok(report) => report,
            // A damaged file tells as much as a missing one.
            Err(StateError::Form { .. }) => None,
            Err(error) => return self.look_again(agent, chain(&error)),
        };
        let is_alive = match &report {
            Some(report) if report.boot_id == self.hands.boot_id => {
                process::is_alive(report.holder)
            }
            Some(_) | None => Observed::Known(false),
        };
        match (is_alive, report) {
            (Observed::Known(true), Some(report)) => {
                holder::restore_socket(&report);
                let (socket, process) = (report.socket.into(), Some(report.holder));
                self.spawn_link(agent, HolderAt { socket, process });
            }
            (Observed::Known(_), report) => match (holder::is_taken(paths, agent), report) {
                (Observed::Known(true), _) => {
                    let socket = paths.holder_socket(agent);
                    let process = None;
                    self.spawn_link(agent, HolderAt { socket, process });
                }
                (Observed::Known(false), Some(report)) => self.bury_reported(agent, &report),
                (Observed::Known(false), None) => self.bury_unreported(agent),
                (Observed::Unknown(reason), _) => self.look_again(agent, reason),
            },
            (Observed::Unknown(reason), _) => self.look_again(agent, reason),
        }
    }

    /// What cannot be said of its holder now is looked at again, without waiting for the heartbeat.
    fn look_again(&mut self, agent: &AgentId, reason: impl fmt::Display) {
        if let Some(seat) = self.seats.get_mut(agent) {
            seat.holder = Observed::unknown(reason);
            self.hands.tell_again(Event::HolderReady(agent.clone()));
        }
    }

    /// A holder that is gone; what its file tells of the end of its run counts.
    fn bury_reported(&mut self, agent: &AgentId, report: &Report) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if !seat.awaits_holder {
            seat.take_pane_of(report);
        }
        if let Some(end) = seat.take_reported_end(report) {
            self.store_end(end, None);
        }
        self.bury_holder(agent, report.incarnation);
    }

    /// A holder that is gone and left no file: what the store knows of its run counts.
    pub(crate) fn bury_unreported(&mut self, agent: &AgentId) {
        let open = self.seats.get(agent).and_then(|seat| seat.open_run);
        self.bury_holder(agent, open);
    }

    fn spawn_link(&mut self, agent: &AgentId, holder: HolderAt) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.linking = true;
        self.links += 1;
        let id = LinkId(self.links);
        let hands = Rc::clone(&self.hands);
        let agent = agent.clone();
        tokio::task::spawn_local(async move {
            let linked = Link::open(id, agent.clone(), holder, hands.events.clone()).await;
            hands.tell(Event::Linked(agent, linked.map(Box::new))).await;
        });
    }

    /// A session that was made a while ago should have its holder by now. One that has none is a
    /// failed creation, and spaces the next one.
    pub(super) fn miss_holder(&mut self, agent: &AgentId) {
        self.connect(agent);
        let Some(seat) = self.seats.get(agent) else {
            return;
        };
        if seat.awaits_holder && !seat.linking {
            self.take_failure(
                agent,
                ActionKind::CreateSession,
                "its holder did not come up",
            );
        }
    }

    pub(super) fn take_link(&mut self, agent: &AgentId, linked: Result<Box<Link>, LinkError>) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.linking = false;
        match linked {
            // Its report came as the connection's first event, and later ones with it.
            Ok(link) if !link.is_lost() => self.sit_down(agent, *link),
            Ok(_) => self.look_again(agent, "its holder hung up at once"),
            Err(error) => self.look_again(agent, chain(&error)),
        }
    }

    /// The seat has its holder; a run that is older than this daemon is adopted.
    fn sit_down(&mut self, agent: &AgentId, link: Link) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.link = Some(link);
        seat.awaits_holder = false;
        seat.failure
            .take_if(|failure| failure.what == ActionKind::CreateSession);
        let running = seat.running();
        if !seat.is_in_its_pane() {
            self.look_at_tmux();
        }
        if let Some((incarnation, process, since)) = running
            && since < self.clockwork.epoch()
        {
            let text = format!("run {incarnation}, pid {}, goes on", process.pid);
            let event = NewEvent::by_daemon(EventKind::Adopted, Some(agent), text);
            self.record_process(incarnation, process, event);
        }
    }

    pub(super) fn take_answer(&mut self, agent: &AgentId, answer: &Answer) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        let asked = seat.asked_run;
        let has_ended = seat.take_answer(answer);
        if let Answer::Started {
            incarnation,
            process,
            ..
        } = answer
            && asked != Some(*incarnation)
        {
            // Whoever asked for it has given up waiting.
            self.note_start(agent, *incarnation, *process, "its holder said so late");
        }
        if let Answer::Exited {
            exit, usage, at, ..
        } = answer
            && has_ended
        {
            self.note_exit(agent, *exit, *usage, *at);
        }
    }

    fn note_exit(&mut self, agent: &AgentId, exit: Exit, usage: Usage, at: Timestamp) {
        let now = clock::now();
        let text = format!(
            "{exit}; {} ms of CPU, {} MiB at most; noticed after {}",
            usage.user_ms + usage.sys_ms,
            usage.max_rss_kib / 1024,
            milliseconds(elapsed(at, now))
        );
        let event = NewEvent::by_daemon(EventKind::Exited, Some(agent), text);
        self.log_event(now, &event);
        if let Some(end) = self.seats.get(agent).and_then(|seat| seat.last_end) {
            self.store_end(end, Some(event));
        }
    }

    /// Stores how a run ended, with the event that tells of it.
    pub(super) fn store_end(&self, end: gt_core::snapshot::LastEnd, event: Option<NewEvent>) {
        let now = clock::now();
        self.hands.store.post(move |store| {
            // The holder's state file tells of the end, too.
            store.end_incarnation(end)?;
            match event {
                Some(event) => store.append(now, &event).map(drop),
                None => Ok(()),
            }
        });
    }

    /// The connection ended: the holder died, or hung up on a client that was too slow. Which of
    /// the two, its process tells.
    pub(super) fn lose_holder(&mut self, agent: &AgentId, lost: LinkId) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if seat.link.as_ref().is_none_or(|link| link.id != lost) {
            return;
        }
        seat.link = None;
        let Some(process) = seat.holder_process else {
            return self.look_again(agent, "its holder hung up before it said who it is");
        };
        let incarnation = run_of(&seat.holder);
        match process::is_alive(process) {
            Observed::Known(true) => {
                seat.holder = Observed::unknown("its holder hung up and is connected to again");
                self.hands.tell_soon(Event::HolderReady(agent.clone()));
            }
            // What it did last its file tells.
            Observed::Known(false) if seat.holder.known().is_none() => self.connect(agent),
            Observed::Known(false) => self.bury_holder(agent, incarnation),
            Observed::Unknown(reason) => self.look_again(agent, reason),
        }
        self.look_at_tmux();
    }

    /// A holder is proven dead. Its run, if it had one, may have left processes behind, and has
    /// ended with it unless it was known to have ended before.
    fn bury_holder(&mut self, agent: &AgentId, incarnation: Option<IncarnationId>) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        seat.holder_process = None;
        seat.reported_pane = None;
        let Some(incarnation) = incarnation else {
            seat.holder = Observed::Known(Holder::Gone);
            return;
        };
        let is_buried = matches!(
            seat.holder,
            Observed::Known(Holder::Gone | Holder::Orphaned { .. })
        );
        let has_ended = seat
            .last_end
            .is_some_and(|end| end.incarnation == incarnation);
        if has_ended && is_buried {
            return;
        }
        seat.holder = Observed::unknown("what its lost run left behind is being looked for");
        self.look_for_lost_run(agent, incarnation);
        if !has_ended {
            self.lose_run(agent, incarnation);
        }
    }

    /// Nobody but the holder could have told how its run ended.
    fn lose_run(&mut self, agent: &AgentId, incarnation: IncarnationId) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        let how = seat.end_of(End::Lost);
        seat.stopping = None;
        let end = seat.note_end(incarnation, clock::now(), how);
        self.note(EventKind::Exited, Some(agent), "its holder is gone");
        if let Some(end) = end {
            self.store_end(end, None);
        }
    }

    /// Looks for processes of a lost run away from the loop: it reads the whole process table.
    pub(super) fn look_for_lost_run(&self, agent: &AgentId, incarnation: IncarnationId) {
        let scope = self.scope_of_lost_run(agent, incarnation);
        let hands = Rc::clone(&self.hands);
        let agent = agent.clone();
        tokio::task::spawn_local(async move {
            let (paths, whose) = (hands.town.paths().clone(), agent.clone());
            let look = move || look_for_leftovers(&scope, &paths, &whose);
            let left = tokio::task::spawn_blocking(look).await;
            let left = left.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            hands
                .tell(Event::LostRun(agent, incarnation, left.into()))
                .await;
        });
    }

    /// What belongs to a run whose holder is gone: as the holder's file tells, or else whatever
    /// carries its mark.
    pub(crate) fn scope_of_lost_run(&self, agent: &AgentId, incarnation: IncarnationId) -> Scope {
        let report = holder::read_state_file(self.hands.town.paths(), agent);
        let told = report
            .ok()
            .flatten()
            .filter(|report| report.boot_id == self.hands.boot_id);
        let scope = told.and_then(|report| Scope::of_last_run(&report));
        scope
            .filter(|scope| scope.incarnation == incarnation)
            .unwrap_or_else(|| Scope {
                keep: self.seats[agent].spec.preset.keep.clone(),
                ..Scope::marked(incarnation)
            })
    }

    pub(super) fn take_lost_run(
        &mut self,
        agent: &AgentId,
        incarnation: IncarnationId,
        left: Observed<Vec<ProcessId>>,
    ) {
        let Some(seat) = self.seats.get_mut(agent) else {
            return;
        };
        if seat.link.is_some() || seat.linking {
            // A new holder sits there already, and ends what is left before it starts anything.
            return;
        }
        seat.holder = left.map(|survivors| match survivors.is_empty() {
            true => Holder::Gone,
            false => Holder::Orphaned {
                incarnation,
                survivors,
            },
        });
        if seat.holder.known().is_none() {
            self.hands.tell_again(Event::HolderReady(agent.clone()));
        }
    }

    /// Asks a holder anew what it is doing: after an action that failed half-way, what it says
    /// counts.
    pub(super) fn ask_holder(&self, agent: &AgentId) {
        let Some(link) = self.seats.get(agent).and_then(|seat| seat.link.clone()) else {
            return;
        };
        tokio::task::spawn_local(async move {
            // Its report comes as an event; the end of the connection does, too.
            let _ = link.hello().await;
        });
    }
}

/// What is left of a run whose holder is gone. Where its holder lives after all, and only its files are
/// gone, nothing is left over.
fn look_for_leftovers(
    scope: &Scope,
    paths: &TownPaths,
    agent: &AgentId,
) -> io::Result<Vec<ProcessId>> {
    let left = kill_set::look(scope)?;
    for process in &left {
        let mut above = process::ancestors(process.pid)?.into_iter();
        if above.any(|above| holder::whose(above.pid, paths).as_ref() == Some(agent)) {
            return Err(io::Error::other(
                "its holder lives, and its files are gone: `gt down --force` ends both",
            ));
        }
    }
    Ok(left)
}

fn run_of(holder: &Observed<Holder>) -> Option<IncarnationId> {
    match holder.known()? {
        Holder::Running { incarnation, .. }
        | Holder::Stopping { incarnation }
        | Holder::Orphaned { incarnation, .. } => Some(*incarnation),
        Holder::Gone | Holder::Idle => None,
    }
}
