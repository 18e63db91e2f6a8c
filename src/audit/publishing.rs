//! Which jobs and steps publish: looked up, since a repository may have thousands of each.

use std::collections::{HashMap, HashSet};

use super::Subject;
use crate::pipeline::{At, Job, Site, Step};

/// The jobs and steps on the release's path that publish.
pub(super) struct Publishing<'s> {
    jobs: HashSet<&'s str>,
    steps: HashSet<*const Step>,
}

impl<'s> Publishing<'s> {
    pub(super) fn of(subject: &Subject<'s>) -> Self {
        let mut sites: HashMap<&str, Vec<&Site>> = HashMap::new();
        for (_, site) in subject.published() {
            if let Some(job) = site.job.as_deref() {
                sites.entry(job).or_default().push(site);
            }
        }
        let mut found = Self { jobs: HashSet::new(), steps: HashSet::new() };
        for (_, job) in subject.jobs() {
            if !job.publishes.is_empty() {
                found.jobs.insert(&job.id);
            }
            let Some(sites) = sites.get(job.id.as_str()) else { continue };
            let steps = Steps::of(job);
            let here = sites.iter().flat_map(|site| steps.at(&site.at));
            found.steps.extend(here.map(std::ptr::from_ref));
        }
        found
    }

    /// Whether something is published in the job of this place.
    pub(super) fn job(&self, site: &Site) -> bool {
        site.job.as_deref().is_some_and(|job| self.jobs.contains(job))
    }

    /// Whether this step publishes something.
    pub(super) fn step(&self, step: &Step) -> bool {
        self.steps.contains(&std::ptr::from_ref(step))
    }
}

/// The steps of a job by where they stand.
pub(super) struct Steps<'s>(HashMap<&'s str, Vec<&'s Step>>);

impl<'s> Steps<'s> {
    pub(super) fn of(job: &'s Job) -> Self {
        let mut by_file: HashMap<&str, Vec<&Step>> = HashMap::new();
        for step in &job.steps {
            by_file.entry(&step.at.file).or_default().push(step);
        }
        for steps in by_file.values_mut() {
            steps.sort_by_key(|step| step.at.line);
        }
        Self(by_file)
    }

    /// The steps that this line is part of: those that begin last before it, or on it.
    pub(super) fn at(&self, at: &At) -> impl Iterator<Item = &'s Step> {
        let steps = self.0.get(&*at.file).map(Vec::as_slice).unwrap_or_default();
        let end = steps.partition_point(|step| step.at.line <= at.line);
        let line = end.checked_sub(1).and_then(|last| steps.get(last)).map(|step| step.at.line);
        let begin = line.map_or(end, |line| steps.partition_point(|step| step.at.line < line));
        steps.get(begin..end).unwrap_or_default().iter().copied()
    }
}
