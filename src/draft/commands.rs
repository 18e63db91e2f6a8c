//! Which commands of the pipelines build what is released.

use super::Draft;
use crate::pipeline::{At, Job, Step, Words, build_task};

/// The most build commands that are taken over.
const COMMANDS: usize = 6;

/// A command that a draft takes over, and the secrets that it is given: the variable, and the name at the forge.
#[derive(PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) text: String,
    pub(super) at: At,
    pub(super) secrets: Vec<(String, String)>,
}

/// The commands that a draft takes over.
#[derive(Default)]
pub(super) struct Commands<'d> {
    pub(super) taken: Vec<Taken>,
    /// The job that they are of.
    pub(super) job: Option<&'d Job>,
    /// Where builds stand that are not among them; those first that make what is released.
    pub(super) left: Vec<At>,
    /// Where what is built is stripped by a command that is not among them.
    pub(super) strips: Option<At>,
}

/// What a command has to do with a build.
enum Does {
    Prepares,
    /// It builds, but not what is optimised for a release.
    BuildsToDebug,
    Builds,
    Strips,
}

/// The commands of one job.
#[derive(Default)]
struct OfJob {
    taken: Vec<Taken>,
    left: Vec<At>,
    to_debug: Vec<At>,
    strips: Option<At>,
    builds: bool,
}

/// Whether a task only fetches or installs what a build needs.
fn prepares(task: &str) -> bool {
    matches!(task.trim(), "install" | "ci" | "setup") || task.contains("install")
}

/// The commands of a step, each with the folder that it runs in.
fn in_folders(step: &Step) -> Vec<(Option<String>, &Words)> {
    let mut folder = step.folder.clone();
    let mut found = Vec::new();
    for command in &*step.commands {
        match &*command.words {
            [cd, to] if cd == "cd" => {
                let within = folder.filter(|_| !to.starts_with('/')).map(|folder| format!("{folder}/"));
                folder = Some(format!("{}{}", within.unwrap_or_default(), to.trim_end_matches('/')));
            }
            _ => found.push((folder.clone(), command)),
        }
    }
    found
}

/// Whether the scripts of a job are in a language whose words mean something else in a shell.
fn is_powershell(job: &Job) -> bool {
    let first = job.steps.iter().flat_map(|step| &*step.commands).filter_map(|command| command.words.first());
    first.into_iter().any(|word| word.starts_with("$env:") || word.to_ascii_lowercase().ends_with(".ps1"))
}

/// Whether a command builds what users read, and not what they run.
fn is_documentation(job: &Job, command: &Words, folder: Option<&str>) -> bool {
    let about = |text: &str| {
        let mut parts = text.split(|c: char| !c.is_alphanumeric()).map(str::to_ascii_lowercase);
        parts.any(|part| matches!(part.as_str(), "doc" | "docs" | "documentation" | "mkdocs" | "site" | "website" | "playground"))
    };
    about(&job.id)
        || folder.is_some_and(about)
        || command.at.file.rsplit('/').next().is_some_and(about)
        || command.words.iter().any(|word| about(word))
}

/// Whether a script of the repository builds what is released, as far as its name tells.
fn is_build_script(words: &[String]) -> bool {
    let name = words.first().map_or("", |word| super::repository::last(word)).to_ascii_lowercase();
    let has = |word: &str| name.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    has("build") || has("compile") || (has("release") && words.iter().any(|word| word == "--local"))
}

/// Whether a build of cargo makes what is only tried.
fn is_to_debug(tool: &str, words: &[String]) -> bool {
    let is_release = |word: &String| matches!(word.as_str(), "--release" | "-r") || word.starts_with("--profile");
    matches!(tool, "cargo" | "cross") && words.iter().any(|word| word == "build") && !words.iter().any(is_release)
}

impl<'d> Draft<'d> {
    /// The build commands of the first job on the release's path that builds more than what it needs itself and no
    /// documentation, that job, and where builds stand that are not among them.
    pub(super) fn commands(&self) -> Commands<'d> {
        let (mut chosen, mut to_debug) = (Commands::default(), Vec::new());
        for job in self.pipeline.makers() {
            let of_job = self.of_job(job);
            let mut left = of_job.left;
            if of_job.builds && chosen.job.is_none() {
                (chosen.taken, chosen.job, chosen.strips) = (of_job.taken, Some(job), of_job.strips);
            } else {
                left.extend(of_job.taken.into_iter().map(|taken| taken.at));
                chosen.strips = chosen.strips.or_else(|| of_job.strips.filter(|_| chosen.job.is_none()));
            }
            chosen.left.extend(left);
            to_debug.extend(of_job.to_debug);
        }
        chosen.left.extend(to_debug);
        chosen
    }

    fn of_job(&self, job: &Job) -> OfJob {
        let mut found = OfJob::default();
        let commands = job.steps.iter().flat_map(|step| in_folders(step).into_iter().map(move |found| (step, found)));
        for (step, (folder, command)) in commands {
            let Some(does) = self.does(step, &command.words) else { continue };
            if is_documentation(job, command, folder.as_deref()) {
                continue;
            }
            let is_plain = folder.iter().chain(&*command.words).all(|word| !word.contains(['$', '`']) && word.is_ascii())
                && !is_powershell(job);
            let is_taken = is_plain && found.taken.len() < COMMANDS;
            match does {
                Does::Strips if !found.builds && found.left.is_empty() => continue,
                Does::Strips if !is_taken => {
                    found.strips.get_or_insert_with(|| command.at.clone());
                }
                Does::BuildsToDebug if !is_taken => found.to_debug.push(command.at.clone()),
                _ if !is_taken => found.left.push(command.at.clone()),
                _ => {}
            }
            found.builds |= is_plain && matches!(does, Does::Builds | Does::BuildsToDebug);
            let text = command.words.iter().map(|word| shell_quoted(word)).collect::<Vec<_>>().join(" ");
            let text = folder.map_or_else(|| text.clone(), |folder| format!("cd {} && {text}", shell_quoted(&folder)));
            if is_taken && !found.taken.iter().any(|known| known.text == text) {
                found.taken.push(Taken { text, at: command.at.clone(), secrets: self.given(job, step) });
            }
        }
        found
    }

    fn does(&self, step: &Step, words: &[String]) -> Option<Does> {
        // `${{ env.CARGO }} build` is a build too, though only the pipeline knows of which tool in the end.
        let first = self.filled(words.first()?, step, 0);
        let program = super::repository::last(&first);
        if program == "strip" || program.ends_with("-strip") {
            return Some(Does::Strips);
        }
        let words: Vec<String> = std::iter::once(first.clone()).chain(words.iter().skip(1).cloned()).collect();
        match build_task(&words) {
            Some((_, task)) if prepares(&task) => Some(Does::Prepares),
            Some((tool, _)) if is_to_debug(tool, &words) => Some(Does::BuildsToDebug),
            Some(_) => Some(Does::Builds),
            None => (is_build_script(&words) && self.repository.has(&first)).then_some(Does::Builds),
        }
    }
}

fn shell_quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%^*".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
