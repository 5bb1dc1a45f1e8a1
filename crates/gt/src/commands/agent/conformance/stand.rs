//! Where a program is tried: a town whose mayor it is, and a model that does what it is told.

use std::path::PathBuf;
use std::time::Duration;

use gt_api::view::{Agent, ScreenReading, State};
use gt_core::AgentId;
use gt_host::command::Program;
use gt_testkit::scripted_llm::Server;

use super::subject::{Deed, Place, Subject};
use super::witness::Witness;
use crate::commands::stage::Stage;
use crate::commands::status::word;
use crate::error::{CliError, CliResult, Doing as _};

/// The seat that it has.
pub(super) const SEAT: &str = "mayor";

/// How long a program may take to print its version.
const VERSION: Duration = Duration::from_secs(20);

pub(super) struct Stand {
    pub(super) subject: &'static Subject,
    pub(super) stage: Stage,
    pub(super) witness: Witness,
    /// Serves until it is dropped.
    _model: Server,
    place: Place,
}

impl Stand {
    /// Makes the town; nothing of it runs yet.
    pub(super) fn set(subject: &'static Subject) -> CliResult<Self> {
        let stage = Stage::set("gt-try-")?;
        let requests = PathBuf::from(stage.path("requests.jsonl"));
        let model = Server::start(&requests, 0).doing("start the scripted model")?;
        stage.gt_well(&["install", &stage.town(), "--name", "try"])?;
        let work = PathBuf::from(stage.town()).join(SEAT);
        let work = fs_err::canonicalize(work).doing("find the work directory")?;
        let place = Place {
            gt: stage.program(),
            home: stage.path("home"),
            work: work.display().to_string(),
            url: model.base_url(),
            journal: stage.path("journal"),
        };
        let witness = match subject.is_look_alike {
            true => Witness::Journal(PathBuf::from(&place.journal).join(format!("{SEAT}.journal"))),
            false => Witness::Model {
                requests,
                with_tools: subject.offers_tools,
            },
        };
        stage.write_config(&format!(
            "[roles.mayor]\nagent = \"{}\"\npoke = \"never\"\n[roles.deacon]\nrun = \"never\"\n\
             [restart]\nbase = \"100ms\"\nbudget = 100\n\n{}",
            subject.name,
            (subject.tables)(&place)
        ))?;
        for (name, text) in (subject.files)(&place) {
            let path = PathBuf::from(&place.home).join(name);
            if let Some(directory) = path.parent() {
                fs_err::create_dir_all(directory).doing("make the program's home")?;
            }
            fs_err::write(path, text).doing("write the program's settings")?;
        }
        if subject.has_extension {
            stage.gt_well(&["hooks", "install", "--home", &place.home])?;
        }
        Ok(Self {
            subject,
            stage,
            witness,
            _model: model,
            place,
        })
    }

    /// The version that it says it is of.
    pub(super) fn version(&self) -> CliResult<String> {
        let [program, arguments @ ..] = self.subject.version else {
            return Ok(String::new());
        };
        let own = (*program == "gt").then(|| self.place.gt.clone());
        let program = own.unwrap_or_else(|| (*program).to_owned());
        let directory = PathBuf::from(&self.place.home);
        let said = Program::new(program, &directory, VERSION)
            .args(arguments)
            .env("HOME", &self.place.home)
            .output()
            .map_err(|error| {
                CliError::failed(format!("`{}` cannot be tried", self.subject.name))
                    .caused_by(error)
                    .hint("it must be installed, and on your PATH")
            })?;
        let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let number = said.split_whitespace().find(is_number);
        let number = number.map(|number| number.trim_end_matches('.'));
        Ok(number.unwrap_or("of no known version").to_owned())
    }

    /// Ends the town.
    pub(super) fn strike(self, keep: bool) -> CliResult {
        self.stage.strike(keep)
    }

    /// A fresh run at its prompt.
    pub(super) fn fresh(&self) -> CliResult<Agent> {
        match self.stage.agent(SEAT) {
            Ok(Some(agent)) if agent.pid.is_some() => {
                self.stage.gt_well(&["mayor", "restart"])?;
                self.stage
                    .until("a fresh run", || self.stage.run_after(SEAT, &agent))?;
            }
            _ => {
                self.stage.gt_well(&["up"])?;
                self.stage.gt_well(&["mayor", "start"])?;
            }
        }
        self.wait_for(State::Idle)
    }

    /// The agent, once it is in this state.
    pub(super) fn wait_for(&self, state: State) -> CliResult<Agent> {
        let mut last = State::Unknown;
        let found = self.stage.until("", || {
            let agent = self.stage.agent(SEAT)?;
            last = agent.as_ref().map_or(State::Gone, |agent| agent.state);
            Ok(agent.filter(|agent| agent.state == state))
        });
        found.map_err(|_| {
            CliError::failed(format!(
                "it did not become {}; it is {}",
                word(state),
                word(last)
            ))
        })
    }

    /// Queues a message: its id.
    pub(super) fn nudge(&self, text: &str) -> CliResult<String> {
        let said = self.stage.gt_well(&["nudge", SEAT, "-m", text])?.stderr;
        let id = said.trim().rsplit(' ').next().unwrap_or_default();
        Ok(id.to_owned())
    }

    /// Has it do something, by a message that must arrive.
    pub(super) fn have(&self, deed: &Deed<'_>) -> CliResult {
        let text = (self.subject.prompt)(deed);
        self.nudge(&text)?;
        self.confirmed(&text).map(drop)
    }

    /// What the list says of this message once it is over; an error if it was not confirmed.
    pub(super) fn confirmed(&self, text: &str) -> CliResult<String> {
        let first = text.lines().next().unwrap_or_default();
        let over = self.stage.until(&format!("the arrival of `{first}`"), || {
            let line = self.listed(first)?;
            Ok(line.filter(|line| !line.contains(" queued ") && !line.contains(" typing ")))
        })?;
        match over.split_once(" confirmed ") {
            Some(_) => Ok(over.rsplit(": ").next().unwrap_or_default().to_owned()),
            None => Err(CliError::failed(format!("the message ended: {over}"))),
        }
    }

    /// What the list says of a message that begins so.
    pub(super) fn listed(&self, first: &str) -> CliResult<Option<String>> {
        let list = self.stage.gt_well(&["nudge", "list", SEAT])?;
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        let shown: String = first.chars().take(30).collect();
        Ok(list
            .lines()
            .rfind(|line| line.contains(&shown))
            .map(str::to_owned))
    }

    /// What its screen shows by its rules, without the title.
    pub(super) fn screen(&self) -> CliResult<ScreenReading> {
        let shown = self.stage.gt_well(&["peek", SEAT])?.stdout;
        let file = self.file("screen.txt");
        fs_err::write(&file, shown).doing("keep its screen")?;
        let file = file.display().to_string();
        let name = self.subject.name;
        let explain = ["agent", "explain", "--screen", &file, "--preset", name];
        let said = self.stage.gt_well(&[&explain[..], &["--json"]].concat())?;
        serde_json::from_slice(&said.stdout).doing("read what its screen shows")
    }

    /// Presses keys as a person would who is attached.
    pub(super) fn press(&self, keys: &[&str]) -> CliResult {
        let id = AgentId::from_canonical(SEAT).doing("name the seat")?;
        let target = format!("={}:", id.session_name());
        let words = [&["tmux", "send-keys", "-t", target.as_str()], keys].concat();
        self.stage.gt_well(&words).map(drop)
    }

    /// How often its model was asked with this text, whole, as the person's last words.
    pub(super) fn times_taken(&self, text: &str) -> CliResult<usize> {
        let prompts = self.witness.prompts()?;
        Ok(prompts
            .iter()
            .filter(|prompt| prompt.contains(text))
            .count())
    }

    /// A file that is not there yet.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(&self.place.home).join(name)
    }
}
