//! The build path in lines for people.

use std::{collections::HashSet, fmt::Write as _};

use super::{clean, short};
use crate::pipeline::{At, Job, Pipeline, ReleaseWorkflow, Site, Sure, Topic};

/// Places of one value that are listed; how many more there are is said.
const PLACES: usize = 3;
/// Jobs that must succeed first that are named; how many more there are is said.
const GATES: usize = 20;

pub(super) fn render(pipeline: &Pipeline) -> String {
    let mut out = String::new();
    if pipeline.forges.is_empty() {
        out.push_str("There are no pipelines here: neither .github/workflows nor a GitLab CI file.\n");
    } else if pipeline.releases.is_empty() {
        line(&mut out, &format!("No release is made by these pipelines ({} files read).", pipeline.files));
    }
    for release in &pipeline.releases {
        workflow(&mut out, release);
    }
    for (topic, title) in TITLES {
        facts(&mut out, pipeline, (*topic, title));
    }
    said(&mut out, "not known from the files", pipeline.open.iter().map(|open| (open.what.as_str(), &open.at)));
    let refused = pipeline.refused.iter().map(|refused| (refused.what.as_str(), &refused.at));
    let problems = pipeline.problems.iter().map(|problem| (problem.what.as_str(), &problem.at));
    said(&mut out, "wrong with the files", problems.chain(refused));
    out
}

const TITLES: &[(Topic, &str)] = &[
    (Topic::PublishTargets, "publishes to"),
    (Topic::Registries, "registries"),
    (Topic::Secrets, "secrets"),
    (Topic::Variables, "variables of the forge"),
    (Topic::Oidc, "tokens that the forge signs (OIDC)"),
    (Topic::Environments, "environments"),
    (Topic::Approvals, "a person may have to approve"),
    (Topic::RunnerLabels, "runners"),
    (Topic::Images, "images"),
    (Topic::ActionsThirdParty, "actions of others"),
    (Topic::Remote, "remote workflows and includes"),
];

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn at(at: &At) -> String {
    format!("{}:{}:{}", clean(&at.file), at.line, at.column)
}

fn workflow(out: &mut String, release: &ReleaseWorkflow) {
    let name = release.name.as_deref().map(|name| format!(" ({})", short(name, 60))).unwrap_or_default();
    line(out, &format!("release: {}{name}", clean(&release.file)));
    for (reason, place) in &release.reasons {
        line(out, &format!("  because {}  {}", clean(reason), at(place)));
    }
    for trigger in &release.triggers {
        let filters = trigger.filters.iter().map(|filter| clean(filter)).collect::<Vec<_>>().join("; ");
        line(out, format!("  started by {} {}", clean(&trigger.event), short(&filters, 120)).trim_end());
    }
    if !release.files.is_empty() {
        let files: Vec<String> = release.files.iter().map(|file| clean(file)).collect();
        line(out, &format!("  with {}", files.join(", ")));
    }
    let path: Vec<&Job> = release.jobs.iter().filter(|job| job.on_release_path).collect();
    let on_path: HashSet<&str> = path.iter().map(|job| job.id.as_str()).collect();
    for job in &path {
        let needs: Vec<String> = job.needs.iter().filter(|need| on_path.contains(need.as_str())).map(|need| clean(need)).collect();
        let mut told = format!("  job {}", clean(&job.id));
        if !needs.is_empty() {
            let _written = write!(told, "  after {}", needs.join(", "));
        }
        if !job.publishes.is_empty() {
            let _written = write!(told, "  ⇒ {}", job.publishes.keys().map(|target| clean(target)).collect::<Vec<_>>().join(", "));
        }
        line(out, &told);
    }
    gates(out, release);
    let others = release.jobs.len() - path.len() - release.gates.len();
    if others > 0 {
        let more = if others == 1 { "1 more job".to_owned() } else { format!("{others} more jobs") };
        // Where nothing is known to be published, nothing is known of what goes into it either.
        let what = if path.is_empty() {
            "where nothing is seen to be published"
        } else {
            "from which nothing goes into what is published"
        };
        line(out, &format!("  and {more}, {what}"));
    }
    out.push('\n');
}

/// The jobs that must succeed first, in one line.
fn gates(out: &mut String, release: &ReleaseWorkflow) {
    let mut names: Vec<String> = release.gates.iter().take(GATES).map(|(name, _)| short(name, 60)).collect();
    if let Some(more) = release.gates.len().checked_sub(GATES).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    if !names.is_empty() {
        line(out, &format!("  only if these succeed in earlier stages: {}", names.join(", ")));
    }
}

fn facts(out: &mut String, pipeline: &Pipeline, (topic, title): (Topic, &str)) {
    let found: Vec<(&str, Vec<&Site>)> = pipeline.facts.of(topic).map(|(value, sites)| (value, sites.iter().collect())).collect();
    if found.is_empty() {
        return;
    }
    line(out, title);
    for (value, sites) in found {
        line(out, &format!("  {}", short(value, 100)));
        for site in sites.iter().take(PLACES) {
            let role = short(&site.role, 50);
            line(
                out,
                &format!(
                    "      {}{}  {}",
                    sure(&site.sure),
                    if role.is_empty() { String::new() } else { format!(", {role}") },
                    at(&site.at)
                ),
            );
        }
        if let Some(more) = sites.len().checked_sub(PLACES + 1) {
            line(out, &format!("      and {} more", more + 1));
        }
    }
    out.push('\n');
}

fn sure(sure: &Sure) -> String {
    match sure {
        Sure::Delegated(by) => format!("decided by {}", short(by, 80)),
        Sure::Outside => "decided outside of this repository".to_owned(),
        Sure::Read | Sure::Computed | Sure::Dynamic => sure.name().to_owned(),
    }
}

fn said<'p>(out: &mut String, title: &str, all: impl Iterator<Item = (&'p str, &'p At)>) {
    let mut all = all.peekable();
    if all.peek().is_some() {
        line(out, title);
    }
    for (what, place) in all {
        // Writing to a string cannot fail.
        let _written = writeln!(out, "  {}  {}", clean(what), at(place));
    }
}
