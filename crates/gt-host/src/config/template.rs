//! The town.toml of a new town: every key with its default, commented out, so that a person sees
//! what there is and a later gt may still choose better defaults.

use gt_core::Role;

use super::key::{KEYS, Key};

const HEAD: &str = "\
# Configuration of this town. Every key is optional; what is commented out is the default.
# `gt config check` names mistakes, `gt config show` prints what holds.
";

const AGENTS: &str = "
# What an agent runs. Presets: claude, codex, gemini, opencode; a table changes one key by key,
# or names a new one.
# [agents.claude]
# command = [\"claude\", \"--dangerously-skip-permissions\"]
# env = { NAME = \"value\" }
";

/// The text.
pub fn template() -> String {
    let mut text = HEAD.to_owned();
    for table in ["daemon", "roles.ROLE", "poke", "restart", "tmux", "env"] {
        let inside: Vec<&Key> = KEYS
            .iter()
            .filter(|key| {
                key.path
                    .rsplit_once('.')
                    .is_some_and(|(above, _)| above == table)
            })
            .collect();
        if table == "roles.ROLE" {
            text.push('\n');
            text.extend(
                inside
                    .iter()
                    .map(|key| format!("# {}: {}\n", word(key), key.doc)),
            );
            text.extend(Role::ALL.map(|role| role_table(role, &inside)));
            continue;
        }
        text.push_str(&format!("\n[{table}]\n"));
        for key in inside {
            let default = key.fallback(&[]).unwrap_or("\"\"");
            text.push_str(&format!("# {}\n# {} = {default}\n", key.doc, word(key)));
        }
    }
    text.push_str(AGENTS);
    text
}

fn role_table(role: Role, keys: &[&Key]) -> String {
    let mut text = format!("[roles.{role}]\n");
    for key in keys {
        let default = key.fallback(&[role.as_str()]).unwrap_or("\"\"");
        text.push_str(&format!("# {} = {default}\n", word(key)));
    }
    text
}

fn word(key: &Key) -> &'static str {
    key.path.rsplit('.').next().unwrap_or(key.path)
}
