//! The adapter of GitHub.

use super::*;

fn label() -> Control {
    Control::RunnerLabel { runner: 3, name: "big".into(), label: "release".into() }
}

fn wanted(workflows: &[&str], labels: &[&str]) -> Wanted {
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    Wanted::Github {
        workflows: owned(workflows),
        labels: owned(labels),
        spares: vec![WantedSpare { workflow: "canship-spare.yml".to_owned(), labels: vec!["spare".to_owned()] }],
    }
}

fn content(text: &str) -> Value {
    use base64::Engine as _;
    json!({ "content": base64::engine::general_purpose::STANDARD.encode(text), "encoding": "base64" })
}

fn release(state: &str) -> Value {
    json!({ "id": 7, "name": "Release", "path": ".github/workflows/release.yml", "state": state })
}

#[tokio::test]
async fn only_active_workflows_and_labels_that_can_be_taken_off_are_turned_off() {
    let runners = json!({ "total_count": 3, "runners": [
        { "id": 3, "name": "big", "labels": [{ "name": "self-hosted", "type": "read-only" }, { "name": "Release", "type": "custom" }] },
        { "id": 4, "name": "spare", "labels": [{ "name": "spare" }, { "name": "release", "type": "custom" }] },
        { "id": 5, "name": "small", "labels": [] },
    ]});
    let server = Server::new(vec![
        line(&format!("GET {R}/actions/workflows/release.yml"), 200, &release("active")),
        line(&format!("GET {R}/contents/.github/workflows/release.yml"), 200, &content("run: make publish")),
        line(&format!("GET {R}/actions/workflows/old.yml"), 200, &release("disabled_inactivity")),
        line(&format!("GET {R}/contents/.github/workflows/release.yml"), 200, &content("run: make publish")),
        line(&format!("GET {R}/actions/runners?per_page=100&page=1"), 200, &runners),
    ])
    .await;
    let found = server.github().controls(&wanted(&["release.yml", "old.yml"], &["release"])).await.unwrap();
    server.is_played();
    let seen: Vec<_> = found.iter().map(|found| (found.control.to_string(), &found.state, found.cut == Cut::TurnedOff)).collect();
    let inactive = State::Other("disabled_inactivity".into());
    assert_eq!(
        seen,
        [
            ("workflow `release.yml`".to_owned(), &State::On, true),
            ("workflow `release.yml`".to_owned(), &inactive, false),
            ("label `Release` of runner `big`".to_owned(), &State::On, true),
            ("label `release` of runner `spare`".to_owned(), &State::On, false),
        ]
    );
}

#[tokio::test]
async fn canships_own_workflow_and_a_spares_are_refused() {
    let drill = json!({ "id": 9, "name": "Drill", "path": ".github/workflows/drill.yml", "state": "active" });
    for (file, answer, text) in [
        ("drill.yml", drill, None),
        ("release.yml", release("active"), Some("steps:\n- run: exec canship drill --cut")),
        ("canship-spare.yml", release("active"), None),
    ] {
        let mut lines = vec![line(&format!("GET {R}/actions/workflows/{file}"), 200, &answer)];
        lines.extend(text.map(|text| line(&format!("GET {R}/contents/.github/workflows/release.yml"), 200, &content(text))));
        let server = Server::new(lines).await;
        let error = server.github().controls(&wanted(&[file], &[])).await.unwrap_err();
        server.is_played();
        assert_eq!((kind_of(&error), error.effect()), ("declined", Effect::None), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_said_to_be_gone_by_a_forge_that_hides_the_repository() {
    let not_found = json!({ "message": "Not Found" });
    let hidden = [line(&format!("GET {R}/actions/workflows/7"), 404, &not_found), line(&format!("GET {R}"), 404, &not_found)];
    let server = Server::new(hidden.into()).await;
    assert_eq!(kind_of(&server.github().look(&workflow()).await.unwrap_err()), "not found");
    server.is_played();

    // Nor by one that hides the part from a token that has lost its rights: only a list that lacks it says so.
    let seen =
        || [line(&format!("GET {R}/actions/workflows/7"), 404, &not_found), line(&format!("GET {R}"), 200, &json!({ "id": 1 }))];
    let list = format!("GET {R}/actions/workflows?per_page=100&page=1");
    let all = |ids: &[u64]| json!({ "total_count": ids.len(), "workflows": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() });
    for (status, listed) in [(404, not_found.clone()), (200, all(&[6, 7]))] {
        let server = Server::new(seen().into_iter().chain([line(&list, status, &listed)]).collect()).await;
        assert_eq!(kind_of(&server.github().look(&workflow()).await.unwrap_err()), "not found");
        server.is_played();
    }
    let server = Server::new(seen().into_iter().chain([line(&list, 200, &all(&[6]))]).collect()).await;
    assert_eq!(server.github().look(&workflow()).await.unwrap(), State::Gone);
    server.is_played();
}

#[tokio::test]
async fn no_lease_is_only_said_after_all_variables_were_shown() {
    let not_found = json!({ "message": "Not Found" });
    let variable = format!("GET {R}/actions/variables/CANSHIP_LEASE");
    let list = format!("GET {R}/actions/variables?per_page=30&page=1");
    let other = json!({ "total_count": 1, "variables": [{ "name": "OTHER", "value": "x" }] });
    let server = Server::new(vec![line(&variable, 404, &not_found), line(&list, 200, &other)]).await;
    assert_eq!(server.github().lease().await.unwrap(), None);
    server.is_played();

    let server = Server::new(vec![line(&variable, 404, &not_found), line(&list, 404, &not_found)]).await;
    assert_eq!(kind_of(&server.github().lease().await.unwrap_err()), "not found");

    let hidden = json!({ "message": "404 Project Not Found" });
    let server = Server::new(vec![line(&format!("GET {P}/variables/CANSHIP_LEASE"), 404, &hidden)]).await;
    assert_eq!(kind_of(&server.gitlab().lease().await.unwrap_err()), "not found");

    let none = json!({ "message": "404 Variable Not Found" });
    let server = Server::new(vec![line(&format!("GET {P}/variables/CANSHIP_LEASE"), 404, &none)]).await;
    assert_eq!(server.gitlab().lease().await.unwrap(), None);
}

#[tokio::test]
async fn a_lease_is_created_once() {
    let exists = json!({ "message": "Already exists - Variable already exists" });
    let post = format!("POST {R}/actions/variables");
    let server = Server::new(vec![line(&post, 201, &json!({})), line(&post, 409, &exists)]).await;
    let github = server.github();
    assert_eq!(github.create_lease("mine").await.unwrap(), Created::Yes);
    assert_eq!(github.create_lease("yours").await.unwrap(), Created::AlreadyThere);
    server.is_played();

    let taken = json!({ "message": { "key": ["(CANSHIP_LEASE) has already been taken"] } });
    let post = format!("POST {P}/variables");
    let created = json!({ "key": "CANSHIP_LEASE", "value": "a" });
    let server = Server::new(vec![line(&post, 201, &created), line(&post, 400, &taken)]).await;
    let gitlab = server.gitlab();
    assert_eq!(gitlab.create_lease("{\"a\": \"$b\"}").await.unwrap(), Created::Yes);
    assert_eq!(gitlab.create_lease("yours").await.unwrap(), Created::AlreadyThere);
    server.is_played();
    assert!(server.script.bodies.lock().unwrap()[0].contains("raw=true"));
}

#[tokio::test]
async fn a_change_is_sent_once_whatever_is_answered_and_a_lost_answer_is_said_to_be_one() {
    let disable = format!("PUT {R}/actions/workflows/7/disable");
    let answers = [
        (502, "server fault", Effect::Unknown),
        (429, "rate limited", Effect::None),
        (403, "no rights", Effect::None),
        (401, "unauthorized", Effect::None),
        (422, "refused", Effect::None),
    ];
    for (status, kind, effect) in answers {
        let server = Server::new(vec![line(&disable, status, &json!({ "message": "no" }))]).await;
        let github = server.github();
        let error = github.set(&workflow(), &State::Off).await.unwrap_err();
        assert_eq!((kind_of(&error), error.effect()), (kind, effect), "{error}");
        assert_eq!(github.budget().sent, 1);
        server.is_played();
    }
}

#[tokio::test]
async fn a_workflow_that_somebody_else_has_disabled_is_not_said_to_be_disabled_by_this_call() {
    let words = json!({ "message": "Unable to disable a workflow that is not active." });
    let server = Server::new(vec![line(&format!("PUT {R}/actions/workflows/7/disable"), 403, &words)]).await;
    assert_eq!(server.github().set(&workflow(), &State::Off).await.unwrap(), Turned::Already);
    server.is_played();
}

#[tokio::test]
async fn a_read_is_sent_again_after_a_fault_that_may_pass_and_a_limit_that_may_be_waited_for() {
    let look = format!("GET {R}/actions/workflows/7");
    let limited = json!({ "message": "You have exceeded a secondary rate limit." });
    let server = Server::new(vec![
        line(&look, 502, &Value::Null),
        line(&look, 403, &limited).with("retry-after", "0"),
        line(&look, 200, &release("active")).with("x-ratelimit-remaining", "4990").with("x-ratelimit-reset", "1795000000"),
    ])
    .await;
    let github = server.github();
    assert_eq!(github.look(&workflow()).await.unwrap(), State::On);
    server.is_played();
    let budget = github.budget();
    assert_eq!((budget.sent, budget.remaining, budget.resets.unwrap().as_second()), (3, Some(4990), 1_795_000_000));
}

#[tokio::test]
async fn a_limit_that_lasts_longer_than_the_plan_waits_is_told_with_its_length() {
    let look = format!("GET {R}/actions/workflows/7");
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (line, seconds) in [
        (
            line(&look, 403, &json!({ "message": "API rate limit exceeded" }))
                .with("x-ratelimit-remaining", "0")
                .with("x-ratelimit-reset", "784111807")
                .with("date", date),
            30,
        ),
        (line(&look, 429, &json!({ "message": "slow down" })).with("retry-after", "17"), 17),
        (line(&look, 403, &json!({ "message": "You have exceeded a secondary rate limit" })), 60),
    ] {
        let server = Server::new(vec![line]).await;
        let error = server.github().look(&workflow()).await.unwrap_err();
        let ForgeFault::RateLimited { wait, .. } = error.fault() else { panic!("{error}") };
        assert_eq!(wait.as_secs(), seconds, "{error}");
    }
}

#[tokio::test]
async fn a_missing_right_has_the_forges_own_name() {
    let enable = format!("PUT {R}/actions/workflows/7/enable");
    let refusal = |message: &str| line(&enable, 403, &json!({ "message": message }));
    let cases = [
        (
            refusal("Resource not accessible by personal access token").with("x-accepted-github-permissions", "actions=write"),
            "actions: write",
        ),
        (refusal("Resource not accessible by integration"), "actions: write"),
        (refusal("no").with("x-oauth-scopes", "gist").with("x-accepted-oauth-scopes", "repo"), "scope repo"),
        (refusal("Must have admin rights to Repository."), "role admin of the repository"),
    ];
    for (line, right) in cases {
        let server = Server::new(vec![line]).await;
        let error = server.github().set(&workflow(), &State::On).await.unwrap_err();
        assert!(matches!(error.fault(), ForgeFault::NoRights { missing, .. } if missing.as_str() == right), "{error}");
    }
    let scope = json!({ "error": "insufficient_scope", "error_description": "no", "scope": "api" });
    let server = Server::new(vec![line("PUT /git/api/v4/runners/9", 403, &scope)]).await;
    let runner = Control::ProjectRunner { id: 9, name: "builder".into() };
    let error = server.gitlab().set(&runner, &State::On).await.unwrap_err();
    assert!(matches!(error.fault(), ForgeFault::NoRights { missing, .. } if missing.as_str() == "scope api"), "{error}");
}

#[tokio::test]
async fn no_secret_of_an_answer_gets_into_an_error() {
    let github_token = format!("ghp_{}", "x".repeat(36));
    let body = json!({ "message": format!("{TOKEN} {github_token} another-secret-of-the-plan and more"),
        "errors": [{ "message": format!("https://me:hush-hush@x.example {TOKEN}") }] });
    let server = Server::new(vec![line(&format!("PUT {R}/actions/workflows/7/enable"), 422, &body)]).await;
    let error = server.github().set(&workflow(), &State::On).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("and more"), "{shown}");
    for secret in [TOKEN, "ghp_", "another-secret", "hush-hush"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let unreadable = json!({ "id": format!("{TOKEN}") });
    let server = Server::new(vec![line(&format!("GET {R}/actions/workflows/7"), 200, &unreadable)]).await;
    let error = server.github().look(&workflow()).await.unwrap_err();
    assert!(kind_of(&error) == "unreadable" && !format!("{error:?}").contains(TOKEN), "{error}");
}

#[tokio::test]
async fn the_way_back_is_tried_without_effect_and_says_what_is_missing() {
    let found = |control| Found { control, state: State::On, cut: Cut::TurnedOff };
    let left = Found { control: workflow(), state: State::Off, cut: Cut::Left("it was found so".into()) };
    let not_found = json!({ "message": "Not Found" });
    let no = json!({ "message": "Resource not accessible by personal access token" });
    let server = Server::new(vec![
        line(&format!("GET {R}"), 200, &json!({ "id": 1, "archived": false })),
        line(&format!("PUT {R}/actions/workflows/7/enable"), 204, &Value::Null),
        line(&format!("POST {R}/actions/runners/3/labels"), 403, &no).with("x-accepted-github-permissions", "administration=write"),
        line(&format!("GET {R}/actions/variables/CANSHIP_LEASE"), 404, &not_found),
        line(&format!("GET {R}/actions/variables?per_page=30&page=1"), 200, &json!({ "variables": [] })),
        line(&format!("DELETE {R}/actions/variables/CANSHIP_NO_SUCH_VARIABLE"), 403, &no)
            .with("github-authentication-token-expiration", "2026-12-14 02:28:22 UTC"),
    ])
    .await;
    let way = server.github().way_back(&[found(workflow()), found(label()), left]).await.unwrap();
    server.is_played();
    let rights: Vec<&str> = way.missing.iter().map(|missing| missing.right.as_str()).collect();
    assert_eq!(rights, ["administration: write", "variables: write"]);
    assert_eq!(way.expires, Expiry::At("2026-12-14T02:28:22Z".parse().unwrap()));
    assert_eq!(server.script.bodies.lock().unwrap().as_slice(), ["{\"labels\":[\"release\"]}"]);
}

#[tokio::test]
async fn what_runs_is_asked_for_in_every_state_and_canships_own_run_is_left_out() {
    let run = |id: u64, workflow: u64| json!({ "id": id, "workflow_id": workflow, "name": null, "head_branch": null, "status": "queued" });
    let lines = ["requested", "waiting", "pending", "queued", "in_progress"].map(|status| {
        let runs = if status == "queued" { json!([run(5, 7), run(77, 7), run(6, 8)]) } else { json!([run(5, 7)]) };
        let request = format!("GET {R}/actions/workflows/7/runs?status={status}&per_page=100&page=1");
        line(&request, 200, &json!({ "total_count": 3, "workflow_runs": runs }))
    });
    let server = Server::new(lines.into()).await;
    let found = Found { control: workflow(), state: State::On, cut: Cut::TurnedOff };
    let runs = server.github().in_flight(&[found]).await.unwrap();
    server.is_played();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [5]);
}

#[tokio::test]
async fn what_was_pushed_meanwhile_is_listed_with_checks_that_nobody_reports() {
    let reference = |name: &str, sha: &str| json!({ "ref": name, "object": { "sha": sha } });
    let heads = format!("GET {R}/git/matching-refs/heads");
    let tags = format!("GET {R}/git/matching-refs/tags");
    let rules = json!([{ "type": "required_status_checks", "parameters": { "required_status_checks": [{ "context": "build" }, { "context": "lint" }] } }]);
    let server = Server::new(vec![
        line(&heads, 200, &json!([reference("refs/heads/main", "aaaaaaaaaa"), reference("refs/heads/old", "b")])),
        line(&tags, 200, &json!([])),
        line(&heads, 200, &json!([reference("refs/heads/main", "cccccccccc"), reference("refs/heads/old", "b")])),
        line(&tags, 200, &json!([reference("refs/tags/v1", "dddddddddd"), reference("refs/tags/canship-drill/x", "e")])),
        line(&format!("GET {R}/rules/branches/main?per_page=100&page=1"), 200, &rules),
        line(&format!("GET {R}/branches/main"), 200, &json!({ "name": "main" })),
        line(&format!("GET {R}/commits/cccccccccc/check-runs?per_page=100"), 200, &json!({ "check_runs": [{ "name": "lint" }] })),
        line(&format!("GET {R}/commits/cccccccccc/status?per_page=100"), 200, &json!({ "statuses": [] })),
    ])
    .await;
    let github = server.github();
    let before = github.snapshot(&[Found { control: workflow(), state: State::On, cut: Cut::TurnedOff }]).await.unwrap();
    let missed = github.missed(&before).await.unwrap();
    server.is_played();
    let what: Vec<&str> = missed.happened.iter().map(|happened| happened.what.as_str()).collect();
    assert_eq!(what, ["pushed to `main`: aaaaaaa → ccccccc", "tagged `v1`, which is new: ddddddd"]);
    assert!(missed.happened[1].start.as_str().starts_with("`gh workflow run release.yml --repo acme/api --ref v1`"));
    assert_eq!(missed.pending_checks.iter().map(crate::record::Text::as_str).collect::<Vec<_>>(), ["`build` of `main` at ccccccc"]);
}
