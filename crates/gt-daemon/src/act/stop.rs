//! The end of a run: asked of its holder, or of the system where the holder is gone.

use std::rc::Rc;
use std::time::Duration;

use gt_core::AgentId;
use gt_core::event::EventKind;
use gt_core::incarnation::IncarnationId;
use gt_core::plan::{ActionKind, Step, StopPurpose};
use gt_core::snapshot::{Begun, InFlight};
use gt_host::clock;
use gt_host::holder::kill_set::{self, BEYOND_GRACE, Scope};
use gt_host::holder::protocol::Answer;

use super::post_mortem::{Kept, keep_screen};
use super::{Failure, Outcome, spawn};
use crate::daemon::{Daemon, Hands};
use crate::link::Link;
use crate::poke::{self, Poked};
use crate::terminal::pane_id;

/// Ends what a lost run has left.
pub(super) fn sweep(daemon: &mut Daemon, step: &Step, incarnation: IncarnationId) {
    daemon.note(EventKind::Stopped, Some(&step.agent), step.because.clone());
    let grace = daemon.policy.restart.stop_grace;
    let scope = daemon.scope_of_lost_run(&step.agent, incarnation);
    spawn(daemon, &step.agent, step.action.kind(), move |_| {
        end_leftovers(scope, grace)
    });
}

async fn end_leftovers(scope: Scope, grace: Duration) -> Result<Outcome, Failure> {
    let incarnation = scope.incarnation;
    let survivors = tokio::task::spawn_blocking(move || kill_set::end(scope, grace)).await??;
    Ok(Outcome::Swept(incarnation, survivors))
}

/// Stops a run. For its silence it is looked at once more: the loop hears what spares it, or that
/// nothing does.
pub(super) fn stop(
    daemon: &mut Daemon,
    step: &Step,
    incarnation: IncarnationId,
    purpose: StopPurpose,
) {
    if purpose != StopPurpose::Unresponsive {
        stop_run(
            daemon,
            &step.agent,
            incarnation,
            purpose,
            step.because.clone(),
        );
        return;
    }
    let seat = &daemon.seats[&step.agent];
    let (spec, pane) = (seat.spec_of_run(), seat.pane.known().cloned().flatten());
    let misses = seat.memory.misses;
    let quiet = daemon.policy.attached_quiet;
    let because = step.because.clone();
    let look = async move |hands: Rc<Hands>| {
        let spared = poke::look_before_stop(&hands, &spec, pane, quiet).await?;
        Ok(match spared {
            None => Outcome::Silent {
                incarnation,
                because,
            },
            Some(tried) => Outcome::Poked(Poked {
                incarnation,
                misses,
                tried: Ok(tried),
                at: clock::now(),
            }),
        })
    };
    spawn(daemon, &step.agent, ActionKind::Stop, look);
}

/// Writes who, why and on what evidence, then stops.
pub(crate) fn stop_run(
    daemon: &mut Daemon,
    agent: &AgentId,
    incarnation: IncarnationId,
    purpose: StopPurpose,
    because: String,
) {
    daemon.note(EventKind::Stopped, Some(agent), because);
    let grace = daemon.policy.restart.stop_grace;
    let seat = daemon.seats.get_mut(agent).expect("a stop names a seat");
    seat.stopping = Some(purpose);
    seat.in_flight.get_or_insert(InFlight {
        what: Begun::Action(ActionKind::Stop),
        since: clock::now(),
    });
    let link = seat.link.clone();
    let pane = seat.pane.known().cloned().flatten();
    let shown = pane.map(|pane| (incarnation, pane_id(&pane.pane)));
    let stopped = agent.clone();
    spawn(
        daemon,
        agent,
        ActionKind::Stop,
        async move |hands: Rc<Hands>| {
            // The stop waits for the capture, and not for the disk.
            keep_screen(&hands, &stopped, shown, Kept::Before).await;
            stop_by_holder(link, incarnation, grace).await
        },
    );
}

async fn stop_by_holder(
    link: Option<Link>,
    incarnation: IncarnationId,
    grace: Duration,
) -> Result<Outcome, Failure> {
    let link = link.ok_or_else(|| Failure("its holder is not connected".to_owned()))?;
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    match link
        .stop(incarnation, grace_ms, grace + BEYOND_GRACE)
        .await?
    {
        Answer::Gone {
            survivors,
            unknown: None,
            ..
        } => Ok(Outcome::Stopped(survivors)),
        Answer::Gone {
            unknown: Some(why), ..
        } => Err(Failure(format!("what is left of it is unknown: {why}"))),
        Answer::Refused { refusal } => Err(refusal.into()),
        other => Err(Failure(format!("its holder answered with {other:?}"))),
    }
}
