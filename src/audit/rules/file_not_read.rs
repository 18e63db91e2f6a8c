//! A pipeline file that could not be read whole.

use crate::audit::{Rule, Severity, Subject, found::Found, subject::spot};

pub(super) static RULE: Rule = Rule {
    id: "file-not-read",
    severity: Severity::Error,
    title: "a pipeline file could not be read to its end, or is ambiguous",
    detects: "Files that are no YAML, no UTF-8, too large, links out of the repository; keys that are there twice (a note: the \
              last one holds).",
    misses: "Files that a forge would refuse for other reasons.",
    why: "What was not read may hold what the plan lacks; the forge may refuse the file just when a release is needed.",
    advice: "Mend the file at the place that is named.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    for problem in &subject.pipeline.problems {
        let severity = if problem.broken { Severity::Error } else { Severity::Note };
        found.add(severity, spot(Some(&problem.at), ""), problem.what.clone());
    }
}
