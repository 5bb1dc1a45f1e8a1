//! Where output goes: data to stdout, talk to stderr, a broken pipe is the reader's good right.

use std::fmt::Display;
use std::io::Write as _;

use serde::Serialize;

use crate::error::CliError;

/// Prints a line of data.
pub(crate) fn data(line: impl Display) {
    until_the_reader_leaves(writeln!(anstream::stdout().lock(), "{line}"));
}

/// Prints text of several lines as it is, in one write: a line each would be hundreds for a large
/// town.
pub(crate) fn text(text: &str) {
    let stdout = std::io::stdout();
    let printed = match anstream::AutoStream::choice(&stdout) {
        anstream::ColorChoice::Never => anstream::adapter::strip_str(text).to_string().into(),
        _ => std::borrow::Cow::Borrowed(text),
    };
    until_the_reader_leaves(stdout.lock().write_all(printed.as_bytes()));
}

/// Ends the program where its output cannot be written. A reader that went away, as in
/// `gt events --follow | head -1`, has what it wanted; a full disk has not.
pub(crate) fn until_the_reader_leaves(written: std::io::Result<()>) {
    let Err(error) = written.and_then(|()| std::io::stdout().flush()) else {
        return;
    };
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(i32::from(gt_api::exit_code::DONE));
    }
    talk(CliError::failed("cannot write to standard output").caused_by(error));
    std::process::exit(i32::from(gt_api::exit_code::FAILED));
}

/// Prints the whole text as it is. What to do about an error is the caller's.
pub(crate) fn whole(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Says something to the person: progress, results of verbs without data, warnings.
pub(crate) fn talk(line: impl Display) {
    // Nobody may be listening on stderr; the exit code stands.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// How many columns the terminal has that data goes to; none where it goes elsewhere.
pub(crate) fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The text in lines of so many columns at most, broken between words.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The beginning of a text of others for one cell of a list, safe for a terminal.
pub(crate) fn excerpt(text: &str) -> String {
    const LENGTH: usize = 72;
    let line = gt_core::mail::printable_line(text);
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Prints a view as `--json` promises.
pub(crate) fn json(view: &impl Serialize) {
    data(serde_json::to_string_pretty(view).expect("views are plain data"));
}

/// Prints a view on one line, for streams.
pub(crate) fn json_line(view: &impl Serialize) {
    data(serde_json::to_string(view).expect("views are plain data"));
}
