//! The command line of Gas Town.
fn main() {}
