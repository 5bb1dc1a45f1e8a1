//! `gt install`.

use crate::error::{CliError, CliResult};

/// Not built yet.
pub(crate) fn install(_: &crate::cli::Install) -> CliResult {
    Err(CliError::failed("`gt install` is not built yet"))
}
