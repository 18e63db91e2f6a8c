//! The run on a spare runner in the JSON report.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    view::{millis, strings},
    vocabulary::{RunKnown, RunStage, RunnerState, Verdict},
    words,
};
use crate::record::{ReachedFacts, ReportedFacts, RunRecord, RunnerFacts};

/// The run that was asked of the forge for a spare runner.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Run")]
pub(super) struct RunView {
    /// The runners that could take it; null if nobody looked.
    runners: Option<Vec<RunnerView>>,
    /// What of the runners could not be read.
    unread: Vec<String>,
    /// `github` or `gitlab`; null if nothing was asked.
    forge: Option<String>,
    /// The repository or project.
    repository: Option<String>,
    /// The workflow's file on GitHub, the job on GitLab.
    workflow: Option<String>,
    /// The branch whose workflow it is.
    reference: Option<String>,
    /// By which the run, its drill and what that pushes are known.
    nonce: Option<String>,
    /// The run's number; null if it is not known to be accepted.
    run: Option<u64>,
    /// Where people look at it.
    url: Option<String>,
    /// How its number is known.
    known: Option<RunKnown>,
    /// The runner that took it.
    runner: Option<String>,
    /// From the request until the forge had accepted it, by the drill's clock.
    accepted_ms: Option<u64>,
    /// How long it waited for a runner, by the forge's clock.
    waited_ms: Option<u64>,
    /// How long the runner worked on it, by the forge's clock.
    worked_ms: Option<u64>,
    /// How far it came.
    stages: Vec<StageView>,
    /// What the drill on the runner said of itself; null if its event log did not come back or was not believed.
    reported: Option<ReportedView>,
}

/// A runner, as its forge tells of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Runner")]
struct RunnerView {
    /// Its name.
    name: String,
    /// Whose it is.
    scope: String,
    /// How it stands.
    state: RunnerState,
    /// Its version; null if that is not told.
    version: Option<String>,
    /// Its labels or tags.
    labels: Vec<String>,
    /// When the forge last heard of it, RFC 3339; null if that is not told.
    contacted: Option<String>,
}

/// A stage that a run has reached.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stage")]
struct StageView {
    /// Which.
    stage: RunStage,
    /// When this was seen, RFC 3339.
    seen: String,
    /// When it was reached by the clock of the forge, of the runner for `built`, RFC 3339; null if that is not told.
    at: Option<String>,
    /// The forge's word for how the run ended; null before.
    conclusion: Option<String>,
}

/// What the drill on the runner said of itself.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Reported")]
struct ReportedView {
    /// Its name.
    drill: String,
    /// The version of canship there.
    canship: String,
    /// Its answer.
    verdict: Verdict,
    /// The spare of the plan that it drilled there.
    spare: String,
    /// The commit that it built; null if it got none.
    commit: Option<String>,
    /// Its time to ship, by the runner's clock; null if not reached.
    time_to_ship_ms: Option<u64>,
}

impl From<&RunRecord> for RunView {
    fn from(run: &RunRecord) -> Self {
        let order = run.asked.as_ref().map(|(_, order)| order);
        let facts = run.accepted.as_ref().map(|(_, facts)| facts);
        Self {
            runners: run.runners.as_ref().map(|seen| seen.runners.iter().map(Into::into).collect()),
            unread: run.runners.as_ref().map(|seen| strings(&seen.unread)).unwrap_or_default(),
            forge: order.map(|order| order.place.kind.to_string().to_ascii_lowercase()),
            repository: order.map(|order| order.place.repository.to_string()),
            workflow: order.map(|order| order.workflow.to_string()),
            reference: order.map(|order| order.reference.to_string()),
            nonce: order.map(|order| order.nonce.to_string()),
            run: facts.map(|facts| facts.run),
            url: facts.and_then(|facts| facts.url.as_ref()).map(ToString::to_string),
            known: facts.map(|facts| facts.known.into()),
            runner: run.runner().map(ToString::to_string),
            accepted_ms: run.accepting().map(millis),
            waited_ms: run.waiting().map(millis),
            worked_ms: run.working().map(millis),
            stages: run.reached.iter().map(stage).collect(),
            reported: run.reported.as_ref().map(Into::into),
        }
    }
}

fn stage((seen, reached): &(jiff::Timestamp, ReachedFacts)) -> StageView {
    StageView {
        stage: reached.stage.into(),
        seen: words::time(*seen),
        at: reached.at.map(words::time),
        conclusion: reached.conclusion.as_ref().map(ToString::to_string),
    }
}

impl From<&RunnerFacts> for RunnerView {
    fn from(runner: &RunnerFacts) -> Self {
        Self {
            name: runner.name.to_string(),
            scope: runner.scope.to_string(),
            state: runner.state.into(),
            version: runner.version.as_ref().map(ToString::to_string),
            labels: strings(&runner.labels),
            contacted: runner.contacted.map(words::time),
        }
    }
}

impl From<&ReportedFacts> for ReportedView {
    fn from(reported: &ReportedFacts) -> Self {
        Self {
            drill: reported.drill.to_string(),
            canship: reported.canship.to_string(),
            verdict: reported.verdict.into(),
            spare: reported.spare.to_string(),
            commit: reported.commit.as_ref().map(ToString::to_string),
            time_to_ship_ms: reported.time_to_ship.map(millis),
        }
    }
}
