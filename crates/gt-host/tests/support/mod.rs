//! A seat with a real holder, in a town of its own.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use gt_core::{AgentId, Exit, IncarnationId, ProcessId};
use gt_host::clock;
use gt_host::holder::client::Client;
use gt_host::holder::kill_set::{self, Scope};
use gt_host::holder::protocol::{Answer, Phase, Report, Request, Start};
use gt_host::paths::TownPaths;
use gt_host::process::{self, PidFd, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Longer than any step takes on a busy machine; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough that a stop which needed it would fail its test by [`PATIENCE`].
pub(crate) const LONG_GRACE_MS: u64 = 600_000;

pub(crate) fn deadline() -> Duration {
    clock::monotonic() + PATIENCE
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests drive the programs themselves"
)]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// The holder as a program.
pub(crate) fn holder_program() -> &'static str {
    env!("CARGO_BIN_EXE_gt-test-holder")
}

pub(crate) fn incarnation() -> IncarnationId {
    IncarnationId(uuid::Uuid::now_v7())
}

pub(crate) fn started(answer: &Answer) -> ProcessId {
    match answer {
        Answer::Started { process, .. } => *process,
        other => panic!("expected a start, got {other:?}"),
    }
}

/// Waits until `found` finds something.
pub(crate) fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let until = clock::monotonic() + PATIENCE;
    loop {
        if let Some(thing) = found() {
            return thing;
        }
        assert!(clock::monotonic() < until, "it did not come true");
        clock::pause(Duration::from_millis(2));
    }
}

/// Waits for the end of a process that is no child of the test.
pub(crate) fn wait_ended(process: ProcessId) {
    if let Some(descriptor) = PidFd::open(process).unwrap() {
        assert!(readable(&descriptor), "{process:?} does not end");
    }
}

pub(crate) fn is_alive(process: ProcessId) -> bool {
    *process::is_alive(process).known().unwrap()
}

fn readable(descriptor: &impl std::os::fd::AsFd) -> bool {
    let timeout = Timespec::try_from(PATIENCE).unwrap();
    let mut descriptors = [PollFd::new(descriptor, PollFlags::IN)];
    poll(&mut descriptors, Some(&timeout)).unwrap() > 0
}

/// A seat, its holder, and every run that was started in it: all are ended with it.
pub(crate) struct Seat {
    pub(crate) town: tempfile::TempDir,
    pub(crate) paths: TownPaths,
    pub(crate) agent: AgentId,
    wake: UnixDatagram,
    mail: std::fs::File,
    unread: Vec<u8>,
    holder: Option<Child>,
    tmux: bool,
    runs: Vec<IncarnationId>,
}

impl Seat {
    pub(crate) fn new() -> Self {
        let town = tempfile::tempdir().unwrap();
        let paths = TownPaths::new(town.path());
        fs_err::create_dir_all(paths.sockets()).unwrap();
        let wake = UnixDatagram::bind(paths.wake_socket()).unwrap();
        wake.set_read_timeout(Some(PATIENCE)).unwrap();
        let fifo = town.path().join("mail");
        assert!(command("mkfifo").arg(&fifo).status().unwrap().success());
        // Open for both, so that neither side waits for the other.
        let mail = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(fifo)
            .unwrap();
        Self {
            paths,
            agent: AgentId::from_canonical("rig/crew/max").unwrap(),
            wake,
            mail,
            unread: Vec::new(),
            holder: None,
            tmux: false,
            runs: Vec::new(),
            town,
        }
    }

    /// A seat with a holder that has a session of its own and no terminal.
    pub(crate) fn held() -> Self {
        let mut seat = Self::new();
        seat.hold();
        seat
    }

    pub(crate) fn hold(&mut self) {
        let holder = self.holder_command().spawn().unwrap();
        self.holder = Some(holder);
        self.wait_wake();
    }

    /// `setsid` executes the holder in its own process: pid and exit code are the holder's.
    pub(crate) fn holder_command(&self) -> Command {
        let mut command = command("setsid");
        command
            .arg(holder_program())
            .args(self.holder_arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn holder_arguments(&self) -> [String; 4] {
        [
            "--town".to_owned(),
            self.town.path().to_str().unwrap().to_owned(),
            "--agent".to_owned(),
            self.agent.to_string(),
        ]
    }

    /// A seat in a pane of a tmux server of its own.
    pub(crate) fn in_tmux() -> Self {
        let mut seat = Self::new();
        seat.tmux = true;
        let mut arguments = vec!["new-session", "-d", "-x", "90", "-y", "30", "--"];
        arguments.push(holder_program());
        let own = seat.holder_arguments();
        arguments.extend(own.iter().map(String::as_str));
        seat.tmux(&arguments);
        seat.tmux(&["set-option", "-g", "exit-empty", "off"]);
        seat.wait_wake();
        seat
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let output = command("tmux")
            .args(["-f", "/dev/null", "-S"])
            .arg(self.paths.tmux_socket())
            .args(arguments)
            .env_remove("TMUX")
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "tmux {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the holder has told the daemon that something changed.
    pub(crate) fn wait_wake(&self) {
        let mut buffer = [0; 256];
        // A timeout makes the call one that a stop and continue of the test interrupts.
        let received = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.wake, &mut buffer, rustix::net::RecvFlags::empty())
        });
        let (length, _) = received.expect("the holder wakes the daemon");
        let wake = gt_host::wake::decode(&buffer[..length]);
        assert_eq!(wake, Some(gt_host::wake::Wake::Holder(self.agent.clone())));
    }

    /// Waits for the next line that an agent wrote to `$MAIL`.
    pub(crate) fn mail(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return String::from_utf8(line).unwrap().trim_end().to_owned();
            }
            assert!(readable(&self.mail), "no agent writes");
            let mut piece = [0; 512];
            let length = self.mail.read(&mut piece).unwrap();
            self.unread.extend_from_slice(&piece[..length]);
        }
    }

    /// The process whose pid an agent wrote.
    pub(crate) fn mailed_process(&mut self) -> ProcessId {
        let pid = self.mail().parse().unwrap();
        process::identify(pid).unwrap().expect("it runs")
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.paths.holder_socket(&self.agent), deadline()).unwrap()
    }

    pub(crate) fn report(&self) -> Report {
        self.client().hello(deadline()).unwrap()
    }

    /// Waits until the holder says that it is in this phase.
    pub(crate) fn order(&mut self, script: &str) -> Start {
        let id = incarnation();
        self.runs.push(id);
        let mail = self.town.path().join("mail").to_str().unwrap().to_owned();
        Start {
            incarnation: id,
            argv: vec!["bash".into(), "-c".into(), script.into()],
            env: vec![
                ("GT_INCARNATION".into(), id.to_string()),
                ("PATH".into(), "/usr/bin:/bin".into()),
                ("MAIL".into(), mail),
            ],
            cwd: self.town.path().to_str().unwrap().to_owned(),
            keep: Vec::new(),
            grace_ms: LONG_GRACE_MS,
        }
    }

    /// Starts a script and returns its run and process.
    pub(crate) fn start(
        &mut self,
        client: &mut Client,
        script: &str,
    ) -> (IncarnationId, ProcessId) {
        let order = self.order(script);
        let id = order.incarnation;
        (id, self.carry_out(client, order))
    }

    pub(crate) fn carry_out(&self, client: &mut Client, order: Start) -> ProcessId {
        let request = Request::Start(Box::new(order));
        started(&client.request(&request, deadline()).unwrap())
    }

    /// The pid of the holder that the seat started itself.
    pub(crate) fn holder(&self) -> ProcessId {
        let pid = self.holder.as_ref().unwrap().id();
        process::identify(pid).unwrap().unwrap()
    }

    pub(crate) fn signal_holder(&self, signal: Signal) {
        assert!(process::signal(self.holder(), signal).unwrap());
    }

    /// Waits for the holder's end, which is then not the seat's to cause.
    pub(crate) fn holder_status(&mut self) -> ExitStatus {
        self.holder.take().unwrap().wait().unwrap()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.tmux {
            // A test may have ended it.
            let _ = command("tmux")
                .arg("-S")
                .arg(self.paths.tmux_socket())
                .arg("kill-server")
                .stderr(Stdio::null())
                .status();
        }
        if let Some(mut holder) = self.holder.take() {
            holder.kill().unwrap();
            holder.wait().unwrap();
        }
        for run in &self.runs {
            kill_set::end(Scope::marked(*run), Duration::ZERO).unwrap();
        }
    }
}

/// The next exit that the holder tells of.
pub(crate) fn next_exit(client: &mut Client) -> (IncarnationId, Exit) {
    loop {
        if let Answer::Exited {
            incarnation, exit, ..
        } = client.next_news(deadline()).unwrap()
        {
            return (incarnation, exit);
        }
    }
}

/// What the files and the socket say of a seat, which must be the same.
pub(crate) fn check_phase(seat: &Seat, phase: Phase, exit: Option<Exit>) {
    let report = seat.report();
    assert_eq!((report.phase, report.exit), (phase, exit));
    let written = gt_host::holder::read_state_file(&seat.paths, &seat.agent);
    assert_eq!(written.unwrap(), Some(report));
}

/// Writes one line to a socket as it is.
pub(crate) fn say(stream: &mut std::os::unix::net::UnixStream, line: &str) {
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// A copy of `bash` under another name, in a command that writes its pid to `$MAIL` and stays.
pub(crate) fn named_server(directory: &Path, name: &str) -> String {
    let path = directory.join(name);
    fs_err::copy("/bin/bash", &path).unwrap();
    let stay = "echo $$ > $MAIL; exec 3<> <(:); read -u 3";
    format!("setsid {} -c '{stay}' &", path.display())
}
