//! GitHub's simulator: states, texts, headers, as the real one has them.

use serde_json::json;

use crate::{
    lab::Caller,
    simulator::{
        github::{
            GitHub, TOKEN,
            rights::{Level, Token},
        },
        server::Simulator,
        state::differences,
    },
};

const R: &str = "/repos/acme/api";

fn start(world: GitHub) -> (Simulator<GitHub>, Caller) {
    let simulator = Simulator::start(world);
    let caller = Caller::new(simulator.url(), TOKEN);
    (simulator, caller)
}

#[tokio::test]
async fn a_workflow_is_disabled_once_and_enabled_from_any_state() {
    let (github, caller) = start(GitHub::new("acme/api").workflow("release.yml").workflow_in("old.yml", "disabled_inactivity"));
    let before = github.state();
    let workflow = format!("{R}/actions/workflows/release.yml");
    assert_eq!(caller.call("PUT", &format!("{workflow}/disable"), None).await.status, 204);
    assert_eq!(caller.get(&workflow).await.body["state"], "disabled_manually");
    let again = caller.call("PUT", &format!("{workflow}/disable"), None).await;
    assert_eq!((again.status, again.message()), (403, "Unable to disable a workflow that is not active."));
    let changed = r#"/workflows/.github/workflows/release.yml: was "active", is "disabled_manually""#;
    assert_eq!(differences(&before, &github.state()), [changed]);
    for _ in 0..2 {
        assert_eq!(caller.call("PUT", &format!("{workflow}/enable"), None).await.status, 204);
    }
    assert_eq!(differences(&before, &github.state()), [] as [&str; 0]);
    // This is what a restore must never do, and what only comparing states finds out.
    assert_eq!(caller.call("PUT", &format!("{R}/actions/workflows/old.yml/enable"), None).await.status, 204);
    assert_eq!(differences(&before, &github.state()).len(), 1);
    let list = caller.get(&format!("{R}/actions/workflows")).await;
    assert_eq!((list.status, &list.body["total_count"]), (200, &json!(2)));
    assert_eq!(caller.get(&format!("{R}/actions/workflows/none.yml")).await.status, 404);
}

#[tokio::test]
async fn a_variable_is_made_once() {
    let (github, caller) = start(GitHub::new("acme/api"));
    let variables = format!("{R}/actions/variables");
    let lease = json!({ "name": "CANSHIP_LEASE", "value": "mine" });
    assert_eq!(caller.get(&format!("{variables}/CANSHIP_LEASE")).await.status, 404);
    let made = futures_util::future::join_all((0..8).map(|_| caller.call("POST", &variables, Some(&lease)))).await;
    let mut codes: Vec<_> = made.iter().map(|answer| answer.status).collect();
    codes.sort_unstable();
    assert_eq!(codes, [201, 409, 409, 409, 409, 409, 409, 409]);
    let late = made.iter().find(|answer| answer.status == 409).unwrap();
    assert_eq!(late.message(), "Already exists - Variable already exists");
    let renewed = json!({ "value": "still mine" });
    assert_eq!(caller.call("PATCH", &format!("{variables}/canship_lease"), Some(&renewed)).await.status, 204);
    assert_eq!(github.with(|world| world.variables["CANSHIP_LEASE"].value.clone()), "still mine");
    assert_eq!(caller.get(&variables).await.body["variables"][0]["value"], "still mine");
    assert_eq!(caller.call("DELETE", &format!("{variables}/CANSHIP_LEASE"), None).await.status, 204);
    assert_eq!(caller.call("DELETE", &format!("{variables}/CANSHIP_LEASE"), None).await.status, 404);
}

#[tokio::test]
async fn a_run_is_cancelled_a_look_later_and_only_once() {
    let (github, caller) = start(GitHub::new("acme/api").workflow("release.yml").run("release.yml", "in_progress"));
    let before = github.state();
    let id = github.with(|world| {
        world.cancel_lag = 2;
        world.runs[0].id
    });
    let runs = format!("{R}/actions/runs");
    let going = caller.get(&format!("{runs}?status=in_progress&per_page=100")).await;
    assert_eq!((going.status, &going.body["workflow_runs"][0]["id"]), (200, &json!(id)));
    assert_eq!(caller.get(&format!("{runs}?status=queued")).await.body["total_count"], 0);
    assert_eq!(caller.call("POST", &format!("{runs}/{id}/cancel"), None).await.status, 202);
    let first = caller.get(&format!("{runs}/{id}")).await;
    assert_eq!((&first.body["status"], &first.body["conclusion"]), (&json!("in_progress"), &json!(null)));
    let second = caller.get(&format!("{runs}/{id}")).await;
    assert_eq!((&second.body["status"], &second.body["conclusion"]), (&json!("completed"), &json!("cancelled")));
    let again = caller.call("POST", &format!("{runs}/{id}/cancel"), None).await;
    assert_eq!((again.status, again.message()), (409, "Cannot cancel a workflow run that is completed."));
    // No one can give it back.
    assert_eq!(differences(&before, &github.state()), [] as [&str; 0]);
    assert_eq!(caller.get(&format!("{runs}/1")).await.status, 404);
}

#[tokio::test]
async fn a_run_that_goes_on_in_spite_of_a_cancel_ends_by_force() {
    let (github, caller) = start(GitHub::new("acme/api").workflow("release.yml").run("release.yml", "in_progress"));
    let id = github.with(|world| {
        world.runs[0].is_stubborn = true;
        world.runs[0].id
    });
    let run = format!("{R}/actions/runs/{id}");
    assert_eq!(caller.call("POST", &format!("{run}/cancel"), None).await.status, 202);
    assert_eq!(caller.get(&run).await.body["status"], "in_progress");
    assert_eq!(caller.call("POST", &format!("{run}/force-cancel"), None).await.status, 202);
    assert_eq!(caller.get(&run).await.body["conclusion"], "cancelled");
}

#[tokio::test]
async fn a_dispatch_is_refused_for_what_is_wrong_with_it_and_else_tells_its_run() {
    let world = GitHub::new("acme/api").workflow("spare.yml").workflow_in("off.yml", "disabled_manually").workflow("push.yml");
    let world = world.dispatchable("spare.yml", &["nonce"], &["self-hosted", "spare"]).dispatchable("off.yml", &[], &[]);
    let (github, caller) = start(world);
    github.with(|world| {
        world.list_lag = 1;
        world.the_workflow("spare.yml").run_name = Some("drill ${{ inputs.nonce }}".to_owned());
    });
    let dispatch = async |file: &str, body: serde_json::Value| {
        caller.call("POST", &format!("{R}/actions/workflows/{file}/dispatches"), Some(&body)).await
    };
    let refused = [
        ("off.yml", json!({ "ref": "main" }), "Cannot trigger a 'workflow_dispatch' on a disabled workflow"),
        ("push.yml", json!({ "ref": "main" }), "Workflow does not have 'workflow_dispatch' trigger"),
        ("spare.yml", json!({ "ref": "nowhere" }), "No ref found for: nowhere"),
        ("spare.yml", json!({ "ref": "main", "inputs": { "k": "1" } }), "Unexpected inputs provided: [\"k\"]"),
    ];
    for (file, body, message) in refused {
        let answer = dispatch(file, body).await;
        assert_eq!((answer.status, answer.message()), (422, message));
    }
    assert_eq!(dispatch("none.yml", json!({ "ref": "main" })).await.status, 404);
    let body = json!({ "ref": "main", "inputs": { "nonce": "n-1" }, "return_run_details": true });
    let answer = dispatch("spare.yml", body.clone()).await;
    assert_eq!(answer.status, 200);
    let id = answer.body["workflow_run_id"].as_u64().unwrap();
    // A list lags behind; the run itself is there at once.
    let list = format!("{R}/actions/workflows/spare.yml/runs?event=workflow_dispatch");
    assert_eq!(caller.get(&list).await.body["total_count"], 0);
    assert_eq!(caller.get(&format!("{R}/actions/runs/{id}")).await.body["display_title"], "drill n-1");
    assert_eq!(caller.get(&list).await.body["workflow_runs"][0]["id"], id);
    let jobs = caller.get(&format!("{R}/actions/runs/{id}/jobs?filter=latest")).await;
    let job = &jobs.body["jobs"][0];
    assert_eq!((&job["status"], &job["runner_id"], &job["runner_name"]), (&json!("queued"), &json!(0), &json!("")));
    assert_eq!((&job["labels"], &job["started_at"]), (&json!(["self-hosted", "spare"]), &job["created_at"]));
    github.with(|world| world.has_run_details = false);
    assert_eq!(dispatch("spare.yml", body).await.status, 204);
}

#[tokio::test]
async fn a_runners_own_labels_stay_and_its_others_come_and_go() {
    let world = GitHub::new("acme/api").runner("r1", &["release"]).org_runner("o1", &["spare"]);
    let (github, caller) = start(world);
    let before = github.state();
    let list = caller.get(&format!("{R}/actions/runners")).await;
    assert_eq!((&list.body["total_count"], &list.body["runners"][0]["name"]), (&json!(1), &json!("r1")));
    let id = &list.body["runners"][0]["id"];
    let labels = format!("{R}/actions/runners/{id}/labels");
    assert_eq!(caller.call("DELETE", &format!("{labels}/release"), None).await.body["total_count"], 3);
    assert_eq!(caller.call("DELETE", &format!("{labels}/release"), None).await.status, 404);
    assert_eq!(caller.call("DELETE", &format!("{labels}/self-hosted"), None).await.status, 422);
    assert_eq!(differences(&before, &github.state()).len(), 1);
    let given = json!({ "labels": ["release"] });
    assert_eq!(caller.call("POST", &labels, Some(&given)).await.body["total_count"], 4);
    assert_eq!(differences(&before, &github.state()), [] as [&str; 0]);
    assert_eq!(caller.get("/orgs/acme/actions/runners").await.body["runners"][0]["name"], "o1");
}

#[tokio::test]
async fn a_token_without_a_right_is_told_which_in_the_words_of_its_kind() {
    let world = GitHub::new("acme/api").workflow("release.yml").without("actions_variables").without("administration");
    let (github, fine) = start(world);
    github.with(|world| {
        world.tokens.push(Token::classic("ghp_classic", &["repo"], false));
        world.tokens.push(Token::of_workflow("ghs_workflow", &[("actions", Level::Read)]));
        world.tokens.push(Token { sees_repository: false, ..Token::full("github_pat_other") });
        world.tokens.push(Token { is_good: false, ..Token::full("github_pat_revoked") });
    });
    let with = |token: &str| Caller::new(github.url(), token);
    let (lease, disable) = (format!("{R}/actions/variables/CANSHIP_LEASE"), format!("{R}/actions/workflows/release.yml/disable"));
    let refused = fine.get(&lease).await;
    assert_eq!((refused.status, refused.message()), (403, "Resource not accessible by personal access token"));
    assert_eq!(refused.header("x-accepted-github-permissions"), Some("actions_variables=read"));
    assert_eq!(
        fine.get(&format!("{R}/actions/runners")).await.header("x-accepted-github-permissions"),
        Some("administration=read")
    );
    let refused = with("ghp_classic").call("PUT", &disable, None).await;
    assert_eq!((refused.status, refused.message()), (403, "Must have admin rights to Repository."));
    assert_eq!(refused.header("x-oauth-scopes"), Some("repo"));
    let refused = with("ghs_workflow").call("PUT", &disable, None).await;
    assert_eq!((refused.status, refused.message()), (403, "Resource not accessible by integration"));
    assert_eq!(with("github_pat_other").get(R).await.status, 404);
    assert_eq!(Caller::nobody(github.url()).get(R).await.status, 404);
    for unknown in ["github_pat_revoked", "github_pat_never"] {
        let refused = with(unknown).get(R).await;
        assert_eq!((refused.status, refused.message()), (401, "Bad credentials"));
    }
    let repository = fine.get(R).await;
    assert_eq!((&repository.body["permissions"]["admin"], &repository.body["default_branch"]), (&json!(false), &json!("main")));
    assert_eq!(repository.header("github-authentication-token-expiration"), Some("2099-12-14 02:28:22 UTC"));
    assert_eq!(fine.get("/user").await.body["login"], "release-captain");
    assert_eq!(with("ghs_workflow").get("/user").await.status, 403);
}

#[tokio::test]
async fn refs_are_made_once_and_found_by_how_they_start() {
    let (github, caller) = start(GitHub::new("acme/api"));
    let sha = github.with(|world| world.refs["refs/heads/main"].clone());
    let tag = json!({ "ref": "refs/tags/canship-drill/1", "sha": sha });
    assert_eq!(caller.call("POST", &format!("{R}/git/refs"), Some(&tag)).await.status, 201);
    let again = caller.call("POST", &format!("{R}/git/refs"), Some(&tag)).await;
    assert_eq!((again.status, again.message()), (422, "Reference already exists"));
    assert_eq!(caller.get(&format!("{R}/git/ref/tags/canship-drill/1")).await.body["object"]["sha"], sha);
    assert_eq!(caller.get(&format!("{R}/git/matching-refs/tags/canship-drill/")).await.body[0]["ref"], "refs/tags/canship-drill/1");
    assert_eq!(caller.call("DELETE", &format!("{R}/git/refs/tags/canship-drill/1"), None).await.status, 204);
    let again = caller.call("DELETE", &format!("{R}/git/refs/tags/canship-drill/1"), None).await;
    assert_eq!((again.status, again.message()), (422, "Reference does not exist"));
}

#[tokio::test]
async fn a_limit_that_is_reached_says_when_it_ends_and_a_known_answer_does_not_count() {
    let (github, caller) = start(GitHub::new("acme/api").workflow("release.yml"));
    let list = format!("{R}/actions/workflows");
    let first = caller.get(&list).await;
    assert_eq!((first.header("x-ratelimit-remaining"), first.header("x-ratelimit-used")), (Some("4999"), Some("1")));
    let known = caller.request("GET", &list).header("if-none-match", first.header("etag").unwrap());
    let known = caller.send(known).await.unwrap();
    assert_eq!((known.status, known.header("x-ratelimit-remaining"), known.text.as_str()), (304, Some("4999"), ""));
    assert_eq!(caller.get("/rate_limit").await.body["resources"]["core"]["used"], 1);
    github.with(|world| (world.limits.limit, world.limits.status) = (1, 429));
    let over = caller.get(&list).await;
    assert_eq!((over.status, over.message()), (429, "API rate limit exceeded for release-captain."));
    assert_eq!(over.header("x-ratelimit-remaining"), Some("0"));
}

#[tokio::test]
async fn an_enterprise_server_is_below_a_path_and_has_no_limits() {
    let (github, caller) = start(GitHub::new("acme/api").workflow("release.yml").enterprise());
    assert!(github.url().ends_with("/api/v3"));
    let answer = caller.get(&format!("{R}/actions/workflows/release.yml")).await;
    assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (200, None));
    assert_eq!(caller.get("/rate_limit").await.status, 404);
    let outside = github.url().replace("/api/v3", R);
    assert_eq!(caller.get(&outside).await.status, 404);
    assert_eq!(github.count("GET", "/actions/workflows/release.yml"), 1);
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let world = (0..35).fold(GitHub::new("acme/api"), |world, at| world.workflow(&format!("w{at}.yml")));
    let (_github, caller) = start(world);
    let list = format!("{R}/actions/workflows");
    let first = caller.get(&list).await;
    assert_eq!((first.body["workflows"].as_array().unwrap().len(), &first.body["total_count"]), (30, &json!(35)));
    let link = first.header("link").unwrap();
    let next = link.split(['<', '>']).nth(1).unwrap();
    assert!(link.contains("rel=\"next\"") && link.contains("rel=\"last\""), "{link}");
    let second = caller.get(next).await;
    assert_eq!((second.body["workflows"].as_array().unwrap().len(), second.header("link")), (5, None));
    assert_eq!(caller.get(&format!("{list}?per_page=100")).await.body["workflows"].as_array().unwrap().len(), 35);
}

#[tokio::test]
async fn logs_and_artifacts_are_elsewhere_and_take_no_token() {
    let (github, caller) = start(GitHub::new("acme/api").workflow("spare.yml").run("spare.yml", "in_progress"));
    let (run, job) = github.with(|world| {
        let run = world.runs[0].id;
        world.upload(run, "canship", &[("events.jsonl".to_owned(), b"{}\n".to_vec())]);
        world.runs[0].jobs[0].log = "what it said\n".to_owned();
        (run, world.runs[0].jobs[0].id)
    });
    // No log before a job's end.
    assert_eq!(caller.get(&format!("{R}/actions/jobs/{job}/logs")).await.status, 404);
    github.with(|world| world.the_run(run).conclude("success"));
    let moved = caller.get(&format!("{R}/actions/jobs/{job}/logs")).await;
    assert_eq!(moved.status, 302);
    let nobody = Caller::nobody(github.url());
    assert_eq!(nobody.get(moved.header("location").unwrap()).await.text, "what it said\n");
    let list = caller.get(&format!("{R}/actions/runs/{run}/artifacts?name=canship")).await;
    let artifact = &list.body["artifacts"][0];
    assert!(artifact["digest"].as_str().unwrap().starts_with("sha256:"));
    let moved = caller.get(artifact["archive_download_url"].as_str().unwrap()).await;
    let zip = reqwest::get(moved.header("location").unwrap()).await.unwrap().bytes().await.unwrap();
    assert_eq!(zip.len() as u64, artifact["size_in_bytes"].as_u64().unwrap());
    github.check();
    assert_eq!(caller.get(moved.header("location").unwrap()).await.status, 400);
    assert!(github.take_breaches()[0].contains("a token is sent to the storage"));
    github.with(|world| world.artifacts[0].is_expired = true);
    assert_eq!(caller.get(artifact["archive_download_url"].as_str().unwrap()).await.status, 410);
}

#[tokio::test]
async fn an_environment_that_waits_says_for_whom() {
    let world =
        GitHub::new("acme/api").workflow("spare.yml").environment("production", &["second-handle"]).run("spare.yml", "waiting");
    let (github, caller) = start(world);
    let run = github.with(|world| {
        world.runs[0].waits_for = Some("production".to_owned());
        world.runs[0].id
    });
    let pending = format!("{R}/actions/runs/{run}/pending_deployments");
    let waiting = caller.get(&pending).await;
    assert_eq!(waiting.body[0]["environment"]["name"], "production");
    assert_eq!(waiting.body[0]["reviewers"][0]["reviewer"]["login"], "second-handle");
    let environment = caller.get(&format!("{R}/environments/production")).await;
    assert_eq!(environment.body["protection_rules"][0]["type"], "required_reviewers");
    let approval = json!({ "environment_ids": [1], "state": "approved", "comment": "" });
    assert_eq!(caller.call("POST", &pending, Some(&approval)).await.status, 403);
}

#[tokio::test]
async fn required_checks_are_told_by_branch_rules_and_protection() {
    let (github, caller) = start(GitHub::new("acme/api"));
    let unprotected = caller.get(&format!("{R}/branches/main/protection")).await;
    assert_eq!((unprotected.status, unprotected.message()), (404, "Branch not protected"));
    let sha = github.with(|world| {
        world.required_checks.insert("main".to_owned(), vec!["build".to_owned()]);
        let sha = world.refs["refs/heads/main"].clone();
        world.checks.push((sha.clone(), "build".to_owned(), None));
        sha
    });
    let protection = caller.get(&format!("{R}/branches/main/protection")).await;
    assert_eq!(protection.body["required_status_checks"]["contexts"], json!(["build"]));
    let rules = caller.get(&format!("{R}/rules/branches/main")).await;
    assert_eq!(rules.body[0]["parameters"]["required_status_checks"][0]["context"], "build");
    assert_eq!(caller.get(&format!("{R}/branches/main")).await.body["commit"]["sha"], sha);
    let checks = caller.get(&format!("{R}/commits/{sha}/check-runs")).await;
    assert_eq!(
        (&checks.body["check_runs"][0]["name"], &checks.body["check_runs"][0]["status"]),
        (&json!("build"), &json!("queued"))
    );
    assert_eq!(caller.get(&format!("{R}/commits/{sha}/status")).await.body["state"], "pending");
}
