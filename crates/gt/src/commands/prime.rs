//! `gt prime`.

use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn prime(_: &Context) -> CliResult {
    Err(CliError::failed("`gt prime` is not built yet"))
}
