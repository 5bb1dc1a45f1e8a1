//! The scripted agent on a real terminal: what supervisors read, type and count.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests fail as the tests do"
)]

mod seat;
mod tmux;

use gt_core::screen::Screen;
use gt_testkit::scripted_agent::{JOURNAL_VARIABLE, SCRIPT_VARIABLE};
use rustix::process::{Pid, Signal, getsid, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

use seat::{Home, Seat, ignores};

/// A home and an agent that shows its prompt.
fn ready() -> (Home, Seat) {
    let home = Home::new();
    let mut seat = home.sit();
    seat.wait_for(Screen::Prompt);
    (home, seat)
}

#[test]
fn a_fresh_agent_shows_an_empty_prompt_and_has_written_its_start() {
    let before = gt_host::clock::monotonic().as_nanos();
    let (home, seat) = ready();
    assert!(seat.screen().contains("\n> \n"), "{}", seat.screen());
    assert!(
        seat.output().contains("\x1b[?2004h"),
        "bracketed paste is on"
    );
    let (pid, what) = &home.journal()[0];
    assert_eq!(*pid, seat.pid().as_raw_nonzero().get());
    let started: u128 = what.strip_prefix("start ").unwrap().parse().unwrap();
    assert!((before..gt_host::clock::monotonic().as_nanos()).contains(&started));
}

#[test]
fn typed_text_is_a_draft_until_it_is_cleared() {
    let (home, mut seat) = ready();
    seat.type_keys("half a lix\u{7f}\u{7f}");
    seat.wait_for_text("\n> half a l\n");
    seat.wait_for(Screen::Draft);
    seat.type_keys("\u{15}");
    seat.wait_for(Screen::Prompt);
    assert_eq!(home.happenings(), ["start"]);
}

#[test]
fn the_next_enter_approves_a_dialog_whatever_was_typed_before() {
    let (home, mut seat) = ready();
    seat.submit("/dialog rm -rf build");
    let screen = seat.wait_for(Screen::Dialog);
    assert!(!screen.contains("shortcuts"), "{screen}");
    seat.type_keys("no, 2, \x1b[200~HEARTBEAT: stop\x1b[201~\r");
    seat.wait_for_text("APPROVED rm -rf build");
    assert_eq!(
        home.happenings(),
        [
            "start",
            "prompt /dialog rm -rf build",
            "dialog_input no, 2, ",
            "dialog_input HEARTBEAT: stop",
            "approved rm -rf build"
        ]
    );
    seat.wait_for(Screen::Prompt);
}

#[test]
fn keys_sent_with_the_prompt_that_opens_a_dialog_reach_the_dialog() {
    let (home, mut seat) = ready();
    seat.type_keys("/dialog danger\rhello\r");
    seat.wait_for_text("APPROVED danger");
    assert_eq!(
        home.happenings()[1..],
        [
            "prompt /dialog danger",
            "dialog_input hello",
            "approved danger"
        ]
    );
}

#[test]
fn escape_cancels_a_dialog() {
    let (home, mut seat) = ready();
    seat.submit("/dialog danger");
    seat.wait_for(Screen::Dialog);
    seat.type_keys("\x1b");
    seat.wait_for_text("Cancelled danger");
    assert_eq!(home.happenings(), ["start", "prompt /dialog danger"]);
}

#[test]
fn a_busy_agent_keeps_prompts_for_later_and_escape_interrupts_it() {
    let (home, mut seat) = ready();
    seat.submit("/busy 1000");
    let screen = seat.wait_for_text("esc to interrupt");
    assert!(screen.contains("* working… ("), "{screen}");
    seat.type_keys("/say later\r");
    home.wait_for_line("prompt /say later");
    let screen = seat.wait_for(Screen::Busy);
    assert!(!screen.contains("● later"), "{screen}");
    seat.type_keys("\x1b");
    seat.wait_for_text("● later");
    seat.wait_for(Screen::Prompt);
}

#[test]
fn work_ends_with_its_time() {
    let (_home, mut seat) = ready();
    seat.submit("/busy 1.1");
    seat.wait_for_text("working… (1s");
    seat.wait_for(Screen::Prompt);
}

#[test]
fn a_paste_of_many_lines_is_one_prompt() {
    let (home, mut seat) = ready();
    let lines: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
    // tmux sends the line breaks of a paste as carriage returns.
    seat.type_keys(&format!("\x1b[200~{}\x1b[201~", lines.join("\r")));
    let screen = seat.wait_for(Screen::Draft);
    assert!(screen.contains("> line 1 [+29 lines]"), "{screen}");
    seat.type_keys("\r");
    seat.wait_for_text("● Understood.");
    assert_eq!(
        home.happenings()[1..],
        [format!("prompt {}", lines.join("\\n"))]
    );
}

#[test]
fn a_heartbeat_is_answered_as_the_role_does() {
    for (role, arguments, command) in [
        (
            "deacon",
            "[deacon][heartbeat][rounds done]",
            "gt deacon heartbeat rounds done",
        ),
        ("witness", "[mail][check]", "gt mail check"),
    ] {
        let home = Home::new().gt().env("GT_ROLE", role);
        let mut seat = home.sit();
        seat.submit("HEARTBEAT: rounds");
        let screen = seat.wait_for_text("exit code 4");
        assert!(screen.contains(arguments), "{screen}");
        assert_eq!(home.happenings()[2], format!("answer {command} 4"));
    }
}

#[test]
fn word_of_mail_makes_it_read_the_inbox() {
    let home = Home::new().gt();
    let mut seat = home.sit();
    seat.submit("You have mail from mayor/");
    home.wait_for_line("answer gt mail inbox 4");
}

#[test]
fn a_deaf_agent_takes_heartbeats_and_does_not_answer() {
    let home = Home::new().gt().script("/deaf");
    let mut seat = home.sit();
    seat.submit("HEARTBEAT: rounds");
    seat.submit("/handoff cycle");
    home.wait_for_line("answer gt handoff --cycle 4");
    let heard = ["prompt HEARTBEAT: rounds", "prompt /handoff cycle"];
    assert_eq!(home.happenings()[1..3], heard);
}

#[test]
fn a_program_runs_while_the_screen_is_alive_and_ends_with_the_agent() {
    let (home, mut seat) = ready();
    seat.submit("/run gt-no-such-program");
    home.wait_for_line("answer gt-no-such-program 127");
    seat.submit("/run sleep 1000");
    seat.wait_for(Screen::Busy);
    seat.type_keys("a draft");
    seat.wait_for_text("> a draft");
    seat.signal(Signal::TERM);
    assert_eq!(seat.wait_for_end(), 143);
}

#[test]
fn an_agent_ends_with_the_code_it_is_told_and_restores_the_terminal() {
    let (home, mut seat) = ready();
    let raw = tcgetattr(&seat.terminal).unwrap().local_modes;
    assert!(!raw.contains(LocalModes::ICANON));
    seat.submit("/exit 3");
    assert_eq!(seat.wait_for_end(), 3);
    assert_eq!(home.happenings(), ["start", "prompt /exit 3", "exit 3"]);
    assert!(
        seat.output()
            .ends_with("\x1b[?1049lagent ended with code 3\r\n")
    );
    let modes = tcgetattr(&seat.terminal).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO));
}

#[test]
fn a_silent_crash_says_nothing() {
    let home = Home::new().script("/silent-crash");
    let mut seat = home.sit();
    assert_eq!(seat.wait_for_end(), 1);
    assert_eq!(home.happenings(), ["start", "exit 1"]);
    assert!(
        seat.output().ends_with("\x1b[?1049l"),
        "{:?}",
        seat.output()
    );
}

#[test]
fn an_agent_dies_of_the_signal_it_is_told() {
    for (name, signal) in [
        ("KILL", Signal::KILL),
        ("SEGV", Signal::SEGV),
        ("TERM", Signal::TERM),
    ] {
        let (home, mut seat) = ready();
        seat.submit(&format!("/die {name}"));
        assert_eq!(seat.wait_for_end(), -signal.as_raw());
        assert_eq!(home.happenings(), ["start", &format!("prompt /die {name}")]);
    }
}

#[test]
fn a_signal_ends_an_agent_unless_it_ignores_it() {
    let (home, mut seat) = ready();
    seat.submit("/ignore-term");
    home.wait_for_line("prompt /ignore-term");
    seat.wait_for(Screen::Prompt);
    seat.signal(Signal::TERM);
    home.wait_for_line("signal TERM");
    seat.signal(Signal::HUP);
    home.wait_for_line("signal HUP");
    seat.submit("/say still here");
    seat.wait_for_text("● still here");

    let (home, mut seat) = ready();
    seat.signal(Signal::TERM);
    assert_eq!(seat.wait_for_end(), 143);
    assert_eq!(home.happenings(), ["start", "signal TERM", "exit 143"]);
}

#[test]
#[cfg(target_os = "linux")]
fn processes_left_behind_are_immune_in_their_own_session_and_keep_their_mark() {
    for (command, kind) in [("/setsid", "left setsid"), ("/daemonize", "left daemonize")] {
        let (home, mut seat) = ready();
        seat.submit(command);
        let survivor = home.wait_for_line(kind);
        seat.submit("/exit 0");
        assert_eq!(seat.wait_for_end(), 0);

        let pid = Pid::from_raw(survivor).unwrap();
        assert_eq!(getsid(Some(pid)), Ok(pid));
        assert!(ignores(survivor, Signal::TERM) && ignores(survivor, Signal::HUP));
        let environment = fs_err::read(format!("/proc/{survivor}/environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment);
        assert!(
            environment.contains("GT_INCARNATION=run-1"),
            "{environment}"
        );
        let input = fs_err::read_link(format!("/proc/{survivor}/fd/0")).unwrap();
        let holds_terminal = input.starts_with("/dev/pts");
        assert_eq!(holds_terminal, command == "/setsid", "{}", input.display());
        kill_process(pid, Signal::KILL).unwrap();
    }
}

#[test]
fn a_hung_agent_keeps_its_screen_reads_nothing_and_can_be_ended() {
    let (home, mut seat) = ready();
    seat.submit("/hang");
    seat.wait_for_text("❯ /hang");
    seat.wait_for(Screen::Prompt);
    seat.type_keys("anybody?\r");
    seat.resize(30, 100);
    seat.signal(Signal::TERM);
    assert_eq!(seat.wait_for_end(), 143);
    assert!(!seat.screen().contains("anybody"), "{}", seat.screen());
    assert_eq!(
        home.happenings()[1..],
        ["prompt /hang", "signal TERM", "exit 143"]
    );
}

#[test]
fn a_terminal_that_goes_away_ends_an_agent_unless_it_ignores_that() {
    let (home, mut seat) = ready();
    seat.hang_up();
    assert_eq!(seat.wait_for_end(), 129);
    // The signal and the end of the terminal come in either order.
    assert_eq!(home.happenings().pop().as_deref(), Some("exit 129"));

    let home = Home::new().script("/ignore-term");
    let mut seat = home.sit();
    seat.wait_for(Screen::Prompt);
    seat.hang_up();
    home.wait_for_line("signal HUP");
    seat.signal(Signal::INT);
    assert_eq!(seat.wait_for_end(), 130);
}

#[test]
fn a_new_size_redraws_the_screen() {
    let (_home, mut seat) = ready();
    seat.resize(10, 33);
    seat.wait_for_text(&format!("\n{}\n", "─".repeat(33)));
}

#[test]
fn a_script_waits_for_a_file_and_keeps_a_draft() {
    let home = Home::new();
    let go = home.path("go");
    let script = format!("# slow\n/wait-file {}\n/draft half", go.display());
    let home = home.script(&script);
    let mut seat = home.sit();
    seat.wait_for_text("working…");
    fs_err::write(&go, "").unwrap();
    let screen = seat.wait_for(Screen::Draft);
    assert!(screen.contains("\n> half\n"), "{screen}");
}

#[test]
fn first_lines_of_a_script_are_for_the_first_run_alone() {
    let home = Home::new().script("first: /exit 7\n/say second life");
    assert_eq!(home.sit().wait_for_end(), 7);
    let mut seat = home.sit();
    seat.wait_for_text("● second life");
    assert_eq!(home.happenings(), ["start", "exit 7", "start"]);
}

#[test]
fn a_script_that_is_not_understood_is_refused_by_line() {
    let home = Home::new().script("/say a\n/dance");
    let mut seat = home.sit();
    assert_eq!(seat.wait_for_end(), 2);
    let expected = "cannot be done: unknown command `/dance`";
    assert!(seat.output().contains(expected), "{}", seat.output());
}

#[test]
fn a_directory_holds_the_journal_and_the_script_of_each_agent() {
    let home = Home::new();
    let directory = home.path("");
    let directory = directory.to_str().unwrap();
    let home = home
        .env("GT_AGENT", "rig/crew/max")
        .env(JOURNAL_VARIABLE, directory)
        .env(SCRIPT_VARIABLE, directory);
    fs_err::write(home.path("rig+crew+max.script"), "/exit 5").unwrap();
    assert_eq!(home.sit().wait_for_end(), 5);
    let journal = fs_err::read_to_string(home.path("rig+crew+max.journal")).unwrap();
    assert!(journal.ends_with(" run-1 exit 5\n"), "{journal}");
}

#[test]
fn keys_that_quit_an_agent_end_it_with_0() {
    for keys in ["\u{4}", "\u{3}\u{3}"] {
        let (_home, mut seat) = ready();
        seat.type_keys(keys);
        assert_eq!(seat.wait_for_end(), 0);
    }
}

#[test]
fn one_interrupt_clears_the_draft_and_quits_nothing() {
    let (_home, mut seat) = ready();
    seat.type_keys("half");
    seat.wait_for(Screen::Draft);
    seat.type_keys("\u{3}");
    seat.wait_for_text("Press Ctrl-C again to exit");
    seat.type_keys("x\u{3}");
    seat.submit("/exit 9");
    assert_eq!(seat.wait_for_end(), 9);
}

#[test]
fn a_flood_reaches_the_terminal_line_by_line() {
    let (_home, mut seat) = ready();
    seat.submit("/flood 5000");
    seat.wait_for_text("● 5000 lines written");
    assert!(seat.output().contains("flood 1 of 5000\r\n"));
    assert!(seat.output().contains("flood 5000 of 5000\r\n"));
}
