//! The command line, as clap reads it. Doc comments here are the help texts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Keep a town of coding agents at work.
///
/// A town is a directory that holds rigs (git repositories) and agents that run in tmux. Its daemon
/// keeps the wanted agents running, restarts those that die, wakes those that owe work and carries
/// their mail.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 not in a town, 4 daemon not running, 5 refused as
/// unsafe, 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    name = "gt",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// Act on the town at this directory, not the one around the current directory.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) town: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Understands what hooks, scripts and prompts run at every turn, in its plainest spelling:
    /// to describe every verb to the parser takes longer than most of these take to run. None for
    /// all else, which the parser reads.
    pub(crate) fn understand_hot(arguments: &[OsString]) -> Option<Self> {
        let words: Option<Vec<&str>> = arguments.iter().skip(1).map(|word| word.to_str()).collect();
        let check = |inject| {
            Command::Mail(Mail::Check {
                inject,
                identity: None,
                json: Json { json: false },
            })
        };
        let command = match words?[..] {
            ["--version" | "-V"] => Command::Version,
            ["status"] => Command::Status(Json { json: false }),
            ["status", "--json"] => Command::Status(Json { json: true }),
            ["mail", "check"] => check(false),
            ["mail", "check", "--inject"] => check(true),
            ["prime"] => Command::Prime,
            ["hook", event] if !event.starts_with('-') => Command::Hook {
                event: event.to_owned(),
            },
            _ => return None,
        };
        Some(Self {
            town: None,
            command,
        })
    }
}

/// Prints a view for programs.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Json {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a town.
    Install(Install),
    /// Show and change the town's configuration.
    #[command(subcommand)]
    Config(Config),
    /// Add, list and remove rigs.
    #[command(subcommand)]
    Rig(Rig),
    /// Start the daemon and every agent that is wanted.
    Up(Up),
    /// Stop every agent, then the daemon.
    Down(Down),
    /// Start, stop and look at the daemon.
    #[command(subcommand)]
    Daemon(Daemon),
    /// Show the town: what is wanted, what runs, what it waits on.
    #[command(visible_alias = "stat")]
    Status(Json),
    /// Explain one agent.
    Why {
        /// Which, such as `mayor` or `RIG/witness`.
        agent: String,
        #[command(flatten)]
        json: Json,
    },
    /// Show what happened.
    Events(Events),
    /// Check the town, and mend it.
    Doctor(Doctor),
    /// List the agents.
    #[command(visible_alias = "ag")]
    Agents(Json),
    /// Try what is known of an agent's program: its preset and its screen rules.
    #[command(subcommand)]
    Agent(Agent),
    /// Go to an agent's terminal; start it first if it does not run.
    Attach {
        /// Which, such as `mayor` or `RIG/crew/NAME`.
        agent: String,
    },
    /// Print what an agent's screen shows.
    Peek {
        /// Which.
        agent: String,
    },
    /// Interrupt an agent's work; it goes on at its prompt.
    Interrupt {
        /// Which.
        agent: String,
    },
    /// The coordinator.
    #[command(subcommand, visible_alias = "may")]
    Mayor(Seat),
    /// The health agent.
    #[command(subcommand, visible_alias = "dea")]
    Deacon(DeaconCommand),
    /// A rig's watch over its workers.
    #[command(subcommand)]
    Witness(RigSeat),
    /// A rig's merge queue worker.
    #[command(subcommand, visible_alias = "ref")]
    Refinery(RigSeat),
    /// People's workspaces in a rig.
    #[command(subcommand)]
    Crew(Crew),
    /// Send and read mail.
    #[command(subcommand)]
    Mail(Mail),
    /// Bring a message to an agent at a safe moment.
    Nudge(Nudge),
    /// Bring a message to every agent that runs.
    Broadcast(Broadcast),
    /// Ask for a fresh run of oneself, or for the end of this one.
    Handoff(Handoff),
    /// Print the role's instructions, the hand-off and new mail, for the start of a session.
    Prime,
    /// Tell the daemon what an agent's program does, and hand over what is due: its hooks call it,
    /// with the event on standard input.
    #[command(hide = true)]
    Hook {
        /// The event, such as `Stop`.
        event: String,
    },
    /// How agents' programs come to tell what they do, and what one of them needs for that.
    #[command(subcommand)]
    Hooks(Hooks),
    /// Run tmux on the town's server.
    Tmux {
        /// Passed to tmux as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Show the program at work on a town of its own, without any account.
    Demo(Demo),
    /// Print completions and manual pages.
    #[command(subcommand)]
    Util(Util),
    /// Print the version.
    Version,
    /// Print the right end of a session's status line.
    #[command(hide = true)]
    StatusLine {
        /// Whose.
        #[arg(long)]
        session: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Where; made if it does not exist.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// The town's name; the directory's by default.
    #[arg(short, long)]
    pub(crate) name: Option<String>,
    /// Add what lacks to an existing town; nothing that is there is overwritten.
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every key with its value, defaults included.
    Show(Json),
    /// Print one key's value.
    Get {
        /// Such as `daemon.heartbeat`.
        key: String,
    },
    /// Set one key in town.toml; comments stay.
    Set {
        /// Such as `roles.mayor.agent`.
        key: String,
        /// The value, in TOML or as plain text.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Check town.toml; a mistake is named with its line and key.
    Check,
    /// Print the JSON schema of town.toml, for editors.
    Schema,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Hooks {
    /// Print how each program is given its hooks.
    Check(HooksHome),
    /// Give Gemini its extension; every other program needs nothing.
    Install(HooksHome),
    /// Take Gemini's extension away again.
    Remove(HooksHome),
}

#[derive(Debug, Args)]
pub(crate) struct HooksHome {
    /// The home of the agent's program; one's own by default.
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Check a preset's file; a mistake is named with its line and key.
    Check {
        /// A file with the keys of [agents.NAME], such as `aider.toml`.
        file: PathBuf,
    },
    /// Say what a screen shows by the rules of a preset, and on which line.
    Explain {
        /// A file with the screen, such as `gt peek AGENT` prints; `-` for standard input.
        #[arg(long, value_name = "FILE")]
        screen: PathBuf,
        /// A preset, or [agents.NAME] of the town around the current directory.
        #[arg(long, value_name = "NAME")]
        preset: String,
        /// The terminal's title, which some programs say their state in.
        #[arg(long, default_value = "")]
        title: String,
        #[command(flatten)]
        json: Json,
    },
    /// Print the JSON schema of a preset's file, for editors.
    Schema,
    /// Try what a town can do with a program, in a town of its own and with a scripted model.
    Conformance(Conformance),
}

#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// Which programs: `claude`, `codex`, `gemini`, `opencode`, `copilot`, `aider`, or `simulated` for
    /// the look-alike.
    #[arg(required = true, value_name = "PRESET")]
    pub(crate) presets: Vec<String>,
    /// Only these cases, such as `nudge-during-dialog`.
    #[arg(long, value_name = "CASE")]
    pub(crate) only: Vec<String>,
    /// Then send so many messages under work, dialogs, restarts and deaths of the daemon.
    #[arg(long, value_name = "COUNT")]
    pub(crate) nudges: Option<usize>,
    /// Print a table for a document.
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Keep the town and its directory.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rig {
    /// Clone a repository into the town.
    Add {
        /// Its name: letters, digits, `-` and `_`.
        name: String,
        /// What to clone: a URL or a path.
        #[arg(required_unless_present = "adopt")]
        url: Option<String>,
        /// Register the rig whose directory is there already, as it is.
        #[arg(long, conflicts_with_all = ["url", "crew"])]
        adopt: bool,
        /// Prefix of its issues; made from the name by default.
        #[arg(long)]
        prefix: Option<String>,
        /// Name of the first crew workspace.
        #[arg(long, default_value = "main")]
        crew: String,
    },
    /// List the rigs.
    List(Json),
    /// Take a rig out of the registry; its files stay.
    Remove {
        /// Which.
        name: String,
    },
    /// Show one rig with its agents.
    Status {
        /// Which.
        name: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Only these agents; every agent that is wanted by default.
    pub(crate) agents: Vec<String>,
    /// Say nothing but errors.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Seconds to wait until all run.
    #[arg(short, long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) wait: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Say nothing but errors.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Kill at once what would be asked to stop first.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Seconds to wait until all have stopped.
    #[arg(short, long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) wait: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Daemon {
    /// Start it; returns when it answers.
    Start,
    /// Stop it; the agents go on.
    Stop,
    /// Replace it by this binary's; the agents go on.
    Restart,
    /// Show whether it runs.
    Status(Json),
    /// Print its log.
    Logs {
        /// Wait for more.
        #[arg(short, long)]
        follow: bool,
        /// How many lines.
        #[arg(short = 'n', long, default_value_t = 50)]
        lines: usize,
    },
    /// Be the daemon, in the foreground.
    #[command(hide = true)]
    Run,
    /// Install a service that keeps the daemon running: a systemd user unit.
    Install,
    /// Remove the service.
    Uninstall,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Wait for more.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only events after this number.
    #[arg(long, value_name = "SEQ")]
    pub(crate) since: Option<i64>,
    /// How many of the newest to begin with.
    #[arg(short = 'n', long, default_value_t = 50)]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Mend what can be mended safely.
    #[arg(long)]
    pub(crate) fix: bool,
    /// Show checks that passed, too.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Seat {
    /// Want it up, and wait until it runs.
    Start,
    /// Want it down, and wait until it has stopped.
    Stop,
    /// Replace its run by a fresh one.
    Restart,
    /// Go to its terminal; start it first if it does not run.
    #[command(visible_alias = "at")]
    Attach,
    /// Show it.
    Status(Json),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeaconCommand {
    #[command(flatten)]
    Seat(Seat),
    /// Tell that the rounds go on; the deacon runs this.
    Heartbeat {
        /// What was done.
        action: Vec<String>,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InRig {
    /// Which rig.
    pub(crate) rig: String,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RigSeat {
    /// Want it up, and wait until it runs.
    Start(InRig),
    /// Want it down, and wait until it has stopped.
    Stop(InRig),
    /// Replace its run by a fresh one.
    Restart(InRig),
    /// Go to its terminal; start it first if it does not run.
    #[command(visible_alias = "at")]
    Attach(InRig),
    /// Show it.
    Status {
        #[command(flatten)]
        rig: InRig,
        #[command(flatten)]
        json: Json,
    },
}

/// A crew workspace: its name, and its rig unless the directory tells.
#[derive(Debug, Clone, Args)]
pub(crate) struct CrewMember {
    /// Which workspace, as NAME or RIG/NAME.
    pub(crate) name: String,
    /// Its rig; the one around the current directory by default.
    #[arg(long)]
    pub(crate) rig: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Crew {
    /// Start an agent in it.
    Start(CrewMember),
    /// Stop its agent.
    Stop(CrewMember),
    /// Replace its agent's run by a fresh one.
    #[command(visible_alias = "rs")]
    Restart(CrewMember),
    /// Go to its terminal; start it first if it does not run.
    #[command(visible_alias = "attach")]
    At(CrewMember),
    /// Show it.
    Status {
        #[command(flatten)]
        member: CrewMember,
        #[command(flatten)]
        json: Json,
    },
    /// List the workspaces.
    List(Json),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mail {
    /// Send a message.
    Send(MailSend),
    /// List the messages.
    Inbox {
        /// Whose; one's own by default.
        address: Option<String>,
        /// Only unread ones.
        #[arg(short, long)]
        unread: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Print a message and mark it read.
    Read {
        /// Its id, or a unique beginning of it.
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Answer a message.
    Reply {
        /// Its id.
        id: String,
        /// `Re:` the original by default.
        #[arg(short, long)]
        subject: Option<String>,
        /// The text.
        #[arg(short, long)]
        message: String,
    },
    /// Print a conversation.
    Thread {
        /// Id of any message in it, or of the thread.
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Tell whether there is unread mail: exit code 0 if there is, 1 if not.
    Check {
        /// Print a reminder for an agent's context; always exit code 0.
        #[arg(long)]
        inject: bool,
        /// Whose; one's own by default.
        #[arg(long, visible_alias = "address")]
        identity: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Mark messages as dealt with; they leave the inbox.
    Ack {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Delete a message.
    Delete {
        /// Its id.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct MailSend {
    /// To whom: `mayor/`, `RIG/witness`, `RIG/NAME`, `overseer`, or `RIG/` for everyone there.
    pub(crate) address: String,
    /// One line.
    #[arg(short, long)]
    pub(crate) subject: String,
    /// The text; read from standard input if it is `-`.
    #[arg(short, long, default_value = "")]
    pub(crate) message: String,
    /// 0 urgent, 1 high, 2 normal, 3 low.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(i64).range(0..=4))]
    pub(crate) priority: i64,
    /// The same as `--priority 0`.
    #[arg(long)]
    pub(crate) urgent: bool,
    /// What sort of message.
    #[arg(long = "type", value_enum, default_value_t = MailType::Notification)]
    pub(crate) kind: MailType,
    /// The message it answers.
    #[arg(long, value_name = "ID")]
    pub(crate) reply_to: Option<String>,
    /// Raise normal to high.
    #[arg(short, long)]
    pub(crate) notify: bool,
    /// Keep it at the top of the inbox.
    #[arg(long)]
    pub(crate) pinned: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MailType {
    Notification,
    Task,
    Reply,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Nudge {
    #[command(subcommand)]
    pub(crate) verb: Option<NudgeVerb>,
    /// Whose prompt it is typed at, such as `mayor` or `RIG/witness`.
    pub(crate) agent: Option<String>,
    #[command(flatten)]
    pub(crate) text: NudgeText,
    #[command(flatten)]
    pub(crate) terms: NudgeTerms,
    /// Wait until it has got so far.
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) wait: Option<NudgeGoal>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NudgeVerb {
    /// List the newest messages and how far they got.
    List {
        /// Only those for this agent.
        agent: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Withdraw a message of which nothing was typed yet.
    Cancel {
        /// Its id, or a unique beginning of it.
        id: String,
    },
}

/// Where the text comes from: standard input if nowhere else.
#[derive(Debug, Args)]
pub(crate) struct NudgeText {
    /// The text; read from standard input if it is `-`, or if no file is given either. Blank space
    /// around it is cut off.
    #[arg(short, long, allow_hyphen_values = true, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// The file with the text.
    #[arg(short = 'F', long, value_name = "FILE", conflicts_with = "message")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct NudgeTerms {
    /// Replace what is still queued for the agent under this name.
    #[arg(long, value_name = "NAME", value_parser = slot)]
    pub(crate) slot: Option<String>,
    /// The more urgent is brought first.
    #[arg(long, value_enum, default_value_t = NudgePriority::Normal)]
    pub(crate) priority: NudgePriority,
    /// After this time it is not brought any more.
    #[arg(long, default_value = "1h", value_name = "TIME")]
    pub(crate) ttl: String,
}

/// The longest name of a slot, in characters: it is printed within a line.
const SLOT: usize = 100;

fn slot(name: &str) -> Result<String, String> {
    if !gt_core::nudge::is_plain_line(name) {
        return Err("a slot has a name of one line, without invisible characters".to_owned());
    }
    match name.chars().count() > SLOT {
        true => Err(format!("a slot's name has at most {SLOT} characters")),
        false => Ok(name.to_owned()),
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum NudgePriority {
    Urgent,
    Normal,
    Low,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NudgeGoal {
    /// It is being typed.
    Typing,
    /// The agent took it.
    Confirmed,
}

#[derive(Debug, Args)]
pub(crate) struct Broadcast {
    /// Only to the agents of this rig.
    #[arg(long)]
    pub(crate) rig: Option<String>,
    #[command(flatten)]
    pub(crate) text: NudgeText,
    #[command(flatten)]
    pub(crate) terms: NudgeTerms,
}

#[derive(Debug, Args)]
pub(crate) struct Handoff {
    /// A fresh run, with the message for it (the default but for polecats).
    #[arg(long)]
    pub(crate) cycle: bool,
    /// A fresh run.
    #[arg(long)]
    pub(crate) restart: bool,
    /// The end of this run (the default for polecats).
    #[arg(long)]
    pub(crate) shutdown: bool,
    /// What the successor needs to know.
    #[arg(short, long)]
    pub(crate) message: Option<String>,
    /// Hand off although the work tree has changes that are not committed.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Seconds after which the request expires.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub(crate) timeout: u64,
    /// Take back one's own open request.
    #[arg(long, conflicts_with_all = ["cycle", "restart", "shutdown", "message"])]
    pub(crate) cancel: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep the town and its directory.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Util {
    /// Print the completion script for a shell.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: String,
    },
    /// Write the manual pages into a directory.
    Man {
        /// Where.
        directory: PathBuf,
    },
    /// Print the JSON schemas of the views.
    Schema,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hot_commands_mean_what_the_parser_takes_them_for() {
        let lines = [
            "gt status",
            "gt status --json",
            "gt mail check",
            "gt mail check --inject",
            "gt prime",
            "gt hook Stop",
        ];
        for line in lines {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let hot = Cli::understand_hot(&words).expect(line);
            let parsed = Cli::try_parse_from(words).expect(line);
            assert_eq!(format!("{hot:?}"), format!("{parsed:?}"));
        }
        for line in [
            "gt",
            "gt status --jso",
            "gt --town /x status",
            "gt mail check x",
            "gt hook --help",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(Cli::understand_hot(&words).is_none(), "{line}");
        }
    }
}
