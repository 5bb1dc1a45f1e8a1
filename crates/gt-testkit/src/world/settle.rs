//! Convergence: a world that stops changing goes quiet.

use gt_core::plan::Plan;
use gt_core::policy::Poke;

use super::World;
use super::event::{Manner, StoreHealth};
use super::journal::Violation;

const HOUR_MS: i64 = 60 * 60_000;

/// Longer than the longest pause of a half-open circuit, which is a day.
const SETTLING_MS: i64 = 26 * HOUR_MS;

impl World {
    /// Heals everything, waits, and looks that all are at their goal and that nothing but the
    /// pokes that a role always gets is done any more.
    ///
    /// # Errors
    /// A [`Violation`], of convergence or on the way there.
    pub fn settle(&mut self) -> Result<(), Violation> {
        self.heal();
        self.watch(SETTLING_MS)?;
        let counts = self.watch(6 * HOUR_MS)?;
        for (place, count) in counts.into_iter().enumerate() {
            let seat = &self.seats[place];
            let poked = seat.poke == Poke::Always && seat.process.is_some();
            self.unless(count == 0 || poked, "convergent", || {
                format!("{count} actions on {} of a healthy town", seat.id)
            })?;
        }
        self.check_at_goal()
    }

    /// Leaves everything as it is and looks that what is done in half a day stays within the
    /// back-offs.
    ///
    /// # Errors
    /// A [`Violation`], of convergence or on the way there.
    pub fn simmer(&mut self) -> Result<(), Violation> {
        const WATCHED_HOURS: i64 = 12;
        self.watch(WATCHED_HOURS * HOUR_MS)?;
        let counts = self.watch(WATCHED_HOURS * HOUR_MS)?;
        let bound = self.most_actions(WATCHED_HOURS);
        for (place, count) in counts.into_iter().enumerate() {
            self.unless(count <= bound, "convergent", || {
                let id = &self.seats[place].id;
                format!("{count} actions on {id} within {WATCHED_HOURS} hours, {bound} allowed")
            })?;
        }
        Ok(())
    }

    /// Restarts within the budget, of three actions each (session removed, made, run started); a
    /// poke and its forgetting per shortest interval; a failure per longest pause.
    fn most_actions(&self, hours: i64) -> usize {
        let per = |duration: std::time::Duration| {
            usize::try_from(hours * 3600).unwrap_or(0)
                / usize::try_from(duration.as_secs()).unwrap_or(1).max(1)
        };
        let restarts = per(self.policy.restart.window) * self.policy.restart.budget as usize;
        3 * restarts + 2 * per(self.policy.poke.base) + per(self.policy.restart.max)
    }

    /// Runs on for so long, and counts actions by seat.
    fn watch(&mut self, milliseconds: i64) -> Result<Vec<usize>, Violation> {
        /// Nothing is to be seen between the looks that plans ask for.
        const SLOW_TICK_MS: i64 = 10 * 60_000;
        let tick = std::mem::replace(&mut self.tick_ms, SLOW_TICK_MS);
        self.counts = vec![0; self.seats.len()];
        self.run_for(milliseconds)?;
        self.tick_ms = tick;
        Ok(std::mem::take(&mut self.counts))
    }

    pub(super) fn count_actions(&mut self, plan: &Plan) {
        for step in &plan.steps {
            if let Some(count) = self
                .place(&step.agent)
                .and_then(|place| self.counts.get_mut(place))
            {
                *count += 1;
            }
        }
    }

    fn heal(&mut self) {
        self.tmux_answers = true;
        self.store.health = StoreHealth::Good;
        self.down.get_or_insert(false);
        self.acting = super::act::Acting::default();
        for seat in &mut self.seats {
            seat.manner = Manner::Healthy;
            seat.holder_answers = true;
            seat.launch = Some(true);
            seat.stranger = false;
            seat.stubborn = false;
            seat.left.clear();
            seat.attach(None);
        }
    }

    fn check_at_goal(&mut self) -> Result<(), Violation> {
        let snapshot = self.observe();
        let waiting = gt_core::decide(&snapshot, &self.policy).waiting;
        for wait in waiting {
            let expected = wait.until.is_some();
            self.unless(expected, "convergent", || {
                format!(
                    "{} of a healthy town waits on {} for ever",
                    wait.agent, wait.on
                )
            })?;
        }
        for facts in &snapshot.agents {
            let there = self
                .place(&facts.id)
                .map(|place| self.seats[place].living().count());
            let wanted = match gt_core::decide::goal(&snapshot, facts) {
                gt_core::decide::Goal::Up(_) => Some(1),
                gt_core::decide::Goal::Down(_) => Some(0),
                _ => there,
            };
            self.unless(there == wanted, "convergent", || {
                format!(
                    "{} has {there:?} runs, not {wanted:?}, in a healthy town",
                    facts.id
                )
            })?;
        }
        Ok(())
    }
}
