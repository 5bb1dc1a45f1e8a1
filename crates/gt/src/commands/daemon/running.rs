//! The agents that run while no daemon looks after them.

use gt_core::observed::Observed;
use gt_core::{AgentId, ProcessId};
use gt_host::holder::protocol::Phase;
use gt_host::paths::TownPaths;
use gt_host::{holder, process};

/// Agents that ran at one moment, as their holders' files said.
pub(crate) struct Running(Vec<(AgentId, ProcessId)>);

impl Running {
    /// Those of this moment.
    pub(crate) fn of(paths: &TownPaths) -> Self {
        // What cannot be read is not spoken of.
        let files = holder::list_state_files(paths).unwrap_or_default();
        let running = files.into_iter().filter_map(|(agent, report)| {
            let report = report.ok()?;
            let process = report.process.filter(|_| report.phase == Phase::Running)?;
            (process::is_alive(process) == Observed::Known(true)).then_some((agent, process))
        });
        Self(running.collect())
    }

    /// What became of them.
    pub(crate) fn now(&self) -> String {
        let gone = |process: ProcessId| process::is_alive(process) == Observed::Known(false);
        let ended = self.0.iter().filter(|(_, process)| gone(*process));
        let ended: Vec<String> = ended.map(|(agent, _)| agent.to_string()).collect();
        said(self.0.len(), &ended)
    }
}

fn said(before: usize, ended: &[String]) -> String {
    let going_on = match (before, before - ended.len()) {
        (0, _) => return "no agent runs".to_owned(),
        (_, 0) => "none of its agents goes on".to_owned(),
        (1, 1) => "its agent goes on".to_owned(),
        (all, left) if all == left => format!("its {all} agents go on"),
        (all, left) => format!("{left} of its {all} agents go on"),
    };
    match ended {
        [] => going_on,
        ended => format!("{going_on}; {} ended meanwhile", ended.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ended_meanwhile_is_named() {
        let mayor = ["mayor".to_owned()];
        assert_eq!(said(0, &[]), "no agent runs");
        assert_eq!(said(1, &[]), "its agent goes on");
        assert_eq!(said(3, &[]), "its 3 agents go on");
        assert_eq!(
            said(3, &mayor),
            "2 of its 3 agents go on; mayor ended meanwhile"
        );
        assert_eq!(
            said(1, &mayor),
            "none of its agents goes on; mayor ended meanwhile"
        );
    }
}
