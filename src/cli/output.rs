//! The one place that prints.

use std::io::{self, IsTerminal as _, Write as _};

use super::{environment, failure::Failure};
use crate::record::Exit;

/// Prints a command's result on standard output.
pub(super) fn result(text: &str) -> Result<Exit, Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::CanShip),
        // Whoever reads our output may stop reading: `canship schema | head`.
        Err(reason) if reason.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::CanShip),
        Err(reason) => Err(Failure::failed("standard output could not be written", &reason)),
    }
}

/// Prints why a command failed. Gives its exit code.
pub(super) fn failure(failure: &Failure) -> Exit {
    warn(&format!("error: {failure}"));
    failure.exit()
}

/// Prints a line on standard error.
pub(super) fn warn(line: &str) {
    // There is nowhere left to tell that standard error is gone.
    drop(writeln!(anstream::stderr().lock(), "{line}"));
}

/// Prints what clap has to say: help and version on standard output, errors on standard error.
pub(super) fn usage(problem: &clap::Error) -> Exit {
    drop(problem.print());
    if problem.use_stderr() { Exit::Invalid } else { Exit::CanShip }
}

/// Whether what a drill tells live is coloured.
pub(super) fn is_coloured() -> bool {
    is_watched() && !environment::no_color()
}

/// Whether a person watches standard error, where a drill tells live what it does.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}
