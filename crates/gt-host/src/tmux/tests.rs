//! Tests on a real tmux. Each has a server of its own, on a socket in a temporary directory, and
//! ends it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::{AgentId, Exit, ProcessId};
use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::clock;
use crate::command::Program;

/// Long enough for a loaded machine; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// Deadline of tests that wait for a timeout on purpose.
const SHORT: Duration = Duration::from_millis(300);

/// A server of one test.
struct TestServer {
    directory: tempfile::TempDir,
    server: Server,
}

impl TestServer {
    fn new(deadline: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("tmux.conf");
        fs_err::write(&config, config::server_config(None)).unwrap();
        let server = Server::new(&directory.path().join("s"), &config, deadline);
        Self { directory, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn control(&self) -> Control {
        Control::new(self.server.clone(), words(&["sleep", "600"]))
    }

    fn forked(&self) -> Forked {
        Forked::new(self.server.clone())
    }

    /// Both ways to ask.
    fn both(&self) -> [Tmux; 2] {
        [
            Tmux::Control(Box::new(self.control())),
            Tmux::Forked(self.forked()),
        ]
    }

    fn process(&self) -> ProcessId {
        self.server.process().unwrap().expect("the server runs")
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process().pid).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Ok(Some(process)) = self.server.process() {
            let pid = i32::try_from(process.pid).unwrap();
            // A stopped server would not end by itself.
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
    }
}

fn words<W: AsRef<OsStr>>(words: &[W]) -> Vec<OsString> {
    words.iter().map(|word| word.as_ref().to_owned()).collect()
}

fn session(name: &str, argv: &[&str]) -> NewSession {
    NewSession {
        name: name.to_owned(),
        directory: "/".into(),
        environment: Vec::new(),
        argv: words(argv),
    }
}

fn sleeping(name: &str) -> NewSession {
    session(name, &["sleep", "600"])
}

/// A program that runs a shell script with these arguments.
fn script(name: &str, script: &str, arguments: &[OsString]) -> NewSession {
    let mut session = session(name, &["sh", "-c", script, "sh"]);
    session.argv.extend_from_slice(arguments);
    session
}

/// Looks until it is there.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let until = clock::monotonic() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(clock::monotonic() < until, "never seen: {what}");
        // tmux tells of none of these: looked for, with a deadline.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn file_of_size(path: &Path, size: usize) -> Vec<u8> {
    eventually(&format!("{size} bytes in {}", path.display()), async || {
        fs_err::read(path).ok().filter(|text| text.len() >= size)
    })
    .await
}

async fn screen_with(tmux: &mut Tmux, pane: &PaneId, text: &str) -> String {
    eventually(text, async || {
        let screen = tmux.ask(request::capture(pane, 0)).await.unwrap();
        screen.contains(text).then_some(screen)
    })
    .await
}

async fn names(tmux: &mut Tmux) -> Vec<String> {
    let rows = tmux.ask(request::list()).await.unwrap();
    let mut names: Vec<String> = rows.into_iter().map(|row| row.session_name).collect();
    names.sort();
    names
}

async fn state_of(tmux: &mut Tmux, pane: &PaneId) -> PaneState {
    let rows = tmux.ask(request::list()).await.unwrap();
    rows.into_iter()
        .find(|row| row.pane_id == *pane)
        .expect("a dead pane stays")
        .state
}

/// Covers T1, T8, F9: a session is never taken for one whose name it begins.
#[tokio::test]
async fn removing_a_session_spares_those_whose_names_begin_like_it() {
    for mut tmux in TestServer::new(PATIENCE).both() {
        let mayor = tmux.ask(request::create(&sleeping("gt-mayor"))).await;
        let other = tmux.ask(request::create(&sleeping("gt-mayor2"))).await;
        other.unwrap();
        let mayor = mayor.unwrap();
        tmux.ask(request::remove(&mayor.pane_id)).await.unwrap();
        assert_eq!(names(&mut tmux).await, ["gt-mayor2"]);

        let again = tmux.ask(request::remove(&mayor.pane_id)).await;
        assert!(
            matches!(again, Err(TmuxError::NotFound { .. })),
            "{again:?}"
        );
        let taken = tmux.ask(request::create(&sleeping("gt-mayor2"))).await;
        assert!(
            matches!(taken, Err(TmuxError::Duplicate { .. })),
            "{taken:?}"
        );
        tmux.kill_server().await.unwrap();
    }
}

/// What shells, tmux's parser, its formats and its options could make something else of.
fn hostile_words() -> Vec<OsString> {
    let mut hostile = words(&[
        "-x",
        "--",
        "",
        "$HOME",
        "${HOME}",
        "~",
        "~/x",
        "$(id)",
        "`id`",
        "a;",
        ";",
        "\\;",
        "\\",
        "a\\",
        "#{pid}",
        "#(id)",
        "##",
        "%H",
        "%7",
        "=x",
        "A=b",
        "{",
        "}",
        "'",
        "\"",
        "a b",
        "x\ny",
        "\n",
        "\t\u{1}\u{7f}",
        "é\u{a0}日",
        "%if",
        "%end 1 2 1",
    ]);
    hostile.push(OsString::from_vec((1..=255).collect()));
    hostile
}

/// Covers T3, T4: words and variables reach the program as they are, both ways.
#[tokio::test]
async fn arguments_and_variables_reach_the_program_unchanged() {
    let hostile = hostile_words();
    for (number, mut tmux) in TestServer::new(PATIENCE).both().into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(format!("{number}"));
        let mut session = script(
            "gt-x",
            r#"{ printf '%s\0' "$@"; printf '%s' "$GT_ODD"; } > "$GT_FILE.new"
            mv "$GT_FILE.new" "$GT_FILE"; exec sleep 600"#,
            &hostile,
        );
        let odd = hostile.last().unwrap();
        session.environment = vec![
            ("GT_FILE".into(), file.clone().into()),
            ("GT_ODD".into(), odd.clone()),
        ];
        let _pane = tmux.ask(request::create(&session)).await.unwrap();

        let written = file_of_size(&file, 1).await;
        let seen: Vec<OsString> = written
            .split(|&byte| byte == 0)
            .map(|word| OsString::from_vec(word.to_vec()))
            .collect();
        assert_eq!(seen[..hostile.len()], hostile);
        assert_eq!(seen[hostile.len()], *odd);
        tmux.kill_server().await.unwrap();
    }
}

/// Covers T4, T5, F59, F60: a message is one bracketed paste, whole, and nothing in it is run.
#[tokio::test]
async fn a_large_message_arrives_whole_as_one_bracketed_paste() {
    let test = TestServer::new(PATIENCE);
    let mut text = b"-t $(touch /tmp/no) ; kill-server\n'\"`#{pid}\\\t%end 1 2 1\n".repeat(1800);
    text.extend_from_slice("é ~ no line end at the end".as_bytes());
    let message = test.path("message; #1");
    fs_err::write(&message, &text).unwrap();
    for (number, mut tmux) in test.both().into_iter().enumerate() {
        let received = test.path(&format!("received{number}"));
        let reader = script(
            &format!("gt-reader{number}"),
            r#"stty raw -echo; printf '\033[?2004hready'; head -c "$1" > "$2"; exec sleep 600"#,
            &[
                (text.len() + b"\x1b[200~\x1b[201~".len())
                    .to_string()
                    .into(),
                received.clone().into(),
            ],
        );
        let pane = tmux.ask(request::create(&reader)).await.unwrap().pane_id;
        screen_with(&mut tmux, &pane, "ready").await;
        let buffer = "gt-message";
        assert!(tmux.ask(request::load(buffer, &message)).await.unwrap());
        assert!(tmux.ask(request::is_loaded(buffer)).await.unwrap());
        tmux.ask(request::paste(buffer, &pane)).await.unwrap();
        assert!(!tmux.ask(request::is_loaded(buffer)).await.unwrap());

        let expected = [b"\x1b[200~", text.as_slice(), b"\x1b[201~"].concat();
        let seen = file_of_size(&received, expected.len()).await;
        assert!(seen == expected, "the message was changed on its way");
        assert_eq!(buffers(&test), Vec::<Vec<u8>>::new());
    }
}

fn buffers(test: &TestServer) -> Vec<Vec<u8>> {
    test.forked()
        .run(&[Command::raw(&["list-buffers"])])
        .unwrap()
}

/// Covers F64: a paste that went nowhere is no success, and leaves no message behind.
#[tokio::test]
async fn a_paste_that_fails_is_an_error_and_leaves_no_buffer() {
    let test = TestServer::new(PATIENCE);
    let message = test.path("message");
    fs_err::write(&message, "text").unwrap();
    for (number, mut tmux) in test.both().into_iter().enumerate() {
        let here = sleeping(&format!("gt-{number}"));
        let here = tmux.ask(request::create(&here)).await.unwrap().pane_id;
        let gone = "%999".parse().unwrap();
        let loaded = tmux.ask(request::load("gt-message", &message)).await;
        assert!(loaded.unwrap());
        let nowhere = tmux.ask(request::paste("gt-message", &gone)).await;
        assert!(
            matches!(nowhere, Err(TmuxError::NotFound { .. })),
            "{nowhere:?}"
        );
        tmux.ask(request::unload("gt-message")).await.unwrap();
        let nothing = tmux
            .ask(request::load("gt-message", &test.path("none")))
            .await;
        assert!(!nothing.is_ok_and(|loaded| loaded));
        let nothing = tmux.ask(request::paste("gt-message", &here)).await;
        assert!(
            matches!(nothing, Err(TmuxError::Refused { .. })),
            "{nothing:?}"
        );
        assert_eq!(buffers(&test), Vec::<Vec<u8>>::new());
    }
}

/// Keys reach the program that has the terminal.
#[tokio::test]
async fn keys_are_pressed() {
    let test = TestServer::new(PATIENCE);
    for (number, mut tmux) in test.both().into_iter().enumerate() {
        let received = test.path(&format!("keys{number}"));
        let reader = script(
            &format!("gt-{number}"),
            r#"stty raw -echo; printf ready; head -c 4 > "$1"; exec sleep 600"#,
            &[received.clone().into()],
        );
        let pane = tmux.ask(request::create(&reader)).await.unwrap().pane_id;
        screen_with(&mut tmux, &pane, "ready").await;
        let keys = ["C-c", "C-u", "Escape", "Enter"];
        let pressed = tmux
            .ask_all(keys.map(|one| request::key(&pane, one)).into())
            .await;
        assert!(pressed.iter().all(Result::is_ok), "{pressed:?}");
        assert_eq!(file_of_size(&received, 4).await, b"\x03\x15\x1b\r");
    }
}

/// Covers F6: the pane's process and how it ended come from tmux itself.
#[tokio::test]
async fn a_dead_pane_stays_and_says_how_it_ended() {
    let test = TestServer::new(PATIENCE);
    let mut tmux = Tmux::Control(Box::new(test.control()));
    let code = script("gt-code", "echo last words; read line; exit 3", &[]);
    let code = tmux.ask(request::create(&code)).await.unwrap();
    // What a program prints just before its end can be lost.
    screen_with(&mut tmux, &code.pane_id, "last words").await;
    let enter = request::key(&code.pane_id, "Enter");
    tmux.ask(enter).await.unwrap();
    let killed = tmux.ask(request::create(&sleeping("gt-killed"))).await;
    let killed = killed.unwrap();
    assert_eq!(
        state_of(&mut tmux, &killed.pane_id).await,
        PaneState::Running
    );
    let pid = Pid::from_raw(i32::try_from(killed.pane_pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();

    for (pane, exit) in [
        (&code.pane_id, Exit::Code(3)),
        (&killed.pane_id, Exit::Signal(9)),
    ] {
        let state = eventually("a dead pane", async || {
            // tmux before 3.6 can miss a child's end until the next SIGCHLD.
            test.signal(Signal::CHILD);
            let state = state_of(&mut tmux, pane).await;
            (state != PaneState::Running && state != PaneState::Dead(None)).then_some(state)
        })
        .await;
        assert_eq!(state, PaneState::Dead(Some(exit)));
    }
    // tmux's own line about the death scrolls the screen by one.
    let screen = tmux.ask(request::capture(&code.pane_id, 1)).await.unwrap();
    assert!(screen.contains("last words"), "{screen}");
}

#[tokio::test]
async fn a_capture_reaches_back_as_far_as_asked() {
    let test = TestServer::new(PATIENCE);
    let mut tmux = Tmux::Control(Box::new(test.control()));
    let counting = session("gt-x", &["sh", "-c", "seq 1 300; exec sleep 600"]);
    let pane = tmux.ask(request::create(&counting)).await.unwrap().pane_id;
    screen_with(&mut tmux, &pane, "\n300\n").await;
    let first = async |tmux: &mut Tmux, history| {
        let screen = tmux.ask(request::capture(&pane, history)).await.unwrap();
        screen.lines().next().unwrap().to_owned()
    };
    assert_eq!(first(&mut tmux, 0).await, "252");
    assert_eq!(first(&mut tmux, 10).await, "242");
    assert_eq!(first(&mut tmux, 5000).await, "1");
}

/// Covers D11, F73: a tmux that hangs costs a deadline, and works again when it goes on.
#[tokio::test]
async fn a_stopped_server_is_a_timeout_and_then_answers_again() {
    let test = TestServer::new(SHORT);
    for (number, mut tmux) in test.both().into_iter().enumerate() {
        let create = request::create(&sleeping(&format!("gt-{number}")));
        let _pane = tmux.ask(create).await.unwrap();
        let before = names(&mut tmux).await;
        test.signal(Signal::STOP);
        let started = clock::monotonic();
        for _ in 0..2 {
            let hung = tmux.ask(request::list()).await;
            assert!(matches!(hung, Err(TmuxError::TimedOut { .. })), "{hung:?}");
        }
        assert!(clock::monotonic() - started < SHORT * 10);
        test.signal(Signal::CONT);
        let seen = eventually("an answer", async || tmux.ask(request::list()).await.ok()).await;
        assert_eq!(seen.len(), before.len());
    }
}

/// A batch that is larger than any pipe does not block before its deadline either.
#[tokio::test]
async fn a_stopped_server_does_not_block_a_large_write() {
    let test = TestServer::new(SHORT);
    let mut control = test.control();
    control.connect().await.unwrap();
    test.signal(Signal::STOP);
    let results = control.run(vec![Command::list_panes(); 20_000]).await;
    assert_eq!(results.len(), 20_000);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(TmuxError::TimedOut { .. })))
    );
    test.signal(Signal::CONT);
}

/// Covers rule 1: the server's death is an error first, and an empty town only when that is known.
#[tokio::test]
async fn a_killed_server_is_a_disconnection_and_then_a_fresh_server() {
    let test = TestServer::new(PATIENCE);
    let mut control = test.control();
    let pane = control.ask(request::create(&sleeping("gt-mayor"))).await;
    assert!(pane.is_ok(), "{pane:?}");
    let killed = control.server_process();
    assert_eq!(killed, Some(test.process()));
    test.signal(Signal::KILL);
    let lost = control.ask(request::list()).await;
    assert!(
        matches!(lost, Err(TmuxError::Disconnected { .. })),
        "{lost:?}"
    );
    // The dying server's socket takes connections for an instant: also not an empty town.
    let rows = eventually("a fresh server", async || {
        control.ask(request::list()).await.ok()
    })
    .await;
    assert_eq!(rows, []);
    assert_ne!(control.server_process(), killed);
}

#[tokio::test]
async fn a_client_that_was_detached_connects_again_and_finds_the_sessions() {
    let test = TestServer::new(PATIENCE);
    let mut control = test.control();
    let created = control.ask(request::create(&sleeping("gt-mayor"))).await;
    assert!(created.is_ok(), "{created:?}");
    let server = control.server_process();
    let detach = Command::raw(&["detach-client", "-s", "=_gt-quiet"]);
    test.forked().run(&[detach]).unwrap();
    let lost = control.ask(request::list()).await;
    assert!(
        matches!(lost, Err(TmuxError::Disconnected { .. })),
        "{lost:?}"
    );
    assert_eq!(control.ask(request::list()).await.unwrap().len(), 1);
    assert_eq!(control.server_process(), server);
    let quiet = Command::raw(&["list-sessions", "-F", "#{session_name}"]);
    let mut sessions = test.forked().run(&[quiet]).unwrap();
    sessions.sort();
    assert_eq!(sessions, [b"_gt-quiet".to_vec(), b"gt-mayor".to_vec()]);
}

/// A late reply to a request that nobody waits for is never the reply to the next one.
#[tokio::test]
async fn a_request_dropped_half_way_does_not_answer_the_next() {
    let test = TestServer::new(PATIENCE);
    let mut control = test.control();
    let created = control.ask(request::create(&sleeping("gt-mayor"))).await;
    let pane = created.unwrap().pane_id;
    test.signal(Signal::STOP);
    let dropped = tokio::time::timeout(SHORT, control.ask(request::capture(&pane, 0))).await;
    assert!(dropped.is_err());
    test.signal(Signal::CONT);
    let rows = control.ask(request::list()).await.unwrap();
    assert_eq!(rows[0].pane_id, pane);
}

#[tokio::test]
async fn a_hundred_sessions_are_created_in_one_write() {
    const COUNT: usize = 100;
    /// Measured 0.2 s; more than this would mean one round trip or one process for each.
    const BOUND: Duration = Duration::from_secs(2);
    let test = TestServer::new(PATIENCE);
    let mut control = test.control();
    control.connect().await.unwrap();
    let creations = (0..COUNT)
        .map(|number| request::create(&sleeping(&format!("gt-rig-{number}"))))
        .collect();
    let started = clock::monotonic();
    let panes = control.ask_all(creations).await;
    let took = clock::monotonic() - started;
    assert!(panes.iter().all(Result::is_ok));
    assert!(took < BOUND, "{took:?}");
    let rows = control.ask(request::list()).await.unwrap();
    assert_eq!(rows.len(), COUNT);
}

/// Covers F45: the end is verified, and a server that hangs is ended all the same.
#[tokio::test]
async fn a_server_is_ended_for_sure_even_if_it_hangs() {
    for hangs in [false, true] {
        let test = TestServer::new(SHORT);
        for mut tmux in test.both() {
            let _pane = tmux.ask(request::create(&sleeping("gt-x"))).await.unwrap();
            let process = test.process();
            if hangs {
                test.signal(Signal::STOP);
            }
            tmux.kill_server().await.unwrap();
            assert_eq!(test.server.process().unwrap(), None);
            assert!(!server::is_alive(process));
            tmux.kill_server().await.expect("nothing left to end");
        }
    }
}

/// A stopped server whose queue of connections is full blocks whoever connects to it.
#[tokio::test]
async fn a_server_that_takes_no_connection_is_unknown_and_can_still_be_ended() {
    let test = TestServer::new(SHORT);
    let mut tmux = Tmux::Control(Box::new(test.control()));
    let _pane = tmux.ask(request::create(&sleeping("gt-x"))).await.unwrap();
    let process = test.process();
    test.signal(Signal::STOP);
    let crowd: Vec<_> = (0..1000)
        .map_while(|_| test.server.connect().ok())
        .collect();
    assert!(crowd.len() < 1000);
    let unknown = test.server.process();
    assert!(
        matches!(unknown, Err(TmuxError::Connect { .. })),
        "{unknown:?}"
    );
    tmux.kill_server().await.unwrap();
    assert!(!server::is_alive(process));
}

/// Covers F69: what a person's file says holds, unless gt could not work with it.
#[test]
fn a_named_file_of_a_person_is_read_before_what_gt_needs() {
    let test = TestServer::new(PATIENCE);
    let file = test.path("it's $HOME #1.conf");
    fs_err::write(&file, "set -g exit-empty on\nset -g status-position top\n").unwrap();
    let text = config::server_config(Some(&file));
    fs_err::write(test.path("tmux.conf"), text).unwrap();
    let forked = test.forked();
    let _pane = forked.ask(request::create(&sleeping("gt-x"))).unwrap();
    let option = |scope, name| {
        let lines = forked.run(&[Command::raw(&["show-options", scope, name])]);
        String::from_utf8(lines.unwrap().join(&b'\n')).unwrap()
    };
    assert_eq!(option("-gv", "status-position"), "top");
    assert_eq!(option("-sv", "exit-empty"), "off");
    assert_eq!(option("-gwv", "remain-on-exit"), "on");
    assert_eq!(option("-gv", "history-limit"), "5000");
}

/// A server may be without a session for as long as a client of it ends: that is known, and no fault.
#[test]
fn a_server_without_a_session_says_that_there_is_none() {
    let test = TestServer::new(PATIENCE);
    let pane = test
        .forked()
        .ask(request::create(&sleeping("gt-mayor")))
        .unwrap();
    test.forked().ask(request::remove(&pane.pane_id)).unwrap();
    let empty = test.forked().ask(request::list()).unwrap_err();
    assert!(matches!(empty, TmuxError::NoSession { .. }), "{empty:?}");
    assert_eq!(test.forked().panes().unwrap(), []);
    assert!(test.server.process().unwrap().is_some());
}

/// Covers F69, rule 1: no server is known only from the socket itself.
#[test]
fn without_a_server_a_command_says_so_and_starts_none() {
    let test = TestServer::new(PATIENCE);
    let absent = test.forked().ask(request::list());
    assert!(
        matches!(absent, Err(TmuxError::NoServer { .. })),
        "{absent:?}"
    );
    assert_eq!(test.server.process().unwrap(), None);

    let below_a_file = test.path("tmux.conf").join("s");
    let odd = Server::new(&below_a_file, &test.path("tmux.conf"), PATIENCE);
    let unknown = Forked::new(odd.clone()).ask(request::list());
    assert!(
        matches!(unknown, Err(TmuxError::Refused { .. })),
        "{unknown:?}"
    );
    assert!(matches!(odd.process(), Err(TmuxError::Connect { .. })));
}

/// Covers T17: tmux runs the program at exactly this path, with this one argument.
#[tokio::test]
async fn the_status_line_runs_gt_wherever_it_is() {
    let test = TestServer::new(PATIENCE);
    let directory = test.path("it's 100% #1 :) $HOME `id` \"x");
    fs_err::create_dir(&directory).unwrap();
    let gt = directory.join("gt");
    fs_err::write(&gt, "#!/bin/sh\necho \"ran with $*\"\n").unwrap();
    std::fs::set_permissions(&gt, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    let mut control = test.control();
    let created = control.ask(request::create(&sleeping("gt-mayor"))).await;
    let id = created.unwrap().session_id;
    let theme = gt_core::theme::theme_of(&AgentId::Mayor, None);
    let dressed = config::dress(&id, &AgentId::Mayor, theme, &gt);
    control.ask(dressed).await.unwrap();

    let left = shown(&mut control, &id, "#{T:status-left}|#{status-style}").await;
    assert_eq!(left, "[Mayor] coordinator |bg=#3d3200,fg=#ffd700");
    let right = eventually("the output of gt", async || {
        let right = shown(&mut control, &id, "#{T:status-right}").await;
        right.contains("ran with").then_some(right)
    })
    .await;
    assert!(
        right.starts_with("ran with status-line --session=gt-mayor "),
        "{right}"
    );
}

/// What tmux makes of a format. The output of `#()` comes to the client that asked first.
async fn shown(control: &mut Control, session: &SessionId, format: &str) -> String {
    let display = Command::raw(&["display-message", "-p", "-t", &session.to_string(), format]);
    let reply = control.run(vec![display]).await.pop().unwrap().unwrap();
    String::from_utf8(reply.lines.join(&b'\n')).unwrap()
}

/// Covers F61: a person who is attached is seen, and can be told something. The person is a tmux
/// of their own, whose pane shows the session.
#[tokio::test]
async fn an_attached_person_is_seen_and_told() {
    let test = TestServer::new(PATIENCE);
    let mut tmux = Tmux::Control(Box::new(test.control()));
    let created = tmux.ask(request::create(&sleeping("gt-mayor"))).await;
    let id = created.unwrap().session_id;
    assert_eq!(tmux.ask(request::clients()).await.unwrap(), []);

    let person = TestServer::new(PATIENCE);
    let mut terminal = Tmux::Forked(person.forked());
    let mut attach = session("person", &["env", "-u", "TMUX", "tmux", "-S"]);
    attach.argv.push(test.server.socket().into());
    attach
        .argv
        .extend(words(&["attach", "-t", &id.to_string()]));
    let pane = terminal
        .ask(request::create(&attach))
        .await
        .unwrap()
        .pane_id;

    let client = eventually("the person", async || {
        tmux.ask(request::clients()).await.unwrap().pop()
    })
    .await;
    assert_eq!(client.session_id, id);
    let age = clock::now().as_second() - client.last_activity.as_second();
    assert!((0..60).contains(&age), "{age}");
    let rows = tmux.ask(request::list()).await.unwrap();
    assert_eq!((rows.len(), rows[0].attached), (1, 1));

    let text = "stops in 5 s: 100% #{pid} %H #(id) ; -x";
    eventually("the announcement", async || {
        tmux.ask(request::announce(&client, text)).await.unwrap();
        let screen = terminal.ask(request::capture(&pane, 0)).await.unwrap();
        screen.contains(text).then_some(())
    })
    .await;
}

/// Covers F45, F69: neither a person's ~/.tmux.conf nor the marks of the agent that starts the
/// server reach it. The environment is a process's own, so this runs itself in another one.
#[test]
fn a_strange_home_and_an_agents_marks_do_not_reach_the_server() {
    let home = tempfile::tempdir().unwrap();
    let hostile = "set -g exit-empty on\nset -g destroy-unattached on\nkill-server\n";
    fs_err::write(home.path().join(".tmux.conf"), hostile).unwrap();
    let output = Program::new(std::env::current_exe().unwrap(), home.path(), PATIENCE * 2)
        .args(["--exact", "--nocapture"])
        .args(["tmux::tests::in_the_environment_of_an_agent"])
        .env("HOME", home.path())
        .env("GT_ROLE", "mayor")
        .env("TMUX", "/nowhere,1,0")
        .env("TMUX_PANE", "%77")
        .run()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.code, 0, "{said}{}", output.stderr);
    assert!(said.contains("1 passed"), "{said}");
}

/// Holds in any environment; the test above runs it in a hostile one.
#[tokio::test]
async fn in_the_environment_of_an_agent() {
    for mut tmux in TestServer::new(PATIENCE).both() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("environment");
        let writer = script(
            "gt-x",
            r#"env -u TMUX -u TMUX_PANE > "$1.new"; mv "$1.new" "$1"; exec sleep 600"#,
            &[file.clone().into()],
        );
        let pane = tmux.ask(request::create(&writer)).await.unwrap();
        let environment = file_of_size(&file, 1).await;
        let environment = String::from_utf8_lossy(&environment);
        assert!(!environment.contains("GT_ROLE"), "{environment}");
        assert_eq!(state_of(&mut tmux, &pane.pane_id).await, PaneState::Running);
        tmux.kill_server().await.unwrap();
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(8))]
    /// Whatever the bytes, a word goes into tmux and out again unchanged, both ways.
    #[test]
    fn any_word_is_read_back_unchanged(word in proptest::collection::vec(1_u8..=255, 1..200)) {
        let test = TestServer::new(PATIENCE);
        let file = test.path("out");
        let word = OsString::from_vec(word);
        let store = Command::raw(&["set-buffer", "-b", "x", "--"]).with(&word);
        let save = Command::raw(&["save-buffer", "-b", "x"]).with(file.as_os_str());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut control = test.control();
            let replies = control.run(vec![store.clone(), save.clone()]).await;
            assert!(replies.iter().all(Result::is_ok), "{replies:?}");
        });
        assert_eq!(OsString::from_vec(fs_err::read(&file).unwrap()), word.clone());
        fs_err::remove_file(&file).unwrap();
        test.forked().run(&[store, save]).unwrap();
        assert_eq!(OsString::from_vec(fs_err::read(&file).unwrap()), word);
    }
}
