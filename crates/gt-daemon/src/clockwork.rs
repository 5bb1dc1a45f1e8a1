//! Tells time that went by from time that jumped: sleep of the machine, a wall clock that was set.

use std::time::Duration;

use gt_host::clock::Moment;
use jiff::Timestamp;

/// A difference between clocks beyond this is a jump. NTP slews far below it between two beats,
/// and a suspend shorter than it costs no deadline anything.
const JUMP: Duration = Duration::from_secs(5);

/// The epoch that ages are counted from, moved at every jump.
#[derive(Debug)]
pub(crate) struct Clockwork {
    epoch: Timestamp,
    last: Moment,
}

/// What the clocks did since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    /// Time went by.
    Smoothly,
    /// The machine slept for about this long.
    Slept(Duration),
    /// The wall clock was set, by about this much.
    WallClockSet(Duration),
}

impl Clockwork {
    pub(crate) fn new(start: Moment) -> Self {
        Self {
            epoch: start.wall,
            last: start,
        }
    }

    /// No age is counted from before this.
    pub(crate) fn epoch(&self) -> Timestamp {
        self.epoch
    }

    /// Notes the time; every freshness deadline starts again when it jumped.
    pub(crate) fn look(&mut self, now: Moment) -> Passed {
        let passed = passed(&self.last, &now);
        self.last = now;
        if passed != Passed::Smoothly {
            self.epoch = now.wall;
        }
        passed
    }
}

fn passed(from: &Moment, to: &Moment) -> Passed {
    let awake = to.monotonic.saturating_sub(from.monotonic);
    let real = to.boottime.saturating_sub(from.boottime);
    let slept = real.saturating_sub(awake);
    if slept > JUMP {
        return Passed::Slept(slept);
    }
    let wall = to.wall.duration_since(from.wall);
    let real = jiff::SignedDuration::try_from(real).unwrap_or(jiff::SignedDuration::MAX);
    let drift = (wall - real).unsigned_abs();
    if drift > JUMP {
        Passed::WallClockSet(drift)
    } else {
        Passed::Smoothly
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: i64, monotonic: u64, boottime: u64) -> Moment {
        Moment {
            wall: Timestamp::from_second(wall).unwrap(),
            monotonic: Duration::from_secs(monotonic),
            boottime: Duration::from_secs(boottime),
        }
    }

    #[test]
    fn a_sleep_and_a_set_clock_move_the_epoch_and_time_gone_by_does_not() {
        let mut clockwork = Clockwork::new(moment(1_000, 10, 10));
        assert_eq!(clockwork.look(moment(1_300, 310, 310)), Passed::Smoothly);
        assert_eq!(clockwork.epoch().as_second(), 1_000);
        assert_eq!(
            clockwork.look(moment(1_900, 320, 910)),
            Passed::Slept(Duration::from_secs(590))
        );
        assert_eq!(clockwork.epoch().as_second(), 1_900);
        assert_eq!(
            clockwork.look(moment(500, 330, 920)),
            Passed::WallClockSet(Duration::from_secs(1_410))
        );
        assert_eq!(clockwork.epoch().as_second(), 500);
    }
}
