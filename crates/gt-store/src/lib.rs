//! What the town remembers: one SQLite file, shared by the daemon and many short `gt` commands.
//!
//! This crate is the only place that knows SQL. It starts no program and reads no clock: `now`
//! comes in as a value. Every write is one `BEGIN IMMEDIATE` transaction, so that what belongs
//! together is there together or not at all, and a row that cannot be read is an error, never a
//! default.

#![warn(missing_docs)]

mod columns;
mod error;
mod events;
mod incarnations;
mod intents;
mod mail;
mod memory;
mod meta;
mod migrate;
mod nudges;
mod requests;
mod store;
mod town;

pub use error::StoreError;
pub use mail::NewMessage;
pub use nudges::PendingNudge;
pub use requests::{RequestStatus, SubmitOutcome, WishChange};
pub use store::Store;
pub use town::TownRows;
