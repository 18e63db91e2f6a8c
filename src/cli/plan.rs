//! `canship plan`: the plan with every default and where each value comes from.

use std::path::Path;

use super::{
    Failure,
    arguments::{PlanFormat, PlanOptions},
    output, place,
};
use crate::{
    plan::{self, Loaded, SpareKind},
    record::{Exit, Mode},
};

pub(super) fn run(options: &PlanOptions) -> Result<Exit, Failure> {
    let mut loaded = load_plan(&options.plan.plan)?;
    name_engines(&mut loaded);
    match options.format {
        PlanFormat::Text => output::result(&loaded.show()),
        PlanFormat::Json => output::result(&format!("{:#}\n", loaded.to_json())),
    }
}

/// Where the plan names no engine, says which one is meant here and now.
fn name_engines(loaded: &mut Loaded) {
    for (at, spare) in loaded.plan.spares.iter().enumerate() {
        if !matches!(spare.kind, SpareKind::Container { engine: None }) {
            continue;
        }
        let place = place::locate(None, &loaded.plan, Mode::Drill).place();
        let path = format!("spares[{at}].container.engine");
        for setting in loaded.settings.iter_mut().filter(|setting| setting.path == path) {
            setting.value = format!("({}: {})", place.address.one_line(), place.way.one_line());
        }
    }
}

/// Loads the plan for whatever command.
pub(super) fn load_plan(path: &Path) -> Result<Loaded, Failure> {
    plan::load(path).map_err(|invalid| Failure::of_plan(&invalid, output::plan_colour()))
}
