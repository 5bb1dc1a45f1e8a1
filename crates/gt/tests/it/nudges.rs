//! Messages that are brought to agents: when it is safe, once, and as they are.

use gt_api::view::State;
use gt_host::clock;
use gt_host::process::Signal;
use gt_testkit::town::{TestTown, is_gone, signal};

use crate::{prompt, town};

/// How often the agent took a prompt that reads so, line ends and backslashes escaped.
pub(crate) fn times_taken(town: &TestTown, agent: &str, text: &str) -> usize {
    let line = format!(" prompt {text}");
    let journal = town.journal(agent);
    journal
        .lines()
        .filter(|taken| taken.ends_with(&line))
        .count()
}

/// Covers F59: what is confirmed was taken, once, by the agent that it was for.
#[test]
fn a_message_is_brought_and_confirmed() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    let said = town.gt(&[
        "nudge",
        "mayor",
        "-m",
        "look at the tests",
        "--wait",
        "confirmed",
    ]);
    assert!(said.stderr.contains("mayor: confirmed"), "{}", said.stderr);
    said.ok();
    assert_eq!(times_taken(&town, "mayor", "look at the tests"), 1);
    assert_eq!(times_taken(&town, "deacon", "look at the tests"), 0);
    let listed = town.gt(&["nudge", "list", "mayor"]).ok();
    assert!(listed.contains("confirmed"), "{listed}");
    assert_eq!(town.events("nudge_delivered", "mayor"), 1);
}

/// Covers F59: no character of a message is lost or taken for a key or a flag.
#[test]
fn a_message_arrives_as_it_is() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    let file = town.beside().join("text");
    fs_err::write(
        &file,
        "--help is no flag; {}\n\n\ttwo \"words\" žluťoučký 🐎\n",
    )
    .unwrap();
    let file = file.display().to_string();
    town.gt(&["nudge", "mayor", "-F", &file, "--wait", "confirmed"])
        .ok();
    let taken = "--help is no flag; {}\\n\\n\\ttwo \"words\" žluťoučký 🐎";
    assert_eq!(
        times_taken(&town, "mayor", taken),
        1,
        "{}",
        town.journal("mayor")
    );
    let refused = town.gt(&["nudge", "mayor", "-m", "a\u{1b}[201~b"]).code(2);
    assert!(refused.contains("U+001B"), "{refused}");
    town.gt(&["nudge", "mayor", "-m", " "]).code(2);
    town.gt(&["nudge", "mayr", "-m", "x"]).code(2);
    town.gt(&["nudge", "mayor", "-m", "x", "--ttl", "soon"])
        .code(2);
}

/// Covers F60, F61, F62, F67: a message waits for a dialog, a half-typed line and a working turn to be over; it
/// approves nothing and mixes with nothing.
#[test]
fn a_message_waits_for_a_safe_moment() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    town.type_line("mayor", "/dialog danger");
    town.wait_for("the dialog", || {
        town.screen("mayor").contains("danger").then_some(())
    });
    town.gt(&["nudge", "mayor", "-m", "after the dialog"]).ok();
    town.wait_for_waiting("mayor", "it shows a dialog");
    assert!(!town.journal("mayor").contains(" dialog_input "));
    town.press("mayor", &["Escape"]);
    town.wait_for("the message", || {
        (times_taken(&town, "mayor", "after the dialog") == 1).then_some(())
    });
    town.press("mayor", &["-l", "half a line"]);
    town.gt(&["nudge", "mayor", "-m", "after the line"]).ok();
    town.wait_for_waiting("mayor", "half-typed line");
    town.press("mayor", &["Enter"]);
    town.wait_for("the message", || {
        (times_taken(&town, "mayor", "after the line") == 1).then_some(())
    });
    assert_eq!(times_taken(&town, "mayor", "half a line"), 1);
    assert!(!town.journal("mayor").contains(" approved "));
}

/// Covers F61: a dialog that comes up while the store takes its time over the begin of a message
/// gets none of it.
#[test]
fn a_dialog_that_comes_up_before_the_paste_gets_nothing() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    let store = rusqlite::Connection::open(town.paths().store()).unwrap();
    // Seconds of work, in which the daemon waits for its store.
    store
        .execute_batch(
            "CREATE TRIGGER slow BEFORE UPDATE OF state ON nudge WHEN NEW.state = 'typing' BEGIN
                 SELECT count(*) FROM (
                     WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number)
                     SELECT n FROM number LIMIT 6000000);
             END",
        )
        .unwrap();
    town.gt(&["nudge", "mayor", "-m", "after the dialog"]).ok();
    town.wait_for("the message, ready to be pasted", || {
        let buffers = town.gt(&["tmux", "list-buffers"]);
        buffers.stdout.contains("gt-mayor").then_some(())
    });
    town.type_line("mayor", "/dialog danger");
    town.wait_for("the word that it was not brought", || {
        (town.events("nudge_refused", "mayor") == 1).then_some(())
    });
    town.press("mayor", &["Escape"]);
    town.wait_for("the message", || {
        (times_taken(&town, "mayor", "after the dialog") == 1).then_some(())
    });
    let journal = town.journal("mayor");
    assert!(!journal.contains(" dialog_input "), "{journal}");
    assert!(!journal.contains(" approved "), "{journal}");
}

/// A message that nobody is there to bring says so at once, and is brought when somebody is.
#[test]
fn a_message_in_a_town_that_is_down_waits_for_its_daemon() {
    let town = town("");
    let queued = town.gt(&["nudge", "mayor", "-m", "when you are up"]);
    let hint = "no daemon runs that could bring it: `gt up` starts the town";
    assert!(queued.stderr.contains(hint), "{}", queued.stderr);
    queued.ok();
    town.gt(&["up"]).ok();
    town.wait_for("the message", || {
        (times_taken(&town, "mayor", "when you are up") == 1).then_some(())
    });
}

/// A program is typed at by what it was started as, whatever its seat runs next.
#[test]
fn another_program_in_the_configuration_is_not_the_one_that_runs() {
    let town = town("[agents.other]\ncommand = ['cat']\nready = '^OTHER>$'\n");
    town.gt(&["up"]).ok();
    town.wait_for_state("mayor", State::Idle);
    town.gt(&["config", "set", "roles.mayor.agent", "other"])
        .ok();
    let sent = ["nudge", "mayor", "-m", "still you", "--wait", "confirmed"];
    town.gt(&sent).ok();
    assert_eq!(times_taken(&town, "mayor", "still you"), 1);
    let why = town.gt(&["why", "mayor"]).ok();
    let told = "it is `scripted` as it was started; `other` as it is now is for its next run";
    assert!(why.contains(told), "{why}");
}

/// Covers F60: a slot holds the newest, what is withdrawn is not brought, and what could not be brought in its
/// time says why.
#[test]
fn a_message_is_replaced_withdrawn_or_out_of_time() {
    let town = town("[roles.mayor]\nrun = 'never'\n");
    town.gt(&["up"]).ok();
    for text in ["old", "new"] {
        town.gt(&["nudge", "mayor", "-m", text, "--slot", "ci"])
            .ok();
    }
    town.gt(&["nudge", "mayor", "-m", "never mind"]).ok();
    let id = |text: &str| {
        let listed = town.gt(&["nudge", "list", "mayor"]).ok();
        let line = listed.lines().find(|line| line.contains(text)).unwrap();
        line.split(' ').next().unwrap().to_owned()
    };
    town.gt(&["nudge", "cancel", &id("never mind")]).ok();
    town.gt(&["nudge", "cancel", &id("never mind")]).code(1);
    let late = [
        "nudge",
        "mayor",
        "-m",
        "late",
        "--ttl",
        "1s",
        "--wait",
        "confirmed",
    ];
    let said = town.gt(&late).code(1);
    assert!(said.contains("mayor did not run"), "{said}");
    town.gt(&["mayor", "start"]).ok();
    town.wait_for("the message", || {
        (times_taken(&town, "mayor", "new") == 1).then_some(())
    });
    for text in ["old", "never mind", "late"] {
        assert_eq!(times_taken(&town, "mayor", text), 0, "{text}");
    }
}

/// Covers F59: a text that its agent's preset gives no means to bring is refused at once and does not
/// stand half-typed at its prompt; a broadcast reaches the others.
#[test]
fn a_text_that_could_not_be_proven_to_arrive_is_refused() {
    let town = town(
        "[agents.plain]\ncommand = ['cat']\nready = '^> (?<draft>.*)$'\n[agents.mute]\ncommand = ['cat']\n",
    );
    town.gt(&["config", "set", "roles.deacon.agent", "plain"])
        .ok();
    let refused = town.gt(&["nudge", "deacon", "-m", "one\ntwo"]).code(2);
    assert!(refused.contains("no `pasted` pattern"), "{refused}");
    assert!(refused.contains("agents.plain.pasted"), "{refused}");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    let said = town.gt(&["broadcast", "-m", "one\ntwo"]);
    assert!(said.stderr.contains("queued for mayor"), "{}", said.stderr);
    town.wait_for("the message", || {
        (times_taken(&town, "mayor", "one\\ntwo") == 1).then_some(())
    });
    town.gt(&["config", "set", "roles.deacon.agent", "mute"])
        .ok();
    let refused = town.gt(&["nudge", "deacon", "-m", "x"]).code(2);
    assert!(refused.contains("no `ready` pattern"), "{refused}");
}

/// A broadcast reaches whoever runs.
#[test]
fn a_broadcast_reaches_everybody_who_runs() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    prompt(&town, "deacon");
    town.gt(&["broadcast", "-m", "the build is red"]).ok();
    for agent in ["mayor", "deacon"] {
        town.wait_for("the message", || {
            (times_taken(&town, agent, "the build is red") == 1).then_some(())
        });
    }
}

/// Covers F59, F60, F66: however often the daemon dies in the middle, no message is taken twice, and each that
/// is confirmed was taken.
#[test]
fn a_daemon_that_dies_brings_no_message_twice() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    let texts: Vec<String> = (0..40)
        .map(|number| format!("message {number:04} of many"))
        .collect();
    for text in &texts {
        town.gt(&["nudge", "mayor", "-m", text]).ok();
    }
    let mut seed = clock::monotonic().subsec_nanos();
    for _ in 0..12 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let until = clock::monotonic() + std::time::Duration::from_millis(u64::from(seed >> 23));
        town.wait_for("a random moment", || {
            (clock::monotonic() >= until).then_some(())
        });
        let daemon = town.daemon_pid();
        signal(daemon, Signal::KILL);
        town.wait_for("its end", || is_gone(daemon).then_some(()));
        town.gt(&["daemon", "start"]).ok();
    }
    town.wait_for("every message to be over", || {
        let listed = town.gt(&["nudge", "list", "mayor"]).ok();
        let pending = listed
            .lines()
            .filter(|line| line.contains("  queued  ") || line.contains("  typing  "));
        (pending.count() == 0).then_some(())
    });
    let listed = town.gt(&["nudge", "list", "mayor"]).ok();
    for text in &texts {
        let line = listed
            .lines()
            .find(|line| line.contains(text.as_str()))
            .unwrap();
        let taken = times_taken(&town, "mayor", text);
        assert!(taken <= 1, "{line}");
        assert_eq!(line.contains("  confirmed  "), taken == 1, "{line}");
    }
}

/// Covers F59, F61: what a message left in the input row is that message, and no other is confirmed
/// for it. It is pasted at the very moment at which a dialog comes up, whose end leaves its text.
#[test]
fn a_text_that_was_left_is_confirmed_as_its_own() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    let pastes = town.paths().pastes();
    // A daemon that died between the paste of a heartbeat and its Enter.
    fs_err::write(pastes.join("mayor"), "an old heartbeat").unwrap();
    fs_err::write(pastes.join("mayor.message"), "poke").unwrap();
    town.press("mayor", &["-l", "an old heartbeat"]);
    town.wait_for("the row", || {
        town.screen("mayor")
            .contains("> an old heartbeat")
            .then_some(())
    });
    let sent = ["nudge", "mayor", "-m", "a message", "--wait", "confirmed"];
    town.gt(&sent).ok();
    for text in ["an old heartbeat", "a message"] {
        assert_eq!(times_taken(&town, "mayor", text), 1, "{text}");
    }
}

/// A terminal in which somebody scrolled and which nobody is at any more gets its messages.
#[test]
fn a_terminal_that_was_scrolled_in_is_typed_at() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "mayor");
    town.gt(&["tmux", "copy-mode", "-t", "=gt-mayor:"]).ok();
    let sent = ["nudge", "mayor", "-m", "a message", "--wait", "confirmed"];
    town.gt(&sent).ok();
    assert_eq!(times_taken(&town, "mayor", "a message"), 1);
}
