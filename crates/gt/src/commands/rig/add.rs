//! `gt rig add`: clones a repository, and tells meanwhile what is being done.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use gt_core::WorkerName;
use gt_core::observed::chain;
use gt_host::git::{Git, GitUrl};
use gt_host::rig::{self, AddRig, Added, Prefix, Step};
use indicatif::{ProgressBar, ProgressStyle};

use super::{refused, relative, tell_daemon, valid};
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// How often the spinner turns: often enough to be seen alive.
const TURN: Duration = Duration::from_millis(120);

/// Adds the rig.
pub(super) fn add(
    context: &Context,
    name: &str,
    url: &str,
    prefix: Option<&str>,
    crew: &str,
) -> CliResult {
    let here = std::env::current_dir().doing("read the current directory")?;
    let request = AddRig {
        name: valid(name)?,
        url: GitUrl::new(url, &here).map_err(|error| usage(&error))?,
        prefix: prefix
            .map(Prefix::new)
            .transpose()
            .map_err(|error| usage(&error))?,
        crew: WorkerName::new(crew).map_err(|error| usage(&error))?,
        now: gt_host::clock::now(),
    };
    let paths = context.paths();
    let mut progress = Progress::start();
    let added = rig::add(paths, &request, &Git::new(), &mut |step| {
        progress.tell(words(&step, &request));
    });
    progress.end();
    let added = added.map_err(|error| refused(&error))?;
    for line in success(&request, &added, paths.root()) {
        printer::talk(line);
    }
    tell_daemon(context)
}

fn usage(error: &dyn std::error::Error) -> CliError {
    CliError::new(Kind::Usage, chain(error))
}

fn words(step: &Step, request: &AddRig) -> String {
    match step {
        Step::Cloning { clone } => format!("cloning {} into {}", request.url, clone.display()),
        Step::Copying { clone } => format!("copying it to {}", clone.display()),
        Step::Registering => format!("registering rig `{}`", request.name),
    }
}

fn success(request: &AddRig, added: &Added, root: &Path) -> Vec<String> {
    let name = &request.name;
    let place = relative(&added.directory, root).to_string();
    let mut lines = vec![format!(
        "added rig `{name}` in {place}, at commit {}; its issues begin with `{}-`",
        added.head.chars().take(12).collect::<String>(),
        added.prefix
    )];
    if !added.prefix_shared_with.is_empty() {
        lines.push(format!(
            "warning: the issues of {} begin so, too; `--prefix` gives a rig its own",
            added.prefix_shared_with.join(", ")
        ));
    }
    lines.push(format!(
        "next: `gt up` to run its agents, `gt crew at {name}/{}` to work in it",
        request.crew
    ));
    lines
}

/// What is being done: one line that changes on a terminal, a line each anywhere else.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn start() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(TURN);
        Self(Some(bar))
    }

    fn tell(&mut self, line: String) {
        match &self.0 {
            Some(bar) => bar.set_message(line),
            None => printer::talk(line),
        }
    }

    fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_names_place_commit_prefix_and_who_shares_it() {
        let request = AddRig {
            name: gt_core::RigName::new("api").unwrap(),
            url: GitUrl::new("https://me:secret@example.org/api", "/".as_ref()).unwrap(),
            prefix: None,
            crew: WorkerName::new("main").unwrap(),
            now: gt_host::clock::now(),
        };
        let added = Added {
            directory: "/town/api".into(),
            prefix: Prefix::of(&request.name),
            prefix_shared_with: vec!["apa".to_owned()],
            head: "0123456789abcdef".to_owned(),
        };
        let said = success(&request, &added, Path::new("/town")).join("\n");
        insta::assert_snapshot!(said, @"
        added rig `api` in api, at commit 0123456789ab; its issues begin with `api-`
        warning: the issues of apa begin so, too; `--prefix` gives a rig its own
        next: `gt up` to run its agents, `gt crew at api/main` to work in it
        ");
        let cloning = words(
            &Step::Cloning {
                clone: "refinery/rig".into(),
            },
            &request,
        );
        assert!(!cloning.contains("secret"), "{cloning}");
    }
}
