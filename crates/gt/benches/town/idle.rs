//! What a town costs in which nothing happens.

use std::time::Duration;

use gt_host::{clock, holder};

use crate::fleet::Fleet;
use crate::report::{Report, Row, Target, median};
use crate::usage::{self, ProcessorTime};

/// For the work that follows `gt up` to end.
const SETTLE: Duration = Duration::from_secs(3);

/// How long the processor time is watched: no heartbeat falls into it, as none does for most of
/// the day.
const WATCH: Duration = Duration::from_secs(20);

pub(crate) fn measure(fleet: &Fleet, report: &mut Report) {
    let size = fleet.size();
    let row = |what: &str, value, unit| Row::new("idle", Some(size), what, value, unit);
    clock::pause(SETTLE);
    let (mut private, mut resident) = (
        row(
            "daemon RssAnon",
            usage::memory(fleet.daemon, "RssAnon"),
            "MiB",
        ),
        row("daemon VmRSS", usage::memory(fleet.daemon, "VmRSS"), "MiB"),
    );
    if size == 100 {
        private = private.target(Target::Value(5.0));
        resident = resident.target(Target::Value(10.0));
    }
    report.add(private);
    report.add(resident);

    let holders = holder_memory(fleet);
    let most = holders.iter().copied().fold(0.0, f64::max);
    report.add(row("holder RssAnon, median", median(holders), "MiB"));
    report.add(row("holder RssAnon, most", most, "MiB").target(Target::Value(0.5)));

    let tmux = fleet.tmux_server();
    let before = [fleet.daemon, tmux].map(ProcessorTime::of);
    clock::pause(WATCH);
    let [daemon, tmux] =
        before.map(|before| before.spent().as_secs_f64() / WATCH.as_secs_f64() * 100.0);
    report.add(row("daemon CPU of a core", daemon, "%").target(Target::Value(0.1)));
    report.add(row("tmux server CPU of a core", tmux, "%"));
    let both = row("both, to see what screens show", daemon + tmux, "%");
    report.add(match size {
        100 => both.target(Target::Value(1.0)),
        _ => both,
    });
}

fn holder_memory(fleet: &Fleet) -> Vec<f64> {
    let paths = fleet.paths();
    let reports = fleet.agents.iter().map(|agent| {
        let report = holder::read_state_file(&paths, agent).expect("its holder's file");
        report.expect("it has a holder")
    });
    reports
        .map(|report| usage::memory(report.holder.pid, "RssAnon"))
        .collect()
}
