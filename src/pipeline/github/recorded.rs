//! The steps of the jobs of a release as they are kept for those who look closer; of other workflows they are forgotten.

use std::{collections::HashMap, rc::Rc};

use crate::pipeline::{
    locate::Locator,
    model::{At, Job, Step, Variables, Words},
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
    pub(super) job: Rc<str>,
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
        files.unfinished(raw.node.place, format!("there are more than {STEPS} steps up to here: the rest is not looked at closer"));
    }
    let mut known = Known { files, texts: HashMap::new(), commands: HashMap::new() };
    for raw in steps.iter().take(STEPS) {
        if let Some(job) = by_id.get(&*raw.job).and_then(|at| jobs.get_mut(*at)) {
            if !files.spend(raw.node.size()) {
                let what = "there are more steps than are looked at: they are left out from here on";
                files.unfinished(raw.node.place, what.to_owned());
                return;
            }
            job.steps.push(known.step(raw));
        }
    }
}

/// What was taken from a node once is shared by all steps that have the node: those of an action that is used often, and
/// the variables of a workflow.
struct Known<'f> {
    files: &'f Files,
    texts: HashMap<*const Node, Variables>,
    commands: HashMap<*const Node, Rc<[Words]>>,
}

impl Known<'_> {
    fn step(&mut self, raw: &RawStep) -> Step {
        let (node, files) = (&raw.node, self.files);
        let uses = node.get("uses").and_then(|uses| uses.as_str()).map(uses::read);
        let said = node.get("if").and_then(|condition| Some((files.shared(condition.as_str()?), files.at(condition.place))));
        Step {
            at: files.at(node.place),
            condition: said,
            may_fail: may_fail(node, files),
            uses: uses.and_then(|uses| match uses {
                Uses::Remote { name, version } => Some((name, version)),
                Uses::Local(_) | Uses::Image(_) => None,
            }),
            with: node.get("with").map(|with| self.texts(with)).unwrap_or_default(),
            env: raw.env.iter().map(|env| self.texts(env)).collect(),
            folder: folder(raw),
            commands: node.get("run").map(|run| self.commands(run)).unwrap_or_default(),
        }
    }

    fn texts(&mut self, map: &Yaml) -> Variables {
        let files = self.files;
        let texts = || {
            let entries = map.entries().iter();
            entries.filter_map(|entry| Some((Rc::clone(&entry.key), files.shared(entry.node.as_str()?)))).collect()
        };
        Rc::clone(self.texts.entry(Rc::as_ptr(map)).or_insert_with(texts))
    }

    fn commands(&mut self, run: &Yaml) -> Rc<[Words]> {
        let files = self.files;
        Rc::clone(self.commands.entry(Rc::as_ptr(run)).or_insert_with(|| commands(run, files)))
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

fn commands(run: &Node, files: &Files) -> Rc<[Words]> {
    let mut locator = Locator::new(run);
    let file = files.file(run.place);
    let place = |locator: &mut Locator<'_>, offset| -> Place { locator.place(offset, file.as_deref()) };
    let found = shell::commands(run.as_str().unwrap_or_default());
    found.into_iter().map(|command| Words { at: files.at(place(&mut locator, command.offset)), words: command.words }).collect()
}
