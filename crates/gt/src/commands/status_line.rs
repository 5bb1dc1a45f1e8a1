//! `gt status-line`.

use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn status_line(_: &Context, _: &str) -> CliResult {
    Err(CliError::failed("`gt status-line` is not built yet"))
}
