//! How memory changes by what was done. The daemon and the simulated world both use these.

use jiff::Timestamp;

use crate::incarnation::IncarnationId;
use crate::intent::{Desire, Intent};
use crate::lifecycle::{self, Request};
use crate::memory::{AgentMemory, Attempt, Cause, Circuit, LastPoke, PokeResult};
use crate::policy::{RestartPolicy, Run};
use crate::screen::Screen;
use crate::time::elapsed;

impl AgentMemory {
    /// A start is about to be made: remember it before it is, so that a crash in between cannot
    /// make a loop that nobody counts.
    pub fn remember_start(&mut self, at: Timestamp, cause: Cause, policy: &RestartPolicy) {
        self.attempts
            .retain(|attempt| attempt.at > at || elapsed(attempt.at, at) < policy.window);
        if cause != Cause::Wanted {
            self.attempts.push(Attempt { at, cause });
        }
        if let Some(circuit) = &mut self.circuit {
            circuit.tries += 1;
            circuit.last_try_at = at;
        }
        self.forget_pokes();
        self.poke = None;
    }

    /// The circuit opens, while the wish of `wish_at` holds.
    pub fn open_circuit(&mut self, at: Timestamp, wish_at: Option<Timestamp>) {
        self.circuit = Some(Circuit {
            opened_at: at,
            tries: 0,
            last_try_at: at,
            wish_at,
        });
    }

    /// The circuit closes, and what opened it no longer counts.
    pub fn close_circuit(&mut self) {
        self.circuit = None;
        self.attempts.clear();
    }

    /// A poke was tried. A screen at work, or a prompt that does not show what was pasted, that has
    /// not changed since the last try is as good as an unanswered poke: so looks a frozen program. Nothing counts across
    /// `epoch`. A dialog explains the silence so far: it waits for a person, not the other way
    /// round, and whoever answers it gets the whole patience anew.
    pub fn remember_poke(
        &mut self,
        at: Timestamp,
        epoch: Timestamp,
        incarnation: IncarnationId,
        misses: u32,
        result: PokeResult,
    ) {
        let frozen = self.poke.is_some_and(|last| {
            let same_run = last.incarnation == incarnation && (epoch..=at).contains(&last.at);
            same_run && last.result == result
        });
        self.misses = match result {
            PokeResult::NotTyped {
                screen: Screen::Dialog,
                ..
            } => 0,
            PokeResult::NotTyped {
                screen: Screen::Busy | Screen::Prompt,
                ..
            } => misses.saturating_add(u32::from(frozen)),
            PokeResult::NotTyped { .. } | PokeResult::Delivered | PokeResult::NotTried => misses,
        };
        self.poke = Some(LastPoke {
            at,
            incarnation,
            result,
        });
    }

    /// No answer is waited for any more: the agent showed activity, or owes nothing. The last
    /// poke still spaces the next one.
    pub fn forget_pokes(&mut self) {
        if let Some(poke) = &mut self.poke {
            poke.result = PokeResult::NotTried;
        }
        self.misses = 0;
        self.escalated_at = None;
    }

    /// A person was told.
    pub fn remember_escalation(&mut self, at: Timestamp) {
        self.escalated_at = Some(at);
    }
}

/// The wish that taking `request` leaves, to be stored with the take in one transaction. A
/// shutdown would otherwise be a restart wherever the role, a person's earlier wish or mail that
/// the agent left unread has it up (L1).
pub fn intent_after(
    request: &Request,
    run: Run,
    intent: Option<Intent>,
    at: Timestamp,
) -> Option<Intent> {
    let (desire, at) = match (request.action, run) {
        (lifecycle::Action::Cycle | lifecycle::Action::Restart, _) => return intent,
        // What came after it asked, it may not have seen.
        (lifecycle::Action::Shutdown, Run::OnDemand) => (Desire::Resting, request.requested_at),
        (lifecycle::Action::Shutdown, Run::Always | Run::Never) => (Desire::Down, at),
    };
    Some(Intent {
        desire,
        actor: request.actor.clone(),
        reason: "asked for shutdown".to_owned(),
        at,
    })
}
