//! GitLab's simulator: states, texts, headers, as the real one has them.

use serde_json::{Value, json};

use crate::{
    lab::Caller,
    simulator::{
        gitlab::{
            GitLab, TOKEN,
            pipelines::Input,
            rights::{Role, Token},
            runners::RunnerKind,
        },
        server::Simulator,
        state::differences,
    },
};

const P: &str = "/api/v4/projects/acme%2Fapi";

fn start(world: GitLab) -> (Simulator<GitLab>, Caller) {
    let simulator = Simulator::start(world);
    let caller = Caller::new(simulator.url(), TOKEN);
    (simulator, caller)
}

fn id_of(list: &Value, description: &str) -> u64 {
    let found = list.as_array().unwrap().iter().find(|item| item["description"] == description);
    found.unwrap()["id"].as_u64().unwrap()
}

#[tokio::test]
async fn a_projects_runners_are_paused_and_others_are_not_for_a_maintainer() {
    let world = GitLab::new("acme/api").runner("primary", &["release"]);
    let world = world.runner_of(RunnerKind::Group, "of the group", &[]).runner_of(RunnerKind::Instance, "shared", &[]);
    let (gitlab, caller) = start(world);
    let before = gitlab.state();
    let list = caller.get(&format!("{P}/runners?per_page=100")).await;
    assert_eq!((list.body.as_array().unwrap().len(), list.header("x-total")), (3, Some("3")));
    let primary = format!("/api/v4/runners/{}", id_of(&list.body, "primary"));
    assert_eq!(caller.get(&primary).await.body["tag_list"], json!(["release"]));
    let paused = caller.call("PUT", &primary, Some(&json!({ "paused": true }))).await;
    assert_eq!((paused.status, &paused.body["paused"]), (200, &json!(true)));
    assert_eq!(differences(&before, &gitlab.state()), ["/runners/primary/paused: was false, is true"]);
    // As a form, as most endpoints' crates send it.
    let form = caller.request("PUT", &primary).form(&[("paused", "false")]);
    assert_eq!(caller.send(form).await.unwrap().body["paused"], false);
    assert_eq!(differences(&before, &gitlab.state()), [] as [&str; 0]);
    for other in ["of the group", "shared"] {
        let runner = format!("/api/v4/runners/{}", id_of(&list.body, other));
        let refused = caller.call("PUT", &runner, Some(&json!({ "paused": true }))).await;
        assert_eq!((refused.status, refused.message()), (403, "403 Forbidden"));
    }
    assert_eq!(caller.get(&format!("{primary}/managers")).await.body[0]["version"], "18.6.0");
}

#[tokio::test]
async fn shared_and_group_runners_are_turned_off_for_the_project_and_on_again() {
    let (gitlab, caller) = start(GitLab::new("acme/api").runner_of(RunnerKind::Instance, "shared", &[]));
    let before = gitlab.state();
    let off = json!({ "shared_runners_enabled": false, "group_runners_enabled": false });
    let answer = caller.call("PUT", P, Some(&off)).await;
    assert_eq!((answer.status, &answer.body["shared_runners_enabled"]), (200, &json!(false)));
    assert_eq!(caller.get(P).await.body["group_runners_enabled"], false);
    assert_eq!(caller.get(&format!("{P}/runners")).await.body, json!([]));
    assert_eq!(differences(&before, &gitlab.state()).len(), 2);
    gitlab.with(|world| world.group_forbids_shared = true);
    let refused = caller.call("PUT", P, Some(&json!({ "shared_runners_enabled": true }))).await;
    assert_eq!(refused.status, 400);
    gitlab.with(|world| world.group_forbids_shared = false);
    let on = json!({ "shared_runners_enabled": true, "group_runners_enabled": true });
    assert_eq!(caller.call("PUT", P, Some(&on)).await.status, 200);
    assert_eq!(differences(&before, &gitlab.state()), [] as [&str; 0]);
    assert_eq!(caller.call("PUT", P, Some(&json!({}))).await.status, 400);
}

#[tokio::test]
async fn builds_that_are_off_take_pipelines_schedules_and_jobs_with_them() {
    let (gitlab, caller) = start(GitLab::new("acme/api").schedule("nightly", "release-captain", true).pipeline("running"));
    assert_eq!(caller.call("PUT", P, Some(&json!({ "builds_access_level": "disabled" }))).await.status, 200);
    for path in ["pipelines", "pipeline_schedules"] {
        assert_eq!(caller.get(&format!("{P}/{path}")).await.status, 403);
    }
    let job = gitlab.with(|world| world.pipelines[0].jobs[0].id);
    assert_eq!(caller.call("POST", &format!("{P}/jobs/{job}/cancel"), Some(&json!({}))).await.status, 403);
    let refused = caller.call("POST", &format!("{P}/pipeline"), Some(&json!({ "ref": "main" }))).await;
    assert_eq!((refused.status, &refused.body["message"]["base"][0]), (400, &json!("Pipelines are disabled!")));
}

#[tokio::test]
async fn a_schedule_is_its_owners() {
    let world = GitLab::new("acme/api").schedule("nightly", "release-captain", true).schedule("weekly", "somebody", true);
    let (gitlab, caller) = start(world);
    let before = gitlab.state();
    let list = caller.get(&format!("{P}/pipeline_schedules?scope=active")).await;
    let of = |name: &str| format!("{P}/pipeline_schedules/{}", id_of(&list.body, name));
    let off = json!({ "active": false });
    assert_eq!(caller.call("PUT", &of("nightly"), Some(&off)).await.body["active"], false);
    assert_eq!(caller.get(&of("nightly")).await.body["active"], false);
    assert_eq!(caller.call("PUT", &of("weekly"), Some(&off)).await.status, 403);
    assert_eq!(differences(&before, &gitlab.state()), ["/schedules/nightly/active: was true, is false"]);
    // Which is a change that no one sees unless owners are part of the state.
    assert_eq!(caller.call("POST", &format!("{}/take_ownership", of("weekly")), None).await.status, 201);
    assert_eq!(differences(&before, &gitlab.state()).len(), 2);
}

#[tokio::test]
async fn a_variable_is_made_once() {
    let (gitlab, caller) = start(GitLab::new("acme/api"));
    let variables = format!("{P}/variables");
    let lease = json!({ "key": "CANSHIP_LEASE", "value": "mine", "raw": true });
    let made = futures_util::future::join_all((0..8).map(|_| caller.call("POST", &variables, Some(&lease)))).await;
    let mut codes: Vec<_> = made.iter().map(|answer| answer.status).collect();
    codes.sort_unstable();
    assert_eq!(codes, [201, 400, 400, 400, 400, 400, 400, 400]);
    let late = made.iter().find(|answer| answer.status == 400).unwrap();
    assert_eq!(late.body["message"]["key"][0], "(CANSHIP_LEASE) has already been taken");
    let one = format!("{variables}/CANSHIP_LEASE");
    assert_eq!(caller.call("PUT", &one, Some(&json!({ "value": "still mine" }))).await.body["value"], "still mine");
    assert_eq!(caller.get(&one).await.body["value"], "still mine");
    assert_eq!(caller.call("DELETE", &one, None).await.status, 204);
    let gone = caller.call("DELETE", &one, None).await;
    assert_eq!((gone.status, gone.message()), (404, "404 Variable Not Found"));
    // The same key for one environment is another variable; then it must be said which.
    caller.call("POST", &variables, Some(&lease)).await;
    let scoped = json!({ "key": "CANSHIP_LEASE", "value": "other", "environment_scope": "production" });
    assert_eq!(caller.call("POST", &variables, Some(&scoped)).await.status, 201);
    assert_eq!(caller.get(&one).await.status, 409);
    assert_eq!(caller.get(&format!("{one}?filter[environment_scope]=*")).await.body["value"], "mine");
    gitlab.with(|world| world.token().role = Some(Role::Developer));
    assert_eq!(caller.get(&variables).await.status, 403);
}

#[tokio::test]
async fn a_pipeline_takes_inputs_and_variables_as_the_project_allows() {
    let (gitlab, caller) = start(GitLab::new("acme/api"));
    gitlab.with(|world| {
        world.variables_role = "no_one_allowed".to_owned();
        world.pipeline_name = Some("drill $[[ inputs.nonce ]]".to_owned());
        world.inputs = vec![Input { name: "nonce".to_owned(), default: None }];
    });
    let create = async |body: Value| caller.call("POST", &format!("{P}/pipeline"), Some(&body)).await;
    let variables = json!([{ "key": "NONCE", "value": "n-1", "variable_type": "env_var" }]);
    let refused = [
        (json!({ "ref": "nowhere" }), "Reference not found"),
        (json!({ "ref": "main", "variables": variables }), "Insufficient permissions to set pipeline variables"),
        (json!({ "ref": "main" }), "`nonce` input: required value has not been provided"),
    ];
    for (body, message) in refused {
        let answer = create(body).await;
        assert_eq!((answer.status, &answer.body["message"]["base"][0]), (400, &json!(message)));
    }
    let made = create(json!({ "ref": "main", "inputs": { "nonce": "n-1" } })).await;
    assert_eq!((made.status, &made.body["status"], &made.body["source"]), (201, &json!("pending"), &json!("api")));
    let found = caller.get(&format!("{P}/pipelines?source=api&name=drill%20n-1")).await;
    assert_eq!(found.body[0]["id"], made.body["id"]);
    let jobs = caller.get(&format!("{P}/pipelines/{}/jobs", made.body["id"])).await;
    assert_eq!((&jobs.body[0]["status"], &jobs.body[0]["runner"]), (&json!("pending"), &json!(null)));
    gitlab.with(|world| (world.variables_role, world.inputs) = ("maintainer".to_owned(), Vec::new()));
    let made = create(json!({ "ref": "main", "variables": variables })).await;
    let seen = caller.get(&format!("{P}/pipelines/{}/variables", made.body["id"])).await;
    assert_eq!(seen.body[0]["value"], "n-1");
}

#[tokio::test]
async fn a_pipeline_is_canceled_a_look_later_and_says_so_even_if_there_was_nothing() {
    let (gitlab, caller) = start(GitLab::new("acme/api").pipeline("running").pipeline("success"));
    let before = gitlab.state();
    let (running, over) = gitlab.with(|world| {
        world.cancel_lag = 2;
        (world.pipelines[0].id, world.pipelines[1].id)
    });
    assert_eq!(caller.get(&format!("{P}/pipelines?scope=running")).await.body[0]["id"], running);
    let answer = caller.call("POST", &format!("{P}/pipelines/{running}/cancel"), None).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("canceling")));
    assert_eq!(caller.get(&format!("{P}/pipelines/{running}")).await.body["status"], "canceling");
    assert_eq!(caller.get(&format!("{P}/pipelines/{running}")).await.body["status"], "canceled");
    let answer = caller.call("POST", &format!("{P}/pipelines/{over}/cancel"), None).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("success")));
    assert_eq!(differences(&before, &gitlab.state()), [] as [&str; 0]);
    gitlab.with(|world| world.cancel_role = "no_one".to_owned());
    assert_eq!(caller.call("POST", &format!("{P}/pipelines/{running}/cancel"), None).await.status, 403);
}

#[tokio::test]
async fn tokens_are_refused_in_the_words_of_their_kind() {
    let (gitlab, caller) = start(GitLab::new("acme/api").below("/gitlab"));
    assert!(gitlab.url().ends_with("/gitlab"));
    gitlab.with(|world| {
        world.tokens.push(Token { scopes: vec!["read_api".to_owned()], ..Token::of("glpat-reader", Role::Owner) });
        world.tokens.push(Token { role: None, ..Token::of("glpat-stranger", Role::Owner) });
        world.tokens.push(Token { is_good: false, ..Token::of("glpat-revoked", Role::Owner) });
        world.tokens.push(Token::of_job("glcbt-job"));
    });
    let with = |token: &str| Caller::new(gitlab.url(), token);
    assert_eq!(with("glpat-reader").get(P).await.status, 200);
    let refused = with("glpat-reader").call("PUT", P, Some(&json!({ "shared_runners_enabled": false }))).await;
    assert_eq!(
        (refused.status, &refused.body["error"], &refused.body["scope"]),
        (403, &json!("insufficient_scope"), &json!("api"))
    );
    let hidden = with("glpat-stranger").get(P).await;
    assert_eq!((hidden.status, hidden.message()), (404, "404 Project Not Found"));
    assert_eq!(with("glpat-revoked").get(P).await.body["error"], "invalid_token");
    assert_eq!(with("glpat-never").get(P).await.message(), "401 Unauthorized");
    assert_eq!(with("glcbt-job").call("POST", &format!("{P}/pipeline"), Some(&json!({ "ref": "main" }))).await.status, 403);
    let own = caller.get("/api/v4/personal_access_tokens/self").await;
    assert_eq!((&own.body["expires_at"], &own.body["scopes"]), (&json!("2099-12-14"), &json!(["api"])));
    let private = Caller::nobody(gitlab.url()).request("GET", "/api/v4/user").header("private-token", TOKEN);
    assert_eq!(caller.send(private).await.unwrap().body["username"], "release-captain");
    assert_eq!(caller.get("/api/v4/metadata").await.body["version"], "18.6.0-ee");
}

#[tokio::test]
async fn a_limit_that_is_reached_is_told_in_plain_text() {
    let (gitlab, caller) = start(GitLab::new("acme/api"));
    gitlab.with(|world| (world.limits.limit, world.limits.reset_in) = (1, 7));
    assert_eq!(caller.get(P).await.header("ratelimit-remaining"), Some("0"));
    let over = caller.get(P).await;
    assert_eq!((over.status, over.text.as_str(), over.header("retry-after")), (429, "Retry later\n", Some("7")));
}

#[tokio::test]
async fn branches_and_tags_are_as_they_are_in_git() {
    let (gitlab, caller) = start(GitLab::new("acme/api"));
    let before = gitlab.state();
    let tags = format!("{P}/repository/tags");
    let tag = json!({ "tag_name": "canship-drill/1", "ref": "main" });
    assert_eq!(caller.call("POST", &tags, Some(&tag)).await.status, 201);
    let again = caller.call("POST", &tags, Some(&tag)).await;
    assert_eq!((again.status, again.message()), (400, "Tag canship-drill/1 already exists"));
    assert_eq!(caller.get(&tags).await.body[0]["name"], "canship-drill/1");
    let branch = caller.get(&format!("{P}/repository/branches/main")).await;
    assert_eq!((&branch.body["protected"], &branch.body["name"]), (&json!(true), &json!("main")));
    assert_eq!(caller.call("DELETE", &format!("{tags}/canship-drill%2F1"), None).await.status, 204);
    assert_eq!(differences(&before, &gitlab.state()), [] as [&str; 0]);
}

#[tokio::test]
async fn a_job_tells_what_it_wrote_and_who_ran_it() {
    let (gitlab, caller) = start(GitLab::new("acme/api").runner("spare", &["release"]).pipeline("pending"));
    let job = gitlab.with(|world| {
        let runner = world.runners[0].id;
        let job = &mut world.pipelines[0].jobs[0];
        job.picked(runner);
        job.trace = "what it said\n".to_owned();
        job.id
    });
    let job = format!("{P}/jobs/{job}");
    let seen = caller.get(&job).await;
    assert_eq!((&seen.body["status"], &seen.body["runner"]["description"]), (&json!("running"), &json!("spare")));
    assert_eq!(caller.get(&format!("{job}/trace")).await.text, "what it said\n");
    assert_eq!(caller.get(&format!("{job}/artifacts")).await.status, 404);
}

#[tokio::test]
async fn a_push_and_a_schedule_make_pipelines_unless_they_are_off() {
    let (gitlab, caller) = start(GitLab::new("acme/api").schedule("nightly", "release-captain", false));
    gitlab.with(|world| {
        world.push("refs/heads/main", &"1".repeat(40));
        world.come_due("nightly");
        world.the_schedule("nightly").is_active = true;
        world.come_due("nightly");
    });
    let made = caller.get(&format!("{P}/pipelines")).await;
    let sources: Vec<_> = made.body.as_array().unwrap().iter().map(|pipeline| pipeline["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["schedule", "push"]);
    gitlab.with(|world| {
        world.builds_access_level = "disabled".to_owned();
        world.push("refs/heads/main", &"2".repeat(40));
    });
    assert_eq!(gitlab.with(|world| world.pipelines.len()), 2);
}
