//! `canship plan`: the plan with every default and where each value comes from.

use std::path::Path;

use super::{
    Failure,
    arguments::{PlanFormat, PlanOptions},
    output,
};
use crate::{
    plan::{self, Loaded},
    record::Exit,
};

pub(super) fn run(options: &PlanOptions) -> Result<Exit, Failure> {
    let loaded = load_plan(&options.plan.plan)?;
    match options.format {
        PlanFormat::Text => output::result(&loaded.show()),
        PlanFormat::Json => output::result(&format!("{:#}\n", loaded.to_json())),
    }
}

/// Loads the plan for whatever command.
pub(super) fn load_plan(path: &Path) -> Result<Loaded, Failure> {
    plan::load(path).map_err(|invalid| Failure::of_plan(&invalid, output::plan_colour()))
}
