//! The language spoken outside: requests to the daemon, views that every front end renders, and
//! exit codes. Types here hold no behaviour beyond reading and writing themselves.

#![warn(missing_docs)]

pub mod exit_code;
pub mod request;
pub mod view;

/// Version of the protocol between `gt` and its daemon; a greater one is refused politely.
pub const PROTOCOL: u32 = 1;
