//! `.gastown/keepalive.json`, the original's town-wide sign of life: written as a mirror for old
//! tools, and read by nobody here, since it cannot tell one agent from another.

use std::io;

use jiff::Timestamp;

use crate::atomic;
use crate::paths::TownPaths;

/// Writes the mirror, in the original's compact form. `command` is without the `gt`.
///
/// # Errors
/// When the town cannot be written to.
pub fn mirror(paths: &TownPaths, command: &str, now: Timestamp) -> io::Result<()> {
    let path = paths.keepalive_mirror();
    if let Some(directory) = path.parent() {
        fs_err::create_dir_all(directory)?;
    }
    let content = serde_json::json!({ "last_command": format!("gt {command}"), "timestamp": now });
    atomic::write(&path, content.to_string().as_bytes())
}
