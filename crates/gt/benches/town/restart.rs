//! From the death of an agent to its successor's first instruction.

use std::time::Duration;

use gt_core::AgentId;
use gt_host::clock;
use gt_host::holder;
use gt_host::holder::client::Client;
use gt_host::holder::protocol::Answer;
use gt_host::process::{self, Signal};

use crate::fleet::{Fleet, WINDOW};
use crate::reference::{self, Reference};
use crate::report::{Report, Row, Target, median, milliseconds, p95};

/// Between two deaths: enough for all that follows one to end.
const PAUSE: Duration = Duration::from_millis(150);

/// A millisecond where the reference takes 3.5 ms: the machine that the target was set on.
const NOTICED: f64 = 1.0 / 3.5;

/// Far above what a restart takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One restart, as times from before the kill.
struct Restart {
    /// The holder's report reached a client of its own.
    noticed: Duration,
    /// The successor's first instruction.
    running: Duration,
}

pub(crate) fn measure(
    fleet: &Fleet,
    reference: &mut Reference,
    rounds: usize,
    report: &mut Report,
) {
    let mut restarts = Vec::new();
    let mut bare = Vec::new();
    for round in 0..rounds {
        let agent = &fleet.agents[round % fleet.size()];
        clock::pause(pause(fleet.size()));
        restarts.push(restart(fleet, agent));
        clock::pause(PAUSE);
        bare.push(milliseconds(reference.restart(round)));
    }
    let times = |time: fn(&Restart) -> Duration| -> Vec<f64> {
        restarts
            .iter()
            .map(|restart| milliseconds(time(restart)))
            .collect()
    };
    let row = |what: &str, value| Row::new("restart", Some(fleet.size()), what, value, "ms");
    let noticed = times(|restart| restart.noticed);
    let running = times(|restart| restart.running);
    let between = times(|restart| restart.running.saturating_sub(restart.noticed));
    report.add(
        row("exit to noticed", median(noticed.clone()))
            .beside(median(bare.clone()))
            .target(Target::Ratio(NOTICED)),
    );
    report.add(row("exit to noticed, p95", p95(noticed)));
    report.add(row("noticed to running", median(between)));
    let whole = row("exit to running", median(running.clone()));
    report.add(
        whole
            .beside(median(bare.clone()))
            .target(Target::Ratio(1.0)),
    );
    report.add(row("exit to running, p95", p95(running)).beside(p95(bare)));
}

/// Before an agent's death, so that its last one does not count any more.
fn pause(size: usize) -> Duration {
    if size < 10 { WINDOW + PAUSE } else { PAUSE }
}

fn restart(fleet: &Fleet, agent: &AgentId) -> Restart {
    let deadline = clock::monotonic() + PATIENCE;
    let state = holder::read_state_file(&fleet.paths(), agent).expect("its holder's file");
    let socket = state.expect("it has a holder").socket;
    let mut holder = Client::connect(socket.as_ref(), deadline).expect("its holder answers");
    let report = holder.hello(deadline).expect("its holder answers");
    let program = report.process.expect("it runs");
    let name = agent.to_string();
    let starts = reference::starts(&fleet.town.journal(&name)).len();

    let before = clock::monotonic();
    process::signal(program, Signal::KILL).expect("it can be killed");
    await_news(&mut holder, |answer| {
        matches!(answer, Answer::Exited { .. })
    });
    let noticed = clock::monotonic();

    let running = reference::await_start(|| {
        let starts_now = reference::starts(&fleet.town.journal(&name));
        starts_now.get(starts).map(|(_, at)| *at)
    });
    Restart {
        noticed: noticed.saturating_sub(before),
        running: running.saturating_sub(before),
    }
}

fn await_news(holder: &mut Client, wanted: impl Fn(&Answer) -> bool) {
    let deadline = clock::monotonic() + PATIENCE;
    while !wanted(&holder.next_news(deadline).expect("its holder speaks")) {}
}
