//! What is said of agents, from what was seen of them.

use super::*;
use gt_api::view::CheckResult;

fn agent(id: &str) -> AgentId {
    AgentId::from_canonical(id).unwrap()
}

fn process(pid: u32) -> ProcessId {
    ProcessId { pid, start: 1 }
}

/// Covers F10: what runs and is nobody's is named and left alone; what is a person's or another
/// town's is not even named.
#[test]
fn sessions_without_a_holder_and_holders_without_a_seat_are_only_reported() {
    let seats = [agent("mayor"), agent("deacon"), agent("api/crew/max")];
    let holders = [
        (agent("mayor"), Ok(process(10))),
        (agent("old/witness"), Ok(process(11))),
        (agent("api/crew/max"), Err("damaged".to_owned())),
    ];
    let sessions = [
        ("gt-mayor".to_owned(), 10),
        ("gt-mayor".to_owned(), 99),
        ("gt-deacon".to_owned(), 12),
        ("gt-api-crew-max".to_owned(), 13),
        ("gt-other-witness".to_owned(), 14),
        ("mine".to_owned(), 15),
    ];
    let check = strays_of(&seats, &holders, &sessions);
    assert_eq!(check.result, CheckResult::Warning);
    insta::assert_snapshot!(check.message, @"
    the holder of old/witness runs (pid 11), and the town has no such agent
    the holder of api/crew/max is unknown: damaged
    the session `gt-deacon` has no holder of deacon
    ");
}

#[test]
fn a_town_without_sessions_has_no_strays() {
    assert_eq!(
        strays_of(&[agent("mayor")], &[], &[]).result,
        CheckResult::Ok
    );
}

#[test]
fn differences_are_told_by_name() {
    let difference = |name: &str, change| Difference {
        name: name.to_owned(),
        change,
    };
    let check = environment_of(&[
        difference("API_KEY", Change::Changed),
        difference("LC_ALL", Change::Added),
        difference("TZ", Change::Removed),
    ]);
    let expect = "yours is not what agents get: API_KEY (changed), LC_ALL (new), TZ (gone)";
    assert_eq!(check.message, expect);
    assert_eq!(environment_of(&[]).result, CheckResult::Ok);
}

#[test]
fn a_missing_program_is_an_error_only_for_an_agent_that_always_runs() {
    let town = crate::commands::test_town::TestTown::new();
    let roster = town.context.roster().unwrap();
    let missing = || Observed::Known(Err("the program `x` is not found".to_owned()));
    let of = |readiness: fn() -> Observed<Result<(), String>>, run: Run| {
        let seats = roster.seats.iter().filter(|seat| seat.run == run);
        programs_of(seats.map(|seat| (seat, readiness())).collect(), |_| false)
    };
    let always = of(missing, Run::Always);
    assert_eq!(always.result, CheckResult::Error);
    assert_eq!(
        always.message,
        "mayor, deacon: the program `x` is not found"
    );
    assert_eq!(
        of(|| Observed::Known(Ok(())), Run::Always).result,
        CheckResult::Ok
    );
    let unknown = of(|| Observed::unknown("EACCES"), Run::Always);
    assert_ne!(unknown.result, CheckResult::Ok, "unknown is not found");
}

#[test]
fn a_program_that_this_shell_finds_is_only_a_matter_of_taking_its_path() {
    let town = crate::commands::test_town::TestTown::new();
    let roster = town.context.roster().unwrap();
    let hint = |is_ready_here: bool| {
        let missing = || Observed::Known(Err("the program `x` is not found".to_owned()));
        let seats = roster.seats.iter().map(|seat| (seat, missing()));
        let check = programs_of(seats.collect(), |_| is_ready_here);
        check.hint.unwrap()
    };
    assert!(hint(true).starts_with("your PATH has it"));
    assert!(hint(false).starts_with("install it"));
}
