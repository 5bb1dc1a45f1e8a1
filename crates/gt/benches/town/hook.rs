//! How long the hooks of an agent's program take, beside a program that does nothing. A hook is
//! answered only below the holder of its agent: this program runs itself there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gt_host::clock;
use gt_testkit::town::TestTown;
use serde::{Deserialize, Serialize};

use crate::report::{Report, Row, Target, median, milliseconds};

/// The word with which this program runs itself within an agent.
pub(crate) const INSIDE: &str = "--inside";

/// Runs of each.
const RUNS: usize = 300;

/// Of the program that does nothing.
const TARGET: f64 = 3.0;

/// The events that are told at every turn, and a line of the settings.
const EVENTS: [&str; 3] = ["UserPromptSubmit", "PermissionRequest", "Stop"];

/// Milliseconds: of the program that does nothing, and of the hook at each event.
#[derive(Debug, Serialize, Deserialize)]
struct Times {
    nothing: f64,
    hooks: Vec<f64>,
}

/// Measures them in the agent of a town whose daemon runs.
pub(crate) fn measure(nothing: &Path, report: &mut Report) {
    let town = TestTown::new(Path::new(crate::GT), "");
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    let result = town.beside().join("times.json");
    let own = std::env::current_exe().expect("this program has a file");
    let words = [own.as_path(), Path::new(INSIDE), nothing, &result];
    let words = words.map(|word| word.display().to_string()).join(" ");
    town.type_line("mayor", &format!("/run {words} --bench"));
    let times: Times = town.wait_for("the times", || {
        serde_json::from_slice(&fs_err::read(&result).ok()?).ok()
    });
    for (event, time) in EVENTS.into_iter().zip(times.hooks) {
        let what = format!("gt hook {event}, daemon");
        let row = Row::new("cli", None, what, time, "ms").beside(times.nothing);
        report.add(row.target(Target::Ratio(TARGET)));
    }
}

/// What this program does in the agent: `words` are the program that does nothing and the file for
/// the times.
pub(crate) fn inside(words: &[String]) {
    let [nothing, result] = [0, 1].map(|place| PathBuf::from(&words[place]));
    let mut bare = Vec::new();
    let mut hooks = vec![Vec::new(); EVENTS.len()];
    for _ in 0..RUNS {
        bare.push(time(&nothing, &[], ""));
        for (event, times) in EVENTS.iter().zip(&mut hooks) {
            let told = format!(r#"{{"hook_event_name":"{event}","session_id":"bench"}}"#);
            times.push(time(Path::new(crate::GT), &["hook", event], &told));
        }
    }
    let times = Times {
        nothing: median(bare),
        hooks: hooks.into_iter().map(median).collect(),
    };
    let text = serde_json::to_vec(&times).expect("numbers are plain data");
    gt_host::atomic::write_for_boot(&result, &text).expect("the times can be written");
}

/// Milliseconds from the start to the end of a program that is told this.
#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is the program, as an agent's would start it"
)]
pub(crate) fn time(program: &Path, arguments: &[&str], told: &str) -> f64 {
    use std::io::Write as _;
    let before = clock::monotonic();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it can be started");
    let mut stdin = child.stdin.take().expect("it was piped");
    // The program that does nothing may have ended.
    let _ = stdin.write_all(told.as_bytes());
    drop(stdin);
    let status = child.wait().expect("it can be waited for");
    let after = clock::monotonic();
    assert!(status.success(), "{} works", program.display());
    milliseconds(after.saturating_sub(before))
}
