//! A part of a release that is made on a system which no spare has.

use std::collections::HashMap;

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::{Job, Site, Sure, Topic},
    plan::{Plan, SpareKind},
};

pub(super) static RULE: Rule = Rule {
    id: "runner-os-not-covered",
    severity: Severity::Warning,
    title: "a part of a release is made on macOS or Windows, and no spare of the plan is such a machine",
    detects: "Labels of macOS or Windows runners, hosted or one's own, on jobs whose files may be part of a release, where the plan has \
              clean rooms (which are Linux), this machine, and runners whose labels name another system. A note where nothing shows \
              that the job hands files on.",
    misses: "Cross builds that make the same files on Linux too; what a label stands for that names no system; the runners of GitLab \
             jobs that a release only waits for.",
    why: "What is made there is missing from a hotfix that a spare ships: the users of that system do not get it.",
    advice: "Add a runner of that system to the plan's `spares`, or write down what a hotfix is without it.",
    check,
};

/// A system that no clean room is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum System {
    MacOs,
    Windows,
}

impl System {
    /// Its name, which is its label on runners of one's own.
    fn name(self) -> &'static str {
        match self {
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
        }
    }
}

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(plan) = subject.plan() else { return };
    let makers: HashMap<&str, &Job> = subject.pipeline.makers().into_iter().map(|job| (job.id.as_str(), job)).collect();
    for system in [System::MacOs, System::Windows] {
        if plan.spares.iter().any(|spare| covers(&spare.kind, system)) {
            continue;
        }
        let labels = subject.facts(Topic::RunnerLabels).filter(|label| of_label(label.value) == Some(system));
        let sites = labels.flat_map(|label| label.sites.into_iter().map(move |site| (label.value, site)));
        let mut jobs: Vec<(&Job, &str, &Site)> = sites
            .filter(|(_, site)| !matches!(site.sure, Sure::Dynamic))
            .filter_map(|(label, site)| Some((*makers.get(site.job.as_deref()?)?, label, site)))
            .collect();
        // What surely is a part comes first.
        jobs.sort_by_key(|(job, _, site)| (!hands_on(job), &site.at));
        tell(subject, found, (plan, system, &jobs));
    }
}

fn tell(subject: &Subject<'_>, found: &mut Found, (plan, system, jobs): (&Plan, System, &[(&Job, &str, &Site)])) {
    let Some((job, label, site)) = jobs.first() else { return };
    let (severity, does) =
        if hands_on(job) { (Severity::Warning, "makes a part of the release") } else { (Severity::Note, "runs") };
    let name = system.name();
    let message = format!("`{}` {does} on `{label}`, and no spare of the plan is a {name} machine", job.id);
    let mut finding = found.add(severity, spot(Some(&site.at), ""), message);
    let mut told = vec![job.id.as_str()];
    for (job, label, site) in jobs {
        if told.len() < 4 && !told.contains(&job.id.as_str()) {
            told.push(&job.id);
            finding = finding.related(spot(Some(&site.at), ""), format!("`{}` runs on `{label}`", job.id));
        }
    }
    let silent = plan.spares.iter().find(|spare| matches!(&spare.kind, SpareKind::Runner { labels, .. } if names_none(labels)));
    finding = match silent {
        Some(spare) => finding.doubt(format!("on which system the spare `{}` runs, its labels do not say", spare.name)),
        None if !hands_on(job) => finding.doubt("whether anything of that job is released, the files do not say"),
        None => finding,
    };
    let file = subject.plan_file();
    let how = match system {
        System::MacOs => format!(
            "Add a Mac to `spares` in `{file}`: `{{ name: mac, runner: {{ labels: [self-hosted, macOS], workflow: canship-spare.yml }} }}`, \
             or `{{ name: mac, host: {{}} }}` to drill on one"
        ),
        // canship itself does not run there.
        System::Windows => format!("Build for Windows on Linux, in a step of `build.run` in `{file}`"),
    };
    let _told = finding.advise(format!("{how}; or accept under `check.ignore` there that a hotfix is without {name}."));
}

/// Whether a spare is a machine of this system. A host is the machine that looks.
fn covers(spare: &SpareKind, system: System) -> bool {
    match spare {
        SpareKind::Container { .. } => false,
        SpareKind::Runner { labels, .. } => labels.iter().any(|label| of_label(label) == Some(system)),
        SpareKind::Host => system == System::MacOs && cfg!(target_os = "macos"),
    }
}

/// Whether labels name no system at all.
fn names_none(labels: &[String]) -> bool {
    let is_linux = |label: &String| words(label).any(|word| word == "linux" || word == "ubuntu");
    labels.iter().all(|label| of_label(label).is_none() && !is_linux(label))
}

fn words(label: &str) -> impl Iterator<Item = String> {
    label.split(|c: char| !c.is_alphanumeric()).map(str::to_ascii_lowercase)
}

/// The system that a label names: `macos-15-xlarge`, `depot-windows-2025`, `saas-macos-medium-m1`, `macOS`.
fn of_label(label: &str) -> Option<System> {
    words(label).find_map(|word| match word.as_str() {
        "macos" | "osx" => Some(System::MacOs),
        "windows" => Some(System::Windows),
        _ => None,
    })
}

/// Whether a job publishes, or hands files on to one that may.
fn hands_on(job: &Job) -> bool {
    !job.publishes.is_empty() || !job.hands_on.is_empty() || job.steps.iter().any(|step| step.is("actions/upload-artifact"))
}

#[cfg(test)]
mod tests {
    use super::{System, names_none, of_label};

    #[test]
    fn a_label_tells_its_system_by_a_word_of_it() {
        let told = |label: &str| of_label(label).map(System::name);
        assert_eq!(told("saas-macos-medium-m1"), Some("macOS"));
        assert_eq!(told("Windows"), Some("Windows"));
        assert_eq!(told("windows-11-arm"), Some("Windows"));
        assert_eq!(told("ubuntu-latest"), None);
        assert!(names_none(&["self-hosted".to_owned(), "spare".to_owned()]));
        assert!(!names_none(&["self-hosted".to_owned(), "Linux".to_owned()]));
    }
}
