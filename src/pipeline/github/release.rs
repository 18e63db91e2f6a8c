//! Which workflows make or publish a release, and why.
//!
//! A name says little and a trigger less: what counts is that something is published, and that what starts it is about a
//! version. Sites, documentation and nightly builds are published all the time and are no releases.

use std::collections::{BTreeMap, BTreeSet};

use super::triggers::Triggers;
use crate::pipeline::{model::Sure, notes::Published, publish::Target, yaml::Place};

/// A workflow as it is judged.
pub(super) struct Candidate {
    pub(super) path: String,
    pub(super) name: Option<(String, Place)>,
    pub(super) triggers: Triggers,
    pub(super) published: Vec<Published>,
    pub(super) called: BTreeSet<String>,
    /// Registries that it logs in to.
    pub(super) logs_in: Option<Place>,
}

/// Words in the names of workflows that look like releases and are none.
const OTHERS: &[&str] = &[
    "docs",
    "doc",
    "documentation",
    "nightly",
    "daily",
    "snapshot",
    "drafter",
    "playground",
    "website",
    "site",
    "canary",
    "scorecard",
    "scorecards",
    "benchmark",
    "benchmarks",
    "early",
    "earlyaccess",
    "notes",
    "pr",
    "test",
    "tests",
];

/// Why a workflow is believed to make releases.
pub(super) type Reasons = Vec<(String, Place)>;

/// The workflows that start releases, with the reasons.
pub(super) fn choose(candidates: &[Candidate]) -> BTreeMap<String, Reasons> {
    let mut chosen: BTreeMap<String, Reasons> =
        candidates.iter().filter_map(|candidate| Some((candidate.path.clone(), candidate.reasons()?))).collect();
    // What calls a release is one, whatever else it does before.
    for candidate in candidates {
        if chosen.contains_key(&candidate.path)
            || candidate.is_other()
            || !candidate.is_named_release()
            || candidate.triggers.only_called()
        {
            continue;
        }
        if let Some(called) = candidate.called.iter().find(|called| chosen.contains_key(*called)) {
            let place = candidate.triggers.events.first().map(|event| event.place).unwrap_or_default();
            chosen.insert(candidate.path.clone(), vec![(format!("it calls `{called}`, which makes releases"), place)]);
        }
    }
    // What only a release calls is part of that release.
    let called: BTreeSet<&String> = candidates
        .iter()
        .filter(|candidate| chosen.contains_key(&candidate.path))
        .flat_map(|candidate| &candidate.called)
        .collect();
    let inner: Vec<String> = candidates
        .iter()
        .filter(|candidate| called.contains(&candidate.path) && candidate.triggers.released().is_none())
        .map(|candidate| candidate.path.clone())
        .collect();
    chosen.retain(|path, _| !inner.contains(path));
    chosen
}

impl Candidate {
    fn words(&self) -> String {
        let stem = self.path.rsplit('/').next().unwrap_or_default();
        let stem = stem.trim_end_matches(".yaml").trim_end_matches(".yml");
        format!("{stem} {}", self.name.as_ref().map_or("", |(name, _)| name)).to_lowercase()
    }

    fn is_named_release(&self) -> bool {
        let words = self.words();
        ["release", "publish", "deploy", "shippable"].iter().any(|word| words.contains(word))
    }

    /// Named like something that is no release, however much it looks like one.
    fn is_other(&self) -> bool {
        let words = self.words();
        let parts: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).collect();
        parts.iter().any(|part| OTHERS.contains(part)) && !words.contains("test-pypi")
    }

    /// The first place where a release is published for good: no site, and not only a guess.
    fn hard(&self) -> Option<&Published> {
        self.published.iter().find(|published| !published.target.is_beside() && matches!(published.sure, Sure::Read))
    }

    fn soft(&self) -> Option<&Published> {
        self.published.first()
    }

    fn reasons(&self) -> Option<Reasons> {
        if self.triggers.only_called() {
            return None;
        }
        let publishes =
            |published: &Published| (format!("it publishes: {} ({})", published.target.name(), published.role), published.place);
        let starts = |event: &super::triggers::Event, what: &str| (format!("{what} starts it (`{}`)", event.name), event.place);
        let named = self.name.as_ref().map(|(name, place)| (format!("it is named `{name}`"), *place));
        if let Some(event) = self.triggers.released() {
            let start = starts(event, "a tag or a release");
            if let Some(published) = self.hard().or_else(|| self.soft().filter(|_| !self.is_other())) {
                return Some(vec![start, publishes(published)]);
            }
            if self.is_named_release() && !self.is_other() {
                return Some(std::iter::once(start).chain(named).collect());
            }
        }
        if self.is_other() {
            return None;
        }
        self.by_push(&starts, &publishes).or_else(|| self.by_hand(&starts, &publishes, named))
    }

    fn by_push(
        &self,
        starts: &impl Fn(&super::triggers::Event, &str) -> (String, Place),
        publishes: &impl Fn(&Published) -> (String, Place),
    ) -> Option<Reasons> {
        let release =
            || self.published.iter().find(|published| published.target == Target::GithubRelease && published.sure == Sure::Read);
        if let (Some(event), Some(published)) = (self.triggers.any_push(), release()) {
            return Some(vec![starts(event, "every push, and so every tag,"), publishes(published)]);
        }
        let tool = self.published.iter().find(|published| {
            published.sure == Sure::Read
                && (matches!(published.target, Target::SemanticRelease | Target::Changesets)
                    || published.role.ends_with("release-please-action"))
        });
        let push = self.triggers.get("push").filter(|_| !self.triggers.has("pull_request"));
        if let (Some(event), Some(published)) = (push, tool) {
            return Some(vec![starts(event, "a push"), publishes(published)]);
        }
        let to_branch = push.filter(|push| !push.filter("branches").is_empty() && self.is_named_release());
        if let (Some(event), Some(published)) = (to_branch, self.hard()) {
            return Some(vec![starts(event, "a push to a branch"), publishes(published)]);
        }
        let branches = self.triggers.release_branches().filter(|_| !self.triggers.has("pull_request"));
        if let (Some(event), Some(place)) = (branches, self.logs_in) {
            return Some(vec![starts(event, "a push to a branch of releases"), ("it logs in to a registry".to_owned(), place)]);
        }
        None
    }

    fn by_hand(
        &self,
        starts: &impl Fn(&super::triggers::Event, &str) -> (String, Place),
        publishes: &impl Fn(&Published) -> (String, Place),
        named: Option<(String, Place)>,
    ) -> Option<Reasons> {
        if let Some(event) = self.triggers.asks_for_version() {
            let start = starts(event, "a person who names a version");
            if let Some(published) = self.hard() {
                return Some(vec![start, publishes(published)]);
            }
            if self.is_named_release() {
                return Some(std::iter::once(start).chain(named).collect());
            }
        }
        let event = self.triggers.get("workflow_dispatch")?;
        let hard = self.hard().filter(|_| self.is_named_release())?;
        Some(std::iter::once(starts(event, "a person")).chain(named).chain([publishes(hard)]).collect())
    }
}
