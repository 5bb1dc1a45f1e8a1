//! What an agent can be told, in a prompt or in its script.
//!
//! | line | what the agent does |
//! |---|---|
//! | `/say TEXT` | shows the text |
//! | `/run ARGV…` | runs a program, without a shell, and shows its output |
//! | `/handoff cycle\|restart\|shutdown` | runs `gt handoff --ACTION` |
//! | `/busy SECONDS` | works, until the time is over or Escape |
//! | `/wait-file PATH` | works, until the file exists or Escape |
//! | `/dialog TEXT` | asks for permission; the next Enter approves |
//! | `/draft TEXT` | leaves the text in the input row |
//! | `/flood N` | writes that many lines as fast as the terminal takes them |
//! | `/hang` | reads nothing and draws nothing any more; signals still end it |
//! | `/deaf` | from now on, takes heartbeats and does not answer them |
//! | `/ignore-term` | from now on, ignores TERM and HUP |
//! | `/setsid` | leaves a process in a session of its own that ignores TERM and HUP |
//! | `/daemonize` | the same, with init as its parent and without the terminal |
//! | `/die SIGNAL` | kills itself, and leaves the terminal as it is |
//! | `/exit CODE` | ends |
//! | `/silent-crash` | ends with 1 and without a word |
//!
//! Text that does not begin with `/` is what a supervisor sends: after `HEARTBEAT:` the agent
//! reports by `gt`, and word of mail makes it read its inbox.

use std::path::PathBuf;
use std::time::Duration;

use gt_core::lifecycle::Action;
use rustix::process::Signal;

use super::signals;
use super::survivor::Survivor;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// Show text.
    Say(String),
    /// Run a program.
    Run(Vec<String>),
    /// Ask the town for an end of this run.
    Handoff(Action),
    /// Report as the role does.
    Heartbeat,
    /// Read the inbox.
    ReadMail,
    /// Work for a while.
    Busy(Duration),
    /// Work until a file exists.
    WaitFile(PathBuf),
    /// Ask for permission.
    Dialog(String),
    /// Leave text in the input row.
    Draft(String),
    /// Write many lines.
    Flood(u32),
    /// Stop reading and drawing.
    Hang,
    /// Answer no heartbeat.
    Deaf,
    /// Ignore TERM and HUP.
    IgnoreTerm,
    /// Leave a process behind.
    Leave(Survivor),
    /// Be killed by a signal of its own.
    Die(Signal),
    /// End with a code.
    Exit(u8),
    /// End with 1 and say nothing.
    SilentCrash,
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotUnderstood {
    /// No such word.
    #[error("unknown command `{0}`")]
    Unknown(String),
    /// The word is known, what follows it is not.
    #[error("`{word}` expects {expected}")]
    Argument {
        /// The command's word.
        word: String,
        /// What should follow.
        expected: &'static str,
    },
}

impl Command {
    /// What a submitted text or a line of a script asks for.
    pub(super) fn understand(text: &str) -> Result<Vec<Self>, NotUnderstood> {
        let text = text.trim();
        if !text.starts_with('/') {
            return Ok(duties(text));
        }
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        parse(word, rest.trim_start()).map(|command| vec![command])
    }
}

/// What a good agent does when a supervisor writes to it.
fn duties(text: &str) -> Vec<Command> {
    let mut duties = Vec::new();
    if text.starts_with("HEARTBEAT:") {
        duties.push(Command::Heartbeat);
    }
    if text.contains("You have mail") || text.contains("gt mail inbox") {
        duties.push(Command::ReadMail);
    }
    if duties.is_empty() {
        duties.push(Command::Say("Understood.".to_owned()));
    }
    duties
}

fn parse(word: &str, rest: &str) -> Result<Command, NotUnderstood> {
    let expected = |expected| NotUnderstood::Argument {
        word: word.to_owned(),
        expected,
    };
    let text = || match rest {
        "" => Err(expected("a text")),
        rest => Ok(rest.to_owned()),
    };
    Ok(match word {
        "/say" => Command::Say(rest.to_owned()),
        "/run" => match rest.split_whitespace().map(str::to_owned).collect() {
            argv if Vec::is_empty(&argv) => return Err(expected("a program")),
            argv => Command::Run(argv),
        },
        "/handoff" => Action::from_word(rest)
            .map(Command::Handoff)
            .ok_or_else(|| expected("cycle, restart or shutdown"))?,
        "/busy" => seconds(rest)
            .map(Command::Busy)
            .ok_or_else(|| expected("a number of seconds"))?,
        "/wait-file" => Command::WaitFile(text()?.into()),
        "/dialog" => Command::Dialog(text()?),
        "/draft" => Command::Draft(text()?),
        "/flood" => rest
            .parse()
            .map(Command::Flood)
            .map_err(|_| expected("a number of lines"))?,
        "/hang" => Command::Hang,
        "/deaf" => Command::Deaf,
        "/ignore-term" => Command::IgnoreTerm,
        "/setsid" => Command::Leave(Survivor::Session),
        "/daemonize" => Command::Leave(Survivor::Daemon),
        "/die" => signals::from_name(rest)
            .map(Command::Die)
            .ok_or_else(|| expected("a signal, such as KILL"))?,
        "/exit" => rest
            .parse()
            .map(Command::Exit)
            .map_err(|_| expected("a code from 0 to 255"))?,
        "/silent-crash" => Command::SilentCrash,
        unknown => return Err(NotUnderstood::Unknown(unknown.to_owned())),
    })
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Command) {
        assert_eq!(Command::understand(text), Ok(vec![expect]), "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, expect: &str) {
        let error = Command::understand(text).unwrap_err();
        assert_eq!(error.to_string(), expect, "{text}");
    }

    #[test]
    fn commands_take_the_rest_of_the_line() {
        check(
            "/say two  words\nand a line",
            Command::Say("two  words\nand a line".to_owned()),
        );
        check(
            "/run  echo a b ",
            Command::Run(["echo", "a", "b"].map(str::to_owned).to_vec()),
        );
        check("/busy 0.5", Command::Busy(Duration::from_millis(500)));
        check("/die SIGSEGV", Command::Die(Signal::SEGV));
        check("/exit 3\n", Command::Exit(3));
    }

    #[test]
    fn a_wrong_argument_is_told_with_what_was_expected() {
        check_refused("/exit 256", "`/exit` expects a code from 0 to 255");
        check_refused("/busy -1", "`/busy` expects a number of seconds");
        check_refused("/run", "`/run` expects a program");
        check_refused("/die quietly", "`/die` expects a signal, such as KILL");
        check_refused(
            "/handoff lunch",
            "`/handoff` expects cycle, restart or shutdown",
        );
    }

    #[test]
    fn a_supervisors_words_are_duties() {
        check("HEARTBEAT: run your rounds", Command::Heartbeat);
        check("You have mail from mayor", Command::ReadMail);
        check(
            "What about HEARTBEAT: ?",
            Command::Say("Understood.".to_owned()),
        );
        assert_eq!(
            Command::understand("HEARTBEAT: see `gt mail inbox`"),
            Ok(vec![Command::Heartbeat, Command::ReadMail])
        );
    }
}
