//! `gt demo`: the whole main job, told and verified, and nothing left of it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gt_host::environment::{self, GT_TOWN};
use gt_host::process::{self, Signal};
use gt_testkit::town::signal;

/// The demo as a script starts it: without a terminal, and without a home.
#[expect(
    clippy::disallowed_methods,
    reason = "its signals and its output while it plays are what is tested"
)]
fn start() -> Child {
    Command::new(env!("CARGO_BIN_EXE_gt"))
        .arg("demo")
        .env_clear()
        .env("PATH", environment::variable("PATH").unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The town that the demo says it installs.
fn town_in(line: &str) -> Option<String> {
    let words = line.split("gt install ").nth(1)?;
    words.split(' ').next().map(str::to_owned)
}

/// Nothing of the demo's town is there: no file, and no process that was started in it.
fn assert_struck(town: &str) {
    let directory = Path::new(town).parent().unwrap();
    assert!(!directory.exists(), "{town} is left");
    assert_eq!(process::started_with(GT_TOWN, town).unwrap(), []);
}

/// Every step of the main job happens, in a clean environment, and the demo says so by its code.
#[test]
fn the_demo_plays_to_its_end_and_leaves_nothing() {
    let played = start().wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&played.stdout);
    let said = String::from_utf8_lossy(&played.stderr);
    assert!(played.status.success(), "{told}\n{said}");
    for step in [
        "It answered by reading its mail",
        "From kill -9 to the successor's first instruction: ",
        "Its successor's inbox:",
        "as before: its run was adopted.",
        "No process of the town is left",
        "\nEverything above happened, in ",
    ] {
        assert!(told.contains(step), "{step:?} is not in\n{told}");
    }
    assert_struck(&told.lines().find_map(town_in).unwrap());
}

/// A person who has seen enough ends it by Ctrl-C, and it cleans up.
#[test]
fn an_interrupted_demo_leaves_nothing() {
    let mut demo = start();
    let mut told = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut next = |found: &dyn Fn(&str) -> bool| told.find(|line| found(line.as_ref().unwrap()));
    let town = next(&|line| town_in(line).is_some()).unwrap().unwrap();
    let town = town_in(&town).unwrap();
    next(&|line| line.contains("This is what the mayor's terminal shows"))
        .unwrap()
        .unwrap();
    assert_ne!(process::started_with(GT_TOWN, &town).unwrap(), []);
    signal(demo.id(), Signal::INT);
    let ended = demo.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert_struck(&town);
}
