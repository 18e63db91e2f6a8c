//! The graph of jobs: which of them a release passes through.

use std::collections::{HashMap, HashSet};

use super::{model::Job, notes::Published};

/// Marks the jobs that publish, and all that those wait for.
pub(super) fn mark(jobs: &mut [Job], published: &[Published]) {
    let by_id: HashMap<String, usize> = jobs.iter().enumerate().map(|(at, job)| (job.id.clone(), at)).collect();
    for one in published {
        if let Some(job) = by_id.get(&one.job).and_then(|at| jobs.get_mut(*at)) {
            let sure = job.publishes.entry(one.target.name().to_owned()).or_insert_with(|| one.sure.clone());
            if one.sure < *sure {
                *sure = one.sure.clone();
            }
        }
    }
    let mut open: Vec<usize> = (0..jobs.len()).filter(|at| jobs.get(*at).is_some_and(|job| !job.publishes.is_empty())).collect();
    let mut seen: HashSet<usize> = open.iter().copied().collect();
    while let Some(at) = open.pop() {
        let Some(job) = jobs.get_mut(at) else { continue };
        job.on_release_path = true;
        open.extend(job.needs.iter().filter_map(|need| by_id.get(need)).filter(|need| seen.insert(**need)));
    }
}
