//! The edge of the program: the only place that starts programs, touches processes, reads the
//! clock and the environment, and reads and writes the town's files.

#![warn(missing_docs)]

pub mod atomic;
pub mod clock;
pub mod command;
pub mod environment;
pub mod holder;
pub mod identity;
pub mod keepalive;
pub mod paths;
pub mod tmux;
pub mod process;
pub mod wake;
