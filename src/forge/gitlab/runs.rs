//! What runs in the project, and how it is cancelled.

use std::collections::BTreeSet;

use gitlab::api::projects::pipelines::CancelPipeline;

use super::{DEVELOPER, Gitlab, REPORTER, answers, service::Pipelines};
use crate::{
    forge::{Cancel, ForgeError, Run, call::Call},
    record::Text,
};

/// The words for a pipeline that has not ended, in the order in which one goes through them, and asked for one after the
/// other: a pipeline that moves on in the meantime is seen in one of them. One that waits for a person is not among them.
const UNFINISHED: [&str; 8] =
    ["created", "waiting_for_resource", "preparing", "scheduled", "pending", "running", "waiting_for_callback", "canceling"];

impl Gitlab {
    pub(super) async fn pipelines_in_flight(&self) -> Result<Vec<Run>, ForgeError> {
        let (mut runs, mut seen): (Vec<Run>, _) = (Vec::new(), BTreeSet::new());
        for status in UNFINISHED {
            let call = Call::new(format!("listing pipelines that are `{status}`"), REPORTER);
            let endpoint = Pipelines { project: &self.id, asked: &[("status", status)] };
            for pipeline in self.ask_all::<answers::Pipeline, _>(&call, Ok::<_, std::fmt::Error>(endpoint)).await? {
                if self.own.run != Some(pipeline.id) && seen.insert(pipeline.id) {
                    runs.push(pipeline.into());
                }
            }
        }
        Ok(runs)
    }

    /// GitLab has one way to cancel a pipeline.
    pub(super) async fn cancel_pipeline(&self, run: &Run, _how: Cancel) -> Result<(), ForgeError> {
        let call = Call::new(format!("cancelling {run}"), DEVELOPER);
        self.tell(&call, CancelPipeline::builder().project(self.project()).pipeline(run.id).build()).await
    }
}

impl From<answers::Pipeline> for Run {
    fn from(pipeline: answers::Pipeline) -> Self {
        let text = |text: Option<String>| text.map(Text::from);
        let name = pipeline.name.or(pipeline.source).unwrap_or_default();
        Self {
            id: pipeline.id,
            name: name.into(),
            status: pipeline.status.unwrap_or_default().into(),
            reference: text(pipeline.reference),
            commit: text(pipeline.sha),
            created: pipeline.created_at,
            url: text(pipeline.web_url),
        }
    }
}
