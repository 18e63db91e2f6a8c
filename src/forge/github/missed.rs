//! What was pushed and tagged while the primary path was cut: its triggers never fired.

use std::collections::BTreeSet;

use super::{
    CONTENTS_READ, Github, METADATA_READ,
    answers::{Branch, Check, CheckRuns, Reference, Rule, Statuses},
};
use crate::{
    forge::{
        Control, Cut, ForgeError, ForgeFault, Found, Happened, Missed, Snapshot,
        call::{Call, part},
    },
    record::{Text, count, shell_word},
};

const HEADS: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";
/// Under this the drills of canship push their own tags.
const DRILL_TAGS: &str = "refs/tags/canship-drill/";

/// So many branches are asked for their required checks; each costs four requests.
const CHECKED: usize = 2;

impl Github {
    pub(super) async fn take_snapshot(&self, found: &[Found]) -> Result<Snapshot, ForgeError> {
        let mut snapshot = Snapshot::default();
        for kind in ["heads", "tags"] {
            let call = Call::new(format!("listing the repository's {kind}"), CONTENTS_READ);
            // All at once: GitHub cuts this list into no pages.
            match self.get::<Vec<Reference>>(&call, &format!("/git/matching-refs/{kind}")).await {
                Ok(all) => snapshot.references.extend(all.into_iter().map(|reference| (reference.name, reference.object.sha))),
                Err(error) if matches!(error.fault(), ForgeFault::Unreadable { .. }) => {
                    snapshot.unread.push(format!("{kind}: {error}").into());
                }
                Err(error) => return Err(error),
            }
        }
        let turned = found.iter().filter(|found| found.cut == Cut::TurnedOff);
        snapshot.turned_off = turned.map(|found| found.control.clone()).collect();
        Ok(snapshot)
    }

    pub(super) async fn missed_since(&self, before: &Snapshot) -> Result<Missed, ForgeError> {
        let now = self.take_snapshot(&[]).await?;
        let mut missed = Missed::default();
        missed.unread.extend(before.unread.iter().chain(&now.unread).cloned());
        let mut branches = Vec::new();
        for (name, commit) in &now.references {
            let old = before.references.get(name);
            if old == Some(commit) || name.starts_with(DRILL_TAGS) {
                continue;
            }
            missed.happened.push(Happened { what: what(name, old, commit), start: self.start(name, &before.turned_off) });
            branches.extend(name.strip_prefix(HEADS).map(|branch| (branch, commit.as_str())));
        }
        for (branch, commit) in branches.iter().take(CHECKED) {
            match self.pending_checks(branch, commit).await {
                Ok(pending) => missed.pending_checks.extend(pending),
                Err(error) => missed.unread.push(error.to_string().into()),
            }
        }
        if branches.len() > CHECKED {
            let more = branches.len() - CHECKED;
            missed.unread.push(
                format!("the required checks of {} that were pushed to were not looked at", count(more, "more branch")).into(),
            );
        }
        Ok(missed)
    }

    /// How a workflow is started that should have run for it.
    fn start(&self, reference: &str, turned_off: &[Control]) -> Text {
        let short = reference.strip_prefix(HEADS).or_else(|| reference.strip_prefix(TAGS)).unwrap_or(reference);
        let files = turned_off.iter().filter_map(|control| match control {
            Control::Workflow { path, .. } => path.as_str().rsplit('/').next(),
            _ => None,
        });
        let commands: Vec<String> = files
            .map(|file| {
                format!("`gh workflow run {} --repo {} --ref {}`", shell_word(file), self.place.repository, shell_word(short))
            })
            .collect();
        if commands.is_empty() {
            return "push it again".into();
        }
        format!("{}, if it has `workflow_dispatch`; else push it again", commands.join(" and ")).into()
    }

    /// The checks that the branch requires and that nobody has reported for the commit.
    async fn pending_checks(&self, branch: &str, commit: &str) -> Result<Vec<Text>, ForgeError> {
        let required = self.required_checks(branch).await?;
        if required.is_empty() {
            return Ok(Vec::new());
        }
        let call = Call::new(format!("reading the checks of {}", short(commit)), "checks: read");
        let CheckRuns { check_runs } = self.get(&call, &format!("/commits/{commit}/check-runs?per_page=100")).await?;
        let call = Call::new(format!("reading the statuses of {}", short(commit)), "statuses: read");
        let Statuses { statuses } = self.get(&call, &format!("/commits/{commit}/status?per_page=100")).await?;
        let reported: BTreeSet<String> = check_runs.into_iter().chain(statuses).map(|Check { context }| context).collect();
        let pending = required.difference(&reported);
        Ok(pending.map(|check| format!("`{check}` of `{branch}` at {}", short(commit)).into()).collect())
    }

    /// What rulesets and the older kind of protection ask for.
    async fn required_checks(&self, branch: &str) -> Result<BTreeSet<String>, ForgeError> {
        let call = Call::new(format!("reading the rules of branch `{branch}`"), METADATA_READ);
        let rules = self.get_all(&call, &format!("/rules/branches/{}", part(branch)), |page: Vec<Rule>| page).await?;
        let checks = rules.into_iter().filter(|rule| rule.kind == "required_status_checks").filter_map(|rule| rule.parameters);
        let mut required: BTreeSet<String> =
            checks.flat_map(|parameters| parameters.required_status_checks).map(|check| check.context).collect();
        let branch: Branch = self.get(&call, &format!("/branches/{}", part(branch))).await?;
        let protection = branch.protection.and_then(|protection| protection.required_status_checks);
        required.extend(protection.into_iter().flat_map(|checks| checks.contexts));
        Ok(required)
    }
}

fn what(reference: &str, old: Option<&String>, new: &str) -> Text {
    let (kind, name) = match (reference.strip_prefix(HEADS), reference.strip_prefix(TAGS)) {
        (Some(branch), _) => ("pushed to", branch),
        (_, Some(tag)) => ("tagged", tag),
        _ => ("pushed", reference),
    };
    match old {
        Some(old) => format!("{kind} `{name}`: {} → {}", short(old), short(new)).into(),
        None => format!("{kind} `{name}`, which is new: {}", short(new)).into(),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}
