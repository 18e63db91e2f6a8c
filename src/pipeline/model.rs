//! What the pipelines of a repository say about its releases.
//!
//! Invariants: every fact has at least one site, and each site says where it was read and how sure it is; what cannot be
//! derived is in [`Pipeline::open`], never guessed and never left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::source::File;

/// Whose pipelines they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forge {
    /// Workflows under `.github/workflows`.
    Github,
    /// `.gitlab-ci.yml` and what it includes.
    Gitlab,
}

impl Forge {
    /// Its name in output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }
}

/// Where something stands: line and column count from one, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The file, from the repository's root.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// How sure a fact is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sure {
    /// It is written there.
    Read,
    /// It follows from what is written, through inputs, variables or a matrix.
    Computed,
    /// Another file of the repository, or a tool's configuration, decides; its name as far as it is known.
    Delegated(String),
    /// It is known only while the pipeline runs; the value is the text that decides.
    Dynamic,
    /// What decides is not in this repository.
    Outside,
}

impl Sure {
    /// Its name in output.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Computed => "computed",
            Self::Delegated(_) => "delegated",
            Self::Dynamic => "dynamic",
            Self::Outside => "outside",
        }
    }
}

/// One place that says a fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// Where.
    pub at: At,
    /// How sure.
    pub sure: Sure,
    /// What the fact is there, in a word or a few: `login`, `container`, `gh release create`.
    pub role: String,
    /// The job it belongs to, if it belongs to one.
    pub job: Option<String>,
    /// The key that the value is given under: of an environment variable or an input.
    pub under: Option<String>,
    /// Whether a release passes here: its job is on the release path, or it belongs to all jobs.
    pub on_path: bool,
}

/// What facts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Secrets by the name that their owner knows them by.
    Secrets,
    /// Variables of the forge that are no secrets.
    Variables,
    /// Registries that are logged in to, pushed to or copied from.
    Registries,
    /// Where a release lands; the name of a [`super::Target`].
    PublishTargets,
    /// Labels and tags of the runners.
    RunnerLabels,
    /// Environments, with whatever approvals they ask for.
    Environments,
    /// Images that jobs run in or beside.
    Images,
    /// Actions of others.
    ActionsThirdParty,
    /// Remote workflows, includes, components and templates.
    Remote,
    /// Tokens that the forge signs for others to trust.
    Oidc,
    /// Where a person has to act.
    Approvals,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 11] = [
        Self::Secrets,
        Self::Variables,
        Self::Registries,
        Self::PublishTargets,
        Self::RunnerLabels,
        Self::Environments,
        Self::Images,
        Self::ActionsThirdParty,
        Self::Remote,
        Self::Oidc,
        Self::Approvals,
    ];

    /// Its key in JSON.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Variables => "variables",
            Self::Registries => "registries",
            Self::PublishTargets => "publish_targets",
            Self::RunnerLabels => "runner_labels",
            Self::Environments => "environments",
            Self::Images => "images",
            Self::ActionsThirdParty => "actions_third_party",
            Self::Remote => "remote",
            Self::Oidc => "oidc",
            Self::Approvals => "approvals",
        }
    }
}

/// All facts, by topic and value.
#[derive(Clone, Debug, Default)]
pub struct Facts(BTreeMap<Topic, BTreeMap<String, BTreeSet<Site>>>);

impl Facts {
    /// Takes in one site of a fact.
    pub(super) fn add(&mut self, topic: Topic, value: &str, site: Site) {
        let values = self.0.entry(topic).or_default();
        match values.get_mut(value) {
            Some(sites) => {
                sites.insert(site);
            }
            None => {
                values.insert(value.to_owned(), BTreeSet::from([site]));
            }
        }
    }

    /// Takes in all of `other`.
    pub(super) fn merge(&mut self, other: Self) {
        for (topic, values) in other.0 {
            let mine = self.0.entry(topic).or_default();
            for (value, sites) in values {
                mine.entry(value).or_default().extend(sites);
            }
        }
    }

    /// Says of every site whether a release passes there, now that the jobs are known; where nobody knows, everywhere.
    pub(super) fn mark(&mut self, jobs: &[Job]) {
        let on_path: BTreeSet<&str> = jobs.iter().filter(|job| job.on_release_path).map(|job| job.id.as_str()).collect();
        for values in self.0.values_mut() {
            for sites in values.values_mut() {
                let marked = std::mem::take(sites).into_iter().map(|mut site| {
                    site.on_path =
                        on_path.is_empty() || site.job.as_deref().is_none_or(|job| job.is_empty() || on_path.contains(job));
                    site
                });
                *sites = marked.collect();
            }
        }
    }

    /// The facts of a topic, by value.
    pub fn of(&self, topic: Topic) -> impl Iterator<Item = (&str, &BTreeSet<Site>)> {
        self.0.get(&topic).into_iter().flatten().map(|(value, sites)| (value.as_str(), sites))
    }

    /// Whether there is a fact of this topic and value.
    #[must_use]
    pub fn has(&self, topic: Topic, value: &str) -> bool {
        self.0.get(&topic).is_some_and(|values| values.contains_key(value))
    }
}

/// A file that starts pipelines which make or publish a release.
#[derive(Clone, Debug)]
pub struct ReleaseWorkflow {
    /// Whose it is.
    pub forge: Forge,
    /// The file.
    pub file: String,
    /// What it calls itself.
    pub name: Option<String>,
    /// Why it is believed to make releases, each with its place.
    pub reasons: Vec<(String, At)>,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// Its jobs and those of what it calls.
    pub jobs: Vec<Job>,
    /// The other files it reads.
    pub files: Vec<String>,
}

/// What starts a pipeline.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The forge's own word: `push`, `release`, `workflow_dispatch`, `rules`.
    pub event: String,
    /// What narrows it down, as it is written: tags, branches, types, inputs, an expression.
    pub filters: Vec<String>,
    /// Where it stands.
    pub at: At,
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name in the file; of a called workflow, after the caller's and a slash.
    pub id: String,
    /// Where it stands.
    pub at: At,
    /// The jobs it waits for, by [`Job::id`].
    pub needs: Vec<String>,
    /// The condition it runs under, as it is written.
    pub condition: Option<String>,
    /// What it calls, if it is a call.
    pub calls: Option<String>,
    /// Where it publishes, with how sure that is.
    pub publishes: BTreeMap<String, Sure>,
    /// Whether a release passes through it: it publishes, or something that publishes waits for it.
    pub on_release_path: bool,
    /// Where it says that it may fail without failing the pipeline.
    pub may_fail: Option<At>,
    /// Its steps, those of local actions among them; of a GitLab job, its scripts as one step.
    pub steps: Vec<Step>,
}

/// A step of a job.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands.
    pub at: At,
    /// The condition it runs under, as it is written.
    pub condition: Option<(String, At)>,
    /// Where it says that it may fail without failing the job.
    pub may_fail: Option<At>,
    /// The action of others that it uses, and the version.
    pub uses: Option<(String, String)>,
    /// Its inputs, as they are written.
    pub with: Vec<(String, String)>,
    /// The variables it sees, as they are written; the innermost first.
    pub env: Vec<(String, String)>,
    /// The folder that its script runs in, as it is written; none if that is the repository's root.
    pub folder: Option<String>,
    /// The commands of its script.
    pub commands: Vec<Words>,
}

impl Step {
    /// An input, as it is written.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&str> {
        self.with.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A variable, as it is written.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether it uses this action, or one below it.
    #[must_use]
    pub fn is(&self, action: &str) -> bool {
        let start = |name: &str| name.get(..action.len()).is_some_and(|start| start.eq_ignore_ascii_case(action));
        self.uses.as_ref().is_some_and(|(name, _)| start(name) && matches!(name.as_bytes().get(action.len()), None | Some(b'/')))
    }
}

/// A command of a script, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Where it begins.
    pub at: At,
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// A time at which a forge starts a pipeline by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The file.
    pub file: String,
    /// The time, as cron has it.
    pub cron: String,
    /// Where it stands.
    pub at: At,
}

/// A call of this program in some pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCall {
    /// The command: `drill`, `recover`.
    pub command: String,
    /// Where it stands.
    pub at: At,
}

/// Something that the files do not say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Open {
    /// Where it would have to be known.
    pub at: At,
    /// What is not known, and who would know it.
    pub what: String,
}

/// Something that is wrong with a file. What else there is was read all the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub at: At,
    /// What.
    pub what: String,
    /// Whether the file could not be read to its end.
    pub broken: bool,
}

/// The build path of a repository's releases.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    /// The forges that have pipelines here.
    pub forges: BTreeSet<Forge>,
    /// The files that start releases.
    pub releases: Vec<ReleaseWorkflow>,
    /// What they say.
    pub facts: Facts,
    /// What they leave open.
    pub open: BTreeSet<Open>,
    /// What is wrong with the files.
    pub problems: BTreeSet<Problem>,
    /// How many files were looked at.
    pub files: usize,
    /// The times at which GitHub starts any of its workflows; GitLab keeps them outside of the repository.
    pub schedules: Vec<Schedule>,
    /// The calls of this program.
    pub calls: Vec<OwnCall>,
    /// The files that were read.
    pub(super) texts: Vec<Rc<File>>,
}

impl Pipeline {
    /// The text of a file that was read.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<&str> {
        self.texts.iter().find(|known| known.path == file).map(|known| known.text.as_str())
    }

    /// Every file that was read, with its text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|file| (file.path.as_str(), file.text.as_str()))
    }

    /// The jobs that a release passes through, each with what it belongs to.
    pub fn path(&self) -> impl Iterator<Item = (&ReleaseWorkflow, &Job)> {
        self.releases
            .iter()
            .flat_map(|release| release.jobs.iter().filter(|job| job.on_release_path).map(move |job| (release, job)))
    }
}
