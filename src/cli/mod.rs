//! The command line: arguments, composition, error rendering, exit codes. One file per command.
//!
//! Invariants: the environment is read here only (and where a plan's secret says so); nothing is printed but through
//! `output`; every end of the program passes through [`main`].

mod arguments;
mod check;
mod clean;
mod completions;
mod cut;
mod demo;
mod drill;
pub mod environment;
mod explain;
mod failure;
mod follow;
mod forge;
mod history;
mod init;
mod network;
mod output;
mod pipeline;
mod place;
mod plan;
mod recover;
mod report;
mod reports;
mod schema;
mod status;
mod watchdog;

use clap::Parser as _;

use crate::record::Exit;
use arguments::{Arguments, Command};
use failure::Failure;

/// Runs the program: reads the command line, does what it says, prints what went wrong.
#[must_use]
pub fn main() -> Exit {
    // One TLS provider for the whole process, before anything can want one; it fails only if there is one already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(problem) => return output::usage(&problem),
    };
    match run(arguments.command) {
        Ok(exit) => exit,
        Err(failure) => output::failure(&failure),
    }
}

fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Drill(options) => drill::run(&options),
        Command::Clean(options) => clean::run(&options),
        Command::Recover(options) => recover::run(&options),
        Command::Watchdog => watchdog::run(),
        Command::Plan(options) => plan::run(&options),
        Command::Pipeline(options) => pipeline::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Init(options) => init::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Schema(options) => schema::run(options),
        Command::Demo(options) => demo::run(&options),
        Command::Completions(options) => completions::completions(options),
        Command::Man => completions::man(),
    }
}
