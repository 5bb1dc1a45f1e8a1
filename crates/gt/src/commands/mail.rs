//! `gt mail`.

use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn mail(_: &Context, _: crate::cli::Mail) -> CliResult {
    Err(CliError::failed("`gt mail` is not built yet"))
}
