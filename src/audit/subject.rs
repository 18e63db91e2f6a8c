//! What the rules look at: the pipelines, and the plan if there is one.

use std::{collections::BTreeSet, rc::Rc};

use super::Spot;
use crate::{
    pipeline::{At, Job, Pipeline, ReleaseWorkflow, Site, Step, Sure, Topic},
    plan::{BuildImage, Loaded, Plan, SettingOrigin, Target},
    source::VersionError,
};

/// The plan and its file.
#[derive(Clone, Copy, Debug)]
pub struct Written<'s> {
    /// The plan.
    pub loaded: &'s Loaded,
    /// The file's name, from the repository's root.
    pub file: &'s str,
    /// The file's text.
    pub text: &'s str,
    /// Why there is no version where the plan takes it from; none if there is, or if that is not seen in a file.
    pub version: Option<&'s VersionError>,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// What the pipelines say.
    pub pipeline: &'s Pipeline,
    /// The plan; none if there is none.
    pub plan: Option<Written<'s>>,
}

/// The tokens that a forge makes for each run: no one has to keep them.
const MADE: &[&str] = &["GITHUB_TOKEN", "CI_JOB_TOKEN"];

/// A fact that a release depends on: its value, and where it stands on the release's path.
pub(super) struct OnPath<'s> {
    pub(super) value: &'s str,
    pub(super) sites: Vec<&'s Site>,
}

impl OnPath<'_> {
    /// The first place, and how long the value is.
    pub(super) fn spot(&self) -> Spot {
        spot(self.sites.first().map(|site| &site.at), self.value)
    }
}

/// A spot that covers this text.
pub(super) fn spot(at: Option<&At>, text: &str) -> Spot {
    let at = at.cloned().unwrap_or_else(|| At { file: Rc::default(), line: 1, column: 1 });
    Spot { at, length: text.chars().count().max(1) }
}

impl<'s> Subject<'s> {
    pub(super) fn plan(&self) -> Option<&'s Plan> {
        self.plan.map(|written| &written.loaded.plan)
    }

    /// The file that the plan is in, or where it is looked for.
    pub(super) fn plan_file(&self) -> &'s str {
        self.plan.map_or("canship.yaml", |written| written.file)
    }

    /// The facts of a topic that a release passes, but for what nobody can know.
    pub(super) fn facts(&self, topic: Topic) -> impl Iterator<Item = OnPath<'s>> {
        self.pipeline.facts.of(topic).filter_map(|(value, sites)| {
            let sites: Vec<&Site> = sites.iter().filter(|site| site.on_path).collect();
            (!sites.is_empty()).then_some(OnPath { value, sites })
        })
    }

    /// The secrets that a release uses and somebody has to keep.
    pub(super) fn secrets(&self) -> impl Iterator<Item = OnPath<'s>> {
        self.facts(Topic::Secrets).filter(|fact| !MADE.contains(&fact.value) && !fact.value.eq_ignore_ascii_case("github_token"))
    }

    /// The jobs on the release's path, each with the workflow.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (&'s ReleaseWorkflow, &'s Job)> {
        self.pipeline.path()
    }

    /// The steps on the release's path.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&'s Job, &'s Step)> {
        self.jobs().flat_map(|(_, job)| job.steps.iter().map(move |step| (job, step)))
    }

    /// Where a release is published: target, job, site; what is only delegated or guessed aside.
    pub(super) fn published(&self) -> Vec<(&'s str, &'s Site)> {
        let all = self.pipeline.facts.of(Topic::PublishTargets);
        all.flat_map(|(target, sites)| sites.iter().map(move |site| (target, site)))
            .filter(|(_, site)| site.on_path && matches!(site.sure, Sure::Read | Sure::Computed))
            .collect()
    }

    /// Where the plan says this, or its first line.
    pub(super) fn in_plan(&self, path: &str) -> Spot {
        let Some(written) = self.plan else { return spot(None, "") };
        let number = |n: usize| u32::try_from(n).unwrap_or(1);
        let settings = &written.loaded.settings;
        let setting = settings
            .iter()
            .find(|setting| setting.path == path)
            .or_else(|| settings.iter().find(|setting| setting.path.starts_with(&format!("{path}."))))
            .or_else(|| settings.iter().find(|setting| setting.path.starts_with(&format!("{path}["))));
        let (line, column, length) = match setting.map(|setting| (setting.origin, setting.value.chars().count())) {
            Some((SettingOrigin::Written { line, column }, length)) => (number(line), number(column), length),
            _ => (1, 1, 1),
        };
        Spot { at: At { file: written.file.into(), line, column }, length: length.max(1) }
    }

    /// Whether the plan has a value below this path.
    pub(super) fn plan_says(&self, path: &str) -> Vec<&'s str> {
        let Some(written) = self.plan else { return Vec::new() };
        let below = |setting: &&crate::plan::Setting| {
            setting.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                && setting.origin != SettingOrigin::Default
        };
        written.loaded.settings.iter().filter(below).map(|setting| setting.value.as_str()).collect()
    }

    /// The images that the plan builds in and on, each with its path in the plan.
    pub(super) fn plan_images(&self) -> Vec<(String, &'s str)> {
        let Some(plan) = self.plan() else { return Vec::new() };
        let build = match &plan.build.image {
            Some(BuildImage::Image(image)) => Some(("build.image".to_owned(), image.as_str())),
            _ => None,
        };
        let bases = plan.publish.iter().enumerate().filter_map(|(number, target)| match target {
            Target::Oci(oci) => Some((format!("publish[{number}].base"), oci.base.as_deref()?)),
            Target::Other { .. } => None,
        });
        build.into_iter().chain(bases).collect()
    }

    /// The hosts of the registries that the plan publishes to.
    pub(super) fn plan_registries(&self) -> BTreeSet<String> {
        let targets = self.plan().map(|plan| plan.publish.as_slice()).unwrap_or_default();
        let oci = targets.iter().filter_map(|target| match target {
            Target::Oci(oci) => Some(oci.repository.as_str()),
            Target::Other { .. } => None,
        });
        oci.filter_map(crate::pipeline::registry_of).collect()
    }
}
