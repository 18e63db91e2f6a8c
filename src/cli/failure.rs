//! Why a command did not do its work: the message, what to do next, and the exit code. The text is the message, with
//! its heading; there is no second one.

use std::{error::Error, fmt};

use crate::{plan, record::Exit};

/// A command that failed.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    advice: Option<String>,
    exit: Exit,
}

impl Failure {
    /// The plan is wrong; it says where itself.
    pub(super) fn of_plan(invalid: &plan::Invalid, colour: plan::Colour) -> Self {
        Self { message: invalid.render(colour), advice: None, exit: Exit::Invalid }
    }

    /// The command line, or what it names, is wrong.
    pub(super) fn invalid(message: impl fmt::Display) -> Self {
        Self { message: format!("error: {message}"), advice: None, exit: Exit::Invalid }
    }

    /// What the command line names is wrong; the chain of reasons is part of the message.
    pub(super) fn of_input(reason: &dyn Error) -> Self {
        Self::invalid(chain(reason))
    }

    /// The drill did not start; nothing was changed.
    pub(super) fn refused(message: impl fmt::Display) -> Self {
        Self { message: format!("error: {message}"), advice: None, exit: Exit::Unknown }
    }

    /// canship itself failed at `what`; the chain of reasons is part of the message.
    pub(super) fn failed(what: impl fmt::Display, reason: &dyn Error) -> Self {
        Self { message: format!("error: {what}: {}", chain(reason)), advice: None, exit: Exit::Failed }
    }

    /// The same failure with what to do next.
    #[must_use]
    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// How the program ends.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }
}

/// A reason with all that stands behind it.
fn chain(reason: &dyn Error) -> String {
    let mut text = reason.to_string();
    let mut next = reason.source();
    while let Some(reason) = next {
        text = format!("{text}: {reason}");
        next = reason.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.advice {
            Some(advice) => write!(f, "\n  fix: {advice}"),
            None => Ok(()),
        }
    }
}
