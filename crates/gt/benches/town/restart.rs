//! From the death of an agent to its successor's first instruction.

use std::time::Duration;

use gt_core::AgentId;
use gt_core::time::elapsed;
use gt_host::clock;
use gt_host::holder;
use gt_host::holder::client::Client;
use gt_host::holder::protocol::Answer;
use gt_host::process::{self, Signal};
use jiff::Timestamp;

use crate::fleet::{Fleet, WINDOW};
use crate::reference::{self, Reference};
use crate::report::{Report, Row, Target, median, milliseconds, p95};

/// Between two deaths: enough for all that follows one to end.
const PAUSE: Duration = Duration::from_millis(150);

/// A millisecond where the reference takes 3.5 ms: the machine that the target was set on.
const NOTICED: f64 = 1.0 / 3.5;

/// Far above what a restart takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One restart in milliseconds, its parts as those who do them tell.
struct Restart {
    /// From the kill until the daemon had the news.
    noticed: f64,
    /// The daemon had the last screen.
    screen: f64,
    /// The daemon had recorded the attempt, beside the screen.
    record: f64,
    /// The holder had made sure that nothing of the run before is left, and started the program.
    holder: f64,
    /// From the kill until the successor's first instruction.
    running: f64,
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
    let times = |time: fn(&Restart) -> f64| restarts.iter().map(time).collect::<Vec<f64>>();
    let row = |what: &str, value| Row::new("restart", Some(fleet.size()), what, value, "ms");
    let noticed = times(|restart| restart.noticed);
    let running = times(|restart| restart.running);
    report.add(
        row("exit to noticed by the daemon", median(noticed.clone()))
            .beside(median(bare.clone()))
            .target(Target::Ratio(NOTICED)),
    );
    report.add(row("exit to noticed by the daemon, p95", p95(noticed)));
    for (what, part) in [
        ("last screen captured", times(|restart| restart.screen)),
        (
            "attempt recorded, beside it",
            times(|restart| restart.record),
        ),
        ("tree gone and started", times(|restart| restart.holder)),
    ] {
        report.add(row(what, median(part)));
    }
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
    let said = Said::so_far(fleet);

    let killed_at = clock::now();
    let before = clock::monotonic();
    process::signal(program, Signal::KILL).expect("it can be killed");
    let exited_at = exit_of(&mut holder);
    let running = reference::await_start(|| {
        let starts_now = reference::starts(&fleet.town.journal(&name));
        starts_now.get(starts).map(|(_, at)| *at)
    });
    // The holder's clock and the daemon's are one: from the kill to the exit that the holder saw,
    // and from there to the daemon.
    let seen = milliseconds(elapsed(killed_at, exited_at));
    Restart {
        noticed: seen + said.next(fleet, &name, "exited", "noticed after "),
        screen: said.next(fleet, &name, "started", "screen "),
        record: said.next(fleet, &name, "started", "record "),
        holder: said.next(fleet, &name, "started", "holder "),
        running: milliseconds(running.saturating_sub(before)),
    }
}

/// When the holder saw the exit.
fn exit_of(holder: &mut Client) -> Timestamp {
    let deadline = clock::monotonic() + PATIENCE;
    loop {
        if let Answer::Exited { at, .. } = holder.next_news(deadline).expect("its holder speaks") {
            return at;
        }
    }
}

/// How much of the daemon's log was there before.
struct Said(usize);

impl Said {
    fn so_far(fleet: &Fleet) -> Self {
        Self(log(fleet).len())
    }

    /// The milliseconds that the log tells of an agent since then, after these words of a line of
    /// this kind.
    fn next(&self, fleet: &Fleet, agent: &str, kind: &str, words: &str) -> f64 {
        let start = format!(" {kind} {agent} ");
        reference::await_start(|| {
            let log = log(fleet);
            let news = log.get(self.0..)?;
            let mut lines = news.lines().filter(|line| line.contains(&start));
            let told = lines.find_map(|line| line.split_once(words))?.1;
            told.split_once(" ms")?.0.parse().ok()
        })
    }
}

fn log(fleet: &Fleet) -> String {
    fs_err::read_to_string(fleet.paths().daemon_log()).expect("the daemon has a log")
}
