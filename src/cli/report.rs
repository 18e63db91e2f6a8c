//! `canship report`: the report of an earlier drill, from its event log.

use super::{
    Failure,
    arguments::{Accept, ReportFormat, ReportOptions},
    output,
};
use crate::{
    history,
    record::{Exit, Verdict},
    report::{self, Format},
};

pub(super) fn run(options: &ReportOptions) -> Result<Exit, Failure> {
    let record = history::log::read_file(&options.from).map_err(|reason| Failure::of_input(&reason))?;
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
