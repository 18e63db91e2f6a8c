//! Follows a run to its end, or to the moment from which on waiting shows nothing more.

use std::{io, time::Duration};

use tokio::time::sleep;

use super::{
    Order,
    abroad::{Abroad, Started},
    site::{self, Site},
    stuck,
};
use crate::{
    drill::{Drill, clock::Clock, outside::Outside, scope::Scope},
    forge::{Budget, ForgeError, ForgeFault, Left, RunRef, Sight},
    plan::LATE_EFFECT,
    record::{EventKind, Finding, Measure, Phase, ReachedFacts, Rule, RunFacts, RunOrder, RunStage, Text},
};

/// How long a forge may take to list a run that it has.
const LISTED: Duration = Duration::from_secs(30);

/// How much slower later looks are than the first.
const SLOWEST: u32 = 6;

/// What a run that has ended left, with its event log in it.
pub(super) struct Ended {
    pub(super) left: Left,
    /// Whether the forge calls it a success.
    pub(super) is_success: bool,
    /// The forge's word.
    pub(super) conclusion: Text,
}

/// Asks for the run and follows it; none if that came to nothing, which is told.
pub(super) async fn run(drill: &Drill, scope: &Scope, (site, order): (&Site, &Order), outside: &Outside) -> Option<Ended> {
    scope.emit(EventKind::RunAsked(RunOrder {
        place: site.forge.place().clone(),
        workflow: site.wish.workflow.as_str().into(),
        reference: site.ready.reference.as_str().into(),
        nonce: site.wish.nonce.clone(),
    }));
    let until = may_appear_until(drill);
    let abroad = match outside.will_run(&site.item(None, until), || Abroad::ask(site, order.poll)) {
        Ok(abroad) => abroad,
        Err(reason) => return told(scope, unnoted(&reason)),
    };
    let run = match abroad.started().await {
        Started::Run(run, known) => {
            outside.runs_as(&site.item(Some(run.id), until));
            scope.emit(EventKind::RunAccepted(RunFacts { run: run.id, url: run.url.clone(), known: *known }));
            run.clone()
        }
        Started::Unready(unready) => return told(scope, site::of_unready(unready, &site.wish)),
        Started::NotTaken(error) => return told(scope, site::of_error(error)),
        Started::Unclear(error) => return told(scope, unclear(site, error.as_ref())),
    };
    let mut watch = Watch { scope, site, run, told: Vec::new(), runner: None };
    let ended = watch.follow(order, longest(drill)).await;
    match ended {
        Ok(sight) => {
            abroad.is_over();
            watch.left_by(&sight).await
        }
        Err(finding) => told(scope, finding),
    }
}

fn told<T>(scope: &Scope, finding: Finding) -> Option<T> {
    scope.found(finding);
    None
}

/// How long a run may take that a runner has picked up: the steps' own limits, twice over for build and smoke, and what
/// a hotfix may take beside them.
fn longest(drill: &Drill) -> Duration {
    drill.plan.build.limits.time.saturating_mul(2).saturating_add(drill.plan.target)
}

/// Until when a run that is asked for now may appear at the forge, whatever becomes of this drill.
fn may_appear_until(drill: &Drill) -> jiff::Timestamp {
    let late = drill.plan.primary.as_ref().map_or(LATE_EFFECT, |primary| primary.late_effect);
    let longest = drill.plan.timeouts.api.saturating_add(late).saturating_add(LISTED);
    let now = Clock::start().started();
    now.checked_add(longest).unwrap_or(now)
}

fn unnoted(reason: &io::Error) -> Finding {
    let summary = format!("the run was not asked for, since it could not be written down first: {reason}");
    Finding::new(Rule::NotReached, Phase::Build, summary, "see whether this machine's disk is full, then drill again")
}

fn unclear(site: &Site, error: Option<&ForgeError>) -> Finding {
    let nonce = &site.wish.nonce;
    let summary = format!("whether the forge started the run is not known: no run with the nonce {nonce} was found");
    let advice =
        "let the workflow show its nonce in `run-name` (GitHub) or `workflow: name` (GitLab), as pipelines/README.md has it";
    let finding = Finding::new(Rule::RunUnclear, Phase::Build, summary, advice);
    error.into_iter().fold(finding, |finding, error| finding.with_evidence(error.to_string()))
}

/// A run that is watched.
struct Watch<'w> {
    scope: &'w Scope,
    site: &'w Site,
    run: RunRef,
    /// The stages that were told.
    told: Vec<RunStage>,
    runner: Option<Text>,
}

impl Watch<'_> {
    /// Looks again and again; an error if it is not worth waiting for its end.
    async fn follow(&mut self, order: &Order, longest: Duration) -> Result<Sight, Finding> {
        let mut pace = Pace::new(order.poll);
        let mut deadline = tokio::time::Instant::now() + order.pick_up;
        let mut last: Result<Sight, ForgeError>;
        loop {
            let was_picked_up = self.runner.is_some();
            last = self.site.forge.sight(&self.run).await;
            match &last {
                Ok(sight) => {
                    stuck::refuse_others(self.site, sight)?;
                    self.tell(sight);
                    if sight.conclusion.is_some() {
                        return self.judge_end(last).await;
                    }
                }
                Err(error) if matches!(error.fault(), ForgeFault::Unauthorized { .. } | ForgeFault::NoRights { .. }) => {
                    return Err(site::of_error(error));
                }
                // It may pass; and a run that was just made may not be seen everywhere yet.
                Err(_) => {}
            }
            if self.runner.is_some() && !was_picked_up {
                deadline = tokio::time::Instant::now() + longest;
                pace = Pace::new(order.poll);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(match (last, &self.runner) {
                    (Err(error), _) => site::of_error(&error),
                    (Ok(_), Some(runner)) => not_ended(runner, longest),
                    (Ok(sight), None) => stuck::why(self.site, &self.run, &sight, Some(order.pick_up)).await,
                });
            }
            let wait = pace.next(self.site.forge.budget());
            sleep(wait.min(deadline.saturating_duration_since(tokio::time::Instant::now()))).await;
        }
    }

    /// Tells how far it has come.
    fn tell(&mut self, sight: &Sight) {
        let created = sight.jobs.iter().filter_map(|job| job.created).min().or(sight.created);
        if !sight.jobs.is_empty() {
            self.reached(RunStage::Queued, created, None);
        }
        let taken = sight.jobs.iter().filter(|job| job.runner.is_some() && job.started.is_some());
        if let Some(job) = taken.min_by_key(|job| job.started) {
            self.runner.clone_from(&job.runner);
            self.reached(RunStage::PickedUp, job.started, None);
        }
        if let Some(conclusion) = &sight.conclusion {
            self.reached(RunStage::Done, sight.jobs.iter().filter_map(|job| job.ended).max(), Some(conclusion.clone()));
        }
    }

    fn reached(&mut self, stage: RunStage, at: Option<jiff::Timestamp>, conclusion: Option<Text>) {
        if self.told.contains(&stage) {
            return;
        }
        self.told.push(stage);
        let runner = self.runner.clone();
        self.scope.emit(EventKind::RunReached(ReachedFacts { stage, at, runner, conclusion }));
    }

    /// What an end means that no runner has brought about.
    async fn judge_end(&self, last: Result<Sight, ForgeError>) -> Result<Sight, Finding> {
        let sight = last.map_err(|error| site::of_error(&error))?;
        let conclusion = sight.conclusion.clone().unwrap_or_default();
        if conclusion.as_str() == "startup_failure" {
            return Err(stuck::startup_failure(self.site, &self.run));
        }
        if self.runner.is_none() {
            let was_stuck =
                sight.jobs.iter().any(|job| job.conclusion.as_ref().is_some_and(|word| word.as_str().contains("stuck")));
            return Err(if was_stuck || sight.needs_approval {
                stuck::why(self.site, &self.run, &sight, None).await
            } else {
                not_believed(&format!("it ended with `{conclusion}` and no runner had taken a job of it"))
            });
        }
        Ok(sight)
    }

    /// What it left; none if there is nothing to believe.
    async fn left_by(&self, sight: &Sight) -> Option<Ended> {
        let conclusion = sight.conclusion.clone().unwrap_or_default();
        let is_success = conclusion.as_str() == "success";
        let lost = sight.jobs.iter().find(|job| job.is_lost);
        match self.site.forge.left_by(&self.run, sight).await {
            Ok(Some(Left::Logs(_))) if lost.is_some() => told(self.scope, runner_lost(lost.and_then(|job| job.runner.as_ref()))),
            Ok(Some(left)) => Some(Ended { left, is_success, conclusion }),
            Ok(None) if lost.is_some() => told(self.scope, runner_lost(lost.and_then(|job| job.runner.as_ref()))),
            Ok(None) if is_success => told(self.scope, not_believed("it says success and left no event log")),
            Ok(None) => told(self.scope, not_believed(&format!("it ended with `{conclusion}` and left no event log"))),
            Err(error) => told(self.scope, not_believed("its event log could not be had").with_evidence(error.to_string())),
        }
    }
}

/// A run whose word is not taken.
pub(super) fn not_believed(why: &str) -> Finding {
    let advice = "look at the run's own log at the forge; a success counts only with the event log of this very drill";
    Finding::new(Rule::RunNotBelieved, Phase::Build, format!("what became of the run is not known: {why}"), advice)
}

fn not_ended(runner: &Text, longest: Duration) -> Finding {
    let summary = format!("the run on `{runner}` had not ended {} after it was picked up", Measure(longest));
    Finding::new(Rule::RunNotEnded, Phase::Build, summary, "look at the run at the forge, and at the machine of the runner")
}

fn runner_lost(runner: Option<&Text>) -> Finding {
    let name = runner.map(|runner| format!(" `{runner}`")).unwrap_or_default();
    let summary = format!("the forge lost the runner{name} while it worked: what it had done by then is not known");
    Finding::new(Rule::RunnerLost, Phase::Build, summary, "look at the machine of the runner: its memory, its disk, its network")
}

/// How long is waited between two looks: longer and longer, and as long as the forge's limits ask for.
struct Pace {
    next: Duration,
    slowest: Duration,
}

impl Pace {
    fn new(poll: Duration) -> Self {
        Self { next: poll, slowest: poll.saturating_mul(SLOWEST) }
    }

    fn next(&mut self, budget: Budget) -> Duration {
        let wait = self.next;
        self.next = (self.next * 3 / 2).min(self.slowest);
        wait.max(spread(budget))
    }
}

/// So long that what the forge still allows lasts until it allows more: two requests a look, and half of it for others.
fn spread(budget: Budget) -> Duration {
    let (Some(remaining), Some(resets)) = (budget.remaining, budget.resets) else { return Duration::ZERO };
    let left = Duration::try_from(resets.duration_since(Clock::start().started())).unwrap_or_default();
    let looks = u32::try_from(remaining / 4).unwrap_or(u32::MAX).max(1);
    left / looks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_come_slower_and_slower_and_never_faster_than_the_forge_allows() {
        let mut pace = Pace::new(Duration::from_secs(5));
        let waits: Vec<_> = (0..7).map(|_| pace.next(Budget::default()).as_millis()).collect();
        assert_eq!(waits, [5000, 7500, 11_250, 16_875, 25_312, 30_000, 30_000]);
        let resets = Clock::start().started() + jiff::SignedDuration::from_mins(10);
        let scarce = Budget { sent: 1, remaining: Some(8), resets: Some(resets) };
        assert!(pace.next(scarce) > Duration::from_mins(4), "{:?}", spread(scarce));
        let plenty = Budget { remaining: Some(4900), ..scarce };
        assert_eq!(pace.next(plenty), Duration::from_secs(30));
    }
}
