//! The one place that prints.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
};

use super::{environment, failure::Failure, follow::Patient};
use crate::{
    plan,
    record::Exit,
    report::{Colour, Drawing, Layout},
};

/// What stands before a command that a person is to run, so that it is told from everything else.
pub(super) const COMMAND: &str = "    ";

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
    warn(&failure.to_string());
    failure.exit()
}

/// Prints a line on standard error.
pub(super) fn warn(line: &str) {
    // There is nowhere left to tell that standard error is gone.
    drop(writeln!(anstream::stderr().lock(), "{line}"));
}

/// Asks on standard error; the answer is typed behind it.
pub(super) fn prompt(question: &str) {
    let mut err = anstream::stderr().lock();
    // There is nowhere left to ask if standard error is gone.
    drop(write!(err, "{question}").and_then(|()| err.flush()));
}

/// Prints what clap has to say: help and version on standard output, errors on standard error.
pub(super) fn usage(problem: &clap::Error) -> Exit {
    drop(problem.print());
    if problem.use_stderr() { Exit::Invalid } else { Exit::CanShip }
}

/// Whether what a drill tells live, on standard error, is coloured.
pub(super) fn colour() -> Colour {
    if is_watched() && !environment::no_color() { Colour::On } else { Colour::Off }
}

/// Where a drill tells live what it does. Whoever follows it may stop at any time, which is nothing that goes wrong and
/// holds nothing up.
pub(super) fn live() -> Box<dyn io::Write + Send> {
    // Not through the one that everything else is printed through: whoever reads nothing would hold that up.
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(stderr) => Box::new(Patient::new(Followed(File::from(stderr)))),
        Err(_) => Box::new(io::sink()),
    }
}

struct Followed(File);

impl io::Write for Followed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(reason) if reason.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether what is wrong with a plan is coloured.
pub(super) fn plan_colour() -> plan::Colour {
    if is_watched() && !environment::no_color() { plan::Colour::Ansi } else { plan::Colour::Plain }
}

/// How a text report on standard output is laid out: for the terminal if it is one, the same everywhere else.
pub(super) fn layout() -> Layout {
    let Ok(size) = rustix::termios::tcgetwinsize(io::stdout()) else { return Layout::default() };
    let colour = if environment::no_color() { Colour::Off } else { Colour::On };
    let width = if size.ws_col == 0 { Layout::default().width } else { size.ws_col.into() };
    let drawing = if environment::is_utf8() { Drawing::Blocks } else { Drawing::Ascii };
    Layout { width, colour, drawing }
}

/// Whether what goes to standard output is coloured.
pub(super) fn result_colour() -> Colour {
    if io::stdout().is_terminal() && !environment::no_color() { Colour::On } else { Colour::Off }
}

/// The columns of the terminal behind standard error.
pub(super) fn columns() -> u16 {
    // Nobody has told a pseudo-terminal of 0 columns how wide it is.
    rustix::termios::tcgetwinsize(io::stderr()).ok().filter(|size| size.ws_col > 0).map_or(80, |size| size.ws_col)
}

/// Whether a person watches standard error, where a drill tells live what it does.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}
