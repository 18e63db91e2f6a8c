//! The jobs of earlier stages that must succeed before a release goes on, though nothing of theirs goes into it.
//!
//! Source: GitLab's reference of `stages`, `when` and `allow_failure`. A job without `needs` begins only when no job of an
//! earlier stage has failed, unless it says `when: always`. A job that a person starts stops the stages after it only where its
//! rules say `when: manual`, or where it says `allow_failure: false`.

use super::{Seen, judge};
use crate::pipeline::{
    model::{At, Job},
    source::Files,
    yaml::Yaml,
};

/// The gates of `jobs`, whose path is marked; `seen` are the same jobs in the same order.
pub(super) fn find(seen: &[Seen], jobs: &[Job], files: &Files) -> Vec<(String, At)> {
    // The last stage that waits, of each of the pipelines that are read together.
    let mut last: Vec<usize> = Vec::new();
    for (seen, _) in seen.iter().zip(jobs).filter(|(seen, job)| job.on_release_path && !runs_always(&seen.job)) {
        let Some(staged) = seen.staged.filter(|staged| staged.waits) else { continue };
        last.resize(last.len().max(staged.pipeline + 1), 0);
        if let Some(stage) = last.get_mut(staged.pipeline) {
            *stage = staged.stage.max(*stage);
        }
    }
    let is_earlier = |seen: &Seen| seen.staged.is_some_and(|own| last.get(own.pipeline).is_some_and(|last| own.stage < *last));
    let is_tagged = seen.iter().filter(|seen| seen.found.reason.is_some()).all(|seen| judge::is_for_tags(&seen.job));
    let is_there = |job: &Yaml| !(judge::is_for_others(job) || is_tagged && judge::is_for_branches(job));
    let is_gate = |seen: &Seen| is_earlier(seen) && is_there(&seen.job) && must_succeed(&seen.job);
    let gates = seen.iter().zip(jobs).filter(|(seen, job)| !job.on_release_path && is_gate(seen));
    gates.map(|(seen, _)| (seen.name.clone(), files.at(seen.place))).collect()
}

/// What a job or a rule says under this key.
fn said<'y>(node: &'y Yaml, key: &str) -> Option<&'y str> {
    node.get(key).and_then(|said| said.as_str())
}

/// The rules that add a job to a pipeline which may make a release.
fn rules(job: &Yaml) -> impl Iterator<Item = &Yaml> {
    let all = job.get("rules").map(|rules| rules.items()).unwrap_or_default();
    let is_other = |rule: &Yaml| said(rule, "when") == Some("never") || said(rule, "if").is_some_and(judge::is_of_others);
    all.iter().filter(move |rule| !is_other(rule))
}

/// Whether a job runs whatever has failed before.
fn runs_always(job: &Yaml) -> bool {
    let own = said(job, "when") == Some("always");
    let mut rules = rules(job).peekable();
    if rules.peek().is_none() { own } else { rules.all(|rule| said(rule, "when").map_or(own, |when| when == "always")) }
}

/// Whether later stages begin only once this job has succeeded, where it runs.
fn must_succeed(job: &Yaml) -> bool {
    let when = said(job, "when");
    if matches!(when, Some("on_failure" | "never")) {
        return false;
    }
    let own = said(job, "allow_failure");
    let mut rules = rules(job).peekable();
    if rules.peek().is_none() {
        // With nothing but rules that say `never` it is in no pipeline.
        let is_there = job.get("rules").is_none_or(|rules| rules.items().is_empty());
        return is_there && if when == Some("manual") { own == Some("false") } else { own != Some("true") };
    }
    rules.any(|rule| said(rule, "when") != Some("on_failure") && said(rule, "allow_failure").or(own) != Some("true"))
}
