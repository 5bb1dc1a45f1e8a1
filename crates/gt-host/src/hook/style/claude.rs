//! Claude Code: `--settings FILE`.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{TIMEOUT, line};

/// Its option for a file of settings.
const OPTION: &str = "--settings";

/// The events that tell of a state, or at which something can be handed over. Those of its tools are
/// left out: each would cost a process, and the screen shows the same.
const EVENTS: [&str; 6] = [
    "SessionStart",
    "UserPromptSubmit",
    "PermissionRequest",
    "Stop",
    "StopFailure",
    "SessionEnd",
];

/// The file's text.
pub(super) fn settings(gt: &Path) -> String {
    let hooks: Map<String, Value> = EVENTS
        .into_iter()
        .map(|event| {
            let hook = json!({ "type": "command", "command": line(gt, event), "timeout": TIMEOUT });
            (event.to_owned(), json!([{ "hooks": [hook] }]))
        })
        .collect();
    format!("{:#}\n", json!({ "hooks": hooks }))
}

/// Nothing where there is no file, or the command has one of its own: a second one replaces it.
pub(super) fn arguments(file: &Path, command: &[String]) -> Vec<String> {
    if !file.exists() || command.iter().any(|argument| is_option(argument)) {
        return Vec::new();
    }
    vec![OPTION.to_owned(), file.to_string_lossy().into_owned()]
}

/// Whether an argument is the option, with its value or without.
fn is_option(argument: &str) -> bool {
    argument
        .strip_prefix(OPTION)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_added_where_a_person_gave_none() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("claude.json");
        let added = |command: &str| {
            let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
            arguments(&file, &command)
        };
        assert_eq!(added("claude"), Vec::<String>::new(), "there is no file");
        fs_err::write(&file, "{}").unwrap();
        assert_eq!(added("claude -c"), ["--settings", file.to_str().unwrap()]);
        assert_eq!(added("claude --settings own.json"), Vec::<String>::new());
        assert_eq!(added("claude --settings=own.json"), Vec::<String>::new());
    }

    #[test]
    fn every_event_calls_the_hook_of_its_name() {
        let settings: Value = serde_json::from_str(&settings(Path::new("/opt/my gt/gt"))).unwrap();
        let stop = &settings["hooks"]["Stop"][0]["hooks"][0];
        assert_eq!(stop["command"], "'/opt/my gt/gt' hook Stop || true");
        assert_eq!(settings["hooks"].as_object().unwrap().len(), EVENTS.len());
    }
}
