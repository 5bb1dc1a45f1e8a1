use super::*;
use crate::roster::roster;
use gt_core::{RigName, Roll, WorkerName};
use std::os::unix::fs::PermissionsExt as _;

fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn captured(config: &Config) -> Captured {
    let person = environment(&[
        ("PATH", "/usr/bin:/opt/gt/bin:/bin"),
        ("HOME", "/home/u"),
        ("LC_ALL", "C.UTF-8"),
        ("TERM", "xterm-kitty"),
        ("ANTHROPIC_API_KEY", "s3cret"),
        ("OPENAI_API_KEY", "s3cret"),
        ("MY_TOKEN", "s3cret"),
        ("AWS_SECRET", "s3cret"),
        ("CLAUDECODE", "1"),
        ("NODE_OPTIONS", "--inspect"),
        ("TMUX", "/tmp/x,1,0"),
        ("TMUX_PANE", "%1"),
        ("GT_ROLE", "mayor"),
        ("LD_PRELOAD", "/evil.so"),
    ]);
    Captured::take(person, config, "2025-12-20T10:00:00Z".parse().unwrap())
}

fn paths() -> TownPaths {
    TownPaths::new(Path::new("/t"))
}

fn agents() -> Vec<AgentId> {
    let rig = RigName::new("gas").unwrap();
    let worker = WorkerName::new("max").unwrap();
    vec![
        AgentId::Crew(rig.clone(), worker.clone()),
        AgentId::Polecat(rig, worker),
    ]
}

fn of_agent(config: &Config, agent: &str) -> Variables {
    let roll = Roll::new([RigName::new("gas").unwrap()], agents());
    let seats = roster(config, &roll, &paths()).seats;
    let seat = seats
        .iter()
        .find(|seat| seat.agent.to_string() == agent)
        .unwrap();
    let launch = Launch {
        gt_directory: Path::new("/opt/gt/bin"),
        incarnation: IncarnationId(uuid::Uuid::from_u128(1)),
        terminal: "tmux-256color",
    };
    captured(config).for_agent(seat, config, &paths(), launch)
}

fn names(variables: &Variables) -> Vec<&str> {
    variables.iter().map(|(name, _)| name).collect()
}

/// Covers F70, F71: only what is allowed is taken, and no mark of a pane or another agent.
#[test]
fn only_what_is_allowed_is_taken() {
    let config = Config::check("[env]\npass = [\"MY_TOKEN\"]\n").unwrap();
    assert_eq!(
        names(&captured(&config).variables),
        [
            "ANTHROPIC_API_KEY",
            "HOME",
            "LC_ALL",
            "MY_TOKEN",
            "PATH",
            "TERM"
        ]
    );
}

#[test]
fn an_agent_gets_the_keys_of_its_own_program_only() {
    let config = Config::check("[roles.refinery]\nagent = \"codex\"\n").unwrap();
    let refinery = of_agent(&config, "gas/refinery");
    assert_eq!(refinery.get("OPENAI_API_KEY"), Some("s3cret"));
    assert_eq!(refinery.get("ANTHROPIC_API_KEY"), None);
    assert_eq!(of_agent(&config, "mayor").get("OPENAI_API_KEY"), None);
}

#[track_caller]
fn check_identity(agent: &str, expect: &str) {
    let variables = of_agent(&Config::default(), agent);
    let own: Vec<String> = variables
        .iter()
        .filter(|(name, _)| name.starts_with("GT_") || name.starts_with("BEADS"))
        .filter(|(name, _)| !matches!(*name, "GT_TOWN" | "GT_INCARNATION"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(own.join(" "), expect);
    assert_eq!(variables.get("GT_TOWN"), Some("/t"));
    assert!(variables.get("GT_INCARNATION").is_some());
}

/// Covers T3, M28: each agent learns who it is in the original's variables and ours.
#[test]
fn an_agent_is_told_who_it_is() {
    check_identity("mayor", "GT_AGENT=mayor GT_ROLE=mayor");
    check_identity(
        "gas/witness",
        "GT_AGENT=gas/witness GT_RIG=gas GT_ROLE=witness",
    );
    check_identity(
        "gas/refinery",
        "BEADS_AGENT_NAME=gas/refinery BEADS_DIR=/t/gas/.beads BEADS_NO_DAEMON=1 \
         GT_AGENT=gas/refinery GT_REFINERY=1 GT_RIG=gas GT_ROLE=refinery",
    );
    check_identity(
        "gas/crew/max",
        "GT_AGENT=gas/crew/max GT_CREW=max GT_RIG=gas GT_ROLE=crew",
    );
    check_identity(
        "gas/polecats/max",
        "BEADS_AGENT_NAME=gas/max BEADS_DIR=/t/gas/.beads BEADS_NO_DAEMON=1 \
         GT_AGENT=gas/polecats/max GT_POLECAT=max GT_RIG=gas GT_ROLE=polecat",
    );
}

#[test]
fn the_running_gt_comes_first_in_path_and_once() {
    let variables = of_agent(&Config::default(), "deacon");
    assert_eq!(variables.get("PATH"), Some("/opt/gt/bin:/usr/bin:/bin"));
    assert_eq!(variables.get("TERM"), Some("tmux-256color"));
    assert_eq!(path_with(Path::new("/gt"), ""), "/gt");
}

#[test]
fn what_town_toml_sets_for_a_program_is_set() {
    let config = Config::check("[agents.claude.env]\nHOME = \"/other\"\n").unwrap();
    assert_eq!(of_agent(&config, "mayor").get("HOME"), Some("/other"));
}

#[test]
fn what_is_kept_is_for_its_owner_only_and_reads_back() {
    let directory = tempfile::tempdir().unwrap();
    let paths = TownPaths::new(directory.path());
    fs_err::create_dir(paths.private()).unwrap();
    assert_eq!(Captured::read(&paths).unwrap(), None);
    let kept = captured(&Config::default());
    kept.write(&paths).unwrap();
    let mode = fs_err::metadata(paths.captured_environment())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(Captured::read(&paths).unwrap(), Some(kept));
}

#[test]
fn neither_a_difference_nor_a_log_shows_a_value() {
    let before = captured(&Config::default());
    let mut now = before.variables.clone();
    now.0.remove("HOME");
    now.0.insert("PATH".to_owned(), "/s3cret".to_owned());
    now.0.insert("TZ".to_owned(), "s3cret".to_owned());
    let differences = before.variables.differences(&now);
    let shown: Vec<String> = differences
        .iter()
        .map(|one| format!("{} {:?}", one.name, one.change))
        .collect();
    assert_eq!(shown, ["HOME Removed", "PATH Changed", "TZ Added"]);
    let log = format!("{before:?} {now:?} {differences:?}");
    assert!(
        log.contains("ANTHROPIC_API_KEY") && !log.contains("s3cret"),
        "{log}"
    );
}

#[test]
fn this_program_has_a_directory_and_this_host_a_terminal() {
    assert!(own_directory().unwrap().is_dir());
    assert!(terminal().ends_with("-256color"));
}
