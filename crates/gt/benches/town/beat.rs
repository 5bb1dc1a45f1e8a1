//! What a heartbeat in which nothing is to be done costs: processor time of the daemon and of
//! tmux, and processes started.

use std::time::Duration;

use gt_host::clock;
use gt_host::daemon_state::DaemonState;

use crate::fleet::Fleet;
use crate::reference::Reference;
use crate::report::{Report, Row, Target, median, milliseconds};
use crate::usage::{self, Children, ProcessorTime};

/// Between two heartbeats (no shorter one can be set), and two listings of the reference.
const CADENCE: Duration = Duration::from_secs(1);

/// How long both are watched, side by side.
const WATCH: Duration = Duration::from_secs(25);

/// How long both are watched without a heartbeat: what the watch over the screens costs meanwhile is
/// no part of one.
const REST: Duration = Duration::from_secs(15);

pub(crate) fn measure(fleet: &Fleet, reference: &Reference, report: &mut Report) {
    usage::check_that_starts_show();
    let (daemon, tmux) = (fleet.daemon, fleet.tmux_server());
    let rest = at_rest([daemon, tmux]);
    shorten_heartbeat(fleet);

    let looks = [daemon, tmux, std::process::id(), reference.server];
    let before = looks.map(ProcessorTime::of);
    let (children, tmux_children) = (Children::of(daemon), Children::of(tmux));
    let beats_before = beats(fleet);
    let listings = reference.list_repeatedly(CADENCE, clock::monotonic() + WATCH);
    let beats = beats(fleet) - beats_before;
    let started = Children::of(daemon).started_since(&children)
        + Children::of(tmux).started_since(&tmux_children);
    let used = before.map(|before| before.spent());

    let spent = |place: usize| {
        let at_rest = rest.get(place).copied().unwrap_or_default();
        milliseconds(used[place].saturating_sub(at_rest))
    };
    #[expect(clippy::cast_precision_loss, reason = "there are a few dozen")]
    let (beats, asked, started) = (beats as f64, listings.len() as f64, started as f64);
    let row = |what: &str, value, unit| Row::new("beat", Some(fleet.size()), what, value, unit);
    report.add(
        row(
            "quiet beat, CPU of daemon and tmux",
            (spent(0) + spent(1)) / beats,
            "ms",
        )
        .beside((spent(2) + spent(3)) / asked)
        .target(Target::Ratio(2.0)),
    );
    report.add(row("  of it the daemon", spent(0) / beats, "ms").beside(spent(2) / asked));
    report.add(row("  of it tmux", spent(1) / beats, "ms").beside(spent(3) / asked));
    report.add(row("processes started", started, "").target(Target::Zero));
    let listings = listings.into_iter().map(milliseconds).collect();
    report.add(row(
        "the reference's `list-panes -a`, elapsed",
        median(listings),
        "ms",
    ));
}

/// What they need while nothing happens, in the time of the measurement.
fn at_rest(pids: [u32; 2]) -> [Duration; 2] {
    let before = pids.map(ProcessorTime::of);
    clock::pause(REST);
    let share = WATCH.as_secs_f64() / REST.as_secs_f64();
    before.map(|before| before.spent().mul_f64(share))
}

/// The same daemon goes on, so that what it does between two heartbeats is what it did at rest.
fn shorten_heartbeat(fleet: &Fleet) {
    let path = fleet.paths().town_toml();
    let mut text = fs_err::read_to_string(&path).expect("the town's configuration");
    text.push_str(&format!(
        "\n[daemon]\nheartbeat = \"{}s\"\n",
        CADENCE.as_secs()
    ));
    let before = beats(fleet);
    fs_err::write(&path, text).expect("the town's configuration");
    fleet.town.wait_for("heartbeats in the new cadence", || {
        (beats(fleet) >= before + 2).then_some(())
    });
}

fn beats(fleet: &Fleet) -> i64 {
    let state = DaemonState::read(&fleet.paths().daemon_state());
    state.expect("the daemon's state").heartbeat_count
}
