//! The corpus of screens and hook payloads of real agents is whole: every file says what it shows.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests fail as the tests do"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gt_core::screen::{Capture, Screen, ScreenState};
use gt_host::config::Config;
use gt_host::hook::HookEvent;

const PRESETS: [&str; 6] = ["claude", "codex", "gemini", "opencode", "copilot", "aider"];

const STATES: [&str; 15] = [
    "auth-dead",
    "background-work",
    "draft",
    "exited",
    "idle",
    "interrupted",
    "limited",
    "model-unavailable",
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
            let said = HookEvent::read(text.as_bytes(), "").unwrap();
            assert!(said.session.is_some(), "{name}");
            assert_eq!(said.state(), stated(&name), "{name}");
        }
    }
}

/// What the agent is doing from then on, by an event of this name.
fn stated(name: &str) -> Option<ScreenState> {
    match name {
        "UserPromptSubmit" => Some(ScreenState::Working),
        "Stop" | "StopFailure--server-error" => Some(ScreenState::Idle),
        "Stop--background-tasks" => Some(ScreenState::BackgroundWork),
        "StopFailure--rate-limit" => Some(ScreenState::Limited),
        "StopFailure--authentication-failed" => Some(ScreenState::AuthDead),
        _ if name.starts_with("PermissionRequest") => Some(ScreenState::NeedsApproval),
        _ if name.starts_with("PreToolUse") || name.starts_with("PostToolUse") => {
            Some(ScreenState::Working)
        }
        _ => None,
    }
}

/// A recorded screen, and what a person says that it shows.
struct Recorded {
    name: String,
    /// It was, and not written by hand.
    from_a_run: bool,
    state: String,
    shown: Capture,
}

fn recorded(preset_name: &str) -> Vec<Recorded> {
    let screens = files(&preset(preset_name), "txt");
    let screens = screens.into_iter().map(|path| {
        let text = fs_err::read_to_string(&path).unwrap();
        let (header, screen) = text.split_once("\n---\n").unwrap();
        let field = |name: &str| {
            let line = header.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().to_owned()
        };
        let name = path.file_stem().unwrap().to_string_lossy();
        Recorded {
            name: format!("{preset_name}/{name}"),
            from_a_run: header.lines().any(|line| line == "# recorded"),
            state: field("# state: "),
            shown: Capture {
                title: field("# title: "),
                text: screen.to_owned(),
            },
        }
    });
    screens.collect()
}

/// Which readings of a recorded screen are exact. A turn that failed or was interrupted has ended;
/// one that is tried again goes on, and may not say yet why it has to be. A dead or starting
/// program is told by its process.
fn exact(recorded: &Recorded) -> &'static [ScreenState] {
    use ScreenState as State;
    let goes_on = ["retry", "reconnecting", "connection-"];
    let retries = goes_on.iter().any(|word| recorded.name.contains(word));
    match recorded.state.as_str() {
        "working" | "queued" => &[State::Working],
        "background-work" => &[State::BackgroundWork],
        "needs-approval" => &[State::NeedsApproval],
        "needs-answer" => &[State::NeedsAnswer],
        "draft" if recorded.name.contains("background") => &[State::BackgroundWork],
        "idle" | "draft" | "interrupted" => &[State::Idle],
        "limited" if retries => &[State::Limited, State::Working],
        "limited" => &[State::Limited],
        "auth-dead" if retries => &[State::AuthDead, State::Working],
        "auth-dead" => &[State::AuthDead],
        "model-unavailable" => &[State::ModelUnavailable],
        "server-error" if retries => &[State::Working],
        "server-error" if recorded.name.contains("prompt-too-long") => &[State::ContextFull],
        "server-error" => &[State::Idle],
        "viewer" => &[State::Viewer, State::NeedsAnswer, State::Unknown],
        "starting" | "exited" => &[State::Unknown, State::NeedsAnswer],
        other => panic!("{}: {other}", recorded.name),
    }
}

/// What must never be typed at: dialogs, work, and whatever is not known to be an empty prompt.
fn is_no_prompt(recorded: &Recorded) -> bool {
    !matches!(
        recorded.state.as_str(),
        "idle"
            | "interrupted"
            | "limited"
            | "auth-dead"
            | "model-unavailable"
            | "server-error"
            | "background-work"
    )
}

/// Whether it must not be called idle.
fn is_no_rest(recorded: &Recorded) -> bool {
    matches!(
        recorded.state.as_str(),
        "needs-approval" | "needs-answer" | "working" | "queued" | "viewer" | "exited"
    )
}

/// Covers F59: a row that only says what could be typed holds nothing, also while a program works.
#[test]
fn what_a_program_says_in_its_input_row_is_no_draft() {
    let config = Config::default();
    for preset_name in PRESETS {
        let rules = &config.agent(preset_name).unwrap().screen;
        let at_work = ["working", "queued", "background-work"];
        for screen in recorded(preset_name) {
            let is_plain =
                at_work.contains(&screen.state.as_str()) && !screen.name.contains("draft");
            assert!(
                !is_plain || !rules.has_draft(&screen.shown),
                "{}",
                screen.name
            );
        }
    }
}

/// What a program prints is anybody's text: numbers without bounds, halves of a screen, lines in any order.
#[test]
fn no_screen_is_too_odd_to_be_read() {
    let config = Config::default();
    for preset_name in PRESETS {
        let rules = &config.agent(preset_name).unwrap().screen;
        for screen in recorded(preset_name) {
            for text in odd(&screen.shown.text) {
                let shown = Capture::untitled(text);
                let reading = rules.explain(&shown);
                let is_told = reading.state == ScreenState::Unknown || reading.rule.is_some();
                assert!(is_told, "{}: {reading}", screen.name);
            }
        }
    }
}

fn odd(text: &str) -> [String; 4] {
    let lines: Vec<&str> = text.lines().collect();
    let (upper, lower) = lines.split_at(lines.len() / 2);
    let backwards: Vec<&str> = lines.iter().rev().copied().collect();
    let big = text.replace(|c: char| c.is_ascii_digit(), "99999999999999999999");
    [
        big,
        upper.join("\n"),
        lower.join("\n"),
        backwards.join("\n"),
    ]
}

/// Covers F60, F66, F67: over all screens no dialog, working screen, viewer or draft is
/// taken for an empty prompt or called idle, and nearly every state of a real run is read as what it
/// is. The snapshot is the confusion table.
#[test]
fn recorded_screens_are_read_as_what_they_show() {
    let config = Config::default();
    let mut wrong = Vec::new();
    let mut unsafe_screens = Vec::new();
    let mut table: BTreeMap<(&str, String, &str), usize> = BTreeMap::new();
    let mut below = Vec::new();
    for preset_name in PRESETS {
        let rules = &config.agent(preset_name).unwrap().screen;
        let (mut right, mut all) = (0, 0);
        for screen in recorded(preset_name) {
            let reading = rules.explain(&screen.shown);
            *table
                .entry((preset_name, screen.state.clone(), reading.state.as_str()))
                .or_default() += 1;
            let is_typed_at = rules.read(&screen.shown) == Screen::Prompt && is_no_prompt(&screen);
            let is_called_idle = reading.state == ScreenState::Idle && is_no_rest(&screen);
            if is_typed_at || is_called_idle {
                unsafe_screens.push(screen.name.clone());
            }
            let is_exact = exact(&screen).contains(&reading.state);
            all += usize::from(screen.from_a_run);
            right += usize::from(screen.from_a_run && is_exact);
            if !is_exact {
                wrong.push(format!("{}: {} ({reading})", screen.name, reading.state));
            }
        }
        if right * 100 < all * 95 {
            below.push(format!("{preset_name}: {right} of {all}"));
        }
    }
    let table = table
        .iter()
        .map(|((preset, state, read), count)| {
            format!("{preset:9} {state:16} read as {read:18} {count:3}\n")
        })
        .collect::<String>();
    let wrong = wrong.join("\n");
    assert_eq!(
        unsafe_screens, [""; 0],
        "typed at, or called idle:\n{wrong}"
    );
    assert!(below.is_empty(), "{below:?} exact:\n{wrong}");
    insta::assert_snapshot!(format!("{table}\nnot exact:\n{wrong}"));
}
