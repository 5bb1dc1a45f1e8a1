//! `gt`: the command line, the daemon, the holders and the scripted agent in one binary.
//!
//! What must be small or quick branches off before arguments are parsed: holders live by the
//! hundred, and agents' hooks run `gt` at every turn.

mod capture;
mod cli;
mod client;
mod commands;
mod completion;
mod context;
mod error;
mod printer;
mod prompts;
mod wait;
mod wishes;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser as _};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let rest = || arguments.iter().skip(2).cloned();
    match arguments.get(1).and_then(|word| word.to_str()) {
        Some("hold") => ExitCode::from(gt_host::holder::run(rest())),
        Some("quiet") => gt_host::holder::be_quiet(),
        Some("simulate-agent") => simulate_agent(rest().collect()),
        _ => run(arguments),
    }
}

/// The scripted agent of the demo and the tests.
fn simulate_agent(arguments: Vec<OsString>) -> ExitCode {
    let code = gt_testkit::scripted_agent::run(arguments);
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// The parser's error without a suggestion that no help text shows.
fn without_hidden(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::Strings(mut names)) = error.remove(ContextKind::SuggestedSubcommand)
    else {
        return error;
    };
    let gt = cli::Cli::command();
    let families = std::iter::once(&gt).chain(gt.get_subcommands());
    let hidden: Vec<&str> = families
        .flat_map(clap::Command::get_subcommands)
        .filter(|verb| verb.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    names.retain(|name| !hidden.contains(&name.as_str()));
    if !names.is_empty() {
        error.insert(
            ContextKind::SuggestedSubcommand,
            ContextValue::Strings(names),
        );
    }
    error
}

fn run(arguments: Vec<OsString>) -> ExitCode {
    clap_complete::CompleteEnv::with_factory(commands::util::command_with_live_names).complete();
    let is_hook = arguments.get(1).is_some_and(|word| word == "hook");
    let parsed = match cli::Cli::understand_hot(&arguments) {
        Some(cli) => Ok(cli),
        None => cli::Cli::try_parse_from(arguments).map_err(without_hidden),
    };
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            if !error.use_stderr() {
                printer::until_the_reader_leaves(printed);
            }
            // An agent's program takes the code of a wrong line for a refusal of what it was to do.
            if is_hook {
                return ExitCode::SUCCESS;
            }
            return ExitCode::from(
                u8::try_from(error.exit_code()).unwrap_or(gt_api::exit_code::USAGE),
            );
        }
    };
    match commands::run(cli) {
        Ok(()) => ExitCode::from(gt_api::exit_code::DONE),
        Err(error) => {
            if error.kind != error::Kind::Answer {
                printer::talk(&error);
            }
            error.exit_code()
        }
    }
}
