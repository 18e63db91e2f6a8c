//! `canship check`: where plan and pipelines have come apart, and what would stop a release by a spare.

use std::{fs, path::Path};

use super::{
    Failure,
    arguments::{CheckForm, CheckOptions, Gate},
    output,
    plan::load_plan,
};
use crate::{
    audit::{self, Severity, Subject, Written},
    pipeline,
    record::Exit,
    report::{CheckFormat, render_check},
    source,
};

/// Where a plan is looked for.
pub(super) const PLAN: &str = "canship.yaml";

pub(super) fn run(options: &CheckOptions) -> Result<Exit, Failure> {
    if !options.folder.is_dir() {
        let name = options.folder.display();
        return Err(Failure::invalid(format!("`{name}` is no folder")).advise("name the root of a repository"));
    }
    let usual = options.folder.join(PLAN);
    // A link that leads nowhere is a plan that cannot be read, and no missing one.
    let plan = options.plan.clone().or_else(|| fs::symlink_metadata(&usual).is_ok().then_some(usual));
    let loaded = plan.as_deref().map(load_plan).transpose()?;
    let name = plan.as_deref().map(|path| name(path, &options.folder)).unwrap_or_default();
    let text = plan.as_deref().map(fs::read_to_string).transpose();
    let text = text.map_err(|reason| Failure::failed("the plan could not be read again", &reason))?.unwrap_or_default();
    let pipeline = pipeline::read(&options.folder);
    let version = loaded.as_ref().and_then(|loaded| source::lacking(&options.folder, &loaded.plan.source.version));
    let written = loaded.as_ref().map(|loaded| Written { loaded, file: &name, text: &text, version: version.as_ref() });
    let subject = Subject { pipeline: &pipeline, plan: written };
    let report = audit::check(&subject);
    let format = match options.format {
        CheckForm::Text => CheckFormat::Text,
        CheckForm::Json => CheckFormat::Json,
        CheckForm::Sarif => CheckFormat::Sarif,
        CheckForm::Github => CheckFormat::Github,
        CheckForm::Gitlab => CheckFormat::Gitlab,
    };
    output::result(&render_check(&report, &subject, format, output::result_colour()))?;
    let gate = match options.gate {
        Gate::Note => Some(Severity::Note),
        Gate::Warning => Some(Severity::Warning),
        Gate::Error => Some(Severity::Error),
        Gate::Never => None,
    };
    let stops = gate.is_some_and(|gate| report.worst().is_some_and(|worst| worst >= gate));
    Ok(if stops { Exit::CannotShip } else { Exit::CanShip })
}

/// The plan's name as the pipelines' files are named: from the repository's root, if it is there.
fn name(path: &Path, root: &Path) -> String {
    let inner = fs::canonicalize(path).ok().zip(fs::canonicalize(root).ok());
    let inner = inner.and_then(|(path, root)| Some(path.strip_prefix(root).ok()?.to_path_buf()));
    inner.as_deref().unwrap_or(path).to_string_lossy().into_owned()
}
