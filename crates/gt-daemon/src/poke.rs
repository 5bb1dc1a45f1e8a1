//! The daemon's own nudge, and the last look before a silent run is stopped.

use std::rc::Rc;
use std::time::Duration;

use gt_core::incarnation::IncarnationId;
use gt_core::memory::PokeResult;
use gt_core::plan::Step;
use gt_core::screen::Screen;
use gt_core::snapshot::Pane;
use gt_core::time::elapsed;
use gt_host::clock;
use gt_host::roster::SeatSpec;
use gt_host::tmux::request;
use jiff::Timestamp;

use crate::act::{self, Failure, Outcome};
use crate::daemon::{Daemon, Hands};
use crate::terminal::last_activity;
use crate::typing::{Keyboard, Tried};

/// What to bring where.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) incarnation: IncarnationId,
    pub(crate) pane: Pane,
    pub(crate) text: String,
    pub(crate) misses: u32,
}

/// A poke that was tried.
#[derive(Debug)]
pub(crate) struct Poked {
    pub(crate) incarnation: IncarnationId,
    pub(crate) misses: u32,
    /// How it went. A failure leaves open how far it came.
    pub(crate) tried: Result<Tried, Failure>,
    /// When.
    pub(crate) at: Timestamp,
}

/// Begins to bring a message to its agent.
pub(crate) fn poke(daemon: &Daemon, step: &Step, message: Message) {
    let keyboard = Keyboard::of(daemon, &step.agent, message.pane.clone(), "poke");
    act::spawn(daemon, &step.agent, step.action.kind(), |hands| {
        bring(hands, keyboard, message)
    });
}

/// Brings the message, or says why not.
async fn bring(hands: Rc<Hands>, keyboard: Keyboard, message: Message) -> Result<Outcome, Failure> {
    // From before the first key: an agent may answer sooner than its screen shows that it took the
    // message, and that is an answer to this poke.
    let at = clock::now();
    let typing = keyboard.with(&hands);
    let tried = if typing.is_free().await {
        typing.bring(&message.text, async || Ok(true)).await
    } else {
        Ok(PokeResult::NotTried.into())
    };
    Ok(Outcome::Poked(Poked {
        incarnation: message.incarnation,
        misses: message.misses,
        tried,
        at,
    }))
}

/// The last look before a silent run is stopped: what spares it, if something does. A dialog waits
/// for a person, not the other way round, and a person at the terminal is no silence. Whoever is
/// attached and rests is told. What cannot be looked at is an error: nothing is stopped on it.
pub(crate) async fn look_before_stop(
    hands: &Hands,
    spec: &SeatSpec,
    pane: Option<Pane>,
    quiet: Duration,
) -> Result<Option<Tried>, Failure> {
    let pane = pane.ok_or_else(|| Failure("its pane is not known".to_owned()))?;
    let people = hands.terminal.people().await?;
    let active = last_activity(&people, &pane.session);
    if active.is_some_and(|at| elapsed(at, clock::now()) < quiet) {
        return Ok(Some(PokeResult::NotTried.into()));
    }
    let captured = hands.terminal.look(&pane.pane).await?;
    let rules = &spec.preset.screen;
    if rules.read(&captured) == Screen::Dialog {
        return Ok(Some(Tried::not_typed(rules, &captured)));
    }
    for person in people
        .iter()
        .filter(|person| person.session_id.to_string() == pane.session)
    {
        let text = format!("gt restarts {}: it left pokes unanswered", spec.agent);
        // The stop does not depend on its announcement.
        let _ = hands.terminal.ask(request::announce(person, &text)).await;
    }
    Ok(None)
}
