//! What breaks the contract is answered 400, remembered, and fails the test that lets it happen.

use serde_json::json;

use crate::{
    lab::Caller,
    simulator::{
        call::When,
        github::{GitHub, TOKEN},
        gitlab::{self, GitLab},
        server::Simulator,
        trouble::Trouble,
        world::World,
    },
};

/// What one call breaks.
async fn breach<W: World>(forge: &Simulator<W>, request: reqwest::RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let breaches = forge.take_breaches();
    assert_eq!(breaches.len(), 1, "{breaches:?}");
    breaches.into_iter().next().unwrap()
}

/// Whether there is a contract to hold against.
fn has_contract() -> bool {
    std::env::var_os("CANSHIP_CONTRACTS").is_some()
}

#[tokio::test]
async fn what_the_contract_does_not_know_is_a_breach() {
    let github = Simulator::start(GitHub::new("acme/api").workflow("spare.yml").dispatchable("spare.yml", &[], &[]));
    let caller = Caller::new(github.url(), TOKEN);
    if !has_contract() {
        return;
    }
    let at = |path: &str| format!("/repos/acme/api/{path}");
    let dispatch = at("actions/workflows/spare.yml/dispatches");
    let unknown_field = caller.request("POST", &dispatch).json(&json!({ "ref": "main", "return_run_detail": true }));
    assert!(breach(&github, unknown_field).await.contains("return_run_detail"));
    let no_ref = caller.request("POST", &dispatch).json(&json!({ "inputs": {} }));
    assert!(breach(&github, no_ref).await.contains("\"ref\" is a required property"));
    let no_body = caller.request("POST", &dispatch);
    assert!(breach(&github, no_body).await.contains("the body"));
    let a_body = caller.request("PUT", &at("actions/workflows/spare.yml/enable")).json(&json!({ "state": "active" }));
    assert!(breach(&github, a_body).await.contains("the contract knows none of"));
    let no_status = caller.request("GET", &at("actions/runs?status=going"));
    assert!(breach(&github, no_status).await.contains("`status` of the query"));
    let no_parameter = caller.request("GET", &at("actions/runs?state=queued"));
    assert!(breach(&github, no_parameter).await.contains("`state` is no parameter"));
    let no_path = caller.request("GET", &at("pulls"));
    assert!(breach(&github, no_path).await.contains("no such path"));
    let no_method = caller.request("DELETE", &at("actions/workflows/spare.yml"));
    assert!(breach(&github, no_method).await.contains("no delete of"));
    assert!(github.calls().iter().all(|call| !call.changed));
}

#[tokio::test]
async fn a_form_is_held_against_the_contract_like_json() {
    let gitlab = Simulator::start(GitLab::new("acme/api"));
    let caller = Caller::new(gitlab.url(), gitlab::TOKEN);
    if !has_contract() {
        return;
    }
    let wrong = caller.request("PUT", "/api/v4/projects/42").form(&[("shared_runners_enabled", "perhaps")]);
    assert!(breach(&gitlab, wrong).await.contains("perhaps"));
    let form = [
        ("ref", "main"),
        ("variables[][key]", "A"),
        ("variables[][value]", "1"),
        ("variables[][key]", "B"),
        ("variables[][value]", "2"),
    ];
    let right = caller.request("POST", "/api/v4/projects/42/pipeline").form(&form);
    assert_eq!(caller.send(right).await.unwrap().status, 201);
    assert_eq!(
        gitlab.with(|world| world.pipelines[0].variables.clone()),
        [("A", "1"), ("B", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    );
}

#[tokio::test]
async fn a_token_anywhere_but_in_its_header_is_a_breach() {
    let github = Simulator::start(GitHub::new("acme/api"));
    let gitlab = Simulator::start(GitLab::new("acme/api"));
    let nobody = Caller::nobody(github.url());
    let in_body = nobody.request("POST", "/repos/acme/api/actions/variables").json(&json!({ "name": "T", "value": TOKEN }));
    assert!(breach(&github, in_body).await.contains("outside of its header"));
    let in_url = Caller::nobody(gitlab.url()).request("GET", &format!("/api/v4/user?private_token={}", gitlab::TOKEN));
    assert!(breach(&gitlab, in_url).await.contains("outside of its header"));
}

#[tokio::test]
async fn headers_that_the_real_one_refuses_are_a_breach() {
    let github = Simulator::start(GitHub::new("acme/api"));
    let caller = Caller::new(github.url(), TOKEN);
    let version = "x-github-api-version";
    let twice = caller.request("GET", "/repos/acme/api").header(version, "2022-11-28").header(version, "2026-03-10");
    assert!(breach(&github, twice).await.contains("X-GitHub-Api-Version"));
    let nameless = reqwest::Client::new().get(format!("{}/repos/acme/api", github.url()));
    assert!(breach(&github, nameless).await.contains("User-Agent: false"));
}

#[test]
fn a_breach_that_nobody_takes_fails_the_test() {
    let failed = std::panic::catch_unwind(|| {
        let github = Simulator::start(GitHub::new("acme/api"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Caller::nobody(github.url()).get(&format!("/?q={TOKEN}")).await });
    });
    let told = failed.unwrap_err();
    assert!(told.downcast_ref::<String>().unwrap().contains("the contract was broken"), "{told:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_is_a_breach_of_the_simulators_own() {
    let github = Simulator::start(GitHub::new("acme/api").workflow("release.yml"));
    if !has_contract() {
        return;
    }
    let caller = Caller::new(github.url(), TOKEN);
    for (status, told) in [(200, "\"state\" is a required property"), (418, "no such status"), (502, "")] {
        github.trouble(When::always().times(1), Trouble::Answered(status, "ok"));
        caller.get("/repos/acme/api/actions/workflows/release.yml").await;
        let breaches = github.take_breaches();
        assert!(breaches.first().map_or(told.is_empty(), |breach| breach.contains(told)), "{status}: {breaches:?}");
    }
}
