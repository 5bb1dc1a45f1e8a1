//! Where a program is tried: a town whose mayor it is, and a model that does what it is told.

use std::path::PathBuf;
use std::time::Duration;

use gt_api::view::{Agent, State};
use gt_core::AgentId;
use gt_host::command::Program;
use gt_testkit::scripted_llm::Server;
use serde_json::Value;

use super::subject::{Deed, Place, Subject};
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
        Ok(Self {
            subject,
            stage,
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

    /// Queues a message.
    pub(super) fn nudge(&self, text: &str) -> CliResult {
        self.stage.gt_well(&["nudge", SEAT, "-m", text]).map(drop)
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

    /// Presses keys as a person would who is attached.
    pub(super) fn press(&self, keys: &[&str]) -> CliResult {
        let id = AgentId::from_canonical(SEAT).doing("name the seat")?;
        let target = format!("={}:", id.session_name());
        let words = [&["tmux", "send-keys", "-t", target.as_str()], keys].concat();
        self.stage.gt_well(&words).map(drop)
    }

    /// How often its model was asked with this text, whole, as the person's last words.
    pub(super) fn times_taken(&self, text: &str) -> CliResult<usize> {
        let prompts = self.prompts()?;
        Ok(prompts
            .iter()
            .filter(|prompt| prompt.contains(text))
            .count())
    }

    /// What hooks added to its model's context, in any request; the look-alike's journal has it apart.
    pub(super) fn added(&self) -> CliResult<String> {
        if self.subject.name == "simulated" {
            let journal = self.simulated_journal()?;
            let added = journal.lines().filter(|line| line.contains(" context "));
            return Ok(added.collect());
        }
        let requests = self.requests()?;
        let system = requests
            .iter()
            .filter_map(|request| request["system"].as_array());
        let texts = system.flatten().filter_map(Value::as_str);
        // Claude Code has what a turn goes on with in the user's words, too.
        Ok(texts
            .filter(|text| !text.starts_with("Stop hook"))
            .collect())
    }

    /// The person's last words of each request to its model, or all that the look-alike took.
    pub(super) fn prompts(&self) -> CliResult<Vec<String>> {
        if self.subject.name == "simulated" {
            let journal = self.simulated_journal()?;
            let prompts = journal
                .lines()
                .filter_map(|line| line.split_once(" prompt "));
            return Ok(prompts.map(|(_, prompt)| unescaped(prompt)).collect());
        }
        let requests = self.requests()?;
        let words = requests
            .iter()
            .filter_map(|request| request["user"].as_str());
        Ok(words.map(str::to_owned).collect())
    }

    /// How many messages its model was told last, of its conversation so far.
    pub(super) fn conversation(&self) -> CliResult<u64> {
        if self.subject.name == "simulated" {
            let journal = self.simulated_journal()?;
            let what = |line: &&str| line.split(' ').nth(3).unwrap_or_default().to_owned();
            let run = journal
                .lines()
                .rev()
                .take_while(|line| what(line) != "start");
            // Its model remembers what it was told in the session that it resumes.
            let resumes = run.map(|line| what(&line)).any(|what| what == "resume");
            return Ok(if resumes { 2 } else { 1 });
        }
        let last = self.requests()?.pop();
        Ok(last
            .and_then(|request| request["messages"].as_u64())
            .unwrap_or(0))
    }

    /// The requests to its model; errands such as titles are offered no tools and left out.
    fn requests(&self) -> CliResult<Vec<Value>> {
        let requests = fs_err::read_to_string(self.stage.path("requests.jsonl"));
        let requests = requests.doing("read the requests to the model")?;
        let requests = requests
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|request: &Value| request["tools"].as_u64().is_some_and(|tools| tools > 0));
        Ok(requests.collect())
    }

    fn simulated_journal(&self) -> CliResult<String> {
        let journal = PathBuf::from(&self.place.journal).join(format!("{SEAT}.journal"));
        fs_err::read_to_string(journal).doing("read the journal")
    }

    /// A file that is not there yet.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(&self.place.home).join(name)
    }

    /// Whether what was asked was approved: the file is there, or the look-alike says so.
    pub(super) fn was_approved(&self, file: &str) -> CliResult<bool> {
        if self.subject.name != "simulated" {
            return Ok(PathBuf::from(file).exists());
        }
        let journal = self.simulated_journal()?;
        Ok(journal.contains(&format!(" approved {file}")))
    }
}

/// A text as the look-alike took it, whose journal has a line for each.
fn unescaped(line: &str) -> String {
    line.replace("\\\\", "\u{0}")
        .replace("\\n", "\n")
        .replace('\u{0}', "\\")
}
