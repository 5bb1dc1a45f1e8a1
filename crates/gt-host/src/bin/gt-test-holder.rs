//! The holder as a program of its own, for this crate's tests; people run `gt`.

fn main() -> std::process::ExitCode {
    gt_host::holder::run(std::env::args_os().skip(1)).into()
}
