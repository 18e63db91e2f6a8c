//! Runners at work: which takes which job, and what becomes of the job and its run.

use std::{sync::Arc, thread};

use serde_json::{Value, json};

use super::{
    super::{
        runner::{Machine, expression::Standing, process},
        world::Shared,
    },
    GitHub, Job, Level, Run, Token,
    jobs::PickedBy,
    now,
    steps::Worker,
};

/// A job that a runner took.
pub(super) struct Work {
    pub(super) run: u64,
    pub(super) job: u64,
    runner: u64,
    pub(super) runner_name: String,
    pub(super) machine: Machine,
    /// The workflow file and the job in it.
    pub(super) file: Arc<Value>,
    pub(super) plan: Value,
    pub(super) context: Value,
    /// By which the job's processes are known.
    pub(super) mark: String,
    /// The job's own token.
    pub(super) token: String,
    /// What must not stand in a log.
    pub(super) masks: Vec<String>,
}

/// Has every job that can be taken taken and worked on, each on a thread.
pub(super) fn go_on(world: &Shared<GitHub>) {
    while let Some(work) = world.with(GitHub::pick) {
        let world = world.clone();
        thread::spawn(move || {
            let conclusion = Worker::new(&world, &work).work();
            process::end_orphans(&work.mark);
            world.with(|forge| forge.finish(&work, conclusion));
            go_on(&world);
        });
    }
}

impl GitHub {
    /// Gives a runner a machine, so that it works.
    #[must_use]
    pub(crate) fn machine(mut self, runner: &str, machine: Machine) -> Self {
        self.the_runner(runner).machine = Some(machine);
        self
    }

    /// Takes the first job that a runner can take.
    fn pick(&mut self) -> Option<Work> {
        self.skip_what_cannot_run();
        let is_open = |run: &&Run| run.conclusion.is_none() && run.waits_for.is_none() && !run.is_cancelled && run.file.is_some();
        let open: Vec<(u64, u64)> =
            self.runs.iter().filter(is_open).flat_map(|run| run.ready().map(move |job| (run.id, job))).collect();
        let (run, job, runner) = open.into_iter().find_map(|(run, job)| Some((run, job, self.taker(job)?)))?;
        Some(self.take(run, job, runner))
    }

    /// The runner that takes a job: online, idle, with all labels, and with a machine.
    fn taker(&self, job: u64) -> Option<u64> {
        let labels = &self.runs.iter().flat_map(|run| &run.jobs).find(|known| known.id == job)?.labels;
        let mut runners = self.runners.iter().chain(&self.org_runners);
        let can =
            |runner: &&super::Runner| runner.is_online && !runner.is_busy && runner.machine.is_some() && runner.has_all(labels);
        runners.find(can).map(|runner| runner.id)
    }

    fn take(&mut self, run: u64, job: u64, runner: u64) -> Work {
        let taker = self.runners.iter_mut().chain(&mut self.org_runners).find(|known| known.id == runner).unwrap();
        taker.is_busy = true;
        let (name, machine) = (taker.name.clone(), taker.machine.clone().unwrap());
        let token = format!("ghs_SIMULATED{job}");
        let context = self.context(&self.runs[self.runs.iter().position(|known| known.id == run).unwrap()]);
        let run = self.the_run(run);
        "in_progress".clone_into(&mut run.status);
        run.updated = now();
        let file = Arc::clone(run.file.as_ref().unwrap());
        let at = run.jobs.iter().position(|known| known.id == job).unwrap();
        run.jobs[at].picked(PickedBy { id: runner, name: name.clone() });
        let (run, key) = (run.id, run.jobs[at].key.clone());
        let plan = file["jobs"][&key].clone();
        self.tokens.push(Token::of_workflow(&token, &permissions(&file, &plan)));
        // Many simulators run side by side, and their ids are the same.
        let mark = format!("github_{}", uuid::Uuid::now_v7());
        let masks = self.secrets.values().cloned().chain([token.clone()]).collect();
        Work { run, job, runner, runner_name: name, machine, file, plan, context, mark, token, masks }
    }

    /// A job is over: its runner is free, and the run is over with its last job. None: its machine died.
    fn finish(&mut self, work: &Work, conclusion: Option<&'static str>) {
        self.tokens.retain(|token| token.value != work.token);
        let runner = self.runners.iter_mut().chain(&mut self.org_runners).find(|runner| runner.id == work.runner).unwrap();
        (runner.is_busy, runner.is_online) = (false, conclusion.is_some());
        let run = self.the_run(work.run);
        let job = run.jobs.iter_mut().find(|job| job.id == work.job).unwrap();
        let Some(conclusion) = conclusion else {
            job.is_lost = true;
            return;
        };
        job.conclude(conclusion);
        self.skip_what_cannot_run();
        self.conclude_run(work.run);
    }

    /// The forge gives up on jobs whose machine died, as it does some ten minutes after.
    pub(crate) fn give_up_on_lost(&mut self) {
        let lost: Vec<u64> = self.runs.iter().filter(|run| run.jobs.iter().any(|job| job.is_lost)).map(|run| run.id).collect();
        for id in lost {
            for job in self.the_run(id).jobs.iter_mut().filter(|job| job.is_lost) {
                job.is_lost = false;
                job.log.push_str("The self-hosted runner lost communication with the server.\n");
                job.conclude("failure");
            }
            self.skip_what_cannot_run();
            self.conclude_run(id);
        }
    }

    fn conclude_run(&mut self, id: u64) {
        let run = self.the_run(id);
        if run.jobs.iter().any(|job| job.conclusion.is_none()) {
            return;
        }
        let any = |conclusion: &str| run.jobs.iter().any(|job| job.conclusion.as_deref() == Some(conclusion));
        let conclusion = match () {
            () if run.is_cancelled || any("cancelled") => "cancelled",
            () if any("failure") => "failure",
            () => "success",
        };
        run.conclude(conclusion);
    }

    /// Jobs whose needs did not end well are skipped, unless they ask for that.
    fn skip_what_cannot_run(&mut self) {
        for run in self.runs.iter_mut().filter(|run| run.conclusion.is_none() && run.file.is_some()) {
            let file = Arc::clone(run.file.as_ref().unwrap());
            let bad: Vec<String> = run.jobs.iter().filter(|job| job.is_bad()).map(|job| job.key.clone()).collect();
            for job in run.jobs.iter_mut().filter(|job| job.status == "queued" && job.needs.iter().any(|need| bad.contains(need))) {
                let condition = super::super::runner::yaml::text(&file["jobs"][&job.key]["if"]);
                if !condition.contains("always(") && !condition.contains("failure(") {
                    job.conclude("skipped");
                }
            }
        }
    }
}

impl Run {
    /// The jobs that wait for a runner only.
    fn ready(&self) -> impl Iterator<Item = u64> {
        let is_over = |key: &String| self.jobs.iter().any(|job| job.key == *key && job.conclusion.is_some());
        self.jobs.iter().filter(move |job| job.status == "queued" && job.needs.iter().all(is_over)).map(|job| job.id)
    }
}

impl Job {
    fn is_bad(&self) -> bool {
        self.conclusion.as_deref().is_some_and(|conclusion| conclusion != "success")
    }
}

/// What a job's own token may do: what the job says, or its workflow, or else read contents.
fn permissions(file: &Value, plan: &Value) -> Vec<(&'static str, Level)> {
    let given =
        plan.get("permissions").or_else(|| file.get("permissions")).cloned().unwrap_or_else(|| json!({ "contents": "read" }));
    let known = ["actions", "contents", "statuses", "checks", "deployments", "pull_requests"];
    let level = |name: &&str| match given[name.replace('_', "-")].as_str().or_else(|| given.as_str()) {
        Some("write" | "write-all") => Some(Level::Write),
        Some("read" | "read-all") => Some(Level::Read),
        _ => None,
    };
    known.into_iter().filter_map(|name| Some((name, level(&name)?))).collect()
}

/// How a job's conclusion stands for what follows.
pub(super) const fn conclusion(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "success",
        Standing::Failed => "failure",
        Standing::Cancelled => "cancelled",
    }
}
