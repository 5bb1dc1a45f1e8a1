//! `gt attach AGENT`: to its terminal.

use std::os::unix::process::CommandExt as _;

use gt_core::AgentId;
use gt_host::environment;
use gt_host::paths::TownPaths;

use crate::commands::seat;
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};

/// Goes to an agent's terminal; starts it first if it does not run.
pub(crate) fn attach(context: &Context, agent: &str) -> CliResult {
    attach_to(context, &context.agent(agent)?)
}

/// As [`attach`], for an agent that is known.
pub(crate) fn attach_to(context: &Context, agent: &AgentId) -> CliResult {
    if !rustix::termios::isatty(std::io::stdin()) || !rustix::termios::isatty(std::io::stdout()) {
        return Err(CliError::new(Kind::Usage, "`gt attach` needs a terminal")
            .hint(format!("`gt peek {agent}` prints its screen")));
    }
    seat::ensure(context, agent)?;
    Err(become_tmux(context.paths(), &context.tmux_socket()?, agent))
}

/// Replaces this process by tmux; comes back only with an error. Within the town's own server the
/// terminal switches over; within another server, a nested client is what was asked for.
fn become_tmux(paths: &TownPaths, socket: &std::path::Path, agent: &AgentId) -> CliError {
    let inside = environment::variable(environment::TMUX).is_some_and(|tmux| {
        tmux.split(',')
            .next()
            .is_some_and(|own| socket == std::path::Path::new(own))
    });
    let verb = if inside {
        "switch-client"
    } else {
        "attach-session"
    };
    let target = format!("={}:", agent.session_name());
    #[expect(
        clippy::disallowed_methods,
        reason = "the terminal becomes tmux; nothing is waited for"
    )]
    let mut tmux = std::process::Command::new("tmux");
    tmux.arg("-S")
        .arg(socket)
        .args([verb, "-t", &target])
        .current_dir(paths.root());
    if !inside {
        tmux.env_remove(environment::TMUX);
    }
    let failed: Result<(), _> = Err(tmux.exec());
    match failed.doing("run `tmux`") {
        Err(error) => error.hint("is tmux installed? `gt doctor` looks"),
        Ok(()) => CliError::failed("tmux did not run"),
    }
}
