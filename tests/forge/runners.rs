//! GitHub's simulated runners: real lines in real processes, on a checkout of a real repository.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    lab::{Caller, fifo, repository, unzipped},
    simulator::{
        github::{self, GitHub, runs::Run},
        runner::Machine,
        server::Simulator,
    },
};

const SPARE: &str = "
name: spare
run-name: drill ${{ inputs.nonce }}
on:
  workflow_dispatch:
    inputs:
      nonce: { required: true }
permissions: { contents: read }
env: { RELEASE: acme-api }
jobs:
  drill:
    runs-on: [self-hosted, spare]
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      - id: build
        name: Build
        env: { KEY: '${{ secrets.KEY }}' }
        run: |
          echo \"nonce=${{ inputs.nonce }}\" >> \"$GITHUB_OUTPUT\"
          echo \"# It is $(cat VERSION)\" >> \"$GITHUB_STEP_SUMMARY\"
          echo \"$RELEASE with $KEY\"
          env | cut -d= -f1 | sort > names
      - run: test -z \"$KEY\" && printf '%s' '${{ steps.build.outputs.nonce }}' > out/nonce
      - if: always()
        uses: actions/upload-artifact@330a01c490aca151604b8cf639adc76d48f6c5d4 # v5.0.0
        with: { name: canship, path: \"out\\nnames\", if-no-files-found: error }
";

fn spare_repository() -> TempDir {
    repository(&[(".github/workflows/spare.yml", SPARE), ("VERSION", "1.2.3\n"), ("out/kept", "")])
}

struct Lab {
    forge: Simulator<GitHub>,
    caller: Caller,
    _repository: TempDir,
}

impl Lab {
    fn new(repository: TempDir, change: impl FnOnce(GitHub) -> GitHub) -> Self {
        let world = GitHub::new("acme/api").on(repository.path()).runner("spare-1", &["spare"]);
        let forge = Simulator::start(change(world));
        let caller = Caller::new(forge.url(), github::TOKEN);
        Self { forge, caller, _repository: repository }
    }

    fn at_work(repository: TempDir) -> Self {
        Self::new(repository, |world| world.machine("spare-1", Machine::usual()))
    }

    async fn dispatch(&self, inputs: Value) -> u64 {
        let body = json!({ "ref": "main", "inputs": inputs, "return_run_details": true });
        let path = "/repos/acme/api/actions/workflows/spare.yml/dispatches";
        let answer = self.caller.call("POST", path, Some(&body)).await;
        answer.body["workflow_run_id"].as_u64().unwrap_or_else(|| panic!("{answer:?}"))
    }

    fn await_run(&self, id: u64, is_so: impl Fn(&Run) -> bool) -> Run {
        let find = |world: &GitHub| world.runs.iter().find(|run| run.id == id).cloned();
        tokio::task::block_in_place(|| self.forge.await_world(|world| find(world).is_some_and(|run| is_so(&run))));
        self.forge.with(|world| find(world)).unwrap()
    }

    fn ended(&self, id: u64) -> Run {
        self.await_run(id, |run| run.conclusion.is_some())
    }

    /// The files of an artifact, by the way that anybody gets them.
    async fn artifact(&self, run: u64) -> Vec<(String, String)> {
        let list = self.caller.get(&format!("/repos/acme/api/actions/runs/{run}/artifacts")).await;
        let moved = self.caller.get(list.body["artifacts"][0]["archive_download_url"].as_str().unwrap()).await;
        unzipped(&reqwest::get(moved.header("location").unwrap()).await.unwrap().bytes().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatched_workflow_runs_its_lines_and_serves_what_they_wrote() {
    let lab = Lab::at_work(spare_repository());
    lab.forge.with(|world| world.secrets.insert("KEY".to_owned(), "hush-hush".to_owned()));
    let id = lab.dispatch(json!({ "nonce": "n-1" })).await;
    let run = lab.ended(id);
    let job = &run.jobs[0];
    assert_eq!((run.standing(), run.title.as_str()), ("success", "drill n-1"), "{}", job.log);
    assert_eq!(job.runner.as_ref().unwrap().name, "spare-1");
    let names: Vec<_> = job.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names[2..4], ["Build", "Run test -z \"$KEY\" && printf '%s' '${{ steps.build.outputs.nonce }}' > out/nonce"]);
    assert!(job.log.contains("acme-api with ***") && !job.log.contains("hush-hush"), "{}", job.log);
    assert_eq!(job.summary, "# It is 1.2.3\n");
    let files = lab.artifact(id).await;
    assert_eq!(files[1..], [("out/kept".to_owned(), String::new()), ("out/nonce".to_owned(), "n-1".to_owned())]);
    // Nothing of this machine's environment is in it.
    let variables: Vec<_> = files[0].1.lines().collect();
    assert!(
        variables.contains(&"GITHUB_SHA")
            && variables.contains(&"RELEASE")
            && !variables.iter().any(|name| name.starts_with("CARGO"))
    );
    // Its runner is free again, and its token is gone.
    assert!(lab.forge.with(|world| !world.the_runner("spare-1").is_busy && world.tokens.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_a_runner_that_is_online_idle_and_has_all_labels() {
    let lab = Lab::at_work(spare_repository());
    lab.forge.with(|world| {
        let runner = world.the_runner("spare-1");
        (runner.is_online, runner.is_busy) = (false, true);
        runner.labels.retain(|label| label.name != "spare");
    });
    let id = lab.dispatch(json!({ "nonce": "n-1" })).await;
    let standing = || lab.forge.with(|world| world.the_run(id).standing().to_owned());
    assert_eq!(standing(), "queued");
    lab.forge.with(|world| world.the_runner("spare-1").is_online = true);
    assert_eq!(standing(), "queued");
    lab.forge.with(|world| world.the_runner("spare-1").is_busy = false);
    assert_eq!(standing(), "queued");
    let runner = lab.forge.with(|world| world.the_runner("spare-1").id);
    let label = json!({ "labels": ["spare"] });
    lab.caller.call("POST", &format!("/repos/acme/api/actions/runners/{runner}/labels"), Some(&label)).await;
    assert_eq!(lab.ended(id).standing(), "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_that_fail_and_runs_that_never_run_have_no_jobs() {
    let lab = Lab::at_work(spare_repository());
    lab.forge.with(|world| world.starts.fail = true);
    let failed = lab.dispatch(json!({ "nonce": "n-1" })).await;
    lab.forge.with(|world| (world.starts.fail, world.starts.never_run) = (false, true));
    let ignored = lab.dispatch(json!({ "nonce": "n-2" })).await;
    let run = lab.caller.get(&format!("/repos/acme/api/actions/runs/{failed}")).await;
    assert_eq!((&run.body["status"], &run.body["conclusion"]), (&json!("completed"), &json!("startup_failure")));
    let run = lab.caller.get(&format!("/repos/acme/api/actions/runs/{ignored}")).await;
    assert_eq!((&run.body["status"], &run.body["conclusion"]), (&json!("queued"), &json!(null)));
    assert_eq!(lab.caller.get(&format!("/repos/acme/api/actions/runs/{ignored}/jobs")).await.body["total_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_holds_a_run_until_it_is_approved() {
    let workflow = SPARE.replace("    steps:", "    environment: production\n    steps:");
    let repository = repository(&[(".github/workflows/spare.yml", &workflow), ("VERSION", "1\n"), ("out/kept", "")]);
    let lab = Lab::new(repository, |world| {
        let mut world = world.machine("spare-1", Machine::usual()).environment("production", &["second-handle"]);
        world.token().set("deployments", Some(github::rights::Level::Write));
        world
    });
    let id = lab.dispatch(json!({ "nonce": "n-1" })).await;
    assert_eq!(lab.forge.with(|world| world.the_run(id).standing().to_owned()), "waiting");
    let jobs = lab.caller.get(&format!("/repos/acme/api/actions/runs/{id}/jobs")).await;
    assert_eq!(jobs.body["jobs"][0]["status"], "waiting");
    let approval = json!({ "environment_ids": [1], "state": "approved", "comment": "" });
    lab.caller.call("POST", &format!("/repos/acme/api/actions/runs/{id}/pending_deployments"), Some(&approval)).await;
    assert_eq!(lab.ended(id).standing(), "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_dies_leaves_its_job_in_progress_until_the_forge_gives_up() {
    let dead = Machine { dies_in: Some(2), ..Machine::usual() };
    let lab = Lab::new(spare_repository(), |world| world.machine("spare-1", dead));
    let id = lab.dispatch(json!({ "nonce": "n-1" })).await;
    tokio::task::block_in_place(|| lab.forge.await_world(|world| world.runners.iter().any(|runner| !runner.is_online)));
    assert_eq!(lab.forge.with(|world| world.the_run(id).standing().to_owned()), "in_progress");
    lab.forge.with(GitHub::give_up_on_lost);
    let run = lab.ended(id);
    assert_eq!(run.standing(), "failure");
    assert!(run.jobs[0].log.contains("lost communication"), "{}", run.jobs[0].log);
    assert!(lab.forge.with(|world| world.artifacts.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_step_that_failed_only_what_asks_for_that_runs() {
    let workflow = SPARE.replace("test -z", "test -n");
    let lab = Lab::at_work(repository(&[(".github/workflows/spare.yml", &workflow), ("VERSION", "1\n"), ("out/kept", "")]));
    let id = lab.dispatch(json!({ "nonce": "n-1" })).await;
    let run = lab.ended(id);
    let ends: Vec<_> = run.jobs[0].steps.iter().map(|step| step.conclusion.as_deref().unwrap()).collect();
    let log = &run.jobs[0].log;
    assert_eq!(
        (run.standing(), &ends[..]),
        ("failure", &["success", "success", "success", "failure", "success", "success"][..]),
        "{log}"
    );
    assert!(log.contains("##[error]Process completed with exit code 1."), "{log}");
    assert_eq!(lab.artifact(id).await.len(), 2);
}

/// A workflow that says by a FIFO that it is there, and then goes on until it is told to stop.
const LONG: &str = "
on:
  workflow_dispatch:
    inputs: { fifo: { required: true } }
jobs:
  drill:
    runs-on: spare
    steps:
      - shell: sh
        run: |
          trap 'echo interrupted; exit 3' INT
          echo there > '${{ inputs.fifo }}'
          sleep 300 > /dev/null 2>&1 & wait
      - run: echo never
      - if: always()
        run: echo given back
";

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_gets_a_signal_and_then_its_last_steps() {
    let lab = Lab::at_work(repository(&[(".github/workflows/spare.yml", LONG)]));
    let folder = tempfile::tempdir().unwrap();
    let fifo = fifo(folder.path());
    let id = lab.dispatch(json!({ "fifo": fifo })).await;
    assert_eq!(tokio::task::block_in_place(|| fs::read_to_string(&fifo).unwrap()), "there\n");
    assert_eq!(lab.caller.call("POST", &format!("/repos/acme/api/actions/runs/{id}/cancel"), None).await.status, 202);
    let run = lab.ended(id);
    let log = &run.jobs[0].log;
    assert_eq!(run.standing(), "cancelled");
    assert!(log.contains(" interrupted\n") && log.contains(" given back\n") && !log.contains(" never\n"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_leaves_running_ends_with_it_unless_its_mark_is_taken_off() {
    let workflow = LONG.split("      - shell").next().unwrap().to_owned()
        + "      - run: |
          cd '${{ inputs.fifo }}'
          mkfifo ready1 ready2
          stay='echo $$ > \"$0\"; echo > \"ready$0\"; exec sleep 300 > /dev/null 2>&1'
          setsid sh -c \"$stay\" 1 & read -r _ < ready1
          RUNNER_TRACKING_ID= setsid sh -c \"$stay\" 2 & read -r _ < ready2
";
    let lab = Lab::at_work(repository(&[(".github/workflows/spare.yml", &workflow)]));
    let folder = tempfile::tempdir().unwrap();
    let id = lab.dispatch(json!({ "fifo": folder.path() })).await;
    let run = lab.ended(id);
    assert_eq!(run.standing(), "success", "{}", run.jobs[0].log);
    let pid = |name: &str| -> i32 { fs::read_to_string(folder.path().join(name)).unwrap().trim().parse().unwrap() };
    let is_there = |name: &str| {
        let status = fs::read_to_string(format!("/proc/{}/stat", pid(name))).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    };
    assert!(!is_there("1") && is_there("2"));
    let left = rustix::process::Pid::from_raw(pid("2")).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composite_action_of_the_repository_runs_with_its_inputs() {
    let action = "
inputs: { who: { default: nobody }, greeting: { default: hello } }
runs:
  using: composite
  steps:
    - shell: bash
      run: echo '${{ inputs.greeting }} ${{ inputs.who }}'
";
    let workflow = LONG.split("      - shell").next().unwrap().to_owned()
        + "      - uses: actions/checkout@v5
      - uses: ./action
        with: { who: '${{ inputs.fifo }}' }
      - uses: somebody/unknown@v1
";
    let lab = Lab::at_work(repository(&[(".github/workflows/spare.yml", &workflow), ("action/action.yml", action)]));
    let id = lab.dispatch(json!({ "fifo": "world" })).await;
    let run = lab.ended(id);
    assert_eq!(run.standing(), "failure");
    assert!(run.jobs[0].log.contains("hello world") && run.jobs[0].log.contains("Unable to resolve action"), "{}", run.jobs[0].log);
}

#[tokio::test]
async fn a_push_starts_what_listens_to_it_unless_that_is_disabled() {
    let forge = Simulator::start(GitHub::new("acme/api").workflow("release.yml").workflow_in("off.yml", "disabled_manually"));
    forge.with(|world| world.push("refs/heads/main", &"1".repeat(40)));
    let started = forge.with(|world| world.runs.iter().map(|run| run.workflow_name.clone()).collect::<Vec<_>>());
    assert_eq!(started, ["release"]);
}

#[test]
fn programs_of_a_test_come_before_the_machines_own() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("canship"), "#!/bin/sh\necho it is me\n").unwrap();
    fs::set_permissions(folder.path().join("canship"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let machine = Machine::usual().with_programs(folder.path().to_owned());
    let said = Command::new("sh").args(["-c", "canship"]).env("PATH", machine.path).stdin(Stdio::null()).output().unwrap();
    assert_eq!(said.stdout, b"it is me\n");
}
