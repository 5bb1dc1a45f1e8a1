//! `gt peek AGENT`: what its screen shows.

use std::time::Duration;

use gt_core::AgentId;
use gt_host::holder;
use gt_host::tmux::{Forked, PaneRow, PaneState, request};

use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _};
use crate::printer;

/// How long tmux may take.
const TMUX: Duration = Duration::from_secs(5);

/// Prints the screen. Escape sequences are tmux's to read: what is printed is plain text.
pub(crate) fn peek(context: &Context, agent: &str) -> CliResult {
    let agent = context.agent(agent)?;
    let tmux = Forked::new(context.tmux_server(TMUX)?);
    let pane = own_pane(context, &agent, &tmux)?;
    let screen = tmux
        .ask(request::capture(&pane.pane_id, 0))
        .doing("capture the screen")?;
    printer::data(gt_core::mail::printable(screen.trim_end()));
    Ok(())
}

/// The pane that the agent has.
pub(super) fn own_pane(context: &Context, agent: &AgentId, tmux: &Forked) -> CliResult<PaneRow> {
    let name = agent.session_name();
    let none = || {
        CliError::failed(format!("{agent} has no session")).hint(format!(
            "`gt why {agent}` explains; `gt up {agent}` starts it"
        ))
    };
    let panes = tmux.panes().doing("list the town's panes")?;
    // A shared server may have another town's agent of that name.
    let report = holder::read_state_file(context.paths(), agent);
    let holder = report.ok().flatten().map(|report| report.holder.pid);
    let is_its_own = |pane: &PaneRow| match holder {
        Some(holder) => pane.pane_pid == holder || pane.state != PaneState::Running,
        None => true,
    };
    panes
        .into_iter()
        .find(|pane| pane.session_name == name && is_its_own(pane))
        .ok_or_else(none)
}
