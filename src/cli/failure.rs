//! Why a command did not do its work: the message, what to do next, and the exit code. The text is the message; there
//! is no second one.

use std::{error::Error, fmt};

use crate::record::Exit;

/// A command that failed.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    advice: Option<String>,
    exit: Exit,
}

impl Failure {
    /// The command line or the plan is wrong.
    pub(super) fn invalid(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), advice: None, exit: Exit::Invalid }
    }

    /// The drill did not start; nothing was changed.
    pub(super) fn refused(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), advice: None, exit: Exit::Unknown }
    }

    /// canship itself failed at `what`; the chain of reasons is part of the message.
    pub(super) fn failed(what: impl fmt::Display, reason: &dyn Error) -> Self {
        let mut message = format!("{what}: {reason}");
        let mut next = reason.source();
        while let Some(reason) = next {
            message = format!("{message}: {reason}");
            next = reason.source();
        }
        Self { message, advice: None, exit: Exit::Failed }
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.advice {
            Some(advice) => write!(f, "\n  fix: {advice}"),
            None => Ok(()),
        }
    }
}
