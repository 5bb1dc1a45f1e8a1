//! The corpus of screens and hook payloads of real agents is whole: every file says what it shows.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests fail as the tests do"
)]

use std::path::{Path, PathBuf};

const PRESETS: [&str; 4] = ["claude", "codex", "gemini", "opencode"];

const STATES: [&str; 14] = [
    "auth-dead",
    "background-work",
    "draft",
    "exited",
    "idle",
    "interrupted",
    "limited",
    "needs-answer",
    "needs-approval",
    "queued",
    "server-error",
    "starting",
    "viewer",
    "working",
];

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs_err::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .collect();
    files.sort();
    files
}

fn preset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name)
}

#[track_caller]
fn check_screen(path: &Path) {
    let text = fs_err::read_to_string(path).unwrap();
    let (header, screen) = text.split_once("\n---\n").expect("a header ends with ---");
    let fields: Vec<_> = header.lines().collect();
    let [title, program, origin, state] = fields[..] else {
        panic!("{}: a header of four lines", path.display());
    };
    assert!(title.starts_with("# title: "), "{}", path.display());
    assert!(program.starts_with("# program: "), "{}", path.display());
    assert!(
        origin == "# recorded" || origin == "# by hand",
        "{}: {origin}",
        path.display()
    );
    let state = state.strip_prefix("# state: ").expect("a state");
    assert!(STATES.contains(&state), "{}: {state}", path.display());
    let name = path.file_name().unwrap().to_string_lossy();
    assert!(name.starts_with(&format!("{state}--")), "{name}: {state}");
    assert!(screen.lines().count() <= 50, "{name}: more than a screen");
}

#[test]
fn every_screen_says_what_it_shows() {
    for name in PRESETS {
        let screens = files(&preset(name), "txt");
        assert!(!screens.is_empty(), "{name} has no screens");
        screens.iter().for_each(|path| check_screen(path));
    }
}

#[test]
fn every_hook_payload_is_json_of_the_event_that_it_is_named_after() {
    for path in ["claude", "codex"]
        .iter()
        .flat_map(|name| files(&preset(name).join("hooks"), "json"))
    {
        let text = fs_err::read_to_string(&path).unwrap();
        let payload: serde_json::Value = serde_json::from_str(&text).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        let event = name.split("--").next().unwrap();
        if event == "notify" {
            assert_eq!(payload["type"], "agent-turn-complete", "{name}");
        } else {
            assert_eq!(payload["hook_event_name"], event, "{name}");
        }
    }
}
