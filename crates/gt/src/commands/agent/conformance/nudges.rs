//! Many messages under random work, dialogs, restarts and deaths of the daemon: each is confirmed and
//! was taken once, or ended with a reason and was not; and no dialog is answered but by the person.

use std::collections::BTreeMap;
use std::time::Duration;

use gt_api::view::State;
use gt_core::observed::Observed;
use gt_host::clock;
use gt_host::process::{self, Signal};
use jiff::{SignedDuration, Timestamp};

use super::stand::{SEAT, Stand};
use super::subject::Deed;
use crate::error::{CliError, CliResult, Doing as _};
use crate::printer;

/// What happens is the same in every run, but for the times.
const SEED: u64 = 0x6761_735f_746f_776e;

/// So many messages wait at most.
const WAITING: usize = 20;

/// Within this time after its confirmation a run may end before the model was asked: the program took
/// the message and did nothing with it.
const TAKEN_AND_LOST: SignedDuration = SignedDuration::from_secs(3);

/// For how long nothing may happen to any message.
const STUCK: Duration = Duration::from_secs(180);

/// What was sent, and what became of it.
struct Trial<'a> {
    stand: &'a Stand,
    random: fastrand::Rng,
    /// The messages by their numbers: their ids, as the town gave them.
    sent: Vec<String>,
    /// The files that it asked for, and whether the person approved.
    asked: Vec<(String, bool)>,
    restarts: usize,
    daemons: usize,
    /// The number of the last event that was looked at.
    seen: i64,
    /// The messages that are over: how and why, and when, by their ids.
    over: BTreeMap<String, (String, Timestamp)>,
    /// When its runs ended.
    exits: Vec<Timestamp>,
}

/// What became of a message, by what its end says and how often the model was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is confirmed, and was taken once.
    Taken,
    /// It is confirmed, and the run that took it ended before it asked its model.
    Lost,
    /// It was taken once, and ended with the reason that nobody can tell.
    Untold,
    /// It was not taken, and ended with a reason.
    Ended,
    /// What is said of it is not so.
    Wrong,
}

/// Sends so many, and tells what became of them.
pub(super) fn nudges(stand: &Stand, count: usize) -> CliResult<String> {
    stand.fresh()?;
    let mut trial = Trial {
        stand,
        random: fastrand::Rng::with_seed(SEED),
        sent: Vec::new(),
        asked: Vec::new(),
        restarts: 0,
        daemons: 0,
        seen: 0,
        over: BTreeMap::new(),
        exits: Vec::new(),
    };
    let mut moved = (clock::monotonic(), 0);
    loop {
        trial.look()?;
        let over = trial.over.len();
        if over == count {
            break;
        }
        if over > moved.1 {
            moved = (clock::monotonic(), over);
        }
        if clock::monotonic() - moved.0 > STUCK {
            let left = count - over;
            return Err(CliError::failed(format!(
                "nothing happens to {left} messages"
            )));
        }
        if trial.sent.len() < count && trial.sent.len() - over < WAITING {
            trial.send()?;
        } else {
            clock::pause(Duration::from_millis(50));
        }
        trial.disturb()?;
    }
    trial.verdict()
}

impl Trial<'_> {
    /// Queues the next message.
    fn send(&mut self) -> CliResult {
        let number = self.sent.len();
        let deed = match self.random.u32(..100) {
            0..4 => Deed::Work(1),
            4..8 => {
                let file = self.stand.file(&format!("asked-{number}"));
                let file = file.display().to_string();
                self.asked.push((file, false));
                Deed::Ask(&self.asked.last().expect("it was pushed").0)
            }
            _ => Deed::Say("heard"),
        };
        let text = format!("{}{}", (self.stand.subject.prompt)(&deed), mark(number));
        if number.is_multiple_of(100) {
            printer::talk(format!("{number} messages are sent"));
        }
        self.sent.push(self.stand.nudge(&text)?);
        Ok(())
    }

    /// Lets something happen, now and then; a person answers what is asked after a while.
    fn disturb(&mut self) -> CliResult {
        match self.random.u32(..1000) {
            0..8 => self.kill_daemon(),
            8..14 => {
                self.restarts += 1;
                self.stand.stage.gt_well(&["mayor", "restart"]).map(drop)
            }
            14..60 => self.answer(),
            _ => Ok(()),
        }
    }

    fn kill_daemon(&mut self) -> CliResult {
        self.daemons += 1;
        let pid = self.stand.stage.status()?.daemon.pid;
        let process = pid
            .map(process::identify)
            .transpose()
            .doing("find the daemon")?;
        if let Some(process) = process.flatten() {
            process::signal(process, Signal::KILL).doing("kill the daemon")?;
            self.stand.stage.until("the daemon's death", || {
                let alive = process::is_alive(process);
                Ok((alive == Observed::Known(false)).then_some(()))
            })?;
        }
        self.stand.stage.gt_well(&["daemon", "start"]).map(drop)
    }

    /// Approves what is asked, if something is.
    fn answer(&mut self) -> CliResult {
        let agent = self.stand.stage.agent(SEAT)?;
        let asks = |state| matches!(state, State::NeedsApproval | State::NeedsAnswer);
        if !agent.is_some_and(|agent| asks(agent.state)) {
            return Ok(());
        }
        // The one that it shows.
        let screen = self.stand.stage.gt_well(&["peek", SEAT])?.stdout;
        let screen = String::from_utf8_lossy(&screen).into_owned();
        let shown = self
            .asked
            .iter_mut()
            .rfind(|(file, _)| screen.contains(file.as_str()));
        if let Some((_, approved)) = shown {
            *approved = true;
            self.stand.press(self.stand.subject.approve)?;
        }
        Ok(())
    }

    /// Takes in what happened since the last look.
    fn look(&mut self) -> CliResult {
        for event in self.stand.stage.events_since(SEAT, self.seen)? {
            self.seen = event.seq;
            let at = event.at.parse().doing("read an event's time")?;
            match event.kind.as_str() {
                "exited" | "stopped" => self.exits.push(at),
                "nudge_delivered" | "nudge_ended" => self.note_end(&event.text, at),
                _ => {}
            }
        }
        Ok(())
    }

    /// Of its own messages only: the poke of a heartbeat is none.
    fn note_end(&mut self, text: &str, at: Timestamp) {
        let end = text
            .strip_prefix("nudge ")
            .and_then(|text| text.split_once(": "));
        if let Some((id, how)) = end.filter(|(id, _)| self.sent.iter().any(|sent| sent == id)) {
            self.over.insert(id.to_owned(), (how.to_owned(), at));
        }
    }

    /// What became of all, or what went wrong.
    fn verdict(&self) -> CliResult<String> {
        let fates = self.fates()?;
        let count = |fate: Fate| fates.iter().filter(|(one, _)| *one == fate).count();
        let wrong: Vec<&String> = fates
            .iter()
            .filter(|(fate, _)| *fate == Fate::Wrong)
            .map(|(_, line)| line)
            .collect();
        for line in &wrong {
            printer::talk(line);
        }
        if let Some(first) = wrong.first() {
            let count = wrong.len();
            return Err(CliError::failed(format!(
                "{count} messages went wrong: {first}"
            )));
        }
        if let Some(first) = self.stand.witness.typed_into_dialogs()?.first() {
            return Err(CliError::failed(format!(
                "`{first}` was typed into a dialog"
            )));
        }
        for (file, _) in self.asked.iter().filter(|(_, approved)| !approved) {
            if self.stand.witness.was_approved(file)? {
                let what = format!("nobody approved `{file}`, and it was done");
                return Err(CliError::failed(what));
            }
        }
        let by_hook = fates
            .iter()
            .filter(|(fate, line)| *fate == Fate::Taken && line.contains("hook"));
        Ok(format!(
            "{} messages: {} confirmed and taken once ({} by a hook), {} confirmed by a run that ended \
             before it asked its model, {} taken once and ended with the reason that this could not be \
             told, {} not taken and ended with a reason; {} dialogs, {} restarts, {} deaths of the daemon",
            self.sent.len(),
            count(Fate::Taken),
            by_hook.count(),
            count(Fate::Lost),
            count(Fate::Untold),
            count(Fate::Ended),
            self.asked.len(),
            self.restarts,
            self.daemons
        ))
    }

    /// What became of each message that is over, with a line about it.
    fn fates(&self) -> CliResult<Vec<(Fate, String)>> {
        let (prompts, added) = (self.stand.witness.prompts()?, self.stand.witness.added()?);
        let mut fates = Vec::new();
        for (number, id) in self.sent.iter().enumerate() {
            let Some((how, at)) = self.over.get(id) else {
                continue;
            };
            let marked = mark(number);
            let typed = prompts.iter().filter(|prompt| prompt.contains(&marked));
            let added = added.iter().map(|text| text.matches(&marked).count());
            let taken = typed.count() + added.max().unwrap_or(0);
            let is_confirmed = how.starts_with("confirmed");
            let fate = match taken {
                1 if is_confirmed => Fate::Taken,
                1 if is_not_known(how) => Fate::Untold,
                0 if !is_confirmed => Fate::Ended,
                0 if self.was_lost(*at) => Fate::Lost,
                _ => Fate::Wrong,
            };
            fates.push((fate, format!("{id} was taken {taken} times: {how}")));
        }
        Ok(fates)
    }

    /// Whether a run ended so soon after it took a message that it did nothing with it.
    fn was_lost(&self, taken_at: Timestamp) -> bool {
        self.exits.iter().any(|exit| {
            let later = exit.duration_since(taken_at);
            !later.is_negative() && later <= TAKEN_AND_LOST
        })
    }
}

/// Whether a message ended with the word that nobody can say what became of it.
fn is_not_known(how: &str) -> bool {
    how.contains("cannot be told") || how.contains("is not known")
}

/// What a message is known by.
fn mark(number: usize) -> String {
    format!(" ~{number:05}~")
}
