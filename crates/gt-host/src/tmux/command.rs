//! tmux commands as values: the words of each, as process arguments and as a control-mode line.
//!
//! **Invariant:** tmux interprets no word of a command, whatever bytes it holds, except the format
//! strings written here.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::tmux::server::QUIET_SESSION;

/// Size of a terminal that nobody has attached to yet. Wide enough that the usual agents do not
/// wrap their input row; an attached person's own size replaces it.
const COLUMNS: &str = "200";
const ROWS: &str = "50";

/// Fields of `list-panes`, the free text last. Without `pane_current_command`, which costs tmux a
/// read of /proc for each pane.
const PANE_FORMAT: &str = "#{session_id},#{pane_id},#{pane_pid},#{pane_dead},\
    #{pane_dead_status},#{pane_dead_signal},#{pane_in_mode},#{session_attached},#{session_name}";
/// Fields of `list-panes` where only what was drawn is asked for.
const DRAWN_FORMAT: &str = "#{pane_id},#{pane_pid},#{window_activity}";
/// Fields of `list-clients`, the free text last.
const CLIENT_FORMAT: &str =
    "#{client_control_mode},#{session_id},#{client_activity},#{client_name}";

/// How long an announcement stays on a status line.
const ANNOUNCED_MILLISECONDS: &str = "5000";

/// One tmux command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    words: Vec<OsString>,
}

/// A session's id, such as `$3`: unique for the life of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(String);

/// A pane's id, such as `%7`: unique for the life of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaneId(String);

/// A text that is not an id of tmux.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a tmux id of the form `{sign}7`")]
pub struct IdError {
    text: String,
    sign: char,
}

/// A session to create: one window with one pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its name. tmux silently changes `.` and `:` in it; names of agents hold neither.
    pub name: String,
    /// Where its program starts. tmux silently takes the home directory instead if it does not
    /// exist: the caller looks first.
    pub directory: PathBuf,
    /// Variables for the program, on top of the server's. They show in `ps` for a moment: no
    /// secrets.
    pub environment: Vec<(OsString, OsString)>,
    /// The program and its arguments, executed without a shell.
    pub argv: Vec<OsString>,
}

impl Command {
    /// Creates a detached session and prints its ids and its program's pid.
    pub fn new_session(session: &NewSession) -> Self {
        let mut command = Self::of(["new-session", "-d", "-x", COLUMNS, "-y", ROWS])
            .and(["-P", "-F", "#{session_id} #{pane_id} #{pane_pid}", "-s"])
            .and([&session.name])
            .and([OsStr::new("-c"), session.directory.as_os_str()]);
        for (name, value) in &session.environment {
            let mut pair = name.clone();
            pair.push("=");
            pair.push(value);
            command = command.and([OsString::from("-e"), pair]);
        }
        command.and(["--"]).and(executed_directly(&session.argv))
    }

    /// Lists every pane of the server.
    pub fn list_panes() -> Self {
        Self::of(["list-panes", "-a", "-F", PANE_FORMAT])
    }

    /// Lists the panes in whose window something was drawn in this second of the epoch or later.
    pub fn list_drawn(since: i64) -> Self {
        // Compared as texts, which holds for seconds of the same number of digits, until 2286.
        let recent = format!("#{{>=:#{{window_activity}},{since}}}");
        Self::of(["list-panes", "-a", "-f", &recent, "-F", DRAWN_FORMAT])
    }

    /// Lists every client of the server.
    pub fn list_clients() -> Self {
        Self::of(["list-clients", "-F", CLIENT_FORMAT])
    }

    /// Prints a pane's visible screen, after up to `history` lines that scrolled out of it.
    pub fn capture_pane(pane: &PaneId, history: u32) -> Self {
        let command = Self::of(["capture-pane", "-p", "-t", &pane.0]);
        match history {
            0 => command,
            lines => command.and([OsString::from("-S"), format!("-{lines}").into()]),
        }
    }

    /// Prints the title that a pane's program set.
    pub fn pane_title(pane: &PaneId) -> Self {
        Self::of(["display-message", "-p", "-t", &pane.0, "#{pane_title}"])
    }

    /// Reads a file into a paste buffer. Over control mode a file that cannot be read shows only
    /// in the next use of the buffer: the reply of this command says that all is well.
    pub fn load_buffer(buffer: &str, file: &Path) -> Self {
        Self::of(["load-buffer", "-b", buffer, "--"]).and([file])
    }

    /// Prints the name of a buffer if it is there.
    pub fn find_buffer(buffer: &str) -> Self {
        let same = format!("#{{==:#{{buffer_name}},{buffer}}}");
        Self::of(["list-buffers", "-f", &same, "-F", "#{buffer_name}"])
    }

    /// Pastes a buffer as one bracketed paste, line ends as they are, and deletes it.
    pub fn paste_buffer(buffer: &str, pane: &PaneId) -> Self {
        Self::of(["paste-buffer", "-p", "-r", "-d", "-b", buffer, "-t"]).and([&pane.0])
    }

    /// Deletes a buffer.
    pub fn delete_buffer(buffer: &str) -> Self {
        Self::of(["delete-buffer", "-b", buffer])
    }

    /// Presses the key of this name, as tmux names keys. In a pane that somebody scrolls in, the key goes to the scrolling.
    pub fn send_key(pane: &PaneId, key: &str) -> Self {
        Self::of(["send-keys", "-t", &pane.0, key])
    }

    /// Leaves whatever mode a pane is in, such as scrolling.
    pub fn leave_mode(pane: &PaneId) -> Self {
        Self::of(["copy-mode", "-q", "-t", &pane.0])
    }

    /// Ends a pane and its program; with its last pane a session ends, too.
    pub fn kill_pane(pane: &PaneId) -> Self {
        Self::of(["kill-pane", "-t", &pane.0])
    }

    /// Lets the server end with its last session.
    pub(super) fn exit_when_empty() -> Self {
        Self::of(["set-option", "-s", "exit-empty", "on"])
    }

    /// Ends the private session.
    pub(super) fn kill_quiet_session() -> Self {
        Self::of(["kill-session", "-t", &format!("={QUIET_SESSION}")])
    }

    /// Sets a session's option.
    pub fn set_option(session: &SessionId, name: &str, value: &str) -> Self {
        Self::of(["set-option", "-t", &session.0, "--", name, value])
    }

    /// Shows a text on the status line of the client with this name.
    pub fn display_message(client: &str, text: &str) -> Self {
        Self::of([
            "display-message",
            "-c",
            client,
            "-d",
            ANNOUNCED_MILLISECONDS,
        ])
        .and([OsString::from("--"), format_literal(text).into()])
    }

    /// Attaches a control client that gets no output and counts for no window's size.
    pub fn attach_quietly(session: &str) -> Self {
        let target = format!("={session}");
        Self::of(["attach-session", "-f", "no-output,ignore-size", "-t"]).and([target])
    }

    /// Prints the server's pid.
    pub fn server_pid() -> Self {
        Self::of(["display-message", "-p", "#{pid}"])
    }

    /// Ends the server.
    pub fn kill_server() -> Self {
        Self::of(["kill-server"])
    }

    /// The command's words as arguments of a `tmux` process.
    ///
    /// tmux takes an argument that ends in `;` for the end of a command; `\;` stands for it.
    pub fn arguments(&self) -> impl Iterator<Item = OsString> {
        self.words.iter().map(|word| {
            let bytes = word.as_bytes();
            match bytes.split_last() {
                Some((b';', before)) => OsString::from_vec([before, b"\\;"].concat()),
                _ => word.clone(),
            }
        })
    }

    /// The command as a line of control mode, with its line end.
    pub fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        for word in &self.words {
            quote(word.as_bytes(), &mut line);
            line.push(b' ');
        }
        line.pop();
        line.push(b'\n');
        line
    }

    /// Any command, for tests.
    #[cfg(test)]
    pub(super) fn raw(words: &[&str]) -> Self {
        Self::of(words)
    }

    /// One more word, for tests.
    #[cfg(test)]
    pub(super) fn with(self, word: &OsStr) -> Self {
        self.and([word])
    }

    fn of<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        Self { words: Vec::new() }.and(words)
    }

    fn and<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        self.words.extend(words);
        self
    }
}

impl Command {
    /// Which command it is, for messages about tmux rather than about what was asked of it.
    pub(super) fn name(&self) -> String {
        let name = self.words.first();
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

impl fmt::Display for Command {
    /// The command for messages, cut where it gets long: arguments may hold a whole prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 120;
        let line = self.line();
        let text = String::from_utf8_lossy(line.trim_ascii_end());
        if text.len() > SHOWN {
            let shown: String = text.chars().take(SHOWN).collect();
            return write!(f, "{shown}…");
        }
        f.write_str(&text)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        checked_id(text, '$').map(Self)
    }
}

impl FromStr for PaneId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        checked_id(text, '%').map(Self)
    }
}

/// Several commands for messages.
pub(super) fn line_of(commands: &[Command]) -> String {
    let lines: Vec<String> = commands.iter().map(Command::to_string).collect();
    lines.join(" ; ")
}

fn checked_id(text: &str, sign: char) -> Result<String, IdError> {
    let is_id = text.strip_prefix(sign).is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    });
    if is_id {
        return Ok(text.to_owned());
    }
    Err(IdError {
        text: text.escape_debug().to_string(),
        sign,
    })
}

/// Text for a place where tmux expands formats and the time, as that text and nothing else.
pub(super) fn format_literal(text: &str) -> String {
    text.replace('#', "##").replace('%', "%%")
}

/// tmux executes several words directly, but gives a single one to a shell: `env` is then the
/// second word, and replaces itself by the program.
fn executed_directly(argv: &[OsString]) -> Vec<OsString> {
    match argv {
        [program] => vec!["/usr/bin/env".into(), program.clone()],
        _ => argv.to_owned(),
    }
}

/// Appends a word so that tmux's parser reads back the same bytes.
///
/// In double quotes, tmux still knows `\`, `"`, `$` and a `~` at the start. Everything outside
/// printable ASCII goes in octal: a line end would end the command, and an empty line would
/// detach the client.
pub(super) fn quote(word: &[u8], line: &mut Vec<u8>) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./".contains(byte);
    if !word.is_empty() && word.iter().all(plain) {
        line.extend_from_slice(word);
        return;
    }
    line.push(b'"');
    for &byte in word {
        match byte {
            b'\\' | b'"' | b'$' | b'~' => line.extend([b'\\', byte]),
            b' '..=b'}' => line.push(byte),
            _ => line.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(argv: &[&str]) -> NewSession {
        NewSession {
            name: "gt-a b".to_owned(),
            directory: "/tmp/x;".into(),
            environment: vec![("K".into(), "~$HOME #{pid}\n".into())],
            argv: argv.iter().map(Into::into).collect(),
        }
    }

    /// Covers T3, T4: variables come with the creation, and no word is an option by accident.
    #[test]
    fn a_new_session_is_one_line_in_which_nothing_is_expanded() {
        let line = Command::new_session(&session(&["-gt", "ho;ld"])).line();
        insta::assert_snapshot!(
            String::from_utf8(line).unwrap(),
            @r##"new-session -d -x 200 -y 50 -P -F "#{session_id} #{pane_id} #{pane_pid}" -s "gt-a b" -c "/tmp/x;" -e "K=\~\$HOME #{pid}\012" -- -gt "ho;ld""##
        );
    }

    #[test]
    fn an_argument_that_ends_in_a_semicolon_does_not_end_the_command() {
        let command = Command::new_session(&session(&["printf", "a\\;", ";"]));
        let arguments: Vec<OsString> = command.arguments().collect();
        assert!(arguments.contains(&"/tmp/x\\;".into()));
        assert_eq!(arguments[arguments.len() - 2..], ["a\\\\;", "\\;"]);
    }

    #[test]
    fn a_program_without_arguments_is_not_given_to_a_shell() {
        let command = Command::new_session(&session(&["/opt/my tools/gt"]));
        let arguments: Vec<OsString> = command.arguments().collect();
        assert_eq!(
            arguments[arguments.len() - 3..],
            ["--", "/usr/bin/env", "/opt/my tools/gt"]
        );
    }

    /// Covers T1, T2: a name can never stand where an id belongs.
    #[test]
    fn only_an_id_is_a_target() {
        assert_eq!("%7".parse::<PaneId>().unwrap().to_string(), "%7");
        for text in ["", "%", "$7", "gt-mayor", "%7 ", "%7;", "=x", "%-1"] {
            assert!(text.parse::<PaneId>().is_err(), "{text}");
        }
        assert!("%7".parse::<SessionId>().is_err());
    }
}
