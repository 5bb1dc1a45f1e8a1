//! The truth about requests, which no store can lose: what was done for each.

use std::collections::HashMap;

use gt_core::IncarnationId;
use uuid::Uuid;

/// What was done for one request.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The run that it stopped.
    pub(super) stopped: Option<IncarnationId>,
    pub(super) taken: bool,
    pub(super) closed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    requests: HashMap<Uuid, Done>,
}

impl Ledger {
    pub(super) fn of(&mut self, request: Uuid) -> &mut Done {
        self.requests.entry(request).or_default()
    }
}
