//! The ready pipelines at work, on machines of the forge's own: each job finds nothing but what the forge kept.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    rig::{Forge, Rig, pipeline},
    simulator::{
        github::GitHub,
        gitlab::{GitLab, jobs::Job},
        runner::Machine,
    },
    support::Canship,
};

async fn send(url: String, token: &str, body: &Value) -> Value {
    let client = reqwest::Client::builder().no_proxy().user_agent("canship-tests").build().unwrap();
    let answer = client.post(&url).bearer_auth(token).json(body).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{url}: {status}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// A forge whose own machines are this one.
pub(crate) fn hosted() -> Rig<GitHub> {
    let mut rig = Rig::<GitHub>::new();
    for name in ["drill", "recover"] {
        rig = rig.edit(&format!(".github/workflows/canship-{name}.yml"), |_| pipeline(&format!("github/{name}.yml")));
    }
    rig.forge.with(|world| {
        let machine = Machine::usual().with_programs(rig.programs());
        *world = world.clone().runner("hosted-1", &["ubuntu-latest"]).machine("hosted-1", machine);
        world.secrets.insert("CANSHIP_TOKEN".to_owned(), GitHub::TOKEN.to_owned());
    });
    rig
}

pub(crate) fn run_of(rig: &Rig<GitHub>, file: &str, inputs: &Value) -> (u64, String) {
    let url = format!("{}/repos/acme/api/actions/workflows/{file}/dispatches", rig.forge.url());
    let body = json!({ "ref": "main", "inputs": inputs, "return_run_details": true });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = runtime.block_on(send(url, GitHub::TOKEN, &body))["workflow_run_id"].as_u64().unwrap();
    rig.forge.await_world(|world| world.runs.iter().any(|run| run.id == id && run.conclusion.is_some()));
    rig.forge.with(|world| {
        let run = world.the_run(id);
        assert_eq!(run.standing(), "success", "{}", run.jobs[0].log);
        (id, run.jobs[0].summary.clone())
    })
}

#[test]
fn the_drill_workflow_cuts_ships_gives_back_and_keeps_its_record() {
    let rig = hosted();
    let (id, summary) = run_of(&rig, "canship-drill.yml", &json!({ "spare": "by-hand", "cut": "true" }));
    assert!(summary.contains("CAN SHIP"), "{summary}");
    let (state, artifact) = rig.forge.with(|world| {
        let artifact = world.artifacts.iter().find(|artifact| artifact.run == id).unwrap().zip.clone();
        (world.the_workflow("release.yml").state.clone(), artifact)
    });
    assert_eq!(state, "active");
    let files = unzipped(&artifact);
    let record: Value = serde_json::from_slice(&files["record.json"]).unwrap();
    assert_eq!((record["restored"].as_str(), record["verdict"].as_str()), (Some("yes"), Some("can-ship")));
    assert!(files.contains_key("junit.xml") && files.contains_key("drill.jsonl"));
    assert!(!files.values().any(|bytes| String::from_utf8_lossy(bytes).contains(GitHub::TOKEN)));
}

#[test]
fn the_recover_workflow_ends_well_where_nothing_is_cut() {
    run_of(&hosted(), "canship-recover.yml", &json!({}));
}

#[test]
fn the_workflows_of_a_plan_without_a_primary_path_end_well() {
    let rig = hosted().plan(|plan| {
        plan.secrets.clear();
        plan.more.clear();
        "{ name: by-hand, host: {} }".clone_into(&mut plan.spare);
    });
    // A secret that is not set is an empty text to a step.
    rig.forge.with(|world| world.secrets.clear());
    let steps = |rig: &Rig<GitHub>, id| {
        let of = |world: &mut GitHub| world.the_run(id).jobs[0].steps.clone();
        rig.forge.with(of).into_iter().map(|step| (step.name, step.conclusion.unwrap_or_default())).collect::<BTreeMap<_, _>>()
    };
    let (id, summary) = run_of(&rig, "canship-drill.yml", &json!({}));
    assert!(summary.contains("CAN SHIP"), "{summary}");
    assert_eq!(steps(&rig, id)["Give back what may still be cut"], "skipped");
    let (id, _) = run_of(&rig, "canship-recover.yml", &json!({}));
    assert_eq!(steps(&rig, id)["Give back what may still be cut"], "success");
    let log = rig.forge.with(|world| world.the_run(id).jobs[0].log.clone());
    assert!(log.contains("Nothing to give back: the plan names no primary path."), "{log}");
}

/// The logs of drills among kept files.
fn logs(kept: &[(String, Vec<u8>)]) -> usize {
    let is_log = |(name, _): &&(String, Vec<u8>)| {
        Path::new(name).parent() == Some(Path::new(".canship/history")) && Path::new(name).extension() == Some("jsonl".as_ref())
    };
    kept.iter().filter(is_log).count()
}

#[test]
fn the_records_of_drills_on_machines_that_go_stay_on_record() {
    let rig = hosted();
    for count in [1, 2] {
        run_of(&rig, "canship-drill.yml", &json!({ "spare": "by-hand" }));
        assert_eq!(rig.forge.with(|world| logs(&world.caches.last().unwrap().files)), count);
    }
    for (name, bytes) in rig.forge.with(|world| world.caches.last().unwrap().files.clone()) {
        let path = rig.project.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let status = Canship::new(&["status", "--max-age", "30d", "--plan"]).argument(rig.project.plan_file()).run_as_is();
    assert_eq!(status.code, Some(0), "{}\n{}", status.stdout, status.stderr);
}

fn unzipped(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let all = 0..archive.len();
    let read = |at| {
        let mut file = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        (file.name().unwrap().into_owned(), bytes)
    };
    all.map(read).collect()
}

/// A project on GitLab with all templates beside its own pipeline, and a runner for whatever has no tags.
fn on_gitlab() -> Rig<GitLab> {
    let mut rig = Rig::<GitLab>::new();
    for name in ["drill", "recover"] {
        rig = rig.edit(&format!("ci/{name}.yml"), |_| pipeline(&format!("gitlab/{name}.yml")));
    }
    rig.forge.with(|world| {
        let machine = Machine::usual().with_programs(rig.programs());
        *world = world.clone().runner("any", &[]).machine("any", machine);
        world.variable("CANSHIP_TOKEN", GitLab::TOKEN);
        world.variable("CANSHIP_SPARE", "by-hand");
    });
    rig
}

/// A pipeline with these variables, to its end: its jobs and how they ended.
fn jobs_for(rig: &Rig<GitLab>, variables: &[&str]) -> Vec<Job> {
    let variables: Vec<_> = variables.iter().map(|name| json!({ "key": name, "value": "1" })).collect();
    let url = format!("{}/api/v4/projects/42/pipeline", rig.forge.url());
    let body = json!({ "ref": "main", "variables": variables });
    let id = tokio::runtime::Runtime::new().unwrap().block_on(send(url, GitLab::TOKEN, &body))["id"].as_u64().unwrap();
    let is_over = |status: &str| ["success", "failed"].contains(&status);
    rig.forge.await_world(|world| world.pipelines.iter().any(|pipeline| pipeline.id == id && is_over(pipeline.status())));
    rig.forge.with(|world| world.the_pipeline(id).jobs.clone())
}

fn names(jobs: &[Job]) -> Vec<(&str, &str)> {
    jobs.iter().map(|job| (job.name.as_str(), job.status.as_str())).collect()
}

/// The project's stages have no `test`, and its jobs no rules.
#[test]
fn the_templates_of_gitlab_drill_and_recover_alone_and_leave_other_pipelines_to_the_project() {
    let rig = on_gitlab();
    for count in [1, 2] {
        let jobs = jobs_for(&rig, &["CANSHIP_DRILL"]);
        assert_eq!(names(&jobs), [("canship-drill", "success")], "{}", jobs[0].trace);
        let kept = unzipped(&jobs[0].archive.as_ref().unwrap().zip);
        assert!(kept.contains_key("canship-drill/record.json"), "{:?}", kept.keys());
        assert_eq!(rig.forge.with(|world| logs(&world.caches["canship-history"])), count);
    }
    let jobs = jobs_for(&rig, &["CANSHIP_RECOVER"]);
    assert_eq!(names(&jobs), [("canship-recover", "success")], "{}", jobs[0].trace);
    assert_eq!(names(&jobs_for(&rig, &[])), [("build", "failed"), ("release", "skipped")]);
}

#[test]
fn a_broken_build_does_not_keep_gitlab_from_giving_back() {
    let own = "stages: [build, publish]\nbuild: { stage: build, script: 'false' }\n";
    let include = "include: [{ local: /ci/canship.yml, inputs: { stage: publish } }, /ci/recover.yml]\n";
    let rig = on_gitlab().edit(".gitlab-ci.yml", |_| format!("{include}{own}"));
    assert_eq!(names(&jobs_for(&rig, &["CANSHIP_RECOVER"])), [("build", "failed"), ("canship-recover", "success")]);
}
