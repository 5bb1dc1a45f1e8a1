//! The snapshot of a beat, from what is known now.

use std::collections::BTreeMap;

use gt_core::AgentId;
use gt_core::address::Address;
use gt_core::decide;
use gt_core::incarnation::IncarnationId;
use gt_core::intent::Intent;
use gt_core::observed::Observed;
use gt_core::screen::{Reset, ScreenState, Sighting};
use gt_core::snapshot::{AgentFacts, NudgeFacts, Owed, RequestFacts, Shown, Snapshot};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::daemon::Daemon;
use crate::event::Event;
use crate::lookout::Readiness;
use crate::seat::Seat;

/// By the preset's name: since when, and whose.
type RefusedLogins<'a> = BTreeMap<&'a str, (Timestamp, &'a AgentId)>;

impl Daemon {
    /// Puts together what is known. Looks at nothing but the work directories and programs of agents
    /// that may have to be started.
    pub(crate) fn observe(&self) -> Snapshot {
        let refused = self.refused_logins();
        let seats = self.seats.values();
        let mut snapshot = Snapshot {
            now: gt_host::clock::now(),
            epoch: self.clockwork.epoch(),
            down: self.down(),
            raised_at: self.raised_at,
            frozen: self.store_trouble.clone(),
            agents: seats.map(|seat| self.facts(seat, &refused)).collect(),
            requests: self.request_facts(),
        };
        decide::look_at_launches(&mut snapshot, |agent| self.launch(&self.seats[agent]));
        snapshot
    }

    fn facts(&self, seat: &Seat, refused: &RefusedLogins<'_>) -> AgentFacts {
        let spec = &seat.spec;
        let refused = refused.get(seat.preset().name.as_str());
        // A run whose own login is refused minds only those before it.
        let other = refused.filter(|(_, agent)| **agent != spec.agent);
        AgentFacts {
            id: spec.agent.clone(),
            run: spec.run,
            poke: spec.poke,
            can_type: seat.preset().screen.can_type(),
            intent: self.wish(&spec.agent),
            launch: Observed::unknown("no start is wanted now"),
            pane: seat.pane.clone(),
            name_taken: seat.name_taken,
            holder: seat.holder.clone(),
            last_end: seat.last_end,
            activity: seat.activity,
            shown: seat.sighting.as_ref().map(shown),
            login_refused: other.map(|(since, agent)| ((*agent).clone(), *since)),
            owed: self.owed(&spec.agent),
            nudge: self.nudge(seat),
            memory: seat.memory.clone(),
            in_flight: seat.in_flight.clone(),
            failure: seat.failure.clone(),
            fresh: IncarnationId(gt_host::clock::fresh_id()),
        }
    }

    /// The earliest run of each account, which is its preset, whose login is refused.
    fn refused_logins(&self) -> RefusedLogins<'_> {
        let mut refused = RefusedLogins::new();
        for seat in self.seats.values().filter(|seat| seat.running().is_some()) {
            let shown = seat.sighting.as_ref();
            let Some(sighting) = shown.filter(|it| it.reading.state == ScreenState::AuthDead)
            else {
                continue;
            };
            let this = (sighting.since, &seat.spec.agent);
            let first = refused.entry(seat.preset().name.as_str()).or_insert(this);
            *first = this.min(*first);
        }
        refused
    }

    /// Whether a successor could be started. Most seats of a large town rest, and a look costs a dozen
    /// system calls.
    pub(crate) fn launch(&self, seat: &Seat) -> Readiness {
        let found = (self.lookout).launch_readiness(&seat.spec, self.captured_path());
        if found.known().is_none() {
            self.hands.tell_again(Event::Tick);
        }
        found
    }

    /// The stored wish for an agent.
    fn wish(&self, agent: &AgentId) -> Observed<Option<Intent>> {
        match (&self.rows, &self.store_trouble) {
            (Some(rows), _) => Observed::Known(rows.intents.get(agent).cloned()),
            (None, Some(reason)) => Observed::Unknown(reason.clone()),
            (None, None) => Observed::unknown("the store was not read yet"),
        }
    }

    fn owed(&self, agent: &AgentId) -> Observed<Owed> {
        match (&self.rows, &self.store_trouble) {
            (Some(rows), None) => {
                let address = Address::Agent(agent.clone()).to_string();
                Observed::Known(rows.owed.get(&address).copied().unwrap_or_default())
            }
            (_, Some(reason)) => Observed::Unknown(reason.clone()),
            (None, None) => Observed::unknown("the store was not read yet"),
        }
    }

    /// The next message for an agent, with what came of the last try to bring it.
    fn nudge(&self, seat: &Seat) -> Option<NudgeFacts> {
        let next = self.rows.as_ref()?.nudges.get(&seat.spec.agent)?;
        let tried = seat.nudge_tried.as_ref().filter(|(id, _)| *id == next.id);
        Some(NudgeFacts {
            id: next.id,
            expiring: next.expiring,
            expires_at: next.expires_at,
            typing: next.typing,
            tried: tried.map(|(_, tried)| tried.clone()),
        })
    }

    fn request_facts(&self) -> Vec<RequestFacts> {
        let requests = self.rows.iter().flat_map(|rows| &rows.requests);
        requests
            .map(|(request, taken_at)| RequestFacts {
                request: request.clone(),
                taken_at: *taken_at,
            })
            .collect()
    }
}

fn shown(sighting: &Sighting) -> Shown {
    let since = sighting.since;
    let moment = |reset: &Reset| {
        let named = reset.zone().and_then(|zone| TimeZone::get(zone).ok());
        let zone = named.unwrap_or_else(TimeZone::system);
        reset.moment(&since.to_zoned(zone))
    };
    Shown {
        state: sighting.reading.state,
        since,
        until: sighting.reading.reset.as_ref().and_then(moment),
    }
}
