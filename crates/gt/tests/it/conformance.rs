//! The suite that real programs are tried with, on the look-alike.

use crate::town;

/// Covers F59, F61, F67: what a town promises of a program holds for one that draws, asks and fails as
/// the real ones do.
#[test]
fn the_look_alike_passes_every_case() {
    let town = town("");
    let said = town.gt(&["agent", "conformance", "simulated"]).ok();
    let passed = said.lines().filter(|line| line.contains(" passed: "));
    assert_eq!(passed.count(), 14, "{said}");
}

/// Covers F59, F61: of many messages at work, at dialogs, over restarts and deaths of the daemon, each is
/// confirmed and was taken once, or ended and was not, and no dialog was answered.
#[test]
fn many_messages_arrive_once_whatever_happens_meanwhile() {
    let town = town("");
    let many = ["--only", "start", "--nudges", "60"];
    let said = town
        .gt(&[&["agent", "conformance", "simulated"][..], &many].concat())
        .ok();
    let line = said.lines().find(|line| line.contains("nudges "));
    assert!(
        line.is_some_and(|line| line.contains(" 60 messages: ")),
        "{said}"
    );
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
