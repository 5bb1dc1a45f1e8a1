//! The rules of this checkout, held as ordinary tests, so that `cargo test` alone finds a breach.

use xtask::checkout::{self, Graph};
use xtask::{Finding, arrows, faults, tidy};

#[track_caller]
fn check(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "\n{}\n", lines.join("\n"));
}

#[test]
fn every_crate_depends_only_on_what_its_row_of_the_table_permits() {
    let root = checkout::root();
    let metadata = checkout::metadata(&root, Graph::Members).unwrap();
    let lock = checkout::read(&root, "Cargo.lock").unwrap();
    let lock = arrows::Lock::parse(&lock).unwrap();
    let files = checkout::text_files(&root).unwrap();
    check(&arrows::check(&metadata, &lock, &files));
}

#[test]
fn every_file_keeps_the_text_rules() {
    let files = checkout::text_files(&checkout::root()).unwrap();
    check(&tidy::check(&files));
}

#[test]
fn every_known_fault_is_tested_or_listed_with_a_reason() {
    let root = checkout::root();
    let files = checkout::text_files(&root).unwrap();
    let list = checkout::read(&root, faults::LIST).unwrap();
    check(&faults::report(&files, &list).findings());
}
