//! `gt util`: what packages and shells need of the program: completions, manual pages, schemas.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::env::Shells;
use clap_mangen::Man;
use gt_api::view;
use schemars::{Schema, schema_for};
use serde_json::{Map, Value};

use crate::cli::{Cli, Util};
use crate::commands::config::Entry;
use crate::commands::rig::RigStatus;
use crate::completion;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// Tells this program that a shell asks it for completions.
const ASKED_BY: &str = "COMPLETE";

/// Runs the verb.
pub(crate) fn util(verb: Util) -> CliResult {
    match verb {
        Util::Completions { shell } => {
            printer::text(&completions(&shell)?);
            Ok(())
        }
        Util::Man { directory } => man(&directory),
        Util::Schema => {
            printer::json(&schemas());
            Ok(())
        }
    }
}

/// The command line, with the names of live agents and rigs where they complete.
pub(crate) fn command_with_live_names() -> clap::Command {
    completion::with_live_names(Cli::command())
}

/// The script that makes a shell ask this program.
fn completions(shell: &str) -> CliResult<String> {
    let shells = Shells::builtins();
    let completer = shells.completer(shell).ok_or_else(|| {
        let known: Vec<&str> = shells.names().collect();
        CliError::new(
            Kind::Usage,
            format!("no completions for `{}`", shell.escape_default()),
        )
        .hint(format!("there are some for {}", known.join(", ")))
    })?;
    let mut script = Vec::new();
    completer
        .write_registration(ASKED_BY, "gt", "gt", "gt", &mut script)
        .doing("write the completions")?;
    String::from_utf8(script).doing("write the completions")
}

/// Writes a page for every command into the directory, and makes sure of each.
fn man(directory: &Path) -> CliResult {
    let mut command = Cli::command();
    command.build();
    fs_err::create_dir_all(directory).doing("make the directory for the pages")?;
    let mut written = 0;
    for page in pages(&command)? {
        let path = directory.join(&page.file);
        gt_host::atomic::write(&path, &page.text).doing("write a page")?;
        let there = fs_err::read(&path).doing("read a page back")?;
        if there != page.text {
            return Err(CliError::failed(format!(
                "`{}` was written otherwise",
                path.display()
            )));
        }
        written += 1;
    }
    printer::talk(format!(
        "wrote {written} pages into {}",
        directory.display()
    ));
    Ok(())
}

/// One manual page.
struct Page {
    file: String,
    text: Vec<u8>,
}

/// The pages of a command and of those below it that people are shown.
fn pages(command: &clap::Command) -> CliResult<Vec<Page>> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render(&mut text).doing("write a page")?;
    let mut all = vec![Page {
        file: man.get_filename(),
        text,
    }];
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        all.extend(pages(below)?);
    }
    Ok(all)
}

/// The schema of every view, by the command that prints it with `--json`. A list of messages is a
/// list of what `mail read` prints; `events` prints one a line.
fn schemas() -> Map<String, Value> {
    let views: [(&str, Schema); 13] = [
        ("agent explain", schema_for!(view::ScreenReading)),
        ("agents", schema_for!(Vec<view::Agent>)),
        ("config show", schema_for!(Vec<Entry>)),
        ("daemon status", schema_for!(view::Daemon)),
        ("doctor", schema_for!(Vec<view::Check>)),
        ("events", schema_for!(view::Event)),
        ("mail check", schema_for!(view::MailCheck)),
        ("mail read", schema_for!(view::Message)),
        ("nudge list", schema_for!(Vec<view::Nudge>)),
        ("rig list", schema_for!(Vec<view::Rig>)),
        ("rig status", schema_for!(RigStatus)),
        ("status", schema_for!(view::Status)),
        ("why", schema_for!(view::Why)),
    ];
    views
        .into_iter()
        .map(|(command, schema)| (command.to_owned(), schema.to_value()))
        .collect()
}

#[cfg(test)]
mod tests {
    use gt_host::config;

    use super::*;

    /// The committed files are what programs in other languages are written against.
    #[track_caller]
    fn check_committed(file: &str, current: &impl serde::Serialize, command: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../docs/schema")
            .join(file);
        let committed = fs_err::read_to_string(&path).unwrap_or_default();
        let current = serde_json::to_string_pretty(current).unwrap() + "\n";
        assert!(
            committed == current,
            "docs/schema/{file} is not current: `{command} > docs/schema/{file}`"
        );
    }

    #[test]
    fn the_committed_schemas_are_current() {
        check_committed("views.json", &schemas(), "gt util schema");
        check_committed("town.json", &config::schema(), "gt config schema");
        check_committed("preset.json", &config::preset_schema(), "gt agent schema");
    }

    #[test]
    fn every_known_shell_has_a_script_that_asks_gt() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = completions(shell).unwrap();
            assert!(
                script.contains("COMPLETE") && script.contains("gt"),
                "{shell}: {script}"
            );
        }
        let error = completions("csh").unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("bash"), "{error}");
    }

    #[test]
    fn every_command_that_people_are_shown_has_a_page() {
        let directory = tempfile::tempdir().unwrap();
        man(directory.path()).unwrap();
        let page = |name: &str| fs_err::read_to_string(directory.path().join(name));
        assert!(page("gt.1").unwrap().contains("Exit codes"));
        assert!(page("gt-rig-add.1").unwrap().contains("Clone a repository"));
        assert!(
            page("gt-status-line.1").is_err(),
            "a hidden command has none"
        );
    }
}
