use clap::Parser as _;
use gt_core::{RigName, WorkerName};
use insta::assert_snapshot;

use super::*;
use crate::cli::Cli;

fn town() -> (tempfile::TempDir, Town) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("hill");
    fs_err::create_dir_all(root.join("mayor")).unwrap();
    fs_err::create_dir_all(root.join("prompts")).unwrap();
    let file = r#"{"type":"town","version":1,"name":"Hill","created_at":"2025-12-20T10:00:00Z"}"#;
    fs_err::write(root.join("mayor/town.json"), file).unwrap();
    let town = Town::open(&root).unwrap();
    (directory, town)
}

fn everyone() -> [Option<AgentId>; 7] {
    let rig = || RigName::new("gas").unwrap();
    let max = || WorkerName::new("max").unwrap();
    [
        None,
        Some(AgentId::Mayor),
        Some(AgentId::Deacon),
        Some(AgentId::Witness(rig())),
        Some(AgentId::Refinery(rig())),
        Some(AgentId::Crew(rig(), max())),
        Some(AgentId::Polecat(rig(), max())),
    ]
}

/// The commands of a text: what stands between backticks or on an indented line of its own.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
    let indented = text.lines().filter_map(|line| line.strip_prefix("    "));
    quoted
        .chain(indented.map(str::to_owned))
        .filter(|command| command.starts_with("gt "))
        .collect()
}

/// Splits at spaces, but not within double quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in command.split('"').enumerate() {
        if number % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Covers M30: no text names a command that does not exist.
#[test]
fn every_command_in_every_text_can_be_given() {
    let (_directory, town) = town();
    for agent in everyone() {
        let prompt = instructions(&town, agent.as_ref());
        assert_eq!(prompt.problem, None);
        assert!(prompt.text.starts_with("# "), "{agent:?}");
        assert!(prompt.text.ends_with('\n'), "{agent:?}");
        let commands = commands(&prompt.text);
        assert!(commands.len() >= 6, "{agent:?}: {commands:?}");
        for command in commands {
            if let Err(error) = Cli::try_parse_from(words(&command)) {
                panic!("{agent:?}: `{command}`: {error}");
            }
        }
    }
}

#[test]
fn a_command_that_does_not_exist_would_be_found() {
    let named = commands("Run `gt done` or `git log`.\n\n    gt handoff -m \"A B\"\n");
    assert_eq!(named, ["gt done", "gt handoff -m \"A B\""]);
    assert_eq!(words(&named[1]), ["gt", "handoff", "-m", "A B"]);
    assert!(Cli::try_parse_from(words(&named[0])).is_err());
}

#[test]
fn each_role_is_told_how_to_answer_a_heartbeat_and_where_its_mail_goes() {
    let (_directory, town) = town();
    for agent in everyone().into_iter().flatten() {
        let text = instructions(&town, Some(&agent)).text;
        let answer = match agent {
            AgentId::Deacon => "Answer by running `gt deacon heartbeat ",
            _ => "Answer by running `gt mail check`",
        };
        assert!(text.contains(answer), "{agent}");
        let address = format!("Your address is `{}`.", Address::Agent(agent));
        assert!(text.contains(&address), "{address}");
    }
}

#[test]
fn a_towns_own_text_is_used_and_may_include_the_common_part() {
    let (_directory, town) = town();
    let own = "{{ agent }} in {{ session }} of {{ rig }}\n{% include \"common.md.j2\" %}\n";
    fs_err::write(town.paths().root().join("prompts/witness.md.j2"), own).unwrap();
    let witness = AgentId::Witness(RigName::new("gas").unwrap());
    let prompt = instructions(&town, Some(&witness));
    assert_eq!(prompt.problem, None);
    assert!(
        prompt
            .text
            .starts_with("gas/witness in gt-gas-witness of gas\n")
    );
    assert!(prompt.text.contains("## Handing over"));
}

/// What is wrong with the mayor's own text.
fn problem(source: &[u8]) -> String {
    let (directory, town) = town();
    fs_err::write(town.paths().root().join("prompts/mayor.md.j2"), source).unwrap();
    let prompt = instructions(&town, Some(&AgentId::Mayor));
    assert!(prompt.text.starts_with("# You are the mayor of Hill\n"));
    let root = directory.path().canonicalize().unwrap();
    prompt
        .problem
        .unwrap()
        .replace(&root.display().to_string(), "DIR")
}

#[test]
fn a_broken_text_is_told_of_with_its_line_and_the_built_in_one_is_used() {
    assert_snapshot!(problem(b"# Mayor\n\nof {{ rig }}\n"), @"`DIR/hill/prompts/mayor.md.j2` line 3: undefined value: `rig` is undefined; the built-in text is used");
    assert_snapshot!(problem(b"# Mayor\n{% if role %}\n"), @"`DIR/hill/prompts/mayor.md.j2` line 2: syntax error: unexpected end of input, expected end of block; the built-in text is used");
    assert_snapshot!(problem(b"{% include \"nobody.md.j2\" %}\n"), @"`DIR/hill/prompts/mayor.md.j2` line 1: template not found: tried to include non-existing template 'nobody.md.j2'; the built-in text is used");
    assert_snapshot!(problem(b"\xff\n"), @"failed to read from file `DIR/hill/prompts/mayor.md.j2`: stream did not contain valid UTF-8; the built-in text is used");
}
