//! Another command to build with.

use std::collections::HashMap;

use crate::{
    audit::{
        Rule, Severity, Spot, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::{Words, build_task, commands, image_builds},
};

pub(super) static RULE: Rule = Rule {
    id: "build-differs",
    severity: Severity::Warning,
    title: "the plan builds with another command than the release's jobs do",
    detects: "A step of the plan's `build.run` that calls a build tool with the same task as a job on the release's path does, but \
              with other words (`cargo build --release` against `cargo build --release --locked`). A plan that releases the image of \
              a Dockerfile, where the jobs run commands before they build it, or bring files of other jobs (with doubt).",
    misses: "Builds within scripts, local tools, actions and Dockerfiles; commands whose words the pipeline computes; environment \
             variables that change what is built.",
    why: "A flag less can mean another feature set, an unlocked dependency or a debug build: what a spare ships is then not the same.",
    advice: "Use the same command, best in one script that both call; or say in a suppression why it differs.",
    check,
};

/// A build as far as it can be compared: the tool, the task, and its words.
#[derive(PartialEq, Eq)]
struct Build {
    tool: String,
    task: String,
    words: Vec<String>,
}

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(plan) = subject.plan() else { return };
    if let Some(dockerfile) = plan.build.released_image() {
        before_image(subject, &dockerfile.file.to_string_lossy(), found);
    }
    let mut theirs: HashMap<(String, String), Vec<(Build, &Words)>> = HashMap::new();
    for command in subject.steps().flat_map(|(_, step)| &*step.commands) {
        if let Some(build) = build(&command.words) {
            theirs.entry((build.tool.clone(), build.task.clone())).or_default().push((build, command));
        }
    }
    for (number, step) in plan.build.run.iter().enumerate() {
        for words in commands(&step.run) {
            let line = words.join(" ");
            let Some(ours) = build(&words) else { continue };
            let Some(same) = theirs.get(&(ours.tool.clone(), ours.task.clone())) else { continue };
            if same.iter().any(|(build, _)| *build == ours || build.words.iter().any(|word| word.contains('$'))) {
                continue;
            }
            let path = format!("build.run[{number}]");
            let at = subject.in_plan(&path);
            tell(found, (at, &line), same);
        }
    }
}

/// What the pipelines do before they build the image that the plan builds of its Dockerfile alone.
fn before_image(subject: &Subject<'_>, file: &str, found: &mut Found) {
    let at = || subject.in_plan("build.dockerfile");
    let advice = "If the Dockerfile takes in what that makes, say `run`, `artifacts` and `base` instead; else say in a suppression \
                  why it does not.";
    for build in image_builds(subject.pipeline).filter(|build| build.file == file.trim_start_matches("./")) {
        let told = if let Some(first) = build.before().first() {
            let text = first.words.join(" ");
            let message = format!("the plan builds `{file}` alone, the pipelines run `{text}` before that");
            found.add(Severity::Warning, at(), message).related(spot(Some(&first.at), &text), "the first command before it")
        } else if let Some(from) = build.brings() {
            let message = format!("the plan builds `{file}` alone, the pipelines bring files of other jobs to that");
            found.add(Severity::Warning, at(), message).related(spot(Some(from), ""), "the files come from here")
        } else {
            continue;
        };
        let _told = told.doubt("whether the Dockerfile takes in what that makes is not known").advise(advice);
        return;
    }
}

fn tell(found: &mut Found, (at, ours): (Spot, &str), theirs: &[(Build, &Words)]) {
    let Some((_, first)) = theirs.first() else { return };
    let text = first.words.join(" ");
    let message = format!("the plan builds with `{ours}`, the pipelines with `{text}`");
    let finding = found.add(Severity::Warning, at, message).related(spot(Some(&first.at), &text), "the pipelines' command");
    if theirs.len() > 1 {
        let _told = finding.doubt(format!(
            "the jobs of the release have {} builds of this kind; which one the plan stands for is not known",
            theirs.len()
        ));
    }
}

fn build(words: &[String]) -> Option<Build> {
    let (tool, task) = build_task(words)?;
    let mut rest: Vec<String> = words.iter().skip(1).cloned().collect();
    rest.sort();
    Some(Build { tool: tool.to_owned(), task, words: rest })
}
