//! A town's directory that is copied, or moved away and replaced, under its agents.

use std::path::Path;

use gt_api::view::{Agent, Status};
use gt_host::command::Program;
use gt_host::process::Signal;
use gt_testkit::town::{TestTown, is_gone, signal};
use std::time::Duration;

use crate::town;

/// An agent of the town in this directory, if that has a status.
fn seen(town: &TestTown, place: &Path, agent: &str) -> Option<Agent> {
    let shown = town.run_in(place, &["status", "--json"]);
    let status: Status = serde_json::from_str(&shown.stdout).ok()?;
    status.agents.into_iter().find(|seen| seen.id == agent)
}

/// Waits until an agent of the town in this directory runs.
#[track_caller]
fn run(town: &TestTown, place: &Path, agent: &str) -> Agent {
    town.wait_for(&format!("{agent} to run in {}", place.display()), || {
        seen(town, place, agent).filter(|agent| agent.pid.is_some())
    })
}

fn copy(from: &Path, to: &Path) {
    Program::new("cp", from, Duration::from_secs(30))
        .args(["-a", "."].map(Path::new))
        .args([to])
        .output()
        .expect("a directory can be copied");
}

/// Covers F10, F13, F69: a copy of a running town has agents of its own; those of the town that it was
/// copied from are neither shown, stopped nor swept by it.
#[test]
fn a_copy_of_a_running_town_leaves_the_other_alone() {
    let town = town("");
    town.script("deacon", "first: /setsid\n");
    town.gt(&["up"]).ok();
    let agents = ["mayor", "deacon"].map(|agent| town.wait_for_run(agent, None));
    town.wait_for("what the deacon leaves", || {
        town.journal("deacon").contains(" left ").then_some(())
    });
    let left = town.marked();
    let other = town.beside().join("c");
    copy(town.root(), &other);
    assert_eq!(seen(&town, &other, "mayor").unwrap().pid, None);
    town.run_in(&other, &["down"]).ok();
    town.run_in(&other, &["up"]).ok();
    for agent in &agents {
        assert_ne!(run(&town, &other, &agent.id).pid, agent.pid);
    }
    town.run_in(&other, &["mayor", "restart"]).ok();
    town.run_in(&other, &["down"]).ok();
    for agent in &agents {
        assert_eq!(town.agent(&agent.id).incarnation, agent.incarnation);
    }
    assert_eq!(town.marked(), left);
}

/// Covers F10, F13, F34: a town that is moved away keeps its agents, and a town that is made where it
/// was has its own; neither touches the other's, nor its files.
#[test]
fn a_town_made_where_another_was_has_its_own_agents() {
    let town = town("");
    town.gt(&["up"]).ok();
    let [mayor, deacon] = ["mayor", "deacon"].map(|agent| town.wait_for_run(agent, None));
    let first_daemon = town.daemon_pid();
    let moved = town.beside().join("moved");
    fs_err::rename(town.root(), &moved).unwrap();
    let root = town.root().display().to_string();
    town.run_in(town.beside(), &["install", &root]).ok();
    fs_err::copy(moved.join("town.toml"), town.root().join("town.toml")).unwrap();
    town.gt(&["up"]).ok();
    let own = ["mayor", "deacon"].map(|agent| town.wait_for_run(agent, None));

    signal(mayor.pid.unwrap(), Signal::KILL);
    town.wait_for("the first daemon's end", || {
        is_gone(first_daemon).then_some(())
    });
    town.run_in(&moved, &["up"]).ok();
    assert_eq!(run(&town, &moved, "deacon").pid, deacon.pid);
    let successor = run(&town, &moved, "mayor");
    assert_ne!(successor.pid, own[0].pid);
    town.run_in(&moved, &["down"]).ok();
    for pid in [successor.pid, deacon.pid, deacon.holder_pid] {
        assert!(is_gone(pid.unwrap()));
    }
    for agent in &own {
        assert_eq!(town.agent(&agent.id).incarnation, agent.incarnation);
    }
}
