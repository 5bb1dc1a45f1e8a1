//! How the programs are made to call `gt hook`: by their command line, and files of the town's own.
//! Nothing of the user's is changed.

mod claude;
mod codex;
mod opencode;

use std::io;
use std::path::{Path, PathBuf};

use gt_core::shell::word;

use crate::atomic;
use crate::paths::TownPaths;

/// How long a program waits for a hook, in seconds. One takes milliseconds.
const TIMEOUT: u32 = 10;

/// How a program is given its hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookStyle {
    /// Claude Code's: a file of settings, which it adds to those of the user and the project.
    Claude,
    /// Codex's: values for its configuration, which it adds to those of the user and the project.
    Codex,
    /// OpenCode's: a plug-in, which it adds to those of the user and the project.
    Opencode,
}

impl HookStyle {
    /// Every word that names a style, and one for none.
    pub(crate) const WORDS: &'static [&'static str] = &["none", "claude", "codex", "opencode"];

    /// The style that a word of town.toml names.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "claude" => Some(Self::Claude),
            "codex" => Some(Self::Codex),
            "opencode" => Some(Self::Opencode),
            _ => None,
        }
    }

    /// What is to be added to a program's command line so that it calls this `gt`: nothing where a
    /// person gave hooks of their own there, or the town has no file for it.
    pub fn arguments(self, paths: &TownPaths, gt: &Path, command: &[String]) -> Vec<String> {
        match self {
            Self::Claude => claude::arguments(&claude_file(paths), command),
            Self::Codex => codex::arguments(gt, command),
            Self::Opencode => Vec::new(),
        }
    }

    /// What is to be added to a program's variables; `is_set` tells which ones it has.
    pub fn variable(
        self,
        paths: &TownPaths,
        is_set: impl Fn(&str) -> bool,
    ) -> Option<(String, String)> {
        match self {
            Self::Claude | Self::Codex => None,
            Self::Opencode => opencode::variable(&opencode_file(paths), is_set),
        }
    }
}

fn claude_file(paths: &TownPaths) -> PathBuf {
    paths.hooks().join("claude.json")
}

fn opencode_file(paths: &TownPaths) -> PathBuf {
    paths.hooks().join("opencode.js")
}

/// Writes the town's files, which call this `gt`.
///
/// # Errors
/// When one cannot be written.
pub fn write_files(paths: &TownPaths, gt: &Path) -> io::Result<()> {
    fs_err::create_dir_all(paths.hooks())?;
    atomic::keep_private(&claude_file(paths), claude::settings(gt).as_bytes())?;
    atomic::keep_private(&opencode_file(paths), opencode::plug_in(gt).as_bytes())
}

/// The shell line of a hook. A `gt` that is not there any more is no failure of the agent's.
pub(super) fn line(gt: &Path, event: &str) -> String {
    format!("{} hook {event} || true", word(&gt.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_is_read_back() {
        assert_eq!(HookStyle::from_word("none"), None);
        let named = HookStyle::WORDS
            .iter()
            .filter_map(|word| HookStyle::from_word(word));
        assert_eq!(named.count(), HookStyle::WORDS.len() - 1);
    }

    #[test]
    fn the_files_are_the_towns_own() {
        let directory = tempfile::tempdir().unwrap();
        let paths = TownPaths::new(directory.path());
        let gt = Path::new("/opt/gt");
        let command = ["claude".to_owned()];
        assert!(HookStyle::Claude.arguments(&paths, gt, &command).is_empty());
        write_files(&paths, gt).unwrap();
        let added = HookStyle::Claude.arguments(&paths, gt, &command);
        assert!(
            Path::new(&added[1]).starts_with(directory.path()),
            "{added:?}"
        );
    }
}
