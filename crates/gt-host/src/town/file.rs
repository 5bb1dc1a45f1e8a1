//! `mayor/town.json`, in the original's format.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::TownError;
use crate::json_file::{self, JsonFileError};

/// Newest version of the file that is understood, and the one that is written.
const VERSION: i64 = 1;

/// The file's content, with what other programs added to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TownFile {
    /// `town`; empty is taken too.
    #[serde(rename = "type", default)]
    kind: String,
    /// 1; lower ones are taken too.
    #[serde(default)]
    version: i64,
    /// The town's name.
    #[serde(default)]
    pub name: String,
    /// When it was made.
    #[serde(with = "crate::gotime::serde", default)]
    pub created_at: Option<Timestamp>,
    /// Keys that only others know, kept when the file is written again.
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl TownFile {
    /// The file of a new town.
    pub fn new(name: &str, now: Timestamp) -> Self {
        Self {
            kind: "town".to_owned(),
            version: VERSION,
            name: name.to_owned(),
            created_at: Some(now),
            others: Map::new(),
        }
    }

    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`TownError`]: missing, damaged, of another type, too new, or without a name.
    pub fn read(path: &Path) -> Result<Self, TownError> {
        let file: Self = json_file::read(path)
            .map_err(TownError::File)?
            .ok_or_else(|| TownError::NotFound {
                path: path.to_owned(),
            })?;
        file.check(path)?;
        Ok(file)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`JsonFileError`].
    pub fn write(&self, path: &Path) -> Result<(), JsonFileError> {
        json_file::write(path, self)
    }

    fn check(&self, path: &Path) -> Result<(), TownError> {
        let path = path.to_owned();
        if !matches!(self.kind.as_str(), "town" | "") {
            let found = self.kind.clone();
            return Err(TownError::WrongType { path, found });
        }
        if self.version > VERSION {
            let found = self.version;
            return Err(TownError::UnsupportedVersion { path, found });
        }
        if self.name.is_empty() {
            return Err(TownError::MissingName { path });
        }
        Ok(())
    }
}
