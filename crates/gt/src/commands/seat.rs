//! `gt mayor|deacon|witness|refinery|crew`: one agent's start, stop, restart, terminal and status.
//!
//! A verb stores what is wanted and lets the daemon do it: exactly one program starts agents.

use std::time::Duration;

use gt_api::request::{Missing, Reach};
use gt_core::intent::Desire;
use gt_core::lifecycle::{Action, Request};
use gt_core::observed::{Observed, chain};
use gt_core::shell::word;
use gt_core::time::short;
use gt_core::{AgentId, IncarnationId, RigName, WorkerName};
use gt_host::agent_environment::Captured;
use gt_host::heartbeat_file::{self, Touch};
use gt_host::identity::Caller;
use gt_host::{clock, holder, process, roster};
use gt_store::SubmitOutcome;
use jiff::SignedDuration;

use crate::capture;
use crate::cli::{Crew, CrewMember, DeaconCommand, Json, RigSeat, Seat};
use crate::client::Client;
use crate::commands::rig::shown;
use crate::commands::{attach, config, daemon, handoff, status};
use crate::context::{Context, did_you_mean};
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::{printer, wait, wishes};

/// How long an agent may take to start or stop before the command gives up waiting: the grace
/// between TERM and KILL and what comes after.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a person's restart may wait to be carried out.
const REQUEST_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// `gt mayor`.
pub(crate) fn town_seat(context: &Context, agent: AgentId, verb: Seat) -> CliResult {
    match verb {
        Seat::Start => verbose_start(context, &agent),
        Seat::Stop => stop(context, &agent),
        Seat::Restart => restart(context, &agent),
        Seat::Attach => attach::attach_to(context, &agent),
        Seat::Status(json) => show(context, &agent, json),
    }
}

/// `gt deacon`.
pub(crate) fn deacon(context: &Context, verb: DeaconCommand) -> CliResult {
    match verb {
        DeaconCommand::Seat(verb) => town_seat(context, AgentId::Deacon, verb),
        DeaconCommand::Heartbeat { action } => heartbeat(context, &action),
    }
}

/// `gt witness`, `gt refinery`.
pub(crate) fn rig_seat(
    context: &Context,
    seat: fn(RigName) -> AgentId,
    verb: RigSeat,
) -> CliResult {
    let (rig, verb) = match verb {
        RigSeat::Start(rig) => (rig, Seat::Start),
        RigSeat::Stop(rig) => (rig, Seat::Stop),
        RigSeat::Restart(rig) => (rig, Seat::Restart),
        RigSeat::Attach(rig) => (rig, Seat::Attach),
        RigSeat::Status { rig, json } => (rig, Seat::Status(json)),
    };
    town_seat(context, seat(context.rig(&rig.rig)?), verb)
}

/// `gt crew`.
pub(crate) fn crew(context: &Context, verb: Crew) -> CliResult {
    let (member, verb) = match verb {
        Crew::Start(member) => (member, Seat::Start),
        Crew::Stop(member) => (member, Seat::Stop),
        Crew::Restart(member) => (member, Seat::Restart),
        Crew::At(member) => (member, Seat::Attach),
        Crew::Status { member, json } => (member, Seat::Status(json)),
        Crew::List(json) => return list_crew(context, json),
    };
    town_seat(context, crew_member(context, &member)?, verb)
}

fn crew_member(context: &Context, member: &CrewMember) -> CliResult<AgentId> {
    let (rig, name) = match (&member.rig, member.name.split_once('/')) {
        (Some(rig), _) => (context.rig(rig)?, member.name.as_str()),
        (None, Some((rig, name))) => (context.rig(rig)?, name.trim_start_matches("crew/")),
        (None, None) => (context.rig_here()?, member.name.as_str()),
    };
    let name = WorkerName::new(name)
        .map_err(|error| CliError::new(Kind::Usage, chain(&error)))
        .map_err(|error| error.hint("`gt crew list` lists the workspaces"))?;
    let agent = AgentId::Crew(rig.clone(), name.clone());
    match context.roll().agents().contains(&agent) || context.is_seated(&agent) {
        true => Ok(agent),
        false => Err(no_workspace(context, &rig, &name)),
    }
}

/// A workspace is what lies in the rig's `crew` directory; a person makes one.
fn no_workspace(context: &Context, rig: &RigName, name: &WorkerName) -> CliError {
    let roll = context.roll();
    let workers = roll.agents().iter().filter_map(|agent| match agent {
        AgentId::Crew(of, worker) if of == rig => Some(worker.to_string()),
        _ => None,
    });
    let known: Vec<String> = workers.collect();
    let message = format!("no crew workspace `{name}` in rig `{rig}`");
    let error = did_you_mean(CliError::new(Kind::Usage, message), name.as_str(), &known);
    let url = gt_host::rig::show(context.paths(), rig).map(|rig| shown(&rig.git_url));
    let url = url.unwrap_or_else(|_| "URL".to_owned());
    let place = context.paths().root().join(format!("{rig}/crew/{name}"));
    error.hint("`gt crew list` lists them").hint(format!(
        "`git clone {} {}` makes it",
        word(&url),
        word(&place.to_string_lossy())
    ))
}

fn list_crew(context: &Context, json: Json) -> CliResult {
    let mut agents = status::look(context)?.agents;
    agents.retain(|agent| agent.role == "crew");
    if json.json {
        printer::json(&agents);
    } else {
        printer::text(&status::table(&agents));
    }
    Ok(())
}

fn show(context: &Context, agent: &AgentId, json: Json) -> CliResult {
    let status = status::look(context)?;
    let id = agent.to_string();
    let Some(view) = status.agents.into_iter().find(|agent| agent.id == id) else {
        let none = CliError::failed(format!("{agent} has no seat in this town"));
        return Err(none.hint("`gt agents` lists who has one"));
    };
    if json.json {
        printer::json(&view);
    } else {
        printer::text(&status::table(&[view]));
    }
    Ok(())
}

fn verbose_start(context: &Context, agent: &AgentId) -> CliResult {
    start(context, agent)?;
    lasts(context, agent)?;
    printer::talk(format!("{agent} runs"));
    Ok(())
}

/// Wants the agent up and waits until it runs.
pub(crate) fn start(context: &Context, agent: &AgentId) -> CliResult {
    let down = context.paths().is_down();
    if down.doing("see whether the town is down")? {
        return Err(CliError::failed("the town is down").hint("`gt up` brings it up"));
    }
    if !capture::is_captured(context) {
        capture::capture(context)?;
    }
    config::reload(context)?;
    wish(context, agent, Desire::Up, "start")?;
    daemon::start(context)?;
    reach(context, agent, Reach::Running)
}

/// Starts the agent if it does not run. One that does stays as it is, and so does what is wanted of
/// it.
pub(crate) fn ensure(context: &Context, agent: &AgentId) -> CliResult {
    let report =
        holder::read_state_file(context.paths(), agent).doing("read the holder's report")?;
    let runs = report.is_some_and(|report| {
        report.phase == holder::protocol::Phase::Running
            && process::is_alive(report.holder) == Observed::Known(true)
    });
    // A daemon knows of a run a moment before the file does.
    match runs || seen_running(context, agent)?.is_some() {
        true => Ok(()),
        false => start(context, agent),
    }
}

/// The run that the daemon sees, or without one its holder's file.
fn seen_running(context: &Context, agent: &AgentId) -> CliResult<Option<IncarnationId>> {
    let id = agent.to_string();
    let agents = status::look(context)?.agents.into_iter();
    let run = agents
        .filter(|view| view.id == id && view.pid.is_some())
        .find_map(|view| view.incarnation);
    run.map(|run| run.parse())
        .transpose()
        .doing("read which run it is")
}

/// Wants the agent down and waits until nothing of it runs.
fn stop(context: &Context, agent: &AgentId) -> CliResult {
    // What fails now shall not come as a surprise later.
    Client::require(context.paths())?;
    wish(context, agent, Desire::Down, "stop")?;
    reach(context, agent, Reach::Stopped)?;
    printer::talk(format!("{agent} has stopped"));
    Ok(())
}

/// Asks for a fresh run; starts one if none runs. What is wanted of the agent stays as it is.
fn restart(context: &Context, agent: &AgentId) -> CliResult {
    let Some(incarnation) = seen_running(context, agent)? else {
        return verbose_start(context, agent);
    };
    Client::require(context.paths())?;
    can_come_back(context, agent)?;
    config::reload(context)?;
    let now = clock::now();
    let request = Request {
        id: clock::fresh_id(),
        agent: agent.clone(),
        incarnation: Some(incarnation),
        action: Action::Restart,
        actor: context.caller()?.actor(),
        message: None,
        requested_at: now,
        expires_at: now + REQUEST_LIFE,
    };
    let mut store = context.store()?;
    let outcome = store
        .submit_request(&request, None)
        .doing("store the request")?;
    context.wake();
    let open = outcome.open_request(request.id);
    let refused = || handoff::look(&store, open)?.err();
    match await_successor(context, agent, incarnation, refused) {
        Some(Ok(())) => {
            lasts(context, agent)?;
            printer::talk(format!("{agent} runs afresh"));
            Ok(())
        }
        Some(Err(refused)) => Err(refused),
        None => {
            // Nobody waits for it any more: it shall not come as a surprise later.
            let withdrawn = match outcome {
                SubmitOutcome::New => store.cancel_request(request.id, clock::now()),
                SubmitOutcome::AlreadyOpen(_) => Ok(false),
            };
            let state = match withdrawn {
                Ok(true) => "; nothing was stopped, and the request is withdrawn",
                Ok(false) | Err(_) => "",
            };
            let message = format!("{agent} was not replaced within {}{state}", short(PATIENCE));
            Err(CliError::failed(message).hint(format!("`gt why {agent}` explains")))
        }
    }
}

/// A run is not ended for a successor that cannot be started.
fn can_come_back(context: &Context, agent: &AgentId) -> CliResult {
    // The daemon goes on with what it had where that cannot be read any more.
    let seats = context.roster().map_or_else(|_| Vec::new(), |it| it.seats);
    let Some(seat) = seats.iter().find(|seat| seat.agent == *agent) else {
        return Ok(());
    };
    let captured = Captured::read(context.paths()).doing("read the captured environment")?;
    let captured = captured.unwrap_or_default();
    let path = captured.variables.get("PATH").unwrap_or_default();
    match roster::launch_readiness(seat, path) {
        Observed::Known(Err(lack)) => {
            let message = format!("{agent} would not come back: it waits on {lack}");
            Err(CliError::failed(message).hint("nothing was stopped; `gt doctor` looks for more"))
        }
        Observed::Known(Ok(())) | Observed::Unknown(_) => Ok(()),
    }
}

/// Waits until another run was begun, or `refused` says why there will be none.
fn await_successor(
    context: &Context,
    agent: &AgentId,
    before: IncarnationId,
    refused: impl Fn() -> Option<CliError>,
) -> Option<CliResult> {
    wait::tell_on_interrupt(GOES_ON);
    wait::until(PATIENCE, || {
        let report = holder::read_state_file(context.paths(), agent);
        let latest = report.ok().flatten().and_then(|report| report.incarnation);
        match latest.filter(|run| *run != before) {
            Some(_) => Some(Ok(())),
            None => refused().map(Err),
        }
    })
}

/// A program that ends at once did not start.
fn lasts(context: &Context, agent: &AgentId) -> CliResult {
    /// Longer than a shell takes to say that it cannot do what it was given.
    const MOMENT: Duration = Duration::from_millis(500);
    // Its holder's file says so a moment after the daemon does.
    let run = wait::until(MOMENT, || running(context, agent).ok().flatten());
    let ended = || (running(context, agent).ok()? != run).then_some(());
    if run.is_some() && wait::until(MOMENT, ended).is_none() {
        return Ok(());
    }
    let report = holder::read_state_file(context.paths(), agent);
    let exit = report.ok().flatten().and_then(|report| report.exit);
    let how = exit.map_or_else(String::new, |exit| format!(" with {exit}"));
    Err(
        CliError::failed(format!("{agent} was started and ended at once{how}")).hint(format!(
            "`gt why {agent}` explains; the daemon tries again, ever more rarely"
        )),
    )
}

/// The run that the agent's holder reports.
fn running(context: &Context, agent: &AgentId) -> CliResult<Option<IncarnationId>> {
    let report =
        holder::read_state_file(context.paths(), agent).doing("read the holder's report")?;
    Ok(report
        .filter(|report| report.phase == holder::protocol::Phase::Running)
        .and_then(|report| report.incarnation))
}

/// What Ctrl-C does not end.
const GOES_ON: &str = "the daemon goes on with it: `gt status` shows how far it is";

/// Stores what is wanted of one agent, and wakes the daemon.
fn wish(context: &Context, agent: &AgentId, desire: Desire, reason: &str) -> CliResult {
    wishes::store(context, std::slice::from_ref(agent), desire, reason)?;
    context.wake();
    Ok(())
}

fn reach(context: &Context, agent: &AgentId, goal: Reach) -> CliResult {
    wait::tell_on_interrupt(GOES_ON);
    let mut client = Client::require(context.paths())?;
    let missing = client.await_agents(vec![agent.clone()], goal, PATIENCE)?;
    let Some(Missing { waiting, .. }) = missing.first() else {
        return Ok(());
    };
    let what = match goal {
        Reach::Running => "does not run",
        Reach::Stopped => "has not stopped",
    };
    Err(
        CliError::failed(format!("{agent} {what}: it waits on {waiting}"))
            .hint(format!("`gt why {agent}` explains")),
    )
}

/// The deacon tells that its rounds go on. Anybody else's would hide a deacon that hangs.
fn heartbeat(context: &Context, action: &[String]) -> CliResult {
    let caller = context.caller()?;
    let Caller::Agent {
        agent: AgentId::Deacon,
        incarnation,
    } = caller
    else {
        return Err(CliError::new(
            Kind::Refused,
            format!(
                "the heartbeat is the deacon's own; this is {}",
                caller.actor()
            ),
        )
        .hint("the deacon runs it in its session; `gt why deacon` tells when it did last"));
    };
    let touch = Touch {
        action: (!action.is_empty()).then(|| action.join(" ")),
        incarnation,
        ..Touch::default()
    };
    heartbeat_file::touch(&context.paths().deacon_heartbeat(), clock::now(), touch)
        .doing("write the heartbeat")?;
    context.keepalive("deacon heartbeat");
    Ok(())
}
