//! A town with so many agents, all of them crew of one rig that always run.

use std::time::Duration;

use gt_core::{AgentId, RigName, WorkerName};
use gt_host::clock;
use gt_host::paths::TownPaths;
use gt_testkit::town::TestTown;

use crate::report::{Report, Row, Target, median, milliseconds};

/// Restarts are forgotten after this, so that each one measured is an agent's first.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);

/// A town that is up.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) town: TestTown,
    pub(crate) agents: Vec<AgentId>,
    pub(crate) daemon: u32,
}

impl Fleet {
    /// Makes the town and brings it up; several times if that is to be measured.
    pub(crate) fn up(size: usize, measured: bool, report: &mut Report) -> Self {
        let town = town();
        let agents = add_crew(&town, size);
        let mut times = vec![bring_up(&town)];
        if measured {
            for _ in 0..2 {
                town.gt(&["down", "--wait", "120"]).ok();
                times.push(bring_up(&town));
            }
            let row = Row::new(
                "up",
                Some(size),
                "`gt up` to all running",
                median(times),
                "ms",
            );
            report.add(match size {
                100 => row.target(Target::Value(1000.0)),
                _ => row,
            });
        }
        let daemon = town.daemon_pid();
        Self {
            town,
            agents,
            daemon,
        }
    }

    pub(crate) fn paths(&self) -> TownPaths {
        TownPaths::new(self.town.root())
    }

    pub(crate) fn size(&self) -> usize {
        self.agents.len()
    }

    /// The process of the town's tmux server.
    pub(crate) fn tmux_server(&self) -> u32 {
        let printed = self
            .town
            .gt(&["tmux", "display-message", "-p", "#{pid}"])
            .ok();
        printed.trim().parse().expect("a pid")
    }
}

impl Drop for Fleet {
    /// Hundreds of agents take longer to stop than a test's town waits for.
    fn drop(&mut self) {
        self.town.gt(&["down", "--wait", "120"]).ok();
    }
}

/// A town without agents that run by themselves, but for crew.
fn town() -> TestTown {
    let restart = format!("[restart]\nwindow = \"{}s\"\n", WINDOW.as_secs());
    let town = TestTown::new(std::path::Path::new(crate::GT), &restart);
    let path = town.root().join("town.toml");
    let mut text = fs_err::read_to_string(&path).expect("the town's configuration");
    for (role, run) in [("mayor", "never"), ("deacon", "never"), ("crew", "always")] {
        let table = format!("[roles.{role}]\n");
        text = text.replace(&table, &format!("{table}run = \"{run}\"\n"));
    }
    fs_err::write(&path, text).expect("the town's configuration");
    town
}

fn add_crew(town: &TestTown, size: usize) -> Vec<AgentId> {
    let rig = RigName::new("bench").expect("a name");
    add_rig(town, rig.as_str());
    let agents = (0..size).map(|number| {
        let name = format!("a{number:03}");
        let directory = town.root().join("bench/crew").join(&name);
        fs_err::create_dir_all(directory).expect("a work directory");
        AgentId::Crew(rig.clone(), WorkerName::new(&name).expect("a name"))
    });
    let agents = agents.collect();
    register(town, &["bench".to_owned()]);
    agents
}

/// The directory of a rig, with its identity as the original writes it.
pub(crate) fn add_rig(town: &TestTown, name: &str) {
    let rig = town.root().join(name);
    for directory in ["refinery/rig", "mayor/rig", "witness", "polecats", "crew"] {
        fs_err::create_dir_all(rig.join(directory)).expect("a directory of the rig's");
    }
    let identity = serde_json::json!({
        "type": "rig", "version": 1, "name": name,
        "git_url": format!("https://example.invalid/{name}.git"),
        "created_at": "2025-12-20T10:00:00Z",
    });
    fs_err::write(rig.join("config.json"), identity.to_string()).expect("the rig's identity");
}

/// Writes the registry of these rigs as the original does.
pub(crate) fn register(town: &TestTown, names: &[String]) {
    let rigs: serde_json::Map<String, serde_json::Value> = names
        .iter()
        .map(|name| {
            let entry = serde_json::json!({
                "git_url": format!("https://example.invalid/{name}.git"),
                "added_at": "2025-12-20T10:00:00Z",
            });
            (name.clone(), entry)
        })
        .collect();
    let registry = serde_json::json!({ "version": 1, "rigs": rigs });
    fs_err::write(town.root().join("mayor/rigs.json"), registry.to_string())
        .expect("the town's registry");
}

fn bring_up(town: &TestTown) -> f64 {
    let before = clock::monotonic();
    town.gt(&["up", "--quiet"]).ok();
    milliseconds(clock::monotonic().saturating_sub(before))
}
