//! `gt nudge`, `gt broadcast`: messages that are brought to agents at a safe moment.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::time::Duration;

use gt_api::view;
use gt_core::mail::Priority;
use gt_core::nudge::{MAX_LENGTH, Nudge, NudgeEnd, NudgeState, NudgeText, NudgeTextError};
use gt_core::observed::chain;
use gt_core::screen::CannotType;
use gt_core::time::{short, shown_in};
use gt_core::{AgentId, Observed};
use gt_host::clock;
use gt_host::config::duration;
use gt_host::holder;
use gt_host::identity::Caller;
use gt_host::roster::SeatSpec;
use gt_store::Store;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::cli;
use crate::commands::status;
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::{printer, wait};

/// How many messages are listed.
const LISTED: usize = 50;

/// How many are looked through for the beginning of an id: all that the store keeps.
const KEPT: usize = 10_000;

/// Queues one, or lists and withdraws.
pub(crate) fn nudge(context: &Context, arguments: cli::Nudge) -> CliResult {
    match arguments.verb {
        Some(cli::NudgeVerb::List { agent, json }) => list(context, agent.as_deref(), json),
        Some(cli::NudgeVerb::Cancel { id }) => cancel(context, &id),
        None => {
            let Some(agent) = &arguments.agent else {
                return Err(CliError::new(Kind::Usage, "no agent is named")
                    .hint("`gt nudge AGENT -m TEXT`; `gt agents` lists them"));
            };
            let agent = context.agent(agent)?;
            let text = text(&arguments.text)?;
            Reach::of(context).check(&agent, &text)?;
            let nudge = message(&context.caller()?, agent, text, &arguments.terms)?;
            queue(context, std::slice::from_ref(&nudge))?;
            tell_of_absence(context, &nudge.agent);
            match arguments.wait {
                Some(wanted) => wait_for(context, &nudge, wanted),
                None => {
                    printer::talk(format!("queued for {} as {}", nudge.agent, nudge.id));
                    Ok(())
                }
            }
        }
    }
}

/// Queues the same text for every agent that runs, but for the sender.
pub(crate) fn broadcast(context: &Context, arguments: &cli::Broadcast) -> CliResult {
    let sender = context.caller()?;
    let running: Vec<AgentId> = running(context, arguments.rig.as_deref())?
        .into_iter()
        .filter(|agent| sender.agent() != Some(agent))
        .collect();
    if running.is_empty() {
        return Err(
            CliError::failed("no agent runs that it could be brought to")
                .hint("`gt status` shows them"),
        );
    }
    let text = text(&arguments.text)?;
    let reach = Reach::of(context);
    let (mut reached, mut refused) = (Vec::new(), Vec::new());
    for agent in running {
        match reach.check(&agent, &text) {
            Ok(()) => reached.push(agent),
            Err(error) => refused.push(error),
        }
    }
    if reached.is_empty() {
        return refused.pop().map_or(Ok(()), Err);
    }
    let nudges = reached
        .into_iter()
        .map(|agent| message(&sender, agent, text.clone(), &arguments.terms))
        .collect::<CliResult<Vec<Nudge>>>()?;
    queue(context, &nudges)?;
    let agents: Vec<String> = nudges.iter().map(|nudge| nudge.agent.to_string()).collect();
    printer::talk(format!("queued for {}", agents.join(", ")));
    for error in refused {
        printer::talk(format!("not queued: {}", error.sentence()));
    }
    Ok(())
}

fn running(context: &Context, rig: Option<&str>) -> CliResult<Vec<AgentId>> {
    let rig = rig.map(|rig| context.rig(rig)).transpose()?;
    let status = status::look(context)?;
    let agents = status.agents.iter().filter(|agent| agent.pid.is_some());
    let agents = agents.filter_map(|agent| AgentId::from_canonical(&agent.id).ok());
    Ok(agents
        .filter(|agent| rig.is_none() || agent.rig() == rig.as_ref())
        .collect())
}

/// What the agents' presets say of typing at them. Without a readable configuration nobody is
/// known: the daemon has the last good one, and what it cannot type expires.
struct Reach(Vec<SeatSpec>);

impl Reach {
    fn of(context: &Context) -> Self {
        Self(
            context
                .roster()
                .map_or_else(|_| Vec::new(), |roster| roster.seats),
        )
    }

    /// Refuses a text that would wait in vain.
    fn check(&self, agent: &AgentId, text: &NudgeText) -> CliResult {
        let Some(seat) = self.0.iter().find(|seat| seat.agent == *agent) else {
            return Ok(());
        };
        seat.preset.check_text(text.as_str()).map_err(|why| {
            let preset = &seat.preset.name;
            let pattern = |key: &str| {
                format!("`gt config set agents.{preset}.{key} PATTERN`, or send it as mail")
            };
            let message = format!("{agent} runs `{preset}`, and {why}");
            CliError::new(Kind::Usage, message).hint(match why {
                CannotType::Ready => pattern("ready"),
                CannotType::Pasted => pattern("pasted"),
                CannotType::Long { .. } | CannotType::Untypable { .. } => {
                    "write it otherwise, send it as mail, or save it as a file in the town and \
                         send its path"
                        .to_owned()
                }
            })
        })
    }
}

fn message(
    sender: &Caller,
    agent: AgentId,
    text: NudgeText,
    terms: &cli::NudgeTerms,
) -> CliResult<Nudge> {
    let life = duration::parse(&terms.ttl).filter(|life| !life.is_zero());
    let life = life.ok_or_else(|| {
        CliError::new(
            Kind::Usage,
            format!(
                "`--ttl {}` is no length of time",
                terms.ttl.escape_default()
            ),
        )
        .hint("such as \"90s\", \"5m\" or \"1h30m\"")
    })?;
    let now = clock::now();
    let expires_at = SignedDuration::try_from(life)
        .ok()
        .and_then(|life| now.checked_add(life).ok());
    Ok(Nudge {
        id: clock::fresh_id(),
        agent,
        slot: terms.slot.clone(),
        priority: match terms.priority {
            cli::NudgePriority::Urgent => Priority::Urgent,
            cli::NudgePriority::Normal => Priority::Normal,
            cli::NudgePriority::Low => Priority::Low,
        },
        text,
        actor: sender.actor(),
        queued_at: now,
        expires_at: expires_at.ok_or_else(|| {
            CliError::new(Kind::Usage, "`--ttl` is too long").hint("'1h' is an hour, '7d' a week")
        })?,
    })
}

/// The text given, that of the file, or standard input.
fn text(given: &cli::NudgeText) -> CliResult<NudgeText> {
    let text = match (&given.message, &given.file) {
        (Some(message), _) if message != "-" => message.clone(),
        (_, Some(file)) if file != Path::new("-") => {
            let opened = fs_err::File::open(file).doing("read the text")?;
            read(opened)?
        }
        _ => {
            if std::io::stdin().is_terminal() {
                printer::talk("type the text; Ctrl-D at the beginning of a line ends it");
            }
            read(std::io::stdin())?
        }
    };
    NudgeText::new(text).map_err(|error| {
        let message = format!("it cannot be brought: {}", chain(&error));
        CliError::new(Kind::Usage, message).hint(match error {
            NudgeTextError::Empty => "`-m TEXT`, `-F FILE` or standard input gives one",
            NudgeTextError::Continued => "put a word, or a full stop, behind it",
            NudgeTextError::TooLong
            | NudgeTextError::Invisible { .. }
            | NudgeTextError::Control { .. } => "save it as a file in the town and send its path",
        })
    })
}

/// Reads a text whole. The line end that every file has at its end is no part of it.
fn read(source: impl std::io::Read) -> CliResult<String> {
    let mut text = String::new();
    source
        .take(MAX_LENGTH as u64 + 2)
        .read_to_string(&mut text)
        .doing("read the text")?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// A message starts nobody.
fn tell_of_absence(context: &Context, agent: &AgentId) {
    if holder::is_taken(context.paths(), agent) == Observed::Known(false) {
        printer::talk(format!(
            "{agent} does not run: it gets the message if it is started in time; `gt mail send {agent} -s …` \
             starts one that runs on demand"
        ));
    }
}

fn queue(context: &Context, nudges: &[Nudge]) -> CliResult {
    context
        .store()?
        .queue_nudges(nudges)
        .doing("queue the message")?;
    context.wake_to_bring();
    Ok(())
}

/// Waits until the message has got so far, or is over.
fn wait_for(context: &Context, nudge: &Nudge, wanted: cli::NudgeGoal) -> CliResult {
    wait::tell_on_interrupt("the message stays queued: `gt nudge list` shows how far it is");
    let store = context.store()?;
    let left = nudge.expires_at.duration_since(clock::now());
    let patience = Duration::try_from(left).unwrap_or(Duration::ZERO) + Duration::from_secs(2);
    let state = wait::until(patience, || {
        let state = store.nudge_state(nudge.id).ok()??;
        let is_there = match &state {
            NudgeState::Queued => false,
            NudgeState::Typing(_) => wanted == cli::NudgeGoal::Typing,
            NudgeState::Ended { .. } => true,
        };
        is_there.then_some(state)
    });
    match state {
        Some(NudgeState::Ended { end, reason, .. }) if end != NudgeEnd::Confirmed => {
            let message = format!("{} did not get it: {}, {reason}", nudge.agent, end.as_str());
            Err(CliError::failed(message).hint(format!("`gt why {}` explains", nudge.agent)))
        }
        Some(state) => {
            printer::talk(format!("{}: {state}", nudge.agent));
            Ok(())
        }
        None => Err(CliError::failed(format!(
            "{} did not get it within {}",
            nudge.agent,
            short(Duration::from_secs(patience.as_secs()))
        ))
        .hint("`gt status` shows whether the daemon runs")),
    }
}

fn list(context: &Context, agent: Option<&str>, json: cli::Json) -> CliResult {
    let agent = agent.map(|agent| context.agent(agent)).transpose()?;
    let nudges = context
        .store()?
        .nudges(agent.as_ref(), LISTED)
        .doing("read the messages")?;
    let views: Vec<view::Nudge> = nudges.iter().map(view::Nudge::from).collect();
    if json.json {
        printer::json(&views);
        return Ok(());
    }
    for nudge in &views {
        printer::data(line(nudge));
    }
    Ok(())
}

fn line(nudge: &view::Nudge) -> String {
    let reason = nudge
        .reason
        .as_deref()
        .map_or_else(String::new, |reason| format!(": {}", shown_in(reason)));
    format!(
        "{}  {}  {:<9}  {}  {}{reason}",
        nudge.id,
        shown_in(&nudge.queued_at),
        nudge.state,
        nudge.agent,
        printer::excerpt(nudge.text.lines().next().unwrap_or_default()),
    )
}

fn cancel(context: &Context, id: &str) -> CliResult {
    let mut store = context.store()?;
    let (id, agent) = find(&store, id)?;
    let actor = context.caller()?.actor();
    let withdrawn = store
        .cancel_nudge(id, clock::now(), &actor)
        .doing("withdraw the message")?;
    if !withdrawn {
        let state = store.nudge_state(id).doing("read how far it got")?;
        return Err(cannot_be_withdrawn(id, &agent, state.as_ref()));
    }
    context.wake();
    printer::talk(format!("the message {id} for {agent} is withdrawn"));
    Ok(())
}

fn cannot_be_withdrawn(id: Uuid, agent: &AgentId, state: Option<&NudgeState>) -> CliError {
    match state {
        Some(NudgeState::Typing(_)) => CliError::failed(format!(
            "the message {id} is typed already, and not taken yet"
        ))
        .hint(format!(
            "`gt attach {agent}` goes to its terminal: what is in its input row can be wiped there"
        )),
        Some(NudgeState::Ended { end, .. }) => {
            CliError::failed(format!("the message {id} is over: {}", end.as_str()))
                .hint(format!("`gt nudge list {agent}` says how"))
        }
        Some(NudgeState::Queued) | None => CliError::failed(format!("the message {id} changed"))
            .hint(format!("`gt nudge list {agent}` shows how far it got")),
    }
}

/// The message whose id begins so.
fn find(store: &Store, beginning: &str) -> CliResult<(Uuid, AgentId)> {
    let nudges = store.nudges(None, KEPT).doing("read the messages")?;
    let mut found = nudges
        .into_iter()
        .map(|(nudge, _)| (nudge.id, nudge.agent))
        .filter(|(id, _)| !beginning.is_empty() && id.to_string().starts_with(beginning));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(CliError::new(
            Kind::Usage,
            format!("more than one message begins with `{beginning}`"),
        )
        .hint("give more of the id")),
        (None, _) => Err(CliError::new(
            Kind::Usage,
            format!("no message has the id `{}`", beginning.escape_default()),
        )
        .hint("`gt nudge list` lists them")),
    }
}
