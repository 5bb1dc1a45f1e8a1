//! What a bare loop takes: as many agents directly in the panes of a tmux server, each watched by
//! its pidfd and restarted by `respawn-pane -k` over control mode. Nothing is recorded, captured
//! or looked at.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use gt_host::clock;
use gt_host::process::{self, PidFd};
use gt_host::tmux::{Control, NewSession, QUIET_SESSION, Server, config, request};
use gt_testkit::scripted_agent::JOURNAL_VARIABLE;
use rustix::event::{PollFd, PollFlags, poll};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Far above what tmux takes to create a session.
const DEADLINE: Duration = Duration::from_secs(20);

/// How many sessions are asked for in one write.
const BATCH: usize = 50;

#[derive(Debug)]
pub(crate) struct Reference {
    directory: TempDir,
    runtime: Runtime,
    /// The process of its tmux server.
    pub(crate) server: u32,
    panes: Vec<String>,
    client: Child,
}

impl Reference {
    pub(crate) fn up(size: usize) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("gtref")
            .tempdir()
            .expect("a directory");
        let text = config::server_config(None);
        fs_err::write(directory.path().join("tmux.conf"), text).expect("tmux's configuration");
        fs_err::create_dir(directory.path().join("journal")).expect("a directory");
        start_server(&directory);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let panes = runtime.block_on(create_agents(&directory, size));
        let server = server(&directory).process().expect("tmux answers");
        let client = attach(&directory);
        let reference = Self {
            directory,
            runtime,
            server: server.expect("tmux runs").pid,
            panes,
            client,
        };
        for number in 0..size {
            reference.wait_for_starts(number, 1);
        }
        reference
    }

    /// Kills an agent, and restarts it as soon as that is known. The time from before the kill to
    /// the first instruction of the successor.
    pub(crate) fn restart(&mut self, number: usize) -> Duration {
        let number = number % self.panes.len();
        let starts = self.starts(number);
        let (pid, _) = *starts.last().expect("it runs");
        let watch = process::identify(pid)
            .and_then(|process| process.map_or(Ok(None), PidFd::open))
            .expect("it can be watched");
        let watch = watch.unwrap_or_else(|| panic!("it is gone:\n{}", self.journal(number)));
        let respawn = format!("respawn-pane -k -t {}\n", self.panes[number]);
        let stdin = self.client.stdin.as_mut().expect("it was piped");

        let before = clock::monotonic();
        watch
            .signal(process::Signal::KILL)
            .expect("it can be killed");
        poll(&mut [PollFd::new(&watch, PollFlags::IN)], None).expect("its end shows");
        write(stdin, &respawn);

        let (_, at) = self.wait_for_starts(number, starts.len() + 1);
        at.saturating_sub(before)
    }

    /// How long one listing of all panes takes, over control mode.
    pub(crate) fn list_repeatedly(&self, pause: Duration, until: Duration) -> Vec<Duration> {
        self.runtime.block_on(async {
            let mut control = Control::new(server(&self.directory), quiet());
            control.connect().await.expect("tmux answers");
            let mut times = Vec::new();
            while clock::monotonic() < until {
                tokio::time::sleep(pause).await;
                let before = clock::monotonic();
                let rows = control.ask(request::list()).await.expect("tmux answers");
                times.push(clock::monotonic().saturating_sub(before));
                assert_eq!(rows.len(), self.panes.len());
            }
            times
        })
    }

    /// The starts of an agent: its pid, and when.
    fn starts(&self, number: usize) -> Vec<(u32, Duration)> {
        starts(&self.journal(number))
    }

    fn journal(&self, number: usize) -> String {
        let path = self.directory.path().join("journal");
        fs_err::read_to_string(path.join(format!("ref{number}.journal"))).unwrap_or_default()
    }

    fn wait_for_starts(&self, number: usize, count: usize) -> (u32, Duration) {
        await_start(|| self.starts(number).get(count - 1).copied())
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // A control client that is not read keeps its server from ending.
        let _ = self.client.kill();
        let _ = self.client.wait();
        server(&self.directory).kill().expect("its server ends");
    }
}

/// The starts in a journal: the pid, and when on the monotonic clock.
pub(crate) fn starts(journal: &str) -> Vec<(u32, Duration)> {
    let start = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [_, pid, _, "start", at] => {
                Some((pid.parse().ok()?, Duration::from_nanos(at.parse().ok()?)))
            }
            _ => None,
        }
    };
    journal.lines().filter_map(start).collect()
}

/// Waits for a start that a journal tells of, without taking the processor from those that start.
pub(crate) fn await_start<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = clock::monotonic() + DEADLINE;
    loop {
        clock::pause(Duration::from_millis(2));
        if let Some(start) = found() {
            return start;
        }
        assert!(clock::monotonic() < deadline, "an agent did not start");
    }
}

fn server(directory: &TempDir) -> Server {
    Server::new(
        &directory.path().join("s"),
        &directory.path().join("tmux.conf"),
        DEADLINE,
    )
}

fn quiet() -> Vec<std::ffi::OsString> {
    vec![crate::GT.into(), "quiet".into()]
}

/// tmux on the reference's server, with the environment of a town's agents.
#[expect(
    clippy::disallowed_methods,
    reason = "the bare loop that the program is compared with"
)]
fn tmux(directory: &TempDir) -> Command {
    let mut command = Command::new("tmux");
    command
        .args(["-u", "-S"])
        .arg(directory.path().join("s"))
        .arg("-f")
        .arg(directory.path().join("tmux.conf"))
        .env_clear()
        .env("HOME", directory.path())
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm-256color")
        .env(
            "PATH",
            gt_host::environment::variable("PATH").unwrap_or_default(),
        )
        .stdin(Stdio::null());
    command
}

fn start_server(directory: &TempDir) {
    let created = tmux(directory)
        .args([
            "new-session",
            "-d",
            "-s",
            QUIET_SESSION,
            "--",
            crate::GT,
            "quiet",
        ])
        .status();
    assert!(created.is_ok_and(|status| status.success()), "tmux runs");
}

async fn create_agents(directory: &TempDir, size: usize) -> Vec<String> {
    let mut control = Control::new(server(directory), quiet());
    let sessions: Vec<NewSession> = (0..size).map(|number| session(directory, number)).collect();
    let mut panes = Vec::new();
    for batch in sessions.chunks(BATCH) {
        let made = control
            .ask_all(batch.iter().map(request::create).collect())
            .await;
        panes.extend(
            made.into_iter()
                .map(|made| made.expect("a session").pane_id.to_string()),
        );
    }
    panes
}

fn session(directory: &TempDir, number: usize) -> NewSession {
    let journal: PathBuf = directory.path().join("journal");
    let name = format!("ref{number}");
    let argv = [
        crate::GT,
        "simulate-agent",
        "--gt",
        crate::GT,
        "--name",
        &name,
    ];
    NewSession {
        name: name.clone(),
        directory: directory.path().to_owned(),
        environment: vec![(JOURNAL_VARIABLE.into(), journal.into())],
        argv: argv.map(Into::into).to_vec(),
    }
}

/// A control client, drained by a thread of its own.
fn attach(directory: &TempDir) -> Child {
    let mut client = tmux(directory)
        .args(["-C", "attach-session", "-f", "no-output,ignore-size", "-t"])
        .arg(format!("={QUIET_SESSION}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tmux can be started");
    let mut output = client.stdout.take().expect("it was piped");
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    client
}

fn write(stdin: &mut ChildStdin, line: &str) {
    stdin.write_all(line.as_bytes()).expect("tmux reads");
}
