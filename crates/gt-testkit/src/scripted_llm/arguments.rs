//! The command line of the server.

use std::ffi::OsString;
use std::path::PathBuf;

use super::StartError;

/// What the server was started with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// Where each request becomes a line.
    pub(super) journal: PathBuf,
    /// The port to listen on; 0 for one that is free.
    pub(super) port: u16,
}

impl Arguments {
    /// Reads the words after the program's name.
    pub(super) fn parse(words: Vec<OsString>) -> Result<Self, StartError> {
        let usage = |message: String| StartError::Usage(message);
        let (mut journal, mut port) = (None, 0);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let option = word.to_string_lossy().into_owned();
            let mut value = || {
                let value = words.next();
                value.ok_or_else(|| usage(format!("`{option}` needs a value")))
            };
            match option.as_str() {
                "--journal" => journal = Some(PathBuf::from(value()?)),
                "--port" => {
                    let value = value()?.to_string_lossy().into_owned();
                    port = value
                        .parse()
                        .map_err(|_| usage(format!("`{value}` is no port")))?;
                }
                _ => return Err(usage(format!("unexpected argument `{option}`"))),
            }
        }
        let journal = journal.ok_or_else(|| usage("no journal is named".to_owned()))?;
        Ok(Self { journal, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expect: &str) {
        let read = match Arguments::parse(words.iter().map(OsString::from).collect()) {
            Ok(arguments) => format!("{} {}", arguments.journal.display(), arguments.port),
            Err(error) => error.to_string(),
        };
        assert!(read.starts_with(expect), "{read}");
    }

    #[test]
    fn a_journal_is_needed_and_a_port_is_not() {
        check(&["--journal", "j"], "j 0");
        check(&["--port", "8080", "--journal", "j"], "j 8080");
        check(&["--port", "8080"], "no journal is named; expected: ");
        check(&["--port", "65536"], "`65536` is no port; expected: ");
        check(&["--journal"], "`--journal` needs a value; expected: ");
        check(&["--loud"], "unexpected argument `--loud`; expected: ");
    }
}
