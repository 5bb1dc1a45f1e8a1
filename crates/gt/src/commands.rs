//! The commands: one file a verb or family, each a free function that reads straight down.

pub(crate) mod agent;
pub(crate) mod agents;
pub(crate) mod attach;
pub(crate) mod config;
pub(crate) mod daemon;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod events;
pub(crate) mod handoff;
mod hook;
mod hooks;
pub(crate) mod install;
mod interrupt;
pub(crate) mod mail;
mod nudge;
pub(crate) mod peek;
pub(crate) mod prime;
pub(crate) mod rig;
pub(crate) mod seat;
pub(crate) mod service;
mod stage;
pub(crate) mod status;
pub(crate) mod status_line;
pub(crate) mod tmux;
pub(crate) mod up;
pub(crate) mod util;
pub(crate) mod why;

#[cfg(test)]
pub(crate) mod test_town;

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::error::CliResult;
use crate::printer;

/// Runs the command that was given.
pub(crate) fn run(cli: Cli) -> CliResult {
    let town = || Context::find(cli.town.as_deref());
    match cli.command {
        Command::Install(arguments) => install::install(&arguments),
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Util(verb) => util::util(verb),
        Command::Version => {
            printer::data(format!("gt {}", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        Command::Config(verb) => config::config(town, verb),
        Command::Rig(verb) => rig::rig(&town()?, verb),
        Command::Up(arguments) => up::up(&town()?, &arguments),
        Command::Down(arguments) => down::down(&town()?, &arguments),
        Command::Daemon(verb) => daemon::daemon(&town()?, verb),
        Command::Status(json) => status::status(&town()?, json),
        Command::Why { agent, json } => why::why(&town()?, &agent, json),
        Command::Events(arguments) => events::events(&town()?, &arguments),
        Command::Doctor(arguments) => doctor::doctor(&town()?, &arguments),
        Command::Agent(verb) => agent::agent(cli.town.as_deref(), verb),
        Command::Agents(json) => agents::agents(&town()?, json),
        Command::Attach { agent } => attach::attach(&town()?, &agent),
        Command::Peek { agent } => peek::peek(&town()?, &agent),
        Command::Interrupt { agent } => interrupt::interrupt(&town()?, &agent),
        Command::Mayor(verb) => seat::town_seat(&town()?, gt_core::AgentId::Mayor, verb),
        Command::Deacon(verb) => seat::deacon(&town()?, verb),
        Command::Witness(verb) => seat::rig_seat(&town()?, gt_core::AgentId::Witness, verb),
        Command::Refinery(verb) => seat::rig_seat(&town()?, gt_core::AgentId::Refinery, verb),
        Command::Crew(verb) => seat::crew(&town()?, verb),
        Command::Mail(verb) => mail::mail(&town()?, verb),
        Command::Nudge(arguments) => nudge::nudge(&town()?, arguments),
        Command::Broadcast(arguments) => nudge::broadcast(&town()?, &arguments),
        Command::Handoff(arguments) => handoff::handoff(&town()?, &arguments),
        Command::Prime => prime::prime(&town()?),
        Command::Hook { event } => {
            hook::hook(cli.town.as_deref(), &event);
            Ok(())
        }
        Command::Hooks(verb) => hooks::hooks(&verb),
        Command::Tmux { arguments } => tmux::tmux(&town()?, &arguments),
        Command::StatusLine { session } => status_line::status_line(&town()?, &session),
    }
}
