//! The script that an agent plays when it starts.
//!
//! One command a line, as in a prompt ([`Command`]); empty lines and those that begin with `#` are
//! skipped. `first: COMMAND` is done in the first run alone, to tell a crash from a crash loop.

use std::path::Path;

use super::StartError;
use super::command::{Command, NotUnderstood};

/// The commands that `path` holds for this run.
pub(super) fn read(path: &Path, is_first_run: bool) -> Result<Vec<Command>, StartError> {
    let text = fs_err::read_to_string(path).map_err(StartError::Script)?;
    parse(&text, is_first_run).map_err(|(line, source)| StartError::ScriptLine {
        path: path.to_owned(),
        line,
        source,
    })
}

/// The commands, or the number of the line that is none.
fn parse(text: &str, is_first_run: bool) -> Result<Vec<Command>, (usize, NotUnderstood)> {
    let mut commands = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (first_only, line) = match line.strip_prefix("first:") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, line),
        };
        let understood = Command::understand(line).map_err(|error| (index + 1, error))?;
        if is_first_run || !first_only {
            commands.extend(understood);
        }
    }
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "# a crash, once\nfirst: /silent-crash\n\n  /deaf\n";

    #[test]
    fn first_lines_are_left_out_of_later_runs() {
        assert_eq!(
            parse(SCRIPT, true),
            Ok(vec![Command::SilentCrash, Command::Deaf])
        );
        assert_eq!(parse(SCRIPT, false), Ok(vec![Command::Deaf]));
    }

    #[test]
    fn a_line_that_is_no_command_is_named_even_when_it_is_left_out() {
        let (line, error) = parse("/deaf\nfirst: /dance\n", false).unwrap_err();
        assert_eq!(
            (line, error.to_string().as_str()),
            (2, "unknown command `/dance`")
        );
    }
}
