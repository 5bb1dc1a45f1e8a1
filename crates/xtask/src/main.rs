//! `cargo xtask`: the checks of this checkout, by name.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing what the checks found is all this program does"
)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use xtask::checkout::{self, Graph};
use xtask::{Finding, TaskError, arrows, faults, policy, tidy};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy     text rules, the crate table and the fault list
  faults   prints where each known fault is tested, or why it is not
  policy   licences, sources and bans of deny.toml, where cargo-deny is not installed";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = checkout::root();
    let done = match words.as_slice() {
        ["tidy"] => run_tidy(&root),
        ["faults"] => run_faults(&root),
        ["policy"] => run_policy(&root),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            print_chain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run_tidy(root: &Path) -> Result<ExitCode, TaskError> {
    let files = checkout::text_files(root)?;
    let metadata = checkout::metadata(root, Graph::Members)?;
    let lock = arrows::Lock::parse(&checkout::read(root, "Cargo.lock")?)?;
    let report = faults::report(&files, &checkout::read(root, faults::LIST)?);

    let mut findings = tidy::check(&files);
    findings.extend(arrows::check(&metadata, &lock, &files));
    findings.extend(report.findings());
    let stale = report.stale().len();
    if stale > 0 {
        eprintln!(
            "warning: {stale} stale rows in {}; `cargo xtask faults` names them",
            faults::LIST
        );
    }
    Ok(conclude(
        &findings,
        &format!("{} files, the crate table and the fault list", files.len()),
    ))
}

fn run_faults(root: &Path) -> Result<ExitCode, TaskError> {
    let files = checkout::text_files(root)?;
    let report = faults::report(&files, &checkout::read(root, faults::LIST)?);
    print!("{report}");
    for id in report.stale() {
        eprintln!(
            "warning: {id} is tested and still listed in {}: delete its row",
            faults::LIST
        );
    }
    Ok(conclude(&report.findings(), &report.summary()))
}

fn run_policy(root: &Path) -> Result<ExitCode, TaskError> {
    let rules = policy::Policy::parse(&checkout::read(root, "deny.toml")?)?;
    let metadata = checkout::metadata(root, Graph::Everything)?;
    for warning in rules.duplicates(&metadata.packages) {
        eprintln!("warning: {warning}");
    }
    let findings = rules.check(&metadata.packages);
    let summary = format!(
        "licences, sources and bans of {} crates",
        metadata.packages.len()
    );
    Ok(conclude(&findings, &summary))
}

fn conclude(findings: &[Finding], checked: &str) -> ExitCode {
    for finding in findings {
        eprintln!("error: {finding}");
    }
    if findings.is_empty() {
        println!("ok: {checked}");
        ExitCode::SUCCESS
    } else {
        eprintln!("error: {} findings in {checked}", findings.len());
        ExitCode::FAILURE
    }
}

fn print_chain(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(it) = cause {
        eprintln!("  because: {it}");
        cause = it.source();
    }
}
