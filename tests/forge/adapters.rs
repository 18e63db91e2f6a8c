//! canship's own clients of both forges against the simulators: every request of theirs is held against the contracts.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract,
    response::Response,
};
use canship::{
    forge::{
        Access, Cancel, Control, Created, Cut, Effect, Expiry, Forge, ForgeFault, ForgeKind, Found, Own, Place, State, Turned,
        Wanted, connect,
    },
    network::{Network, Proxies, ProxyVariables, Trust},
    plan::Timeouts,
    secret::{Known, Secret},
};

use crate::simulator::{
    call::When,
    github::{self, GitHub},
    gitlab::{self, GitLab, runners::RunnerKind},
    server::Simulator,
    state::differences,
    trouble::{Refusal, Trouble},
    world::World,
};

fn connected<W: World>(simulator: &Simulator<W>, kind: ForgeKind, token: &str) -> Arc<dyn Forge> {
    connected_to(simulator.url(), kind, token)
}

fn connected_to(url: &str, kind: ForgeKind, token: &str) -> Arc<dyn Forge> {
    let access = Access {
        place: Place { kind, url: url.parse().unwrap(), repository: "acme/api".into() },
        token: Secret::new(token.to_owned()),
        secrets: Vec::new(),
        own: Own::default(),
        timeouts: Timeouts { api: Duration::from_secs(30), retry_after_max: Duration::from_secs(1) },
        network: Network {
            trust: Trust::new(&[]),
            proxies: Proxies::new(&ProxyVariables::default()).unwrap(),
            known: Known::default(),
        },
    };
    connect(&access).unwrap()
}

fn github(world: GitHub) -> (Simulator<GitHub>, Arc<dyn Forge>) {
    let simulator = Simulator::start(world);
    let forge = connected(&simulator, ForgeKind::Github, github::TOKEN);
    (simulator, forge)
}

fn gitlab(world: GitLab) -> (Simulator<GitLab>, Arc<dyn Forge>) {
    let simulator = Simulator::start(world);
    let forge = connected(&simulator, ForgeKind::Gitlab, gitlab::TOKEN);
    (simulator, forge)
}

fn of_github(workflows: &[&str], labels: &[&str]) -> Wanted {
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    Wanted::Github { workflows: owned(workflows), labels: owned(labels), spares: Vec::new() }
}

fn of_gitlab(schedules: bool) -> Wanted {
    Wanted::Gitlab { runners: None, schedules, spares: Vec::new() }
}

/// Turns off what was found, sees that it is, gives it back, and sees that.
async fn cut_and_give_back(forge: &dyn Forge, found: &[Found]) {
    let turned: Vec<&Control> = found.iter().filter(|found| found.cut == Cut::TurnedOff).map(|found| &found.control).collect();
    assert!(!turned.is_empty());
    for state in [State::Off, State::On] {
        for control in &turned {
            assert_eq!(forge.set(control, &state).await.unwrap(), Turned::Taken, "{control}");
            assert_eq!(forge.look(control).await.unwrap(), state, "{control}");
            forge.set(control, &state).await.unwrap();
        }
    }
}

async fn keep_a_lease(forge: &dyn Forge) {
    assert_eq!(forge.lease().await.unwrap(), None);
    let text = "{\"drill\": \"$one & <two>\"}";
    assert_eq!(forge.create_lease(text).await.unwrap(), Created::Yes);
    assert_eq!(forge.create_lease("late").await.unwrap(), Created::AlreadyThere);
    assert_eq!(forge.lease().await.unwrap().as_deref(), Some(text));
    forge.replace_lease("renewed").await.unwrap();
    assert_eq!(forge.lease().await.unwrap().as_deref(), Some("renewed"));
    forge.delete_lease().await.unwrap();
    forge.delete_lease().await.unwrap();
    assert_eq!(forge.lease().await.unwrap(), None);
    assert!(forge.replace_lease("nothing").await.is_err());
}

#[tokio::test]
async fn a_whole_cut_of_github_leaves_nothing_behind() {
    for world in [GitHub::new("acme/api"), GitHub::new("acme/api").enterprise()] {
        let world = world.workflow("release.yml").workflow_in("old.yml", "disabled_inactivity").runner("big", &["release"]);
        let (simulator, forge) = github(world);
        let before = simulator.state();
        let found = forge.controls(&of_github(&["release.yml", "old.yml"], &["release"])).await.unwrap();
        let way = forge.way_back(&found).await.unwrap();
        assert_eq!(way.missing, []);
        assert!(matches!(way.expires, Expiry::At(_)));
        assert_eq!(differences(&before, &simulator.state()), [] as [&str; 0], "proving the way back has no effect");
        assert_eq!(forge.in_flight(&found).await.unwrap(), []);
        let snapshot = forge.snapshot(&found).await.unwrap();
        cut_and_give_back(&*forge, &found).await;
        keep_a_lease(&*forge).await;
        assert_eq!(forge.missed(&snapshot).await.unwrap().happened, []);
        assert_eq!(differences(&before, &simulator.state()), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn a_usual_cut_of_github_costs_few_requests() {
    let (simulator, forge) = github(GitHub::new("acme/api").workflow("release.yml"));
    let found = forge.controls(&of_github(&["release.yml"], &[])).await.unwrap();
    forge.way_back(&found).await.unwrap();
    let snapshot = forge.snapshot(&found).await.unwrap();
    for _ in 0..2 {
        assert_eq!(forge.in_flight(&found).await.unwrap(), []);
    }
    for state in [State::Off, State::On] {
        forge.set(&found[0].control, &state).await.unwrap();
        forge.look(&found[0].control).await.unwrap();
    }
    simulator.with(|world| world.refs.insert("refs/heads/main".to_owned(), "ab".repeat(20)));
    forge.missed(&snapshot).await.unwrap();
    let sent = forge.budget().sent;
    assert_eq!(u64::try_from(simulator.calls().len()).unwrap(), sent);
    assert!(sent <= 30, "{sent} requests, without the lease's");
}

#[tokio::test]
async fn what_is_in_flight_on_github_is_found_in_every_state_and_cancelled() {
    let world = GitHub::new("acme/api").workflow("release.yml").workflow("other.yml");
    let world = ["queued", "in_progress", "waiting", "pending", "requested"]
        .iter()
        .fold(world, |world, status| world.run("release.yml", status));
    let (simulator, forge) = github(world.run("other.yml", "queued"));
    let found = forge.controls(&of_github(&["release.yml"], &[])).await.unwrap();
    let runs = forge.in_flight(&found).await.unwrap();
    assert_eq!(runs.len(), 5, "{runs:?}");
    for run in &runs {
        forge.cancel(run, Cancel::Asked).await.unwrap();
        forge.cancel(run, Cancel::Forced).await.unwrap();
    }
    assert_eq!(forge.in_flight(&found).await.unwrap(), []);
    assert_eq!(simulator.state()["runs"].as_object().unwrap().values().filter(|state| *state == "cancelled").count(), 5);
}

#[tokio::test]
async fn canships_own_workflow_is_recognised_by_what_it_runs() {
    let (simulator, forge) = github(GitHub::new("acme/api").workflow("drill.yml"));
    let text = "jobs:\n  drill:\n    steps:\n      - run: exec canship drill --cut\n";
    simulator.with(|world| world.files.insert(".github/workflows/drill.yml".to_owned(), text.to_owned()));
    let error = forge.controls(&of_github(&["drill.yml"], &[])).await.unwrap_err();
    assert!(matches!(error.fault(), ForgeFault::Declined { .. }), "{error}");
}

#[tokio::test]
async fn rights_that_giving_back_needs_are_missed_by_name() {
    for (permission, right) in
        [("actions", "actions: write"), ("administration", "administration: write"), ("actions_variables", "actions_variables: ")]
    {
        let (simulator, forge) = github(GitHub::new("acme/api").workflow("release.yml").runner("big", &["release"]));
        let found = forge.controls(&of_github(&["release.yml"], &["release"])).await.unwrap();
        let before = simulator.state();
        simulator.with(|world| world.token().set(permission, None));
        let way = forge.way_back(&found).await.unwrap();
        assert_eq!(way.missing.len(), 1, "{way:?}");
        assert!(way.missing[0].right.as_str().starts_with(right), "{way:?}");
        assert_eq!(differences(&before, &simulator.state()), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn pushes_and_tags_of_the_meantime_are_listed_with_pending_checks() {
    let (simulator, forge) = github(GitHub::new("acme/api").workflow("release.yml"));
    let found = forge.controls(&of_github(&["release.yml"], &[])).await.unwrap();
    let snapshot = forge.snapshot(&found).await.unwrap();
    simulator.with(|world| {
        world.refs.insert("refs/heads/main".to_owned(), "ab".repeat(20));
        world.refs.insert("refs/tags/v2".to_owned(), "ab".repeat(20));
        world.required_checks.insert("main".to_owned(), vec!["build".to_owned()]);
    });
    let missed = forge.missed(&snapshot).await.unwrap();
    assert_eq!(missed.happened.len(), 2, "{missed:?}");
    assert_eq!(missed.pending_checks.len(), 1, "{missed:?}");
    assert_eq!(missed.unread, []);
}

#[tokio::test]
async fn a_lost_answer_of_github_is_told_as_one_and_never_sent_twice() {
    let cases = [
        (Trouble::LostAnswer, Effect::Unknown),
        (Trouble::FaultAfter(502), Effect::Unknown),
        (Trouble::Reset, Effect::None),
        (Trouble::Refused(Refusal::Rights), Effect::None),
        (Trouble::Refused(Refusal::SecondaryLimit { status: 429, retry_after: Some(1) }), Effect::None),
        (Trouble::Refused(Refusal::PrimaryLimit { status: 403, reset_in: 600 }), Effect::None),
    ];
    for (trouble, effect) in cases {
        let (simulator, forge) = github(GitHub::new("acme/api").workflow("release.yml"));
        let found = forge.controls(&of_github(&["release.yml"], &[])).await.unwrap();
        simulator.trouble(When::route("PUT", "/disable"), trouble.clone());
        let set = forge.set(&found[0].control, &State::Off).await;
        if let Err(error) = &set {
            assert_eq!(error.effect(), effect, "{trouble:?}: {error}");
        }
        assert_eq!(simulator.count("PUT", "/disable"), 1, "{trouble:?}: {set:?}");
        simulator.calm();
    }
}

#[tokio::test]
async fn a_secret_in_an_answer_does_not_get_out() {
    let (simulator, forge) = github(GitHub::new("acme/api").workflow("release.yml"));
    let found = forge.controls(&of_github(&["release.yml"], &[])).await.unwrap();
    simulator.trouble(When::route("PUT", "/disable"), Trouble::SecretInBody);
    let error = forge.set(&found[0].control, &State::Off).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(github::TOKEN));
}

#[tokio::test]
async fn a_whole_cut_of_gitlab_leaves_nothing_behind() {
    for world in [GitLab::new("acme/api"), GitLab::new("acme/api").below("/git/lab")] {
        let world = world
            .runner("builder", &["release"])
            .runner_of(RunnerKind::Group, "of-the-group", &[])
            .schedule("nightly", "release-captain", true)
            .schedule("canship recover", "release-captain", true)
            .schedule("weekly", "somebody-else", true);
        let (simulator, forge) = gitlab(world);
        let before = simulator.state();
        let found = forge.controls(&of_gitlab(true)).await.unwrap();
        assert_eq!(found.iter().filter(|found| found.cut == Cut::TurnedOff).count(), 4, "{found:?}");
        let way = forge.way_back(&found).await.unwrap();
        assert_eq!(way.missing, []);
        assert_eq!(way.expires, Expiry::At("2099-12-14T00:00:00Z".parse().unwrap()));
        assert_eq!(differences(&before, &simulator.state()), [] as [&str; 0], "proving the way back has no effect");
        let snapshot = forge.snapshot(&found).await.unwrap();
        cut_and_give_back(&*forge, &found).await;
        keep_a_lease(&*forge).await;
        assert_eq!(forge.missed(&snapshot).await.unwrap().happened, []);
        assert_eq!(differences(&before, &simulator.state()), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn pipelines_in_flight_on_gitlab_are_found_and_cancelled() {
    let world = ["running", "pending", "created"].iter().fold(GitLab::new("acme/api"), |world, status| world.pipeline(status));
    let (_simulator, forge) = gitlab(world.pipeline("success"));
    let runs = forge.in_flight(&[]).await.unwrap();
    assert_eq!(runs.len(), 3, "{runs:?}");
    for run in &runs {
        forge.cancel(run, Cancel::Asked).await.unwrap();
    }
    assert_eq!(forge.in_flight(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_gitlab_role_that_is_too_low_is_told_by_name() {
    let (simulator, forge) = gitlab(GitLab::new("acme/api").runner("builder", &[]));
    let found = forge.controls(&of_gitlab(false)).await.unwrap();
    simulator.with(|world| world.token().role = Some(gitlab::rights::Role::Developer));
    let way = forge.way_back(&found).await.unwrap();
    assert_eq!(way.missing.len(), 4, "{way:?}");
    assert!(way.missing.iter().all(|missing| missing.right.as_str() == "role Maintainer of the project"), "{way:?}");
}

#[tokio::test]
async fn a_command_by_hand_does_what_canship_would() {
    let (simulator, forge) = github(GitHub::new("acme/api").workflow("release.yml"));
    let before = simulator.state();
    let found = forge.controls(&of_github(&["release.yml"], &[])).await.unwrap();
    forge.set(&found[0].control, &State::Off).await.unwrap();
    forge.create_lease("mine").await.unwrap();
    by_hand(&forge.by_hand(&found[0].control, &State::On), github::TOKEN).await;
    by_hand(&forge.delete_lease_by_hand(), github::TOKEN).await;
    assert_eq!(differences(&before, &simulator.state()), [] as [&str; 0]);

    let (simulator, forge) = gitlab(GitLab::new("acme/api").below("/lab").runner("it's mine", &[]));
    let before = simulator.state();
    let found = forge.controls(&of_gitlab(false)).await.unwrap();
    forge.create_lease("mine").await.unwrap();
    for Found { control, .. } in &found {
        forge.set(control, &State::Off).await.unwrap();
        by_hand(&forge.by_hand(control, &State::On), gitlab::TOKEN).await;
    }
    by_hand(&forge.delete_lease_by_hand(), gitlab::TOKEN).await;
    assert_eq!(differences(&before, &simulator.state()), [] as [&str; 0]);
}

/// What came, without the headers but for whether the token was there.
type Asked = (String, bool, String);

/// Answers what is asked of a repository by its old name with where it is now.
async fn renamed(extract::State(asked): extract::State<Arc<Mutex<Vec<Asked>>>>, request: extract::Request) -> Response {
    let path = request.uri().path().to_owned();
    let status = match (path.strip_prefix("/moved"), request.method().as_str()) {
        (Some(_), _) => 204,
        (None, "POST") => 301,
        (None, _) => 307,
    };
    let has_token =
        request.headers().get("authorization").is_some_and(|value| value == format!("Bearer {}", github::TOKEN).as_str());
    let line = format!("{} {path}", request.method());
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    asked.lock().unwrap().push((line, has_token, String::from_utf8(body.to_vec()).unwrap()));
    Response::builder().status(status).header("location", format!("/moved{path}")).body(Body::empty()).unwrap()
}

/// A program that stops at the redirect ends as if all were well.
#[tokio::test]
async fn a_command_by_hand_reaches_a_repository_that_was_renamed_meanwhile() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forge = connected_to(&format!("http://{}", listener.local_addr().unwrap()), ForgeKind::Github, github::TOKEN);
    let app = axum::Router::new().fallback(renamed).with_state(Arc::clone(&asked));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let workflow = Control::Workflow { id: 7, path: "release.yml".into(), name: "Release".into() };
    let label = Control::RunnerLabel { runner: 3, name: "big".into(), label: "release".into() };
    for (control, says, body) in [
        (workflow, "PUT /moved/repos/acme/api/actions/workflows/7/enable", ""),
        (label, "POST /moved/repos/acme/api/actions/runners/3/labels", r#"{"labels":["release"]}"#),
    ] {
        by_hand(&forge.by_hand(&control, &State::On), github::TOKEN).await;
        assert_eq!(asked.lock().unwrap().pop().unwrap(), (says.to_owned(), true, body.to_owned()));
    }
}

async fn by_hand(command: &str, token: &str) {
    assert!(!command.contains(token));
    let mut shell = tokio::process::Command::new("sh");
    let ran = shell.args(["-c", command]).env("CANSHIP_TOKEN", token).output().await.unwrap();
    assert!(ran.status.success(), "{command}: {ran:?}");
}
