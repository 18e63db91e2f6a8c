//! A plan in which something is still to be decided.

use crate::{
    audit::{Rule, Severity, Spot, Subject, found::Found},
    pipeline::At,
    plan::SettingOrigin,
};

pub(super) static RULE: Rule = Rule {
    id: "plan-unfinished",
    severity: Severity::Error,
    title: "the plan still has a question or a placeholder that `canship init` wrote",
    detects: "Comments of the plan that begin with `QUESTION:` (a warning each), and values that `canship init` writes where the files \
              say nothing: the registry `registry.example`, the team `team.example`, the user `user.example` and the build that only ends \
              with 1 (an error each).",
    misses: "Answers that are wrong, and questions that were deleted without an answer.",
    why: "A plan with open questions is a draft: on the day it is needed, somebody has to decide what nobody has tried.",
    advice: "Decide it, write the answer into the plan, and delete the question.",
    check,
};

/// How questions begin.
const QUESTION: &str = "QUESTION:";
/// What stands in values that are placeholders.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("registry.example/", "a registry that does not exist"),
    ("/team.example/", "a name that nobody has"),
    ("user.example", "a user that does not exist"),
    ("canship.yaml does not say yet", "a build that only fails"),
];

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(written) = subject.plan else { return };
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let spot = |line: usize, column: usize, length: usize| Spot {
        at: At { file: written.file.into(), line: number(line), column: number(column) },
        length: length.max(1),
    };
    for setting in &written.loaded.settings {
        let SettingOrigin::Written { line, column } = setting.origin else { continue };
        let Some((_, what)) = PLACEHOLDERS.iter().find(|(text, _)| setting.value.contains(text)) else { continue };
        let message = format!("`{}` is still {what}: `canship init` wrote it where the files say nothing", setting.path);
        found.add(Severity::Error, spot(line, column, setting.value.chars().count()), message);
    }
    for (line, text) in written.text.lines().enumerate() {
        let Some((before, question)) = text.split_once(QUESTION) else { continue };
        if before.trim() == "#" {
            let message = format!("the plan has an open question: {}", question.trim());
            found.add(Severity::Warning, spot(line + 1, before.chars().count() + 1, QUESTION.len()), message);
        }
    }
}
