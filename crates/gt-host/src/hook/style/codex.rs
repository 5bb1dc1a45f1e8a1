//! Codex: `-c hooks.EVENT=…`, with what it would store once a person had trusted them.
//!
//! Codex asks about every hook that it does not know by a digest. The option that trusts all of them
//! would trust those of a cloned repository, too; so each of ours brings its own digest. Where a
//! version computes it in another way, it asks at its start, and the agent waits for the person.

use std::path::Path;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{TIMEOUT, line};

/// The events that tell of a state, or at which something can be handed over, with the names under
/// which their trust is kept. Others are unknown to some versions.
const EVENTS: [(&str, &str); 4] = [
    ("SessionStart", "session_start"),
    ("UserPromptSubmit", "user_prompt_submit"),
    ("PermissionRequest", "permission_request"),
    ("Stop", "stop"),
];

/// Nothing where the command has hooks of its own: a second value replaces the first.
pub(super) fn arguments(gt: &Path, command: &[String]) -> Vec<String> {
    if command.iter().any(|argument| sets_hooks(argument)) {
        return Vec::new();
    }
    let hooks = EVENTS.map(|(event, _)| {
        let command = text(&line(gt, event));
        format!(
            "hooks.{event}=[{{hooks=[{{type=\"command\",command={command},timeout={TIMEOUT}}}]}}]"
        )
    });
    let trust = EVENTS.map(|(event, key)| {
        let digest = digest(key, &line(gt, event));
        format!("\"/<session-flags>/config.toml:{key}:0:0\"={{trusted_hash=\"sha256:{digest}\"}}")
    });
    let state = format!("hooks.state={{{}}}", trust.join(","));
    let values = hooks.into_iter().chain([state]);
    values.flat_map(|value| ["-c".to_owned(), value]).collect()
}

fn sets_hooks(argument: &str) -> bool {
    let value = ["--config=", "-c"]
        .iter()
        .find_map(|option| argument.strip_prefix(option));
    let value = value.unwrap_or(argument);
    value.starts_with("hooks.") || value.starts_with("hooks=")
}

/// As a TOML value.
fn text(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// The digest by which Codex knows a hook that was trusted: of the event and the hook as JSON with
/// sorted keys and no spaces. Checked with what Codex 0.171 wrote.
fn digest(event: &str, line: &str) -> String {
    let hook = json!({ "async": false, "command": line, "timeout": TIMEOUT, "type": "command" });
    let identity = json!({ "event_name": event, "hooks": [hook] });
    let digest = Sha256::digest(identity.to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Codex 0.171 wrote when a person trusted this hook.
    #[test]
    fn the_digest_is_the_one_that_codex_writes() {
        assert_eq!(
            digest("stop", "/tmp/cx/hook.sh"),
            "a2963ce8525970b22625661ec5c922e8dfea4816b4c6860f63fd428848714344"
        );
    }

    #[test]
    fn the_hooks_are_values_of_its_configuration() {
        let added = |command: &str| {
            let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
            arguments(Path::new("/opt/my gt/gt"), &command)
        };
        let arguments = added("codex -m x");
        assert_eq!(arguments.len(), 2 * (EVENTS.len() + 1));
        for value in arguments.iter().skip(1).step_by(2) {
            let read: toml_edit::DocumentMut = value.parse().expect(value);
            assert!(read["hooks"].is_table_like(), "{value}");
        }
        let stop: toml_edit::DocumentMut = arguments[7].parse().unwrap();
        let hook = &stop["hooks"]["Stop"][0]["hooks"][0];
        assert_eq!(
            hook["command"].as_str(),
            Some("'/opt/my gt/gt' hook Stop || true")
        );
        for own in [
            "codex -c hooks.Stop=[]",
            "codex --config=hooks={}",
            "codex -chooks.Stop=[]",
        ] {
            assert_eq!(added(own), Vec::<String>::new(), "{own}");
        }
    }
}
