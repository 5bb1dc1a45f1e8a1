//! `gt rig`.

use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn rig(_: &Context, _: crate::cli::Rig) -> CliResult {
    Err(CliError::failed("`gt rig` is not built yet"))
}
