//! `gt handoff`.

use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn handoff(_: &Context, _: &crate::cli::Handoff) -> CliResult {
    Err(CliError::failed("`gt handoff` is not built yet"))
}
