//! What goes wrong when it is told to, and what holds while it does.

use std::{process::Command, time::Duration};

use serde_json::json;

use crate::{
    lab::Caller,
    simulator::{
        call::When,
        github::{GitHub, TOKEN},
        gitlab::{self, GitLab},
        server::Simulator,
        stop::Moment,
        trouble::{Refusal, Trouble},
    },
};

const DISABLE: &str = "/repos/acme/api/actions/workflows/release.yml/disable";
const WORKFLOW: &str = "/repos/acme/api/actions/workflows/release.yml";

fn start() -> (Simulator<GitHub>, Caller) {
    let simulator = Simulator::start(GitHub::new("acme/api").workflow("release.yml"));
    let caller = Caller::new(simulator.url(), TOKEN);
    (simulator, caller)
}

fn state(github: &Simulator<GitHub>) -> String {
    github.with(|world| world.workflows[0].state.clone())
}

#[tokio::test]
async fn a_lost_answer_leaves_the_effect_and_a_hang_up_leaves_none() {
    let (github, caller) = start();
    github.trouble(When::route("PUT", "/disable").nth(1), Trouble::HangUp);
    github.trouble(When::route("PUT", "/disable").nth(1), Trouble::LostAnswer);
    caller.send(caller.request("PUT", DISABLE)).await.unwrap_err();
    assert_eq!(state(&github), "active");
    caller.send(caller.request("PUT", DISABLE)).await.unwrap_err();
    assert_eq!(state(&github), "disabled_manually");
    let calls = github.calls();
    assert_eq!(
        calls.iter().map(|call| (call.number, call.changed, call.status)).collect::<Vec<_>>(),
        [(1, false, None), (2, true, None)]
    );
    assert_eq!(caller.get(WORKFLOW).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_call_takes_effect_after_its_caller_is_gone() {
    let (github, caller) = start();
    let stop = github.stop(When::route("PUT", "/disable"), Moment::After);
    github.trouble(When::route("PUT", "/disable"), Trouble::Late(Duration::from_millis(20)));
    caller.send(caller.request("PUT", DISABLE)).await.unwrap_err();
    tokio::task::block_in_place(|| stop.reached());
    stop.go_on();
    tokio::task::block_in_place(|| github.await_effects());
    assert_eq!((state(&github).as_str(), github.calls()[0].answered), ("disabled_manually", None));
}

#[tokio::test]
async fn a_fault_after_the_effect_looks_like_one_before_it() {
    let (github, caller) = start();
    github.trouble(When::call(1), Trouble::Fault(502));
    github.trouble(When::call(2), Trouble::FaultAfter(504));
    let first = caller.call("PUT", DISABLE, None).await;
    assert_eq!(
        (first.status, state(&github).as_str(), first.header("content-type")),
        (502, "active", Some("text/html; charset=utf-8"))
    );
    let second = caller.call("PUT", DISABLE, None).await;
    assert_eq!((second.status, state(&github).as_str()), (504, "disabled_manually"));
}

#[tokio::test]
async fn a_success_may_change_nothing_and_a_read_may_be_stale() {
    let (github, caller) = start();
    github.trouble(When::route("PUT", "/disable").nth(1), Trouble::NothingChanged);
    assert_eq!(caller.call("PUT", DISABLE, None).await.status, 204);
    assert_eq!(state(&github), "active");
    assert_eq!(caller.call("PUT", DISABLE, None).await.status, 204);
    github.trouble(When::route("GET", "release.yml").times(2), Trouble::Stale);
    for seen in ["active", "active", "disabled_manually"] {
        assert_eq!(caller.get(WORKFLOW).await.body["state"], seen);
    }
}

#[tokio::test]
async fn refusals_are_in_the_forges_own_words_and_headers() {
    let (github, caller) = start();
    let refusals = [
        (Refusal::Credentials, 401, "Bad credentials"),
        (Refusal::Rights, 403, "Resource not accessible by personal access token"),
        (Refusal::Hidden, 404, "Not Found"),
        (Refusal::Conflict, 409, "Conflict"),
        (Refusal::Invalid("No ref found for: x"), 422, "No ref found for: x"),
        (Refusal::SecondaryLimit { status: 403, retry_after: Some(3) }, 403, "You have exceeded a secondary rate limit"),
        (Refusal::SecondaryLimit { status: 429, retry_after: None }, 429, "You have exceeded a secondary rate limit"),
        (Refusal::PrimaryLimit { status: 403, reset_in: 9 }, 403, "API rate limit exceeded"),
    ];
    for (refusal, status, message) in refusals {
        github.trouble(When::always().times(1), Trouble::Refused(refusal));
        let answer = caller.call("PUT", DISABLE, None).await;
        assert!(answer.status == status && answer.message().starts_with(message), "{refusal:?}: {answer:?}");
        let wait = matches!(refusal, Refusal::SecondaryLimit { retry_after: Some(_), .. }).then_some("3");
        assert_eq!(answer.header("retry-after"), wait);
        assert_eq!(answer.header("x-ratelimit-remaining") == Some("0"), matches!(refusal, Refusal::PrimaryLimit { .. }));
    }
    assert_eq!(state(&github), "active");
    // A primary limit is one for every call until its hour is over.
    assert_eq!(caller.get(WORKFLOW).await.status, 403);
    github.with(|world| world.limits.used = 0);
    assert_eq!(caller.get(WORKFLOW).await.status, 200);
}

#[tokio::test]
async fn a_body_may_hold_the_token_that_was_sent() {
    let (github, caller) = start();
    github.trouble(When::call(1), Trouble::SecretInBody);
    let answer = caller.get(WORKFLOW).await;
    assert!(answer.status == 502 && answer.text.contains(TOKEN), "{answer:?}");
}

#[tokio::test]
async fn an_answer_may_break_off() {
    let (github, caller) = start();
    github.trouble(When::route("GET", "release.yml").nth(1), Trouble::Reset);
    caller.send(caller.request("GET", WORKFLOW)).await.unwrap_err();
    assert_eq!(caller.get(WORKFLOW).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_call_ends_when_all_is_calm_again_and_holds_up_no_other() {
    for (trouble, seen) in [(Trouble::Stall, "active"), (Trouble::StallAfter, "disabled_manually")] {
        let (github, caller) = start();
        github.trouble(When::route("PUT", "/disable"), trouble);
        let stop = github.stop(When::route("PUT", "/disable"), Moment::After);
        let stalled = tokio::spawn(caller.request("PUT", DISABLE).send());
        tokio::task::block_in_place(|| stop.reached());
        stop.go_on();
        assert_eq!(caller.get(WORKFLOW).await.body["state"], seen);
        github.calm();
        stalled.await.unwrap().unwrap_err();
    }
}

#[tokio::test]
async fn a_slow_call_takes_its_time_and_its_effect() {
    let (github, caller) = start();
    let time = Duration::from_millis(200);
    github.trouble(When::always(), Trouble::Slow(time));
    assert_eq!((caller.call("PUT", DISABLE, None).await.status, state(&github).as_str()), (204, "disabled_manually"));
    let call = &github.calls()[0];
    assert!(call.answered.unwrap().duration_since(call.arrived) >= time);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_held_holds_up_no_other() {
    let (github, caller) = start();
    let stop = github.stop(When::always(), Moment::Before);
    let calls: Vec<_> = (0..20).map(|_| tokio::spawn(caller.request("GET", WORKFLOW).send())).collect();
    tokio::task::block_in_place(|| github.await_calls(20));
    assert!(github.calls().iter().all(|call| call.answered.is_none()));
    stop.go_on();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
}

#[test]
fn a_call_can_be_held_before_its_effect_and_after_it_while_its_caller_is_killed() {
    for (moment, seen) in [(Moment::Before, "active"), (Moment::After, "disabled_manually")] {
        let (github, _) = start();
        let stop = github.stop(When::call(1), moment);
        let mut child = Command::new("curl")
            .args(["-sS", "-X", "PUT", "-H", &format!("Authorization: Bearer {TOKEN}"), &format!("{}{DISABLE}", github.url())])
            .spawn()
            .expect("`curl` is needed");
        let held = stop.reached_by(&mut child).expect("curl ended");
        assert_eq!((held.number, held.method.as_str(), state(&github).as_str()), (1, "PUT", seen));
        child.kill().unwrap();
        child.wait().unwrap();
        stop.hang_up();
        assert_eq!(state(&github), seen);
        assert!(github.stop(When::call(9), moment).reached_by(&mut child).is_none());
    }
}

#[tokio::test]
async fn gitlab_refuses_in_its_own_words() {
    let gitlab = Simulator::start(GitLab::new("acme/api"));
    let caller = Caller::new(gitlab.url(), gitlab::TOKEN);
    let before = gitlab.state();
    let refusals = [
        (Refusal::Credentials, 401, "{\"message\":\"401 Unauthorized\"}"),
        (Refusal::Rights, 403, "{\"message\":\"403 Forbidden\"}"),
        (Refusal::Hidden, 404, "{\"message\":\"404 Project Not Found\"}"),
        (Refusal::Conflict, 409, "{\"message\":\"409 Conflict\"}"),
        (
            Refusal::Invalid("Too many pipelines created in the last minute. Try again later."),
            400,
            "{\"message\":{\"base\":[\"Too many",
        ),
        (Refusal::SecondaryLimit { status: 429, retry_after: Some(3) }, 429, "Retry later"),
        (Refusal::PrimaryLimit { status: 429, reset_in: 9 }, 429, "Retry later"),
    ];
    for (refusal, status, text) in refusals {
        gitlab.trouble(When::route("PUT", "/projects/42").times(1), Trouble::Refused(refusal));
        let answer = caller.call("PUT", "/api/v4/projects/42", Some(&json!({ "shared_runners_enabled": false }))).await;
        assert!(answer.status == status && answer.text.starts_with(text), "{refusal:?}: {answer:?}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
    assert_eq!(gitlab.state(), before);
    // What is stale is so only where it is told to be.
    gitlab.with(|world| world.limits.used = 0);
    gitlab.trouble(When::route("GET", "/projects/42").nth(1), Trouble::Stale);
    caller.call("PUT", "/api/v4/projects/42", Some(&json!({ "shared_runners_enabled": false }))).await;
    for seen in [true, false] {
        assert_eq!(caller.get("/api/v4/projects/42").await.body["shared_runners_enabled"], seen);
    }
    let times = gitlab.history();
    assert_eq!((times.len(), &times[0].1["shared_runners_enabled"]), (1, &json!(false)));
}
