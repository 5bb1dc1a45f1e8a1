//! `gt status-line`: the right end of a session's status line. tmux runs it every few seconds for
//! every attached person, so it starts nothing, writes nothing and says nothing when it fails; and
//! it is no sign of life of any agent (D3).

use std::time::Duration;

use gt_core::address::Address;
use gt_core::{AgentId, Role, Roll};
use gt_host::holder::protocol::{Phase, Report};
use gt_host::{holder, process};
use gt_store::Store;

use crate::context::Context;
use crate::error::CliResult;
use crate::printer;

/// How long a busy store is waited for: the next look comes in a few seconds.
const STORE_BUSY: Duration = Duration::from_millis(100);

/// What a status line tells.
#[derive(Debug, Default)]
struct Counts {
    polecats: usize,
    rigs: usize,
    unread: u32,
}

/// Prints it; nothing when there is nothing to tell or it cannot be told.
pub(crate) fn status_line(context: &Context, session: &str) -> CliResult {
    let counts = counts(context, &context.roll(), session);
    if let Some(line) = counts.and_then(|counts| render(&counts)) {
        printer::data(line);
    }
    Ok(())
}

fn counts(context: &Context, roll: &Roll, session: &str) -> Option<Counts> {
    let agent = roll.of_session(session)?;
    let unread = unread(context, agent)?;
    if *agent != AgentId::Mayor {
        return Some(Counts {
            unread,
            ..Counts::default()
        });
    }
    Some(Counts {
        polecats: running_polecats(context)?,
        rigs: roll.rigs().len(),
        unread,
    })
}

fn unread(context: &Context, agent: &AgentId) -> Option<u32> {
    let store = Store::open_read_only(&context.paths().store(), STORE_BUSY).ok()?;
    let address = Address::Agent(agent.clone()).to_string();
    store.unread_count(&address).ok()
}

/// Polecats whose holder lives and reports that they run.
fn running_polecats(context: &Context) -> Option<usize> {
    let files = holder::list_state_files(context.paths()).ok()?;
    let runs = |report: &Report| {
        report.agent.role() == Role::Polecat
            && report.phase == Phase::Running
            && process::is_alive(report.holder).known() == Some(&true)
    };
    let reports = files.into_iter().filter_map(|(_, report)| report.ok());
    Some(reports.filter(runs).count())
}

/// The parts that there is something to say of, in the original's form.
fn render(counts: &Counts) -> Option<String> {
    let counted = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    };
    let mail = (counts.unread > 0).then(|| format!("📬 {}", counts.unread));
    let parts: Vec<String> = [
        counted(counts.polecats, "polecat"),
        counted(counts.rigs, "rig"),
        mail,
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("{} |", parts.join(" | ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(polecats: usize, rigs: usize, unread: u32, expect: Option<&str>) {
        let counts = Counts {
            polecats,
            rigs,
            unread,
        };
        assert_eq!(render(&counts).as_deref(), expect);
    }

    #[test]
    fn parts_without_anything_to_tell_are_left_out() {
        check(3, 2, 4, Some("3 polecats | 2 rigs | 📬 4 |"));
        check(1, 1, 0, Some("1 polecat | 1 rig |"));
        check(0, 2, 0, Some("2 rigs |"));
        check(0, 0, 1, Some("📬 1 |"));
        check(0, 0, 0, None);
    }
}
