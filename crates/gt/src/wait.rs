//! Waiting for something outside to come true, with a deadline.

use std::time::Duration;

use gt_host::clock;

/// How often it is looked at: often enough that a person sees no lag.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `found` finds it, or the time is over.
pub(crate) fn until<T>(patience: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = clock::monotonic() + patience;
    loop {
        if let Some(thing) = found() {
            return Some(thing);
        }
        if clock::monotonic() >= deadline {
            return None;
        }
        clock::pause(LOOK);
    }
}
