//! The one place that reads a clock.

use std::cell::RefCell;
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

/// The chance in a version 7 id, in bytes.
const CHANCE: usize = 10;

/// Ids whose chance is fetched at once: every beat takes one for each seat, and a system call each
/// would be a tenth of it. What is read in one go of up to 256 bytes is never cut short.
const AT_ONCE: usize = 25;

/// A new id that sorts by the time it was made.
pub fn fresh_id() -> uuid::Uuid {
    thread_local! {
        static STOCK: RefCell<Vec<[u8; CHANCE]>> = const { RefCell::new(Vec::new()) };
    }
    let chance = STOCK.with_borrow_mut(|stock| {
        if stock.is_empty() {
            *stock = fetch_chance();
        }
        stock.pop().expect("it was filled")
    });
    let milliseconds = u64::try_from(now().as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &chance).into_uuid()
}

fn fetch_chance() -> Vec<[u8; CHANCE]> {
    let mut bytes = [0; CHANCE * AT_ONCE];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())
        .expect("the system's source of chance is never missing");
    let (chances, _) = bytes.as_chunks::<CHANCE>();
    chances.to_vec()
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
