//! An agent asks for a fresh run of itself or for its end, in each of the forms there are.

use gt_core::Actor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_api::view::State;
use gt_core::lifecycle::{Action, Request};
use gt_core::mail::{MessageType, Priority};
use gt_core::{AgentId, IncarnationId};
use gt_host::clock;
use gt_host::paths::TownPaths;
use gt_host::process::{self, Signal};
use gt_store::{NewMessage, Store};
use gt_testkit::town::TestTown;
use jiff::SignedDuration;

use crate::{add_rig, prompt, town};

const ASKERS: [&str; 6] = [
    "mayor",
    "deacon",
    "gas/witness",
    "gas/refinery",
    "gas/crew/max",
    "gas/polecats/nux",
];

/// A town with a rig, a crew workspace and a polecat that nobody but the disk knows of, everybody
/// up.
fn busy_town() -> TestTown {
    let town = town("[restart]\nbase = \"10ms\"\nbudget = 50\n");
    add_rig(&town, "gas");
    for worker in ["gas/crew/max", "gas/polecats/nux"] {
        fs_err::create_dir_all(town.root().join(worker)).unwrap();
    }
    town.gt(&[&["up"], &ASKERS[..]].concat()).ok();
    for agent in ASKERS {
        prompt(&town, agent);
    }
    town
}

fn store(town: &TestTown) -> Store {
    let path = TownPaths::new(town.root()).store();
    Store::open(&path, Duration::from_secs(5)).unwrap()
}

/// Writes a program that sends mail as whoever runs it, for `/run`, which knows no quotes.
fn program(town: &TestTown, name: &str, lines: &str) -> PathBuf {
    let path = town.beside().join(name);
    fs_err::write(&path, lines).unwrap();
    path
}

fn type_program(town: &TestTown, agent: &str, program: &Path) {
    town.type_line(agent, &format!("/run sh {}", program.display()));
}

fn unread(town: &TestTown, agent: &str) -> String {
    town.gt(&["mail", "inbox", agent, "--unread"]).ok()
}

/// Covers L1, L3, L5, L6, L9, L16, L17, L20, S1, S2: each role hands itself over, whichever action it
/// asks for is done once to it and to nobody else, and its words reach its own successor. Who asked for
/// its end stays away, though mail is left unread, until there is new mail for an agent on demand.
#[test]
fn every_role_is_cycled_restarted_and_shut_down_at_its_own_request() {
    let town = busy_town();
    for (done, action) in [(1, "cycle"), (2, "restart")] {
        for agent in ASKERS {
            prompt(&town, agent);
            let before = town.status().agents;
            let own = before.iter().find(|seen| seen.id == agent).unwrap();
            town.type_line(
                agent,
                &format!("/run gt handoff --{action} -m {action}-of-{agent}"),
            );
            let after = town.wait_for_run(agent, own.incarnation.as_deref());
            assert_eq!(after.holder_pid, own.holder_pid, "{agent}: the seat stays");
            town.wait_for("the request to be closed", || {
                (town.events("request_done", agent) == done).then_some(())
            });
            for other in before.iter().filter(|seen| seen.id != agent) {
                let now = town.agent(&other.id);
                assert_eq!(
                    now.incarnation, other.incarnation,
                    "{agent} took {}",
                    now.id
                );
            }
            let inbox = unread(&town, agent);
            assert_eq!(inbox.matches("HANDOFF").count(), done, "{agent}: {inbox}");
        }
    }
    for agent in ASKERS {
        prompt(&town, agent);
        town.type_line(agent, "/handoff shutdown");
        town.wait_for("the end", || town.agent(agent).pid.is_none().then_some(()));
        town.wait_for("the request to be closed", || {
            (town.events("request_done", agent) == 3).then_some(())
        });
    }
    town.gt(&["daemon", "restart"]).ok();
    town.gt(&["mail", "send", "deacon", "-s", "You are wanted"])
        .ok();
    for agent in ASKERS {
        let ended = town.wait_for(&format!("nothing to do about {agent}"), || {
            Some(town.agent(agent)).filter(|ended| ended.waiting.is_none())
        });
        assert_eq!(ended.pid, None, "{agent}");
        assert_eq!(town.starts(agent), 3, "{agent}\n{}", town.story());
        assert_eq!(town.events("request_refused", agent), 0);
    }
    town.gt(&["mail", "send", "gas/witness", "-s", "Something new"])
        .ok();
    town.wait_for_run("gas/witness", None);
    assert_eq!(store(&town).pending_requests().unwrap(), []);
    assert!(!town.root().join(".gastown/agent-state.json").exists());
}

/// Covers L3, L7, L8, L12, L14, L17, S2: a request in the original's mail form is carried out once,
/// for the agent whose mail it is, and leaves the inbox of the deacon to the daemon.
#[test]
fn a_request_by_mail_is_carried_out_once() {
    let town = busy_town();
    let asks = [
        ("gas/witness", "LIFECYCLE: gas-witness requesting restart"),
        ("gas/refinery", "LIFECYCLE: gas/refinery requesting cycle"),
        ("gas/crew/max", "lifecycle: gas-crew-max requesting cycling"),
        ("gas/polecats/nux", "LIFECYCLE: gas/nux requesting cycle"),
        ("mayor", "LIFECYCLE: mayor/ requesting restart"),
        ("deacon", "LIFECYCLE: requesting cycle"),
    ];
    for (agent, subject) in asks {
        let before = town.agent(agent);
        let send = format!("gt mail send deacon/ -s '{subject}' -m 'By mail.'");
        type_program(&town, agent, &program(&town, "send", &send));
        town.wait_for_run(agent, before.incarnation.as_deref());
        town.wait_for("the request to be closed", || {
            (town.events("request_done", agent) == 1).then_some(())
        });
    }
    town.gt(&["daemon", "restart"]).ok();
    town.gt(&["mail", "send", "mayor", "-s", "A look at the store"])
        .ok();
    for agent in ASKERS {
        town.wait_for_run(agent, None);
        assert_eq!(town.starts(agent), 2, "{agent}");
    }
    assert!(!unread(&town, "deacon").contains("requesting"));

    let deacon = town.agent("deacon");
    town.gt(&[
        "mail",
        "send",
        "deacon",
        "-s",
        "LIFECYCLE: gas-witness requesting shutdown",
    ])
    .ok();
    town.wait_for("a person's request to be carried out", || {
        town.agent("gas/witness").pid.is_none().then_some(())
    });
    assert_eq!(town.agent("deacon").incarnation, deacon.incarnation);
}

fn mail(from: &str, subject: &str, age: SignedDuration) -> NewMessage {
    let id = clock::fresh_id();
    NewMessage {
        id,
        from: from.to_owned(),
        recipients: vec!["deacon/".to_owned()],
        subject: subject.to_owned(),
        body: String::new(),
        sent_at: clock::now() - age,
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id,
        reply_to: None,
        pinned: false,
    }
}

/// Whether mail of the daemon's tells `agent` that something was not done, and why.
fn is_told(town: &TestTown, agent: &str, what: &str, why: &str) -> bool {
    let json = town.gt(&["mail", "inbox", agent, "--json"]).ok();
    let inbox: Vec<gt_api::view::Message> = serde_json::from_str(&json).unwrap();
    inbox.iter().any(|mail| {
        let subject = mail.subject.strip_prefix("Not done: ");
        mail.from == "daemon" && subject == Some(what) && mail.body.contains(why)
    })
}

/// Covers L1, L2, L7, L8, L9, L10, L11, L12, F20, F25, F26: what is malformed, of somebody else, of
/// an earlier run, too old or asked twice is closed at once without effect, and its sender is told.
#[test]
fn a_request_that_cannot_be_honoured_does_nothing_and_is_reported() {
    let town = busy_town();
    let refused = [
        (
            "LIFECYCLE: mayor requesting lunch",
            "unknown action `lunch`",
        ),
        ("LIFECYCLE: mayor please cycle", "expected `LIFECYCLE:"),
        (
            "LIFECYCLE: deacon requesting restart",
            "mayor/ may not ask for deacon",
        ),
        (
            "LIFECYCLE: gas-witness requesting stop",
            "may not ask for gas/witness",
        ),
        ("LIFECYCLE: ../x-witness requesting cycle", "no agent"),
        ("LIFECYCLE: Mayor requesting cycle", "no agent `Mayor`"),
    ];
    let sends: String = refused
        .iter()
        .map(|(subject, _)| format!("gt mail send deacon/ -s '{subject}'\n"))
        .collect();
    type_program(&town, "mayor", &program(&town, "send", &sends));
    for (subject, why) in refused {
        town.wait_for(&format!("word that {subject} was not done"), || {
            is_told(&town, "mayor", subject, why).then_some(())
        });
    }
    for agent in ASKERS {
        assert_eq!(town.starts(agent), 1, "{agent}");
    }

    // What waits for the daemon when it comes: as after its own death.
    let mayor = town.agent("mayor");
    town.gt(&["daemon", "stop"]).ok();
    let mut store = store(&town);
    let minute = SignedDuration::from_mins(1);
    let twice = "LIFECYCLE: mayor requesting restart";
    for message in [
        mail(
            "gas/witness",
            "LIFECYCLE: gas-witness requesting stop",
            6 * minute,
        ),
        mail("deacon/", "LIFECYCLE: deacon requesting cycle", 2 * minute),
        mail("mayor/", twice, SignedDuration::ZERO),
        mail("mayor/", twice, SignedDuration::ZERO),
    ] {
        store.send(&message).unwrap();
    }
    let now = clock::now();
    let of_another_run = Request {
        id: clock::fresh_id(),
        agent: AgentId::from_canonical("gas/refinery").unwrap(),
        incarnation: Some(IncarnationId(clock::fresh_id())),
        action: Action::Shutdown,
        actor: Actor::from("gas/refinery".to_owned()),
        message: None,
        requested_at: now,
        expires_at: now + minute,
    };
    store.submit_request(&of_another_run, None).unwrap();
    town.gt(&["daemon", "start"]).ok();
    town.wait_for_run("mayor", mayor.incarnation.as_deref());
    let told = [
        (
            "gas/witness",
            "shutdown of gas/witness",
            "not carried out in time",
        ),
        (
            "deacon",
            "cycle of deacon",
            "the run that asked is not the one",
        ),
        ("mayor", twice, "asked for already"),
        (
            "gas/refinery",
            "shutdown of gas/refinery",
            "the run that asked is not the one",
        ),
    ];
    for (agent, what, why) in told {
        town.wait_for(&format!("word to {agent} that it was not done"), || {
            is_told(&town, agent, what, why).then_some(())
        });
    }
    town.wait_for("every request to be closed", || {
        store.pending_requests().unwrap().is_empty().then_some(())
    });
    for (agent, starts) in ASKERS.into_iter().zip([2, 1, 1, 1, 1, 1]) {
        assert_eq!(town.starts(agent), starts, "{agent}\n{}", town.story());
    }
    assert_eq!(store.unhandled_lifecycle_mail().unwrap(), []);
}

/// Covers F72: an agent that takes long to stop holds up no other, nor what a person asks.
#[test]
fn a_slow_agent_delays_no_other() {
    let town = town("[restart]\nstop_grace = \"10m\"\n");
    town.script("mayor", "first: /ignore-term");
    town.gt(&["up"]).ok();
    for agent in ["mayor", "deacon"] {
        prompt(&town, agent);
    }
    let (mayor, deacon) = (town.agent("mayor"), town.agent("deacon"));
    town.type_line("mayor", "/handoff restart");
    town.wait_for_state("mayor", State::Stopping);
    town.type_line("deacon", "/handoff restart");
    town.wait_for_run("deacon", deacon.incarnation.as_deref());
    town.gt(&["deacon", "stop"]).ok();
    assert_eq!(town.agent("mayor").state, State::Stopping);
    let stubborn = process::identify(mayor.pid.unwrap()).unwrap().unwrap();
    assert!(process::signal(stubborn, Signal::KILL).unwrap());
    town.wait_for_run("mayor", mayor.incarnation.as_deref());
}
