//! The steps of the jobs of a release as they are kept for those who look closer; of other workflows they are forgotten.

use std::collections::HashMap;

use crate::pipeline::{
    locate::Locator,
    model::{At, Job, Step, Words},
    publish::shell,
    source::Files,
    yaml::{Node, Place, Yaml},
};

use super::uses::{self, Uses};

/// The most steps that are kept of one workflow.
const STEPS: usize = 5_000;

/// A step as it was walked past: cheap to keep, since its nodes are shared.
#[derive(Debug)]
pub(super) struct RawStep {
    pub(super) job: String,
    pub(super) node: Yaml,
    /// Maps of `env`, the innermost first.
    pub(super) env: Vec<Yaml>,
    /// `defaults` of the job and of the workflow.
    pub(super) defaults: [Option<Yaml>; 2],
}

/// Where a job or a step says that it may fail.
pub(super) fn may_fail(node: &Yaml, files: &Files) -> Option<At> {
    let said = node.get("continue-on-error")?;
    (said.as_str() != Some("false")).then(|| files.at(said.place))
}

/// Gives each job its steps.
pub(super) fn fill(jobs: &mut [Job], steps: &[RawStep], files: &Files) {
    let by_id: HashMap<String, usize> = jobs.iter().enumerate().map(|(at, job)| (job.id.clone(), at)).collect();
    if let Some(raw) = steps.get(STEPS) {
        files.problem(raw.node.place, format!("there are more than {STEPS} steps: the rest is not looked at closer"), false);
    }
    for raw in steps.iter().take(STEPS) {
        if let Some(job) = by_id.get(&raw.job).and_then(|at| jobs.get_mut(*at)) {
            let variables = raw.env.iter().map(|env| env.entries().len()).sum::<usize>();
            if !files.spend(u64::try_from(variables).unwrap_or(u64::MAX).saturating_add(raw.node.size())) {
                let what = "there are more steps and variables than are looked at: the steps are left out from here on";
                files.problem(raw.node.place, what.to_owned(), true);
                return;
            }
            job.steps.push(step(raw, files));
        }
    }
}

fn step(raw: &RawStep, files: &Files) -> Step {
    let node = &raw.node;
    let uses = node.get("uses").and_then(|uses| uses.as_str()).map(uses::read);
    let said = node.get("if").and_then(|condition| Some((condition.as_str()?.to_owned(), files.at(condition.place))));
    Step {
        at: files.at(node.place),
        condition: said,
        may_fail: may_fail(node, files),
        uses: uses.and_then(|uses| match uses {
            Uses::Remote { name, version } => Some((name, version)),
            Uses::Local(_) | Uses::Image(_) => None,
        }),
        with: texts(node.get("with")),
        env: raw.env.iter().flat_map(|env| texts(Some(env))).collect(),
        folder: folder(raw),
        commands: node.get("run").map(|run| commands(run, files)).unwrap_or_default(),
    }
}

/// Where a script runs, unless that is the repository's root.
fn folder(raw: &RawStep) -> Option<String> {
    const KEY: &str = "working-directory";
    let default = |defaults: &Yaml| defaults.get("run").and_then(|run| run.get(KEY)).cloned();
    let said = raw.node.get(KEY).cloned().or_else(|| raw.defaults.iter().flatten().find_map(default))?;
    let folder = said.as_str()?.trim_start_matches("./").trim_end_matches('/').to_owned();
    (!matches!(folder.as_str(), "" | "." | "${{ github.workspace }}")).then_some(folder)
}

fn texts(map: Option<&Yaml>) -> Vec<(String, String)> {
    let entries = map.map(|map| map.entries()).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.key.to_string(), entry.node.as_str()?.to_owned()))).collect()
}

fn commands(run: &Node, files: &Files) -> Vec<Words> {
    let mut locator = Locator::new(run);
    let file = files.file(run.place);
    let place = |locator: &mut Locator<'_>, offset| -> Place { locator.place(offset, file.as_deref()) };
    let found = shell::commands(run.as_str().unwrap_or_default());
    found.into_iter().map(|command| Words { at: files.at(place(&mut locator, command.offset)), words: command.words }).collect()
}
