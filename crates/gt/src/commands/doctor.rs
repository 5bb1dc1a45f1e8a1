//! `gt doctor`.

use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn doctor(_: &Context, _: &crate::cli::Doctor) -> CliResult {
    Err(CliError::failed("`gt doctor` is not built yet"))
}
