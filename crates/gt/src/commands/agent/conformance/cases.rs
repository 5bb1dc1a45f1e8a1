//! What is tried of each program.

use std::time::Duration;

use gt_api::view::{Agent, State};
use gt_host::clock;
use gt_host::process::{self, Signal};

use super::stand::{SEAT, Stand};
use super::subject::Deed;
use crate::commands::status::word;
use crate::error::{CliError, CliResult, Doing as _};

/// One case.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What it shows, in a sentence.
    pub(super) what: &'static str,
    /// What showed it, or why it is not so.
    pub(super) run: fn(&Stand) -> CliResult<String>,
}

pub(super) const CASES: [Case; 14] = [
    case("start", "it is started", start),
    case("ready", "its empty prompt is known", ready),
    case("submit", "a message is typed and confirmed, once", submit),
    case(
        "long-text",
        "20 KiB of many lines arrive as they are",
        long_text,
    ),
    case(
        "nudge-during-work",
        "a message waits for the end of a turn",
        during_work,
    ),
    case(
        "nudge-during-dialog",
        "a message leaves a dialog alone",
        during_dialog,
    ),
    case(
        "approve",
        "after a person's answer the message arrives",
        approve,
    ),
    case("interrupt", "interrupted work is over", interrupt),
    case("limit", "a limit of the account is told of as that", limit),
    case(
        "auth-failure",
        "a refused key is told of as that",
        auth_failure,
    ),
    case(
        "server-error",
        "a failing server leaves it at its prompt",
        server_error,
    ),
    case(
        "resume",
        "after a crash it goes on with its conversation",
        resume,
    ),
    case("crash", "its death is noticed and it runs again", crash),
    case("stop", "it is stopped, with all that it started", stop),
];

/// A long text: its many lines, and the words of many people.
const LINES: usize = 400;

/// How evidence begins.
const BY_SCREEN: &str = "its screen: ";
const BY_HOOK: &str = "its program told: ";

/// How long a program is left alone: a dialog must stay, and what comes late must come.
const WATCH: Duration = Duration::from_secs(2);

const fn case(
    name: &'static str,
    what: &'static str,
    run: fn(&Stand) -> CliResult<String>,
) -> Case {
    Case { name, what, run }
}

fn start(stand: &Stand) -> CliResult<String> {
    stand.stage.gt_well(&["up"])?;
    let agent = stand.stage.running(SEAT)?;
    Ok(format!("pid {}", agent.pid.unwrap_or_default()))
}

fn ready(stand: &Stand) -> CliResult<String> {
    let agent = stand.fresh()?;
    Ok(seen(&agent))
}

fn submit(stand: &Stand) -> CliResult<String> {
    stand.fresh()?;
    say(stand, "hello from submit")
}

fn long_text(stand: &Stand) -> CliResult<String> {
    stand.fresh()?;
    let first = (stand.subject.prompt)(&Deed::Say("taken"));
    let lines = (1..=LINES)
        .map(|line| format!("\nline {line}: \"žluťoučký\" 🐎 <b>&amp;</b> --flag $HOME"));
    let text = first + &lines.collect::<String>();
    let file = stand.file("long.txt");
    fs_err::write(&file, &text).doing("write the long text")?;
    stand
        .stage
        .gt_well(&["nudge", SEAT, "-F", &file.display().to_string()])?;
    let how = stand.confirmed(&text)?;
    taken_once(stand, &text)?;
    Ok(format!("{} bytes: {how}", text.len()))
}

fn during_work(stand: &Stand) -> CliResult<String> {
    stand.fresh()?;
    stand.have(&Deed::Work(4))?;
    stand.wait_for(State::Working)?;
    let how = say(stand, "hello after work")?;
    stand.wait_for(State::Idle)?;
    Ok(how)
}

fn during_dialog(stand: &Stand) -> CliResult<String> {
    let Asked { file, text, id } = ask_and_nudge(stand, "asked-and-left")?;
    let until = clock::monotonic() + WATCH;
    while clock::monotonic() < until {
        if stand.witness.was_approved(&file)? {
            return Err(CliError::failed("the message approved what was asked"));
        }
        clock::pause(Duration::from_millis(100));
    }
    let agent = stand.wait_for(stand.subject.asking)?;
    let line = stand.listed(&text)?.unwrap_or_default();
    if !line.contains(" queued ") {
        return Err(CliError::failed(format!(
            "the message does not wait: {line}"
        )));
    }
    // It would come in between in the next case.
    stand.stage.gt_well(&["nudge", "cancel", &id])?;
    Ok(seen(&agent))
}

fn approve(stand: &Stand) -> CliResult<String> {
    let Asked { file, text, .. } = ask_and_nudge(stand, "asked-and-approved")?;
    // Claude Code takes no key in the first moment of a dialog, and others are slow.
    stand.stage.until("what was approved", || {
        clock::pause(WATCH);
        if !stand.witness.was_approved(&file)? && shows(stand, stand.subject.asking)?.is_some() {
            stand.press(stand.subject.approve)?;
        }
        Ok(stand.witness.was_approved(&file)?.then_some(()))
    })?;
    let how = stand.confirmed(&text)?;
    taken_once(stand, &text)?;
    Ok(how)
}

/// A program that asks for something, and a message that was queued then.
struct Asked {
    /// The file that it asks for.
    file: String,
    text: String,
    id: String,
}

fn ask_and_nudge(stand: &Stand, name: &str) -> CliResult<Asked> {
    stand.fresh()?;
    let file = stand.file(name).display().to_string();
    stand.have(&Deed::Ask(&file))?;
    // A hook tells of the dialog before it is drawn, and a key before that is lost.
    stand.stage.until("a dialog on its screen", || {
        shows(stand, stand.subject.asking)
    })?;
    let text = (stand.subject.prompt)(&Deed::Say(&format!("hello, {name}")));
    let id = stand.nudge(&text)?;
    Ok(Asked { file, text, id })
}

/// Something if it is in this state and its screen shows so: a hook tells of it earlier.
fn shows(stand: &Stand, state: State) -> CliResult<Option<()>> {
    let agent = stand.stage.agent(SEAT)?;
    if agent.is_none_or(|agent| agent.state != state) {
        return Ok(None);
    }
    Ok((stand.screen()?.state == word(state)).then_some(()))
}

fn interrupt(stand: &Stand) -> CliResult<String> {
    stand.fresh()?;
    stand.have(&Deed::Work(60))?;
    // A hook tells of the work before the program can be interrupted.
    stand
        .stage
        .until("work on its screen", || shows(stand, State::Working))?;
    let said = stand.stage.gt_well(&["interrupt", SEAT])?.stderr;
    let agent = stand.wait_for(State::Idle)?;
    // Some put the prompt back into the row: a person's to send or to wipe.
    if !said.contains("its row holds a text") {
        say(stand, "hello after the interruption")?;
    }
    Ok(seen(&agent))
}

fn limit(stand: &Stand) -> CliResult<String> {
    told_as(stand, &Deed::Limit, State::Limited)
}

fn auth_failure(stand: &Stand) -> CliResult<String> {
    told_as(stand, &Deed::BadLogin, State::AuthDead)
}

fn told_as(stand: &Stand, deed: &Deed<'_>, state: State) -> CliResult<String> {
    stand.fresh()?;
    stand.have(deed)?;
    let agent = stand.wait_for(state)?;
    Ok(seen(&agent))
}

fn server_error(stand: &Stand) -> CliResult<String> {
    stand.fresh()?;
    stand.have(&Deed::ServerError)?;
    let agent = stand.wait_for(State::Idle)?;
    say(stand, "hello after the error")?;
    Ok(seen(&agent))
}

fn crash(stand: &Stand) -> CliResult<String> {
    let before = stand.fresh()?;
    kill(stand, &before)?;
    stand.wait_for(State::Idle)?;
    let events = stand.stage.events(SEAT)?;
    let exit = events.iter().rfind(|event| event.kind == "exited");
    Ok(exit.map(|event| event.text.clone()).unwrap_or_default())
}

fn resume(stand: &Stand) -> CliResult<String> {
    let before = stand.fresh()?;
    say(stand, "hello before the crash")?;
    let had = stand.witness.conversation()?;
    stand.wait_for(State::Idle)?;
    // Claude Code writes a turn down a moment after its end.
    clock::pause(WATCH);
    kill(stand, &before)?;
    stand.wait_for(State::Idle)?;
    say(stand, "hello after the crash")?;
    let has = stand.witness.conversation()?;
    if has > had {
        return Ok(format!(
            "its model is told {has} messages, after {had} before the crash"
        ));
    }
    Err(CliError::failed(
        "its model is not told what was said before",
    ))
}

/// Has it answer something, by a message that arrives once.
fn say(stand: &Stand, what: &str) -> CliResult<String> {
    let text = (stand.subject.prompt)(&Deed::Say(what));
    stand.nudge(&text)?;
    let how = stand.confirmed(&text)?;
    taken_once(stand, &text)?;
    Ok(how)
}

/// Kills its program, and waits for the next run.
fn kill(stand: &Stand, before: &Agent) -> CliResult {
    let process = before
        .pid
        .map(process::identify)
        .transpose()
        .doing("find its process")?;
    let process = process
        .flatten()
        .ok_or_else(|| CliError::failed("it does not run"))?;
    process::signal(process, Signal::KILL).doing("kill it")?;
    stand
        .stage
        .until("a run after the crash", || {
            stand.stage.run_after(SEAT, before)
        })
        .map(drop)
}

fn stop(stand: &Stand) -> CliResult<String> {
    let before = stand.fresh()?;
    stand.stage.gt_well(&["mayor", "stop"])?;
    let process = before
        .pid
        .map(process::identify)
        .transpose()
        .doing("look for its process")?;
    match process.flatten() {
        Some(_) => Err(CliError::failed("its process still runs")),
        None => Ok(format!("pid {} is gone", before.pid.unwrap_or_default())),
    }
}

/// What its screen shows or its program tells.
fn seen(agent: &Agent) -> String {
    let is_seen = |line: &&String| {
        [BY_SCREEN, BY_HOOK]
            .iter()
            .any(|start| line.starts_with(start))
    };
    agent
        .evidence
        .iter()
        .find(is_seen)
        .cloned()
        .unwrap_or_default()
}

fn taken_once(stand: &Stand, text: &str) -> CliResult {
    let taken = stand.stage.until("its model being asked", || {
        Ok(Some(stand.times_taken(text)?).filter(|times| *times > 0))
    })?;
    match taken {
        1 => Ok(()),
        times => Err(CliError::failed(format!(
            "the message was taken {times} times"
        ))),
    }
}
