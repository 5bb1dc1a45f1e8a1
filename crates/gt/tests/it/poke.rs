//! Agents that owe something are woken, and nothing else is ever typed.

use std::time::Duration;

use gt_api::view::State;
use gt_core::address::Address;
use gt_core::mail::{MessageType, Priority};
use gt_core::{AgentId, IncarnationId};
use gt_host::clock;
use gt_host::heartbeat_file::{self, Touch};
use gt_host::wake::{self, Wake};
use gt_store::{NewMessage, Store};
use gt_testkit::town::TestTown;

use crate::town;

/// Leaves a message for an agent, from the overseer, as `gt mail send` does.
pub(crate) fn post(town: &TestTown, to: &str) {
    let id = clock::fresh_id();
    let to = Address::Agent(AgentId::from_canonical(to).unwrap());
    let message = NewMessage {
        id,
        from: "overseer".to_owned(),
        recipients: vec![to.to_string()],
        subject: "Word".to_owned(),
        body: "Nothing urgent.".to_owned(),
        sent_at: clock::now(),
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id,
        reply_to: None,
        pinned: false,
    };
    let mut store = Store::open(&town.paths().store(), Duration::from_secs(5)).unwrap();
    store.send(&message).unwrap();
    // Without a daemon, the next one reads the store.
    let _ = wake::send(&town.paths(), &Wake::Store);
}

/// The deacon is poked whenever it is not fresh, the others when they owe something.
fn pokes(fresh: &str, very_stale: &str) -> String {
    format!(
        "[poke]\nfresh = '{fresh}'\nvery_stale = '{very_stale}'\nbase = '1s'\nfactor = 1.0\nmax = '1s'\n\
         unanswered_before_restart = 2\n[roles.deacon]\npoke = 'always'\n"
    )
}

/// How often an agent was given such a prompt.
fn prompts(town: &TestTown, agent: &str, text: &str) -> usize {
    let journal = town.journal(agent);
    let prompt = format!(" prompt {text}");
    journal
        .lines()
        .filter(|line| line.contains(&prompt))
        .count()
}

/// Covers F59, F60: text that a daemon pasted before it was killed is submitted by the next, and
/// not taken for a person's half-typed line for ever.
#[test]
fn a_poke_that_was_pasted_and_not_submitted_is_submitted() {
    let town = town(&pokes("1s", "10s"));
    town.gt(&["up"]).ok();
    town.wait_for_run("deacon", None);
    let text = "HEARTBEAT: from the daemon before";
    fs_err::write(town.paths().pastes().join("deacon"), text).unwrap();
    town.gt(&["tmux", "send-keys", "-t", "=gt-deacon:", "-l", text])
        .ok();
    town.wait_for("the text submitted", || {
        (prompts(&town, "deacon", text) == 1).then_some(())
    });
}

/// Covers D1, F33, F59: an idle agent with unread mail is woken once, reads it by its own
/// `gt`, and is left in peace from then on; one that owes nothing is never written to.
#[test]
fn an_idle_agent_with_unread_mail_is_woken_once_and_answers() {
    let town = town(
        &pokes("200ms", "30s")
            .replace("'always'", "'owed'")
            .replace("'1s'", "'20s'"),
    );
    town.gt(&["up"]).ok();
    town.wait_for_run("deacon", None);
    town.wait_for_run("mayor", None);
    post(&town, "mayor");
    town.wait_for("the poke", || {
        (prompts(
            &town,
            "mayor",
            "HEARTBEAT: check your rigs; 1 unread message",
        ) == 1)
            .then_some(())
    });
    town.wait_for("its answer", || {
        town.journal("mayor")
            .contains(" answer gt mail inbox 0")
            .then_some(())
    });
    let id = town.gt(&["mail", "inbox", "mayor", "--json"]).ok();
    let mail: Vec<gt_api::view::Message> = serde_json::from_str(&id).unwrap();
    town.type_line("mayor", &format!("/run gt mail read {}", mail[0].id));
    town.wait_for("the end of the debt", || {
        let why = town.gt(&["why", "mayor"]).ok();
        why.contains("owes: nothing").then_some(())
    });
    // What is owed to nobody is waited for by a beat that certainly happened: another agent's.
    post(&town, "deacon");
    town.wait_for("the deacon's poke", || {
        (prompts(&town, "deacon", "HEARTBEAT: run your rounds; 1 unread") == 1).then_some(())
    });
    assert_eq!(prompts(&town, "mayor", "HEARTBEAT"), 1);
}

/// Covers F67, D6: a dialog is never answered by a poke: it is shown as waiting for a person,
/// and goes on waiting.
#[test]
fn a_dialog_is_left_to_a_person() {
    let town = town(&pokes("200ms", "400ms"));
    town.script("deacon", "/dialog Delete everything\n");
    town.gt(&["up"]).ok();
    let deacon = town.wait_for_run("deacon", None);
    town.wait_for_state("deacon", State::NeedsAnswer);
    town.wait_for_waiting("deacon", "a person");
    town.wait_for("its evidence", || {
        let why = town.gt(&["why", "deacon"]).ok();
        let evidence = "needs-answer, `blocked` matches `Do you want to proceed?`";
        why.contains(evidence).then_some(())
    });
    town.wait_for("a second try", || {
        (town.events("nudge_refused", "deacon") >= 2).then_some(())
    });
    assert!(town.screen("deacon").contains("Do you want to proceed?"));
    assert!(!town.journal("deacon").contains("approved"));
    assert_eq!(prompts(&town, "deacon", ""), 0);
    assert_eq!(town.agent("deacon").incarnation, deacon.incarnation);
    town.press("deacon", &["Enter"]);
    town.wait_for("the person's answer", || {
        town.journal("deacon")
            .contains("approved Delete everything")
            .then_some(())
    });
}

/// Covers F61, D6: a person's half-typed line is neither submitted nor erased nor mixed with a
/// poke, however long it stands there, and its agent is not restarted for it.
#[test]
fn a_half_typed_line_is_left_as_it_is() {
    let town = town(&pokes("200ms", "400ms"));
    town.script("deacon", "/draft tell the mayor that\n");
    town.gt(&["up"]).ok();
    let deacon = town.wait_for_run("deacon", None);
    town.wait_for("two tries", || {
        (town.events("nudge_refused", "deacon") >= 2).then_some(())
    });
    assert!(town.screen("deacon").contains("> tell the mayor that\n"));
    assert_eq!(prompts(&town, "deacon", ""), 0);
    assert_eq!(town.agent("deacon").incarnation, deacon.incarnation);
    town.wait_for_waiting("deacon", "half-typed line");
}

/// Covers F4, F62: a program that hangs at its empty prompt is never said to have been woken, and is
/// restarted for its silence.
#[test]
fn a_program_that_hangs_at_its_prompt_was_not_woken() {
    let town = town(&(pokes("100ms", "200ms") + "[restart]\nstop_grace = '200ms'\n"));
    town.script("deacon", "first: /hang\n");
    town.gt(&["up"]).ok();
    town.wait_for("the restart of the hung deacon", || {
        (town.starts("deacon") == 2).then_some(())
    });
    let story = town.story();
    let before = story.split("pokes in a row unanswered").next().unwrap();
    assert!(!before.contains("nudge_delivered"), "{story}");
    assert!(before.contains("did not show what was pasted"), "{story}");
}

/// Covers T5: what a message says is never a shell's to run: a poke tells how many there are and no more,
/// and an agent that is dead gets nothing typed into what is left of its terminal.
#[test]
fn a_message_is_not_run_by_a_shell() {
    let town = town("");
    let file = town.beside().join("run");
    town.configure(&format!(
        "{}[roles.mayor]\nagent = 'shell'\n\n[agents.shell]\ncommand = ['sh', '-c', 'PS1=\"> \" exec sh -i']\n\
         ready = '^>(?: (?<draft>.*))?\\z'\n",
        pokes("100ms", "30s")
    ));
    let subject = format!("x'; touch {}; echo '", file.display());
    town.gt(&["mail", "send", "mayor/", "-s", &subject, "-m", &subject])
        .ok();
    town.gt(&["up"]).ok();
    town.wait_for("the poke", || {
        town.screen("mayor")
            .contains("1 unread message")
            .then_some(())
    });
    assert!(
        !town.screen("mayor").contains("touch"),
        "{}",
        town.screen("mayor")
    );
    assert!(!file.exists());
}

/// Covers D3, F21: what others do about an agent, and a heartbeat of another run, is no sign of life of
/// its own: a deaf one is restarted all the same.
#[test]
fn other_peoples_commands_do_not_make_an_agent_fresh() {
    let town = town(&(pokes("100ms", "200ms") + "[restart]\nstop_grace = '200ms'\n"));
    town.script("deacon", "first: /deaf\n");
    town.gt(&["up"]).ok();
    town.wait_for_run("deacon", None);
    crate::prompt(&town, "mayor");
    let strange = Touch {
        incarnation: Some(IncarnationId(clock::fresh_id())),
        ..Touch::default()
    };
    town.wait_for("the restart of the deaf deacon", || {
        town.gt(&["mail", "inbox", "deacon/"]).ok();
        town.gt(&["status-line", "--session=gt-deacon"]).ok();
        town.type_line("mayor", "/run gt mail inbox deacon/");
        let heartbeat = town.paths().deacon_heartbeat();
        heartbeat_file::touch(&heartbeat, clock::now(), strange.clone()).unwrap();
        (town.starts("deacon") == 2).then_some(())
    });
}

/// Covers D4, F3, F4, F5, F13: an agent that leaves its pokes unanswered is restarted through the
/// gate, and a person's crew is not: the person is told, once. The idle one that owes nothing is
/// left alone.
#[test]
fn a_deaf_agent_is_restarted_and_a_deaf_crew_is_reported() {
    let policy = pokes("100ms", "200ms")
        + "[restart]\nstop_grace = '200ms'\n[roles.crew]\npoke = 'always'\n";
    let town = town(&policy);
    town.rigs(&["rig"], &["ann"]);
    town.script("deacon", "first: /deaf\n");
    town.script("rig/crew/ann", "/deaf\n");
    town.gt(&["up"]).ok();
    town.gt(&["crew", "start", "rig/ann"]).ok();
    let mayor = town.wait_for_run("mayor", None);
    let crew = town.wait_for_run("rig/crew/ann", None);
    town.wait_for("the restart of the deaf deacon", || {
        (town.starts("deacon") == 2).then_some(())
    });
    assert_eq!(
        prompts(&town, "deacon", "HEARTBEAT").min(2),
        2,
        "{}",
        town.story()
    );
    let journal = town.journal("deacon");
    assert!(journal.contains(" signal TERM"), "{journal}");
    town.wait_for("the report of the deaf crew", || {
        (town.events("escalation", "rig/crew/ann") == 1).then_some(())
    });
    town.wait_for("the answer of the new deacon", || {
        town.journal("deacon")
            .contains(" answer gt deacon heartbeat rounds done 0")
            .then_some(())
    });
    assert_eq!(town.events("escalation", "rig/crew/ann"), 1);
    assert_eq!(town.agent("rig/crew/ann").incarnation, crew.incarnation);
    assert_eq!(town.agent("mayor").incarnation, mayor.incarnation);
    assert_eq!(prompts(&town, "mayor", ""), 0);
    assert_eq!(town.starts("deacon"), 2);
}
