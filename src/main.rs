//! Parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(canship::cli::main().code())
}
