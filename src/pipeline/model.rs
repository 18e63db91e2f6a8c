//! What the pipelines of a repository say about its releases.
//!
//! Invariants: every fact has at least one site, and each site says where it was read and how sure it is; what cannot be
//! derived is in [`Pipeline::open`], never guessed and never left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

pub use super::facts::{At, Facts, Site, Sure, Topic};
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
    /// The jobs of earlier stages that must succeed before the release goes on, though nothing of theirs goes into it.
    pub gates: Vec<(String, At)>,
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
    /// The jobs whose files it is given; none if that is not told apart from those it waits for.
    pub files_from: Option<Vec<String>>,
    /// Its stage, where a forge orders jobs by them.
    pub staged: Option<Staged>,
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
    /// The files and folders that it hands on to later jobs, as they are written; of a GitHub job its steps tell.
    pub hands_on: Vec<(String, At)>,
    /// Its steps, those of local actions among them; of a GitLab job, its scripts as one step.
    pub steps: Vec<Step>,
}

/// How a job is ordered by its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Which of the pipelines that are read together it belongs to.
    pub pipeline: usize,
    /// Where its stage comes in their order.
    pub stage: usize,
    /// Whether it begins when all earlier stages have ended; else with what it says that it needs.
    pub waits: bool,
}

/// Variables as they are written: name and value, in order.
pub type Variables = Rc<[(Rc<str>, Rc<str>)]>;

/// A step of a job. What many steps have in common they share.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands.
    pub at: At,
    /// The condition it runs under, as it is written.
    pub condition: Option<(Rc<str>, At)>,
    /// Where it says that it may fail without failing the job.
    pub may_fail: Option<At>,
    /// The action of others that it uses, and the version.
    pub uses: Option<(String, String)>,
    /// Its inputs, as they are written.
    pub with: Variables,
    /// The variables it sees, as they are written, map by map; the innermost first.
    pub env: Vec<Variables>,
    /// The folder that its script runs in, as it is written; none if that is the repository's root.
    pub folder: Option<String>,
    /// The commands of its script.
    pub commands: Rc<[Words]>,
}

impl Step {
    /// An input, as it is written.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&str> {
        self.with.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// A variable, as it is written.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The variables it sees, the innermost first.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env.iter().flat_map(|map| map.iter()).map(|(name, value)| (&**name, &**value))
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
    pub words: Rc<[String]>,
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
    /// Which facts it leaves out, and of which job, where that can be said.
    pub of: Option<(Topic, Rc<str>)>,
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

/// Why a forge refuses a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// Where.
    pub at: At,
    /// What it does not take.
    pub what: String,
    /// Why that is not certain; none if it is.
    pub doubt: Option<String>,
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
    /// What of the releases' pipelines their forge refuses.
    pub refused: BTreeSet<Refused>,
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
        self.texts.iter().find(|known| *known.path == *file).map(|known| known.text.as_str())
    }

    /// A line of a file that was read, counted from one.
    #[must_use]
    pub fn line(&self, file: &str, number: u32) -> Option<&str> {
        let known = self.texts.iter().find(|known| *known.path == *file)?;
        let line = known.line(usize::try_from(number).ok()?.checked_sub(1)?)?;
        known.text.get(line).map(|text| text.trim_end_matches(['\n', '\r']))
    }

    /// Every file that was read, with its text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|file| (&*file.path, file.text.as_str()))
    }

    /// The jobs on that path whose files may be part of what is released: those that publish or that nothing on the path waits
    /// for, and those whose files they are given.
    #[must_use]
    pub fn makers(&self) -> Vec<&Job> {
        self.releases.iter().flat_map(super::graph::makers).collect()
    }

    /// The jobs that a release passes through, each with what it belongs to.
    pub fn path(&self) -> impl Iterator<Item = (&ReleaseWorkflow, &Job)> {
        self.releases
            .iter()
            .flat_map(|release| release.jobs.iter().filter(|job| job.on_release_path).map(move |job| (release, job)))
    }
}
