//! The daemon: one loop that owns the state of the town, its lock and its socket.
//!
//! Ticks, signals, requests, reports of holders and changes of files only wake the loop
//! (`event.rs`); each beat (`beat.rs`) observes, decides with [`gt_core::decide()`] and acts
//! (`act.rs`). What is waited for runs in tasks of the same thread, so that the loop itself never
//! waits for anything but the next event.

mod act;
mod beat;
mod clockwork;
mod daemon;
mod event;
mod files;
mod handle;
mod ignored;
mod lifecycle_mail;
mod link;
mod log;
mod lookout;
mod notification;
mod observe;
mod poke;
mod progress;
mod refresh;
mod reload;
mod remembered;
mod run;
mod seat;
mod server;
mod site;
mod sources;
mod store_thread;
mod terminal;
mod typing;
mod views;
mod watch;

pub use run::{DaemonError, run};

/// Version of this binary, as it tells clients.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
