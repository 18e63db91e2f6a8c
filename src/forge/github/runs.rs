//! What runs on the primary path, and how it is cancelled.

use std::collections::BTreeSet;

use super::{ACTIONS_READ, ACTIONS_WRITE, Github, answers};
use crate::{
    forge::{Cancel, Control, Cut, ForgeError, ForgeFault, Found, Run, call::Call},
    record::Text,
};

/// The words for a run that has not ended, in the order in which a run goes through them, and asked for one after the
/// other: a run that moves on in the meantime is seen in one of them.
const UNFINISHED: [&str; 5] = ["requested", "waiting", "pending", "queued", "in_progress"];

impl Github {
    pub(super) async fn runs_in_flight(&self, found: &[Found]) -> Result<Vec<Run>, ForgeError> {
        let turned = found.iter().filter(|found| found.cut == Cut::TurnedOff);
        let workflows: BTreeSet<u64> = turned.filter_map(|found| workflow_of(&found.control)).collect();
        let below = match workflows.first() {
            None => return Ok(Vec::new()),
            Some(only) if workflows.len() == 1 => format!("/actions/workflows/{only}/runs"),
            Some(_) => "/actions/runs".to_owned(),
        };
        let (mut runs, mut seen): (Vec<Run>, _) = (Vec::new(), BTreeSet::new());
        for status in UNFINISHED {
            let call = Call::new(format!("listing runs that are `{status}`"), ACTIONS_READ);
            let page = |page: answers::Runs| page.workflow_runs;
            for run in self.get_all(&call, &format!("{below}?status={status}"), page).await? {
                let ours = run.workflow_id.is_none_or(|workflow| workflows.contains(&workflow));
                if ours && self.own.run != Some(run.id) && seen.insert(run.id) {
                    runs.push(run.into());
                }
            }
        }
        Ok(runs)
    }

    pub(super) async fn cancel_run(&self, run: &Run, how: Cancel) -> Result<(), ForgeError> {
        let call = Call::new(format!("cancelling {run}"), ACTIONS_WRITE);
        let route = match how {
            Cancel::Asked => self.route(&format!("/actions/runs/{}/cancel", run.id)),
            Cancel::Forced => self.route(&format!("/actions/runs/{}/force-cancel", run.id)),
        };
        match self.crab._post(route, None::<&()>).await.map_err(|error| self.failed(&call, error)) {
            Ok(_) => Ok(()),
            Err(error) if has_ended(error.fault()) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn workflow_of(control: &Control) -> Option<u64> {
    match control {
        Control::Workflow { id, .. } => Some(*id),
        _ => None,
    }
}

fn has_ended(fault: &ForgeFault) -> bool {
    matches!(fault, ForgeFault::Conflict { words } if words.as_str().contains("completed"))
}

impl From<answers::Run> for Run {
    fn from(run: answers::Run) -> Self {
        let text = |text: Option<String>| text.map(Text::from);
        Self {
            id: run.id,
            name: run.name.unwrap_or_default().into(),
            status: run.status.unwrap_or_default().into(),
            reference: text(run.head_branch),
            commit: text(run.head_sha),
            created: run.created_at,
            url: text(run.html_url),
        }
    }
}
