//! GitHub's simulator held against real answers of GitHub's: what they have, its answers have, and of the same kind.

use std::{env, fs, io::Write as _, path::PathBuf};

use serde_json::Value;

use crate::{
    lab::Caller,
    simulator::{
        github::{GitHub, TOKEN},
        server::Simulator,
    },
};

/// Fields that are in real answers and that nobody has use for here.
const UNUSED: &[&str] = &[
    // Of a repository: settings and leftovers of older versions of the API.
    "archived_at",
    "allow_forking",
    "is_template",
    "topics",
    "web_commit_signoff_required",
    "visibility",
    "allow_squash_merge",
    "allow_merge_commit",
    "allow_rebase_merge",
    "allow_auto_merge",
    "delete_branch_on_merge",
    "allow_update_branch",
    "temp_clone_token",
    "organization",
    "parent",
    "source",
    "template_repository",
    "use_squash_pr_title_as_default",
    // Of whoever asks: what only they may see.
    "twitter_username",
    "private_gists",
    "total_private_repos",
    "owned_private_repos",
    "disk_usage",
    "collaborators",
    "two_factor_authentication",
    "plan",
];

fn recorded() -> Option<PathBuf> {
    let folder = env::var_os("CANSHIP_SHARED").map(|shared| PathBuf::from(shared).join("recorded"));
    let folder = folder.filter(|folder| folder.is_dir());
    if folder.is_none() {
        // Past the harness, which keeps what tests print.
        drop(std::io::stderr().write_all(b"skipped: real answers of GitHub's, since CANSHIP_SHARED names no folder with them\n"));
    }
    folder
}

/// The real answers of this call.
fn answers(folder: &std::path::Path, method: &str, template: &str, status: u16) -> Vec<Value> {
    let index: Value = serde_json::from_str(&fs::read_to_string(folder.join("index.json")).unwrap()).unwrap();
    let fits = |entry: &&Value| entry["method"] == method && entry["template"] == template && entry["status"] == status;
    let files = index.as_array().unwrap().iter().filter(fits).map(|entry| folder.join(entry["file"].as_str().unwrap()));
    files.map(|file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()).collect()
}

/// What the real one has and this has not, or of another kind.
fn lacks(place: &str, real: &Value, own: &Value, found: &mut Vec<String>) {
    match (real, own) {
        (Value::Object(real), Value::Object(own)) => {
            for (name, value) in real.iter().filter(|(name, _)| !UNUSED.contains(&name.as_str())) {
                match own.get(name) {
                    Some(own) => lacks(&format!("{place}/{name}"), value, own, found),
                    None => found.push(format!("{place}/{name} is missing")),
                }
            }
        }
        (Value::Array(real), Value::Array(own)) => {
            if let (Some(real), Some(own)) = (real.first(), own.first()) {
                lacks(&format!("{place}/0"), real, own, found);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (real, own) if std::mem::discriminant(real) == std::mem::discriminant(own) => {}
        (real, own) => found.push(format!("{place}: {own} where the real one has {real}")),
    }
}

#[tokio::test]
async fn answers_have_what_real_answers_have() {
    let Some(folder) = recorded() else { return };
    let world = GitHub::new("acme/api").workflow("release.yml").run("release.yml", "in_progress");
    let github = Simulator::start(world);
    let (run, job, artifact, sha) = github.with(|world| {
        world.set_variable("LEASE", "x");
        let id = world.runs[0].id;
        world.upload(id, "canship", &[]);
        world.the_run(id).conclude("success");
        let sha = world.refs["refs/heads/main"].clone();
        world.refs.insert("refs/tags/v1".to_owned(), sha.clone());
        world.required_checks.insert("main".to_owned(), vec!["build".to_owned()]);
        (id, world.runs[0].jobs[0].id, world.artifacts[0].id, sha)
    });
    let caller = Caller::new(github.url(), TOKEN);
    let r = "/repos/{owner}/{repo}";
    let calls = [
        ("/rate_limit".to_owned(), "/rate_limit".to_owned()),
        ("/user".to_owned(), "/user".to_owned()),
        (r.to_owned(), String::new()),
        (format!("{r}/actions/workflows"), "/actions/workflows".to_owned()),
        (format!("{r}/actions/runs"), "/actions/runs".to_owned()),
        (format!("{r}/actions/runs/{{run_id}}"), format!("/actions/runs/{run}")),
        (format!("{r}/actions/runs/{{run_id}}/jobs"), format!("/actions/runs/{run}/jobs")),
        (format!("{r}/actions/runs/{{run_id}}/artifacts"), format!("/actions/runs/{run}/artifacts")),
        (format!("{r}/actions/jobs/{{job_id}}"), format!("/actions/jobs/{job}")),
        (format!("{r}/actions/artifacts/{{artifact_id}}"), format!("/actions/artifacts/{artifact}")),
        (format!("{r}/actions/variables/{{name}}"), "/actions/variables/LEASE".to_owned()),
        (format!("{r}/git/matching-refs/{{ref}}"), "/git/matching-refs/heads/".to_owned()),
        (format!("{r}/rules/branches/{{branch}}"), "/rules/branches/main".to_owned()),
        (format!("{r}/commits/{{ref}}/status"), format!("/commits/{sha}/status")),
        (format!("{r}/tags"), "/tags".to_owned()),
    ];
    let (mut found, mut compared) = (Vec::new(), 0);
    for (template, path) in calls {
        let path = if template.starts_with(r) { format!("/repos/acme/api{path}") } else { path };
        let own = caller.get(&path).await;
        for real in answers(&folder, "GET", &template, 200) {
            lacks(&template, &real["response"]["body"], &own.body, &mut found);
            for name in real["response"]["headers"]
                .as_object()
                .unwrap()
                .keys()
                .filter(|name| name.to_lowercase().starts_with("x-ratelimit"))
            {
                assert!(own.header(name).is_some(), "{template}: no {name}");
            }
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} real answers were found");
    assert_eq!(found, [] as [&str; 0], "{found:#?}");
}

#[tokio::test]
async fn refusals_have_the_words_of_real_refusals() {
    let Some(folder) = recorded() else { return };
    let github = Simulator::start(GitHub::new("acme/api"));
    let caller = Caller::new(github.url(), TOKEN);
    let same = async |template: &str, path: &str, status: u16| {
        let own = caller.get(path).await;
        let real = answers(&folder, "GET", template, status);
        assert!(!real.is_empty(), "no {status} of {template} was recorded");
        assert!(real.iter().any(|real| real["response"]["body"]["message"] == own.body["message"]), "{template}: {own:?}");
        assert_eq!(own.status, status);
    };
    same("/repos/{owner}/{repo}/actions/variables/{name}", "/repos/acme/api/actions/variables/NONE", 404).await;
    same("/repos/{owner}/{repo}/actions/runs/{run_id}", "/repos/acme/api/actions/runs/1", 404).await;
    same("/repos/{owner}/{repo}/branches/{branch}/protection", "/repos/acme/api/branches/main/protection", 404).await;
    github.with(|world| world.token().is_good = false);
    same("/rate_limit", "/rate_limit", 401).await;
}
