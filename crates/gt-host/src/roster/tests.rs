use super::*;
use gt_core::{RigName, WorkerName};

struct World {
    _directory: tempfile::TempDir,
    paths: TownPaths,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let paths = TownPaths::new(&directory.path().canonicalize().unwrap());
    World {
        _directory: directory,
        paths,
    }
}

fn rig(name: &str) -> RigName {
    RigName::new(name).unwrap()
}

fn worker(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

impl World {
    fn roster(&self, config: &str, workers: Vec<AgentId>) -> Roster {
        let rigs: std::collections::BTreeSet<RigName> = workers
            .iter()
            .filter_map(|worker| worker.rig().cloned())
            .collect();
        let config = Config::check(config).unwrap();
        roster(&config, &Roll::new(rigs, workers), &self.paths)
    }

    fn seat(&self, config: &str) -> SeatSpec {
        self.roster(config, vec![]).seats.remove(0)
    }

    fn write_program(&self, path: &str, mode: u32) {
        let path = self.paths.root().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, "#!/bin/sh\n").unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Covers T18: each agent runs in its own directory, so that its role can be read from it.
#[test]
fn a_seat_has_what_its_role_says() {
    let world = world();
    let config = "[roles.witness]\nagent = \"codex\"\nrun = \"always\"\npoke = \"always\"\n";
    let roster = world.roster(config, vec![AgentId::Crew(rig("gas"), worker("max"))]);
    let lines: Vec<String> = roster
        .seats
        .iter()
        .map(|seat| {
            let place = seat.work_dir.strip_prefix(world.paths.root()).unwrap();
            format!(
                "{} {} {:?} {:?} {}",
                seat.session_name,
                seat.preset.name,
                seat.run,
                seat.poke,
                place.display()
            )
        })
        .collect();
    let expect = [
        "gt-mayor claude Always Owed mayor",
        "gt-deacon claude Always Owed deacon",
        "gt-gas-witness codex Always Always gas/witness",
        "gt-gas-refinery claude OnDemand Owed gas/refinery/rig",
        "gt-gas-crew-max claude Never Owed gas/crew/max",
    ];
    assert_eq!(lines, expect);
}

/// Covers T7: of two agents with one session name the first has a seat, the other is named.
#[test]
fn only_the_first_of_two_with_one_session_name_has_a_seat() {
    let first = AgentId::Polecat(rig("a"), worker("b-c"));
    let second = AgentId::Polecat(rig("a-b"), worker("c"));
    let roster = world().roster("", vec![first.clone(), second.clone()]);
    let expect = Collision {
        holder: first.clone(),
        left_out: second.clone(),
    };
    assert_eq!(roster.collisions, [expect]);
    assert!(roster.seats.iter().any(|seat| seat.agent == first));
    assert!(roster.seats.iter().all(|seat| seat.agent != second));
}

#[track_caller]
fn check_missing(world: &World, seat: &SeatSpec, path: &str, expect: &str) {
    let found = match launch_readiness(seat, path) {
        Observed::Known(Ok(())) => "ready".to_owned(),
        Observed::Known(Err(missing)) => missing,
        Observed::Unknown(reason) => format!("unknown: {reason}"),
    };
    assert_eq!(
        found.replace(&format!("{}/", world.paths.root().display()), ""),
        expect
    );
}

/// Covers L22: what a start would need is looked for first.
#[test]
fn a_seat_is_ready_when_directory_and_program_are_there() {
    let world = world();
    let bin = world.paths.root().join("bin").display().to_string();
    let path = format!("/no/such/directory:{bin}");
    let seat = world.seat("");
    check_missing(
        &world,
        &seat,
        &path,
        "the work directory `mayor`, which is not there",
    );
    fs_err::create_dir(world.paths.root().join("mayor")).unwrap();
    let absent = "the program `claude`, which is not found on the agent's PATH";
    check_missing(&world, &seat, &path, absent);
    world.write_program("bin/claude", 0o644);
    check_missing(&world, &seat, &path, absent);
    world.write_program("bin/claude", 0o755);
    check_missing(&world, &seat, &path, "ready");
    check_missing(&world, &seat, "/no/such/directory", absent);
}

#[test]
fn a_program_with_a_path_is_looked_for_from_the_work_directory() {
    let world = world();
    let seat =
        world.seat("[agents.mine]\ncommand = [\"./run\"]\n[roles.mayor]\nagent = \"mine\"\n");
    world.write_program("mayor/run", 0o755);
    check_missing(&world, &seat, "", "ready");
}

/// Unknown is not absent: a place that cannot be looked at is no reason to say "not there".
#[test]
fn a_place_that_cannot_be_looked_at_is_unknown() {
    let world = world();
    let looped = world.paths.root().join("loop");
    std::os::unix::fs::symlink(&looped, &looped).unwrap();
    fs_err::create_dir(world.paths.root().join("mayor")).unwrap();
    let found = launch_readiness(&world.seat(""), &looped.display().to_string());
    assert!(matches!(found, Observed::Unknown(_)), "{found:?}");
    let elsewhere = SeatSpec {
        work_dir: looped,
        ..world.seat("")
    };
    assert!(matches!(
        launch_readiness(&elsewhere, ""),
        Observed::Unknown(_)
    ));
}
