//! The town.toml of a new town: every key with its default, commented out, so that a person sees
//! what there is and a later gt may still choose better defaults.

use gt_core::Role;

use super::key::{KEYS, Key};
use crate::preset;

const HEAD: &str = "\
# Configuration of this town. Every key is optional; what is commented out is the default.
# `gt config check` names mistakes, `gt config show` prints what holds. Tables, such as
# [roles.mayor], go to the end of the file.
";

/// The text: every key with its whole path, so that one line can be uncommented by itself, and no
/// table is open to which an added `[roles.mayor]` would be a second one.
pub fn template() -> String {
    let (roles, others): (Vec<&Key>, Vec<&Key>) = KEYS
        .iter()
        .filter(|key| !key.path.starts_with("agents."))
        .partition(|key| key.path.starts_with("roles."));
    let others: String = others.into_iter().map(commented).collect();
    format!("{HEAD}{}{others}{}", of_roles(&roles), agents())
}

fn commented(key: &Key) -> String {
    let default = key.fallback(&[]).unwrap_or("\"\"");
    format!("\n# {}\n# {} = {default}\n", key.doc, key.path)
}

fn of_roles(keys: &[&Key]) -> String {
    let mut text = "\n".to_owned();
    for key in keys {
        text.push_str(&format!("# {}: {}\n", word(key), key.doc));
    }
    for role in Role::ALL {
        text.push('\n');
        for key in keys {
            let path = key.path.replace("ROLE", role.as_str());
            let default = key.fallback(&[role.as_str()]).unwrap_or("\"\"");
            text.push_str(&format!("# {path} = {default}\n"));
        }
    }
    text
}

fn agents() -> String {
    format!(
        "
# What an agent runs. Presets: {}. A table changes one key by key, or names a new one.
# [agents.claude]
# command = [\"claude\", \"--dangerously-skip-permissions\"]
# env = {{ NAME = \"value\" }}
",
        preset::NAMES.join(", ")
    )
}

fn word(key: &Key) -> &'static str {
    key.path.rsplit('.').next().unwrap_or(key.path)
}
