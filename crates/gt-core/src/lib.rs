//! The decisions of Gas Town, as pure functions of what was seen.
//!
//! Nothing here starts a program, reads a clock, a file or the environment, or draws a random
//! number: `now` and fresh ids come in as data ([`snapshot::Snapshot`]), and what shall be done goes out as
//! data ([`plan::Plan`]). The crate's dependency list enforces it.

#![warn(missing_docs)]

pub mod actor;
pub mod address;
pub mod agent_id;
pub mod decide;
pub mod event;
pub mod incarnation;
pub mod intent;
pub mod invisible;
pub mod lifecycle;
pub mod mail;
pub mod memory;
pub mod name;
pub mod nearest;
pub mod nudge;
pub mod observed;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod screen;
pub mod session;
pub mod shell;
pub mod snapshot;
pub mod theme;
pub mod time;

pub use actor::Actor;
pub use agent_id::{AgentId, Role, Roll};
pub use decide::decide;
pub use incarnation::{Exit, Incarnation, IncarnationId, ProcessId};
pub use intent::{Desire, Intent};
pub use name::{RigName, WorkerName};
pub use observed::{Observed, Reason};
