//! `deacon/heartbeat.json`: the deacon's sign of life, in the original's format with the
//! incarnation added, so that a predecessor's file says nothing about its successor.

use std::path::Path;

use gt_core::IncarnationId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::json_file::{self, JsonFileError};

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeaconHeartbeat {
    /// When it was written.
    #[serde(with = "crate::gotime::serde")]
    pub timestamp: Option<Timestamp>,
    /// How many times the deacon has gone round.
    pub cycle: i64,
    /// What it did last, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_action: Option<String>,
    /// How many agents it found healthy.
    pub healthy_agents: i64,
    /// How many it did not.
    pub unhealthy_agents: i64,
    /// Which run of the deacon wrote it; none from the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<IncarnationId>,
}

/// What a deacon says with a sign of life; what it leaves out stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touch {
    /// What it did.
    pub action: Option<String>,
    /// Healthy and unhealthy agents.
    pub counts: Option<(i64, i64)>,
    /// Which run it is; none outside a supervised one.
    pub incarnation: Option<IncarnationId>,
}

/// Reads the file; none without one.
///
/// # Errors
/// [`JsonFileError`] when it is there and cannot be read.
pub fn read(path: &Path) -> Result<Option<DeaconHeartbeat>, JsonFileError> {
    json_file::read(path)
}

/// Writes a sign of life: the cycle counts up, from 1 when the file is absent or damaged.
///
/// # Errors
/// [`JsonFileError`] when it cannot be written.
pub fn touch(path: &Path, now: Timestamp, touch: Touch) -> Result<DeaconHeartbeat, JsonFileError> {
    // A damaged file holds nothing that a deacon could not say again.
    let previous = read(path).ok().flatten().unwrap_or_default();
    let (healthy_agents, unhealthy_agents) = touch
        .counts
        .unwrap_or((previous.healthy_agents, previous.unhealthy_agents));
    let heartbeat = DeaconHeartbeat {
        timestamp: Some(now),
        cycle: previous.cycle.saturating_add(1),
        last_action: touch.action.or(previous.last_action),
        healthy_agents,
        unhealthy_agents,
        incarnation: touch.incarnation,
    };
    if let Some(directory) = path.parent() {
        fs_err::create_dir_all(directory).map_err(JsonFileError::Io)?;
    }
    json_file::write(path, &heartbeat)?;
    Ok(heartbeat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2025-12-20T10:00:00Z".parse().unwrap()
    }

    fn said(action: &str) -> Touch {
        Touch {
            action: Some(action.to_owned()),
            counts: Some((3, 1)),
            incarnation: None,
        }
    }

    /// Covers M29: a touch without words or counts keeps the last ones.
    #[test]
    fn a_bare_touch_counts_up_and_keeps_what_was_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deacon/heartbeat.json");
        assert_eq!(
            touch(&path, now(), said("checked témoins")).unwrap().cycle,
            1
        );
        let second = touch(&path, now(), Touch::default()).unwrap();
        assert_eq!(second.cycle, 2);
        assert_eq!(second.last_action.as_deref(), Some("checked témoins"));
        assert_eq!((second.healthy_agents, second.unhealthy_agents), (3, 1));
        assert_eq!(read(&path).unwrap(), Some(second));
    }

    #[test]
    fn a_damaged_file_is_an_error_to_read_and_starts_again_when_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("heartbeat.json");
        fs_err::write(&path, "{\"cycle\": 9").unwrap();
        assert!(matches!(read(&path), Err(JsonFileError::Damaged { .. })));
        assert_eq!(touch(&path, now(), said("rounds")).unwrap().cycle, 1);
    }

    /// Covers F21: a file by another run can be told from one's own.
    #[test]
    fn a_touch_carries_its_own_incarnation_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("heartbeat.json");
        let first = IncarnationId(uuid::Uuid::from_u128(1));
        let touched = Touch {
            incarnation: Some(first),
            ..said("x")
        };
        assert_eq!(
            touch(&path, now(), touched).unwrap().incarnation,
            Some(first)
        );
        let unsupervised = touch(&path, now(), Touch::default()).unwrap();
        assert_eq!(unsupervised.incarnation, None);
    }
}
