//! What pipelines say of a release, value by value, each with where and how sure.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// Where something stands: line and column count from one, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The file, from the repository's root.
    pub file: Rc<str>,
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
    pub role: Rc<str>,
    /// The job it belongs to, if it belongs to one.
    pub job: Option<Rc<str>>,
    /// The key that the value is given under: of an environment variable or an input.
    pub under: Option<Rc<str>>,
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

    /// Says of every site whether a release passes there, now that the jobs on its path are known; where none is, everywhere.
    pub(super) fn mark(&mut self, on_path: &BTreeSet<&str>) {
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
