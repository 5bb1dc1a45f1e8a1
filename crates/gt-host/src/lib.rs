//! The edge of the program: the only place that starts programs, touches processes, reads the
//! clock and the environment, and reads and writes the town's files.

#![warn(missing_docs)]

pub mod agent_environment;
pub mod atomic;
pub mod clock;
pub mod command;
pub mod config;
pub mod daemon_state;
pub mod detached;
pub mod environment;
pub mod git;
pub mod gotime;
pub mod heartbeat_file;
pub mod holder;
pub mod hook;
pub mod identity;
pub mod interrupt;
pub mod json_file;
pub mod keepalive;
pub mod local_socket;
pub mod lock;
pub mod paths;
pub mod pid_file;
pub mod preset;
pub mod process;
pub mod registry;
pub mod rig;
pub mod roster;
pub mod service_notify;
pub mod tmux;
pub mod town;
pub mod wake;
