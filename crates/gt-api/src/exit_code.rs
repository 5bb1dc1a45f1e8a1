//! Exit codes of `gt`, as its manual documents them.

/// Done.
pub const DONE: u8 = 0;
/// It failed; the message says what, where and the next command.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// The directory is in no town.
pub const NOT_IN_A_TOWN: u8 = 3;
/// The daemon does not run.
pub const DAEMON_NOT_RUNNING: u8 = 4;
/// Refused, since it would be unsafe.
pub const REFUSED: u8 = 5;
/// A signal such as Ctrl-C ended it, as a shell counts.
pub const INTERRUPTED: u8 = 130;
