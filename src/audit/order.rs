//! In which order the jobs of a release run, as far as the files order them.
//!
//! Invariant: looking costs no more than there are jobs and `needs`, whatever they are called.

use std::collections::HashMap;

use crate::pipeline::{Forge, Job, ReleaseWorkflow};

/// The jobs of a release as a graph: what waits for what.
pub(super) struct Order<'r> {
    jobs: &'r [Job],
    by_id: HashMap<&'r str, usize>,
    /// What each waits for; behind the jobs come the ends of calls, which wait for all jobs of what is called.
    waits: Vec<Vec<usize>>,
}

impl<'r> Order<'r> {
    pub(super) fn of(release: &'r ReleaseWorkflow) -> Self {
        let jobs = release.jobs.as_slice();
        let by_id: HashMap<&str, usize> = jobs.iter().enumerate().map(|(at, job)| (job.id.as_str(), at)).collect();
        let mut ends: HashMap<usize, usize> = HashMap::new();
        let mut waits: Vec<Vec<usize>> = vec![Vec::new(); jobs.len()];
        for (at, job) in jobs.iter().enumerate().filter(|_| release.forge == Forge::Github) {
            let callers = job.id.match_indices('/').filter_map(|(end, _)| by_id.get(job.id.get(..end)?).copied());
            for caller in callers {
                let end = *ends.entry(caller).or_insert_with(|| {
                    waits.push(vec![caller]);
                    waits.len() - 1
                });
                waits[end].push(at);
            }
        }
        for (at, job) in jobs.iter().enumerate() {
            let needs = job.needs.iter().filter_map(|need| Some((need, *by_id.get(need.as_str())?)));
            // A job of what is called begins with the call, and does not wait for its end.
            let inside = |need: &str| job.id.strip_prefix(need).is_some_and(|rest| rest.starts_with('/'));
            let of = |(need, caller): (&String, usize)| ends.get(&caller).copied().filter(|_| !inside(need)).unwrap_or(caller);
            waits[at] = needs.map(of).collect();
        }
        Self { jobs, by_id, waits }
    }

    pub(super) fn job(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The jobs that begin when one of these has ended, each with the one of them that it was found from.
    pub(super) fn after(&self, starts: &[usize]) -> HashMap<usize, usize> {
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); self.waits.len()];
        for (at, waits) in self.waits.iter().enumerate() {
            for before in waits {
                waiting[*before].push(at);
            }
        }
        let mut found: HashMap<usize, usize> = HashMap::new();
        let mut lowest: HashMap<usize, usize> = HashMap::new();
        for start in starts {
            let mut open = vec![*start];
            while let Some(at) = open.pop() {
                let staged = self.later_stages(at, &mut lowest);
                for next in waiting[at].iter().copied().chain(staged) {
                    if let std::collections::hash_map::Entry::Vacant(vacant) = found.entry(next) {
                        vacant.insert(*start);
                        open.push(next);
                    }
                }
            }
        }
        found
    }

    /// The jobs that wait for the stage of this one, unless as much is known of an earlier stage.
    fn later_stages(&self, at: usize, lowest: &mut HashMap<usize, usize>) -> Vec<usize> {
        let Some(own) = self.jobs.get(at).and_then(|job| job.staged) else { return Vec::new() };
        if lowest.get(&own.pipeline).is_some_and(|known| *known <= own.stage) {
            return Vec::new();
        }
        lowest.insert(own.pipeline, own.stage);
        let waits =
            |job: &Job| job.staged.is_some_and(|other| other.waits && other.pipeline == own.pipeline && other.stage > own.stage);
        self.jobs.iter().enumerate().filter(|(_, job)| waits(job)).map(|(at, _)| at).collect()
    }

    /// Of each job, whether it has ended when this one begins, or that cannot be told.
    pub(super) fn before(&self, job: usize) -> Vec<bool> {
        let mut seen = vec![false; self.waits.len()];
        let own = self.jobs.get(job).and_then(|job| job.staged);
        let mut stage = 0;
        let mut open = vec![job];
        while let Some(at) = open.pop() {
            let staged = self.jobs.get(at).and_then(|job| job.staged);
            if let Some(staged) = staged.filter(|staged| staged.waits && own.is_some_and(|own| own.pipeline == staged.pipeline)) {
                stage = stage.max(staged.stage);
            }
            for next in &self.waits[at] {
                if !std::mem::replace(&mut seen[*next], true) {
                    open.push(*next);
                }
            }
        }
        let is_over = |job: &Job| match (own, job.staged) {
            // A pipeline that another one starts: nothing here tells which is first.
            (Some(own), Some(other)) => own.pipeline != other.pipeline || other.stage < stage,
            _ => false,
        };
        seen.truncate(self.jobs.len());
        self.jobs.iter().zip(seen).map(|(job, seen)| seen || is_over(job)).collect()
    }
}
