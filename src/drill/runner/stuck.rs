//! Why a run does not go on, told apart as far as the forge tells it.

use std::time::Duration;

use super::site::Site;
use crate::{
    forge::{JobSight, RunRef, Runners, Sight},
    record::{Finding, ForgeKind, Measure, Phase, Rule, RunnerFacts, RunnerState},
};

/// Refuses a run of which something else than the spare does a part.
pub(super) fn refuse_others(site: &Site, sight: &Sight) -> Result<(), Finding> {
    let labels = &site.wish.labels;
    let foreign = |job: &&JobSight| job.is_hosted || !job.asks_for(labels);
    if let Some(job) = sight.jobs.iter().find(foreign) {
        let wanted = listed(labels);
        let by = job.runner.as_ref().map(|runner| format!(", and was taken by `{runner}`")).unwrap_or_default();
        let asks = if job.is_hosted {
            "is one for machines of the forge's own".to_owned()
        } else {
            format!("asks for {}", listed(&job.labels))
        };
        let summary = format!("job `{}` of the run is not for the spare alone: it {asks}, not for {wanted}{by}", job.name);
        let advice = format!("let every job that the nonce starts ask for {wanted}, and keep all others out of that run");
        return Err(Finding::new(Rule::RunnerNotTheSpare, Phase::Build, summary, advice));
    }
    let is_named = |job: &JobSight| job.name.as_str() == site.wish.workflow;
    if site.forge.place().kind == ForgeKind::Gitlab && !sight.jobs.is_empty() && !sight.jobs.iter().any(is_named) {
        let summary = format!("the pipeline has no job `{}`", site.wish.workflow);
        let advice = "include the template that pipelines/README.md names, and give the job's name as `workflow` in the plan";
        return Err(Finding::new(Rule::WorkflowUnusable, Phase::Build, summary, advice));
    }
    Ok(())
}

/// The forge could make no run of the workflow.
pub(super) fn startup_failure(site: &Site, run: &RunRef) -> Finding {
    let summary = format!("the forge could not start run {} of `{}`: startup failure", run.id, site.wish.workflow);
    let advice = "look at the run at the forge: the workflow's file is wrong, or uses an action that may not be used";
    Finding::new(Rule::StartupFailure, Phase::Build, summary, advice)
}

/// Why no runner has taken it; `waited` is none if the forge itself gave up on that.
pub(super) async fn why(site: &Site, run: &RunRef, sight: &Sight, waited: Option<Duration>) -> Finding {
    let waited = waited.map_or_else(|| "until the forge gave up on it".to_owned(), |time| format!("within {}", Measure(time)));
    if sight.needs_approval {
        return approval(site, run, &waited).await;
    }
    if sight.jobs.is_empty() {
        return never_ran(&waited, &format!("it accepted the run (`{}`) and made no job of it", sight.status));
    }
    // As they are now, not as they were before.
    match site.forge.runners(&site.wish).await {
        Ok(runners) => of_runners(site, &runners, &waited),
        Err(error) => never_ran(&waited, "which runners there are could not be read").with_evidence(error.to_string()),
    }
}

async fn approval(site: &Site, run: &RunRef, waited: &str) -> Finding {
    let words = site.forge.approvals(run).await.unwrap_or_default();
    let words = words.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let what = if words.is_empty() { "an approval".to_owned() } else { words };
    let summary = format!("no runner took the job {waited}: it waits for {what}");
    let advice = "have somebody approve it while a drill runs, or let the spare's job use an environment that asks nobody";
    Finding::new(Rule::RunnerAwaitsApproval, Phase::Build, summary, advice)
}

fn of_runners(site: &Site, Runners { facts, all }: &Runners, waited: &str) -> Finding {
    let labels = listed(&site.wish.labels);
    let finding = |rule, what: &str, advice: &str| {
        let summary = format!("no runner took the job {waited}: {what}");
        facts.runners.iter().fold(Finding::new(rule, Phase::Build, summary, advice), |finding, runner| {
            finding.with_evidence(format!("runner `{}`: {}", runner.name, runner.state.word()))
        })
    };
    let every = |is: fn(&RunnerFacts) -> bool| facts.runners.iter().all(is);
    let unread = facts.unread.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match () {
        () if facts.runners.is_empty() && *all => finding(
            Rule::RunnerNoMatch,
            &format!("none has all of {labels}"),
            "register the spare with these labels, or correct them in the plan",
        ),
        () if facts.runners.is_empty() => {
            never_ran(waited, &format!("no runner that the token may see has all of {labels}; {unread}"))
        }
        // One that could not be read might be there.
        () if !*all => never_ran(waited, &unread),
        () if every(|runner| runner.state == RunnerState::Offline) => {
            finding(Rule::RunnerOffline, "all that have the labels are offline", "start the spare's machine, and the runner on it")
        }
        () if every(|runner| runner.state == RunnerState::Paused) => finding(
            Rule::RunnerPaused,
            "all that have the labels are paused",
            "resume the spare, or find out who pauses it and why",
        ),
        () if every(|runner| matches!(runner.state, RunnerState::Offline | RunnerState::Paused)) => finding(
            Rule::RunnerOffline,
            "all that have the labels are offline or paused",
            "start the spare's machine and the runner on it, or resume it",
        ),
        () if every(|runner| runner.state != RunnerState::Idle && runner.state != RunnerState::Unsaid) => finding(
            Rule::RunnerBusy,
            "all that have the labels and are there were busy",
            "keep the spare free of other work, or raise `pick_up`",
        ),
        () => never_ran(waited, idle(site.forge.place().kind)),
    }
}

/// What it can mean that a runner is said to be there.
fn idle(kind: ForgeKind) -> &'static str {
    match kind {
        ForgeKind::Github => "the forge accepted it, and a runner that has the labels is said to be idle",
        ForgeKind::Gitlab => {
            "the forge accepted it, and a runner that has the tags is said to be online, which GitLab says for up to two hours after \
             it was lost"
        }
    }
}

fn never_ran(waited: &str, why: &str) -> Finding {
    let advice =
        "look at the run at the forge and at the runner's own log; give the token the right to read runners if it lacks that";
    Finding::new(Rule::RunnerNeverRan, Phase::Build, format!("no runner took the job {waited}: {why}"), advice)
}

fn listed(labels: &[String]) -> String {
    match labels {
        [] => "no label".to_owned(),
        labels => labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", "),
    }
}
