//! The command line of an agent, completed by its environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use gt_host::environment::{self, GT_AGENT};

use super::{SCRIPT_VARIABLE, StartError};

/// What an agent was started with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// How it calls itself: `--name`, else its id in the town.
    pub(super) name: String,
    /// The program to run as `gt`.
    pub(super) gt: OsString,
    /// The settings that hold its hooks.
    pub(super) settings: Option<PathBuf>,
    /// The name of the session that it begins.
    pub(super) session: Option<OsString>,
    /// The session to go on with.
    pub(super) resume: Option<OsString>,
    script: Option<PathBuf>,
}

impl Arguments {
    /// Reads the words after `simulate-agent`.
    pub(super) fn parse(words: Vec<OsString>) -> Result<Self, StartError> {
        let (mut name, mut gt, mut script, mut settings) = (None, None, None, None);
        let (mut session, mut resume) = (None, None);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let option = match word.to_str() {
                Some("--name") => &mut name,
                Some("--gt") => &mut gt,
                Some("--script") => &mut script,
                Some("--settings") => &mut settings,
                Some("--session-id") => &mut session,
                Some("--resume") => &mut resume,
                _ => {
                    let word = word.display();
                    return Err(StartError::Usage(format!("unexpected argument `{word}`")));
                }
            };
            *option = words.next();
            if option.is_none() {
                let word = word.display();
                return Err(StartError::Usage(format!("`{word}` needs a value")));
            }
        }
        Ok(Self {
            name: name
                .map(|name| name.to_string_lossy().into_owned())
                .or_else(|| environment::variable(GT_AGENT))
                .unwrap_or_else(|| "agent".to_owned()),
            gt: gt.unwrap_or_else(|| "gt".into()),
            settings: settings.map(PathBuf::from),
            session,
            resume,
            script: script.map(PathBuf::from),
        })
    }

    /// The script to play at the start.
    pub(super) fn script(&self) -> Option<PathBuf> {
        if self.script.is_some() {
            return self.script.clone();
        }
        let path = PathBuf::from(environment::variable(SCRIPT_VARIABLE)?);
        let in_directory = path.is_dir();
        let own = own_file(path, &self.name, "script");
        (!in_directory || own.exists()).then_some(own)
    }
}

/// `path`, or the agent's own file in it when it is a directory.
pub(super) fn own_file(path: PathBuf, name: &str, extension: &str) -> PathBuf {
    if path.is_dir() {
        let stem = name.replace('/', "+");
        path.join(Path::new(&format!("{stem}.{extension}")))
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expect: &str) {
        let read = match Arguments::parse(words.iter().map(OsString::from).collect()) {
            Ok(arguments) => format!(
                "{} {} {:?}",
                arguments.name,
                arguments.gt.display(),
                arguments.script()
            ),
            Err(error) => error.to_string(),
        };
        assert!(read.starts_with(expect), "{read}");
    }

    #[test]
    fn options_take_a_value_and_nothing_else_is_taken() {
        check(
            &["--gt", "/opt/gt", "--name", "mayor", "--script", "x"],
            r#"mayor /opt/gt Some("x")"#,
        );
        check(&["--name"], "`--name` needs a value; expected: ");
        check(&["--loud", "1"], "unexpected argument `--loud`; expected: ");
    }

    #[test]
    fn a_directory_gives_each_agent_its_own_file() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(
            own_file(directory.path().to_owned(), "rig/crew/max", "journal"),
            directory.path().join("rig+crew+max.journal")
        );
    }
}
