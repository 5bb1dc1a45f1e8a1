//! The texts that tell each role what it is for: built in, and replaceable by
//! `<town>/prompts/ROLE.md.j2`.
//!
//! Invariant: there is always a text. One that a person broke is told of, with file and line, and
//! the built-in one is used.

use std::io;
use std::path::Path;

use gt_core::AgentId;
use gt_core::address::Address;
use gt_core::mail::printable_line;
use gt_host::town::Town;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

/// The built-in texts by file name. Each includes the first; a town's own may, too.
const BUILT_IN: [(&str, &str); 8] = [
    ("common.md.j2", include_str!("../prompts/common.md.j2")),
    ("mayor.md.j2", include_str!("../prompts/mayor.md.j2")),
    ("deacon.md.j2", include_str!("../prompts/deacon.md.j2")),
    ("witness.md.j2", include_str!("../prompts/witness.md.j2")),
    ("refinery.md.j2", include_str!("../prompts/refinery.md.j2")),
    ("crew.md.j2", include_str!("../prompts/crew.md.j2")),
    ("polecat.md.j2", include_str!("../prompts/polecat.md.j2")),
    ("overseer.md.j2", include_str!("../prompts/overseer.md.j2")),
];

/// A text, and what was wrong with the one that a person wrote, if anything.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) text: String,
    pub(crate) problem: Option<String>,
}

/// The text for an agent, or for the person.
pub(crate) fn instructions(town: &Town, agent: Option<&AgentId>) -> Prompt {
    let name = agent.map_or_else(
        || "overseer.md.j2".to_owned(),
        |agent| format!("{}.md.j2", agent.role()),
    );
    let variables = variables(town, agent);
    let environment = environment();
    let own = town.paths().root().join("prompts").join(&name);
    let problem = match rewritten(&environment, &own, &variables) {
        Ok(Some(text)) => {
            return Prompt {
                text,
                problem: None,
            };
        }
        Ok(None) => None,
        Err(problem) => Some(format!("{problem}; the built-in text is used")),
    };
    let text = environment
        .get_template(&name)
        .and_then(|template| template.render(&variables))
        .expect("every built-in text is rendered by a test");
    Prompt { text, problem }
}

/// What a template can name. What a role does not have is undefined, and naming it an error.
fn variables(town: &Town, agent: Option<&AgentId>) -> Value {
    let address = agent.map_or(Address::Overseer, |agent| Address::Agent(agent.clone()));
    let root = printable_line(&town.paths().root().to_string_lossy());
    let always = [
        ("town_name", printable_line(town.name())),
        ("town_root", root),
        ("address", address.to_string()),
    ];
    let of_agent = [
        ("role", agent.map(|agent| agent.role().to_string())),
        ("agent", agent.map(ToString::to_string)),
        ("session", agent.map(AgentId::session_name)),
        ("rig", agent.and_then(AgentId::rig).map(ToString::to_string)),
        (
            "worker",
            agent.and_then(AgentId::worker).map(ToString::to_string),
        ),
    ];
    let of_agent = of_agent
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    Value::from_pairs(always.into_iter().chain(of_agent))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .build()
        .expect("no delimiter was changed");
    environment.set_syntax(syntax);
    for (name, source) in BUILT_IN {
        environment
            .add_template(name, source)
            .expect("every built-in text is parsed by a test");
    }
    environment
}

/// The town's own text; none when it has none.
fn rewritten(
    environment: &Environment<'_>,
    path: &Path,
    variables: &Value,
) -> Result<Option<String>, String> {
    let source = match fs_err::read_to_string(path) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let name = path.display().to_string();
    environment
        .render_named_str(&name, &source, variables)
        .map(Some)
        .map_err(|error| describe(&error, &name))
}

/// The error with its place. An included text is named by its own name.
fn describe(error: &minijinja::Error, path: &str) -> String {
    let name = error.name().unwrap_or(path);
    let line = error
        .line()
        .map_or_else(String::new, |line| format!(" line {line}"));
    let detail = error
        .detail()
        .map_or_else(String::new, |detail| format!(": {detail}"));
    format!("`{name}`{line}: {}{detail}", error.kind())
}

#[cfg(test)]
mod tests;
