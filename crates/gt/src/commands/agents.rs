//! `gt agents`: who has a seat in the town.

use crate::cli::Json;
use crate::commands::status;
use crate::context::Context;
use crate::error::CliResult;
use crate::printer;

/// Lists the agents.
pub(crate) fn agents(context: &Context, json: Json) -> CliResult {
    let status = status::look(context)?;
    if json.json {
        printer::json(&status.agents);
    } else {
        printer::text(&status::table(&status.agents));
    }
    Ok(())
}
