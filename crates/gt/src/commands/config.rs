//! `gt config`: what holds in the town, who says so, and changing it without losing a comment.

use std::path::Path;

use gt_api::request::Request;
use gt_core::observed::chain;
use gt_core::shell::word;
use gt_host::config::{self, ConfigError, Effective, Mistake, Origin, Value};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::cli::{Config, Json};
use crate::client::Client;
use crate::commands::status;
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// One key with its value: `gt config show --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entry {
    /// Its path, such as `poke.fresh`.
    key: String,
    /// Its value; lengths of time and sizes are texts, as in the file.
    value: serde_json::Value,
    /// Who says so: `town.toml`, `preset` or `default`.
    origin: &'static str,
}

/// Runs the verb. The schema is every town's.
pub(crate) fn config(town: impl FnOnce() -> CliResult<Context>, verb: Config) -> CliResult {
    match verb {
        Config::Show(json) => show(&town()?, json),
        Config::Get { key } => get(&town()?, &key),
        Config::Set { key, value } => set(&town()?, &key, &value),
        Config::Check => check(&town()?.paths().town_toml()),
        Config::Schema => {
            printer::json(&config::schema());
            Ok(())
        }
    }
}

fn show(context: &Context, json: Json) -> CliResult {
    let effective = context.config()?.effective();
    if json.json {
        printer::json(&effective.iter().map(entry).collect::<Vec<_>>());
    } else {
        printer::text(&listing(&effective));
    }
    Ok(())
}

/// Has the daemon, if one runs, read the files that it goes by. It watches them, too; but a wish
/// that follows a change must not be carried out with what was there before.
pub(crate) fn reload(context: &Context) -> CliResult {
    let Some(mut client) = Client::connect(context.paths())? else {
        return Ok(());
    };
    match client.ask(Request::Reload) {
        // One that is gone reads it at its next start.
        Err(_) if status::is_gone(context) => Ok(()),
        answer => answer.map(drop),
    }
}

/// Prints a key's value, or what holds in a table as `gt config show` does.
fn get(context: &Context, key: &str) -> CliResult {
    let config = context.config()?;
    match config.get(key) {
        Ok(Some(effective)) => {
            printer::data(effective.value);
            Ok(())
        }
        Ok(None) => Err(CliError::failed(format!("`{key}` has no value"))
            .hint(format!("`gt config set {key} VALUE` gives it one"))),
        Err(error) => match config.table(key) {
            values if values.is_empty() => Err(refused(&error)),
            values => {
                printer::text(&listing(&values));
                Ok(())
            }
        },
    }
}

fn set(context: &Context, key: &str, value: &str) -> CliResult {
    config::set(context.paths(), key, value).map_err(|error| not_set(&error))?;
    let now = context
        .config()?
        .get(key)
        .map_err(|error| refused(&error))?;
    let Some(now) = now.filter(|effective| effective.origin == Origin::File) else {
        return Err(
            CliError::failed(format!("`{key}` was written and is not in town.toml now"))
                .hint("another program may have written it; `gt config show` shows what holds"),
        );
    };
    printer::talk(line(&now));
    reload(context).map_err(|error| {
        CliError::failed(format!(
            "the value is set, and the daemon did not take it: {}",
            error.sentence()
        ))
        .hint("`gt daemon restart` makes it read its configuration, and keeps the agents")
    })
}

/// Names every mistake of the file, each with its place.
fn check(path: &Path) -> CliResult {
    let (file, mistakes) = match config::Config::load(path) {
        Ok(_) if !path.exists() => {
            printer::talk(format!(
                "there is no {}: every key has its default",
                path.display()
            ));
            return Ok(());
        }
        Ok(_) => {
            printer::talk(format!("{} has no mistakes", path.display()));
            return Ok(());
        }
        Err(ConfigError::Mistakes { path, mistakes }) => (path, mistakes),
        Err(error) => return Err(error).doing("read the town's configuration"),
    };
    let text = fs_err::read_to_string(&file).doing("read the mistaken file")?;
    for mistake in &mistakes {
        printer::data(place_and_reason(&file, &text, mistake));
    }
    // The lines above are the answer; the exit code says that there are some.
    let name = file.file_name().unwrap_or_default().display();
    Err(CliError::new(Kind::Answer, format!("{name} has mistakes")))
}

/// `FILE:LINE:COLUMN`, which editors understand, then what is wrong.
fn place_and_reason(path: &Path, text: &str, mistake: &Mistake) -> String {
    let place = format!(
        "{}:{}:{}",
        path.display(),
        mistake.line,
        column(text, mistake)
    );
    let key = match mistake.key.as_str() {
        "" => String::new(),
        key => format!("`{}` ", key.escape_debug()),
    };
    let meant = mistake.suggestion.as_ref();
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    format!("{place}: {key}{}{meant}", mistake.problem)
}

/// Where on its line the key is written, from 1; the line's first word for a text that is no TOML.
fn column(text: &str, mistake: &Mistake) -> usize {
    let Some(line) = mistake
        .line
        .checked_sub(1)
        .and_then(|number| text.lines().nth(number))
    else {
        return 1;
    };
    let word = mistake
        .key
        .rsplit('.')
        .next()
        .filter(|word| !word.is_empty());
    let at = word
        .and_then(|word| line.find(word))
        .or_else(|| line.find(|letter: char| !letter.is_whitespace()))
        .unwrap_or(0);
    line[..at].chars().count() + 1
}

fn listing(effective: &[Effective]) -> String {
    effective
        .iter()
        .map(|one| format!("{}\n", line(one)))
        .collect()
}

/// `KEY = VALUE  # ORIGIN`, as it could stand in town.toml with dotted keys.
fn line(effective: &Effective) -> String {
    let value = in_toml(&effective.value);
    format!(
        "{} = {value}  # {}",
        effective.key,
        origin(effective.origin)
    )
}

/// JSON's strings, numbers and lists of strings are TOML's, too.
fn in_toml(value: &Value) -> String {
    match value {
        Value::List(words) => {
            let quoted: Vec<String> = words.iter().map(|word| json!(word).to_string()).collect();
            format!("[{}]", quoted.join(", "))
        }
        _ => in_json(value).to_string(),
    }
}

/// Lengths of time and sizes are texts, as in the file.
fn in_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Factor(number) => json!(number),
        Value::Count(number) => json!(number),
        Value::List(words) => json!(words),
        Value::Duration(_) | Value::Size(_) | Value::Text(_) => json!(value.to_string()),
    }
}

fn entry(effective: &Effective) -> Entry {
    Entry {
        key: effective.key.clone(),
        value: in_json(&effective.value),
        origin: origin(effective.origin),
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::File => "town.toml",
        Origin::Preset => "preset",
        Origin::Default => "default",
    }
}

/// A refused value, with one that is taken.
fn not_set(error: &ConfigError) -> CliError {
    let ConfigError::BadValue { key, .. } = error else {
        return refused(error);
    };
    let error = match key.ends_with(".agent") {
        true => refused(error).hint(
            "a program that is no preset needs a command first, such as \
             `gt config set agents.NAME.command '[\"PROGRAM\"]'`",
        ),
        false => refused(error).hint(format!("`gt config get {key}` prints what holds now")),
    };
    match config::Config::default().get(key) {
        Ok(Some(default)) => {
            let value = match default.value {
                Value::Text(text) => text,
                value => in_toml(&value).trim_matches('"').to_owned(),
            };
            error.hint(format!(
                "the default is set by `gt config set {key} {}`",
                word(&value)
            ))
        }
        _ => error,
    }
}

fn refused(error: &ConfigError) -> CliError {
    let message = format!(
        "the configuration was not read or changed: {}",
        chain(error)
    );
    match error {
        ConfigError::UnknownKey { .. } | ConfigError::Table { .. } => {
            CliError::new(Kind::Usage, chain(error)).hint("`gt config show` lists every key")
        }
        ConfigError::BadValue { .. } => CliError::new(Kind::Usage, chain(error)),
        ConfigError::Mistakes { .. } => {
            CliError::failed(message).hint("`gt config check` shows what is wrong")
        }
        ConfigError::Io(_) | ConfigError::Locked(_) | ConfigError::Private(_) => {
            CliError::failed(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::test_town::TestTown;

    #[track_caller]
    fn check_places(text: &str, expect: &[&str]) {
        let mistakes = config::Config::check(text).unwrap_err();
        let path = Path::new("town.toml");
        let said: Vec<String> = mistakes
            .iter()
            .map(|one| place_and_reason(path, text, one))
            .collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn a_mistake_is_named_with_its_place_its_key_and_what_was_meant() {
        check_places(
            "[poke]\n  frsh = \"1m\"\n",
            &["town.toml:2:3: `poke.frsh` is not a key; did you mean `poke.fresh`?"],
        );
        check_places(
            "restart.budget = 0\n",
            &["town.toml:1:9: `restart.budget` takes a whole number of 1 or more"],
        );
    }

    #[test]
    fn what_is_no_toml_is_named_by_its_line() {
        let text = "[poke]\n  fresh = \n";
        let mistakes = config::Config::check(text).unwrap_err();
        let said = place_and_reason(Path::new("town.toml"), text, &mistakes[0]);
        assert!(said.starts_with("town.toml:2:3: "), "{said}");
    }

    #[test]
    fn a_file_with_mistakes_ends_with_failure_and_one_without_or_none_does_not() {
        let town = TestTown::new();
        let path = town.context.paths().town_toml();
        check(&path).unwrap();
        fs_err::write(&path, "x = 1\n").unwrap();
        assert_eq!(check(&path).unwrap_err().kind, Kind::Answer);
        fs_err::remove_file(&path).unwrap();
        check(&path).unwrap();
    }

    #[test]
    fn a_value_that_was_set_is_shown_with_its_origin() {
        let town = TestTown::new();
        set(&town.context, "poke.fresh", "90s").unwrap();
        let effective = town.context.config().unwrap().effective();
        let shown = listing(&effective);
        let of = |start: &str| shown.lines().find(|line| line.starts_with(start)).unwrap();
        assert_eq!(of("poke.fresh"), "poke.fresh = \"1m30s\"  # town.toml");
        assert_eq!(of("poke.factor"), "poke.factor = 1.5  # default");
        assert!(
            of("agents.claude.command").ends_with("]  # preset"),
            "{shown}"
        );
        let fresh = effective
            .iter()
            .find(|one| one.key == "poke.fresh")
            .unwrap();
        assert_eq!(
            json!(entry(fresh)),
            json!({ "key": "poke.fresh", "value": "1m30s", "origin": "town.toml" })
        );
    }

    #[test]
    fn what_is_shown_can_be_read_back_as_toml() {
        let shown = listing(&config::Config::default().effective());
        let again = config::Config::check(&shown).unwrap();
        let values = |effective: Vec<Effective>| -> Vec<String> {
            effective
                .iter()
                .map(|one| format!("{} {:?}", one.key, one.value))
                .collect()
        };
        assert_eq!(
            values(again.effective()),
            values(config::Config::default().effective())
        );
    }

    #[test]
    fn a_refused_value_is_told_with_a_command_that_works() {
        let town = TestTown::new();
        let said = |key, value| set(&town.context, key, value).unwrap_err().to_string();
        insta::assert_snapshot!(said("restart.budget", "-1"), @"
        error: `restart.budget` takes a whole number of 1 or more
        hint: `gt config get restart.budget` prints what holds now
        hint: the default is set by `gt config set restart.budget 8`
        ");
        insta::assert_snapshot!(said("roles.mayor.agent", "codx"), @"
        error: `roles.mayor.agent` names `codx`, which is neither a preset nor in [agents] (there are aider, amp, claude, codex, copilot, cursor, gemini, generic, opencode); did you mean `codex`?
        hint: a program that is no preset needs a command first, such as `gt config set agents.NAME.command '[\"PROGRAM\"]'`
        hint: the default is set by `gt config set roles.mayor.agent claude`
        ");
        insta::assert_snapshot!(said("agents.claude.command", "[]"), @"
        error: `agents.claude.command` takes a list of the program and its arguments, such as [\"claude\"]
        hint: `gt config get agents.claude.command` prints what holds now
        hint: the default is set by `gt config set agents.claude.command '[\"claude\", \"--dangerously-skip-permissions\"]'`
        ");
        let pattern = said("agents.claude.ready", "(");
        assert!(pattern.ends_with("\\n─'`"), "{pattern}");
        assert!(!pattern.contains(r"\\n"), "as the file has it: {pattern}");
        insta::assert_snapshot!(said("roles.mayor", "codex"), @"
        error: `roles.mayor` is a table, not a key; its keys are roles.mayor.agent, roles.mayor.model, roles.mayor.run, roles.mayor.poke
        hint: `gt config show` lists every key
        ");
    }

    #[test]
    fn an_unknown_key_is_a_usage_error_that_names_the_nearest() {
        let town = TestTown::new();
        let error = set(&town.context, "poke.frsh", "1m").unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(
            error.to_string().contains("did you mean `poke.fresh`?"),
            "{error}"
        );
        assert_eq!(
            get(&town.context, "tmux.user_config").unwrap_err().kind,
            Kind::Failed
        );
    }
}
