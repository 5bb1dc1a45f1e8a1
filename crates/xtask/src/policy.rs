//! Licences, sources and bans of deny.toml, for checkouts where cargo-deny is not installed.
//!
//! It reads the part of cargo-deny's configuration that this project uses, so that the rules are
//! written once. It is not a replacement: advisories, features and build scripts are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Package;
use serde::Deserialize;

use crate::{Finding, TaskError};

/// The rules of deny.toml.
#[derive(Debug, Deserialize)]
pub struct Policy {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Named>,
    skip: Vec<Named>,
}

/// A crate of a list, with the reason why it is there.
#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

impl Policy {
    /// Reads deny.toml.
    pub fn parse(text: &str) -> Result<Self, TaskError> {
        toml::from_str(text).map_err(|source| TaskError::Toml {
            file: "deny.toml",
            source,
        })
    }

    /// Holds all packages of the graph against the rules.
    #[must_use]
    pub fn check(&self, packages: &[Package]) -> Vec<Finding> {
        packages
            .iter()
            .filter_map(|package| Some((package, package.source.as_ref()?)))
            .flat_map(|(package, source)| {
                let foreign = ForeignCrate {
                    name: &package.name,
                    version: package.version.to_string(),
                    license: package.license.as_deref(),
                    source: &source.repr,
                };
                self.check_crate(&foreign)
            })
            .collect()
    }

    /// Crates that are there in two versions and not in the list of known ones.
    #[must_use]
    pub fn duplicates(&self, packages: &[Package]) -> Vec<String> {
        let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for package in packages.iter().filter(|it| !self.is_skipped(it)) {
            let known = versions.entry(package.name.as_str()).or_default();
            known.insert(package.version.to_string());
        }
        versions
            .into_iter()
            .filter(|(_, versions)| versions.len() > 1)
            .map(|(name, versions)| {
                let versions: Vec<String> = versions.into_iter().collect();
                format!("{name} is there as {}", versions.join(" and "))
            })
            .collect()
    }

    fn check_crate(&self, it: &ForeignCrate<'_>) -> Vec<Finding> {
        let place = format!("{} {}", it.name, it.version);
        let mut findings = Vec::new();
        if let Some(ban) = self.bans.deny.iter().find(|ban| ban.name == it.name) {
            findings.push(Finding::new(&place, format!("is banned: {}", ban.reason)));
        }
        match it.license {
            None => findings.push(Finding::new(&place, "names no licence")),
            Some(expression) if !licensed(expression, &self.licenses.allow) => {
                let rule = format!("licence `{expression}` is not among those of deny.toml");
                findings.push(Finding::new(&place, rule));
            }
            Some(_) => {}
        }
        let registry = it.source.strip_prefix("registry+");
        if !registry.is_some_and(|it| self.sources.allow_registry.iter().any(|url| url == it)) {
            let rule = format!(
                "comes from `{}`, not from a registry of deny.toml",
                it.source
            );
            findings.push(Finding::new(&place, rule));
        }
        findings
    }

    /// A skipped entry is `NAME` or `NAME:MAJOR`.
    fn is_skipped(&self, package: &Package) -> bool {
        let major = package.version.major.to_string();
        self.bans
            .skip
            .iter()
            .any(|skip| match skip.name.split_once(':') {
                Some((name, wanted)) => name == package.name.as_str() && wanted == major,
                None => skip.name == package.name.as_str(),
            })
    }
}

/// What the rules look at in a crate of others.
struct ForeignCrate<'a> {
    name: &'a str,
    version: String,
    license: Option<&'a str>,
    source: &'a str,
}

/// Tells whether an SPDX expression can be met with the allowed licences alone.
///
/// `A/B` is how old crates write `A OR B`. What does not parse is not licensed.
fn licensed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = any_of(&mut rest, allowed);
    met == Some(true) && rest.is_empty()
}

fn any_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = all_of(words, allowed)?;
    while let ["OR", rest @ ..] = words {
        *words = rest;
        met |= all_of(words, allowed)?;
    }
    Some(met)
}

fn all_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = one(words, allowed)?;
    while let ["AND", rest @ ..] = words {
        *words = rest;
        met &= one(words, allowed)?;
    }
    Some(met)
}

fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    match words {
        ["(", rest @ ..] => {
            *words = rest;
            let met = any_of(words, allowed)?;
            let [")", rest @ ..] = words else {
                return None;
            };
            *words = rest;
            Some(met)
        }
        [license, "WITH", exception, rest @ ..] => {
            *words = rest;
            Some(allowed.contains(&format!("{license} WITH {exception}")))
        }
        ["AND" | "OR" | "WITH" | ")", ..] | [] => None,
        [license, rest @ ..] => {
            *words = rest;
            Some(allowed.contains(*license))
        }
    }
}

#[cfg(test)]
mod tests;
