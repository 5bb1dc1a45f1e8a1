//! The suite that real programs are tried with, on the look-alike.

use crate::town;

/// Covers F59, F61, F67: what a town promises of a program holds for one that draws, asks and fails as
/// the real ones do.
#[test]
fn the_look_alike_passes_every_case() {
    let town = town("");
    let said = town.gt(&["agent", "conformance", "simulated"]).ok();
    let passed = said.lines().filter(|line| line.contains(" passed: "));
    assert!(passed.count() >= 13, "{said}");
}

#[test]
fn a_program_or_case_that_there_is_not_is_named() {
    let town = town("");
    let said = town.gt(&["agent", "conformance", "emacs"]).code(2);
    assert!(
        said.contains("`emacs`") && said.contains("claude"),
        "{said}"
    );
    let said = town
        .gt(&["agent", "conformance", "simulated", "--only", "fly"])
        .code(2);
    assert!(said.contains("`fly`") && said.contains("submit"), "{said}");
}
