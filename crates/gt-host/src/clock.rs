//! The one place that reads a clock.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// The wall time.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Three clocks read together, to tell a sleep of the machine and a jump of the wall clock from
/// time that simply went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Wall time.
    pub wall: Timestamp,
    /// Runs while the machine is awake.
    pub monotonic: Duration,
    /// Runs while the machine sleeps, too.
    pub boottime: Duration,
}

impl Moment {
    /// Reads the clocks.
    pub fn now() -> Self {
        Self {
            wall: now(),
            monotonic: read(ClockId::Monotonic),
            boottime: read(BOOTTIME),
        }
    }
}

#[cfg(target_os = "linux")]
const BOOTTIME: ClockId = ClockId::Boottime;
/// macOS: the monotonic clock runs on during sleep.
#[cfg(not(target_os = "linux"))]
const BOOTTIME: ClockId = ClockId::Monotonic;

/// Time on the monotonic clock, for deadlines and measurements within one process or boot.
pub fn monotonic() -> Duration {
    read(ClockId::Monotonic)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).expect("these clocks never run before boot");
    let nanoseconds = u32::try_from(time.tv_nsec).expect("nanoseconds are below 1e9");
    Duration::new(seconds, nanoseconds)
}

/// A new id that sorts by the time it was made.
pub fn fresh_id() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

/// Lets time go by, for a loop that looks for something without an event of its own. The caller
/// has a deadline.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that sleeps, for polling with a deadline"
)]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
