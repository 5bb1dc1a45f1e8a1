//! Presets that people keep as files: `NAME.toml` with the keys of `[agents.NAME]`, in the town's
//! `presets/`, over those of the user's.

use std::io;
use std::path::{Path, PathBuf};

use super::entries::{Entries, Mistake};
use super::{ConfigError, text_of};
use crate::environment;

/// What the files say, for the configuration at `town_toml`. The town's count more.
pub(super) fn read(town_toml: &Path) -> Result<Entries, ConfigError> {
    let of_town = town_toml.parent().map(|town| town.join("presets"));
    let mut presets = Entries::default();
    for directory in of_town.into_iter().chain(user_presets()) {
        for file in files(&directory).map_err(ConfigError::Io)? {
            presets = presets.over(read_file(&file)?);
        }
    }
    Ok(presets)
}

/// Where a person keeps presets for all towns: `$XDG_CONFIG_HOME/gt/presets`, or the same in `~/.config`.
pub fn user_presets() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(environment::variable("HOME")?).join(".config"));
    let configuration = environment::variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let directory = configuration.or_else(home)?;
    directory
        .is_absolute()
        .then(|| directory.join("gt/presets"))
}

/// The directory's files that are presets, in order; none where there is no such directory.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs_err::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| is_preset(path));
    paths.sort();
    Ok(paths)
}

/// An editor's lock, such as `.#claude.toml`, is none.
fn is_preset(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".toml") && !name.starts_with('.')
}

fn read_file(file: &Path) -> Result<Entries, ConfigError> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let failed = |mistakes| ConfigError::Mistakes {
        path: file.to_owned(),
        mistakes,
    };
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || !name.chars().all(is_fit) {
        return Err(failed(vec![Mistake {
            line: 1,
            key: String::new(),
            problem: "the file's name is the preset's: letters, digits, `-` and `_`".to_owned(),
            suggestion: None,
        }]));
    }
    let entries = Entries::read_preset(&text_of(file)?, &name).map_err(failed)?;
    Ok(entries.of_presets())
}
