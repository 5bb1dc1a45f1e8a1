//! `gt install`: a new town, or what an existing one lacks. Nothing that is there is overwritten.

use std::path::Path;

use gt_core::observed::chain;
use gt_core::shell::word;
use gt_host::config::Config;
use gt_host::paths::TownPaths;
use gt_host::registry::Registry;
use gt_host::town::{self, InstallError, Town, Warning, private::PrivateError};

use crate::cli::Install;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// The text for whoever starts an agent in the town's root by hand. What a role has to do comes
/// from `gt prime`, which knows more than a file written once.
const INSTRUCTIONS: &str = "\
# Gas Town

This directory is a town: agents work here under the supervision of `gt`.
Run `gt prime` before anything else. It prints your role, the hand-off to you and your new mail.
";

/// Makes the town and says what to do next.
pub(crate) fn install(arguments: &Install) -> CliResult {
    let existed = town::is_town(&arguments.path);
    check_what_is_there(&arguments.path)?;
    let installed = town::install(&town::Install {
        path: arguments.path.clone(),
        name: arguments.name.clone(),
        force: arguments.force,
        instructions: Some(INSTRUCTIONS.to_owned()),
        now: gt_host::clock::now(),
    })
    .map_err(|error| refused(&error))?;
    for warning in &installed.warnings {
        printer::talk(words(warning));
    }
    let town = verified(installed.town.paths().root())?;
    printer::talk(success(&town, existed));
    Ok(())
}

/// What a town would be opened with is there already, and has to be readable before the rest is made.
fn check_what_is_there(root: &Path) -> CliResult {
    let file = TownPaths::new(root).town_toml();
    if !file.exists() {
        return Ok(());
    }
    let read = Config::load(&file).doing("read the configuration that is there");
    read.map(drop).map_err(|error| {
        error.hint("nothing was made: mend the file, or move it away, and install again")
    })
}

/// The town, opened as the next command will open it.
fn verified(root: &Path) -> CliResult<Town> {
    let town = Town::open(root).doing("open the new town")?;
    Config::load(&town.paths().town_toml())
        .doing("read the town's configuration")
        .map_err(|error| error.hint("`gt config check` shows what is wrong"))?;
    Registry::read(&town.paths().rigs_json()).doing("read the town's registry")?;
    Ok(town)
}

fn success(town: &Town, existed: bool) -> String {
    let root = town.paths().root().to_string_lossy();
    let done = if existed {
        "completed the town"
    } else {
        "made the town"
    };
    let name = town.name().escape_debug();
    format!(
        "{done} `{name}` at {root}\nnext: `cd {}`, `gt rig add NAME URL` for a repository, \
         `gt up` to start it",
        word(&root)
    )
}

fn words(warning: &Warning) -> String {
    match warning {
        Warning::InsideTown(outer) => format!(
            "warning: it lies inside the town at {}; in here, commands act on the inner one",
            outer.display()
        ),
        Warning::Kept(path) => format!("kept {} as it was", path.display()),
    }
}

fn refused(error: &InstallError) -> CliError {
    let message = format!("no town was made: {}", chain(error));
    match error {
        InstallError::AlreadyTown { .. } => CliError::new(Kind::Refused, message)
            .hint("`--force` adds what lacks and overwrites nothing"),
        InstallError::NotText { .. } => {
            CliError::new(Kind::Usage, message).hint("choose another directory; nothing was made")
        }
        InstallError::NetworkFilesystem { .. } => CliError::new(Kind::Refused, message)
            .hint("choose a directory on a disk of this machine"),
        InstallError::Private(
            PrivateError::AnothersDirectory { .. } | PrivateError::NotADirectory { .. },
        ) => CliError::new(Kind::Refused, message),
        InstallError::Name { .. } => {
            CliError::new(Kind::Usage, message).hint("`--name NAME` gives it another")
        }
        InstallError::Town(_) | InstallError::Private(_) | InstallError::Io(_) => {
            CliError::failed(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(path: &Path, force: bool) -> Install {
        Install {
            path: path.to_owned(),
            name: None,
            force,
        }
    }

    #[test]
    fn an_existing_town_is_refused_and_with_force_keeps_every_file() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("town");
        install(&arguments(&root, false)).unwrap();
        let toml = root.join("town.toml");
        fs_err::write(&toml, "# mine\n").unwrap();
        let error = install(&arguments(&root, false)).unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
        assert!(error.to_string().contains("--force"), "{error}");

        fs_err::remove_file(root.join("CLAUDE.md")).unwrap();
        install(&arguments(&root, true)).unwrap();
        assert_eq!(fs_err::read_to_string(&toml).unwrap(), "# mine\n");
        assert!(root.join("CLAUDE.md").exists(), "what lacked is added");
    }

    #[test]
    fn an_existing_town_whose_configuration_cannot_be_read_is_no_success() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("town");
        install(&arguments(&root, false)).unwrap();
        fs_err::write(root.join("town.toml"), "[poke\n").unwrap();
        let error = install(&arguments(&root, true)).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("nothing was made"), "{error}");

        let other = directory.path().join("other");
        fs_err::create_dir(&other).unwrap();
        fs_err::write(other.join("town.toml"), "[poke\n").unwrap();
        install(&arguments(&other, false)).unwrap_err();
        let left = fs_err::read_dir(&other).unwrap().count();
        assert_eq!(left, 1, "nothing was made");
    }

    #[test]
    fn success_names_the_town_and_the_next_commands() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("town");
        install(&arguments(&root, false)).unwrap();
        let town = verified(&root).unwrap();
        let said = success(&town, false).replace(&*town.paths().root().to_string_lossy(), "ROOT");
        insta::assert_snapshot!(said, @r"
        made the town `town` at ROOT
        next: `cd ROOT`, `gt rig add NAME URL` for a repository, `gt up` to start it
        ");
    }

    #[test]
    fn a_town_in_a_town_is_made_with_a_warning() {
        let warning = Warning::InsideTown("/outer".into());
        assert!(words(&warning).starts_with("warning: it lies inside the town at /outer"));
    }
}
