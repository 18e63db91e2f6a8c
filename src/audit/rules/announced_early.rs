//! A release that is announced before it is there.

use std::collections::{HashMap, HashSet};

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        order::Order,
        publishing::Steps,
        subject::spot,
    },
    pipeline::{Job, ReleaseWorkflow, Site, Step},
};

pub(super) static RULE: Rule = Rule {
    id: "announced-early",
    severity: Severity::Warning,
    title: "a release is announced before what it announces is there",
    detects: "A GitHub or GitLab release that is made public (and is no draft) in an earlier step, or in a job that is waited for, than \
              the one that publishes packages or images, or in a job beside that one (with doubt); workflows that publish once a person has \
              made the release public (a note).",
    misses: "Order within scripts, tools and local actions, and across pipelines; drafts that another step makes public; conditions \
             by which only one of two jobs ever runs; of jobs side by side all but the first ten that make a release public.",
    why: "If the later step fails, users are told of a version that they cannot get, and a half-made release has to be taken back.",
    advice: "Publish packages and images first, the release last; or make it a draft and publish that at the end.",
    check,
};

/// What users get from elsewhere than the release itself.
const GOODS: &[&str] = &[
    "crates.io",
    "npm",
    "pypi",
    "container-image",
    "maven-central",
    "nuget.org",
    "rubygems",
    "s3",
    "gcs",
    "cloudflare-r2",
    "gradle-plugin-portal",
    "helm-chart",
    "gitlab-package",
];

/// Tools that make a release public.
const MAKERS: &[&str] =
    &["softprops/action-gh-release", "ncipollo/release-action", "actions/create-release", "elgohr/github-release-action"];

fn check(subject: &Subject<'_>, found: &mut Found) {
    let published = subject.published();
    for release in &subject.pipeline.releases {
        let jobs = Jobs::of(release);
        let own = |site: &Site| jobs.has(site);
        let goods: Vec<(&str, &Site)> =
            published.iter().copied().filter(|(target, site)| GOODS.contains(target) && own(site)).collect();
        let announced =
            published.iter().filter(|(target, site)| matches!(*target, "github-release" | "gitlab-release") && own(site));
        let public: Vec<&Site> = announced.map(|(_, site)| *site).filter(|site| jobs.is_public(site)).collect();
        if let Some((site, (target, good))) = jobs.late(&public, &goods) {
            let message = format!("the release is made public before {target} is published");
            let _told = found
                .add(Severity::Warning, spot(Some(&site.at), &site.role), message)
                .related(spot(Some(&good.at), ""), format!("{target} is published here"));
        } else if let Some((site, (target, good))) = jobs.beside(&public, &goods) {
            let message = format!("the release is made public beside the job that publishes {target}");
            let _told = found
                .add(Severity::Warning, spot(Some(&site.at), &site.role), message)
                .related(spot(Some(&good.at), ""), format!("{target} is published here"))
                .doubt("nothing orders the two jobs: which is first is chance, and one may fail when the other is done")
                .advise(format!("Let the job that makes the release public need the one that publishes {target}."));
        } else if let (Some(trigger), Some((target, good))) = (on_publication(release), goods.first()) {
            let message = format!("a person makes the release public, and {target} is published after that");
            let finding = found.add(Severity::Note, spot(Some(trigger), "release"), message);
            let _told = finding.related(spot(Some(&good.at), ""), format!("{target} is published here"));
        }
    }
}

/// Where a workflow is started by a release that is public already.
fn on_publication(release: &ReleaseWorkflow) -> Option<&crate::pipeline::At> {
    let trigger = release.triggers.iter().find(|trigger| trigger.event == "release")?;
    let only = release.triggers.iter().all(|trigger| matches!(trigger.event.as_str(), "release" | "workflow_dispatch"));
    only.then_some(&trigger.at)
}

/// The most jobs of which it is looked at what runs beside them.
const BESIDE: usize = 10;

/// The jobs of a release, looked up by their names.
struct Jobs<'r> {
    by_id: HashMap<&'r str, (&'r Job, Steps<'r>)>,
    files: HashSet<&'r str>,
    order: Order<'r>,
}

impl<'r> Jobs<'r> {
    fn of(release: &'r ReleaseWorkflow) -> Self {
        let by_id = release.jobs.iter().map(|job| (job.id.as_str(), (job, Steps::of(job)))).collect();
        let files = release.files.iter().chain([&release.file]).map(String::as_str).collect();
        Self { by_id, files, order: Order::of(release) }
    }

    fn has(&self, site: &Site) -> bool {
        site.job.as_deref().is_some_and(|job| self.by_id.contains_key(job)) && self.files.contains(&*site.at.file)
    }

    /// Whether this makes a release that users see at once.
    fn is_public(&self, site: &Site) -> bool {
        if &*site.role == "release" {
            return true;
        }
        let job = site.job.as_deref().and_then(|job| self.by_id.get(job));
        let Some(step) = job.and_then(|(_, steps)| steps.at(&site.at).next()) else { return false };
        if MAKERS.iter().any(|maker| step.is(maker)) {
            let told = |name: &str| step.input(name).is_some_and(|value| !value.trim().is_empty() && value != "false");
            return !told("draft") && !told("allowUpdates");
        }
        makes(step, site)
    }

    /// The first of what is public before something that belongs to it: earlier in the same job and file, or in a job that
    /// is waited for.
    fn late<'g>(&self, public: &[&'g Site], goods: &[(&'g str, &'g Site)]) -> Option<(&'g Site, (&'g str, &'g Site))> {
        let mut first: HashMap<(&str, &str), &Site> = HashMap::new();
        for site in public {
            let key = (site.job.as_deref().unwrap_or_default(), &*site.at.file);
            let known = first.entry(key).or_insert(site);
            if site.at.line < known.at.line {
                *known = site;
            }
        }
        let behind = self.behind(public);
        let before = |good: &Site| {
            let job = good.job.as_deref().unwrap_or_default();
            let same = first.get(&(job, &*good.at.file)).filter(|site| site.at.line < good.at.line);
            same.or_else(|| behind.get(&self.order.job(job)?)).copied()
        };
        goods.iter().filter_map(|good| Some((before(good.1)?, *good))).min()
    }

    /// The jobs that wait for one which makes a release public, each with where that is.
    fn behind<'g>(&self, public: &[&'g Site]) -> HashMap<usize, &'g Site> {
        let mut starts: HashMap<usize, &Site> = HashMap::new();
        for site in public {
            if let Some(job) = self.at(site) {
                starts.entry(job).or_insert(site);
            }
        }
        let mut all: Vec<usize> = starts.keys().copied().collect();
        all.sort_unstable();
        self.order.after(&all).into_iter().filter_map(|(job, start)| Some((job, *starts.get(&start)?))).collect()
    }

    /// The first of what is public in a job that runs side by side with one that publishes something.
    fn beside<'g>(&self, public: &[&'g Site], goods: &[(&'g str, &'g Site)]) -> Option<(&'g Site, (&'g str, &'g Site))> {
        let mut looked: Vec<usize> = Vec::new();
        for site in public {
            let Some(job) = self.at(site).filter(|job| !looked.contains(job)) else { continue };
            if looked.len() == BESIDE {
                break;
            }
            looked.push(job);
            let before = self.order.before(job);
            let is_beside = |good: &&(&str, &Site)| {
                self.at(good.1).is_some_and(|good| good != job && before.get(good).is_some_and(|is_before| !is_before))
            };
            if let Some(good) = goods.iter().find(is_beside) {
                return Some((site, *good));
            }
        }
        None
    }

    fn at(&self, site: &Site) -> Option<usize> {
        self.order.job(site.job.as_deref()?)
    }
}

fn makes(step: &Step, site: &Site) -> bool {
    step.commands.iter().filter(|command| command.at == site.at).any(|command| {
        let has = |word: &str| command.words.iter().any(|other| other == word || other.starts_with(&format!("{word}=")));
        // What an array or a variable of options holds may be the draft.
        let is_open = command.words.iter().any(|word| {
            let word = word.to_ascii_lowercase();
            word.contains("[@]")
                || word.contains("[*]")
                || ["flags", "args", "opts", "options", "draft"]
                    .iter()
                    .any(|name| word.contains(&format!("${name}")) || word.contains(&format!("${{{name}")))
        });
        has("release") && has("create") && !has("--draft") && !has("-d") && !is_open
    })
}
