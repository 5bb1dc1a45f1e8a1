//! `gt rig add`: clones a repository, and tells meanwhile what is being done.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use gt_core::observed::chain;
use gt_core::shell::word;
use gt_core::{RigName, WorkerName};
use gt_host::git::{Git, GitUrl};
use gt_host::interrupt::Interrupt;
use gt_host::rig::{self, AddRig, Added, Prefix, Step};
use indicatif::{ProgressBar, ProgressStyle};

use super::look::shown;
use super::{refused, relative, tell_daemon};
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
        name: RigName::new(name).map_err(|error| {
            let name = proposed(name, url);
            usage(&error).hint(format!("for example `gt rig add {name} {}`", word(url)))
        })?,
        url: GitUrl::new(url, &here).map_err(|error| {
            usage(&error).hint("a URL as `git clone` takes it, or the path of a repository here")
        })?,
        prefix: prefix_of(prefix)?,
        crew: WorkerName::new(crew).map_err(|error| usage(&error))?,
        now: gt_host::clock::now(),
    };
    let paths = context.paths();
    let interrupt = Interrupt::watch().doing("watch for Ctrl-C")?;
    let git = Git::new().interrupted_by(interrupt);
    let mut progress = Progress::start();
    let added = rig::add(paths, &request, &git, &mut |step| {
        progress.tell(words(&step, &request));
    });
    progress.end();
    let added = added.map_err(|error| refused(&error))?;
    for line in success(&request, &added, paths.root()) {
        printer::talk(line);
    }
    tell_daemon(context)
}

/// Registers a rig that is there.
pub(super) fn adopt(context: &Context, name: &str, prefix: Option<&str>) -> CliResult {
    let name = RigName::new(name).map_err(|error| {
        usage(&error).hint("the name is that of its directory in the town's root")
    })?;
    let prefix = prefix_of(prefix)?;
    let (paths, now) = (context.paths(), gt_host::clock::now());
    let adopted = rig::adopt(paths, &name, prefix, now, &Git::new());
    let adopted = adopted.map_err(|error| refused(&error))?;
    printer::talk(format!(
        "registered rig `{name}` as it is in {}, from {}; its issues begin with `{}-`",
        relative(&adopted.directory, paths.root()),
        shown(&adopted.git_url),
        adopted.prefix
    ));
    if let Some(warning) = shared_prefix(&adopted.prefix_shared_with) {
        printer::talk(warning);
    }
    tell_daemon(context)
}

fn prefix_of(given: Option<&str>) -> CliResult<Option<Prefix>> {
    given.map(Prefix::new).transpose().map_err(|error| {
        usage(&error).hint("for example `--prefix toys`; without it, one is made from the name")
    })
}

/// A good name that is like what was asked for, or like the repository's.
fn proposed(asked: &str, url: &str) -> RigName {
    let repository = url.trim_end_matches('/').rsplit(['/', ':']).next();
    let repository = repository.map_or("", |name| name.trim_end_matches(".git"));
    [asked, repository, &format!("my-{asked}")]
        .into_iter()
        .find_map(|text| RigName::new(&tidied(text)).ok())
        .unwrap_or_else(|| RigName::new("toys").expect("a plain word is a name"))
}

/// The text with `-` for what no name holds.
fn tidied(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let tidied: String = text.chars().map(plain).collect();
    tidied.trim_matches(['-', '_']).to_owned()
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
    let added_line = format!(
        "added rig `{name}` in {place}, at commit {}; its issues begin with `{}-`",
        added.head.chars().take(12).collect::<String>(),
        added.prefix
    );
    let next = format!(
        "next: `gt up` to run its agents, `gt crew at {name}/{}` to work in it",
        request.crew
    );
    let shared = shared_prefix(&added.prefix_shared_with);
    [Some(added_line), shared, Some(next)]
        .into_iter()
        .flatten()
        .collect()
}

fn shared_prefix(others: &[String]) -> Option<String> {
    (!others.is_empty()).then(|| {
        format!(
            "warning: the issues of {} begin so, too; `--prefix` gives a rig its own",
            others.join(", ")
        )
    })
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
    fn a_bad_name_leads_to_a_good_one() {
        let check = |asked: &str, url: &str, expect: &str| {
            assert_eq!(proposed(asked, url).as_str(), expect, "{asked}");
        };
        check("my rig", "/x/api.git", "my-rig");
        check("-x", "/x/api.git", "x");
        check("mayor", "https://example.org/api.git/", "api");
        check("mayor", "git@example.org:api", "api");
        check("mayor", "/x/mayor", "my-mayor");
        check("", "", "my");
    }

    #[test]
    fn success_names_place_commit_prefix_and_who_shares_it() {
        let request = AddRig {
            name: RigName::new("api").unwrap(),
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
