use clap::Parser as _;
use gt_core::event::{EventKind, NewEvent};
use gt_core::plan::RequestEnd;
use gt_core::{RigName, WorkerName};
use gt_host::git::status::ChangeKind;
use insta::assert_snapshot;

use super::*;
use crate::cli::{Cli, Command};

fn arguments(flags: &str) -> Handoff {
    let words = ["gt", "handoff"]
        .into_iter()
        .chain(flags.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Command::Handoff(arguments) => arguments,
        other => panic!("{other:?}"),
    }
}

fn witness() -> Run {
    Run {
        agent: AgentId::Witness(RigName::new("gas").unwrap()),
        incarnation: IncarnationId(Uuid::from_u128(1)),
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("town.db"), Duration::from_secs(5)).unwrap();
    (directory, store)
}

/// A request of the witness, stored.
fn submitted(store: &mut Store, flags: &str) -> (Request, SubmitOutcome) {
    let arguments = arguments(flags);
    let request = request(&witness(), &arguments, patience(&arguments).unwrap()).unwrap();
    let mail = words_for_successor(&request).unwrap();
    let outcome = store.submit_request(&request, mail.as_ref()).unwrap();
    (request, outcome)
}

fn by_daemon() -> NewEvent {
    NewEvent::by_daemon(EventKind::RequestReceived, None, "test")
}

fn text(result: CliResult) -> String {
    result.map_or_else(|error| error.to_string(), |()| "done".to_owned())
}

/// Covers L1, L17: each action is its own, and only a polecat's default ends it.
#[test]
fn what_is_asked_for_follows_the_flags_then_the_role() {
    let check = |flags, role, expect| assert_eq!(action(&arguments(flags), role), expect);
    check("", Role::Crew, Action::Cycle);
    check("", Role::Polecat, Action::Shutdown);
    check("--cycle", Role::Polecat, Action::Cycle);
    check("--shutdown --restart --cycle", Role::Witness, Action::Cycle);
    check("--shutdown --restart", Role::Witness, Action::Restart);
    check("--shutdown", Role::Mayor, Action::Shutdown);
}

#[test]
fn a_person_is_told_what_people_use() {
    let error = own_run(&Caller::Overseer).err().unwrap();
    assert_eq!(error.kind, Kind::Usage);
    assert_snapshot!(error, @"
    error: `gt handoff` is for agents, which ask for a fresh run of themselves
    hint: a person restarts one with `gt mayor restart`, `gt witness restart RIG`, …
    ");
    let idle = Caller::Agent {
        agent: AgentId::Deacon,
        incarnation: None,
    };
    assert_eq!(own_run(&idle).err().unwrap().kind, Kind::Refused);
}

#[test]
fn changes_that_are_not_committed_are_named() {
    let changes: Vec<Change> = (1..=7)
        .map(|number| Change {
            kind: ChangeKind::Untracked,
            path: format!("a\u{1b}{number}.rs").into(),
        })
        .collect();
    let error = refuse_unsaved(&changes).unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert_snapshot!(error, @"
    error: the work tree has changes that are not committed: a1.rs, a2.rs, a3.rs, a4.rs, a5.rs, 2 more
    hint: commit them, or hand off all the same with `gt handoff --force`
    ");
    assert!(refuse_unsaved(&[]).is_ok());
}

/// Covers M3, M22: what lies in the town's own repository is not the agent's work.
#[test]
fn only_a_work_tree_below_the_town_is_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let town = directory.path().canonicalize().unwrap();
    let clone = town.join("gas/crew/max");
    fs_err::create_dir_all(&clone).unwrap();
    fs_err::write(clone.join("new.rs"), "").unwrap();
    assert_eq!(unsaved(&clone, &town).unwrap(), [], "no repository");
    init(&town);
    assert_eq!(unsaved(&clone, &town).unwrap(), [], "the town's");
    init(&clone);
    let found = unsaved(&clone, &town).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, Path::new("new.rs"));
}

fn init(directory: &Path) {
    gt_host::command::Program::new("git", directory, Duration::from_secs(30))
        .args(["init", "--quiet"])
        .run()
        .unwrap();
}

#[test]
fn a_request_comes_with_the_words_for_the_successor() {
    let (_directory, mut store) = store();
    let (request, outcome) = submitted(&mut store, "--cycle -m next:tests");
    assert_eq!(outcome, SubmitOutcome::New);
    assert_eq!(
        request.expires_at,
        after(request.requested_at, Duration::from_secs(120))
    );
    let inbox = store.inbox("gas/witness", true).unwrap();
    let [mail] = inbox.as_slice() else {
        panic!("{inbox:?}");
    };
    assert_eq!(
        (mail.from.as_str(), mail.subject.as_str()),
        ("gas/witness", SUBJECT)
    );
    assert_eq!(mail.body, "next:tests");
}

#[test]
fn a_shutdown_leaves_no_mail_that_would_be_owed() {
    let (_directory, mut store) = store();
    let (request, _) = submitted(&mut store, "--shutdown -m bye");
    assert_eq!(request.message.as_deref(), Some("bye"));
    assert_eq!(store.inbox("gas/witness", false).unwrap(), []);
}

#[test]
fn a_second_request_of_a_run_waits_on_the_first() {
    let (_directory, mut store) = store();
    let (first, _) = submitted(&mut store, "--cycle");
    let (second, outcome) = submitted(&mut store, "--shutdown -m bye");
    assert_eq!(outcome.open_request(second.id), first.id);
    let error = text(give_up(&mut store, &second, outcome));
    assert!(
        error.contains("the earlier request is still open"),
        "{error}"
    );
    assert_eq!(
        store.request_status(first.id).unwrap(),
        Some(RequestStatus::Open)
    );
}

/// Covers L18: no hand-off waits for ever, and none is left to strike later.
#[test]
fn a_request_that_nobody_took_is_withdrawn_when_the_time_is_over() {
    let (_directory, mut store) = store();
    let (request, outcome) = submitted(&mut store, "--cycle");
    assert_snapshot!(text(give_up(&mut store, &request, outcome)), @"
    error: nobody took the request in time; it was withdrawn
    hint: `gt why gas/witness` tells what it waits on
    ");
    let status = store.request_status(request.id).unwrap();
    assert_eq!(status, Some(RequestStatus::Cancelled));
}

#[test]
fn a_request_that_is_being_carried_out_is_not_called_withdrawn() {
    let (_directory, mut store) = store();
    let (request, outcome) = submitted(&mut store, "--cycle");
    assert!(
        store
            .take_request(
                request.id,
                request.incarnation.expect("an agent asks for its run"),
                clock::now(),
                &gt_store::WishChange::Keep,
                &by_daemon()
            )
            .unwrap()
    );
    assert_snapshot!(text(give_up(&mut store, &request, outcome)), @"
    error: the request is being carried out, and has not ended this run yet
    hint: `gt why gas/witness` tells what it waits on
    ");
    assert_snapshot!(text(cancel(&mut store, &witness())), @"
    error: cycle is being carried out already
    hint: `gt why gas/witness` tells how far it is
    ");
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let (_directory, mut store) = store();
    let (request, _) = submitted(&mut store, "--cycle");
    assert!(look(&store, request.id).is_none());
    let refused = RequestEnd::Refused;
    store
        .close_request(
            request.id,
            clock::now(),
            refused,
            "no such\u{7} program",
            &by_daemon(),
            None,
        )
        .unwrap();
    assert_snapshot!(text(look(&store, request.id).unwrap()), @"
    error: the request was refused: no such program
    hint: `gt status` shows the town, `gt why AGENT` one agent
    ");
}

#[test]
fn a_run_takes_back_its_own_request_only() {
    let (_directory, mut store) = store();
    let none = "error: gas/witness has no open request of its own\n\
                hint: `gt why gas/witness` tells what it waits on";
    assert_eq!(text(cancel(&mut store, &witness())), none);
    let (request, _) = submitted(&mut store, "--cycle");
    let later = Run {
        incarnation: IncarnationId(Uuid::from_u128(2)),
        ..witness()
    };
    assert_eq!(text(cancel(&mut store, &later)), none);
    assert_eq!(text(cancel(&mut store, &witness())), "done");
    let status = store.request_status(request.id).unwrap();
    assert_eq!(status, Some(RequestStatus::Cancelled));
}

#[test]
fn a_persons_restart_is_not_the_agents_to_take_back() {
    let (_directory, mut store) = store();
    let mut request = request(&witness(), &arguments("--restart"), Duration::from_secs(1)).unwrap();
    request.actor = Actor::Overseer;
    store.submit_request(&request, None).unwrap();
    assert_snapshot!(text(cancel(&mut store, &witness())), @"
    error: gas/witness has no open request of its own
    hint: overseer asked for restart, and alone takes that back
    ");
    let status = store.request_status(request.id).unwrap();
    assert_eq!(status, Some(RequestStatus::Open));
}

#[test]
fn a_timeout_that_no_clock_can_hold_is_a_usage_error() {
    assert!(patience(&arguments("--timeout 86400")).is_ok());
    for bad in ["--timeout 0", "--timeout 18446744073709551615"] {
        assert_eq!(patience(&arguments(bad)).unwrap_err().kind, Kind::Usage);
    }
}

#[test]
fn a_polecat_is_told_apart_from_a_crew_member() {
    let rig = RigName::new("gas").unwrap();
    let name = WorkerName::new("max").unwrap();
    let of = |agent: AgentId| action(&arguments(""), agent.role());
    assert_eq!(
        of(AgentId::Polecat(rig.clone(), name.clone())),
        Action::Shutdown
    );
    assert_eq!(of(AgentId::Crew(rig, name)), Action::Cycle);
}
