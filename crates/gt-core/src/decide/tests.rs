//! What is decided, as a person reads it: a scene in, the plan's text out.

mod cadence;
mod failures;
mod gaps;
mod nudges;
mod pokes;
mod requests;
mod restarts;
mod scene;
mod unknown;
mod wishes;

/// Compares the plan of a [`scene::Scene`] with its text.
macro_rules! check {
    ($scene:expr, @$expect:literal) => {
        // A check in a loop is the same sentence for every case.
        insta::allow_duplicates! { insta::assert_snapshot!($scene.plan(), @$expect) }
    };
}
use check;
