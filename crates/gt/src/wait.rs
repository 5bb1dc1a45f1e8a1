//! Waiting for something outside to come true, with a deadline.

use std::sync::Once;
use std::time::Duration;

use gt_host::clock;
use gt_host::interrupt::{BY_SIGNAL, Interrupt};

use crate::printer;

/// How often it is looked at: often enough that a person sees no lag.
const LOOK: Duration = Duration::from_millis(10);

/// Has Ctrl-C, which ends this command and its waiting, say what it does not end. Without a handler it
/// only ends the command.
pub(crate) fn tell_on_interrupt(goes_on: &'static str) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| watch(goes_on));
}

fn watch(goes_on: &'static str) {
    let Ok(interrupt) = Interrupt::watch() else {
        return;
    };
    // Without a thread, a second Ctrl-C ends it.
    let _ = std::thread::Builder::new().spawn(move || {
        interrupt.wait();
        printer::talk(format!("interrupted; {goes_on}"));
        std::process::exit(BY_SIGNAL);
    });
}

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
