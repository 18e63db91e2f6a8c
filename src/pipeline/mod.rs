//! The pipelines of a repository, GitHub's workflows and GitLab's CI files, read into one model of the build path.
//!
//! Static: files are read, nothing is run, nothing is asked. Invariants: whatever stands in the files, reading ends soon,
//! in bounded memory, without recursion that the input controls; every fact has file, line and column and says how sure it
//! is; what cannot be derived is told with its place, never guessed, never dropped; a broken file is named and the rest read.

mod bases;
mod builds;
mod facts;
mod github;
mod gitlab;
mod graph;
mod image_builds;
mod locate;
mod model;
mod notes;
mod own;
mod publish;
mod source;
mod yaml;

use std::path::Path;

pub use builds::{build_task, commands};
pub use image_builds::{ImageBuild, image_builds};
pub use model::{
    At, Facts, Forge, Job, Open, OwnCall, Pipeline, Problem, Refused, ReleaseWorkflow, Schedule, Site, Staged, Step, Sure, Topic,
    Trigger, Variables, Words,
};
pub use publish::{Target, login_of, pushed_by, registry_of};
pub use source::LONG_LINE;

/// Reads the pipelines of the repository in this folder.
#[must_use]
pub fn read(folder: &Path) -> Pipeline {
    let files = source::Files::new(folder);
    let mut pipeline = Pipeline::default();
    github::read(&files, &mut pipeline);
    gitlab::read(&files, &mut pipeline);
    others(&files, &mut pipeline);
    pipeline.files = files.count();
    pipeline.calls = own::calls(&files);
    bases::read(&files, &mut pipeline);
    (pipeline.problems, pipeline.texts) = files.into_parts();
    pipeline
}

/// Files and folders of CI systems that are not read here.
const OTHERS: &[(&str, &str)] = &[
    (".azure-pipelines", "Azure Pipelines"),
    ("azure-pipelines.yml", "Azure Pipelines"),
    (".circleci/config.yml", "CircleCI"),
    ("Jenkinsfile", "Jenkins"),
    (".travis.yml", "Travis CI"),
    (".drone.yml", "Drone"),
    (".buildkite", "Buildkite"),
    (".woodpecker.yml", "Woodpecker"),
    (".woodpecker", "Woodpecker"),
    (".cirrus.yml", "Cirrus CI"),
    (".semaphore/semaphore.yml", "Semaphore"),
    ("bitbucket-pipelines.yml", "Bitbucket Pipelines"),
    (".appveyor.yml", "AppVeyor"),
    ("appveyor.yml", "AppVeyor"),
    (".forgejo/workflows", "Forgejo"),
    (".gitea/workflows", "Gitea"),
];

/// Says which other CI systems may make releases too.
fn others(files: &source::Files, pipeline: &mut Pipeline) {
    for (path, name) in OTHERS.iter().filter(|(path, _)| files.is_there(path)) {
        let at = At { file: (*path).into(), line: 1, column: 1 };
        let what = format!("{name} has pipelines here that are not read: a release may pass through them too");
        pipeline.open.insert(Open { at, what, of: None });
    }
}
