//! `gt config`.

use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn config(_: &Context, _: crate::cli::Config) -> CliResult {
    Err(CliError::failed("`gt config` is not built yet"))
}
