//! `gt util`.

use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn util(_: crate::cli::Util) -> CliResult {
    Err(CliError::failed("`gt util` is not built yet"))
}

/// The command line, with the names of live agents and rigs where they complete.
pub(crate) fn command_with_live_names() -> clap::Command {
    use clap::CommandFactory as _;
    crate::cli::Cli::command()
}
