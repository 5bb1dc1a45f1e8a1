//! How long short commands take, beside a program that does nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use gt_core::address::Address;
use gt_core::mail::{MessageType, Priority};
use gt_host::clock;
use gt_host::paths::TownPaths;
use gt_store::{NewMessage, Store};
use gt_testkit::town::TestTown;

use crate::fleet::{add_rig, register};
use crate::report::{Report, Row, Target, median, milliseconds};

/// Runs of each command.
const RUNS: usize = 300;

/// The rigs of the town, each with three polecats and a crew member.
const RIGS: usize = 100;

/// Unread and read messages in the store.
const MESSAGES: usize = 50;

/// Nobody else has the store open.
const PATIENCE: Duration = Duration::from_secs(5);

/// A command, and what is wanted of it.
struct Measured {
    what: &'static str,
    command: Command,
    /// How often the time of the program that does nothing.
    target: Option<f64>,
}

pub(crate) fn measure(report: &mut Report) {
    crate::eprint("commands");
    let nothing = build_nothing();
    let town = town_of_many_rigs();
    let alone = vec![
        gt(&town, "gt --version", &["--version"], Some(2.0)),
        gt(&town, "gt mail check", &["mail", "check"], Some(3.5)),
        gt(
            &town,
            "gt status, 100 rigs, no daemon",
            &["status"],
            Some(2.87),
        ),
        gt(
            &town,
            "gt status --json, the same",
            &["status", "--json"],
            None,
        ),
    ];
    compare(&nothing, &town, alone, report);
    town.gt(&["daemon", "start"]).ok();
    let supervised = vec![
        gt(
            &town,
            "gt mail check, daemon",
            &["mail", "check"],
            Some(3.5),
        ),
        gt(
            &town,
            "gt status, 100 rigs, daemon",
            &["status"],
            Some(2.87),
        ),
        gt(
            &town,
            "gt status --json, the same",
            &["status", "--json"],
            None,
        ),
    ];
    compare(&nothing, &town, supervised, report);
    crate::hook::measure(&nothing, report);
}

fn gt(town: &TestTown, what: &'static str, arguments: &[&str], target: Option<f64>) -> Measured {
    let mut command = town.command(town.root());
    command.args(arguments);
    Measured {
        what,
        command,
        target,
    }
}

/// Runs all commands and the program that does nothing in turn.
fn compare(nothing: &Path, town: &TestTown, mut measured: Vec<Measured>, report: &mut Report) {
    measured.retain_mut(|one| {
        let works = run(&mut one.command).is_some();
        if !works {
            crate::eprint(&format!("{} fails and is left out", one.what));
        }
        works
    });
    let mut nothing = nothing_command(nothing, town);
    let mut bare = Vec::new();
    let mut times = vec![Vec::new(); measured.len()];
    for _ in 0..RUNS {
        bare.push(run(&mut nothing).expect("it does nothing well"));
        for (one, times) in measured.iter_mut().zip(&mut times) {
            times.push(run(&mut one.command).expect("it worked before"));
        }
    }
    let bare = median(bare);
    for (one, times) in measured.into_iter().zip(times) {
        let row = Row::new("cli", None, one.what, median(times), "ms").beside(bare);
        report.add(match one.target {
            Some(limit) => row.target(Target::Ratio(limit)),
            None => row,
        });
    }
}

/// Milliseconds from the start to the end; none if it fails.
fn run(command: &mut Command) -> Option<f64> {
    let before = clock::monotonic();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let after = clock::monotonic();
    let works = status.is_ok_and(|status| status.success());
    works.then(|| milliseconds(after.saturating_sub(before)))
}

/// A standard Rust program that prints a line.
#[expect(
    clippy::disallowed_methods,
    reason = "the compiler is no program of the town's"
)]
fn build_nothing() -> PathBuf {
    let directory = crate::target_directory().join("bench");
    fs_err::create_dir_all(&directory).expect("the target directory");
    let (source, program) = (directory.join("hello.rs"), directory.join("hello"));
    fs_err::write(&source, "fn main() { println!(\"hello\"); }\n").expect("a source file");
    let built = Command::new("rustc")
        .args(["--edition", "2024", "-O", "-o"])
        .args([&program, &source])
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "rustc builds it"
    );
    program
}

/// With the environment that the commands get.
#[expect(
    clippy::disallowed_methods,
    reason = "the reference is no program of the town's"
)]
fn nothing_command(program: &Path, town: &TestTown) -> Command {
    let mut command = Command::new(program);
    command.current_dir(town.root()).env_clear();
    for (name, value) in town.command(town.root()).get_envs() {
        command.env(name, value.expect("nothing is taken away"));
    }
    command
}

fn town_of_many_rigs() -> TestTown {
    let town = TestTown::new(Path::new(crate::GT), "");
    let names: Vec<String> = (0..RIGS).map(|number| format!("rig{number:03}")).collect();
    for name in &names {
        add_rig(&town, name);
        for worker in [
            "polecats/nux",
            "polecats/slit",
            "polecats/toast",
            "crew/max",
        ] {
            let directory = town.root().join(name).join(worker);
            fs_err::create_dir_all(directory).expect("a workspace");
        }
    }
    register(&town, &names);
    let paths = TownPaths::new(town.root());
    gt_host::town::private::secure(&paths).expect("the private directory");
    let mut store = Store::open(&paths.store(), PATIENCE).expect("the store");
    for number in 0..MESSAGES {
        store.send(&message(number)).expect("mail can be sent");
    }
    town
}

fn message(number: usize) -> NewMessage {
    let id = clock::fresh_id();
    NewMessage {
        id,
        from: Address::Daemon.to_string(),
        recipients: vec![Address::Overseer.to_string()],
        subject: format!("message {number}"),
        body: "some text\n".repeat(20),
        sent_at: clock::now(),
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id,
        reply_to: None,
        pinned: false,
    }
}
