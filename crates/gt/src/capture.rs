//! Taking a person's environment over for the agents.

use std::collections::BTreeSet;

use gt_core::observed::Observed;
use gt_host::agent_environment::Captured;
use gt_host::identity::Caller;
use gt_host::roster::{self, SeatSpec};
use gt_host::town::private;
use gt_host::{clock, environment};

use crate::context::Context;
use crate::error::{CliResult, Doing as _};
use crate::printer;

/// Keeps what agents may have of this environment, if a person runs the command. A poorer one, as
/// of a timer or of `env -i`, does not replace one with which the agents' programs are found.
pub(crate) fn capture(context: &Context) -> CliResult {
    private::secure(context.paths()).doing("secure the town's private directory")?;
    if context.caller()? != Caller::Overseer && is_captured(context) {
        return Ok(());
    }
    let config = context.config()?;
    let now = Captured::take(environment::all(), &config, clock::now());
    let before = Captured::read(context.paths()).ok().flatten();
    if let Some(before) = before {
        let seats = context.roster()?.seats;
        let lost = lost_programs(&seats, path_of(&before), path_of(&now));
        if !lost.is_empty() {
            printer::talk(kept(&lost));
            return Ok(());
        }
    }
    now.write(context.paths())
        .doing("keep the environment for the agents")
}

/// Whether a person's environment was captured before.
pub(crate) fn is_captured(context: &Context) -> bool {
    context.paths().captured_environment().exists()
}

fn path_of(captured: &Captured) -> &str {
    captured.variables.get("PATH").unwrap_or("")
}

/// The programs of agents that are found on `before` and known to be missing on `now`.
fn lost_programs<'a>(seats: &'a [SeatSpec], before: &str, now: &str) -> BTreeSet<&'a str> {
    let is_lost = |seat: &&SeatSpec| {
        roster::launch_readiness(seat, before) == Observed::Known(Ok(()))
            && matches!(roster::launch_readiness(seat, now), Observed::Known(Err(_)))
    };
    let lost = seats.iter().filter(is_lost);
    lost.filter_map(|seat| seat.preset.command.first())
        .map(String::as_str)
        .collect()
}

fn kept(lost: &BTreeSet<&str>) -> String {
    let lost: Vec<String> = lost.iter().map(|program| format!("`{program}`")).collect();
    format!(
        "warning: {} is not found on this PATH: agents keep the environment that was captured \
         before\nhint: `gt up` from a shell that finds it takes that shell's",
        lost.join(", ")
    )
}
