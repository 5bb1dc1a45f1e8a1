//! A pseudo-terminal with a scripted agent in it, and the reader of its screen and journal.

use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use gt_core::screen::{Capture, Screen};
use gt_host::clock;
use gt_testkit::scripted_agent::{JOURNAL_VARIABLE, screen_rules};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::TempDir;

/// Far more than anything here takes, even on a machine that does a lot besides.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what gives no event, such as a file.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 2_000_000,
};

/// Where an agent lives: its journal and its programs. Kept over several runs.
pub(crate) struct Home {
    directory: TempDir,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Gives its agents a script.
    pub(crate) fn script(mut self, script: &str) -> Self {
        let path = self.path("script");
        fs_err::write(&path, script).unwrap();
        self.arguments
            .extend(["--script".to_owned(), path.to_str().unwrap().to_owned()]);
        self
    }

    /// Gives its agents a `gt` that prints its arguments, each in brackets, and ends with 4.
    pub(crate) fn gt(mut self) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path("gt");
        fs_err::write(&path, "#!/bin/sh\nprintf '[%s]' \"$@\"\necho\nexit 4\n").unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self.arguments
            .extend(["--gt".to_owned(), path.to_str().unwrap().to_owned()]);
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The lines of the journal as `(pid, what)`.
    pub(crate) fn journal(&self) -> Vec<(i32, String)> {
        let text = fs_err::read_to_string(self.path("journal")).unwrap_or_default();
        text.lines()
            .map(|line| {
                let words: Vec<&str> = line.splitn(4, ' ').collect();
                let [time, pid, incarnation, what] = words[..] else {
                    panic!("not a line of a journal: {line}");
                };
                assert!(time.parse::<u64>().unwrap() > 1_600_000_000_000, "{line}");
                assert_eq!(incarnation, "run-1");
                (pid.parse().unwrap(), what.to_owned())
            })
            .collect()
    }

    /// What the journal says, without the time of starts.
    pub(crate) fn happenings(&self) -> Vec<String> {
        let without_time = |(_, what): (i32, String)| match what.split_once(' ') {
            Some(("start", _)) => "start".to_owned(),
            _ => what,
        };
        self.journal().into_iter().map(without_time).collect()
    }

    /// The pid of the process that writes `what`.
    pub(crate) fn wait_for_line(&self, what: &str) -> i32 {
        let until = clock::monotonic() + PATIENCE;
        loop {
            let journal = self.journal();
            if let Some((pid, _)) = journal.iter().find(|(_, line)| line == what) {
                return *pid;
            }
            assert!(clock::monotonic() < until, "no `{what}` in {journal:?}");
            let _ = poll(&mut [], Some(&LOOK));
        }
    }

    /// Starts an agent.
    pub(crate) fn sit(&self) -> Seat {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let keyboard = keyboard.unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        resize(&keyboard, 24, 80);
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = open(name, flags, Mode::empty()).unwrap();
        let child = self.spawn(&terminal);
        Seat {
            keyboard,
            terminal,
            child,
            output: Vec::new(),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the agent lives beside the test, on a terminal of its own"
    )]
    fn spawn(&self, terminal: &OwnedFd) -> Child {
        let side = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = std::process::Command::new(program());
        command
            .args(&self.arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("GT_INCARNATION", "run-1")
            .env(JOURNAL_VARIABLE, self.path("journal"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(side())
            .stdout(side())
            .stderr(side());
        take_terminal(&mut command);
        command.spawn().unwrap()
    }
}

/// Makes the terminal the controlling one, so that its size and its end become signals.
#[expect(unsafe_code, reason = "only the child itself can take a terminal")]
fn take_terminal(command: &mut std::process::Command) {
    let take = || {
        setsid()?;
        Ok(ioctl_tiocsctty(std::io::stdin())?)
    };
    // SAFETY: `take` makes two system calls and allocates nothing.
    unsafe { command.pre_exec(take) };
}

/// The scripted agent as a program of its own, which cargo builds for these tests.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_gt-test-agent"))
}

fn resize(terminal: &OwnedFd, rows: u16, columns: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).unwrap();
}

/// A running agent; killed when dropped.
pub(crate) struct Seat {
    keyboard: OwnedFd,
    /// The agent's side, to see the modes it leaves.
    pub(crate) terminal: OwnedFd,
    child: Child,
    output: Vec<u8>,
}

impl Seat {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        resize(&self.keyboard, rows, columns);
    }

    /// Takes the terminal away, as a tmux server that dies.
    pub(crate) fn hang_up(&mut self) {
        self.keyboard = open("/dev/null", OFlags::RDWR, Mode::empty()).unwrap();
    }

    /// Types bytes as they are.
    pub(crate) fn type_keys(&self, keys: &str) {
        let mut bytes = keys.as_bytes();
        while !bytes.is_empty() {
            let count = rustix::io::write(&self.keyboard, bytes).unwrap();
            bytes = &bytes[count..];
        }
    }

    /// Waits for a prompt, and submits a line.
    pub(crate) fn submit(&mut self, line: &str) {
        self.wait_for(Screen::Prompt);
        self.type_keys(&format!("{line}\r"));
    }

    /// Reads the screen until it is of this kind.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, expect: Screen) -> String {
        let rules = screen_rules();
        self.wait_until(|screen| rules.read(&Capture::untitled(screen)) == expect)
    }

    /// Reads the screen until it shows this.
    #[track_caller]
    pub(crate) fn wait_for_text(&mut self, text: &str) -> String {
        self.wait_until(|screen| screen.contains(text))
    }

    #[track_caller]
    fn wait_until(&mut self, is_expected: impl Fn(&str) -> bool) -> String {
        let until = clock::monotonic() + PATIENCE;
        loop {
            let screen = self.screen();
            if is_expected(&screen) {
                return screen;
            }
            let left = until.saturating_sub(clock::monotonic());
            assert!(!left.is_zero(), "not what was expected:\n{screen}");
            self.read_for(&Timespec::try_from(left).unwrap());
        }
    }

    /// The last whole frame, without its escape sequences.
    pub(crate) fn screen(&self) -> String {
        let output = String::from_utf8_lossy(&self.output);
        let frames = output
            .rsplit_once("\x1b[?7h")
            .map_or("", |(whole, _)| whole);
        let frame = frames.rsplit_once("\x1b[H").map_or("", |(_, frame)| frame);
        let mut rows = frame.split('\x1b');
        let mut screen = rows.next().unwrap_or_default().to_owned();
        for row in rows {
            let text = row.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
            screen.push_str(text.get(1..).unwrap_or_default());
        }
        screen.replace('\r', "")
    }

    /// Everything that was written, with escape sequences.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Reads until the agent has ended; its exit code, or minus the signal that ended it.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) -> i32 {
        let until = clock::monotonic() + PATIENCE;
        loop {
            let status = self.child.try_wait().unwrap();
            self.read_for(&LOOK);
            if let Some(status) = status {
                return status
                    .code()
                    .unwrap_or_else(|| -status.signal().unwrap_or_default());
            }
            assert!(
                clock::monotonic() < until,
                "still there:\n{}",
                self.screen()
            );
        }
    }

    /// Reads what comes within a time, once.
    fn read_for(&mut self, time: &Timespec) {
        let mut waiting = [PollFd::new(&self.keyboard, PollFlags::IN)];
        if poll(&mut waiting, Some(time)) == Ok(1) {
            let mut buffer = [0; 65536];
            let count = rustix::io::read(&self.keyboard, &mut buffer).unwrap_or(0);
            self.output.extend_from_slice(&buffer[..count]);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process's ignored signals include `signal`.
pub(crate) fn ignores(pid: i32, signal: Signal) -> bool {
    let status = Path::new("/proc").join(pid.to_string()).join("status");
    let status = fs_err::read_to_string(status).unwrap();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:\t"))
        .unwrap();
    let mask = u64::from_str_radix(mask, 16).unwrap();
    mask & (1 << (signal.as_raw() - 1)) != 0
}
