//! Views of what a repository's pipelines say: lines for people, JSON with a schema, and pictures of the path.
//!
//! Invariants as in the other reports: pure functions of the model, and nothing that stood in a file begins a line, keeps an
//! escape, or takes part in a format's own structure.

mod json;
mod picture;
mod text;

pub use json::schema;

use std::borrow::Cow;

use crate::{pipeline::Pipeline, record::Text};

/// The forms that a pipeline can be shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineFormat {
    /// Lines for people.
    Text,
    /// For programs: versioned, with a schema.
    Json,
    /// The picture of the path for Graphviz.
    Dot,
    /// The picture of the path for Mermaid.
    Mermaid,
}

/// The view of this pipeline; it ends with a line end.
#[must_use]
pub fn render(pipeline: &Pipeline, format: PipelineFormat) -> String {
    match format {
        PipelineFormat::Text => text::render(pipeline),
        PipelineFormat::Json => json::render(pipeline),
        PipelineFormat::Dot => picture::dot(pipeline),
        PipelineFormat::Mermaid => picture::mermaid(pipeline),
    }
}

/// A text from a file, on one line and without anything that a terminal acts on.
fn clean(text: &str) -> String {
    Text::new(text).one_line()
}

/// The same, not copied where it is harmless as it stands: there may be a location for each of many thousand facts.
fn kept(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:,+@=$(){}'\"&|!?*".contains(&byte);
    let is_spaced = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
    if is_spaced && text.bytes().all(|byte| byte == b' ' || is_plain(byte)) { Cow::Borrowed(text) } else { Cow::Owned(clean(text)) }
}

/// The same, cut to what a line or a box holds.
fn short(text: &str, most: usize) -> String {
    let text = clean(text);
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
