//! What is printed arrives, or the command says that it did not.

use std::fs::File;
use std::process::{Output, Stdio};

use crate::town;

/// Runs a command in a new town with its standard output there.
fn printed_to(stdout: Stdio, arguments: &[&str]) -> Output {
    let town = town("");
    let mut command = town.command(town.root());
    let command = command
        .args(arguments)
        .stdout(stdout)
        .stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let commands: [&[&str]; 5] = [
        &["status"],
        &["status", "--json"],
        &["config", "get", "poke.fresh"],
        &["--help"],
        &["--version"],
    ];
    for arguments in commands {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = printed_to(full.into(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {said}");
        assert!(said.contains("cannot write to standard output"), "{said}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    for arguments in [["status", "--json"], ["config", "show"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = printed_to(writer.into(), &arguments);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}
