//! What clients are shown, from what the loop knows.

use std::rc::Rc;

use gt_api::request::Response;
use gt_api::view::{Agent, Daemon as DaemonView, State, Status, Town, Waiting, Why};
use gt_core::decide::{Goal, goal};
use gt_core::incarnation::pids;
use gt_core::observed::Observed;
use gt_core::snapshot::{AgentFacts, Holder, Pane, Snapshot};
use gt_core::{AgentId, Intent};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::daemon::Daemon;
use crate::seat::Seat;

/// How many of an agent's events `gt why` shows.
const WHY_EVENTS: usize = 12;

impl Daemon {
    /// The whole town.
    pub(crate) fn status(&self) -> Status {
        self.status_of(|_| true)
    }

    /// The town without the seats that rest.
    pub(crate) fn glance(&self) -> Response {
        let status = self.status_of(|seat| !self.rests(seat));
        let resting = self.seats.len() - status.agents.len();
        Response::Glance {
            status: Box::new(status),
            resting,
        }
    }

    /// Whether nothing is wanted of a seat and nothing of it is there.
    fn rests(&self, seat: &Seat) -> bool {
        seat.holder == Observed::Known(Holder::Gone)
            && seat.spec.is_unasked(self.stored_intent(seat))
            && self.waiting(&seat.spec.agent).is_none()
    }

    fn status_of(&self, shown: impl Fn(&Seat) -> bool) -> Status {
        let mut problems = [self.all_problems(), self.unwritten.clone()].concat();
        problems.extend(
            self.store_trouble
                .iter()
                .map(|reason| format!("the store: {reason}")),
        );
        problems.extend(
            self.store_writing
                .iter()
                .map(|reason| format!("the store takes no writes: {reason}")),
        );
        problems.extend(
            self.tmux_trouble
                .iter()
                .map(|reason| format!("tmux: {reason}")),
        );
        Status {
            town: Town {
                name: self.hands.town.name().to_owned(),
                root: self.hands.town.paths().root().display().to_string(),
                down: self.is_down(),
            },
            daemon: DaemonView {
                running: Some(true),
                pid: Some(std::process::id()),
                version: Some(crate::VERSION.to_owned()),
                started_at: self.state.started_at.map(text),
                last_heartbeat: self.state.last_heartbeat.map(text),
                heartbeat_count: u64::try_from(self.state.heartbeat_count).ok(),
            },
            agents: self
                .seats
                .values()
                .filter(|seat| shown(seat))
                .map(|seat| self.agent(seat))
                .collect(),
            problems,
        }
    }

    fn agent(&self, seat: &Seat) -> Agent {
        let running = seat.running();
        let (state, since, evidence) = self.state_of(seat);
        let spec = &seat.spec;
        Agent {
            id: spec.agent.to_string(),
            role: spec.agent.role().to_string(),
            rig: spec.agent.rig().map(ToString::to_string),
            session: spec.session_name.clone(),
            intent: self.intent_word(seat),
            state,
            since: since.map(text),
            pid: running.map(|(_, process, _)| process.pid),
            holder_pid: seat.holder_process.map(|process| process.pid),
            incarnation: running.map(|(incarnation, ..)| incarnation.to_string()),
            restarts: Some(seat.starts.saturating_sub(1)),
            waiting: self.waiting(&spec.agent),
            evidence,
        }
    }

    fn intent_word(&self, seat: &Seat) -> String {
        let stored = self.stored_intent(seat).filter(|_| seat.spec.is_listed);
        let word = stored.map_or(seat.spec.run.as_str(), |intent| intent.desire.as_str());
        word.to_owned()
    }

    fn stored_intent(&self, seat: &Seat) -> Option<&Intent> {
        let rows = self.rows.as_ref()?;
        rows.intents.get(&seat.spec.agent)
    }

    fn waiting(&self, agent: &AgentId) -> Option<Waiting> {
        self.planned_wait(agent).map(|waiting| Waiting {
            on: waiting.on.clone(),
            since: waiting.since.map(text),
            until: waiting.until.map(text),
        })
    }

    /// What an agent is doing, since when, and how that is known.
    fn state_of(&self, seat: &Seat) -> (State, Option<Timestamp>, Vec<String>) {
        match &seat.holder {
            Observed::Unknown(reason) => (State::Unknown, None, vec![reason.to_string()]),
            Observed::Known(Holder::Running { since, process, .. }) => {
                let evidence = format!("its holder reports pid {} since {since}", process.pid);
                if seat.stopping.is_some() {
                    return (State::Stopping, None, vec![evidence]);
                }
                let (state, at, more) = self.progress(seat, *since);
                let changed = (seat.preset().command != seat.spec.preset.command).then(|| {
                    let (old, new) = (&seat.preset().name, &seat.spec.preset.name);
                    format!(
                        "it is `{old}` as it was started; `{new}` as it is now is for its next run"
                    )
                });
                let evidence = [evidence].into_iter().chain(changed).chain(more);
                (state, Some(at), evidence.collect())
            }
            Observed::Known(Holder::Stopping { .. }) => (State::Stopping, None, Vec::new()),
            Observed::Known(Holder::Orphaned { survivors, .. }) => {
                let evidence = format!("its holder is gone and left {}", pids(survivors));
                (State::Unknown, None, vec![evidence])
            }
            Observed::Known(Holder::Idle) => {
                let end = seat.last_end.map(|end| end.how.to_string());
                (
                    State::Exited,
                    seat.last_end.map(|end| end.at),
                    end.into_iter().collect(),
                )
            }
            Observed::Known(Holder::Gone) => {
                (State::Gone, seat.last_end.map(|end| end.at), Vec::new())
            }
        }
    }

    /// Explains one agent; its events come from the store, or are missing with it.
    pub(crate) fn answer_why(&self, agent: AgentId, reply: oneshot::Sender<Response>) {
        let Some(seat) = self.seats.get(&agent) else {
            let message = format!("no agent `{agent}` in this town");
            // The client may have hung up.
            let _ = reply.send(Response::Error {
                message,
                refused: false,
            });
            return;
        };
        let snapshot = self.observe();
        let Some(facts) = snapshot.agents.iter().find(|facts| facts.id == agent) else {
            return;
        };
        let mut why = Why {
            agent: self.agent(seat),
            goal: describe_goal(&snapshot, facts),
            decision: self.decision(&agent),
            facts: describe(facts)
                .into_iter()
                .chain(seat.hooks_ignored.shown())
                .collect(),
            events: Vec::new(),
        };
        let hands = Rc::clone(&self.hands);
        tokio::task::spawn_local(async move {
            match hands
                .store
                .read(move |store| store.of_agent(&agent, WHY_EVENTS))
                .await
            {
                Ok(events) => why.events = events.iter().map(Into::into).collect(),
                Err(error) => why.facts.push(format!(
                    "its events are unknown: {}",
                    gt_core::observed::chain(&error)
                )),
            }
            // The client may have hung up.
            let _ = reply.send(Response::Why(Box::new(why)));
        });
    }
}

fn describe_goal(snapshot: &Snapshot, facts: &AgentFacts) -> String {
    match goal(snapshot, facts) {
        Goal::Up(why) => format!("it shall run: {why}"),
        Goal::Down(why) => format!("it shall not run: {why}"),
        Goal::Either => "it may run and need not".to_owned(),
        Goal::Unknown(why) => format!("unknown: {why}"),
    }
}

fn describe(facts: &AgentFacts) -> Vec<String> {
    let mut lines = vec![
        format!("holder: {}", observed(&facts.holder)),
        format!("pane: {}", pane_text(&facts.pane)),
        format!(
            "launch: {}",
            observed(&facts.launch.as_ref().map(launch_text))
        ),
        format!("owes: {}", observed(&facts.owed)),
        format!("restarts that count: {}", facts.memory.attempts.len()),
    ];
    lines.extend(
        facts
            .last_end
            .map(|end| format!("last run ended at {}: {}", end.at, end.how)),
    );
    lines.extend(facts.activity.map(|at| format!("last activity: {at}")));
    lines.extend(
        facts
            .memory
            .poke
            .map(|poke| format!("last poke: {} ({})", poke.at, poke.result)),
    );
    lines.extend(
        facts
            .memory
            .circuit
            .map(|circuit| format!("circuit open since {}", circuit.opened_at)),
    );
    lines
}

fn observed<T: std::fmt::Display>(fact: &Observed<T>) -> String {
    match fact {
        Observed::Known(fact) => fact.to_string(),
        Observed::Unknown(reason) => format!("unknown ({reason})"),
    }
}

fn pane_text(pane: &Observed<Option<Pane>>) -> String {
    match pane {
        Observed::Known(None) => "there is none".to_owned(),
        Observed::Known(Some(pane)) => pane.to_string(),
        Observed::Unknown(reason) => format!("unknown ({reason})"),
    }
}

fn launch_text(launch: &Result<(), String>) -> String {
    match launch {
        Ok(()) => "its program and work directory are there".to_owned(),
        Err(lack) => format!("it lacks {lack}"),
    }
}

/// Times leave as text: RFC 3339, to the millisecond.
fn text(time: Timestamp) -> String {
    format!("{time:.3}")
}
