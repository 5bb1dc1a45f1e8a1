//! The store as its callers see it.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod events;
mod incarnations;
mod intents;
mod mail;
mod memory;
mod migrations;
mod nudges;
mod open;
mod requests;
mod town;
mod world;
