//! The ready pipelines: what they pin, what they may, and that they do what they say.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    rig::{Forge, Rig, pipeline},
    simulator::{github::GitHub, gitlab::GitLab, runner::Machine},
    support::Canship,
};

const WORKFLOWS: [&str; 3] = ["drill", "spare", "recover"];

/// Actions of others, as they are pinned: each commit is the one that the tag names in the action's own repository.
const PINS: [(&str, &str, &str); 2] = [
    ("actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    ("actions/upload-artifact", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
];

fn workflow(name: &str) -> (String, Value) {
    let text = pipeline(&format!("github/{name}.yml"));
    let value = serde_saphyr::from_str(&text).unwrap();
    (text, value)
}

#[test]
fn every_action_is_pinned_to_a_known_commit_with_its_version_beside_it() {
    for name in WORKFLOWS {
        let (text, _) = workflow(name);
        for line in text.lines().filter(|line| line.contains("uses:")) {
            let action = line.split("uses:").nth(1).unwrap().trim();
            let is_own = action.starts_with("./.github/actions/canship");
            let is_pinned =
                PINS.iter().any(|(action_name, commit, version)| action == format!("{action_name}@{commit} # {version}"));
            assert!(is_own || is_pinned, "{name}: {line}");
        }
    }
}

#[test]
fn workflows_may_no_more_than_read_and_end_in_bounds() {
    for name in WORKFLOWS {
        let (text, workflow) = workflow(name);
        assert_eq!(workflow["permissions"], json!({}), "{name}");
        for (job, plan) in workflow["jobs"].as_object().unwrap() {
            assert_eq!(plan["permissions"], json!({ "contents": "read" }), "{name}: {job}");
            assert!(plan["timeout-minutes"].is_u64(), "{name}: {job}");
        }
        // Signals arrive at canship itself, and no expression is written into a script.
        for line in text.lines().filter(|line| line.contains("canship/canship\"")) {
            assert!(line.contains("exec \"$RUNNER_TEMP/canship/canship\""), "{name}: {line}");
        }
        assert!(!text.lines().any(|line| line.trim_start().starts_with("exec") && line.contains("${{")), "{name}");
    }
    let (text, _) = workflow("drill");
    assert!(text.contains("if: always()\n        env:\n          CANSHIP_TOKEN: ${{ secrets.CANSHIP_TOKEN }}\n        run: exec \"$RUNNER_TEMP/canship/canship\" recover"));
}

/// Reads them as canship reads every repository's.
#[test]
fn canship_reads_them_without_leaving_anything_open() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for name in WORKFLOWS {
        write(&format!(".github/workflows/canship-{name}.yml"), &pipeline(&format!("github/{name}.yml")));
    }
    write(".github/actions/canship/action.yml", &pipeline("github/action/action.yml"));
    let names = ["canship", "drill", "spare", "recover"];
    for name in names {
        write(&format!("ci/{name}.yml"), &pipeline(&format!("gitlab/{name}.yml")));
    }
    write(".gitlab-ci.yml", "include: [/ci/canship.yml, /ci/drill.yml, /ci/spare.yml, /ci/recover.yml]\n");
    let ran = Canship::new(&["pipeline", "--format", "json"]).argument(folder.path()).run_as_is();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let seen: Value = serde_json::from_str(&ran.stdout).unwrap();
    let broken: Vec<_> = seen["files"].as_array().into_iter().flatten().filter(|file| file["broken"].is_string()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

async fn send(url: String, token: &str, body: &Value) -> Value {
    let client = reqwest::Client::builder().no_proxy().user_agent("canship-tests").build().unwrap();
    let answer = client.post(&url).bearer_auth(token).json(body).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{url}: {status}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// A forge whose own machines are this one.
fn hosted() -> Rig<GitHub> {
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

fn run_of(rig: &Rig<GitHub>, file: &str, inputs: &Value) -> (u64, String) {
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

#[test]
fn the_templates_of_gitlab_drill_and_recover() {
    let mut rig = Rig::<GitLab>::new();
    for name in ["drill", "recover"] {
        rig = rig.edit(&format!("ci/{name}.yml"), |_| pipeline(&format!("gitlab/{name}.yml")));
    }
    let rig =
        rig.edit(".gitlab-ci.yml", |_| "include: [/ci/canship.yml, /ci/drill.yml, /ci/spare.yml, /ci/recover.yml]\n".to_owned());
    rig.forge.with(|world| {
        let machine = Machine::usual().with_programs(rig.programs());
        *world = world.clone().runner("any", &[]).machine("any", machine);
        world.variable("CANSHIP_TOKEN", GitLab::TOKEN);
        world.variable("CANSHIP_SPARE", "by-hand");
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (variable, file) in [("CANSHIP_DRILL", Some("canship-drill/record.json")), ("CANSHIP_RECOVER", None)] {
        let body = json!({ "ref": "main", "variables": [{ "key": variable, "value": "1" }] });
        let url = format!("{}/api/v4/projects/42/pipeline", rig.forge.url());
        let id = runtime.block_on(send(url, GitLab::TOKEN, &body))["id"].as_u64().unwrap();
        let is_over = |status: &str| ["success", "failed"].contains(&status);
        rig.forge.await_world(|world| world.pipelines.iter().any(|pipeline| pipeline.id == id && is_over(pipeline.status())));
        rig.forge.with(|world| {
            let pipeline = world.the_pipeline(id);
            assert_eq!((pipeline.status(), pipeline.jobs.len()), ("success", 1), "{}", pipeline.jobs[0].trace);
            let kept = pipeline.jobs[0].archive.as_ref().map(|archive| unzipped(&archive.zip)).unwrap_or_default();
            assert!(file.is_none_or(|file| kept.contains_key(file)), "{:?}", kept.keys());
        });
    }
}

#[test]
fn the_readme_of_the_pipelines_names_every_one_of_them() {
    let readme = pipeline("README.md");
    for folder in ["github", "gitlab"] {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(readme.contains(&format!("{folder}/{name}")), "{folder}/{name}");
        }
    }
}
