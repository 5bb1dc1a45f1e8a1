//! `gt demo`.

use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn demo(_: &crate::cli::Demo) -> CliResult {
    Err(CliError::failed("`gt demo` is not built yet"))
}
