//! `gt hooks`: how the programs come to call `gt hook`, and what one of them needs in the home of its
//! user for that.

use std::path::{Path, PathBuf};

use gt_core::observed::chain;
use gt_host::environment;
use gt_host::hook::extension::{Extension, ExtensionError, Presence};

use crate::cli::{Hooks, HooksHome};
use crate::context::Context;
use crate::error::{CliError, CliResult, Kind};
use crate::printer;

/// What needs no installation, and why.
const GIVEN: &[(&str, &str)] = &[
    (
        "claude",
        "given with each start, by `--settings` and a file of the town",
    ),
    ("codex", "given with each start, by `-c`"),
    (
        "opencode",
        "given with each start, by OPENCODE_CONFIG_CONTENT and a plug-in of the town",
    ),
];

/// Runs the verb.
pub(crate) fn hooks(verb: &Hooks) -> CliResult {
    let gt = Context::gt()?;
    match verb {
        Hooks::Check(home) => check(&Extension::of(&find(home)?), &gt),
        Hooks::Install(home) => install(&Extension::of(&find(home)?), &gt),
        Hooks::Remove(home) => remove(&Extension::of(&find(home)?), &gt),
    }
}

/// The home that Gemini sees.
fn find(given: &HooksHome) -> CliResult<PathBuf> {
    let own = || {
        let variable = ["GEMINI_CLI_HOME", "HOME"].into_iter();
        variable.filter_map(environment::variable).next()
    };
    let home = given.home.clone().or_else(|| own().map(PathBuf::from));
    home.ok_or_else(|| {
        CliError::failed("the home directory is unknown").hint("`--home DIR` names it, or HOME")
    })
}

fn check(extension: &Extension, gt: &Path) -> CliResult {
    for (program, how) in GIVEN {
        printer::data(format!("{program:<9} {how}"));
    }
    let place = extension.directory().display();
    let presence = extension.look(gt).map_err(|error| refused(&error))?;
    printer::data(format!(
        "gemini    {}",
        match presence {
            Presence::Installed => format!("given by its extension `{place}`"),
            Presence::Different => format!(
                "given by its extension `{place}`, which is another gt's: `gt hooks install` renews it"
            ),
            Presence::Absent => {
                "none: its screen is read; `gt hooks install` gives it an extension".to_owned()
            }
        }
    ));
    printer::data("others    none: their screens are read");
    Ok(())
}

fn install(extension: &Extension, gt: &Path) -> CliResult {
    extension.install(gt).map_err(|error| refused(&error))?;
    let place = extension.directory().display();
    printer::talk(format!(
        "gemini: its extension is at `{place}`; sessions that begin from now on have it"
    ));
    printer::talk("every other program is given its hooks with its start");
    Ok(())
}

fn remove(extension: &Extension, gt: &Path) -> CliResult {
    let place = extension.directory().display();
    match extension.remove(gt).map_err(|error| refused(&error))? {
        true => printer::talk(format!("gemini: removed `{place}`")),
        false => printer::talk(format!("gemini: there is no `{place}`")),
    }
    Ok(())
}

fn refused(error: &ExtensionError) -> CliError {
    let message = chain(error);
    match error {
        ExtensionError::Io(_) => CliError::failed(message),
        ExtensionError::Foreign { .. } => CliError::new(Kind::Refused, message)
            .hint("nothing was changed: move it away, and run this again"),
    }
}
