//! Another command to build with.

use crate::{
    audit::{
        Rule, Severity, Spot, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::{Words, build_task, commands},
};

pub(super) static RULE: Rule = Rule {
    id: "build-differs",
    severity: Severity::Warning,
    title: "the plan builds with another command than the release's jobs do",
    detects: "A step of the plan's `build.run` that calls a build tool with the same task as a job on the release's path does, but \
              with other words (`cargo build --release` against `cargo build --release --locked`).",
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
    let theirs: Vec<(Build, &Words)> = subject
        .steps()
        .flat_map(|(_, step)| &step.commands)
        .filter_map(|command| Some((build(&command.words)?, command)))
        .collect();
    for (number, step) in plan.build.run.iter().enumerate() {
        for words in commands(&step.run) {
            let line = words.join(" ");
            let Some(ours) = build(&words) else { continue };
            let same: Vec<_> = theirs.iter().filter(|(build, _)| build.tool == ours.tool && build.task == ours.task).collect();
            if same.is_empty() || same.iter().any(|(build, _)| *build == ours || build.words.iter().any(|word| word.contains('$')))
            {
                continue;
            }
            let path = format!("build.run[{number}]");
            let at = subject.in_plan(&path);
            tell(found, (at, &line), &same);
        }
    }
}

fn tell(found: &mut Found, (at, ours): (Spot, &str), theirs: &[&(Build, &Words)]) {
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
