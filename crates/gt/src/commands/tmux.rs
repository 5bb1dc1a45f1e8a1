//! `gt tmux ARGS`: tmux on the town's server.

use std::os::unix::process::CommandExt as _;

use crate::context::Context;
use crate::error::{CliResult, Doing as _};

/// Replaces this process by tmux, with the town's socket and everything else as given.
pub(crate) fn tmux(context: &Context, arguments: &[String]) -> CliResult {
    #[expect(
        clippy::disallowed_methods,
        reason = "this process becomes tmux; nothing is waited for"
    )]
    let mut tmux = std::process::Command::new("tmux");
    tmux.arg("-S").arg(context.tmux_socket()?).args(arguments);
    Err(tmux.exec()).doing("run `tmux`")
}
