//! `canship schema`: the JSON Schemas, for editors and for readers of reports.

use super::{
    Failure,
    arguments::{SchemaOf, SchemaOptions},
    output,
};
use crate::{plan, record::Exit, report};

pub(super) fn run(options: SchemaOptions) -> Result<Exit, Failure> {
    let schema = match options.of {
        SchemaOf::Plan => plan::schema(),
        SchemaOf::Record => report::schema(),
    };
    output::result(&format!("{schema:#}\n"))
}
