//! Code of others that a release fetches while it runs.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::OnPath,
    },
    pipeline::Topic,
};

pub(super) static RULE: Rule = Rule {
    id: "third-party-code",
    severity: Severity::Note,
    title: "a release runs code of others that is fetched while it runs",
    detects: "Actions of others, and remote workflows, includes and components, in jobs on the release's path: one finding for the \
              actions, one for each remote workflow or include.",
    misses: "What local scripts fetch, and what those actions fetch themselves.",
    why: "Each is a single point of failure: gone, renamed, rate-limited or unreachable, the usual path stops; and a spare has to do \
          without, since actions run only at their forge.",
    advice: "Know for each what a spare does instead; keep copies of those that nothing replaces.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let actions: Vec<OnPath<'_>> = subject.facts(Topic::ActionsThirdParty).collect();
    if let Some(first) = actions.first() {
        let shown: Vec<&str> = actions.iter().take(5).map(|action| action.value).collect();
        let more = actions.len() - shown.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let count = if actions.len() == 1 { "an action".to_owned() } else { format!("{} actions", actions.len()) };
        let message = format!("a release needs {count} of others: {}{rest}", shown.join(", "));
        let mut finding = found.add(Severity::Note, first.spot(), message);
        for action in actions.iter().skip(1) {
            finding = finding.related(action.spot(), action.value);
        }
    }
    for remote in subject.facts(Topic::Remote).filter(|remote| remote.sites.iter().any(|site| &*site.role != "secrets")) {
        let message = format!("a release needs `{}`, which is not in this repository", remote.value);
        let _told = found.add(Severity::Note, remote.spot(), message);
    }
}
