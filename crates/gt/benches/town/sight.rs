//! How soon `gt status` tells what an agent does: after its screen changed, and after its hook told.
//! Hooks are answered below the agent's holder only: this program runs itself there.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gt_api::view::{State, Status};
use gt_host::clock;
use gt_testkit::town::TestTown;

use crate::hook;
use crate::report::{Report, Row, Target, median, milliseconds};

/// The word with which this program runs itself within an agent.
pub(crate) const INSIDE: &str = "--inside-sight";

/// Changes measured of each kind.
const ROUNDS: usize = 20;

/// Milliseconds, the longest that was agreed on: by the screen, and by a hook.
const SCREEN: f64 = 1000.0;
const HOOK: f64 = 200.0;

/// How long a state is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a hook tells, and the state that it means.
const TOLD: [(&str, State); 2] = [
    ("PermissionRequest", State::NeedsApproval),
    ("UserPromptSubmit", State::Working),
];

pub(crate) fn measure(report: &mut Report) {
    let town = TestTown::new(Path::new(crate::GT), "");
    town.gt(&["up"]).ok();
    town.wait_for_state("mayor", State::Idle);
    let by_screen = (0..ROUNDS).map(|_| by_screen(&town)).collect();
    add(report, "the screen changed", by_screen, SCREEN);
    let result = town.beside().join("times.json");
    let own = std::env::current_exe().expect("this program has a file");
    let words = format!("{} {INSIDE} {} --bench", own.display(), result.display());
    town.type_line("mayor", &format!("/run {words}"));
    let by_hook = town.wait_for("the times", || {
        serde_json::from_slice(&fs_err::read(&result).ok()?).ok()
    });
    add(report, "a hook told", by_hook, HOOK);
}

fn add(report: &mut Report, what: &str, times: Vec<f64>, limit: f64) {
    let longest = times.iter().copied().fold(0.0, f64::max);
    let row = |kind: &str, value| {
        let what = format!("`gt status` after {what}, {kind}");
        Row::new("sight", None, what, value, "ms")
    };
    report.add(row("median", median(times)));
    report.add(row("longest", longest).target(Target::Value(limit)));
}

/// From the last key of a line that opens a dialog.
fn by_screen(town: &TestTown) -> f64 {
    town.type_line("mayor", "/dialog Delete everything");
    let before = clock::monotonic();
    town.wait_for_state("mayor", State::NeedsAnswer);
    let after = clock::monotonic();
    town.press("mayor", &["Enter"]);
    town.wait_for_state("mayor", State::Idle);
    milliseconds(after.saturating_sub(before))
}

/// What this program does in the agent: `words` is the file for the times.
pub(crate) fn inside(words: &[String]) {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        for (event, state) in TOLD {
            let before = clock::monotonic();
            let told = format!(r#"{{"hook_event_name":"{event}","session_id":"bench"}}"#);
            hook::time(Path::new(crate::GT), &["hook", event], &told);
            while seen() != state {
                let waited = clock::monotonic().saturating_sub(before);
                assert!(waited < PATIENCE, "{event} is not told of");
            }
            times.push(milliseconds(clock::monotonic().saturating_sub(before)));
        }
    }
    let text = serde_json::to_vec(&times).expect("numbers are plain data");
    gt_host::atomic::write_for_boot(Path::new(&words[0]), &text).expect("a file beside the town");
}

/// What `gt status` says of the agent within which this is asked.
#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is the program, as an agent's would start it"
)]
fn seen() -> State {
    let said = Command::new(crate::GT)
        .args(["status", "--json"])
        .output()
        .expect("it can be started");
    let status: Status = serde_json::from_slice(&said.stdout).expect("a status");
    let mayor = status.agents.iter().find(|agent| agent.id == "mayor");
    mayor.expect("the mayor's seat").state
}
