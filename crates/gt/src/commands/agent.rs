//! `gt agent`: a preset's file checked, and a screen read by its rules, without a daemon.

mod conformance;

use std::io::Read as _;
use std::path::Path;

use gt_api::view::ScreenReading;
use gt_core::screen::{Capture, Screen};
use gt_host::config::{Config, preset_schema};
use gt_host::preset;

use crate::cli::{Agent, Json};
use crate::context::{Context, did_you_mean};
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// Runs the verb.
pub(crate) fn agent(town: Option<&Path>, verb: Agent) -> CliResult {
    match verb {
        Agent::Check { file } => check(&file),
        Agent::Schema => {
            printer::json(&preset_schema());
            Ok(())
        }
        Agent::Conformance(arguments) => conformance::conformance(&arguments),
        Agent::Explain {
            screen,
            preset,
            title,
            json,
        } => {
            let text = read(&screen)?;
            let reading = explain(&config(town)?, &preset, &Capture { title, text })?;
            print(&reading, json);
            Ok(())
        }
    }
}

fn check(file: &Path) -> CliResult {
    let text = fs_err::read_to_string(file).doing("read the preset")?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let Err(mistakes) = preset::check(&name, &text) else {
        printer::talk(format!("{} has no mistakes", file.display()));
        return Ok(());
    };
    for mistake in &mistakes {
        printer::data(format!("{}: {mistake}", file.display()));
    }
    let count = match mistakes.len() {
        1 => "1 mistake".to_owned(),
        several => format!("{several} mistakes"),
    };
    Err(CliError::failed(format!("{} has {count}", file.display()))
        .hint("`gt agent schema` shows its keys"))
}

fn read(screen: &Path) -> CliResult<String> {
    if screen != Path::new("-") {
        return fs_err::read_to_string(screen).doing("read the screen");
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .doing("read the screen from standard input")?;
    Ok(text)
}

/// The town's configuration, or the presets alone outside a town.
fn config(town: Option<&Path>) -> CliResult<Config> {
    match Context::find(town) {
        Ok(context) => context.config(),
        Err(error) if error.kind == Kind::NotInATown && town.is_none() => Ok(Config::default()),
        Err(error) => Err(error),
    }
}

fn explain(config: &Config, name: &str, shown: &Capture) -> CliResult<ScreenReading> {
    let preset = config.agent(name).ok_or_else(|| {
        let known: Vec<String> = config.agent_names().map(str::to_owned).collect();
        let message = format!("no preset `{}`", name.escape_default());
        did_you_mean(CliError::new(Kind::Usage, message), name, &known)
            .hint(format!("there are {}", known.join(", ")))
    })?;
    let reading = preset.screen.explain(shown);
    let screen = preset.screen.read(shown);
    Ok(ScreenReading {
        state: reading.state.to_string(),
        evidence: reading.to_string(),
        rule: reading.rule,
        line: reading.line,
        may_type: screen == Screen::Prompt,
        input: screen.to_string(),
    })
}

fn print(reading: &ScreenReading, json: Json) {
    if json.json {
        return printer::json(reading);
    }
    let typing = if reading.may_type {
        "text may be typed"
    } else {
        "nothing is typed"
    };
    printer::data(format!("{}: {}", reading.state, reading.evidence));
    printer::data(format!("{typing}: the screen shows {}", reading.input));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_explained(preset: &str, title: &str, text: &str, expect: &str) {
        let shown = Capture {
            title: title.to_owned(),
            text: text.to_owned(),
        };
        let said = match explain(&Config::default(), preset, &shown) {
            Ok(reading) => format!("{}: {}; {}", reading.state, reading.evidence, reading.input),
            Err(error) => error.to_string(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn a_screen_is_explained_by_the_rule_and_the_line() {
        let box_of = |row: &str| format!("● done\n\n────\n❯ {row}\n────\n  ? for shortcuts\n");
        check_explained(
            "claude",
            "",
            &box_of(""),
            "idle: `ready` matches `❯`; an empty prompt",
        );
        check_explained(
            "claude",
            "",
            &box_of("half a"),
            "idle: `ready` matches `❯ half a`; a half-typed line",
        );
        check_explained(
            "gemini",
            "✋  Action Required (garden)",
            "",
            "needs-approval: `titles.needs-approval` matches `✋  Action Required (garden)`; a dialog",
        );
    }

    #[test]
    fn an_unknown_preset_is_a_usage_error_that_names_the_nearest() {
        check_explained(
            "cluade",
            "",
            "",
            "error: no preset `cluade`\nhint: did you mean `claude`?\nhint: there are aider, amp, claude, codex, copilot, cursor, gemini, generic, opencode",
        );
    }
}
