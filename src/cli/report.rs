//! `canship report`: the report of an earlier drill, from its event log.

use std::io;

use super::{
    Failure,
    arguments::{Accept, ReportFormat, ReportOptions},
    output,
};
use crate::{
    history::{self, log::LogError},
    record::{Exit, Verdict},
    report::{self, Format},
};

pub(super) fn run(options: &ReportOptions) -> Result<Exit, Failure> {
    let read = match options.from.to_str() {
        Some("-") => history::log::read("standard input", io::stdin().lock()),
        _ => history::log::read_file(&options.from),
    };
    let record = read.map_err(|reason| {
        let is_no_log = matches!(reason, LogError::NoStart { .. });
        let failure = Failure::of_input(&reason);
        if is_no_log { failure.advise("give a file that `canship drill --events` has written") } else { failure }
    })?;
    output::result(&report::render(&record, options.format.into(), options.accept.into()))
}

impl From<ReportFormat> for Format {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Text => Self::Text,
            ReportFormat::Json => Self::Json,
            ReportFormat::Markdown => Self::Markdown,
            ReportFormat::Junit => Self::Junit,
        }
    }
}

impl From<Accept> for Verdict {
    fn from(accept: Accept) -> Self {
        match accept {
            Accept::CanShip => Self::CanShip,
            Accept::Degraded => Self::Degraded,
        }
    }
}
