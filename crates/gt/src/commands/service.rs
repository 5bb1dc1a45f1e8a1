//! `gt daemon install` and `uninstall`.

use crate::context::Context;
use crate::error::{CliError, CliResult};

pub(crate) fn install(_: &Context) -> CliResult {
    Err(CliError::failed("`gt daemon install` is not built yet"))
}

pub(crate) fn uninstall(_: &Context) -> CliResult {
    Err(CliError::failed("`gt daemon uninstall` is not built yet"))
}
