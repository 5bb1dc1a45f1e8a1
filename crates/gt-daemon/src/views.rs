//! What clients are shown, from what the loop knows.

use std::rc::Rc;
use std::time::Duration;

use gt_api::request::Response;
use gt_api::view::{Agent, Daemon as DaemonView, State, Status, Town, Waiting, Why};
use gt_core::decide::{Goal, goal};
use gt_core::memory::{LastPoke, PokeResult};
use gt_core::observed::Observed;
use gt_core::screen::{Screen, ScreenState};
use gt_core::snapshot::{AgentFacts, Holder, Pane, Snapshot};
use gt_core::time::age;
use gt_core::{AgentId, Intent};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::daemon::Daemon;
use crate::seat::Seat;

/// How many of an agent's events `gt why` shows.
const WHY_EVENTS: usize = 12;

/// How long a program that has reported nothing yet is taken to be coming up. The slowest of the
/// agents takes some seconds to show its prompt.
const COMING_UP: Duration = Duration::from_secs(15);

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
        let mut problems = [self.problems.as_slice(), &self.roster_problems].concat();
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
        if let Observed::Unknown(reason) = &self.listing {
            problems.push(format!("tmux: {reason}"));
        }
        Status {
            town: Town {
                name: self.hands.town.name().to_owned(),
                root: self.hands.town.paths().root().display().to_string(),
                down: self.is_down(),
            },
            daemon: DaemonView {
                running: true,
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
                (state, Some(at), [vec![evidence], more].concat())
            }
            Observed::Known(Holder::Stopping { .. }) => (State::Stopping, None, Vec::new()),
            Observed::Known(Holder::Orphaned { survivors, .. }) => {
                let evidence = format!("its holder is gone and left {survivors} processes");
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

    /// A running agent's progress. Silence is evidence of nothing: it is idle, not stalled.
    fn progress(&self, seat: &Seat, since: Timestamp) -> (State, Timestamp, Vec<String>) {
        match (seat.memory.poke, seat.activity) {
            (Some(poke), activity) if activity.is_none_or(|at| at <= poke.at) => {
                progress_of_poked(seat, &poke)
            }
            (_, Some(activity)) => {
                let state = self.while_fresh(activity, self.policy.poke.fresh, State::Working);
                let evidence = format!("last activity at {activity:.3}");
                (state, activity, vec![evidence])
            }
            (_, None) => {
                let state = self.while_fresh(since, COMING_UP, State::Starting);
                (state, since, vec!["no activity yet".to_owned()])
            }
        }
    }

    /// `state` as long as `stamp` is younger than `fresh`; then the agent is idle.
    fn while_fresh(&self, stamp: Timestamp, fresh: Duration, state: State) -> State {
        let is_fresh = age(stamp, self.clockwork.epoch(), gt_host::clock::now()) < fresh;
        if is_fresh { state } else { State::Idle }
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
            facts: describe(facts),
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

/// What the last poke, which nothing followed, says of an agent.
fn progress_of_poked(seat: &Seat, poke: &LastPoke) -> (State, Timestamp, Vec<String>) {
    let state = match poke.result {
        PokeResult::NotTyped { screen, .. } => {
            let shown = seat.shown.as_ref().map(|reading| reading.state);
            seen_state(screen, shown, seat.memory.misses)
        }
        PokeResult::Delivered if seat.memory.misses > 0 => State::Stalled,
        PokeResult::Delivered | PokeResult::NotTried => State::Idle,
    };
    let mut evidence = vec![format!(
        "last poke at {:.3}: {}, {} unanswered before",
        poke.at, poke.result, seat.memory.misses
    )];
    if let Some(reading) = &seat.shown {
        evidence.push(format!("its screen then: {}, {reading}", reading.state));
    }
    (state, poke.at, evidence)
}

/// The state of an agent that could not be poked, by what its screen showed. A screen that shows
/// work and does not change from poke to poke is no work.
fn seen_state(screen: Screen, shown: Option<ScreenState>, misses: u32) -> State {
    let is_stalled = misses > 0;
    match shown {
        Some(ScreenState::NeedsApproval) => State::NeedsApproval,
        Some(ScreenState::NeedsAnswer) => State::NeedsAnswer,
        Some(ScreenState::Limited) => State::Limited,
        Some(ScreenState::AuthDead) => State::AuthDead,
        Some(ScreenState::ModelUnavailable) => State::ModelUnavailable,
        Some(ScreenState::ContextFull) => State::ContextFull,
        Some(ScreenState::Working) if !is_stalled => State::Working,
        _ if screen == Screen::Dialog => State::NeedsAnswer,
        _ if is_stalled => State::Stalled,
        // Neither a prompt nor a reading: an earlier daemon saw the screen, and kept no more of it.
        None if screen == Screen::Busy => State::Unknown,
        _ => State::Idle,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers F3, F4: a screen that shows work and stands still is no work, a dialog is never a stall,
    /// and what an earlier daemon saw is not known to this one.
    #[test]
    fn the_state_of_an_agent_that_could_not_be_poked_is_what_its_screen_says() {
        let of = |screen, shown| [0, 1].map(|misses| seen_state(screen, shown, misses));
        let busy = |shown| of(Screen::Busy, Some(shown));
        assert_eq!(busy(ScreenState::Working), [State::Working, State::Stalled]);
        assert_eq!(busy(ScreenState::Unknown), [State::Idle, State::Stalled]);
        assert_eq!(busy(ScreenState::Limited), [State::Limited; 2]);
        assert_eq!(of(Screen::Busy, None), [State::Unknown, State::Stalled]);
        assert_eq!(of(Screen::Dialog, None), [State::NeedsAnswer; 2]);
        let approval = Some(ScreenState::NeedsApproval);
        assert_eq!(of(Screen::Dialog, approval), [State::NeedsApproval; 2]);
        assert_eq!(of(Screen::Draft, None), [State::Idle, State::Stalled]);
    }
}
