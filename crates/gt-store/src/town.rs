//! What a beat needs of the store, as it was at one moment.
//!
//! Invariant: all of it is read in one transaction.

use std::collections::BTreeMap;

use gt_core::lifecycle::Request;
use gt_core::mail::Message;
use gt_core::snapshot::Owed;
use gt_core::{AgentId, Intent};
use jiff::Timestamp;

use crate::intents::intents;
use crate::mail::{owed, unhandled_lifecycle_mail};
use crate::nudges::{PendingNudge, next_nudges};
use crate::requests::pending_requests;
use crate::{Store, StoreError};

/// The rows that others than the daemon write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TownRows {
    /// What is wanted of each agent.
    pub intents: BTreeMap<AgentId, Intent>,
    /// Requests that are open or taken, oldest first, with when they were taken.
    pub requests: Vec<(Request, Option<Timestamp>)>,
    /// What each recipient owes; those who owe nothing are left out.
    pub owed: BTreeMap<String, Owed>,
    /// Lifecycle mail that is not handled yet, oldest first.
    pub lifecycle_mail: Vec<Message>,
    /// The next nudge of each agent that has one.
    pub nudges: BTreeMap<AgentId, PendingNudge>,
}

impl Store {
    /// Reads what a beat needs.
    pub fn read_town(&self) -> Result<TownRows, StoreError> {
        self.read_together("reading the town", |connection| {
            Ok(TownRows {
                intents: intents(connection)?,
                requests: pending_requests(connection)?,
                owed: owed(connection)?,
                lifecycle_mail: unhandled_lifecycle_mail(connection)?,
                nudges: next_nudges(connection)?,
            })
        })
    }
}
