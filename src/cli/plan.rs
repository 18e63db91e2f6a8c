//! `canship plan`: the plan with every default and where each value comes from.

use super::{
    Failure,
    arguments::{PlanFormat, PlanOptions},
    output,
};
use crate::{plan, record::Exit};

pub(super) fn run(options: &PlanOptions) -> Result<Exit, Failure> {
    let loaded = plan::load(&options.plan.plan).map_err(Failure::invalid)?;
    match options.format {
        PlanFormat::Text => output::result(&loaded.show()),
        PlanFormat::Json => output::result(&format!("{:#}\n", loaded.to_json())),
    }
}
