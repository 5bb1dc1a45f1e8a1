//! Messages, brought to a run or ended.

use std::rc::Rc;

use gt_core::AgentId;
use gt_core::incarnation::IncarnationId;
use gt_core::memory::PokeResult;
use gt_core::nudge::NudgeEnd;
use gt_core::plan::Step;
use gt_core::snapshot::Pane;
use gt_host::clock;
use uuid::Uuid;

use super::{Failure, Outcome, spawn};
use crate::daemon::{Daemon, Hands};
use crate::typing::Keyboard;

pub(super) fn bring(daemon: &Daemon, step: &Step, id: Uuid, run: IncarnationId, pane: Pane) {
    let message = Message {
        id,
        run,
        is_typing: daemon.is_typing(&step.agent, id, run),
    };
    let keyboard = Keyboard::of(daemon, &step.agent, pane, &id.to_string());
    spawn(daemon, &step.agent, step.action.kind(), |hands| {
        bring_message(hands, keyboard, message)
    });
}

struct Message {
    id: Uuid,
    run: IncarnationId,
    /// Its typing to this run was begun.
    is_typing: bool,
}

/// Types the message, at most once, and notes that it was taken once the screen has shown so.
async fn bring_message(
    hands: Rc<Hands>,
    keyboard: Keyboard,
    message: Message,
) -> Result<Outcome, Failure> {
    let Message { id, run, is_typing } = message;
    let text = hands.store.read(move |store| store.nudge_text(id)).await?;
    let Some(text) = text else {
        // It was withdrawn meanwhile; the next reading of the store shows it.
        return Ok(Outcome::Written);
    };
    let typing = keyboard.with(&hands);
    let begin = async || {
        let begun = hands.store.write(move |store| store.type_nudge(id, run));
        Ok(begun.await?)
    };
    let tried = if !typing.is_free().await {
        PokeResult::NotTried.into()
    } else if is_typing {
        typing.find(text.as_str()).await?
    } else {
        typing.bring(text.as_str(), begin).await?
    };
    if tried.result == PokeResult::Delivered {
        // What its screen shows after its end is another's.
        if typing.has_run_ended(run) {
            return Ok(Outcome::Nudged(id, PokeResult::NotTried.into()));
        }
        end_message(
            &hands,
            id,
            NudgeEnd::Confirmed,
            "its screen took it".to_owned(),
        )
        .await?;
    }
    Ok(Outcome::Nudged(id, tried))
}

pub(super) fn end(daemon: &Daemon, step: &Step, id: Uuid, end: NudgeEnd) {
    let reason = step.because.clone();
    spawn(
        daemon,
        &step.agent,
        step.action.kind(),
        async move |hands| {
            end_message(&hands, id, end, reason).await?;
            Ok(Outcome::Written)
        },
    );
}

pub(crate) async fn end_message(
    hands: &Hands,
    id: Uuid,
    end: NudgeEnd,
    reason: String,
) -> Result<bool, Failure> {
    let now = clock::now();
    let ended = hands
        .store
        .write(move |store| store.end_nudge(id, now, end, &reason));
    Ok(ended.await?)
}

impl Daemon {
    /// Whether this message's typing to this run was begun.
    fn is_typing(&self, agent: &AgentId, id: Uuid, run: IncarnationId) -> bool {
        let nudges = self.rows.as_ref().map(|rows| &rows.nudges);
        let next = nudges.and_then(|nudges| nudges.get(agent));
        next.is_some_and(|next| next.id == id && next.typing == Some(run))
    }
}
