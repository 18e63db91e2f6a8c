//! The graph of jobs: which of them a release passes through.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    model::{Job, ReleaseWorkflow},
    notes::Published,
};

/// Marks the jobs that publish, and all that those and the ones marked already wait for.
pub(super) fn mark(jobs: &mut [Job], published: &[Published]) {
    let by_id: HashMap<String, usize> = jobs.iter().enumerate().map(|(at, job)| (job.id.clone(), at)).collect();
    for one in published {
        if let Some(job) = by_id.get(&*one.job).and_then(|at| jobs.get_mut(*at)) {
            let sure = job.publishes.entry(one.target.name().to_owned()).or_insert_with(|| one.sure.clone());
            if one.sure < *sure {
                *sure = one.sure.clone();
            }
        }
    }
    let mut open: Vec<usize> =
        (0..jobs.len()).filter(|at| jobs.get(*at).is_some_and(|job| job.on_release_path || !job.publishes.is_empty())).collect();
    let mut seen: HashSet<usize> = open.iter().copied().collect();
    while let Some(at) = open.pop() {
        let Some(job) = jobs.get_mut(at) else { continue };
        job.on_release_path = true;
        open.extend(job.needs.iter().filter_map(|need| by_id.get(need)).filter(|need| seen.insert(**need)));
    }
}

/// The jobs on the path of a release whose files may be part of it; [`super::Pipeline::makers`] says which.
pub(super) fn makers(release: &ReleaseWorkflow) -> Vec<&Job> {
    let path = || release.jobs.iter().filter(|job| job.on_release_path);
    let by_id: HashMap<&str, &Job> = path().map(|job| (job.id.as_str(), job)).collect();
    let waited_for: HashSet<&str> = path().flat_map(|job| &job.needs).map(String::as_str).collect();
    let is_last = |job: &&Job| !job.publishes.is_empty() || !waited_for.contains(job.id.as_str());
    let mut open: Vec<&Job> = path().filter(is_last).collect();
    let mut seen: HashSet<&str> = open.iter().map(|job| job.id.as_str()).collect();
    while let Some(job) = open.pop() {
        let from = job.files_from.as_ref().unwrap_or(&job.needs);
        open.extend(from.iter().filter_map(|from| by_id.get(from.as_str())).filter(|job| seen.insert(&job.id)));
    }
    path().filter(|job| seen.contains(job.id.as_str())).collect()
}

/// The jobs that a release passes through.
pub(super) fn on_path(jobs: &[Job]) -> BTreeSet<&str> {
    jobs.iter().filter(|job| job.on_release_path).map(|job| job.id.as_str()).collect()
}

/// The first job found that waits for itself in a circle: `jobs` are names, each with those that it waits for.
pub(super) fn circle(jobs: &[(&str, Vec<&str>)]) -> Option<usize> {
    let by_name: HashMap<&str, usize> = jobs.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
    let needs = |at: usize| jobs.get(at).into_iter().flat_map(|(_, needs)| needs).filter_map(|need| by_name.get(need).copied());
    let mut left: Vec<usize> = (0..jobs.len()).map(|at| needs(at).count()).collect();
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); jobs.len()];
    for at in 0..jobs.len() {
        needs(at).for_each(|need| waiting.get_mut(need).into_iter().for_each(|waiting| waiting.push(at)));
    }
    let mut open: Vec<usize> = (0..jobs.len()).filter(|at| left.get(*at) == Some(&0)).collect();
    let mut done = 0;
    while let Some(at) = open.pop() {
        done += 1;
        for next in waiting.get(at).into_iter().flatten() {
            if let Some(count) = left.get_mut(*next) {
                *count -= 1;
                if *count == 0 {
                    open.push(*next);
                }
            }
        }
    }
    if done == jobs.len() {
        return None;
    }
    // What is left is in a circle or waits for one: whoever is met twice on the way back is in it.
    let mut seen = HashSet::new();
    let mut at = left.iter().position(|count| *count > 0)?;
    while seen.insert(at) {
        at = needs(at).find(|need| left.get(*need).is_some_and(|count| *count > 0))?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::circle;

    #[test]
    fn a_circle_is_found_behind_what_waits_for_it() {
        assert_eq!(circle(&[("a", vec!["b"]), ("b", vec!["c"]), ("c", vec![])]), None);
        let found = circle(&[("a", vec!["b", "x"]), ("b", vec!["c"]), ("c", vec!["b"]), ("d", vec![])]);
        assert!(matches!(found, Some(1 | 2)), "{found:?}");
        assert_eq!(circle(&[("a", vec!["a"])]), Some(0));
    }
}
