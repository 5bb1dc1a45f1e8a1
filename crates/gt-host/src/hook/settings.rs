//! The settings that make an agent's program call `gt hook`, in a file of the town's own: nothing of
//! the user's is changed.

use std::io;
use std::path::Path;

use gt_core::shell::word;
use serde_json::{Value, json};

use crate::atomic;
use crate::paths::TownPaths;

/// How a program is given its hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookStyle {
    /// Claude Code's: `--settings FILE`, which it adds to the settings of the user and the project.
    Claude,
}

/// The events of Claude Code that tell of a state, or at which something can be handed over. Those
/// of its tools are left out: each would cost a process, and the screen shows the same.
const CLAUDE_EVENTS: [&str; 6] = [
    "SessionStart",
    "UserPromptSubmit",
    "PermissionRequest",
    "Stop",
    "StopFailure",
    "SessionEnd",
];

/// How long a program waits for a hook, in seconds. One takes milliseconds.
const TIMEOUT: u32 = 10;

impl HookStyle {
    /// The style that a word of town.toml names.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        (word == Self::Claude.as_str()).then_some(Self::Claude)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
        }
    }

    /// The option of the program that takes the file.
    fn option(self) -> &'static str {
        match self {
            Self::Claude => "--settings",
        }
    }

    /// What is to be added to a program's command line: nothing where there is no file, or a person
    /// gave one of their own.
    pub fn arguments(self, paths: &TownPaths, command: &[String]) -> Vec<String> {
        let file = paths.hook_settings(self.as_str());
        if !file.exists()
            || command
                .iter()
                .any(|argument| is_option(argument, self.option()))
        {
            return Vec::new();
        }
        vec![
            self.option().to_owned(),
            file.to_string_lossy().into_owned(),
        ]
    }
}

/// Whether an argument is the option, with its value or without.
fn is_option(argument: &str, option: &str) -> bool {
    argument
        .strip_prefix(option)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Writes the town's files, which call this `gt`.
///
/// # Errors
/// When one cannot be written.
pub fn write(paths: &TownPaths, gt: &Path) -> io::Result<()> {
    let file = paths.hook_settings(HookStyle::Claude.as_str());
    if let Some(directory) = file.parent() {
        fs_err::create_dir_all(directory)?;
    }
    atomic::write_for_boot(&file, format!("{:#}\n", claude(gt)).as_bytes())
}

fn claude(gt: &Path) -> Value {
    let hooks: serde_json::Map<String, Value> = CLAUDE_EVENTS
        .into_iter()
        .map(|event| {
            let hook =
                json!({ "type": "command", "command": command(gt, event), "timeout": TIMEOUT });
            (event.to_owned(), json!([{ "hooks": [hook] }]))
        })
        .collect();
    json!({ "hooks": hooks })
}

/// The shell line of a hook. A `gt` that is not there any more is no failure of the agent's.
fn command(gt: &Path, event: &str) -> String {
    format!("{} hook {event} || true", word(&gt.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_hooks_are_added_where_a_person_gave_no_settings() {
        let directory = tempfile::tempdir().unwrap();
        let paths = TownPaths::new(directory.path());
        let added = |command: &str| HookStyle::Claude.arguments(&paths, &words(command));
        assert_eq!(added("claude"), Vec::<String>::new(), "there is no file");
        write(&paths, Path::new("/opt/my gt/gt")).unwrap();
        let file = paths.hook_settings("claude").display().to_string();
        assert_eq!(added("claude -c"), ["--settings", &file]);
        assert_eq!(added("claude --settings own.json"), Vec::<String>::new());
        assert_eq!(added("claude --settings=own.json"), Vec::<String>::new());
        let text = fs_err::read_to_string(file).unwrap();
        let hooks: Value = serde_json::from_str(&text).unwrap();
        let stop = &hooks["hooks"]["Stop"][0]["hooks"][0];
        assert_eq!(stop["command"], "'/opt/my gt/gt' hook Stop || true");
    }

    #[test]
    fn a_style_is_read_back() {
        assert_eq!(HookStyle::from_word("claude"), Some(HookStyle::Claude));
        assert_eq!(HookStyle::from_word("none"), None);
    }
}
