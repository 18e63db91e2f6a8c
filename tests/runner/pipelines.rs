//! The ready pipelines as files: what they pin, what they may, and what is to be adapted in them.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{rig::pipeline, support::Canship};

const WORKFLOWS: [&str; 3] = ["drill", "spare", "recover"];
const TEMPLATES: [&str; 4] = ["canship", "drill", "spare", "recover"];

/// What each line has that is to be adapted.
const ADAPT: &str = "ADAPT: ";

/// Actions of others, as they are pinned: each commit is the one that the tag names in the action's own repository.
const PINS: [(&str, &str, &str); 4] = [
    ("actions/cache/restore", "27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    ("actions/cache/save", "27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
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
    // Given back after a drill that was asked to cut, however it ended.
    let (_, drill) = workflow("drill");
    let steps = drill["jobs"]["drill"]["steps"].as_array().unwrap();
    let recover = steps.iter().find(|step| step["run"].as_str().is_some_and(|run| run.ends_with("recover"))).unwrap();
    assert_eq!((&recover["if"], recover["env"].get("CANSHIP_TOKEN").is_some()), (&json!("always() && inputs.cut"), true));
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
    for name in TEMPLATES {
        write(&format!("ci/{name}.yml"), &pipeline(&format!("gitlab/{name}.yml")));
    }
    write(".gitlab-ci.yml", &pipeline("gitlab/gitlab-ci.yml"));
    write("ci/project.yml", "build: { script: make }\n");
    let ran = Canship::new(&["pipeline", "--format", "json"]).argument(folder.path()).run_as_is();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let seen: Value = serde_json::from_str(&ran.stdout).unwrap();
    let broken: Vec<_> = seen["files"].as_array().into_iter().flatten().filter(|file| file["broken"].is_string()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Whoever copies them searches for one word, and finds every line that can not be right as it is.
#[test]
fn every_line_to_adapt_says_so() {
    let all = WORKFLOWS.map(|name| format!("github/{name}.yml")).into_iter().chain(["github/action/action.yml".to_owned()]);
    let all = all.chain(TEMPLATES.map(|name| format!("gitlab/{name}.yml"))).chain(["gitlab/gitlab-ci.yml".to_owned()]);
    for file in all {
        let own = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(&file)).unwrap();
        let zeros = "0".repeat(64);
        let mine = ["${{ secrets.", "runs-on:", "tags:", "image:", "project.yml", &zeros];
        for line in own.lines().filter(|line| !line.trim_start().starts_with('#') && mine.iter().any(|own| line.contains(own))) {
            assert!(line.contains(ADAPT), "{file}: {line}");
        }
        // The digest is reviewed with the rest: no setting of the forge may say it.
        assert!(!own.contains("CANSHIP_SHA256"), "{file}");
    }
    assert!(pipeline("README.md").contains("`ADAPT:`"));
}

/// In a job that has run out of time GitLab runs no `after_script`.
#[test]
fn the_drill_of_gitlab_ends_before_its_job_so_that_what_comes_after_it_runs() {
    let drill: Value = serde_saphyr::from_str(&pipeline("gitlab/drill.yml")).unwrap();
    let drill = &drill["canship-drill"];
    let minutes = |value: &Value| {
        let (number, unit) = value.as_str().unwrap().split_at(value.as_str().unwrap().len() - 1);
        number.parse::<u32>().unwrap() * if unit == "h" { 60 } else { 1 }
    };
    let both = ["RUNNER_SCRIPT_TIMEOUT", "RUNNER_AFTER_SCRIPT_TIMEOUT"].map(|name| minutes(&drill["variables"][name]));
    assert!(both.iter().sum::<u32>() < minutes(&drill["timeout"]), "{both:?}");
    assert!(drill["after_script"][0].as_str().unwrap().contains("recover"));
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
