//! `canship schema`: the JSON Schemas, for editors and for readers of reports.

use super::{
    Failure,
    arguments::{SchemaOf, SchemaOptions},
    output,
};
use crate::{plan, record::Exit, report};

pub(super) fn run(options: SchemaOptions) -> Result<Exit, Failure> {
    match options.of {
        SchemaOf::Plan => output::result(&format!("{:#}\n", plan::schema())),
        SchemaOf::Record => output::result(&report::json_schema()),
        SchemaOf::Pipeline => output::result(&report::pipeline_schema()),
        SchemaOf::Check => output::result(&report::check_schema()),
        SchemaOf::Status => output::result(&report::status_schema()),
    }
}
