//! OpenCode: a plug-in, named by `OPENCODE_CONFIG_CONTENT`, which it adds to the user's own.

use std::path::Path;

use serde_json::json;

/// The variable with more of its configuration.
const VARIABLE: &str = "OPENCODE_CONFIG_CONTENT";

/// The plug-in's text.
pub(super) fn plug_in(gt: &Path) -> String {
    let gt = json!(gt.to_string_lossy()).to_string();
    include_str!("opencode.js").replace("GT_PROGRAM", &gt)
}

/// The variable that names the plug-in. Nothing where there is no such file, or a person gave the
/// variable: there is only one.
pub(super) fn variable(file: &Path, is_set: impl Fn(&str) -> bool) -> Option<(String, String)> {
    let value = json!({ "plugin": [file_url(file)] }).to_string();
    (file.exists() && !is_set(VARIABLE)).then(|| (VARIABLE.to_owned(), value))
}

fn file_url(file: &Path) -> String {
    let path = file.to_string_lossy();
    let escaped = path.bytes().map(|byte| match byte {
        b'/' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    format!("file://{}", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plug_in_is_named_by_a_url_where_a_person_named_none() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("my town.js");
        assert_eq!(variable(&file, |_| false), None, "there is no file");
        fs_err::write(&file, plug_in(Path::new("/opt/my \"gt\""))).unwrap();
        let (_, value) = variable(&file, |_| false).unwrap();
        assert!(value.contains("/my%20town.js"), "{value}");
        assert_eq!(variable(&file, |name| name == VARIABLE), None);
        let text = fs_err::read_to_string(&file).unwrap();
        assert!(text.contains(r#"const gt = "/opt/my \"gt\"""#), "{text}");
    }
}
