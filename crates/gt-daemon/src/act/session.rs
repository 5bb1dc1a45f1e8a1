//! Sessions: the seat of an agent in the town's tmux server, made and removed.

use std::ffi::{OsStr, OsString};
use std::rc::Rc;
use std::time::Duration;

use gt_core::AgentId;
use gt_core::plan::Step;
use gt_core::snapshot::Pane;
use gt_core::theme::Theme;
use gt_host::holder::kill_set::BEYOND_GRACE;
use gt_host::holder::protocol::{Answer, Request};
use gt_host::rig;
use gt_host::roster::SeatSpec;
use gt_host::tmux::{NewSession, config, request};

use super::post_mortem::{Kept, keep_screen};
use super::{Failure, Outcome, spawn};
use crate::daemon::{Daemon, Hands};
use crate::link::{Link, LinkError};
use crate::terminal::{Owner, pane_id};

pub(super) fn create(daemon: &Daemon, step: &Step) {
    let spec = daemon.seats[&step.agent].spec.clone();
    let theme = rig::theme(daemon.hands.town.paths(), &spec.agent);
    spawn(daemon, &step.agent, step.action.kind(), move |hands| {
        create_session(hands, spec, theme)
    });
}

pub(super) fn remove(daemon: &Daemon, step: &Step, pane: Pane) {
    let seat = &daemon.seats[&step.agent];
    let (link, owner, last) = (seat.link.clone(), seat.owner(), seat.last_screen());
    let grace = daemon.policy.restart.stop_grace;
    let agent = step.agent.clone();
    spawn(
        daemon,
        &step.agent,
        step.action.kind(),
        async move |hands| {
            if let Some(written) = keep_screen(&hands, &agent, last, Kept::After).await {
                written.await?;
            }
            remove_session(hands, link, pane, owner, grace).await
        },
    );
}

async fn create_session(
    hands: Rc<Hands>,
    spec: SeatSpec,
    theme: Theme,
) -> Result<Outcome, Failure> {
    let session = NewSession {
        name: spec.session_name.clone(),
        directory: hands.town.paths().root().to_owned(),
        environment: Vec::new(),
        argv: holder_command(&hands, &spec.agent),
    };
    let made = hands.terminal.ask(request::create(&session)).await?;
    let pane = Pane {
        session: made.session_id.to_string(),
        pane: made.pane_id.to_string(),
        attached: None,
    };
    // A session without its colours is a session all the same.
    let _ = hands
        .terminal
        .ask(config::dress(
            &made.session_id,
            &spec.agent,
            theme,
            &hands.gt,
        ))
        .await;
    Ok(Outcome::SessionCreated(pane, made.pane_pid))
}

fn holder_command(hands: &Hands, agent: &AgentId) -> Vec<OsString> {
    let town = hands.town.paths().root();
    let agent = agent.to_string();
    let words: [&OsStr; 6] = [
        hands.gt.as_os_str(),
        "hold".as_ref(),
        "--town".as_ref(),
        town.as_os_str(),
        "--agent".as_ref(),
        agent.as_ref(),
    ];
    words.map(ToOwned::to_owned).to_vec()
}

/// Ends the agent's pane and nothing else: what a person put beside it stays.
async fn remove_session(
    hands: Rc<Hands>,
    link: Option<Link>,
    pane: Pane,
    owner: Owner,
    grace: Duration,
) -> Result<Outcome, Failure> {
    let row = hands.terminal.row_of(&pane, &owner).await;
    if let Some(link) = link {
        match link.ask(Request::Quit, grace + BEYOND_GRACE).await {
            Ok(Answer::Refused { refusal }) => return Err(refusal.into()),
            // A holder that is gone already needs no telling.
            Ok(_) | Err(LinkError::Lost) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if row?.is_none() {
        return Ok(Outcome::SessionRemoved);
    }
    match hands
        .terminal
        .ask(request::remove(&pane_id(&pane.pane)))
        .await
    {
        Ok(()) => Ok(Outcome::SessionRemoved),
        Err(error) if error.is_not_found() => Ok(Outcome::SessionRemoved),
        Err(error) => Err(error.into()),
    }
}
