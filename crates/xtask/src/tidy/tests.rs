//! What the text rules find, and what they leave alone.

use super::*;

fn check_text(path: &str, text: &str) -> Vec<String> {
    let file = TextFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    check(&[file]).iter().map(|it| it.place.clone()).collect()
}

#[test]
fn a_module_without_a_doc_is_found() {
    assert_eq!(
        check_text("crates/a/src/b.rs", "fn main() {}\n"),
        ["crates/a/src/b.rs:1"]
    );
    assert!(check_text("crates/a/src/b.rs", "\n//! What b is.\n").is_empty());
}

#[test]
fn an_ignored_test_and_an_allowed_lint_are_found() {
    let text = format!("//! A.\n{IGNORED_TEST}]\n{}dead_code)]\n", ALLOWED_LINTS[0]);
    assert_eq!(check_text("a.rs", &text), ["a.rs:2", "a.rs:3"]);
}

#[test]
fn a_sleep_in_a_test_needs_its_reason_beside_it() {
    let bare = format!("//! A.\n\n    {SLEEP}second);\n");
    assert_eq!(
        check_text("crates/a/tests/b.rs", &bare),
        ["crates/a/tests/b.rs:3"]
    );
    let inline = format!("//! A.\n\n{SLEEP}second);\n#[cfg(test)]\nmod t {{\n{SLEEP}x);\n}}\n");
    assert_eq!(
        check_text("crates/a/src/b.rs", &inline),
        ["crates/a/src/b.rs:6"]
    );
    let explained = format!("//! A.\n    // The kernel counts in whole ticks.\n    {SLEEP}x);\n");
    assert!(check_text("crates/a/tests/b.rs", &explained).is_empty());
}

#[test]
fn a_banned_word_is_found_in_any_file_but_not_inside_another_word() {
    for (word, _) in BANNED {
        assert_eq!(check_text("a.md", &format!("see {word}x\n")), ["a.md:1"]);
    }
    let path_of_an_example = format!("/home/me{}town\n", concat!("/wo", "rk/"));
    assert!(check_text("a.md", &path_of_an_example).is_empty());
}
