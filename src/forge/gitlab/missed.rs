//! What waited or was passed over while the project had no runners and its schedules were off.

use gitlab::api::{
    common::SortOrder,
    projects::pipelines::{PipelineOrderBy, Pipelines},
};

use super::{Gitlab, REPORTER, answers};
use crate::forge::{Control, Cut, ForgeError, Found, Happened, Missed, Snapshot, call::Call};

impl Gitlab {
    pub(super) async fn take_snapshot(&self, found: &[Found]) -> Result<Snapshot, ForgeError> {
        let turned_off: Vec<Control> =
            found.iter().filter(|found| found.cut == Cut::TurnedOff).map(|found| found.control.clone()).collect();
        let mut snapshot =
            Snapshot { newest_run: self.newest_pipelines().await?.first().map(|newest| newest.id), ..Snapshot::default() };
        if turned_off.iter().any(|control| matches!(control, Control::Schedule { .. })) {
            let schedules = self.list_schedules().await?.into_iter();
            let ours = schedules.filter(|schedule| turned_off.iter().any(|control| is(control, schedule.id)));
            snapshot.schedules =
                ours.filter_map(|s| Some((s.id, s.description.unwrap_or_default().into(), s.next_run_at?))).collect();
        }
        snapshot.turned_off = turned_off;
        Ok(snapshot)
    }

    pub(super) async fn missed_since(&self, before: &Snapshot) -> Result<Missed, ForgeError> {
        let mut missed = Missed::default();
        let pipelines = self.newest_pipelines().await?;
        let is_new = |pipeline: &answers::Pipeline| before.newest_run.is_none_or(|newest| pipeline.id > newest);
        if !pipelines.is_empty() && pipelines.iter().all(is_new) && before.newest_run.is_some() {
            missed.unread.push(format!("only the newest {} pipelines were looked at", pipelines.len()).into());
        }
        let new = pipelines.into_iter().filter(|pipeline| is_new(pipeline) && self.own.run != Some(pipeline.id));
        missed.happened.extend(new.filter_map(happened));
        if !before.schedules.is_empty() {
            let now = self.list_schedules().await?;
            for (id, name, would) in &before.schedules {
                // GitLab sets the next time anew when a schedule is switched on: another one means that the old has passed.
                let moved = now.iter().any(|schedule| schedule.id == *id && schedule.next_run_at != Some(*would));
                if moved {
                    let address = self.project_address(&format!("/pipeline_schedules/{id}/play"));
                    let start = crate::forge::call::curl("POST", &address, None);
                    missed.happened.push(Happened {
                        what: format!("schedule `{name}` was due at {would}").into(),
                        start: format!("`{start}`").into(),
                    });
                }
            }
        }
        Ok(missed)
    }

    async fn newest_pipelines(&self) -> Result<Vec<answers::Pipeline>, ForgeError> {
        let call = Call::new("listing the newest pipelines", REPORTER);
        let mut endpoint = Pipelines::builder();
        endpoint.project(self.project()).order_by(PipelineOrderBy::Id).sort(SortOrder::Descending);
        let pages = gitlab::api::paged(self.made(&call, endpoint.build())?, gitlab::api::Pagination::Limit(100));
        gitlab::api::AsyncQuery::query_async(&pages, &self.exchanges).await.map_err(|error| self.failed(&call, error))
    }
}

fn is(control: &Control, schedule: u64) -> bool {
    matches!(control, Control::Schedule { id, .. } if *id == schedule)
}

/// What a pipeline that was created while nobody could run it needs now; nothing if it has run.
fn happened(pipeline: answers::Pipeline) -> Option<Happened> {
    let status = pipeline.status.unwrap_or_default();
    let start = match status.as_str() {
        "success" | "canceled" | "canceling" | "skipped" => return None,
        "failed" => "retry it: its jobs may have found no runner",
        "manual" => "play its manual job",
        _ => "it starts by itself now that there are runners again",
    };
    let source = pipeline.source.unwrap_or_default();
    let reference = pipeline.reference.unwrap_or_default();
    Some(Happened { what: format!("pipeline {} ({source}) on `{reference}`: {status}", pipeline.id).into(), start: start.into() })
}
