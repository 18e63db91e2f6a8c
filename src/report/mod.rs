//! Views of a drill: what a terminal shows while it runs, and the reports made of its record; beside them those of a check and of
//! the pipelines, whose types are not the record's.
//!
//! Invariants: a report is a pure function of the record, so the same record gives the same bytes; a view decides
//! nothing (the verdict and the exit code come from [`crate::record`]); nothing that came from outside ever begins
//! a line (CI systems read commands there) or takes part in a format's own structure; what was skipped or could not
//! be measured is never shown as passed.

mod check;
mod json;
mod junit;
mod lines;
mod markdown;
mod md;
mod pipeline;
mod plain;
mod primary;
mod proofs;
mod rule;
mod run;
mod spares;
mod status;
pub mod terminal;
mod text;
mod words;

pub use check::{CheckFormat, render as render_check, schema as check_schema};
pub use json::{render_status as render_status_json, schema as json_schema, status_schema};
pub use lines::{Colour, Drawing, Layout};
pub use pipeline::{PipelineFormat, render as render_pipeline, schema as pipeline_schema};
pub use rule::{check_rule as render_check_rule, drill_rule as render_drill_rule, list as render_rules};
pub use status::render as render_status;
pub use text::render as render_text;

use crate::record::{Exit, Record, Verdict};

/// The forms a report can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people at a terminal: plain lines.
    Text,
    /// For programs: versioned, with a schema.
    Json,
    /// For a job summary or a comment on a merge request.
    Markdown,
    /// For the test view of a CI system.
    Junit,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Text, Self::Json, Self::Markdown, Self::Junit];
}

/// The report of this record; `accept` is the weakest verdict that counts as success. It ends with a line end.
///
/// For a terminal's own width and colour see [`render_text`].
#[must_use]
pub fn render(record: &Record, format: Format, accept: Verdict) -> String {
    match format {
        Format::Text => text::render(record, Exit::of(record, accept), Layout::default()),
        Format::Json => json::render(record, accept),
        Format::Markdown => markdown::render(record, accept),
        Format::Junit => junit::render(record, accept),
    }
}
