//! Gemini CLI, which takes hooks from the user's home alone: by an extension of the town's own there,
//! in a directory of its own. Nothing of the user's is changed, and its removal leaves nothing.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::style::line;
use crate::{atomic, json_file};

/// The extension's name, and that of its directory.
const NAME: &str = "gas-town";

/// The file that makes a directory an extension.
const MANIFEST: &str = "gemini-extension.json";

/// Where it has its hooks.
const HOOKS: &str = "hooks/hooks.json";

/// How long the program waits for a hook, in milliseconds. One takes a few.
const TIMEOUT: u32 = 10_000;

/// The events that tell of a state, or at which something can be handed over.
const EVENTS: [&str; 5] = [
    "SessionStart",
    "BeforeAgent",
    "Notification",
    "AfterAgent",
    "SessionEnd",
];

/// The extension in one home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    directory: PathBuf,
}

/// What is there of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing.
    Absent,
    /// As this `gt` writes it.
    Installed,
    /// The town's, and as another `gt` or somebody's hand wrote it.
    Different,
}

/// Why it was not looked at, installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum ExtensionError {
    /// A file cannot be read or written; the text names it.
    #[error(transparent)]
    Io(io::Error),
    /// Somebody else's extension, or more than the town's, is in its place.
    #[error("`{}` holds what is not the town's", path.display())]
    Foreign {
        /// What is there.
        path: PathBuf,
    },
}

/// What makes an extension the town's.
#[derive(Deserialize)]
struct Manifest {
    name: String,
}

impl Extension {
    /// That of this home.
    pub fn of(home: &Path) -> Self {
        Self {
            directory: home.join(".gemini/extensions").join(NAME),
        }
    }

    /// Where it is, or would be.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What is there of it.
    ///
    /// # Errors
    /// [`ExtensionError`].
    pub fn look(&self, gt: &Path) -> Result<Presence, ExtensionError> {
        match self.directory.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Presence::Absent),
            other => other.map_err(ExtensionError::Io)?,
        };
        self.refuse_foreign()?;
        let is_as_written = |(path, text): (PathBuf, String)| {
            fs_err::read(path).is_ok_and(|found| found == text.as_bytes())
        };
        Ok(match self.files(gt).into_iter().all(is_as_written) {
            true => Presence::Installed,
            false => Presence::Different,
        })
    }

    /// Writes it, or brings it up to date.
    ///
    /// # Errors
    /// [`ExtensionError`]; somebody else's is left as it is.
    pub fn install(&self, gt: &Path) -> Result<(), ExtensionError> {
        if self.look(gt)? == Presence::Installed {
            return Ok(());
        }
        // The manifest first: with it, what is half-written is known to be the town's.
        for (path, text) in self.files(gt) {
            let above = path.parent().expect("it is in the directory");
            fs_err::create_dir_all(above)
                .and_then(|()| atomic::write(&path, text.as_bytes()))
                .map_err(ExtensionError::Io)?;
        }
        Ok(())
    }

    /// Removes it. False when there was nothing.
    ///
    /// # Errors
    /// [`ExtensionError`]; what is not the town's is left as it is.
    pub fn remove(&self, gt: &Path) -> Result<bool, ExtensionError> {
        if self.look(gt)? == Presence::Absent {
            return Ok(false);
        }
        fs_err::remove_dir_all(&self.directory).map_err(ExtensionError::Io)?;
        Ok(true)
    }

    fn files(&self, gt: &Path) -> [(PathBuf, String); 2] {
        let manifest = json!({ "name": NAME, "version": env!("CARGO_PKG_VERSION") });
        let hooks: Map<String, Value> = EVENTS
            .into_iter()
            .map(|event| {
                let hook =
                    json!({ "type": "command", "command": line(gt, event), "timeout": TIMEOUT });
                (event.to_owned(), json!([{ "hooks": [hook] }]))
            })
            .collect();
        [(MANIFEST, manifest), (HOOKS, json!({ "hooks": hooks }))]
            .map(|(name, content)| (self.directory.join(name), format!("{content:#}\n")))
    }

    /// The directory holds the town's files and no others.
    fn refuse_foreign(&self) -> Result<(), ExtensionError> {
        let foreign = |path: &Path| {
            Err(ExtensionError::Foreign {
                path: path.to_owned(),
            })
        };
        // One that was begun to be made.
        if entries(&self.directory).is_ok_and(|entries| entries.is_empty()) {
            return Ok(());
        }
        let manifest: Option<Manifest> =
            json_file::read(&self.directory.join(MANIFEST)).unwrap_or_default();
        if manifest.is_none_or(|manifest| manifest.name != NAME) {
            return foreign(&self.directory);
        }
        for (directory, own) in [
            ("", [MANIFEST, "hooks"].as_slice()),
            ("hooks", &["hooks.json"]),
        ] {
            let directory = self.directory.join(directory);
            for entry in entries(&directory).map_err(ExtensionError::Io)? {
                if !own.iter().any(|name| entry.ends_with(name)) {
                    return foreign(&entry);
                }
            }
        }
        Ok(())
    }
}

/// What is in a directory; nothing in one that is not there.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs_err::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Extension) {
        let home = tempfile::tempdir().unwrap();
        let extension = Extension::of(home.path());
        (home, extension)
    }

    #[test]
    fn it_is_installed_brought_up_to_date_and_removed() {
        let (home, extension) = home();
        let settings = home.path().join(".gemini/settings.json");
        fs_err::create_dir_all(home.path().join(".gemini")).unwrap();
        fs_err::write(&settings, "{ // mine\n}").unwrap();
        let [old, new] = ["/opt/gt", "/opt/my gt"].map(Path::new);
        assert_eq!(extension.look(old).unwrap(), Presence::Absent);
        assert!(!extension.remove(old).unwrap());
        extension.install(old).unwrap();
        assert_eq!(extension.look(old).unwrap(), Presence::Installed);
        assert_eq!(extension.look(new).unwrap(), Presence::Different);
        extension.install(new).unwrap();
        let hooks = fs_err::read_to_string(extension.directory().join(HOOKS)).unwrap();
        assert!(
            hooks.contains("'/opt/my gt' hook AfterAgent || true"),
            "{hooks}"
        );
        assert!(extension.remove(old).unwrap(), "whoever wrote it");
        assert!(!extension.directory().exists());
        assert_eq!(fs_err::read_to_string(settings).unwrap(), "{ // mine\n}");
    }

    #[test]
    fn what_is_somebody_elses_is_left_alone() {
        let gt = Path::new("/opt/gt");
        for (name, text) in [
            (MANIFEST, r#"{"name": "another"}"#),
            ("notes.md", "mine"),
            ("hooks/more.json", "{}"),
        ] {
            let (_home, extension) = home();
            extension.install(gt).unwrap();
            let path = extension.directory().join(name);
            fs_err::write(&path, text).unwrap();
            for refused in [extension.install(gt), extension.remove(gt).map(drop)] {
                assert!(
                    matches!(refused, Err(ExtensionError::Foreign { .. })),
                    "{name}"
                );
            }
            assert_eq!(fs_err::read_to_string(path).unwrap(), text);
        }
    }
}
