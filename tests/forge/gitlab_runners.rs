//! GitLab's simulated runners: real lines in real processes, on a checkout of a real repository.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    lab::{Caller, fifo, repository, unzipped},
    simulator::{
        gitlab::{self, GitLab, variables::Variable},
        runner::Machine,
        server::Simulator,
    },
};

const GITLAB: &str = "
spec:
  inputs:
    nonce: {}
---
workflow: { name: 'drill $[[ inputs.nonce ]]' }
include: { local: /ci/base.yml }
stages: [build, ship]
variables: { RELEASE: acme-api }
drill:
  extends: .spare
  stage: build
  script:
    - echo \"$RELEASE with $KEY\"
    - printf '%s' '$[[ inputs.nonce ]]' > out/nonce
  after_script: [echo after]
  artifacts: { when: always, paths: [out] }
ship:
  extends: .spare
  stage: ship
  script: 'false'
never:
  script: 'true'
  rules: [{ if: '$CI_PIPELINE_SOURCE == \"schedule\"' }]
";

fn gitlab_repository(text: &str) -> TempDir {
    repository(&[
        (".gitlab-ci.yml", text),
        ("ci/base.yml", ".spare: { tags: [spare], before_script: [echo before] }\n"),
        ("out/kept", ""),
    ])
}

async fn create(caller: &Caller, inputs: Value) -> u64 {
    let body = json!({ "ref": "main", "inputs": inputs });
    let made = caller.call("POST", "/api/v4/projects/42/pipeline", Some(&body)).await;
    made.body["id"].as_u64().unwrap_or_else(|| panic!("{made:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_runs_its_jobs_stage_by_stage_and_serves_what_they_wrote() {
    let repository = gitlab_repository(GITLAB);
    let world = GitLab::new("acme/api").on(repository.path()).runner("spare-1", &["spare"]).machine("spare-1", Machine::usual());
    let forge = Simulator::start(world);
    let caller = Caller::new(forge.url(), gitlab::TOKEN);
    forge.with(|world| {
        world.set_variable("KEY", "hush-hush");
        let key: &mut Variable = &mut world.variables[0];
        key.is_masked = true;
    });
    let id = create(&caller, json!({ "nonce": "n-1" })).await;
    tokio::task::block_in_place(|| forge.await_world(|world| world.pipelines[0].status() == "failed"));
    assert_eq!(caller.get(&format!("/api/v4/projects/42/pipelines/{id}")).await.body["name"], "drill n-1");
    let jobs = caller.get(&format!("/api/v4/projects/42/pipelines/{id}/jobs")).await;
    let told: Vec<_> =
        jobs.body.as_array().unwrap().iter().map(|job| (&job["name"], &job["status"], &job["failure_reason"])).collect();
    let none = Value::Null;
    assert_eq!(told, [(&json!("drill"), &json!("success"), &none), (&json!("ship"), &json!("failed"), &json!("script_failure"))]);
    let drill = format!("/api/v4/projects/42/jobs/{}", jobs.body[0]["id"]);
    assert_eq!(caller.get(&format!("{drill}/trace")).await.text, "before\nacme-api with [MASKED]\nafter\n");
    let zip = caller.request("GET", &format!("{drill}/artifacts")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(unzipped(&zip), [("out/kept".to_owned(), String::new()), ("out/nonce".to_owned(), "n-1".to_owned())]);
    let wrong = json!({ "ref": "main" });
    assert_eq!(caller.call("POST", "/api/v4/projects/42/pipeline", Some(&wrong)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_runner_takes_nothing_until_it_is_not_and_a_dead_one_leaves_its_job_running() {
    let repository = gitlab_repository(GITLAB);
    let dead = Machine { dies_in: Some(1), ..Machine::usual() };
    let forge =
        Simulator::start(GitLab::new("acme/api").on(repository.path()).runner("spare-1", &["spare"]).machine("spare-1", dead));
    let caller = Caller::new(forge.url(), gitlab::TOKEN);
    forge.with(|world| world.the_runner("spare-1").is_paused = true);
    create(&caller, json!({ "nonce": "n-1" })).await;
    let drill = || forge.with(|world| world.pipelines[0].jobs[0].status.clone());
    assert_eq!(drill(), "pending");
    let runner = forge.with(|world| world.the_runner("spare-1").id);
    caller.call("PUT", &format!("/api/v4/runners/{runner}"), Some(&json!({ "paused": false }))).await;
    tokio::task::block_in_place(|| forge.await_world(|world| !world.runners[0].is_alive));
    // GitLab itself goes on believing that it is there.
    assert_eq!((drill().as_str(), forge.with(|world| world.runners[0].status.clone()).as_str()), ("running", "online"));
    forge.with(GitLab::give_up_on_lost);
    assert_eq!(drill(), "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_pipeline_is_canceled_once_its_jobs_have_stopped() {
    let text = "
spec: { inputs: { fifo: {} } }
---
drill:
  script:
    - trap 'echo told; exit 3' TERM
    - echo there > '$[[ inputs.fifo ]]'
    - while :; do sleep 0.05; done
  after_script: [echo after]
";
    let repository = gitlab_repository(text);
    let forge = Simulator::start(GitLab::new("acme/api").on(repository.path()).runner("any", &[]).machine("any", Machine::usual()));
    let caller = Caller::new(forge.url(), gitlab::TOKEN);
    let folder = tempfile::tempdir().unwrap();
    let fifo = fifo(folder.path());
    let id = create(&caller, json!({ "fifo": fifo })).await;
    assert_eq!(tokio::task::block_in_place(|| fs::read_to_string(&fifo).unwrap()), "there\n");
    let canceling = caller.call("POST", &format!("/api/v4/projects/42/pipelines/{id}/cancel"), None).await;
    assert_eq!(canceling.body["status"], "canceling");
    tokio::task::block_in_place(|| forge.await_world(|world| world.pipelines[0].status() == "canceled"));
    let trace = forge.with(|world| world.pipelines[0].jobs[0].trace.clone());
    assert!(trace.ends_with("told\nafter\n"), "{trace}");
}
