//! The scripted model server as a program of its own, for tests that drive real agents.

fn main() {
    let arguments = std::env::args_os().skip(1).collect();
    std::process::exit(gt_testkit::scripted_llm::run(arguments));
}
