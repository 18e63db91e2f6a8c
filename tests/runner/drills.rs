//! What a drill on a spare runner shows when all is well, and what it believes.

use serde_json::json;

use crate::{
    rig::{Forge, Rig},
    simulator::{
        call::When,
        github::{self, GitHub},
        gitlab::GitLab,
        trouble::Trouble,
    },
    support::{Canship, run::Ran},
};

fn an_honest_run<F: Forge>() {
    let rig = Rig::<F>::new();
    let ran = rig.run().ends(0, "can-ship");
    let run = &ran.json["run"];
    assert_eq!(run["runner"], "spare-1");
    assert_eq!(run["known"], "answered");
    assert_eq!(run["runners"][0]["name"], "spare-1");
    for time in ["accepted_ms", "waited_ms", "worked_ms"] {
        assert!(run[time].is_u64(), "{time}: {run:#}");
    }
    let stages: Vec<_> = run["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["queued", "picked-up", "done", "built"]);
    assert_eq!(run["reported"]["verdict"], "can-ship");
    assert_eq!(run["reported"]["commit"], ran.json["source"]["commit"]);
    let published = &ran.json["published"][0];
    assert!(published["digest"].is_string() && published["pushed_digest"] == published["pulled_digest"], "{published:#}");
    assert_eq!(ran.json["spare"]["independence"], "same-control-plane");
    assert_eq!(ran.json["leftovers"], json!([]), "{}", ran.stdout);
    assert_eq!(rig.pushed(), Vec::<String>::new());
    assert!(ran.json["time_to_ship_ms"].is_u64());
}

#[test]
fn an_honest_run_on_github_can_ship_and_leaves_nothing() {
    an_honest_run::<GitHub>();
}

#[test]
fn an_honest_run_on_gitlab_can_ship_and_leaves_nothing() {
    an_honest_run::<GitLab>();
}

/// The answer to the one request is lost after it took effect: the run is found by its nonce, and asked for once.
fn a_lost_answer<F: Forge>(route: &str) {
    let rig = Rig::<F>::new();
    rig.forge.trouble(When::route("POST", route), Trouble::LostAnswer);
    rig.forge.with(F::lag);
    let ran = rig.run().ends(0, "can-ship");
    assert_eq!(ran.json["run"]["known"], "looked-up");
    assert_eq!(rig.forge.count("POST", route), 1);
    assert_eq!(rig.pushed(), Vec::<String>::new());
}

#[test]
fn a_run_whose_answer_was_lost_on_github_is_found_and_not_asked_for_again() {
    a_lost_answer::<GitHub>("/dispatches");
}

#[test]
fn a_run_whose_answer_was_lost_on_gitlab_is_found_and_not_asked_for_again() {
    a_lost_answer::<GitLab>("/pipeline");
}

#[test]
fn a_gateway_that_fails_after_the_dispatch_took_effect_starts_no_second_run() {
    let rig = Rig::<GitHub>::new();
    rig.forge.trouble(When::route("POST", "/dispatches"), Trouble::FaultAfter(502));
    let ran = rig.run().ends(0, "can-ship");
    assert_eq!((&ran.json["run"]["known"], rig.forge.count("POST", "/dispatches")), (&json!("looked-up"), 1));
    assert_eq!(rig.forge.with(|world| world.runs.len()), 1);
}

#[test]
fn a_server_that_says_no_run_has_it_found_by_its_nonce() {
    let rig = Rig::<GitHub>::new();
    rig.forge.with(|world| world.has_run_details = false);
    let ran = rig.run().ends(0, "can-ship");
    assert_eq!(ran.json["run"]["known"], "looked-up");
}

#[test]
fn a_request_of_which_nothing_came_is_unknown_and_not_sent_again() {
    let rig = Rig::<GitHub>::new();
    rig.forge.trouble(When::route("POST", "/dispatches"), Trouble::HangUp);
    let ran = rig.run().ends(20, "unknown");
    assert_eq!((ran.rules()[0], rig.forge.count("POST", "/dispatches")), ("run-unclear", 1), "{}", ran.stdout);
    // It may be there all the same, and whoever reads the report is told how to end it.
    assert!(ran.json["leftovers"][0]["remedy"].as_str().unwrap().contains("nonce"), "{}", ran.stdout);
}

#[test]
fn looks_at_a_run_ask_only_for_what_is_new() {
    let rig = Rig::<GitHub>::new();
    rig.run().ends(0, "can-ship");
    let used = rig.forge.with(|world| world.limits.used);
    let sent = rig.forge.calls().len() as u64;
    assert!(used < sent && used < 40, "{used} of {sent} counted");
}

#[test]
fn a_project_that_takes_variables_is_given_the_nonce_as_one() {
    let rig = Rig::<GitLab>::new().edit(".gitlab-ci.yml", |_| "include: [/ci/canship.yml, /ci/spare.yml]\n".to_owned());
    rig.run().ends(0, "can-ship");
    rig.forge.with(|world| world.variables_role = "no_one_allowed".to_owned());
    let ran = rig.run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "workflow-unusable");
    assert!(ran.stdout.contains("canship_nonce") && ran.stdout.contains("CANSHIP_NONCE"), "{}", ran.stdout);
}

#[test]
fn a_release_that_fails_on_the_runner_cannot_ship_and_says_why() {
    let rig = Rig::<GitHub>::new().plan(|plan| plan.smoke = vec!["./tool | grep 'another version'".to_owned()]);
    let ran = rig.run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "smoke-failed");
    assert!(ran.json["findings"][0]["summary"].as_str().unwrap().starts_with("on the runner: "), "{}", ran.stdout);
    assert_eq!((rig.pushed(), &ran.json["leftovers"]), (Vec::new(), &json!([])));
}

/// The line of the workflow that drills.
const DRILLS: &str = "exec \"$RUNNER_TEMP/canship/canship\" drill";

fn with_workflow(change: impl FnOnce(String) -> String) -> Rig<GitHub> {
    Rig::<GitHub>::new().edit(".github/workflows/canship-spare.yml", change)
}

#[test]
fn a_success_without_an_event_log_is_not_believed() {
    let rig = with_workflow(|text| {
        text.replace(DRILLS, "true || canship").replace("if-no-files-found: error", "if-no-files-found: warn")
    });
    let ran = rig.run().ends(20, "unknown");
    assert_eq!(ran.rules()[0], "run-not-believed", "{}", ran.stdout);
    assert_eq!(rig.forge.with(|world| world.runs[0].standing().to_owned()), "success");
}

/// Nothing is kept as an artifact.
fn without_artifact(text: &str) -> String {
    let kept = "uses: actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0";
    let (before, after) = text.split_once(kept).unwrap();
    let rest = after.split_once("      - name: Show it").unwrap().1;
    format!("{before}run: echo there is no room for it; exit 1\n      - name: Show it{rest}")
}

#[test]
fn an_event_log_that_was_not_kept_on_github_is_read_from_the_jobs_log() {
    let rig = with_workflow(|text| without_artifact(&text));
    let ran = rig.run();
    assert_eq!(
        (ran.json["run"]["reported"]["verdict"].as_str(), ran.phase("publish")),
        (Some("can-ship"), "passed"),
        "{}",
        ran.stdout
    );
    // A step beside the drill has failed, which is told.
    assert_eq!(ran.rules(), ["run-failed"], "{}", ran.stdout);
    assert_eq!(rig.pushed(), Vec::<String>::new());
}

#[test]
fn an_event_log_that_was_not_kept_on_gitlab_is_read_from_the_jobs_log() {
    let rig = Rig::<GitLab>::new().edit("ci/spare.yml", |text| text.split_once("  artifacts:").unwrap().0.to_owned());
    let ran = rig.run().ends(0, "can-ship");
    assert_eq!(ran.json["published"][0]["pushed_digest"], ran.json["published"][0]["pulled_digest"]);
    assert_eq!(rig.pushed(), Vec::<String>::new());
}

/// What the jobs of a run print in place of their event log, which is not kept, by this expression of `sed`.
const PRINTED: [(&str, &str); 3] = [
    ("s/\"digest\":\"sha256:......../\"digest\":\"sha256:00000000/g", "a digest that the registry does not have"),
    ("s/,\"nonce\":\"[^\"]*\"//", "no nonce"),
    ("/\"event\":\"room-ready\"/d", "a line less"),
];

#[test]
fn a_jobs_log_with_a_forged_digest_or_without_the_nonce_or_a_line_is_not_believed_on_github() {
    for (forged, what) in PRINTED {
        let prints = format!("sed '{forged}' canship-drill/drill.jsonl");
        let rig = with_workflow(|text| without_artifact(&text).replace("cat canship-drill/drill.jsonl", &prints));
        let ran = rig.run();
        assert_eq!(ran.code, Some(20), "{what}: {}", ran.stdout);
        assert!(ran.rules().contains(&"run-not-believed") && ran.phase("publish") != "passed", "{what}: {}", ran.stdout);
    }
}

#[test]
fn a_jobs_log_with_a_forged_digest_or_without_the_nonce_or_a_line_is_not_believed_on_gitlab() {
    for (forged, what) in PRINTED {
        let rig = Rig::<GitLab>::new().edit("ci/spare.yml", |text| {
            let text = text.split_once("  artifacts:").unwrap().0.to_owned();
            text.replace("    - cat canship-drill/drill.jsonl", &format!("    - |\n      sed '{forged}' canship-drill/drill.jsonl"))
        });
        let ran = rig.run();
        assert_eq!(ran.code, Some(20), "{what}: {}", ran.stdout);
        assert!(ran.rules().contains(&"run-not-believed") && ran.phase("publish") != "passed", "{what}: {}", ran.stdout);
    }
}

#[test]
fn the_event_log_of_another_drill_is_not_believed() {
    let rig = with_workflow(|text| text.replace("--nonce \"$NONCE\"", "--nonce an-old-one-0815"));
    let ran = rig.run().ends(20, "unknown");
    assert_eq!(ran.rules()[0], "run-not-believed");
    assert!(ran.stdout.contains("an-old-one-0815"), "{}", ran.stdout);
}

#[test]
fn a_digest_that_the_registry_does_not_have_is_not_believed() {
    let last = "--junit canship-drill/junit.xml";
    let all = r#"s/"\(digest\|marked\)":"sha256:......../"\1":"sha256:00000000/g"#;
    let of_the_release = r#"/"image-pushed"/s/"digest":"sha256:......../"digest":"sha256:00000000/"#;
    for forged in [all, of_the_release] {
        let forges = format!("sed -i '{forged}' canship-drill/drill.jsonl");
        let rig = with_workflow(|text| {
            text.replace(DRILLS, &DRILLS["exec ".len()..]).replace(last, &format!("{last}\n          {forges}"))
        });
        let ran = rig.run().ends(20, "unknown");
        assert_eq!((ran.rules()[0], ran.phase("publish")), ("run-not-believed", "errored"), "{}", ran.stdout);
        assert_eq!(rig.pushed(), Vec::<String>::new());
    }
}

#[test]
fn another_commit_than_the_one_that_is_drilled_is_not_believed() {
    let rig = with_workflow(|text| {
        text.replace(
            DRILLS,
            "sed -i 's/^source:/source:\\n  ref: HEAD~1/' canship.yaml\n          exec \"$RUNNER_TEMP/canship/canship\" drill",
        )
    });
    let ran = rig.run();
    assert_eq!((ran.code, ran.rules()[0]), (Some(20), "run-not-believed"), "{}", ran.stdout);
}

#[test]
fn a_drill_that_is_interrupted_cancels_its_run() {
    let rig = Rig::<GitHub>::new();
    rig.forge.with(|world| world.the_runner("spare-1").is_online = false);
    let mut running = rig.drill().start();
    running.await_event(|event| event["event"] == "run-reached");
    running.signal(rustix::process::Signal::INT);
    let ran = running.finish();
    assert_eq!(ran.code, Some(130), "{}", ran.stdout);
    assert_eq!(rig.forge.with(|world| world.runs[0].standing().to_owned()), "cancelled");
    assert!(ran.json["cleaned"][0].as_str().unwrap().contains("canship-spare.yml"), "{:#}", ran.json["cleaned"]);
}

/// A drill that was killed while its run waits for a runner, and the folder of its machine's state.
fn killed() -> (Rig<GitHub>, tempfile::TempDir) {
    let rig = Rig::<GitHub>::new();
    rig.forge.with(|world| world.the_runner("spare-1").is_online = false);
    let state = tempfile::tempdir().unwrap();
    let mut running = rig.drill().variable("XDG_STATE_HOME", state.path()).start();
    running.await_event(|event| event["event"] == "run-reached");
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.finish().code, Some(-9));
    (rig, state)
}

/// The same, and then these calls of canship on its machine.
fn killed_and_then(calls: &[&[&str]]) -> (Rig<GitHub>, Vec<Ran>) {
    let (rig, state) = killed();
    let then = |command: &&[&str]| {
        let call = Canship::new(command).argument("--plan").argument(rig.project.plan_file());
        call.variable("XDG_STATE_HOME", state.path()).variable("CANSHIP_TOKEN", github::TOKEN).run_as_is()
    };
    let ran = calls.iter().map(then).collect();
    (rig, ran)
}

#[test]
fn a_run_whose_drill_was_killed_is_cancelled_by_recover() {
    let (rig, ran) = killed_and_then(&[&["recover"], &["recover"]]);
    assert_eq!(ran[0].code, Some(0), "{}{}", ran[0].stdout, ran[0].stderr);
    assert!(ran[0].stdout.contains("cancelled a run of `canship-spare.yml`"), "{}", ran[0].stdout);
    assert_eq!(rig.forge.with(|world| world.runs[0].standing().to_owned()), "cancelled");
    assert!(ran[1].code == Some(0) && !ran[1].stdout.contains("a run of"), "{}", ran[1].stdout);
}

#[test]
fn a_run_whose_drill_was_killed_is_cancelled_by_clean() {
    let (rig, ran) = killed_and_then(&[&["clean", "--dry-run"], &["clean"], &["clean"]]);
    assert!(ran[0].stdout.contains("would remove  a run of `canship-spare.yml`"), "{}", ran[0].stdout);
    assert!(ran[1].stdout.contains("removed       a run of `canship-spare.yml`"), "{}", ran[1].stdout);
    assert_eq!(rig.forge.with(|world| world.runs[0].standing().to_owned()), "cancelled");
    assert!(!ran[2].stdout.contains("a run of"), "{}", ran[2].stdout);
}

#[test]
fn a_run_whose_drill_was_killed_is_cancelled_by_the_next_drill() {
    let (rig, state) = killed();
    rig.forge.with(|world| world.the_runner("spare-1").is_online = true);
    let ran = rig.drill().variable("XDG_STATE_HOME", state.path()).run();
    let standing: Vec<_> = rig.forge.with(|world| world.runs.iter().map(|run| run.standing().to_owned()).collect());
    assert_eq!(standing, ["cancelled", "success"], "{}", ran.stdout);
}

#[test]
fn the_primary_path_is_away_while_the_spare_runner_ships() {
    let rig = Rig::<GitHub>::new();
    let before = rig.forge.with(|world| world.the_workflow("release.yml").state.clone());
    let ran = rig.drill().argument("--cut").argument("--yes").run().ends(0, "can-ship");
    assert_eq!((ran.json["restored"].as_str(), ran.json["run"]["runner"].as_str()), (Some("yes"), Some("spare-1")));
    assert_eq!(rig.forge.with(|world| world.the_workflow("release.yml").state.clone()), before);
    assert!(rig.forge.with(|world| world.variables.is_empty()));
}
