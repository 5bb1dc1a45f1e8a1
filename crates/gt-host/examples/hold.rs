//! The holder as a program of its own, for tests: `hold --town DIR --agent ID`.

fn main() -> std::process::ExitCode {
    gt_host::holder::run(std::env::args_os().skip(1)).into()
}
