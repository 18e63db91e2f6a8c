//! `canship pipeline`: the build path of a release, as the repository's own pipelines say it.

use super::{
    Failure,
    arguments::{PipelineForm, PipelineOptions},
    output,
};
use crate::{
    pipeline,
    record::Exit,
    report::{PipelineFormat, render_pipeline},
};

pub(super) fn run(options: &PipelineOptions) -> Result<Exit, Failure> {
    if !options.folder.is_dir() {
        let name = options.folder.display();
        return Err(Failure::invalid(format!("`{name}` is no folder")).advise("name the root of a repository"));
    }
    let format = match options.format {
        PipelineForm::Text => PipelineFormat::Text,
        PipelineForm::Json => PipelineFormat::Json,
        PipelineForm::Dot => PipelineFormat::Dot,
        PipelineForm::Mermaid => PipelineFormat::Mermaid,
    };
    output::result(&render_pipeline(&pipeline::read(&options.folder), format))
}
