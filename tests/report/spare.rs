//! A drill on a spare runner, as it could have been.

use std::time::Duration;

use canship::record::{
    Cleaning, EventKind, ForgeKind, Independence, Outcome, Phase, Place, ReachedFacts, ReportedFacts, RunFacts, RunKnown, RunOrder,
    RunStage, RunnerFacts, RunnerState, RunnersFacts, SpareFacts, SpareKind, Verdict,
};

use crate::drills::{Drill, artifact, facts, pulled, pushed, source, tag};

fn reached(stage: RunStage, at: &str) -> ReachedFacts {
    let runner = (stage == RunStage::PickedUp || stage == RunStage::Done).then(|| "spare-1".into());
    let conclusion = (stage == RunStage::Done).then(|| "success".into());
    ReachedFacts { stage, at: Some(at.parse().unwrap()), runner, conclusion }
}

/// A runner ships, after its answer was lost and found.
pub(crate) fn on_runner() -> Drill {
    let mut drill = facts();
    drill.spare = SpareFacts {
        name: "spare-runner".into(),
        kind: SpareKind::Runner,
        independence: Independence::SameControlPlane,
        why: None,
        engine: None,
    };
    let by_hand = SpareFacts {
        name: "by-hand".into(),
        kind: SpareKind::Host,
        independence: Independence::Unknown,
        why: Some("the plan names no `source.mirror`".into()),
        engine: None,
    };
    drill.spares = vec![facts().spare, drill.spare.clone(), by_hand];
    let runner = RunnerFacts {
        name: "spare-1".into(),
        scope: "repository".into(),
        state: RunnerState::Idle,
        version: Some("2.336.0".into()),
        labels: vec!["self-hosted".into(), "spare".into()],
        contacted: None,
    };
    let unread =
        vec!["the organization's runners could not be read: the token lacks `organization self-hosted runners: read`".into()];
    let nonce = "0123456789abcdef".parse().unwrap();
    let place = Place { kind: ForgeKind::Github, url: "https://api.github.com".parse().unwrap(), repository: "acme/api".into() };
    let order = RunOrder { place, workflow: "canship-spare.yml".into(), reference: "main".into(), nonce };
    let url = Some("https://github.com/acme/api/actions/runs/7001".into());
    let reported = ReportedFacts {
        drill: "20261120-233530-0badcafe".to_owned().try_into().unwrap(),
        canship: "0.1.0".into(),
        verdict: Verdict::CanShip,
        spare: "by-hand".into(),
        commit: Some(source().commit),
        time_to_ship: Some(Duration::from_secs(95)),
    };
    let phase = |phase| EventKind::PhaseStarted { phase };
    let passed = |phase| EventKind::PhaseFinished { phase, outcome: Outcome::Passed };
    let skipped = |phase, reason: &str| EventKind::PhaseFinished { phase, outcome: Outcome::Skipped { reason: reason.into() } };
    Drill::start(drill)
        .after(0, phase(Phase::Probe))
        .after(400, EventKind::RunnersSeen(RunnersFacts { runners: vec![runner], unread }))
        .after(100, passed(Phase::Probe))
        .after(0, phase(Phase::Fetch))
        .after(900, EventKind::SourceFetched(source()))
        .after(100, passed(Phase::Fetch))
        .after(0, phase(Phase::Build))
        .after(0, EventKind::RunAsked(order))
        .after(1200, EventKind::RunAccepted(RunFacts { run: 7001, url, known: RunKnown::LookedUp }))
        .after(800, EventKind::RunReached(reached(RunStage::Queued, "2026-11-20T23:35:15Z")))
        .after(7000, EventKind::RunReached(reached(RunStage::PickedUp, "2026-11-20T23:35:21Z")))
        .after(104_000, EventKind::RunReached(reached(RunStage::Done, "2026-11-20T23:37:04Z")))
        .after(0, EventKind::RunReported(reported))
        .after(0, EventKind::RunReached(reached(RunStage::Built, "2026-11-20T23:37:05Z")))
        .after(0, EventKind::ArtifactCollected(artifact()))
        .after(0, EventKind::TagReadBack(tag()))
        .after(100, passed(Phase::Build))
        .after(0, skipped(Phase::Tag, "it took place on the runner, as its event log says"))
        .after(0, phase(Phase::Publish))
        .after(600, EventKind::ImagePushed(pushed()))
        .after(900, EventKind::ImagePulled(pulled()))
        .after(0, passed(Phase::Publish))
        .after(0, skipped(Phase::Smoke, "it took place on the runner, as its event log says"))
        .after(0, EventKind::Limited { limit: "the spare runner is lost with the forge itself".into() })
        .after(0, phase(Phase::Clean))
        .after(300, EventKind::Cleaned(Cleaning::Gone { what: "manifest in ghcr.io/acme/api-drill".into() }))
        .after(0, passed(Phase::Clean))
        .finished(0)
}
