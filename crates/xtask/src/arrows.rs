//! The crate table: which crate may see which, and the reason each crate exists.
//!
//! Dependencies for tests are exempt: a test may look at anything. A crate that is not in the
//! table may not exist: adding one is adding a row here, with its rule.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, Package};
use serde::Deserialize;

use crate::checkout::TextFile;
use crate::{Finding, TaskError};

/// What one crate may depend on.
struct Row {
    name: &'static str,
    /// Crates of this workspace.
    sees: &'static [&'static str],
    foreign: Foreign,
    /// Crates that it may not even reach through others.
    never_reaches: &'static [&'static str],
    /// Parts of the standard library that its sources may not name.
    never_names: &'static [&'static str],
}

/// Which crates of others a crate may depend on directly.
enum Foreign {
    Only(&'static [&'static str]),
    AnyBut(&'static [&'static str]),
}

const TABLE: [Row; 8] = [
    // Decisions are pure: nothing here can start a program, wait, or read the world.
    Row {
        name: "gt-core",
        sees: &[],
        foreign: Foreign::Only(&["jiff", "regex-lite", "serde", "thiserror", "uuid"]),
        never_reaches: &["tokio", "rusqlite", "fs-err", "tempfile"],
        never_names: &[
            "std::process",
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "Instant::now",
            "SystemTime",
        ],
    },
    // The only place that starts programs, reads the clock and touches the town's files.
    Row {
        name: "gt-host",
        sees: &["gt-core"],
        foreign: Foreign::AnyBut(&["rusqlite", "clap"]),
        never_reaches: &["rusqlite"],
        never_names: &[],
    },
    // The only place that knows SQL; it is called by programs that start no runtime.
    Row {
        name: "gt-store",
        sees: &["gt-core"],
        foreign: Foreign::AnyBut(&["tokio", "clap"]),
        never_reaches: &["tokio"],
        never_names: &["std::process", "std::net"],
    },
    // The language spoken outside: a client needs nothing but this.
    Row {
        name: "gt-api",
        sees: &["gt-core"],
        foreign: Foreign::Only(&["schemars", "serde", "serde_json"]),
        never_reaches: &["tokio", "rusqlite"],
        never_names: &["std::process", "std::fs", "std::net", "std::env"],
    },
    // The loop, the lock and the socket; arguments are the binary's, SQL is the store's.
    Row {
        name: "gt-daemon",
        sees: &["gt-core", "gt-host", "gt-store", "gt-api"],
        foreign: Foreign::AnyBut(&["clap", "rusqlite"]),
        never_reaches: &["clap"],
        never_names: &[],
    },
    // Parse, dispatch, render.
    Row {
        name: "gt",
        sees: &[
            "gt-core",
            "gt-host",
            "gt-store",
            "gt-api",
            "gt-daemon",
            "gt-testkit",
        ],
        foreign: Foreign::AnyBut(&["rusqlite"]),
        never_reaches: &[],
        never_names: &[],
    },
    // The simulated world and the scripted agent.
    Row {
        name: "gt-testkit",
        sees: &["gt-core", "gt-host", "gt-api"],
        foreign: Foreign::AnyBut(&["rusqlite", "clap"]),
        never_reaches: &["rusqlite"],
        never_names: &[],
    },
    // Generated files and tidy; builds when nothing else does.
    Row {
        name: "xtask",
        sees: &[],
        foreign: Foreign::AnyBut(&["rusqlite", "tokio"]),
        never_reaches: &[],
        never_names: &[],
    },
];

/// The dependencies of every crate of others, by name, as the lock file has them.
#[derive(Debug, Default)]
pub struct Lock(BTreeMap<String, BTreeSet<String>>);

#[derive(Deserialize)]
struct LockFile {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    /// Reads `Cargo.lock`.
    ///
    /// The workspace's own crates are left out: the lock file does not tell their dependencies
    /// for tests from the others.
    pub fn parse(text: &str) -> Result<Self, TaskError> {
        let file: LockFile = toml::from_str(text).map_err(|source| TaskError::Toml {
            file: "Cargo.lock",
            source,
        })?;
        let mut lock = Self::default();
        for package in file.package.into_iter().filter(|it| it.source.is_some()) {
            // An entry is "name" or, where two versions are locked, "name version".
            let names = package.dependencies.iter().map(|it| first_word(it));
            lock.0.entry(package.name).or_default().extend(names);
        }
        Ok(lock)
    }
}

/// Holds the workspace against the table.
#[must_use]
pub fn check(metadata: &Metadata, lock: &Lock, files: &[TextFile]) -> Vec<Finding> {
    let members: BTreeMap<String, BTreeSet<String>> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| (package.name.to_string(), normal_dependencies(package)))
        .collect();
    check_members(&members, lock, files)
}

fn check_members(
    members: &BTreeMap<String, BTreeSet<String>>,
    lock: &Lock,
    files: &[TextFile],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, dependencies) in members {
        let place = format!("crates/{name}/Cargo.toml");
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            let rule = "is not in the crate table (crates/xtask/src/arrows.rs)";
            findings.push(Finding::new(place, rule));
            continue;
        };
        for dependency in dependencies {
            if !row.permits(dependency, members.contains_key(dependency)) {
                let rule = format!("{name} may not depend on {dependency}");
                findings.push(Finding::new(&place, rule));
            }
        }
        for (reached, way) in reach(name, members, lock) {
            if row.never_reaches.contains(&reached.as_str()) && !dependencies.contains(&reached) {
                let rule = format!("{name} may not reach {reached}, and does through {way}");
                findings.push(Finding::new(&place, rule));
            }
        }
        findings.extend(forbidden_names(row, files));
    }
    findings
}

impl Row {
    fn permits(&self, dependency: &str, is_member: bool) -> bool {
        if is_member {
            return self.sees.contains(&dependency);
        }
        match self.foreign {
            Foreign::Only(names) => names.contains(&dependency),
            Foreign::AnyBut(names) => !names.contains(&dependency),
        }
    }
}

/// Everything a crate reaches, each with the crate that it is reached through.
fn reach(
    from: &str,
    members: &BTreeMap<String, BTreeSet<String>>,
    lock: &Lock,
) -> BTreeMap<String, String> {
    let mut reached = BTreeMap::new();
    let mut waiting = vec![from.to_owned()];
    while let Some(name) = waiting.pop() {
        let Some(next) = members.get(&name).or_else(|| lock.0.get(&name)) else {
            continue;
        };
        for dependency in next {
            if !reached.contains_key(dependency) {
                reached.insert(dependency.clone(), name.clone());
                waiting.push(dependency.clone());
            }
        }
    }
    reached
}

fn forbidden_names(row: &Row, files: &[TextFile]) -> Vec<Finding> {
    let sources = format!("crates/{}/src/", row.name);
    let mut findings = Vec::new();
    for file in files.iter().filter(|it| it.path.starts_with(&sources)) {
        for (index, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            for name in row.never_names.iter().filter(|it| code.contains(**it)) {
                let rule = format!("{} may not use {name}", row.name);
                findings.push(Finding::new(format!("{}:{}", file.path, index + 1), rule));
            }
        }
    }
    findings
}

fn normal_dependencies(package: &Package) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|it| it.kind == DependencyKind::Normal)
        .map(|it| it.name.clone())
        .collect()
}

fn first_word(entry: &str) -> String {
    entry.split(' ').next().unwrap_or(entry).to_owned()
}

#[cfg(test)]
mod tests;
