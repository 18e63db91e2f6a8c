//! `canship pipeline --format json`, version 1. Every key is always there; what is not known is `null`. Within a version
//! keys are only added.

use std::{borrow::Cow, collections::BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::{clean, kept};
use crate::pipeline::{At, Pipeline, ReleaseWorkflow, Site, Sure, Target, Topic};

/// The build path of a repository's releases, as its pipelines say it.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "canship pipeline")]
struct PipelineView<'p> {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// The forges that have pipelines here: `github`, `gitlab`.
    forges: Vec<String>,
    /// How many files were read.
    files: usize,
    /// The files that start releases.
    release_workflows: Vec<WorkflowView>,
    /// Secrets, by the name that the repository or its owner knows them by.
    secrets: Vec<FactView<'p>>,
    /// Variables of the forge that are no secrets.
    variables: Vec<FactView<'p>>,
    /// Hosts of registries.
    registries: Vec<FactView<'p>>,
    /// Where releases land.
    publish_targets: Vec<TargetView<'p>>,
    /// Labels, tags and groups (`group:NAME`) of runners.
    runner_labels: Vec<FactView<'p>>,
    /// Environments.
    environments: Vec<FactView<'p>>,
    /// Images that jobs run in or beside.
    images: Vec<FactView<'p>>,
    /// Actions of others, without their version, which is the location's `role`.
    actions_third_party: Vec<FactView<'p>>,
    /// Remote workflows, includes, components and templates.
    remote: Vec<FactView<'p>>,
    /// Tokens that the forge signs, for others to trust.
    oidc: Vec<FactView<'p>>,
    /// Where a person has to act.
    approvals: Vec<FactView<'p>>,
    /// What the files leave open.
    open: Vec<OpenView>,
    /// What is wrong with the files.
    problems: Vec<ProblemView>,
}

/// A value and where it stands.
#[derive(Serialize, JsonSchema)]
struct FactView<'p> {
    /// The value; where it is dynamic, the text that decides.
    value: String,
    /// Everywhere it stands.
    locations: Vec<LocationView<'p>>,
}

/// A target and where it is published to.
#[derive(Serialize, JsonSchema)]
struct TargetView<'p> {
    /// The target.
    #[schemars(schema_with = "target_names")]
    value: String,
    /// Everywhere that it is published to.
    locations: Vec<LocationView<'p>>,
}

fn target_names(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = Target::ALL.iter().map(|target| target.name()).collect();
    json_schema!({ "type": "string", "enum": names, "description": "The target." })
}

/// One place that says a fact.
#[derive(Serialize, JsonSchema)]
struct LocationView<'p> {
    /// The file, from the repository's root.
    file: Cow<'p, str>,
    /// The line, from one.
    line: u32,
    /// The column, from one, in characters.
    column: u32,
    /// How sure it is.
    sure: SureView,
    /// With `delegated`: the file or tool that decides.
    decided_by: Option<Cow<'p, str>>,
    /// What the value is there.
    role: Cow<'p, str>,
    /// The job.
    job: Option<Cow<'p, str>>,
}

/// How sure a fact is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SureView {
    /// It is written there.
    Read,
    /// It follows from what is written.
    Computed,
    /// Another file or a tool decides.
    Delegated,
    /// It is known only while the pipeline runs.
    Dynamic,
    /// What decides is not in this repository.
    Outside,
}

/// A file that starts releases.
#[derive(Serialize, JsonSchema)]
struct WorkflowView {
    /// The file.
    value: String,
    /// `github` or `gitlab`.
    forge: String,
    /// What it calls itself.
    name: Option<String>,
    /// Why it is believed to make releases.
    reasons: Vec<OpenView>,
    /// What starts it.
    triggers: Vec<TriggerView>,
    /// The other files that it reads.
    files: Vec<String>,
    /// Its jobs and those of what it calls.
    jobs: Vec<JobView>,
    /// The jobs of earlier stages that must succeed before the release goes on, though nothing of theirs goes into it; of
    /// GitLab alone, since GitHub's jobs wait for what they need and for nothing else.
    gates: Vec<GateView>,
}

/// A job that must succeed first.
#[derive(Serialize, JsonSchema)]
struct GateView {
    /// Its name.
    id: String,
    /// The file.
    file: String,
    /// The line.
    line: u32,
    /// The column.
    column: u32,
}

/// What starts a pipeline.
#[derive(Serialize, JsonSchema)]
struct TriggerView {
    /// The forge's word for it.
    event: String,
    /// What narrows it down.
    filters: Vec<String>,
    /// The file.
    file: String,
    /// The line.
    line: u32,
    /// The column.
    column: u32,
}

/// A job.
#[derive(Serialize, JsonSchema)]
struct JobView {
    /// Its name; in a called workflow after the caller's and a slash.
    id: String,
    /// The file.
    file: String,
    /// The line.
    line: u32,
    /// The column.
    column: u32,
    /// The jobs it waits for.
    needs: Vec<String>,
    /// The condition it runs under.
    condition: Option<String>,
    /// What it calls.
    calls: Option<String>,
    /// Where it publishes.
    publishes: Vec<String>,
    /// Whether a release passes through it.
    on_release_path: bool,
}

/// Something said about a place.
#[derive(Serialize, JsonSchema)]
struct OpenView {
    /// What.
    what: String,
    /// The file.
    file: String,
    /// The line.
    line: u32,
    /// The column.
    column: u32,
}

/// Something that is wrong with a file.
#[derive(Serialize, JsonSchema)]
struct ProblemView {
    /// What.
    what: String,
    /// The file.
    file: String,
    /// The line.
    line: u32,
    /// The column.
    column: u32,
    /// Whether the file could not be read to its end.
    broken: bool,
}

pub(super) fn render(pipeline: &Pipeline) -> String {
    pretty(&view(pipeline))
}

/// The JSON Schema of `canship pipeline --format json`, as kept in `pipelines/pipeline.schema.json`.
#[must_use]
pub fn schema() -> String {
    pretty(&schemars::schema_for!(PipelineView<'_>))
}

fn pretty(value: &impl Serialize) -> String {
    // Writing these types to memory cannot fail: they have text keys only.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn view(pipeline: &Pipeline) -> PipelineView<'_> {
    let facts = |topic: Topic| {
        pipeline
            .facts
            .of(topic)
            .map(|(value, sites)| FactView { value: clean(value), locations: sites.iter().map(location).collect() })
            .collect::<Vec<FactView<'_>>>()
    };
    PipelineView {
        version: 1,
        forges: pipeline.forges.iter().map(|forge| forge.name().to_owned()).collect(),
        files: pipeline.files,
        release_workflows: pipeline.releases.iter().map(workflow).collect(),
        secrets: facts(Topic::Secrets),
        variables: facts(Topic::Variables),
        registries: facts(Topic::Registries),
        publish_targets: pipeline.facts.of(Topic::PublishTargets).map(target).collect(),
        runner_labels: facts(Topic::RunnerLabels),
        environments: facts(Topic::Environments),
        images: facts(Topic::Images),
        actions_third_party: facts(Topic::ActionsThirdParty),
        remote: facts(Topic::Remote),
        oidc: facts(Topic::Oidc),
        approvals: facts(Topic::Approvals),
        open: pipeline.open.iter().map(|open| said(&open.what, &open.at)).collect(),
        problems: problems(pipeline),
    }
}

/// What is wrong with the files, and what of them their forge refuses.
fn problems(pipeline: &Pipeline) -> Vec<ProblemView> {
    let refused = pipeline.refused.iter().map(|refused| (&refused.what, &refused.at, false));
    let all = pipeline.problems.iter().map(|problem| (&problem.what, &problem.at, problem.broken)).chain(refused);
    let view = |(what, at, broken): (&String, &At, bool)| {
        let OpenView { what, file, line, column } = said(what, at);
        ProblemView { what, file, line, column, broken }
    };
    all.map(view).collect()
}

fn said(what: &str, at: &At) -> OpenView {
    OpenView { what: clean(what), file: clean(&at.file), line: at.line, column: at.column }
}

fn target<'p>((value, sites): (&str, &'p BTreeSet<Site>)) -> TargetView<'p> {
    TargetView { value: value.to_owned(), locations: sites.iter().map(location).collect() }
}

fn location(site: &Site) -> LocationView<'_> {
    let (sure, decided_by) = match &site.sure {
        Sure::Read => (SureView::Read, None),
        Sure::Computed => (SureView::Computed, None),
        Sure::Delegated(by) => (SureView::Delegated, Some(kept(by))),
        Sure::Dynamic => (SureView::Dynamic, None),
        Sure::Outside => (SureView::Outside, None),
    };
    let At { file, line, column } = &site.at;
    LocationView {
        file: kept(file),
        line: *line,
        column: *column,
        sure,
        decided_by,
        role: kept(&site.role),
        job: site.job.as_deref().map(kept),
    }
}

fn workflow(workflow: &ReleaseWorkflow) -> WorkflowView {
    WorkflowView {
        value: clean(&workflow.file),
        forge: workflow.forge.name().to_owned(),
        name: workflow.name.as_deref().map(clean),
        reasons: workflow.reasons.iter().map(|(what, at)| said(what, at)).collect(),
        triggers: workflow
            .triggers
            .iter()
            .map(|trigger| TriggerView {
                event: clean(&trigger.event),
                filters: trigger.filters.iter().map(|filter| clean(filter)).collect(),
                file: clean(&trigger.at.file),
                line: trigger.at.line,
                column: trigger.at.column,
            })
            .collect(),
        files: workflow.files.iter().map(|file| clean(file)).collect(),
        jobs: workflow
            .jobs
            .iter()
            .map(|job| JobView {
                id: clean(&job.id),
                file: clean(&job.at.file),
                line: job.at.line,
                column: job.at.column,
                needs: job.needs.iter().map(|need| clean(need)).collect(),
                condition: job.condition.as_deref().map(clean),
                calls: job.calls.as_deref().map(clean),
                publishes: job.publishes.keys().map(|target| clean(target)).collect(),
                on_release_path: job.on_release_path,
            })
            .collect(),
        gates: workflow
            .gates
            .iter()
            .map(|(id, at)| GateView { id: clean(id), file: clean(&at.file), line: at.line, column: at.column })
            .collect(),
    }
}
