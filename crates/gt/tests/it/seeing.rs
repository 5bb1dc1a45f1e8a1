//! What a person, a program and an agent see of the town.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use gt_api::view::State;
use gt_core::AgentId;
use gt_core::theme::theme_of;
use gt_host::paths::TownPaths;
use gt_testkit::town::TestTown;
use serde_json::Value;

use crate::{add_rig, prompt, town};

const SECRET: &str = "s3cr3t-of-a-person";

/// The files below `directory` that hold `text`.
fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files_with(&entry.path(), text));
        } else if kind.is_file() {
            let content = fs_err::read(entry.path()).unwrap();
            if String::from_utf8_lossy(&content).contains(text) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

/// What an agent's own program finds in its environment.
fn environment_of(town: &TestTown, agent: &str) -> Vec<String> {
    let path = town.beside().join("env");
    let script = town.beside().join("show");
    let line = format!("env > {0}.part && mv {0}.part {0}", path.display());
    fs_err::write(&script, line).unwrap();
    town.type_line(agent, &format!("/run sh {}", script.display()));
    let text = town.wait_for("the environment", || fs_err::read_to_string(&path).ok());
    fs_err::remove_file(&path).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Covers L19, T3, T18, F70, F71, D10: from its first instruction, and again in its second run, an
/// agent's program has its own identity and what the town passes on. What else is in a person's
/// environment stays there, and no value is on a command line, in an event or in a log.
#[test]
fn an_agent_has_its_own_environment_and_nobody_reads_it() {
    let town = town("[env]\npass = [\"API_TOKEN\"]\n[restart]\nbase = \"10ms\"\n");
    add_rig(&town, "my-rig");
    let ids = ["mayor", "my-rig/witness", "my-rig/crew/main"];
    let mut up = town.command(town.root());
    up.env("API_TOKEN", SECRET)
        .env("CLAUDECODE", "1")
        .env("NODE_OPTIONS", "--inspect")
        .env("GT_ROLE", "mayor")
        .arg("up")
        .args(ids);
    assert!(up.output().unwrap().status.success());
    let gt = Path::new(env!("CARGO_BIN_EXE_gt")).parent().unwrap();
    for agent in ids {
        prompt(&town, agent);
        let first = town.agent(agent);
        town.type_line(agent, "/handoff cycle");
        town.wait_for_run(agent, first.incarnation.as_deref());
        prompt(&town, agent);
        let environment = environment_of(&town, agent);
        let id = AgentId::from_canonical(agent).unwrap();
        let has = |line: String| {
            assert!(environment.contains(&line), "{line}\n{environment:?}");
        };
        has(format!("API_TOKEN={SECRET}"));
        has(format!("GT_AGENT={agent}"));
        has(format!("GT_ROLE={}", id.role()));
        has(format!("PWD={}", town.root().join(id.work_dir()).display()));
        if let Some(rig) = id.rig() {
            has(format!("GT_RIG={rig}"));
        }
        if let Some(name) = id.worker() {
            has(format!("GT_CREW={name}"));
        }
        let path = environment.iter().find(|line| line.starts_with("PATH="));
        assert!(
            path.unwrap()
                .starts_with(&format!("PATH={}:", gt.display()))
        );
        let leaked = ["CLAUDECODE", "NODE_OPTIONS", "TMUX", "GT_CREW=mayor"];
        for name in leaked {
            let found = environment.iter().find(|line| line.starts_with(name));
            assert_eq!(found, None, "{agent}");
        }
    }

    let kept = TownPaths::new(town.root()).captured_environment();
    assert_eq!(
        files_with(town.root(), SECRET),
        [kept.display().to_string()]
    );
    assert!(!town.gt(&["events", "-n", "1000"]).ok().contains(SECRET));
    for entry in fs_err::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path().join("cmdline");
        // Most are no processes, and some have ended since.
        let line = fs_err::read(path).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(!line.contains(SECRET), "{line}");
    }
}

fn json(town: &TestTown, arguments: &[&str]) -> Value {
    let text = town.gt(&[arguments, &["--json"]].concat()).ok();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"))
}

fn keys(value: &Value) -> String {
    let object = value.as_object().unwrap();
    object.keys().cloned().collect::<Vec<_>>().join(" ")
}

/// What `gt status --json` promises to programs.
#[track_caller]
/// In a large town most seats rest: a person is told how many, a program gets them all.
#[test]
fn seats_that_rest_are_counted_and_not_listed() {
    let town = town("");
    town.rigs(&["one", "two"], &["max", "tom"]);
    town.gt(&["up"]).ok();
    town.wait_for_run("mayor", None);
    town.gt(&["crew", "start", "one/crew/max"]).ok();
    town.gt(&["crew", "start", "two/crew/tom"]).ok();
    town.gt(&["crew", "stop", "two/crew/tom"]).ok();
    let check = |resting: &str| {
        let text = town.gt(&["status"]).ok();
        for shown in [" mayor ", " one/crew/max ", " two/crew/tom "] {
            assert!(text.contains(shown), "{text}");
        }
        for resting in ["one/witness", "one/crew/tom", "two/crew/max"] {
            assert!(!text.contains(resting), "{text}");
        }
        assert!(text.contains(resting), "{text}");
        let all = town.gt(&["agents"]).ok();
        assert!(all.contains("one/witness"), "{all}");
        let ids: Vec<String> = town.status().agents.into_iter().map(|one| one.id).collect();
        for resting in ["one/witness", "one/crew/tom"] {
            assert!(ids.contains(&resting.to_owned()), "{ids:?}");
        }
    };
    check("6 seats rest; `gt agents` lists all");
    town.gt(&["daemon", "stop"]).ok();
    check("shown is who is wanted or runs; `gt agents` lists all");
    // Its workspace goes, and its run does not.
    fs_err::remove_dir_all(town.root().join("one/crew/max")).unwrap();
    let text = town.gt(&["status"]).ok();
    assert!(text.contains(" one/crew/max "), "{text}");
}

fn check_status(status: &Value) {
    assert_eq!(keys(status), "agents daemon problems town");
    assert_eq!(keys(&status["town"]), "down name root");
    assert_eq!(
        keys(&status["daemon"]),
        "heartbeat_count last_heartbeat pid running started_at version"
    );
    assert_eq!(status["problems"], Value::Array(Vec::new()));
    for agent in status["agents"].as_array().unwrap() {
        assert_eq!(
            keys(agent),
            "evidence holder_pid id incarnation intent pid restarts rig role session since state \
             waiting"
        );
        assert!(agent["evidence"].is_array(), "{agent}");
    }
}

/// Covers F70: no shell reads what an agent's program is given.
#[test]
fn a_program_gets_its_words_as_they_are() {
    let command = "['sh', '-c', 'printf \"%s|\" \"$@\" > words; exec sleep 600', 'sh', 'opus[1m]', '*', '$HOME', 'a b', '`id`']";
    let town = town(&format!(
        "[agents.odd]\ncommand = {command}\n[roles.mayor]\nagent = 'odd'\n"
    ));
    town.gt(&["up"]).ok();
    let words = town.wait_for("its words", || {
        let read = fs_err::read_to_string(town.root().join("mayor/words")).ok();
        read.filter(|words| !words.is_empty())
    });
    assert_eq!(words, "opus[1m]|*|$HOME|a b|`id`|");
}

/// Covers S9, S10, F37: each view has the documented keys with and without a daemon, an empty list
/// is a list, and what does not run has no pid.
#[test]
fn views_as_json_keep_their_shape_without_a_daemon_and_without_content() {
    let town = town("");
    for arguments in [
        &["rig", "list"][..],
        &["crew", "list"],
        &["mail", "inbox"],
        &["mail", "inbox", "mayor"],
    ] {
        assert_eq!(
            json(&town, arguments),
            Value::Array(Vec::new()),
            "{arguments:?}"
        );
    }
    let before = json(&town, &["status"]);
    check_status(&before);
    assert_eq!(before["daemon"]["running"], false);
    assert_eq!(before["agents"][0]["pid"], Value::Null);
    add_rig(&town, "gas");
    let rigs = json(&town, &["rig", "list"]);
    assert_eq!(rigs[0]["polecats"], Value::Array(Vec::new()));
    assert_eq!(json(&town, &["crew", "list"])[0]["id"], "gas/crew/main");

    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let status = json(&town, &["status"]);
    check_status(&status);
    let listed = status["agents"].as_array().unwrap();
    assert_eq!(
        json(&town, &["agents"]).as_array().unwrap().len(),
        listed.len()
    );
    assert_eq!(listed[0]["pid"], mayor.pid.unwrap());
    assert_eq!(listed[0]["session"], "gt-mayor");
    assert_eq!(keys(&json(&town, &["mayor", "status"])), keys(&listed[0]));
    let why = json(&town, &["why", "mayor"]);
    assert_eq!(keys(&why), "agent decision events facts goal");

    town.gt(&["daemon", "stop"]).ok();
    let alone = json(&town, &["status"]);
    check_status(&alone);
    let seen = &alone["agents"][0];
    assert_eq!(
        (&seen["pid"], &seen["state"]),
        (&listed[0]["pid"], &Value::from("unknown"))
    );
    assert_eq!(alone["daemon"]["pid"], Value::Null);
    town.gt(&["why", "mayor"]).code(4);
    town.gt(&["down"]).ok();
    let down = json(&town, &["status"]);
    check_status(&down);
    assert_eq!(
        (&down["town"]["down"], &down["agents"][0]["pid"]),
        (&Value::from(true), &Value::Null)
    );
    town.gt(&["peek", "mayor"]).code(1);
}

/// Covers F22: an agent that waits is shown with what it waits on, and until when.
#[test]
fn what_waits_says_on_what_and_events_tell_how_it_came() {
    let town = town("[restart]\nfirst_delay = \"1h\"\nbase = \"1h\"\nmax = \"2h\"\n");
    town.script("deacon", "/wait-file /nonexistent");
    town.gt(&["up"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    prompt(&town, "mayor");
    let seen = json(&town, &["why", "mayor"])["events"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["seq"]
        .to_string();
    let mut follower = town
        .command(town.root())
        .args(["events", "--follow", "--json", "--since", &seen])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    town.type_line("mayor", "/exit 3");
    let mut told = BufReader::new(follower.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .filter(|event| event["agent"] == "mayor");
    let exited = told.find(|event| event["kind"] == "exited").unwrap();
    assert!(
        exited["text"].as_str().unwrap().starts_with("exit code 3;"),
        "{exited}"
    );
    assert!(told.any(|event| event["kind"] == "restart_delayed"));
    follower.kill().unwrap();
    follower.wait().unwrap();

    town.wait_for_state("mayor", State::Exited);
    let waiting = town.wait_for_waiting("mayor", "restart back-off");
    assert!(waiting.until.is_some(), "{waiting:?}");
    let why = town.gt(&["why", "mayor"]).ok();
    for line in [
        "mayor is exited",
        "decision  it waits on restart back-off",
        "exited by daemon: exit code 3",
    ] {
        assert!(why.contains(line), "{line}\n{why}");
    }
    let seq = exited["seq"].to_string();
    let later = town.gt(&["events", "--json", "--since", &seq]).ok();
    let numbers: Vec<i64> = later
        .lines()
        .map(|line| {
            serde_json::from_str::<gt_api::view::Event>(line)
                .unwrap()
                .seq
        })
        .collect();
    let first = exited["seq"].as_i64().unwrap() + 1;
    let expect: Vec<i64> = (first..).take(numbers.len()).collect();
    assert!(!numbers.is_empty());
    assert_eq!(numbers, expect);
    let refused = town.gt(&["why", "myor"]).code(2);
    assert!(refused.contains("did you mean `mayor`?"), "{refused}");
    assert_eq!(town.starts("mayor"), 1, "{mayor:?}");
}

/// The names of the sessions on the town's server.
fn sessions(town: &TestTown) -> BTreeSet<String> {
    let names = town
        .gt(&["tmux", "list-sessions", "-F", "#{session_name}"])
        .ok();
    let agents = names.lines().filter(|name| name.starts_with("gt-"));
    agents.map(str::to_owned).collect()
}

/// Covers D9, T2, T6, T7, T8, T9, T17, M11: hyphens in names are never guessed at, no two agents
/// share a session, each has one, and it is dressed as its rig says.
#[test]
fn names_with_hyphens_are_nobody_elses_and_every_session_is_dressed() {
    let town = town("");
    for rig in ["my", "my-rig"] {
        add_rig(&town, rig);
    }
    for worker in [
        "my-rig/polecats/max",
        "my/polecats/rig-witness",
        "my/polecats/witness",
    ] {
        fs_err::create_dir_all(town.root().join(worker)).unwrap();
    }
    let settings = town.root().join("my/.gastown");
    fs_err::create_dir_all(&settings).unwrap();
    fs_err::write(
        settings.join("config.json"),
        r#"{"theme": {"name": "plum"}}"#,
    )
    .unwrap();
    town.gt(&["up", "mayor", "deacon", "my/witness", "my-rig/witness"])
        .ok();
    let ambiguous = town.gt(&["why", "my-rig-witness"]).code(2);
    assert!(
        ambiguous.contains("could be my-rig/witness or my/polecats/rig-witness"),
        "{ambiguous}"
    );
    assert_eq!(
        sessions(&town),
        [
            "gt-deacon",
            "gt-mayor",
            "gt-my-rig-witness",
            "gt-my-witness"
        ]
        .map(str::to_owned)
        .into()
    );

    let status = town.status();
    let listed: Vec<(&str, &str)> = status
        .agents
        .iter()
        .filter_map(|agent| Some((agent.id.as_str(), agent.rig.as_deref()?)))
        .collect();
    assert!(listed.contains(&("my-rig/witness", "my-rig")), "{listed:?}");
    assert!(
        listed.contains(&("my-rig/polecats/max", "my-rig")),
        "{listed:?}"
    );
    assert!(
        !listed.iter().any(|(id, _)| id.starts_with("my/polecats")),
        "{listed:?}"
    );
    for problem in ["my/polecats/witness", "my/polecats/rig-witness has no seat"] {
        let told = status.problems.iter().any(|told| told.contains(problem));
        assert!(told, "{problem}: {:?}", status.problems);
    }
    assert_eq!(town.agent("my-rig/polecats/max").session, "gt-my-rig-max");
    town.gt(&["mail", "send", "my-rig/witness", "-s", "Hello"])
        .ok();
    let line = |session: &str| {
        town.gt(&["status-line", &format!("--session={session}")])
            .ok()
    };
    assert_eq!(line("gt-my-rig-witness"), "📬 1 |\n");
    assert_eq!(line("gt-my-witness"), "");

    for (agent, theme, left) in [
        ("mayor", None, "[Mayor] coordinator "),
        ("deacon", None, "[Deacon] health-check "),
        ("my/witness", Some("plum"), "[my/witness] witness "),
        ("my-rig/witness", None, "[my-rig/witness] witness "),
    ] {
        let id = AgentId::from_canonical(agent).unwrap();
        let option = |name| {
            let target = format!("={}:", id.session_name());
            let value = town
                .gt(&["tmux", "show-options", "-v", "-t", &target, name])
                .ok();
            value.trim_end_matches('\n').to_owned()
        };
        let theme = theme_of(&id, theme);
        let style = format!("bg={},fg={}", theme.background, theme.foreground);
        assert_eq!(option("status-style"), style, "{agent}");
        assert_eq!(option("status-left"), left, "{agent}");
        let right = option("status-right");
        assert!(
            right.contains(&format!("--session={}'", id.session_name())),
            "{right}"
        );
    }
    town.gt(&["witness", "stop", "my"]).ok();
    assert!(
        town.agent("my-rig/witness").pid.is_some(),
        "{}",
        town.story()
    );
}
