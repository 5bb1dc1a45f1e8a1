//! What a person reads after a slip: the message names it, and the hint is a command that works.

use crate::towns::git;
use crate::{add_rig, town};

#[test]
fn a_mistyped_agent_leads_to_the_one_that_was_meant() {
    let town = town("");
    let said = town.gt(&["why", "majr"]).code(2);
    assert!(said.contains("hint: did you mean `mayor`?"), "{said}");
    let said = town.gt(&["mail", "send", "nope/", "-s", "x"]).code(2);
    assert!(said.contains("error: no rig `nope` in this town"), "{said}");
}

#[test]
fn without_a_daemon_an_agent_is_explained_as_far_as_it_can_be_seen() {
    let town = town("");
    let said = town.gt(&["why", "mayor"]).code(4);
    let expect = "nothing is done about mayor: it is gone (it has no holder), wanted always";
    assert!(said.contains(expect), "{said}");
    assert!(said.contains("hint: `gt up` starts it"), "{said}");
}

#[test]
fn a_command_that_no_help_text_shows_is_not_suggested() {
    let town = town("");
    let said = town.gt(&["status-lin"]).code(2);
    assert!(!said.contains("status-line"), "{said}");
    assert!(said.contains("'status'"), "{said}");
    let said = town.gt(&["daemon", "ru"]).code(2);
    assert!(!said.contains("'run'"), "{said}");
}

#[test]
fn a_number_below_zero_is_a_value_and_no_flag() {
    let town = town("");
    let said = town.gt(&["config", "set", "restart.budget", "-1"]).code(2);
    assert!(said.contains("takes a whole number of 1 or more"), "{said}");
    assert!(said.contains("`gt config set restart.budget 8`"), "{said}");
}

/// The command of the hint makes a workspace that the running daemon serves.
#[test]
fn a_crew_workspace_that_is_not_there_is_made_by_the_command_of_its_hint() {
    let town = town("");
    add_rig(&town, "toys");
    town.gt(&["up"]).ok();
    let said = town.gt(&["crew", "start", "toys/nope"]).code(2);
    assert!(
        said.contains("no crew workspace `nope` in rig `toys`"),
        "{said}"
    );
    let clone = said
        .split('`')
        .find(|part| part.starts_with("git clone "))
        .expect("a command to paste");
    let words: Vec<&str> = clone.split(' ').skip(2).collect();
    git(town.root(), &["clone", "--quiet", words[0], words[1]]);
    town.gt(&["crew", "start", "toys/nope"]).ok();
}
