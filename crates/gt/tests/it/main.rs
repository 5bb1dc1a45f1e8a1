//! `gt` from end to end: the real binary, real tmux on private sockets, real processes and git.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail their test")]

mod attach;
mod conformance;
mod daemon_process;
mod demo;
mod hooks;
mod hostile;
mod identity;
mod lifecycle;
mod messages;
mod nudges;
mod original_town;
mod output;
mod places;
mod poke;
mod refusals;
mod robustness;
mod seeing;
mod states;
mod strangers;
mod supervision;
mod tmux_server;
mod towns;

use std::path::Path;
use std::time::Duration;

use gt_host::command::Program;
use gt_testkit::town::TestTown;

/// A town of the binary under test.
fn town(tables: &str) -> TestTown {
    TestTown::new(Path::new(env!("CARGO_BIN_EXE_gt")), tables)
}

/// Gives the town a rig: clones of a repository that is made for it, with one commit.
fn add_rig(town: &TestTown, name: &str) {
    let source = town.beside().join(format!("{name}-source"));
    fs_err::create_dir(&source).expect("a directory for the repository");
    let commands: [&[&str]; 2] = [
        &["init", "--quiet", "--initial-branch=main"],
        &["commit", "--quiet", "--allow-empty", "--message=First"],
    ];
    for arguments in commands {
        let mut git = Program::new("git", &source, Duration::from_secs(30)).args(arguments);
        for (variable, value) in town.command(&source).get_envs() {
            git = git.env(variable, value.expect("nothing is unset"));
        }
        git.output().expect("git works");
    }
    let source = source.display().to_string();
    town.gt(&["rig", "add", name, &source]).ok();
}

/// Waits until an agent's program shows its prompt, and takes what is typed.
fn prompt(town: &TestTown, agent: &str) {
    town.wait_for(&format!("the prompt of {agent}"), || {
        let screen = town.gt(&["peek", agent]);
        screen.stdout.contains("? for shortcuts").then_some(())
    });
}
