//! A job's steps, one after the other, on a runner's machine.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    super::{
        runner::{
            expression::{self, Standing},
            files,
            process::{self, MARK, Signals, Until},
            yaml,
        },
        stamp,
        world::Shared,
    },
    GitHub,
    jobs::{Job, Step},
    now,
    work::{Work, conclusion},
};

/// Files by which a step tells its runner things, and the variables that name them.
const TOLD: &[(&str, &str)] =
    &[("GITHUB_OUTPUT", "output"), ("GITHUB_ENV", "env"), ("GITHUB_PATH", "path"), ("GITHUB_STEP_SUMMARY", "summary")];

/// A runner at work on a job.
pub(super) struct Worker<'a> {
    world: &'a Shared<GitHub>,
    work: &'a Work,
    folder: TempDir,
    context: Value,
    env: BTreeMap<String, String>,
    paths: Vec<PathBuf>,
    standing: Standing,
    begun: usize,
}

/// Why a step did not do what it should.
enum Trouble {
    Failed(String),
    /// The machine is gone, and nothing is told any more.
    Dead,
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl<'a> Worker<'a> {
    pub(super) fn new(world: &'a Shared<GitHub>, work: &'a Work) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["workspace", "temp", "home", "told"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut context = work.context.clone();
        context["github"]["token"] = json!(work.token);
        context["github"]["job"] = json!(work.plan["name"]);
        context["github"]["workspace"] = json!(folder.path().join("workspace"));
        context["secrets"]["GITHUB_TOKEN"] = json!(work.token);
        context["runner"] = json!({ "name": work.runner_name, "os": "Linux", "arch": "X64", "temp": folder.path().join("temp") });
        Self { world, work, folder, context, env: BTreeMap::new(), paths: Vec::new(), standing: Standing::Good, begun: 0 }
    }

    /// Works to the job's end, and gives its conclusion; none if the machine died.
    pub(super) fn work(mut self) -> Option<&'static str> {
        self.begin("Set up job");
        self.end("success");
        let steps = self.work.plan["steps"].as_array().cloned().unwrap_or_default();
        let env = [&self.work.file["env"], &self.work.plan["env"]].map(Value::clone);
        for env in env {
            if let Err(reason) = self.add_env(&env) {
                self.say(&format!("##[error]{reason}"));
                self.standing = Standing::Failed;
            }
        }
        for step in &steps {
            match self.step(step) {
                Ok(()) => {}
                Err(Trouble::Dead) => return None,
                Err(Trouble::Failed(reason)) => {
                    self.say(&format!("##[error]{reason}"));
                    self.end("failure");
                    if step["continue-on-error"] != true && self.standing == Standing::Good {
                        self.standing = Standing::Failed;
                    }
                }
            }
        }
        self.begin("Complete job");
        self.end("success");
        Some(conclusion(self.standing))
    }

    fn add_env(&mut self, env: &Value) -> Result<(), String> {
        for (name, value) in env.as_object().into_iter().flatten() {
            let value = self.fill(&yaml::text(value))?;
            self.env.insert(name.clone(), value);
        }
        Ok(())
    }

    fn fill(&self, text: &str) -> Result<String, String> {
        let mut context = self.context.clone();
        context["env"] = json!(self.env);
        expression::fill(text, &context, self.standing)
    }

    /// One step of the job, or of a composite action that it uses.
    fn step(&mut self, step: &Value) -> Result<(), Trouble> {
        if self.is_cancelled() {
            self.standing = Standing::Cancelled;
        }
        let lines = step["run"].as_str().unwrap_or_default();
        let first = step["uses"].as_str().unwrap_or_else(|| lines.lines().next().unwrap_or_default());
        self.begin(step["name"].as_str().unwrap_or(&format!("Run {first}")));
        let mut context = self.context.clone();
        context["env"] = json!(self.env);
        if !expression::holds(&step["if"], &context, self.standing)? {
            self.end("skipped");
            return Ok(());
        }
        let before = self.env.clone();
        self.add_env(&step["env"])?;
        let done = match step["uses"].as_str() {
            Some(action) => self.uses(action, step),
            None => self.run(lines, step),
        };
        // What a step's own `env:` says holds for it alone.
        self.env = before;
        self.listen(step)?;
        done?;
        self.end("success");
        Ok(())
    }

    fn uses(&mut self, action: &str, step: &Value) -> Result<(), Trouble> {
        let mut with = BTreeMap::new();
        for (name, value) in step["with"].as_object().into_iter().flatten() {
            with.insert(name.clone(), self.fill(&yaml::text(value))?);
        }
        match action.split('@').next().unwrap_or_default() {
            "actions/checkout" => self.check_out(&with).map_err(Trouble::Failed),
            "actions/upload-artifact" => self.upload(&with).map_err(Trouble::Failed),
            "actions/cache/restore" => self.restore(&with).map_err(Trouble::Failed),
            "actions/cache/save" => self.save(&with).map_err(Trouble::Failed),
            local if local.starts_with("./") => self.composite(local, with),
            other => Err(Trouble::Failed(format!("Unable to resolve action `{other}`: it is not simulated"))),
        }
    }

    fn check_out(&self, with: &BTreeMap<String, String>) -> Result<(), String> {
        let origin = self.world.with(|forge| forge.origin.clone()).ok_or("there is no repository")?;
        let sha = yaml::text(&self.context["github"]["sha"]);
        let wanted = with.get("ref").filter(|wanted| !wanted.is_empty()).map_or(sha.as_str(), String::as_str);
        let folder = self.workspace().join(with.get("path").map_or("", String::as_str));
        files::check_out(&origin, wanted, &folder)?;
        match self.world.with(|forge| forge.clone_url.clone()) {
            Some(url) => files::git(&folder, &["remote", "set-url", "origin", &url]).map(drop),
            None => Ok(()),
        }
    }

    fn restore(&self, with: &BTreeMap<String, String>) -> Result<(), String> {
        let (_, key) = cached(with)?;
        let beginnings: Vec<String> = lines(with.get("restore-keys").map_or("", String::as_str));
        let found = self.world.with(|forge| forge.cached(key, &beginnings).cloned());
        if let Some(found) = &found {
            files::lay(&self.workspace(), &found.files);
        }
        self.say(&found.map_or("Cache not found".to_owned(), |found| format!("Cache restored from key: {}", found.key)));
        Ok(())
    }

    fn save(&self, with: &BTreeMap<String, String>) -> Result<(), String> {
        let (paths, key) = cached(with)?;
        let kept = files::keep(&self.workspace(), &paths);
        if kept.is_empty() {
            self.say("Warning: Path(s) specified in the action for caching do(es) not exist");
            return Ok(());
        }
        self.world.with(|forge| forge.cache(key, kept));
        Ok(())
    }

    fn upload(&self, with: &BTreeMap<String, String>) -> Result<(), String> {
        let paths = lines(with.get("path").ok_or("`path` is missing")?);
        let found = files::gather(&self.workspace(), &paths);
        let name = with.get("name").map_or("artifact", String::as_str);
        if found.is_empty() {
            let message = format!("No files were found with the provided path: {}", paths.join(" "));
            if with.get("if-no-files-found").is_some_and(|what| what == "error") {
                return Err(message);
            }
            self.say(&message);
            return Ok(());
        }
        let named = files::named(&files::common_root(&self.workspace(), &paths), &found);
        self.world.with(|forge| forge.upload(self.work.run, name, &named));
        Ok(())
    }

    fn composite(&mut self, path: &str, with: BTreeMap<String, String>) -> Result<(), Trouble> {
        let folder = self.workspace().join(path.trim_start_matches("./"));
        let read = |name: &str| fs::read_to_string(folder.join(name));
        let text = read("action.yml").or_else(|_| read("action.yaml"));
        let action = yaml::read(&text.map_err(|_| format!("Can't find 'action.yml' under '{path}'"))?)?;
        let mut inputs = with;
        for (name, input) in action["inputs"].as_object().into_iter().flatten() {
            if !inputs.contains_key(name) {
                inputs.insert(name.clone(), self.fill(&yaml::text(&input["default"]))?);
            }
        }
        let outer = std::mem::replace(&mut self.context["inputs"], json!(inputs));
        self.context["github"]["action_path"] = json!(folder);
        let steps = action["runs"]["steps"].as_array().cloned().unwrap_or_default();
        let done = steps.iter().try_for_each(|step| self.step(step));
        self.context["inputs"] = outer;
        done
    }

    fn run(&mut self, lines: &str, step: &Value) -> Result<(), Trouble> {
        let text = self.fill(lines)?;
        let script = self.folder.path().join("temp").join(format!("step{}.sh", self.begun));
        fs::write(&script, text).unwrap();
        let mut command = match step["shell"].as_str().or_else(|| self.default("shell")) {
            None => shell("bash", &["-e"]),
            Some("bash") => shell("bash", &["--noprofile", "--norc", "-eo", "pipefail"]),
            Some("sh") => shell("sh", &["-e"]),
            Some(other) => return Err(Trouble::Failed(format!("the shell `{other}` is not simulated"))),
        };
        let at = self.fill(step["working-directory"].as_str().or_else(|| self.default("working-directory")).unwrap_or_default())?;
        command.arg(&script).current_dir(self.workspace().join(at)).env_clear().envs(self.environment());
        self.say(&format!("##[group]Run {}", lines.lines().next().unwrap_or_default()));
        self.say("##[endgroup]");
        let is_cancelled = |forge: &GitHub| forge.runs.iter().any(|run| run.id == self.work.run && run.is_cancelled);
        let is_last = self.work.machine.dies_in == Some(self.begun - 1);
        let until = match self.standing {
            _ if is_last => Until::DeathOfMachine,
            Standing::Cancelled => Until::ItsEnd,
            _ => Until::Cancelled(&is_cancelled, Signals::OfGitHub),
        };
        let ended = process::run(&command, self.world, &until);
        if is_last {
            return Err(Trouble::Dead);
        }
        ended.lines.iter().for_each(|line| self.say(line));
        match ended.code {
            _ if self.standing != Standing::Cancelled && self.is_cancelled() => {
                Err(Trouble::Failed("The operation was canceled.".to_owned()))
            }
            Some(0) => Ok(()),
            code => Err(Trouble::Failed(format!("Process completed with exit code {}.", code.unwrap_or(137)))),
        }
    }

    fn default(&self, name: &str) -> Option<&str> {
        let of = |node: &'a Value| node["defaults"]["run"][name].as_str();
        of(&self.work.plan).or_else(|| of(&self.work.file))
    }

    /// What a step's process finds in its environment: what the runner gives, and what the workflow does.
    fn environment(&self) -> BTreeMap<String, String> {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let paths = self.paths.iter().cloned().chain(std::env::split_paths(&self.work.machine.path));
        let mut all = self.work.machine.variables.clone();
        let own = [
            ("PATH", std::env::join_paths(paths).unwrap().into_string().unwrap()),
            ("HOME", at("home")),
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_WORKSPACE", at("workspace")),
            ("RUNNER_TEMP", at("temp")),
            ("RUNNER_NAME", self.work.runner_name.clone()),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_ENVIRONMENT", "self-hosted".to_owned()),
            (MARK, self.work.mark.clone()),
        ];
        all.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let known = [
            "repository",
            "repository_owner",
            "run_id",
            "run_number",
            "run_attempt",
            "workflow",
            "event_name",
            "sha",
            "ref",
            "ref_name",
            "ref_type",
            "actor",
            "api_url",
            "server_url",
            "job",
        ];
        all.extend(known.map(|name| (format!("GITHUB_{}", name.to_uppercase()), yaml::text(&self.context["github"][name]))));
        all.extend(TOLD.iter().map(|(variable, file)| ((*variable).to_owned(), at(&format!("told/{file}")))));
        all.extend(self.env.clone());
        all
    }

    /// Takes in what a step told by its files.
    fn listen(&mut self, step: &Value) -> Result<(), String> {
        let take = |file: &str| {
            let path = self.folder.path().join("told").join(file);
            let text = fs::read_to_string(&path).unwrap_or_default();
            drop(fs::remove_file(path));
            text
        };
        let (output, env, path, summary) = (take("output"), take("env"), take("path"), take("summary"));
        self.paths.splice(0..0, path.lines().map(PathBuf::from));
        self.env.extend(pairs(&env)?);
        if let Some(id) = step["id"].as_str() {
            self.context["steps"][id]["outputs"] = json!(pairs(&output)?.into_iter().collect::<BTreeMap<_, _>>());
        }
        self.change(|job| job.summary.push_str(&summary));
        Ok(())
    }

    fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    fn is_cancelled(&self) -> bool {
        self.world.with(|forge| forge.the_run(self.work.run).is_cancelled)
    }

    fn change(&self, change: impl FnOnce(&mut Job)) {
        self.world.with(|forge| {
            let jobs = &mut forge.the_run(self.work.run).jobs;
            change(jobs.iter_mut().find(|job| job.id == self.work.job).unwrap());
        });
    }

    fn begin(&mut self, name: &str) {
        self.begun += 1;
        let name = name.to_owned();
        let step = Step { name, status: "in_progress".to_owned(), conclusion: None, started: Some(now()), completed: None };
        self.change(|job| job.steps.push(step));
    }

    /// Ends the last step that has not ended.
    fn end(&self, conclusion: &str) {
        self.change(|job| {
            if let Some(step) = job.steps.iter_mut().rev().find(|step| step.conclusion.is_none()) {
                "completed".clone_into(&mut step.status);
                (step.conclusion, step.completed) = (Some(conclusion.to_owned()), Some(now()));
            }
        });
    }

    /// Writes a line into the job's log, with its time and without secrets.
    fn say(&self, line: &str) {
        let masked = self.work.masks.iter().filter(|mask| !mask.is_empty());
        let line = masked.fold(line.to_owned(), |line, mask| line.replace(mask, "***"));
        self.change(|job| job.log.extend([&stamp::millis(now()), " ", &line, "\n"]));
    }
}

fn shell(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The paths and the key that a step of the cache has.
fn cached(with: &BTreeMap<String, String>) -> Result<(Vec<String>, &str), String> {
    let paths = lines(with.get("path").ok_or("`path` is missing")?);
    Ok((paths, with.get("key").ok_or("`key` is missing")?))
}

/// `name=value` lines, and `name<<END` blocks.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((name, end)) = line.split_once("<<") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
            found.push((name.to_owned(), block.join("\n")));
        } else if let Some((name, value)) = line.split_once('=') {
            found.push((name.to_owned(), value.to_owned()));
        } else if !line.is_empty() {
            return Err(format!("Invalid format '{line}'"));
        }
    }
    Ok(found)
}
