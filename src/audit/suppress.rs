//! What is accepted: `check.ignore` of the plan, and comments in the files: `# canship: ignore[rule] reason`, on the line of
//! the finding or on the one above.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Finding, Report, Severity, Spot, Subject, Suppressed,
    found::{Found, Say as _},
    rule,
    rules::{RULES, SUPPRESSION},
};
use crate::pipeline::At;

/// What a comment begins with.
const MARK: &str = "canship: ignore[";

struct Comment {
    rule: String,
    reason: String,
    at: At,
}

/// Parts what counts from what is accepted, and tells what accepts nothing.
pub(super) fn apply(subject: &Subject<'_>, findings: Vec<Finding>) -> Report {
    let comments = comments(subject);
    // By file, line and rule: 200 findings and as many comments are looked up, not compared.
    let mut by_line: BTreeMap<(&str, u32, &str), usize> = BTreeMap::new();
    for (number, comment) in comments.iter().enumerate().filter(|(_, comment)| !comment.reason.is_empty()) {
        by_line.insert((&comment.at.file, comment.at.line, &comment.rule), number);
    }
    let ignored = subject.plan().map(|plan| plan.ignored.as_slice()).unwrap_or_default();
    let mut by_rule: HashMap<&str, Vec<_>> = HashMap::new();
    for (number, ignore) in ignored.iter().enumerate() {
        by_rule.entry(ignore.rule.as_str()).or_default().push((number, ignore));
    }
    let (mut used_comments, mut used_ignores) = (BTreeSet::new(), BTreeSet::new());
    let mut report = Report::default();
    for finding in findings {
        let At { file, line, .. } = &finding.spot.at;
        let comment = [*line, line.saturating_sub(1)].iter().find_map(|line| by_line.get(&(file, *line, finding.rule.id)));
        let of_rule = by_rule.get(finding.rule.id).map(Vec::as_slice).unwrap_or_default();
        let ignore =
            of_rule.iter().find(|(_, ignore)| ignore.file.as_ref().is_none_or(|named| named.trim_start_matches("./") == &**file));
        if let Some(number) = comment {
            used_comments.insert(*number);
            let reason = comments.get(*number).map(|comment| comment.reason.clone()).unwrap_or_default();
            report.suppressed.push(Suppressed { finding, reason, by_plan: false });
        } else if let Some((number, ignore)) = ignore {
            used_ignores.insert(*number);
            report.suppressed.push(Suppressed { finding, reason: ignore.reason.clone(), by_plan: true });
        } else {
            report.findings.push(finding);
        }
    }
    let mut found = Found::default();
    found.of(&SUPPRESSION);
    for (_, comment) in comments.iter().enumerate().filter(|(number, _)| !used_comments.contains(number)) {
        let length = MARK.len() + comment.rule.len() + 1;
        unused(&mut found, (&comment.rule, &comment.reason), Spot { at: comment.at.clone(), length });
    }
    for (number, ignore) in ignored.iter().enumerate().filter(|(number, _)| !used_ignores.contains(number)) {
        let spot = if found.is_full() { subject.in_plan("") } else { subject.in_plan(&format!("check.ignore[{number}].rule")) };
        unused(&mut found, (&ignore.rule, &ignore.reason), spot);
    }
    report.findings.extend(found.findings);
    report.findings.sort_by(|a, b| (&a.spot, a.rule.id, &a.message).cmp(&(&b.spot, b.rule.id, &b.message)));
    report
}

fn unused(found: &mut Found, (id, reason): (&str, &str), spot: Spot) {
    // The nearest is sought only for what is told.
    if found.is_full() {
        found.add(Severity::Warning, spot, String::new());
        return;
    }
    let (message, advice) = if rule(id).is_none() {
        let nearest = RULES.iter().map(|rule| rule.id).max_by_key(|known| closeness(known, id));
        (format!("there is no rule `{id}`"), format!("did you mean `{}`?", nearest.unwrap_or_default()))
    } else if reason.is_empty() {
        (format!("`{id}` is not suppressed here: the reason is missing"), format!("write `# {MARK}{id}] why`"))
    } else {
        (format!("nothing is suppressed here: there is no finding of `{id}`"), "remove it".to_owned())
    };
    let _told = found.add(Severity::Warning, spot, message).advise(advice);
}

/// How alike two ids are, in thousandths.
fn closeness(a: &str, b: &str) -> u64 {
    // Between 0 and 1000, so that nothing is lost.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a similarity lies between 0 and 1")]
    let thousandths = (strsim::jaro_winkler(a, b) * 1000.0) as u64;
    thousandths
}

fn comments(subject: &Subject<'_>) -> Vec<Comment> {
    let plan = subject.plan.map(|written| (written.file, written.text));
    let mut found = Vec::new();
    for (file, text) in subject.pipeline.texts().chain(plan) {
        if memchr::memmem::find(text.as_bytes(), MARK.as_bytes()).is_none() {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let Some((before, comment)) = line.split_once('#').filter(|(_, comment)| comment.contains(MARK)) else { continue };
            let Some((rule, reason)) = comment.split_once(MARK).and_then(|(_, rest)| rest.split_once(']')) else { continue };
            let from_one = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
            let at = At { file: file.into(), line: from_one(number), column: from_one(before.chars().count()) };
            found.push(Comment { rule: rule.trim().to_owned(), reason: reason.trim().to_owned(), at });
        }
    }
    found
}
