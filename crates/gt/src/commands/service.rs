//! `gt daemon install` and `uninstall`: a service that keeps the daemon running over crashes and
//! log-ins. The agents are not the service's: they go on when it ends.

mod text;

use std::path::{Path, PathBuf};
use std::time::Duration;

use gt_core::observed::chain;
use gt_host::atomic;
use gt_host::command::Program;
use gt_host::environment::variable;

use crate::client::Client;
use crate::commands::daemon::{self, running::Running};
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::{printer, wait};

use text::Unit;

/// How long the service manager may take: the start of a daemon is part of it.
const MANAGER: Duration = Duration::from_secs(90);

/// How long the daemon may take to answer after its service says that it runs.
const ANSWER: Duration = Duration::from_secs(10);

/// The service managers that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Systemd,
    Launchd,
}

/// The one of this system.
const HERE: Manager = if cfg!(target_os = "macos") {
    Manager::Launchd
} else {
    Manager::Systemd
};

/// The service of one town.
#[derive(Debug)]
pub(crate) struct Service {
    manager: Manager,
    /// Its name: the unit without `.service`, or the label.
    name: String,
    /// Its file.
    pub(crate) file: PathBuf,
}

/// Writes the service's file and has the service manager run it; without one that answers, the
/// next command is printed.
pub(crate) fn install(context: &Context) -> CliResult {
    let service = Service::of(context)?;
    let unit = Unit {
        name: &service.name,
        town: context.town.name(),
        root: printable(context.paths().root())?,
        gt: printable(&Context::gt()?)?.to_owned(),
        path: variable("PATH").unwrap_or_default(),
    };
    let text = match service.manager {
        Manager::Systemd => text::systemd(&unit),
        Manager::Launchd => text::launchd(&unit),
    };
    write(&service.file, &text)?;
    printer::talk(format!("wrote {}", service.file.display()));
    if !service.manager_answers() {
        printer::talk("the service manager of this user does not run here; run where it does:");
        for command in service.commands_to_start() {
            printer::talk(format!("  {}", command.join(" ")));
        }
        return Ok(());
    }
    // The service cannot start while a daemon that it did not start holds the lock.
    daemon::stop(context)?;
    for command in service.commands_to_start() {
        run(&command)?;
    }
    answered(context, &service)
}

/// Ends the service, and with it the daemon, and removes its file.
pub(crate) fn uninstall(context: &Context) -> CliResult {
    let service = Service::of(context)?;
    if !service.is_installed() {
        return Err(CliError::failed(format!(
            "no service is installed: there is no {}",
            service.file.display()
        ))
        .hint("`gt daemon install` installs one"));
    }
    let answers = service.manager_answers();
    let agents = Running::of(context.paths());
    if answers {
        run(&service.command_to_stop())?;
    }
    fs_err::remove_file(&service.file).doing("remove the service's file")?;
    if answers && service.manager == Manager::Systemd {
        run(&words(&["systemctl", "--user", "daemon-reload"]))?;
    }
    printer::talk(format!("removed {}", service.file.display()));
    let running = Client::connect(context.paths())?.is_some();
    printer::talk(match (answers, running) {
        (_, true) => "the daemon goes on, and nothing starts it again after its end".to_owned(),
        (true, false) => format!(
            "the daemon ended with it; {}; `gt daemon start` starts it",
            agents.now()
        ),
        (false, false) => "no daemon runs; `gt daemon start` starts it".to_owned(),
    });
    Ok(())
}

/// Makes sure that the daemon answers, before anything is called a success.
fn answered(context: &Context, service: &Service) -> CliResult {
    let answers = || matches!(Client::connect(context.paths()), Ok(Some(_))).then_some(());
    wait::until(ANSWER, answers).ok_or_else(|| {
        CliError::failed(format!(
            "the service `{}` is installed, and its daemon does not answer",
            service.name
        ))
        .hint("`gt daemon logs` shows what it says")
    })?;
    printer::talk(format!("the service `{}` runs the daemon", service.name));
    if service.manager == Manager::Systemd {
        printer::talk("`loginctl enable-linger` keeps it running after you log out");
    }
    Ok(())
}

impl Service {
    /// The town's service, installed or not.
    pub(crate) fn of(context: &Context) -> CliResult<Self> {
        let directory = directory_of(HERE).ok_or_else(|| {
            CliError::failed("the home directory is unknown")
                .hint("set HOME: the service's file goes below it")
        })?;
        Ok(Self::at(
            HERE,
            &directory,
            context.town.name(),
            context.paths().root(),
        ))
    }

    fn at(manager: Manager, directory: &Path, town: &str, root: &Path) -> Self {
        let name = service_name(town, root);
        let file = match manager {
            Manager::Systemd => directory.join(format!("{name}.service")),
            Manager::Launchd => directory.join(format!("{name}.plist")),
        };
        Self {
            manager,
            name,
            file,
        }
    }

    pub(crate) fn is_installed(&self) -> bool {
        self.file.exists()
    }

    /// The process that the manager started for it; none when it runs none.
    ///
    /// # Errors
    /// When the manager cannot be asked.
    pub(crate) fn main_process(&self) -> CliResult<Option<u32>> {
        let unit = format!("{}.service", self.name);
        let arguments = ["--user", "show", "--value", "--property=MainPID", &unit];
        let said = Program::new("systemctl", Path::new("/"), MANAGER)
            .args(arguments)
            .without_marks()
            .output()
            .doing("ask systemd for the service")?;
        let pid: u32 = said.parse().doing("read systemd's answer")?;
        Ok((pid != 0).then_some(pid))
    }

    /// Whether this user's service manager is there to be spoken to.
    pub(crate) fn manager_answers(&self) -> bool {
        match self.manager {
            Manager::Systemd => variable("XDG_RUNTIME_DIR")
                .is_some_and(|directory| Path::new(&directory).join("systemd/private").exists()),
            Manager::Launchd => true,
        }
    }

    fn commands_to_start(&self) -> Vec<Vec<String>> {
        let unit = format!("{}.service", self.name);
        let file = self.file.display().to_string();
        match self.manager {
            Manager::Systemd => vec![
                words(&["systemctl", "--user", "daemon-reload"]),
                words(&["systemctl", "--user", "enable", &unit]),
                words(&["systemctl", "--user", "restart", &unit]),
            ],
            Manager::Launchd => vec![words(&["launchctl", "bootstrap", &domain(), &file])],
        }
    }

    fn command_to_stop(&self) -> Vec<String> {
        match self.manager {
            Manager::Systemd => {
                let unit = format!("{}.service", self.name);
                words(&["systemctl", "--user", "disable", "--now", &unit])
            }
            Manager::Launchd => words(&[
                "launchctl",
                "bootout",
                &format!("{}/{}", domain(), self.name),
            ]),
        }
    }
}

/// A name for people with a hash for the machine: two towns may have one name.
fn service_name(town: &str, root: &Path) -> String {
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_') => letter,
        _ => '-',
    };
    let town: String = town.chars().take(40).map(plain).collect();
    let hash = gt_core::screen::digest(&root.to_string_lossy());
    format!("gt-{town}-{:08x}", hash >> 32)
}

/// Where a user's own services are described.
fn directory_of(manager: Manager) -> Option<PathBuf> {
    let home = variable("HOME").map(PathBuf::from);
    match manager {
        Manager::Systemd => variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(home?.join(".config")))
            .map(|config| config.join("systemd/user")),
        Manager::Launchd => Some(home?.join("Library/LaunchAgents")),
    }
}

/// launchd's name for what a logged-in user runs.
fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

/// A path as text for a file of lines: it must be one line.
fn printable(path: &Path) -> CliResult<&str> {
    path.to_str()
        .filter(|text| !text.chars().any(char::is_control))
        .ok_or_else(|| {
            let message = format!(
                "`{}` cannot be written into a service's file",
                path.display()
            );
            CliError::new(Kind::Refused, message)
        })
}

fn write(file: &Path, text: &str) -> CliResult {
    if let Some(directory) = file.parent() {
        fs_err::create_dir_all(directory).doing("make the directory of services")?;
    }
    atomic::write(file, text.as_bytes()).doing("write the service's file")
}

fn run(command: &[String]) -> CliResult {
    let (program, arguments) = command.split_first().expect("every command has a program");
    Program::new(program, Path::new("/"), MANAGER)
        .args(arguments)
        .without_marks()
        .output()
        .map(drop)
        .map_err(|error| {
            CliError::failed(format!("the service manager refused: {}", chain(&error)))
                .hint(format!("`{}` shows more", command.join(" ")))
        })
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_towns_of_one_name_have_two_services() {
        let one = service_name("my town/α", Path::new("/a"));
        let other = service_name("my town/α", Path::new("/b"));
        assert_ne!(one, other);
        assert!(one.starts_with("gt-my-town---"), "{one}");
        assert!(
            one.chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
            "{one}"
        );
    }

    #[test]
    fn the_file_lies_where_the_manager_looks() {
        let at = |manager, directory: &str| {
            Service::at(manager, Path::new(directory), "t", Path::new("/t")).file
        };
        let unit = at(Manager::Systemd, "/h/.config/systemd/user");
        assert!(
            unit.to_string_lossy()
                .starts_with("/h/.config/systemd/user/gt-t-")
        );
        assert_eq!(unit.extension().unwrap(), "service");
        assert_eq!(at(Manager::Launchd, "/h").extension().unwrap(), "plist");
    }

    #[test]
    fn a_path_that_is_not_one_line_is_refused() {
        assert_eq!(
            printable(Path::new("/a\nExecStart=evil")).unwrap_err().kind,
            Kind::Refused
        );
        assert_eq!(printable(Path::new("/a b")).unwrap(), "/a b");
    }

    #[test]
    fn the_manager_reads_the_file_before_it_starts_the_service() {
        let service = Service::at(Manager::Systemd, Path::new("/d"), "t", Path::new("/t"));
        let lines: Vec<String> = service
            .commands_to_start()
            .iter()
            .map(|words| words.join(" "))
            .collect();
        let lines = lines.join("\n").replace(&service.name, "NAME");
        insta::assert_snapshot!(lines, @"
        systemctl --user daemon-reload
        systemctl --user enable NAME.service
        systemctl --user restart NAME.service
        ");
    }
}
