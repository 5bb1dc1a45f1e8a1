//! The world's clocks: true time, which only grows, and the wall clock, which anybody may set.

use jiff::{SignedDuration, Timestamp};

#[derive(Debug)]
pub(super) struct Clock {
    /// True milliseconds since the world began.
    elapsed_ms: i64,
    /// How far the wall clock is off.
    offset_ms: i64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            elapsed_ms: 0,
            offset_ms: 0,
        }
    }

    pub(super) fn elapsed(&self) -> i64 {
        self.elapsed_ms
    }

    /// The wall clock's time.
    pub(super) fn now(&self) -> Timestamp {
        const BEGAN_AT: i64 = 1_767_268_800_000;
        Timestamp::from_millisecond(BEGAN_AT + self.elapsed_ms + self.offset_ms)
            .expect("a simulation ends before the calendar does")
    }

    pub(super) fn advance(&mut self, milliseconds: i64) {
        self.elapsed_ms += milliseconds;
    }

    pub(super) fn jump(&mut self, milliseconds: i64) {
        self.offset_ms += milliseconds;
    }

    /// Milliseconds from now until `stamp`, rounded up; negative if it has passed.
    pub(super) fn until(&self, stamp: Timestamp) -> i64 {
        let left: SignedDuration = stamp.duration_since(self.now());
        i64::try_from(left.as_millis()).unwrap_or(i64::MAX - 1) + 1
    }
}
