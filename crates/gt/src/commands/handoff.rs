//! `gt handoff`: an agent asks for a fresh run of itself, or for the end of this one.
//!
//! The request and the words for the successor are stored in one transaction; the daemon takes the
//! request at most once and ends this very process with the run that asked.

use gt_core::Actor;
use std::path::Path;
use std::time::Duration;

use gt_core::address::Address;
use gt_core::lifecycle::{Action, Request};
use gt_core::mail::printable_line;
use gt_core::time::after;
use gt_core::{AgentId, IncarnationId, Role};
use gt_host::clock;
use gt_host::git::{Change, Git, GitError};
use gt_host::identity::Caller;
use gt_store::{NewMessage, RequestStatus, Store, SubmitOutcome};
use uuid::Uuid;

use crate::cli::Handoff;
use crate::client::Client;
use crate::commands::mail;
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::{printer, wait};

/// The subject by which a successor finds the words left for it.
pub(super) const SUBJECT: &str = "HANDOFF";

/// Longest time that a request may stand: after a day, whoever asked is surely not waiting.
const LONGEST: u64 = 24 * 60 * 60;

/// How many changed files a refusal names.
const NAMED: usize = 5;

/// The run that asks.
struct Run {
    agent: AgentId,
    incarnation: IncarnationId,
}

/// Asks for it, and waits to be stopped.
pub(crate) fn handoff(context: &Context, arguments: &Handoff) -> CliResult {
    let run = own_run(&context.caller()?)?;
    context.keepalive("handoff");
    if arguments.cancel {
        return cancel(&mut context.store()?, &run);
    }
    let patience = patience(arguments)?;
    if !arguments.force && run.agent.rig().is_some() {
        let here = std::env::current_dir().doing("read the current directory")?;
        refuse_unsaved(&unsaved(&here, context.paths().root())?)?;
    }
    Client::require(context.paths())?;
    let request = request(&run, arguments, patience)?;
    let mail = words_for_successor(&request)?;
    let mut store = context.store()?;
    let outcome = store
        .submit_request(&request, mail.as_ref())
        .doing(format!("ask for {}", request.action))?;
    context.wake();
    say_what_is_asked(&request, outcome);
    let end = wait::until(patience, || look(&store, outcome.open_request(request.id)));
    end.unwrap_or_else(|| give_up(&mut store, &request, outcome))
}

/// Only an agent's own run can be handed over.
fn own_run(caller: &Caller) -> CliResult<Run> {
    match caller {
        Caller::Agent {
            agent,
            incarnation: Some(incarnation),
        } => Ok(Run {
            agent: agent.clone(),
            incarnation: *incarnation,
        }),
        Caller::Agent {
            agent,
            incarnation: None,
        } => Err(CliError::new(
            Kind::Refused,
            format!("{agent} has no run that could be handed over"),
        )
        .hint(format!("`gt why {agent}` tells what it does"))),
        Caller::Overseer => Err(CliError::new(
            Kind::Usage,
            "`gt handoff` is for agents, which ask for a fresh run of themselves",
        )
        .hint("a person restarts one with `gt mayor restart`, `gt witness restart RIG`, …")),
    }
}

/// What is asked for: the strongest claim to a successor wins, as in the original.
fn action(arguments: &Handoff, role: Role) -> Action {
    match (arguments.cycle, arguments.restart, arguments.shutdown) {
        (true, _, _) => Action::Cycle,
        (_, true, _) => Action::Restart,
        (_, _, true) => Action::Shutdown,
        (false, false, false) if role == Role::Polecat => Action::Shutdown,
        (false, false, false) => Action::Cycle,
    }
}

fn patience(arguments: &Handoff) -> CliResult<Duration> {
    match arguments.timeout {
        seconds @ 1..=LONGEST => Ok(Duration::from_secs(seconds)),
        _ => Err(CliError::new(
            Kind::Usage,
            format!("`--timeout` is from 1 to {LONGEST} seconds"),
        )),
    }
}

/// What differs from the last commit in the work tree around `here`. A directory without one of
/// its own answers with the one around it, which may be the town's: that is nobody's work (M3).
fn unsaved(here: &Path, town: &Path) -> CliResult<Vec<Change>> {
    let git = Git::new();
    let changes = match git.work_tree(here) {
        Ok(tree) if tree != town && tree.starts_with(town) => git.status(&tree),
        Ok(_) | Err(GitError::NotARepository { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    changes
        .doing("tell whether everything is committed")
        .map_err(|error| error.hint("`gt handoff --force` hands off without looking"))
}

fn refuse_unsaved(changes: &[Change]) -> CliResult {
    if changes.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> = changes
        .iter()
        .take(NAMED)
        .map(|change| printable_line(&change.path.to_string_lossy()))
        .collect();
    if let Some(more @ 1..) = changes.len().checked_sub(NAMED) {
        names.push(format!("{more} more"));
    }
    let names = names.join(", ");
    Err(CliError::new(
        Kind::Refused,
        format!("the work tree has changes that are not committed: {names}"),
    )
    .hint("commit them, or hand off all the same with `gt handoff --force`"))
}

fn request(run: &Run, arguments: &Handoff, patience: Duration) -> CliResult<Request> {
    let message = arguments.message.as_deref().map(mail::body).transpose()?;
    let now = clock::now();
    Ok(Request {
        id: clock::fresh_id(),
        agent: run.agent.clone(),
        incarnation: Some(run.incarnation),
        action: action(arguments, run.agent.role()),
        actor: Actor::Agent(run.agent.clone()),
        message,
        requested_at: now,
        expires_at: after(now, patience),
    })
}

/// The request's message as mail to oneself: it is there for the successor whatever else happens.
fn words_for_successor(request: &Request) -> CliResult<Option<NewMessage>> {
    let own = Address::Agent(request.agent.clone());
    match (&request.message, request.action) {
        (Some(words), Action::Cycle | Action::Restart) => {
            mail::draft(&own, vec![own.to_string()], SUBJECT, words.clone()).map(Some)
        }
        (Some(_), Action::Shutdown) | (None, _) => Ok(None),
    }
}

fn say_what_is_asked(request: &Request, outcome: SubmitOutcome) {
    let Request { agent, action, .. } = request;
    match outcome {
        SubmitOutcome::New => printer::talk(format!(
            "asked for {action} of {agent}; waiting to be stopped (`gt handoff --cancel` takes it back)"
        )),
        SubmitOutcome::AlreadyOpen(_) => printer::talk(format!(
            "{agent} has an open request already; nothing was added, waiting on that one"
        )),
    }
    let lost = request.message.is_some() && *action == Action::Shutdown;
    if lost {
        printer::talk("nobody comes after a shutdown: the message is kept with the request only");
    }
}

/// How the request ended; none while it is open or being carried out.
pub(super) fn look(store: &Store, id: Uuid) -> Option<CliResult> {
    match store.request_status(id).doing("look at the request") {
        Ok(status) => ended(status?),
        Err(error) => Some(Err(error)),
    }
}

fn ended(status: RequestStatus) -> Option<CliResult> {
    let failed = |why: &str| {
        let error = CliError::failed(format!("the request {why}"));
        Some(Err(error.hint(
            "`gt status` shows the town, `gt why AGENT` one agent",
        )))
    };
    match status {
        RequestStatus::Open | RequestStatus::Taken => None,
        RequestStatus::Done => Some(Ok(())),
        RequestStatus::Refused(reason) => {
            failed(&format!("was refused: {}", printable_line(&reason)))
        }
        RequestStatus::Expired => failed("was not carried out in time"),
        RequestStatus::Cancelled => failed("was withdrawn"),
    }
}

/// The time is over: nothing is left behind that could stop this run later, unless somebody else
/// of this run still waits on it.
fn give_up(store: &mut Store, request: &Request, outcome: SubmitOutcome) -> CliResult {
    let withdrawn = outcome == SubmitOutcome::New
        && store
            .cancel_request(request.id, clock::now())
            .doing("withdraw the request")?;
    let why = match outcome {
        SubmitOutcome::New if withdrawn => "nobody took the request in time; it was withdrawn",
        SubmitOutcome::New => "the request is being carried out, and has not ended this run yet",
        SubmitOutcome::AlreadyOpen(_) => "the earlier request is still open",
    };
    let over = || {
        let hint = format!("`gt why {}` tells what it waits on", request.agent);
        Err(CliError::failed(why).hint(hint))
    };
    if withdrawn {
        return over();
    }
    look(store, outcome.open_request(request.id)).unwrap_or_else(over)
}

/// Takes back the open request of this run. What somebody else asked for is not its to withdraw.
fn cancel(store: &mut Store, run: &Run) -> CliResult {
    let pending = store.pending_requests().doing("read the requests")?;
    let of_run = pending.into_iter().map(|(request, _)| request);
    let (own, others): (Vec<Request>, Vec<Request>) = of_run
        .filter(|request| {
            request.agent == run.agent && request.incarnation == Some(run.incarnation)
        })
        .partition(|request| request.actor == Actor::Agent(run.agent.clone()));
    let Some(request) = own.first() else {
        let no_own = format!("{} has no open request of its own", run.agent);
        return Err(CliError::failed(no_own).hint(match others.first() {
            Some(Request { actor, action, .. }) => {
                format!("{actor} asked for {action}, and alone takes that back")
            }
            None => format!("`gt why {}` tells what it waits on", run.agent),
        }));
    };
    let withdrawn = store
        .cancel_request(request.id, clock::now())
        .doing("withdraw the request")?;
    if !withdrawn {
        let late = format!("{} is being carried out already", request.action);
        let hint = format!("`gt why {}` tells how far it is", run.agent);
        return Err(CliError::failed(late).hint(hint));
    }
    printer::talk(format!("took back the request for {}", request.action));
    Ok(())
}

#[cfg(test)]
mod tests;
