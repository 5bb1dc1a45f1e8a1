//! What a running agent is doing: by its screen where that says it, else by what it was seen to do.

use std::time::Duration;

use gt_api::view::State;
use gt_core::memory::{LastPoke, PokeResult};
use gt_core::screen::{Authority, Screen, ScreenState};
use gt_core::time::{age, elapsed};
use gt_host::clock;
use jiff::Timestamp;

use crate::daemon::Daemon;
use crate::seat::Seat;

/// How long a program of which nothing is known yet is taken to be coming up. The slowest of the
/// agents takes some seconds to show its prompt.
const COMING_UP: Duration = Duration::from_secs(15);

impl Daemon {
    /// What a run that began at `since` is doing, since when, and how that is known.
    pub(crate) fn progress(
        &self,
        seat: &Seat,
        since: Timestamp,
    ) -> (State, Timestamp, Vec<String>) {
        let poke = seat
            .memory
            .poke
            .filter(|poke| seat.activity.is_none_or(|at| at <= poke.at));
        let judged = judge(shown(seat), poke.as_ref(), seat.memory.misses);
        let (state, at) = judged.unwrap_or_else(|| self.by_activity(seat, since));
        (state, at, evidence(seat, poke.as_ref()))
    }

    /// Silence is evidence of nothing: neither of rest nor of a stall.
    fn by_activity(&self, seat: &Seat, since: Timestamp) -> (State, Timestamp) {
        let now = clock::now();
        match seat.activity {
            Some(at) if age(at, self.clockwork.epoch(), now) < self.policy.poke.fresh => {
                (State::Working, at)
            }
            Some(at) => (State::Unknown, at),
            None if elapsed(since, now) < COMING_UP => (State::Starting, since),
            None => (State::Unknown, since),
        }
    }
}

/// The state by the screen and by a poke that nothing followed; none when neither says anything.
fn judge(
    shown: Option<(State, Timestamp)>,
    poke: Option<&LastPoke>,
    misses: u32,
) -> Option<(State, Timestamp)> {
    let Some(poke) = poke else { return shown };
    let explained = shown.filter(|(state, _)| misses == 0 || !is_calm(*state));
    Some(explained.unwrap_or_else(|| (silent_state(poke, misses), poke.at)))
}

/// What its screen says, if it says something.
fn shown(seat: &Seat) -> Option<(State, Timestamp)> {
    let sighting = seat.sighting.as_ref()?;
    let state = match sighting.reading.state {
        ScreenState::Working => State::Working,
        ScreenState::BackgroundWork => State::BackgroundWork,
        ScreenState::NeedsApproval => State::NeedsApproval,
        ScreenState::NeedsAnswer => State::NeedsAnswer,
        ScreenState::Idle => State::Idle,
        ScreenState::Limited => State::Limited,
        ScreenState::AuthDead => State::AuthDead,
        ScreenState::ModelUnavailable => State::ModelUnavailable,
        ScreenState::ContextFull => State::ContextFull,
        ScreenState::Viewer | ScreenState::Unknown => return None,
    };
    Some((state, sighting.since))
}

/// Whether a state explains no silence: a screen that shows work and does not change from poke to
/// poke is no work.
fn is_calm(state: State) -> bool {
    matches!(state, State::Idle | State::Working | State::BackgroundWork)
}

/// What the last poke, which nothing followed, says of an agent whose screen explains nothing.
fn silent_state(poke: &LastPoke, misses: u32) -> State {
    match poke.result {
        PokeResult::NotTyped {
            screen: Screen::Dialog,
            ..
        } => State::NeedsAnswer,
        _ if misses > 0 => State::Stalled,
        PokeResult::NotTyped {
            screen: Screen::Prompt | Screen::Draft,
            ..
        } => State::Idle,
        // Neither a prompt nor a reading.
        _ => State::Unknown,
    }
}

fn evidence(seat: &Seat, poke: Option<&LastPoke>) -> Vec<String> {
    let poked = poke.map(|poke| {
        let misses = seat.memory.misses;
        let result = poke.result;
        format!(
            "last poke at {:.3}: {result}, {misses} unanswered before",
            poke.at
        )
    });
    let activity = match (poke, seat.activity) {
        (Some(_), _) => None,
        (None, Some(at)) => Some(format!("last activity at {at:.3}")),
        (None, None) => Some("no activity yet".to_owned()),
    };
    let screen = seat.sighting.as_ref().map(|sighting| {
        let reading = &sighting.reading;
        match (sighting.authority, &reading.rule) {
            (Authority::Hook, Some(hook)) => {
                format!("its program told: {}, by `{hook}`", reading.state)
            }
            _ => format!("its screen: {}, {reading}", reading.state),
        }
    });
    [screen, poked, activity].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gt_core::incarnation::IncarnationId;

    /// The states without a miss and with one.
    fn states(shown: Option<State>, screen: Screen) -> [State; 2] {
        let at = Timestamp::UNIX_EPOCH;
        let poke = LastPoke {
            at,
            incarnation: IncarnationId(uuid::Uuid::nil()),
            result: PokeResult::NotTyped { screen, digest: 0 },
        };
        let shown = shown.map(|state| (state, at));
        [0, 1].map(|misses| judge(shown, Some(&poke), misses).unwrap().0)
    }

    /// Covers F3, F4: a screen that shows work and stands still is no work, a dialog is never a
    /// stall, and what an earlier daemon saw is not known to this one.
    #[test]
    fn the_state_of_an_agent_that_could_not_be_poked_is_what_its_screen_says() {
        use State::{Idle, Limited, NeedsAnswer, NeedsApproval, Stalled, Unknown, Working};
        assert_eq!(states(Some(Working), Screen::Busy), [Working, Stalled]);
        assert_eq!(states(Some(Limited), Screen::Busy), [Limited; 2]);
        assert_eq!(states(None, Screen::Busy), [Unknown, Stalled]);
        assert_eq!(states(None, Screen::Dialog), [NeedsAnswer; 2]);
        let approval = Some(NeedsApproval);
        assert_eq!(states(approval, Screen::Dialog), [NeedsApproval; 2]);
        assert_eq!(states(None, Screen::Draft), [Idle, Stalled]);
    }

    #[test]
    fn without_a_poke_the_screen_alone_says_it() {
        let at = Timestamp::UNIX_EPOCH;
        let idle = Some((State::Idle, at));
        assert_eq!(judge(idle, None, 0), idle);
        assert_eq!(judge(None, None, 0), None);
    }
}
