//! Runners at work: which takes which job, and what becomes of it.

use std::{collections::BTreeMap, fs, path::Path, process::Command, thread};

use serde_json::Value;

use super::{
    super::{
        runner::{
            Machine, files,
            process::{self, Ended, MARK, Signals, Until},
            yaml,
        },
        shape::zipped,
        world::Shared,
    },
    Answer, GitLab, Job, Pipeline, RunnerKind, Token,
    jobs::Archive,
};

/// A job that a runner took.
struct Work {
    job: u64,
    runner: u64,
    sha: String,
    plan: Value,
    machine: Machine,
    variables: BTreeMap<String, String>,
    token: String,
    /// What must not stand in a trace.
    masks: Vec<String>,
}

/// Has every job that can be taken taken and worked on, each on a thread.
pub(super) fn go_on(world: &Shared<GitLab>) {
    while let Some(work) = world.with(GitLab::pick) {
        let world = world.clone();
        thread::spawn(move || {
            let is_over = work.run(&world);
            world.with(|forge| forge.finish(&work, is_over));
            go_on(&world);
        });
    }
}

impl Work {
    /// Works to the job's end. None: the machine died.
    fn run(&self, world: &Shared<GitLab>) -> Option<()> {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("builds");
        let origin = world.with(|forge| forge.origin.clone().unwrap());
        if let Err(reason) = files::check_out(&origin, &self.sha, &project) {
            self.say(world, &[reason]);
            world.with(|forge| self.the_job(forge).fail("runner_system_failure"));
            return Some(());
        }
        let cached = cache(&self.plan);
        if let Some(kept) = cached.as_ref().and_then(|(key, _)| world.with(|forge| forge.caches.get(key).cloned())) {
            files::lay(&project, &kept);
        }
        let lines = [yaml::texts(&self.plan["before_script"]), yaml::texts(&self.plan["script"])].concat();
        let is_cancelled = |forge: &GitLab| {
            forge.pipelines.iter().flat_map(|pipeline| &pipeline.jobs).any(|job| job.id == self.job && job.is_cancelled)
        };
        let dies = self.machine.dies_in.is_some();
        let until = if dies { Until::DeathOfMachine } else { Until::Cancelled(&is_cancelled, Signals::OfGitLab) };
        let ended = self.script(world, folder.path(), &lines, &until);
        if dies {
            return None;
        }
        self.say(world, &ended.lines);
        let after = yaml::texts(&self.plan["after_script"]);
        if !after.is_empty() {
            let ended = self.script(world, folder.path(), &after, &Until::ItsEnd);
            self.say(world, &ended.lines);
        }
        let is_good = ended.code == Some(0);
        let is_kept = match self.plan["artifacts"]["when"].as_str() {
            Some("always") => true,
            Some("on_failure") => !is_good,
            _ => is_good,
        };
        let kept = files::gather(&project, &yaml::texts(&self.plan["artifacts"]["paths"]));
        let cached = cached.filter(|_| is_good || self.plan["cache"]["when"] == "always");
        world.with(|forge| {
            if let Some((key, paths)) = cached {
                forge.caches.insert(key, files::keep(&project, &paths));
            }
            let job = self.the_job(forge);
            if is_kept && !kept.is_empty() {
                job.archive = Some(Archive { zip: zipped(&files::named(&project, &kept)), is_expired: false });
            }
            match () {
                () if job.is_cancelled => job.finish("canceled"),
                () if is_good => job.finish("success"),
                () => job.fail("script_failure"),
            }
        });
        Some(())
    }

    fn script(&self, world: &Shared<GitLab>, folder: &Path, lines: &[String], until: &Until<'_, GitLab>) -> Ended {
        let (script, home) = (folder.join("script.sh"), folder.join("home"));
        fs::create_dir_all(&home).unwrap();
        fs::write(&script, format!("set -eo pipefail\n{}\n", lines.join("\n"))).unwrap();
        let project = folder.join("builds");
        let mut command = Command::new("bash");
        command.arg(&script).current_dir(&project).env_clear();
        command.envs(&self.machine.variables).env("PATH", &self.machine.path).env("HOME", home);
        command.env("CI_PROJECT_DIR", &project).env_remove(MARK).envs(&self.variables);
        process::run(&command, world, until)
    }

    fn the_job<'a>(&self, forge: &'a mut GitLab) -> &'a mut Job {
        forge.pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.jobs).find(|job| job.id == self.job).unwrap()
    }

    /// Writes lines into the job's trace, without secrets.
    fn say(&self, world: &Shared<GitLab>, lines: &[String]) {
        for line in lines {
            let masks = self.masks.iter().filter(|mask| !mask.is_empty());
            let line = masks.fold(line.clone(), |line, mask| line.replace(mask, "[MASKED]"));
            world.with(|forge| self.the_job(forge).trace.extend([&line, "\n"]));
        }
    }
}

/// The key and the paths of a job's cache.
fn cache(plan: &Value) -> Option<(String, Vec<String>)> {
    let paths = yaml::texts(&plan["cache"]["paths"]);
    (!paths.is_empty()).then(|| (plan["cache"]["key"].as_str().unwrap_or("default").to_owned(), paths))
}

impl GitLab {
    /// Gives a runner a machine, so that it works.
    #[must_use]
    pub(crate) fn machine(mut self, runner: &str, machine: Machine) -> Self {
        self.the_runner(runner).machine = Some(machine);
        self
    }

    /// Takes the first job that a runner can take.
    fn pick(&mut self) -> Option<Work> {
        self.pipelines.iter_mut().for_each(Pipeline::reach_stages);
        let pending = self.pipelines.iter().flat_map(|pipeline| pipeline.jobs.iter().map(move |job| (pipeline, job)));
        let open = pending.filter(|(_, job)| job.status == "pending" && job.plan.is_some());
        let taken = open.into_iter().find_map(|(pipeline, job)| Some((pipeline.id, job.id, self.taker(pipeline, job)?)));
        taken.map(|(pipeline, job, runner)| self.take(pipeline, job, runner))
    }

    fn taker(&self, pipeline: &Pipeline, job: &Job) -> Option<u64> {
        let is_protected = self.protected.contains(&pipeline.reference);
        let is_allowed = |kind: RunnerKind| match kind {
            RunnerKind::Project => true,
            RunnerKind::Group => self.group_runners_enabled,
            RunnerKind::Instance => self.shared_runners_enabled,
        };
        let mut able = self.runners.iter().filter(|runner| runner.machine.is_some() && is_allowed(runner.kind));
        able.find(|runner| runner.takes(&job.tags, is_protected)).map(|runner| runner.id)
    }

    fn take(&mut self, pipeline: u64, job: u64, runner: u64) -> Work {
        let token = format!("glcbt-SIMULATED{job}");
        let of = self.pipelines.iter().find(|known| known.id == pipeline).unwrap();
        let the_job = of.jobs.iter().find(|known| known.id == job).unwrap();
        let (sha, plan, name) = (of.sha.clone(), the_job.plan.clone().unwrap(), the_job.name.clone());
        let mut variables = self.variables_of(of);
        variables
            .extend(plan["variables"].as_object().into_iter().flatten().map(|(name, value)| (name.clone(), yaml::text(value))));
        self.tokens.push(Token::of_job(&token));
        let taker = self.runners.iter_mut().find(|known| known.id == runner).unwrap();
        taker.is_busy = true;
        let machine = taker.machine.clone().unwrap();
        let own = [
            ("CI_JOB_ID", job.to_string()),
            ("CI_JOB_NAME", name),
            ("CI_JOB_TOKEN", token.clone()),
            ("CI_RUNNER_ID", runner.to_string()),
            ("CI_RUNNER_DESCRIPTION", taker.description.clone()),
        ];
        variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let masks = self
            .variables
            .iter()
            .filter(|variable| variable.is_masked)
            .map(|variable| variable.value.clone())
            .chain([token.clone()])
            .collect();
        let work = Work { job, runner, sha, plan, machine, variables, token, masks };
        work.the_job(self).picked(runner);
        work
    }

    /// What a pipeline's jobs and rules know.
    pub(super) fn variables_of(&self, pipeline: &Pipeline) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let known = [
            ("CI", "true".to_owned()),
            ("GITLAB_CI", "true".to_owned()),
            ("CI_SERVER_URL", self.root.clone()),
            ("CI_API_V4_URL", format!("{}/api/v4", self.root)),
            ("CI_PROJECT_ID", self.id.to_string()),
            ("CI_PROJECT_PATH", self.path.clone()),
            ("CI_DEFAULT_BRANCH", self.default_branch.clone()),
            ("CI_PIPELINE_ID", pipeline.id.to_string()),
            ("CI_PIPELINE_SOURCE", pipeline.source.clone()),
            ("CI_COMMIT_SHA", pipeline.sha.clone()),
            ("CI_COMMIT_REF_NAME", pipeline.reference.clone()),
            (if pipeline.is_tag { "CI_COMMIT_TAG" } else { "CI_COMMIT_BRANCH" }, pipeline.reference.clone()),
        ];
        all.extend(known.map(|(name, value)| (name.to_owned(), value)));
        all.extend(pipeline.configured.clone());
        let is_protected = self.protected.contains(&pipeline.reference);
        let given = self.variables.iter().filter(|variable| is_protected || !variable.is_protected);
        all.extend(given.map(|variable| (variable.key.clone(), variable.value.clone())));
        all.extend(pipeline.variables.clone());
        all
    }

    fn finish(&mut self, work: &Work, is_over: Option<()>) {
        self.tokens.retain(|token| token.value != work.token);
        let runner = self.runners.iter_mut().find(|runner| runner.id == work.runner).unwrap();
        (runner.is_busy, runner.is_alive) = (false, is_over.is_some());
        work.the_job(self).is_lost = is_over.is_none();
        self.pipelines.iter_mut().for_each(Pipeline::reach_stages);
    }

    /// The forge gives up on jobs whose machine died, as it does an hour after.
    pub(crate) fn give_up_on_lost(&mut self) {
        for job in self.pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.jobs).filter(|job| job.is_lost) {
            job.is_lost = false;
            job.fail("stuck_or_timeout_failure");
        }
    }

    /// A pipeline of the real repository's configuration gets its jobs.
    pub(super) fn configure(&mut self, pipeline: &mut Pipeline) -> Result<(), Answer> {
        let Some(origin) = self.origin.clone() else { return Ok(()) };
        let invalid = |reason: String| super::invalid("base", &reason);
        let read = super::file::Configuration::read(&origin, &pipeline.sha).map_err(invalid)?;
        let known = self.variables_of(pipeline);
        let whole = read.with((&pipeline.inputs, &known), &origin, &pipeline.sha).map_err(invalid)?;
        pipeline.name = whole["workflow"]["name"].as_str().map(str::to_owned);
        pipeline.configured = whole["variables"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), yaml::text(value.get("value").unwrap_or(value))))
            .collect();
        let plans = Self::plans_of(&whole, &self.variables_of(pipeline)).map_err(invalid)?;
        pipeline.jobs = plans.iter().map(|plan| Job::new(self.new_id(), plan)).collect();
        pipeline.reach_stages();
        Ok(())
    }
}

impl Pipeline {
    /// Jobs whose stage is reached wait for a runner; those that can never be reached are skipped.
    fn reach_stages(&mut self) {
        for at in 0..self.jobs.len() {
            let (stage, status) = (self.jobs[at].stage, self.jobs[at].status.as_str());
            if status != "created" {
                continue;
            }
            // `needs: []` waits for nothing.
            let waits = self.jobs[at].plan.as_ref().is_none_or(|plan| plan["needs"] != Value::Array(Vec::new()));
            let earlier: Vec<&Job> = self.jobs.iter().filter(|job| waits && job.stage < stage).collect();
            let is_bad = |job: &&Job| ["failed", "canceled", "skipped"].contains(&job.status.as_str()) && !job.may_fail;
            if earlier.iter().any(is_bad) {
                self.jobs[at].finish("skipped");
            } else if earlier.iter().all(|job| job.finished.is_some()) {
                self.jobs[at].set_status("pending");
            }
        }
    }
}
