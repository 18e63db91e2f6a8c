//! What makes GitLab refuse a configuration as a whole: not one job of it runs then.
//!
//! Source: GitLab's own check of a configuration (`Gitlab::Ci::YamlProcessor`). What an include of another project may add is
//! not known, so that nothing is certain beside one.

use std::{collections::HashMap, rc::Rc};

use super::{
    extend::Config,
    order::{ranks, stage, stages},
};
use crate::pipeline::{
    graph,
    model::Topic,
    notes::Notes,
    yaml::{Place, Yaml},
};

/// A job: its name, where that stands, and what it says.
type Own = (Rc<str>, Place, Yaml);

/// Takes in what GitLab refuses of these jobs, which are all that there are if `is_whole`.
pub(super) fn find(config: &Config, jobs: &[Own], (notes, is_whole): (&mut Notes<'_>, bool)) {
    let has_others = notes.facts.of(Topic::Remote).next().is_some() || notes.open.iter().any(|open| open.what.contains("includ"));
    let doubt = (has_others || !is_whole).then_some("what is included from elsewhere may add it");
    let order = stages(config);
    let known = ranks(&order);
    let by_name: HashMap<&str, usize> = jobs.iter().enumerate().map(|(at, (name, ..))| (&**name, at)).collect();
    // Where the stage of a job comes in their order; none if it is not among them.
    let ranks: Vec<Option<usize>> = jobs.iter().map(|(.., job)| known.get(stage(job).0).copied()).collect();
    for (job, rank) in jobs.iter().zip(&ranks) {
        if rank.is_none() {
            no_stage(job, &order, (notes, doubt));
        }
        for (need, place) in needs(&job.2) {
            let at = by_name.get(need).copied();
            let later = at.and_then(|at| ranks.get(at).copied().flatten()).zip(*rank).is_some_and(|(need, own)| need > own);
            let what = match at {
                None => format!("`{}` needs `{need}`, and there is no such job: GitLab refuses the whole pipeline", job.0),
                Some(_) if later => {
                    format!("`{}` needs `{need}`, which is in a later stage: GitLab refuses the whole pipeline", job.0)
                }
                Some(_) => continue,
            };
            notes.refused(place, what, doubt.filter(|_| !later));
        }
    }
    for (entry, does) in config.keywords_like_jobs() {
        let what = format!("`{}` with a `{does}` is no job: GitLab keeps that name for itself", entry.key);
        match &*entry.key {
            // These it refuses, or once did; whatever they are, they do not run as they stand.
            "pages:deploy" | "types" => notes.files.problem(entry.key_place, what, false),
            _ => notes.refused(entry.key_place, format!("{what}, and refuses the whole pipeline"), None),
        }
    }
    let waits = jobs.iter().map(|(name, _, job)| (&**name, needs(job).map(|(need, _)| need).collect()));
    if let Some((name, place, _)) = graph::circle(&waits.collect::<Vec<_>>()).and_then(|at| jobs.get(at)) {
        notes.refused(*place, format!("`{name}` waits for itself in a circle: GitLab refuses the whole pipeline"), None);
    }
}

fn no_stage((name, at, job): &Own, order: &[String], (notes, doubt): (&mut Notes<'_>, Option<&str>)) {
    let (stage, place) = stage(job);
    // An input that nobody has given may be any of them.
    if stage.contains("$[[") || order.iter().any(|known| known.contains("$[[")) {
        return;
    }
    let says = if place.is_some() { "is in" } else { "names no stage and is so in" };
    let what = format!(
        "`{name}` {says} the stage `{stage}`, which is none of {}: GitLab refuses the whole pipeline",
        order.iter().take(20).map(|stage| format!("`{stage}`")).collect::<Vec<_>>().join(", ")
    );
    notes.refused(place.unwrap_or(*at), what, doubt);
}

/// The jobs of the same pipeline that a job needs and that must be there.
fn needs(job: &Yaml) -> impl Iterator<Item = (&str, Place)> {
    let all = job.get("needs").map(|needs| needs.items()).unwrap_or_default();
    all.iter().filter_map(|need| {
        if let Some(name) = need.as_str() {
            return Some((name, need.place));
        }
        let is_elsewhere = need.get("project").is_some() || need.get("pipeline").is_some();
        let is_optional = need.get("optional").is_some_and(|said| said.is_true());
        let name = need.get("job").filter(|_| !is_elsewhere && !is_optional)?;
        Some((name.as_str()?, name.place))
    })
}
