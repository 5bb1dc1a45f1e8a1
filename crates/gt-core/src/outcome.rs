//! How memory changes by what was done. The daemon and the simulated world both use these.

use jiff::Timestamp;

use crate::incarnation::IncarnationId;
use crate::memory::{AgentMemory, Attempt, Cause, Circuit, LastPoke, PokeResult};
use crate::policy::RestartPolicy;
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
    }

    /// The circuit opens.
    pub fn open_circuit(&mut self, at: Timestamp) {
        self.circuit = Some(Circuit {
            opened_at: at,
            tries: 0,
            last_try_at: at,
        });
    }

    /// The circuit closes, and what opened it no longer counts.
    pub fn close_circuit(&mut self) {
        self.circuit = None;
        self.attempts.clear();
    }

    /// A poke was tried. A screen that was not a prompt and has not changed since the last try is
    /// as good as an unanswered poke: a frozen program shows no prompt. A dialog never is.
    pub fn remember_poke(
        &mut self,
        at: Timestamp,
        incarnation: IncarnationId,
        misses: u32,
        result: PokeResult,
    ) {
        self.misses = misses + u32::from(self.is_frozen(incarnation, result));
        self.poke = Some(LastPoke {
            at,
            incarnation,
            result,
        });
    }

    /// The agent showed activity.
    pub fn forget_pokes(&mut self) {
        self.poke = None;
        self.misses = 0;
        self.escalated_at = None;
    }

    fn is_frozen(&self, incarnation: IncarnationId, result: PokeResult) -> bool {
        let PokeResult::NotTyped {
            screen: Screen::Busy,
            ..
        } = result
        else {
            return false;
        };
        self.poke
            .is_some_and(|last| last.incarnation == incarnation && last.result == result)
    }
}
