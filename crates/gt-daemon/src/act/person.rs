//! Telling a person.

use std::rc::Rc;

use gt_core::plan::Step;
use gt_host::clock;
use jiff::Timestamp;

use super::{Failure, Outcome, spawn};
use crate::daemon::{Daemon, Hands};
use crate::notification::{Trouble, escalation_mail};

pub(super) fn tell(daemon: &Daemon, step: &Step, circuit: Option<Option<Timestamp>>) {
    let kind = step.action.kind();
    let (agent, step) = (step.agent.clone(), step.clone());
    let trouble = Trouble {
        last_end: daemon.seats[&agent].last_end.map(|end| end.how),
        is_given_up: circuit.is_some(),
    };
    spawn(daemon, &agent, kind, move |hands| {
        tell_person(hands, step, trouble, circuit)
    });
}

/// Puts it into the overseer's mail that a person is needed. Only then is it remembered as told.
async fn tell_person(
    hands: Rc<Hands>,
    step: Step,
    trouble: Trouble,
    circuit: Option<Option<Timestamp>>,
) -> Result<Outcome, Failure> {
    let mail = escalation_mail(&step, &trouble, clock::now());
    hands.store.write(move |store| store.send(&mail)).await?;
    Ok(Outcome::PersonTold {
        because: step.because,
        circuit,
    })
}
