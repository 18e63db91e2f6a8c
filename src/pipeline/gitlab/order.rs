//! In which order the jobs of a configuration run: by the stages that it names, and by what a job says that it needs.
//!
//! Source: GitLab's reference of `stages`, `needs` and `dependencies`. A job without `needs` begins when all jobs of earlier
//! stages have ended, and is given their artifacts; of those only the ones that make something belong to how a release is built.
//! `dependencies`, and `artifacts: false` of a need, leave the order as it is and take the artifacts away.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::{Seen, extend::Config, judge};
use crate::pipeline::{
    model::Staged,
    notes::Notes,
    source::weight,
    yaml::{Place, Yaml},
};

/// The stages of a configuration that names none.
const USUAL: &[&str] = &["build", "test", "deploy"];
/// The stage of a job that names none.
const OWN: &str = "test";
/// The most jobs of earlier stages that one job is said to wait for.
const WAITS: usize = 100;

/// The stages in their order.
pub(super) fn stages(config: &Config) -> Vec<String> {
    let root = config.root();
    let said = root.get("stages").or_else(|| root.get("types")).map(|stages| config.filled(stages, 0));
    let texts = said.iter().flat_map(|stages| stages.scalars()).filter_map(|stage| stage.as_str());
    let mut named: Vec<String> = texts.map(str::to_owned).collect();
    if named.is_empty() {
        named = USUAL.iter().map(|stage| (*stage).to_owned()).collect();
    }
    std::iter::once(".pre".to_owned()).chain(named).chain([".post".to_owned()]).collect()
}

/// Where each stage comes in the order.
pub(super) fn ranks(order: &[String]) -> HashMap<&str, usize> {
    order.iter().enumerate().rev().map(|(at, stage)| (stage.as_str(), at)).collect()
}

/// The stage that a job is in, and where it says so.
pub(super) fn stage(job: &Yaml) -> (&str, Option<Place>) {
    match job.get("stage").or_else(|| job.get("type")).and_then(|stage| Some((stage.as_str()?, stage.place))) {
        Some((stage, place)) => (stage, Some(place)),
        None => (OWN, None),
    }
}

/// The names of the jobs that a job says it waits for, or that it takes the artifacts of.
pub(super) fn named(job: &Yaml) -> impl Iterator<Item = &str> {
    let needs = job.get("needs").or_else(|| job.get("dependencies"));
    let needs = needs.map(|needs| needs.items()).unwrap_or_default();
    needs.iter().filter_map(|need| need.as_str().or_else(|| need.get("job")?.as_str()))
}

/// The jobs whose artifacts a job is given, where that is less than all that it waits for.
pub(super) fn files_from(job: &Yaml, waits: &[String]) -> Option<Vec<String>> {
    let needs = job.get("needs").map(|needs| needs.items()).unwrap_or_default();
    let is_kept_out = |need: &&Yaml| need.get("artifacts").is_some_and(|said| said.as_str() == Some("false"));
    let out: HashSet<&str> = needs.iter().filter(is_kept_out).filter_map(|need| need.get("job")?.as_str()).collect();
    let said = job.get("dependencies");
    let only: Option<HashSet<&str>> = said.map(|said| said.items().iter().filter_map(|name| name.as_str()).collect());
    let is_given = |name: &&String| !out.contains(name.as_str()) && only.as_ref().is_none_or(|only| only.contains(name.as_str()));
    (!out.is_empty() || only.is_some()).then(|| waits.iter().filter(is_given).cloned().collect())
}

/// The files and folders that a job hands on, each with its place.
pub(super) fn artifacts(job: &Yaml) -> Vec<(&str, Place)> {
    job.get("artifacts").and_then(|artifacts| artifacts.get("paths")).map(|paths| paths.texts()).unwrap_or_default()
}

/// Takes into the jobs of one pipeline which of the earlier stages they wait for.
pub(super) fn by_stages(config: &Config, (jobs, pipeline): (&mut [Seen], usize), notes: &mut Notes<'_>) {
    let order = stages(config);
    let ranks = ranks(&order);
    let rank = |job: &Yaml| ranks.get(stage(job).0).copied();
    // What makes something, the latest stage first; in the order of the file within one.
    let hands_on = |seen: &&Seen| !artifacts(&seen.job).is_empty() && judge::is_in_releases(&seen.job);
    let mut makers: Vec<(usize, Rc<str>)> =
        jobs.iter().filter(hands_on).filter_map(|seen| Some((rank(&seen.job)?, seen.name.as_str().into()))).collect();
    makers.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let mut cut = None;
    for seen in jobs.iter_mut() {
        let waits = seen.job.get("needs").is_none();
        seen.staged = rank(&seen.job).map(|stage| Staged { pipeline, stage, waits });
        let Some(own) = rank(&seen.job).filter(|_| seen.job.get("needs").is_none()) else { continue };
        let earlier = makers.get(makers.partition_point(|(rank, _)| *rank >= own)..).unwrap_or_default();
        for (number, (_, name)) in earlier.iter().enumerate() {
            if number == WAITS || !notes.files.spend(1 + weight(name.len())) {
                cut = cut.or(Some(seen.place));
                break;
            }
            if !seen.waits.iter().any(|known| **known == **name) {
                seen.waits.push(name.to_string());
            }
        }
    }
    if let Some(place) = cut {
        let what = "this job, and maybe others, waits for more jobs of earlier stages than are looked at: not all are read";
        notes.files.unfinished(place, what.to_owned());
    }
}
