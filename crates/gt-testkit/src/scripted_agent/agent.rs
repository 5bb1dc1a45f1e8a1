//! The agent itself: what it is doing, and what keys, signals, time and its program make of it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use gt_host::clock;
use gt_host::environment::{self, GT_ROLE};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

use super::arguments::Arguments;
use super::command::Command;
use super::display::{Panel, frame};
use super::hooks::{Hooks, Wish};
use super::job::Job;
use super::journal::{Happening, Journal};
use super::keys::{Key, Keys};
use super::signals::{self, Signals};
use super::terminal::Terminal;
use super::transcript::{Transcript, on_one_row};

/// How long a lone Escape byte may be the beginning of a sequence; terminals write sequences whole.
const ESCAPE_WAIT: Duration = Duration::from_millis(50);

/// How often a file that is waited for is looked for: well below what a test notices.
const FILE_POLL: Duration = Duration::from_millis(10);

/// Two C-c within this time quit.
const QUIT_WINDOW: Duration = Duration::from_secs(2);

/// How an agent ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With this code and a word of farewell.
    Code(i32),
    /// With 1 and nothing said.
    Silent,
}

/// What it is doing.
#[derive(Debug)]
enum Activity {
    /// Nothing; the next command may be taken up.
    Idle,
    /// Work until a time.
    Busy { since: Duration, until: Duration },
    /// Work until a file exists.
    WaitingFor { since: Duration, path: PathBuf },
    /// Work until a program ends.
    Running { since: Duration, job: Job },
    /// A dialog is open.
    Asking { what: String },
    /// Nothing, and nothing any more.
    Hung,
}

impl Activity {
    /// Since when it works, if it does.
    fn working_since(&self) -> Option<Duration> {
        match self {
            Self::Busy { since, .. }
            | Self::WaitingFor { since, .. }
            | Self::Running { since, .. } => Some(*since),
            Self::Idle | Self::Asking { .. } | Self::Hung => None,
        }
    }
}

/// What a wait ended with.
#[derive(Debug, Default)]
struct Woken {
    by_signal: bool,
    by_terminal: bool,
    by_job: bool,
}

/// An agent at its terminal.
#[derive(Debug)]
pub(super) struct Agent<'a> {
    hooks: Hooks,
    journal: &'a Journal,
    gt: OsString,
    terminal: Terminal,
    signals: Signals,
    keys: Keys,
    transcript: Transcript,
    draft: String,
    activity: Activity,
    pending: VecDeque<Command>,
    /// A prompt was submitted, and its end was not told to the hooks.
    in_turn: bool,
    /// A hook let that turn go on.
    prolonged: bool,
    deaf: bool,
    ignores_term: bool,
    terminal_gone: bool,
    interrupted_at: Option<Duration>,
    must_draw: bool,
    /// What the footer says; none unless it says that the agent works.
    seconds_drawn: Option<u64>,
}

impl<'a> Agent<'a> {
    /// An agent that will do `commands` first.
    pub(super) fn new(
        arguments: &Arguments,
        hooks: Hooks,
        journal: &'a Journal,
        terminal: Terminal,
        signals: Signals,
        commands: Vec<Command>,
    ) -> Self {
        let mut transcript = Transcript::default();
        transcript.push(&format!("Simulated agent {}", arguments.name));
        Self {
            hooks,
            journal,
            gt: arguments.gt.clone(),
            terminal,
            signals,
            keys: Keys::default(),
            transcript,
            draft: String::new(),
            activity: Activity::Idle,
            pending: commands.into(),
            in_turn: false,
            prolonged: false,
            deaf: false,
            ignores_term: false,
            terminal_gone: false,
            interrupted_at: None,
            must_draw: true,
            seconds_drawn: None,
        }
    }

    /// Lives until something ends it.
    pub(super) fn live(mut self) -> Ending {
        self.call_hooks("SessionStart");
        loop {
            if let ControlFlow::Break(ending) = self.turn() {
                return ending;
            }
        }
    }

    fn turn(&mut self) -> ControlFlow<Ending> {
        self.take_up_pending()?;
        while self.is_at_end_of_turn() {
            self.end_turn();
            self.take_up_pending()?;
        }
        self.draw();
        let woken = self.wait();
        if woken.by_signal {
            self.hear_signals()?;
        }
        if woken.by_terminal {
            self.read_terminal()?;
        } else if let Some(escape) = self.keys.decide() {
            self.press(escape)?;
        }
        if woken.by_job {
            self.read_job();
        }
        self.keep_time();
        ControlFlow::Continue(())
    }

    /// Waits for whatever comes first. An idle agent waits without a timeout.
    fn wait(&self) -> Woken {
        let job = match &self.activity {
            Activity::Running { job, .. } => job.output(),
            _ => None,
        };
        let stdin = std::io::stdin();
        let reads_terminal = !self.terminal_gone && !matches!(self.activity, Activity::Hung);
        let mut waiting = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if reads_terminal {
            waiting.push(PollFd::new(&stdin, PollFlags::IN));
        }
        if let Some(job) = &job {
            waiting.push(PollFd::new(job, PollFlags::IN));
        }
        let timeout = self
            .timeout()
            .and_then(|timeout| Timespec::try_from(timeout).ok());
        if poll(&mut waiting, timeout.as_ref()).is_err() {
            // A signal: the next turn finds it in its socket.
            return Woken::default();
        }
        let mut ready = waiting.iter().map(|polled| !polled.revents().is_empty());
        let mut next_ready = || ready.next().unwrap_or(false);
        Woken {
            by_signal: next_ready(),
            by_terminal: reads_terminal && next_ready(),
            by_job: job.is_some() && next_ready(),
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if self.keys.is_undecided() {
            return Some(ESCAPE_WAIT);
        }
        let now = clock::monotonic();
        match &self.activity {
            Activity::Idle | Activity::Asking { .. } | Activity::Hung => None,
            Activity::Busy { since, until } => Some(
                until
                    .saturating_sub(now)
                    .min(until_next_second(*since, now)),
            ),
            Activity::WaitingFor { .. } => Some(FILE_POLL),
            Activity::Running { since, .. } => Some(until_next_second(*since, now)),
        }
    }

    /// Ends what is over, and lets the footer say so.
    fn keep_time(&mut self) {
        let over = match &self.activity {
            Activity::Busy { until, .. } => clock::monotonic() >= *until,
            Activity::WaitingFor { path, .. } => path.exists(),
            Activity::Idle
            | Activity::Running { .. }
            | Activity::Asking { .. }
            | Activity::Hung => false,
        };
        if over {
            self.activity = Activity::Idle;
        }
        self.must_draw |= self.seconds_worked() != self.seconds_drawn;
    }

    fn draw(&mut self) {
        if !std::mem::take(&mut self.must_draw) {
            return;
        }
        let draft = &self.draft;
        self.seconds_drawn = self.seconds_worked();
        let panel = match (&self.activity, self.seconds_drawn) {
            (Activity::Asking { .. }, _) => Panel::Dialog,
            (_, Some(seconds)) => Panel::Working { draft, seconds },
            (_, None) => Panel::Idle { draft },
        };
        let frame = frame(self.terminal.size(), &self.transcript, &panel);
        self.terminal.write(&frame);
    }

    fn seconds_worked(&self) -> Option<u64> {
        let since = self.activity.working_since()?;
        Some(clock::monotonic().saturating_sub(since).as_secs())
    }

    fn show(&mut self, text: &str) {
        self.transcript.push(text);
        self.must_draw = true;
    }
}

/// Signals.
impl Agent<'_> {
    fn hear_signals(&mut self) -> ControlFlow<Ending> {
        for signal in self.signals.caught() {
            self.hear(signal)?;
        }
        ControlFlow::Continue(())
    }

    fn hear(&mut self, signal: Signal) -> ControlFlow<Ending> {
        let is_hung = matches!(self.activity, Activity::Hung);
        match signal {
            Signal::CHILD => self.end_job(),
            Signal::WINCH => self.must_draw |= !is_hung,
            Signal::CONT if is_hung => {}
            Signal::CONT => {
                self.terminal.retake();
                self.must_draw = true;
            }
            _ => {
                self.journal
                    .record(&Happening::Signal(&signals::name(signal)));
                let is_ignored = self.ignores_term && signal != Signal::INT;
                if !is_ignored {
                    return ControlFlow::Break(Ending::Code(128 + signal.as_raw()));
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Keys.
impl Agent<'_> {
    fn read_terminal(&mut self) -> ControlFlow<Ending> {
        let mut buffer = [0; 4096];
        let Some(bytes) = self.terminal.read(&mut buffer) else {
            self.terminal_gone = true;
            if self.ignores_term {
                return ControlFlow::Continue(());
            }
            return ControlFlow::Break(Ending::Code(128 + Signal::HUP.as_raw()));
        };
        self.keys.feed(bytes);
        while let Some(key) = self.keys.next() {
            self.press(key)?;
        }
        ControlFlow::Continue(())
    }

    fn press(&mut self, key: Key) -> ControlFlow<Ending> {
        match &self.activity {
            Activity::Hung => return ControlFlow::Continue(()),
            Activity::Asking { what } => {
                let what = what.clone();
                self.answer_dialog(&key, &what);
            }
            Activity::Idle
            | Activity::Busy { .. }
            | Activity::WaitingFor { .. }
            | Activity::Running { .. } => self.edit(key)?,
        }
        self.must_draw = true;
        // At once: a dialog that a prompt opens gets the keys that follow the prompt.
        self.take_up_pending()
    }

    /// What was typed into a dialog is lost, but Enter takes the choice that is marked: "Yes".
    fn answer_dialog(&mut self, key: &Key, what: &str) {
        match key {
            Key::Enter => {
                self.journal.record(&Happening::Approved(what));
                self.show(&format!("APPROVED {what}"));
            }
            Key::Escape | Key::Interrupt => self.show(&format!("Cancelled {what}")),
            Key::Text(text) | Key::Paste(text) => {
                return self.journal.record(&Happening::DialogInput(text));
            }
            Key::Backspace | Key::ClearLine | Key::EndOfInput => return,
        }
        self.activity = Activity::Idle;
    }

    fn edit(&mut self, key: Key) -> ControlFlow<Ending> {
        let interrupted_at = self.interrupted_at.take();
        match key {
            Key::Text(text) | Key::Paste(text) => self.draft.push_str(&text),
            Key::Backspace => {
                self.draft.pop();
            }
            Key::ClearLine => self.draft.clear(),
            Key::Enter => self.submit(),
            Key::Escape => self.interrupt(),
            Key::Interrupt => {
                let now = clock::monotonic();
                if interrupted_at.is_some_and(|at| now.saturating_sub(at) < QUIT_WINDOW) {
                    return ControlFlow::Break(Ending::Code(0));
                }
                self.interrupted_at = Some(now);
                self.draft.clear();
                self.interrupt();
                self.show("Press Ctrl-C again to exit");
            }
            Key::EndOfInput if self.draft.is_empty() => {
                return ControlFlow::Break(Ending::Code(0));
            }
            Key::EndOfInput => {}
        }
        ControlFlow::Continue(())
    }

    fn submit(&mut self) {
        let text = std::mem::take(&mut self.draft);
        if text.trim().is_empty() {
            return;
        }
        self.take_prompt(&text);
        self.call_hooks("UserPromptSubmit");
    }

    fn take_prompt(&mut self, text: &str) {
        self.in_turn = true;
        self.prolonged = false;
        self.journal.record(&Happening::Prompt(text));
        self.show(&format!("❯ {}", on_one_row(text)));
        match Command::understand(text) {
            Ok(commands) => self.pending.extend(commands),
            Err(error) => self.show(&format!("● error: {error}")),
        }
    }

    fn interrupt(&mut self) {
        if self.activity.working_since().is_some() {
            // As Claude Code, which then calls no hook.
            self.in_turn = false;
            self.activity = Activity::Idle;
            self.show("Interrupted");
        }
    }
}

/// Hooks.
impl Agent<'_> {
    fn is_at_end_of_turn(&self) -> bool {
        self.in_turn && self.pending.is_empty() && matches!(self.activity, Activity::Idle)
    }

    fn end_turn(&mut self) {
        self.in_turn = false;
        for wish in self.call_hooks("Stop") {
            if let Wish::GoOn(text) = wish {
                self.take_prompt(&text);
                self.prolonged = true;
            }
        }
    }

    /// Calls those of an event, and notes what they add.
    fn call_hooks(&mut self, event: &str) -> Vec<Wish> {
        let wishes = self.hooks.call(event, self.prolonged);
        for wish in &wishes {
            if let Wish::Context(text) = wish {
                self.journal.record(&Happening::Context(text));
            }
        }
        wishes
    }
}

/// Commands.
impl Agent<'_> {
    fn take_up_pending(&mut self) -> ControlFlow<Ending> {
        while matches!(self.activity, Activity::Idle) {
            let Some(command) = self.pending.pop_front() else {
                break;
            };
            self.perform(command)?;
        }
        ControlFlow::Continue(())
    }

    fn perform(&mut self, command: Command) -> ControlFlow<Ending> {
        let now = clock::monotonic();
        match command {
            Command::Say(text) => self.show(&format!("● {text}")),
            Command::Run(argv) => self.run(&argv),
            Command::Handoff(action) => self.run_gt(&["handoff", &format!("--{action}")]),
            Command::Heartbeat if self.deaf => {}
            Command::Heartbeat => self.report(),
            Command::ReadMail => self.run_gt(&["mail", "inbox"]),
            Command::Busy(duration) => {
                let until = now.saturating_add(duration);
                self.activity = Activity::Busy { since: now, until };
            }
            Command::WaitFile(path) => {
                self.activity = Activity::WaitingFor { since: now, path };
            }
            Command::Dialog(what) => {
                self.show(&format!("● {what}"));
                self.call_hooks("PermissionRequest");
                self.activity = Activity::Asking { what };
            }
            Command::Draft(text) => self.draft.push_str(&text),
            Command::Flood(lines) => self.flood(lines),
            Command::Hang => self.activity = Activity::Hung,
            Command::Deaf => self.deaf = true,
            Command::IgnoreTerm => self.ignores_term = true,
            Command::Leave(survivor) => {
                if let Err(error) = survivor.leave(self.journal) {
                    self.show(&format!("● error: cannot leave a process: {error}"));
                }
            }
            Command::Die(signal) => die(signal),
            Command::Exit(code) => return ControlFlow::Break(Ending::Code(i32::from(code))),
            Command::SilentCrash => return ControlFlow::Break(Ending::Silent),
        }
        self.must_draw = true;
        ControlFlow::Continue(())
    }

    /// Answers a heartbeat as its role does.
    fn report(&mut self) {
        if environment::variable(GT_ROLE).as_deref() == Some("deacon") {
            self.run_gt(&["deacon", "heartbeat", "rounds done"]);
        } else {
            self.run_gt(&["mail", "check"]);
        }
    }

    fn run_gt(&mut self, arguments: &[&str]) {
        let command = format!("gt {}", arguments.join(" "));
        let gt = self.gt.clone();
        self.start_job(&gt, arguments, &command);
    }

    fn run(&mut self, argv: &[String]) {
        if let [program, arguments @ ..] = argv {
            self.start_job(OsStr::new(program), arguments, &argv.join(" "));
        }
    }

    fn start_job(&mut self, program: &OsStr, arguments: &[impl AsRef<OsStr>], command: &str) {
        self.show(&format!("● {command}"));
        match Job::start(program, arguments, command.to_owned()) {
            Ok(job) => {
                let since = clock::monotonic();
                self.activity = Activity::Running { since, job };
            }
            Err(error) => {
                self.show(&format!("  cannot run `{}`: {error}", program.display()));
                let code = 127;
                self.journal.record(&Happening::Answer { command, code });
            }
        }
    }

    fn read_job(&mut self) {
        if let Activity::Running { job, .. } = &mut self.activity {
            let transcript = &mut self.transcript;
            job.read(|line| transcript.push(&format!("  {line}")));
        }
    }

    fn end_job(&mut self) {
        let Activity::Running { job, .. } = &mut self.activity else {
            return;
        };
        let transcript = &mut self.transcript;
        let Some(code) = job.ended(|line| transcript.push(&format!("  {line}"))) else {
            return;
        };
        self.journal.record(&Happening::Answer {
            command: &job.command,
            code,
        });
        self.activity = Activity::Idle;
        self.show(&format!("  exit code {code}"));
    }

    /// Writes lines to the terminal itself, not by frames.
    fn flood(&mut self, lines: u32) {
        const BLOCK: usize = 16 * 1024;
        let mut block = String::with_capacity(BLOCK + 64);
        for line in 1..=lines {
            block.push_str(&format!("flood {line} of {lines}\r\n"));
            if block.len() >= BLOCK {
                self.terminal.write(block.as_bytes());
                block.clear();
            }
        }
        self.terminal.write(block.as_bytes());
        self.show(&format!("● {lines} lines written"));
    }
}

fn until_next_second(since: Duration, now: Duration) -> Duration {
    let elapsed = now.saturating_sub(since);
    Duration::from_secs(1) - Duration::from_nanos(elapsed.subsec_nanos().into())
}

/// Sends itself a signal with its default effect. It returns from those that only stop it.
fn die(signal: Signal) {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Without the limit a core file may be left, which harms nothing.
    let _ = setrlimit(Resource::Core, none);
    signals::set_default(signal);
    kill_process(getpid(), signal).expect("a process may send itself any signal");
}
