//! Holders as real processes, with real agents.

#![cfg(target_os = "linux")]
#![cfg(test)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use gt_core::{Exit, ProcessId};
use gt_host::clock;
use gt_host::holder::client::{Client, ClientError};
use gt_host::holder::kill_set;
use gt_host::holder::protocol::{Answer, NotStarted, Phase, Refusal, Request, SignalName, Start};
use gt_host::process::{self, Signal};
use support::{
    LONG_GRACE_MS, Seat, check_phase, command, deadline, incarnation, is_alive, named_server,
    next_exit, say, wait_ended, wait_for,
};

/// Sleeps until it is signalled, and says nothing.
const WAIT: &str = "while :; do sleep 600 & wait; done";

/// The same for a script with traps: bash can miss a signal that comes just before it waits, and
/// runs the trap when it has waited.
const WAIT_WITH_TRAPS: &str = "while :; do sleep 0.02; done";

fn refusal(result: Result<Answer, ClientError>) -> Refusal {
    match result {
        Err(ClientError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn start_request(order: Start) -> Request {
    Request::Start(Box::new(order))
}

/// Covers F38, F44: how an agent ended is reported exactly, by code or by signal, on the socket
/// and in the file, with what it used.
#[test]
fn exit_codes_and_signals_are_reported() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let (first, process) = seat.start(&mut client, "exit 7");
    assert!(process.pid > 1);
    assert_eq!(next_exit(&mut client), (first, Exit::Code(7)));
    seat.wait_wake();
    seat.wait_wake();
    check_phase(&seat, Phase::Idle, Some(Exit::Code(7)));

    let (second, process) = seat.start(&mut client, "kill -USR1 $$");
    assert_eq!(
        next_exit(&mut client),
        (second, Exit::Signal(libc::SIGUSR1))
    );
    let report = seat.report();
    assert_eq!(report.process, Some(process));
    assert!(report.usage.unwrap().max_rss_kib > 0);
    assert!(report.exited_at >= report.started_at);
}

/// Covers F41, F44: TERM first, and KILL for what ignores it, but only after the grace.
#[test]
fn an_agent_that_ignores_term_and_hup_is_killed_after_its_grace() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let script = format!("trap '' TERM HUP; echo ready > $MAIL; {WAIT}");
    let (run, process) = seat.start(&mut client, &script);
    assert_eq!(seat.mail(), "ready");
    let before = clock::monotonic();
    let grace = Duration::from_millis(150);
    let survivors = client.stop_and_wait_gone(run, grace, deadline()).unwrap();
    assert_eq!(survivors, []);
    assert!(clock::monotonic() - before >= grace);
    assert!(!is_alive(process));
    seat.wait_wake();
    assert_eq!(seat.report().exit, Some(Exit::Signal(libc::SIGKILL)));
}

/// Covers F44: an agent that ends on TERM is not waited for any longer than it takes.
#[test]
fn a_polite_agent_ends_before_its_grace() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let script = format!("trap 'exit 3' TERM; echo ready > $MAIL; {WAIT_WITH_TRAPS}");
    let (run, _) = seat.start(&mut client, &script);
    seat.mail();
    let grace = Duration::from_millis(LONG_GRACE_MS);
    assert_eq!(
        client.stop_and_wait_gone(run, grace, deadline()).unwrap(),
        []
    );
    assert_eq!(seat.report().exit, Some(Exit::Code(3)));
}

/// Covers F41, F10, F12: a setsid child, a double-forked daemon and children with an emptied
/// environment, in the session or not, are gone before the successor starts, and a tmux server without
/// the mark (as that of the town that a mayor brought up) is left alone, with what came from its panes.
#[test]
fn nothing_of_a_run_is_left_when_its_successor_starts() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let (first, _) = seat.start(
        &mut client,
        "export STAY='echo $$ > $MAIL; exec sleep 600'
         server=${MAIL%/*}/tmux; cp $(command -v sleep) $server
         env -i MAIL=$MAIL setsid bash -c \"echo \\$\\$ > $MAIL; exec $server 600\" &
         env -i MAIL=$MAIL TMUX=of-that setsid bash -c \"$STAY\" &
         setsid bash -c \"$STAY\" &
         (setsid bash -c 'trap \"\" TERM HUP; echo $$ > $MAIL; while :; do sleep 600; done' &)
         env -i MAIL=$MAIL bash -c \"$STAY\" &
         env -i MAIL=$MAIL setsid bash -c \"$STAY\" &
         wait",
    );
    let written: Vec<_> = (0..6).map(|_| seat.mailed_process()).collect();
    let is_spared = |process: &&ProcessId| {
        let pid = process.pid;
        let in_pane = process::initial_environment_has(pid, "TMUX", "of-that").unwrap();
        in_pane || process::program_name(pid).as_deref() == Some("tmux")
    };
    let spared: Vec<ProcessId> = wait_for(|| {
        let spared: Vec<ProcessId> = written.iter().filter(is_spared).copied().collect();
        (spared.len() == 2).then_some(spared)
    });
    let agent = seat.report().process.unwrap();
    assert!(process::signal(agent, Signal::KILL).unwrap());
    assert_eq!(next_exit(&mut client), (first, Exit::Signal(libc::SIGKILL)));

    let mut order = seat.order(WAIT);
    order.grace_ms = 100;
    seat.carry_out(&mut client, order);
    assert_eq!(process::marked(first).unwrap(), []);
    for process in written {
        assert_eq!(is_alive(process), spared.contains(&process), "{process:?}");
    }
    for process in spared {
        assert!(process::signal(process, Signal::KILL).unwrap());
        wait_ended(process);
    }
}

/// Covers F12: a build daemon that runs share is spared by name, and only that one.
#[test]
fn kept_programs_outlive_their_run() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let kept = named_server(seat.town.path(), "builderd");
    let other = named_server(seat.town.path(), "builderd2");
    let mut order = seat.order(&format!("{kept} {other} wait"));
    order.keep = vec!["builderd".to_owned()];
    let run = order.incarnation;
    let agent = seat.carry_out(&mut client, order);
    let mut servers = [seat.mailed_process(), seat.mailed_process()];
    servers.sort_by_key(|server| process::program_name(server.pid));
    let [kept, other] = servers;
    // They outlive a holder that is killed, too: the next one knows of them.
    seat.wait_wake();
    seat.signal_holder(Signal::KILL);
    seat.holder_status();
    seat.hold();
    let mut client = seat.client();
    let grace = Duration::from_millis(LONG_GRACE_MS);
    assert_eq!(
        client.stop_and_wait_gone(run, grace, deadline()).unwrap(),
        []
    );
    assert_eq!([kept, other, agent].map(is_alive), [true, false, false]);
}

/// Covers F36, D13: a stale order, for a run that is not there any more, does nothing.
#[test]
fn an_order_for_another_incarnation_is_refused() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let (run, process) = seat.start(&mut client, WAIT);
    let stop = Request::Stop {
        incarnation: incarnation(),
        grace_ms: 0,
    };
    let signal = Request::Signal {
        incarnation: incarnation(),
        signal: SignalName::Kill,
    };
    for stale in [stop, signal] {
        let refused = refusal(client.request(&stale, deadline()));
        assert_eq!(refused, Refusal::OtherIncarnation { current: Some(run) });
    }
    assert!(is_alive(process));
    check_phase(&seat, Phase::Running, None);
}

/// Never two: a second start while an agent runs, or of the same run twice, is refused.
#[test]
fn a_second_start_is_refused() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let order = seat.order(WAIT);
    let run = order.incarnation;
    let again = start_request(order.clone());
    seat.carry_out(&mut client, order);
    let other = start_request(seat.order("exit 0"));
    let refused = refusal(client.request(&other, deadline()));
    assert_eq!(refused, Refusal::Running { incarnation: run });
    assert_eq!(
        refusal(client.request(&again, deadline())),
        Refusal::AlreadyStarted
    );
    let quit = refusal(client.request(&Request::Quit, deadline()));
    assert_eq!(quit, Refusal::Running { incarnation: run });
}

/// A start that comes while its predecessor is being stopped waits for it; a stop that overtakes
/// a waiting start cancels it.
#[test]
fn a_start_waits_for_a_stop_and_can_be_taken_back() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let script = format!("trap 'echo asked > $MAIL' TERM; echo ready > $MAIL; {WAIT_WITH_TRAPS}");
    let (first, stubborn) = seat.start(&mut client, &script);
    assert_eq!(seat.mail(), "ready");
    let stop = Request::Stop {
        incarnation: first,
        grace_ms: LONG_GRACE_MS,
    };
    client.request(&stop, deadline()).unwrap();
    assert_eq!(seat.mail(), "asked");
    assert_eq!(seat.report().phase, Phase::Ending);

    let second = seat.order("exit 0");
    let cancel = Request::Stop {
        incarnation: second.incarnation,
        grace_ms: 0,
    };
    let mut starter = UnixStream::connect(client.socket()).unwrap();
    let line = gt_host::holder::protocol::encode(Some(1), &start_request(second));
    starter.write_all(&line).unwrap();
    let third = start_request(seat.order("exit 0"));
    // The other client's line may arrive first: then this one is the start that waits.
    let mut pending = seat.client();
    while refusal_of(&mut pending, &third) != Some(Refusal::StartPending) {}
    client.request(&cancel, deadline()).unwrap();
    let mut answer = String::new();
    BufReader::new(starter).read_line(&mut answer).unwrap();
    assert!(answer.contains(r#""reason":"stopped""#), "{answer}");
    assert!(is_alive(stubborn));

    let hasten = Request::Stop {
        incarnation: first,
        grace_ms: 0,
    };
    client.request(&hasten, deadline()).unwrap();
    assert_eq!(next_exit(&mut client), (first, Exit::Signal(libc::SIGKILL)));
}

/// The refusal that a request gets while the holder has another start pending.
fn refusal_of(client: &mut Client, request: &Request) -> Option<Refusal> {
    match client.request(request, deadline()) {
        Err(ClientError::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

/// tmux-facts (l): a stopped agent goes on at once, since nobody could continue it.
#[test]
fn a_stopped_agent_goes_on() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    for signal in ["STOP", "TSTP"] {
        let script = format!("kill -{signal} $$; echo on > $MAIL");
        let (run, _) = seat.start(&mut client, &script);
        assert_eq!(seat.mail(), "on");
        assert_eq!(next_exit(&mut client), (run, Exit::Code(0)));
    }
}

/// Covers F40, F41: what a killed holder leaves is found by its mark, and the next holder of the
/// seat takes over the socket, knows the run, and ends it before it starts another.
#[test]
fn what_a_killed_holder_leaves_is_found_and_ended() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let script = format!("setsid sleep 600 & echo $! > $MAIL; {WAIT}");
    let (run, agent) = seat.start(&mut client, &script);
    let detached = seat.mailed_process();
    seat.wait_wake();
    seat.signal_holder(Signal::KILL);
    assert_eq!(seat.holder_status().code(), None);
    assert!(matches!(
        client.next_news(deadline()),
        Err(ClientError::Closed)
    ));
    let left = process::marked(run).unwrap();
    assert!(
        left.contains(&agent) && left.contains(&detached),
        "{left:?}"
    );

    seat.hold();
    let report = seat.report();
    assert_eq!(report.previous.map(|run| run.incarnation), Some(run));
    let mut client = seat.client();
    seat.start(&mut client, WAIT);
    assert_eq!([agent, detached].map(is_alive), [false, false]);
    assert_eq!(seat.report().previous, None);
}

/// Covers F41: without a holder, the daemon ends what is left by the same rules.
#[test]
fn what_a_killed_holder_leaves_can_be_ended_without_one() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let script = format!("trap '' TERM; setsid sleep 600 & echo $! > $MAIL; {WAIT}");
    let (run, agent) = seat.start(&mut client, &script);
    let detached = seat.mailed_process();
    seat.signal_holder(Signal::KILL);
    seat.holder_status();
    let survivors = kill_set::end(kill_set::Scope::marked(run), Duration::from_millis(50)).unwrap();
    assert_eq!(survivors, []);
    assert_eq!([agent, detached].map(is_alive), [false, false]);
}

/// A client that never reads is dropped, and holds up neither the holder nor its other clients.
#[test]
fn a_client_that_does_not_read_is_dropped() {
    let seat = Seat::held();
    let mut deaf = UnixStream::connect(seat.paths.holder_socket(&seat.agent)).unwrap();
    let mut dropped = false;
    for _ in 0..10_000 {
        if deaf
            .write_all(b"{\"v\":1,\"request\":\"hello\"}\n")
            .is_err()
        {
            dropped = true;
            break;
        }
    }
    assert!(dropped);
    assert_eq!(seat.report().phase, Phase::Idle);
}

/// Hung connections never keep a person's command out.
#[test]
fn one_client_more_is_always_taken() {
    let seat = Seat::held();
    let hung: Vec<Client> = (0..40).map(|_| seat.client()).collect();
    assert_eq!(seat.report().phase, Phase::Idle);
    drop(hung);
}

/// Covers F34, F35: there is never a second holder in a seat, and the first is not disturbed.
#[test]
fn a_second_holder_of_a_seat_is_refused() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let second = seat.holder_command().output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8(second.stderr).unwrap();
    assert_eq!(
        error,
        "error: another holder has the seat of rig/crew/max\n"
    );
    let (_, process) = seat.start(&mut client, WAIT);
    assert!(is_alive(process));
}

/// Covers L22, T13: what cannot be started is named with its cause, and the holder lives on.
#[test]
fn what_cannot_be_started_is_named_and_the_holder_lives_on() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let mut missing_program = seat.order("");
    missing_program.argv = vec!["gt-no-such-program".to_owned()];
    let mut missing_directory = seat.order("");
    missing_directory.cwd = "/no/such/directory".to_owned();
    let mut not_executable = seat.order("");
    fs_err::write(seat.town.path().join("text"), "no program").unwrap();
    not_executable.argv = vec!["./text".to_owned()];
    for (order, errno, what) in [
        (missing_program, libc::ENOENT, NotStarted::Program),
        (missing_directory, libc::ENOENT, NotStarted::WorkDirectory),
        (not_executable, libc::EACCES, NotStarted::Program),
    ] {
        let refused = refusal(client.request(&start_request(order), deadline()));
        assert_eq!(refused, Refusal::NotStarted { errno, what });
    }
    check_phase(&seat, Phase::Idle, Some(Exit::NotStarted(libc::EACCES)));
    let (run, _) = seat.start(&mut client, "exit 0");
    assert_eq!(next_exit(&mut client), (run, Exit::Code(0)));
}

/// Covers F10: a run whose processes could not be found again is not started.
#[test]
fn an_order_that_makes_no_sense_is_refused() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let mut unmarked = seat.order("exit 0");
    unmarked.env.remove(0);
    let mut marked_twice = seat.order("exit 0");
    let other = ("GT_INCARNATION".to_owned(), incarnation().to_string());
    marked_twice.env.push(other);
    for order in [unmarked, marked_twice] {
        let refused = refusal(client.request(&start_request(order), deadline()));
        assert_eq!(refused, Refusal::Unmarked);
    }
    let mut with_nul = seat.order("exit 0");
    with_nul.argv.push("a\0b".to_owned());
    let mut empty = seat.order("exit 0");
    empty.argv.clear();
    for order in [with_nul, empty] {
        let refused = refusal(client.request(&start_request(order), deadline()));
        assert!(matches!(refused, Refusal::Invalid { .. }), "{refused:?}");
    }
}

/// Covers F83: noise, and requests of a later version, are answered and end nothing.
#[test]
fn unknown_requests_and_noise_are_answered_with_an_error() {
    let seat = Seat::held();
    let mut stream = UnixStream::connect(seat.paths.holder_socket(&seat.agent)).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut check = |line: &str, expect: &str| {
        say(&mut stream, line);
        let answer = answers.next().unwrap().unwrap();
        assert!(answer.starts_with(expect), "{answer}");
    };
    check(
        r#"{"v":1,"id":3,"request":"dance","steps":2}"#,
        r#"{"v":1,"id":3,"says":"error","message":"this holder does not know the request"}"#,
    );
    check(
        r#"{"v":2,"id":4,"request":"hello"}"#,
        r#"{"v":1,"says":"error","message":"protocol version 2 is not spoken here, but 1"}"#,
    );
    check(
        r#"{"v":1,"id":5,"request":"stop","incarnation":"nonsense"}"#,
        r#"{"v":1,"id":5,"says":"error","message":"not a message of the holder's protocol: UUID parsing failed"#,
    );
}

/// Covers F39: signals to the holder reach the agent and do not end the holder while it runs; an
/// idle one ends on TERM, and its state file still tells of the last run.
#[test]
fn signals_are_forwarded_and_end_only_an_idle_holder() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let traps = "trap 'echo int > $MAIL' INT; trap 'echo term > $MAIL; exit 5' TERM";
    let (run, _) = seat.start(
        &mut client,
        &format!("{traps}; echo ready > $MAIL; {WAIT_WITH_TRAPS}"),
    );
    assert_eq!(seat.mail(), "ready");
    for ignored in [Signal::QUIT, Signal::TSTP, Signal::USR1, Signal::ALARM] {
        seat.signal_holder(ignored);
    }
    seat.signal_holder(Signal::INT);
    assert_eq!(seat.mail(), "int");
    seat.signal_holder(Signal::TERM);
    assert_eq!(seat.mail(), "term");
    assert_eq!(next_exit(&mut client), (run, Exit::Code(5)));
    seat.signal_holder(Signal::INT);
    assert_eq!(seat.report().phase, Phase::Idle);
    seat.signal_holder(Signal::TERM);
    assert_eq!(seat.holder_status().code(), Some(0));
    assert!(!seat.paths.holder_socket(&seat.agent).exists());
    let states = gt_host::holder::list_state_files(&seat.paths).unwrap();
    let [(agent, Ok(report))] = states.as_slice() else {
        panic!("{states:?}");
    };
    assert_eq!((agent, report.exit), (&seat.agent, Some(Exit::Code(5))));
}

/// A client's signal reaches the agent's group, and none is sent when nothing runs.
#[test]
fn an_agent_is_interrupted_by_request() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let script = format!("trap 'exit 9' INT; echo ready > $MAIL; {WAIT_WITH_TRAPS}");
    let (run, _) = seat.start(&mut client, &script);
    seat.mail();
    let interrupt = Request::Signal {
        incarnation: run,
        signal: SignalName::Int,
    };
    client.request(&interrupt, deadline()).unwrap();
    assert_eq!(next_exit(&mut client), (run, Exit::Code(9)));
    let refused = refusal(client.request(&interrupt, deadline()));
    assert_eq!(refused, Refusal::NothingRuns);
}

/// Every client hears of starts and exits, whoever asked for them.
#[test]
fn all_clients_hear_the_news() {
    let mut seat = Seat::held();
    let mut daemon = seat.client();
    let mut command = seat.client();
    daemon.hello(deadline()).unwrap();
    let (run, _) = seat.start(&mut command, "exit 0");
    assert!(matches!(
        daemon.next_news(deadline()).unwrap(),
        Answer::Started { incarnation, .. } if incarnation == run
    ));
    assert_eq!(next_exit(&mut daemon), (run, Exit::Code(0)));
    assert_eq!(next_exit(&mut command), (run, Exit::Code(0)));
}

/// By request, nothing is left of an idle seat but its lock, which is never removed (F35).
#[test]
fn quit_leaves_nothing_but_the_lock() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    let (run, _) = seat.start(&mut client, "setsid sleep 600 & exit 0");
    assert_eq!(next_exit(&mut client), (run, Exit::Code(0)));
    client.request(&Request::Quit, deadline()).unwrap();
    assert_eq!(seat.holder_status().code(), Some(0));
    assert_eq!(process::marked(run).unwrap(), []);
    assert!(!seat.paths.holder_socket(&seat.agent).exists());
    assert_eq!(
        gt_host::holder::list_state_files(&seat.paths)
            .unwrap()
            .len(),
        0
    );
    let absent = Client::connect(&seat.paths.holder_socket(&seat.agent), deadline());
    assert!(matches!(absent, Err(ClientError::Absent { .. })));
}

/// A holder that was started with an agent's mark is not of that agent.
#[test]
fn a_holder_sheds_the_mark_of_who_started_it() {
    let mut seat = Seat::new();
    let run = incarnation();
    let mut holder = seat.holder_command();
    holder
        .env("GT_INCARNATION", run.to_string())
        .env("TMUX_PANE", "%7");
    let mut holder = holder.spawn().unwrap();
    seat.wait_wake();
    let pane = seat.report().pane;
    assert_eq!(process::marked(run).unwrap(), []);
    let mut client = seat.client();
    seat.start(&mut client, WAIT);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(pane.as_deref(), Some("%7"));
}

/// A state file that cannot be written (a full disk) stops nothing: the socket tells the same.
#[test]
fn a_state_that_cannot_be_written_stops_nothing() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    fs_err::remove_dir_all(seat.paths.holders()).unwrap();
    let (run, _) = seat.start(&mut client, "exit 0");
    assert_eq!(next_exit(&mut client), (run, Exit::Code(0)));
    let report = client.hello(deadline()).unwrap();
    assert_eq!(
        (report.incarnation, report.exit),
        (Some(run), Some(Exit::Code(0)))
    );
}

/// A hundred idle seats cost next to nothing. The environment of an agent, which may
/// be large, does not stay in the holder.
#[test]
fn a_holder_has_less_than_half_a_mebibyte_of_its_own() {
    let mut seat = Seat::held();
    let mut client = seat.client();
    for _ in 0..3 {
        let mut order = seat.order("exit 0");
        let padding = "x".repeat(60_000);
        order.env.push(("PADDING".to_owned(), padding));
        let run = order.incarnation;
        seat.carry_out(&mut client, order);
        assert_eq!(next_exit(&mut client).0, run);
    }
    seat.report();
    let status = format!("/proc/{}/status", seat.holder().pid);
    let status = fs_err::read_to_string(status).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 512, "{line}");
    assert!(status.contains("Threads:\t1\n"));
}

/// An agent starts with no signal blocked or ignored, whatever its holder does with them.
#[test]
fn an_agent_starts_with_default_signals() {
    /// What the C library keeps for itself, and no program can set through it.
    const RESERVED: u64 = 0b11 << 31;
    let mut seat = Seat::held();
    let mut client = seat.client();
    let mut order = seat.order("");
    order.argv = ["cp", "/proc/self/status", "status"]
        .map(str::to_owned)
        .into();
    seat.carry_out(&mut client, order);
    assert_eq!(next_exit(&mut client).1, Exit::Code(0));
    let status = fs_err::read_to_string(seat.town.path().join("status")).unwrap();
    for field in ["SigBlk:", "SigIgn:"] {
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        let mask = u64::from_str_radix(line[field.len()..].trim(), 16).unwrap();
        assert_eq!(mask & !RESERVED, 0, "{line}");
    }
}

/// The agent is the terminal's foreground group, and finds a sane terminal whatever its predecessor
/// left; who looks at the pane is told of an exit.
#[test]
fn each_agent_gets_the_terminal_as_new() {
    let mut seat = Seat::in_tmux();
    let mut client = seat.client();
    let (run, _) = seat.start(
        &mut client,
        r"stty raw -echo; printf '\033[?1049h\033[?1000h\033[?2004hfull screen'; exit 1",
    );
    assert_eq!(next_exit(&mut client), (run, Exit::Code(1)));
    seat.report();
    let screen = seat.tmux(&["capture-pane", "-p"]);
    assert!(screen.contains("full screen"), "{screen}");
    let line = "agent exited (exit code 1); the daemon will decide what comes next";
    assert!(screen.contains(line), "{screen}");

    let script = format!(
        "ps -o tpgid=,pgid= -p $$ | tr -s ' ' > $MAIL
         echo $(stty -a | grep -Eow -- '-?(icanon|echo|icrnl)') > $MAIL; {WAIT}"
    );
    let (_, process) = seat.start(&mut client, &script);
    assert_eq!(seat.mail().trim(), format!("{0} {0}", process.pid));
    assert_eq!(seat.mail(), "icrnl icanon echo");
    let modes = seat.tmux(&["display-message", "-p", "#{alternate_on}#{mouse_any_flag}"]);
    assert_eq!(modes.trim(), "00");
}

/// tmux-facts (l): Ctrl-Z does not freeze a pane, and Ctrl-C reaches the agent alone.
#[test]
fn ctrl_z_does_not_freeze_a_pane() {
    let mut seat = Seat::in_tmux();
    let mut client = seat.client();
    let (run, _) = seat.start(
        &mut client,
        "echo ready > $MAIL; read line; echo $line > $MAIL; exec sleep 600",
    );
    assert_eq!(seat.mail(), "ready");
    seat.tmux(&["send-keys", "C-z"]);
    seat.tmux(&["send-keys", "-l", "alive"]);
    seat.tmux(&["send-keys", "Enter"]);
    assert_eq!(seat.mail(), "alive");
    seat.tmux(&["send-keys", "C-c"]);
    assert_eq!(next_exit(&mut client), (run, Exit::Signal(libc::SIGINT)));
    assert_eq!(seat.report().phase, Phase::Idle);
}

/// Covers F41, F45: when the pane goes away, an agent that ignores HUP and TERM and its detached
/// children go too, and the holder last.
#[test]
fn a_pane_that_goes_away_takes_its_run_with_it() {
    let mut seat = Seat::in_tmux();
    let mut client = seat.client();
    let holder = seat.report().holder;
    let mut order = seat.order(
        "trap 'echo hup > $MAIL' HUP; trap '' TERM; setsid sleep 600 & echo $! > $MAIL
         while :; do sleep 600; done",
    );
    order.grace_ms = 200;
    let run = order.incarnation;
    let agent = seat.carry_out(&mut client, order);
    let detached = seat.mailed_process();
    seat.tmux(&["kill-session"]);
    wait_ended(holder);
    assert_eq!([agent, detached].map(is_alive), [false, false]);
    assert_eq!(next_exit(&mut client), (run, Exit::Signal(libc::SIGKILL)));
    let written = gt_host::holder::read_state_file(&seat.paths, &seat.agent);
    let report = written.unwrap().unwrap();
    assert_eq!(report.exit, Some(Exit::Signal(libc::SIGKILL)));
}

/// A pane that was halted with Ctrl-S, or that nobody drains, holds up neither exit nor restart.
#[test]
fn a_halted_terminal_halts_neither_the_holder_nor_the_next_agent() {
    let mut seat = Seat::in_tmux();
    let mut client = seat.client();
    let (first, _) = seat.start(&mut client, "echo ready > $MAIL; read line");
    seat.mail();
    seat.tmux(&["send-keys", "C-s"]);
    let interrupt = Request::Signal {
        incarnation: first,
        signal: SignalName::Term,
    };
    client.request(&interrupt, deadline()).unwrap();
    assert_eq!(next_exit(&mut client), (first, Exit::Signal(libc::SIGTERM)));
    let (second, _) = seat.start(&mut client, "echo; exit 0");
    assert_eq!(next_exit(&mut client), (second, Exit::Code(0)));
}

/// Arguments that make no sense are a usage error, before anything is touched.
#[test]
fn wrong_arguments_are_a_usage_error() {
    for (arguments, expect) in [
        (&["--agent", "mayor"][..], "error: --town DIR is missing\n"),
        (&["--town", "/"], "error: --agent ID is missing\n"),
        (
            &["--town", "/", "--agent", "no such"],
            "error: `no such` names no agent\n",
        ),
        (&["start"], "error: unexpected argument \"start\"\n"),
    ] {
        let mut holder = command(support::holder_program());
        let output = holder.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expect);
    }
}
