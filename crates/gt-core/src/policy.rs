//! The numbers and modes that decisions follow; every one is a key of town.toml.

use std::time::Duration;

/// When a role's agents run without anybody having asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Whenever the town is up.
    Always,
    /// While they owe something.
    OnDemand,
    /// Only when a person wants it.
    Never,
}

impl Run {
    /// The word in town.toml.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnDemand => "on_demand",
            Self::Never => "never",
        }
    }
}

/// When the daemon pokes a role's agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poke {
    /// Whenever they are not fresh: the original's cadence.
    Always,
    /// When they are not fresh and owe something.
    Owed,
    /// Never.
    Never,
}

/// `[poke]`: freshness and back-off of the daemon's own nudges.
#[derive(Debug, Clone, PartialEq)]
pub struct PokePolicy {
    /// Activity younger than this is fresh (2 min).
    pub fresh: Duration,
    /// Activity older than this is very stale (5 min).
    pub very_stale: Duration,
    /// The first interval between pokes (5 min).
    pub base: Duration,
    /// What an unanswered poke multiplies the interval by (1.5).
    pub factor: f64,
    /// The longest interval (30 min).
    pub max: Duration,
    /// A poke that could not be brought is tried again after this at the latest (5 min).
    pub slot_max_age: Duration,
    /// How many pokes in a row may go unanswered before the agent is restarted.
    pub unanswered_before_restart: u32,
}

impl Default for PokePolicy {
    fn default() -> Self {
        Self {
            fresh: minutes(2),
            very_stale: minutes(5),
            base: minutes(5),
            factor: 1.5,
            max: minutes(30),
            slot_max_age: minutes(5),
            unanswered_before_restart: 3,
        }
    }
}

impl PokePolicy {
    /// The interval after `misses` unanswered pokes in a row: geometric, capped.
    pub fn interval(&self, misses: u32) -> Duration {
        geometric(self.base, self.factor, misses, self.max)
    }
}

/// `[restart]`: back-off and budget of the restart gate.
#[derive(Debug, Clone, PartialEq)]
pub struct RestartPolicy {
    /// Pause before the first restart of an agent that was healthy.
    pub first_delay: Duration,
    /// Pause before the second restart within `window`.
    pub base: Duration,
    /// What each further restart multiplies the pause by.
    pub factor: f64,
    /// The longest pause.
    pub max: Duration,
    /// How many restarts within `window` open the circuit.
    pub budget: u32,
    /// Restarts older than this no longer count.
    pub window: Duration,
    /// How long an open circuit waits before its first half-open try; doubled each time.
    pub half_open: Duration,
    /// How long a stopped agent has between TERM and KILL.
    pub stop_grace: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            first_delay: Duration::ZERO,
            base: Duration::from_secs(1),
            factor: 2.0,
            max: minutes(5),
            budget: 8,
            window: minutes(10),
            half_open: minutes(60),
            stop_grace: Duration::from_secs(5),
        }
    }
}

impl RestartPolicy {
    /// The pause before a restart that has `earlier` others within the window.
    pub fn delay(&self, earlier: u32) -> Duration {
        match earlier {
            0 => self.first_delay,
            n => geometric(self.base, self.factor, n - 1, self.max),
        }
    }
}

/// Everything that [`decide`](crate::decide::decide) follows besides what it sees.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// `[poke]`.
    pub poke: PokePolicy,
    /// `[restart]`.
    pub restart: RestartPolicy,
    /// `[tmux] attached_quiet`: nothing is typed into a pane whose attached person was active
    /// within this time.
    pub attached_quiet: Duration,
}

/// `base * factor^steps`, at most `max`.
fn geometric(base: Duration, factor: f64, steps: u32, max: Duration) -> Duration {
    let scaled = base.as_secs_f64() * factor.powi(i32::try_from(steps.min(64)).unwrap_or(64));
    Duration::try_from_secs_f64(scaled.min(max.as_secs_f64())).unwrap_or(max)
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_poke_interval_grows_by_half_to_its_cap() {
        let policy = PokePolicy::default();
        let minutes: Vec<f64> = (0..7)
            .map(|misses| policy.interval(misses).as_secs_f64() / 60.0)
            .collect();
        assert_eq!(minutes, [5.0, 7.5, 11.25, 16.875, 25.3125, 30.0, 30.0]);
    }

    /// Covers F22: the pause grows from nothing to its cap and never past what can be counted.
    #[test]
    fn the_restart_pause_doubles_to_its_cap() {
        let policy = RestartPolicy::default();
        let seconds: Vec<u64> = (0..11)
            .map(|earlier| policy.delay(earlier).as_secs())
            .collect();
        assert_eq!(seconds, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(policy.delay(u32::MAX), policy.max);
    }

    /// A base above the cap, or an absurd factor from town.toml, ends at the cap.
    #[test]
    fn a_strange_policy_stays_within_its_cap() {
        let policy = PokePolicy {
            base: minutes(60),
            factor: f64::INFINITY,
            ..PokePolicy::default()
        };
        assert_eq!(policy.interval(0), minutes(30));
        assert_eq!(policy.interval(u32::MAX), minutes(30));
    }
}
