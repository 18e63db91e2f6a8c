//! Where a release's images are built of Dockerfiles, and what runs before that and may make what those take in.

use super::model::{At, Job, Pipeline, ReleaseWorkflow, Step, Words};

/// The place where a job builds an image of a Dockerfile.
#[derive(Clone, Debug)]
pub struct ImageBuild<'p> {
    /// The Dockerfile, as it is written and from the repository's root as far as that is written.
    pub file: String,
    /// The stage that is built, if one is named.
    pub target: Option<&'p str>,
    /// The step or the command that builds.
    pub at: &'p At,
    release: &'p ReleaseWorkflow,
    job: &'p Job,
}

/// The builds of images in the jobs that push one, on a release's path.
pub fn image_builds(pipeline: &Pipeline) -> impl Iterator<Item = ImageBuild<'_>> {
    let pushing = pipeline.path().filter(|(_, job)| job.publishes.contains_key("container-image"));
    pushing.flat_map(|(release, job)| job.steps.iter().filter_map(move |step| of(release, job, step)))
}

fn of<'p>(release: &'p ReleaseWorkflow, job: &'p Job, step: &'p Step) -> Option<ImageBuild<'p>> {
    let (file, at) = if step.is("docker/build-push-action") {
        let folder = step.input("context").filter(|context| !context.contains("${{")).unwrap_or(".");
        (step.input("file").map_or_else(|| format!("{folder}/Dockerfile"), str::to_owned), &step.at)
    } else {
        step.commands.iter().find_map(|command| Some((dockerfile(&command.words)?, &command.at)))?
    };
    let target = step.input("target").filter(|target| !target.contains("${{"));
    Some(ImageBuild { file: file.trim_start_matches("./").to_owned(), target, at, release, job })
}

/// The Dockerfile of `docker build`, if it is one.
fn dockerfile(words: &[String]) -> Option<String> {
    let is_build = matches!(words.first().map(String::as_str), Some("docker" | "podman" | "buildah"))
        && words.iter().any(|word| word == "build" || word == "bud");
    if !is_build {
        return None;
    }
    let pairs = words.iter().zip(words.iter().skip(1));
    let named = pairs.filter(|(option, _)| matches!(option.as_str(), "-f" | "--file")).map(|(_, file)| file.as_str()).next();
    let named = named.or_else(|| words.iter().find_map(|word| word.strip_prefix("--file=")));
    Some(named.unwrap_or("Dockerfile").to_owned())
}

impl<'p> ImageBuild<'p> {
    /// The commands before it in the same job that may make what the Dockerfile takes in.
    #[must_use]
    pub fn before(&self) -> Vec<&'p Words> {
        let mut found = Vec::new();
        for step in &self.job.steps {
            if step.at == *self.at {
                break;
            }
            let here = step.commands.iter().take_while(|command| command.at != *self.at);
            found.extend(here.filter(|command| makes_files(&command.words)));
            if step.commands.iter().any(|command| command.at == *self.at) {
                break;
            }
        }
        found
    }

    /// Where files of other jobs come to it: the step that brings them, or the paths that a job before it hands on.
    #[must_use]
    pub fn brings(&self) -> Option<&'p At> {
        let before = self.job.steps.iter().take_while(|step| step.at != *self.at);
        let mut steps = before.filter(|step| step.is("actions/download-artifact"));
        let from = self.job.files_from.as_ref().unwrap_or(&self.job.needs);
        let handed = || {
            let mut jobs = self.release.jobs.iter().filter(|job| !job.hands_on.is_empty());
            jobs.find(|job| from.contains(&job.id)).and_then(|job| job.hands_on.first()).map(|(_, at)| at)
        };
        steps.next().map(|step| &step.at).or_else(handed)
    }
}

/// Programs that make no file of a repository, or none that a build takes in.
const MAKE_NOTHING: &[&str] = &[
    "docker", "podman", "buildah", "git", "cd", "export", "set", "unset", "true", "test", "[", "[[", "exit", "sleep", "ls", "df",
    "cat", "which", "aws", "gcloud", "az", "apk", "apt", "apt-get", "yum", "dnf", "cosign", "env", "printenv", "source", ".", "if",
    "then", "else", "fi", "for", "do", "done",
];

/// Whether a command may make files in the folder that an image is built from.
fn makes_files(words: &[String]) -> bool {
    let program = words.first().map(String::as_str).unwrap_or_default();
    let program = program.rsplit('/').next().filter(|_| !program.starts_with("./")).unwrap_or(program);
    match program {
        "" => false,
        // What they print may go to a file, but for those of the forge itself.
        "echo" | "printf" => words.iter().any(|word| word.starts_with('>')) && !words.iter().any(|word| word.contains("GITHUB_")),
        // An assignment alone.
        _ => !MAKE_NOTHING.contains(&program) && (words.len() > 1 || !program.contains('=')),
    }
}
