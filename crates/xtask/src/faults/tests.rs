//! How ids are found in tests and rows, and what counts as accounted for.

use super::*;

/// Reads `source` as the only Rust file and `list` as the list.
fn read(source: &str, list: &str) -> Report {
    let file = TextFile {
        path: "crates/a/tests/b.rs".to_owned(),
        text: source.to_owned(),
    };
    report(&[file], list)
}

fn covered(source: &str) -> Vec<String> {
    read(source, "")
        .tests
        .keys()
        .map(FaultId::to_string)
        .collect()
}

#[test]
fn a_test_covers_what_its_doc_comment_names() {
    let source = "
        /// Covers L1 and D4,
        /// F36: a pid is not an identity.
        #[test]
        fn a_reused_pid_is_left_alone() {}

        #[tokio::test(start_paused = true)]
        /// T1.
        async fn names_are_exact() {}
    ";
    assert_eq!(covered(source), ["L1", "D4", "T1", "F36"]);
}

#[test]
fn prose_outside_a_tests_doc_comment_covers_nothing() {
    let source = "
        //! L1
        /// L2
        fn helper() {}

        // L3
        #[test]
        fn plain() { check(\"L4\"); }
    ";
    assert_eq!(covered(source), Vec::<String>::new());
}

#[test]
fn every_required_id_is_missed_until_it_is_tested_or_listed() {
    let nothing = read("", "").findings();
    assert_eq!(nothing.len(), FaultId::all().len());
    let source = "/// L1\n#[test]\nfn a() {}\n";
    let list = "| id | where |\n|---|---|\n| L2 | cannot arise: there are no flags |\n";
    let some = read(source, list).findings();
    assert_eq!(some.len(), nothing.len() - 2);
}

#[test]
fn a_row_for_a_tested_fault_is_stale_and_no_failure() {
    let source = "/// L1\n#[test]\nfn a() {}\n";
    let report = read(source, "| L1 | later: mail |\n");
    assert_eq!(report.stale(), [FaultId::parse("L1").unwrap()]);
    assert!(!report.findings().iter().any(|it| it.rule.contains("L1 ")));
}

#[test]
fn a_row_without_a_reason_an_unknown_id_and_a_second_row_are_mistakes() {
    let list = "| L1 | soon |\n| L99 | later: x |\n| D1 | later: |\n| T1 | later: a |\n| T1 | later: b |\n";
    let report = read("/// L23\n#[test]\nfn a() {}\n", list);
    let mistakes: Vec<String> = report.mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        mistakes,
        [
            "crates/a/tests/b.rs:3: a covers L23, which is no known fault",
            "docs/faults.md:1: L1 needs `later: PART` or `cannot arise: WHY`",
            "docs/faults.md:2: `L99` is no known fault",
            "docs/faults.md:3: D1 needs `later: PART` or `cannot arise: WHY`",
            "docs/faults.md:5: T1 has two rows",
        ]
    );
}
