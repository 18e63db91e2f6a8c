//! The table: what goes wrong, and what the drill makes of it.

use axum::http::Method;

use crate::{
    lab::{Lab, drill},
    registry::proxy::Trouble,
    support::{Project, project::Plan},
};

const OTHER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// One way in which a registry fails, and how a drill has to end.
struct Case {
    /// What goes wrong, in each of these requests.
    on: &'static [(Method, &'static str)],
    trouble: Trouble,
    /// How often it does.
    times: usize,
    /// The plan's bounds.
    timeouts: &'static str,
    ends: Ends,
}

/// How a drill ends.
enum Ends {
    /// It ships all the same.
    Ships,
    /// With this exit code, verdict and rule of the first finding; the phase in which it shows itself and how that ends;
    /// words of the summary; words of the advice.
    Badly {
        code: i32,
        verdict: &'static str,
        rule: &'static str,
        phase: (&'static str, &'static str),
        says: &'static str,
        advises: &'static str,
    },
}

const PATIENT: &str = "{ api: 60s, retry_after_max: 10s }";
const HASTY: &str = "{ api: 5s, retry_after_max: 10s }";

impl Case {
    fn new(on: &'static [(Method, &'static str)], trouble: Trouble, ends: Ends) -> Self {
        Self { on, trouble, times: usize::MAX, timeouts: PATIENT, ends }
    }

    /// A drill with the fault ends as it should, and everything that is left is listed.
    #[track_caller]
    fn holds(self, lab: &Lab) {
        for (method, path) in self.on {
            lab.proxy.times(self.times, method.clone(), *path, self.trouble.clone());
        }
        let ran = drill(&Project::new(&plan(lab, self.timeouts))).run();
        lab.proxy.repent();
        let Ends::Badly { code, verdict, rule, phase: (phase, outcome), says, advises } = self.ends else {
            let ran = ran.ends(0, "can-ship");
            assert_eq!(ran.rules(), Vec::<&str>::new());
            assert_eq!(lab.all_left_is_listed(&ran), Vec::<String>::new());
            return;
        };
        let ran = ran.ends(code, verdict);
        let first = &ran.json["findings"][0];
        assert_eq!((first["rule"].as_str(), first["phase"].as_str()), (Some(rule), Some(phase)), "{}", ran.stdout);
        let publish = if phase == "probe" { outcome } else { ran.phase("publish") };
        assert_eq!((ran.phase(phase), ran.phase("publish")), (outcome, publish), "{}", ran.stdout);
        let summary = first["summary"].as_str().unwrap();
        assert!(summary.contains(says) && summary.contains(&lab.proxy.address), "{summary}");
        assert!(ran.first_advice().contains(advises), "{}", ran.first_advice());
        assert_eq!((ran.phase("build"), ran.phase("tag")), ("passed", "passed"), "the rest is looked at: {}", ran.stdout);
        lab.all_left_is_listed(&ran);
    }
}

fn plan(lab: &Lab, timeouts: &str) -> Plan {
    Plan { more: format!("timeouts: {timeouts}\n"), ..lab.plan() }
}

/// Each of these cases at a registry of its own, and then at the last one, which is honest by then, one more drill.
#[track_caller]
fn hold(start: fn() -> Lab, cases: impl IntoIterator<Item = Case>) {
    let mut last = None;
    for case in cases {
        let lab = last.insert(start());
        case.holds(lab);
    }
    let lab = last.unwrap();
    let honest = drill(&Project::new(&plan(&lab, PATIENT))).run().ends(0, "can-ship");
    assert_eq!(honest.rules(), Vec::<&str>::new());
}

fn lied(phase: &'static str, says: &'static str) -> Ends {
    let advises = "do not release to this registry";
    Ends::Badly { code: 10, verdict: "cannot-ship", rule: "registry-lied", phase: (phase, "failed"), says, advises }
}

fn unavailable(phase: &'static str, says: &'static str) -> Ends {
    let advises = "status";
    Ends::Badly { code: 20, verdict: "unknown", rule: "registry-unavailable", phase: (phase, "errored"), says, advises }
}

fn answer(status: u16) -> Trouble {
    Trouble::Answer(status, vec![], "")
}

fn wait(seconds: &str) -> Trouble {
    Trouble::Answer(429, vec![("retry-after", seconds.to_owned())], "")
}

const UPLOADS: (Method, &str) = (Method::POST, "/blobs/uploads/");
const ARTIFACTS: (Method, &str) = (Method::PATCH, "/blobs/uploads/");
const BLOBS_DONE: (Method, &str) = (Method::PUT, "/blobs/uploads/");
const MANIFEST: (Method, &str) = (Method::PUT, "/manifests/");
const MANIFEST_BACK: (Method, &str) = (Method::GET, "/manifests/sha256");
const BLOBS_BACK: (Method, &str) = (Method::GET, "/blobs/sha256");

#[test]
fn a_wrong_digest_is_a_lie() {
    let wrong = Trouble::Header("docker-content-digest", OTHER.to_owned());
    let pushed = Case::new(&[MANIFEST], wrong.clone(), lied("publish", "it says that it has sha256:000"));
    let pulled = Case::new(&[MANIFEST_BACK], wrong, lied("publish", "it says that it gives sha256:000"));
    hold(Lab::open, [pushed, pulled]);
}

#[test]
fn a_short_blob_is_a_lie() {
    let short = |mut body: Vec<u8>| {
        body.pop();
        body
    };
    hold(Lab::open, [Case::new(&[BLOBS_BACK], Trouble::Body(short), lied("publish", "bytes, but"))]);
}

#[test]
fn a_corrupted_blob_is_a_lie() {
    let corrupt = |mut body: Vec<u8>| {
        let middle = body.len() / 2;
        body[middle] ^= 1;
        body
    };
    hold(Lab::open, [Case::new(&[BLOBS_BACK], Trouble::Body(corrupt), lied("publish", "came instead of sha256:"))]);
}

#[test]
fn a_success_that_stored_nothing_is_a_lie() {
    let blobs = Case::new(&[BLOBS_DONE], answer(201), lied("publish", "misses one now"));
    let manifest = Case::new(&[MANIFEST], answer(201), lied("publish", "there is none"));
    hold(Lab::open, [blobs, manifest]);
}

#[test]
fn a_login_that_is_not_accepted_is_told() {
    let refused = Trouble::Answer(401, vec![("www-authenticate", "Basic realm=x".to_owned())], "");
    let ends = Ends::Badly {
        code: 10,
        verdict: "cannot-ship",
        rule: "registry-unauthorized",
        phase: ("probe", "failed"),
        says: "refuses this user and password",
        advises: "PASSWORD",
    };
    hold(Lab::guarded, [Case::new(&[UPLOADS], refused, ends)]);
}

#[test]
fn a_login_that_is_asked_for_and_not_there_is_told() {
    let refused = Trouble::Answer(401, vec![("www-authenticate", "Basic realm=x".to_owned())], "");
    let ends = Ends::Badly {
        code: 10,
        verdict: "cannot-ship",
        rule: "registry-unauthorized",
        phase: ("probe", "failed"),
        says: "neither the plan nor Docker's configuration",
        advises: "login:",
    };
    hold(Lab::open, [Case::new(&[UPLOADS], refused, ends)]);
}

#[test]
fn a_login_without_the_right_is_told() {
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let ends = Ends::Badly {
        code: 10,
        verdict: "cannot-ship",
        rule: "registry-forbidden",
        phase: ("probe", "failed"),
        says: "DENIED requested access",
        advises: "the right to push",
    };
    hold(Lab::guarded, [Case::new(&[UPLOADS], Trouble::Answer(403, vec![], denied), ends)]);
}

#[test]
fn a_short_rate_limit_is_waited_for() {
    let case = Case::new(&[UPLOADS, ARTIFACTS, BLOBS_DONE, MANIFEST, MANIFEST_BACK, BLOBS_BACK], wait("1"), Ends::Ships);
    hold(Lab::open, [Case { times: 1, ..case }]);
}

#[test]
fn a_long_rate_limit_leaves_the_answer_open() {
    let limited = |phase| Ends::Badly {
        code: 20,
        verdict: "unknown",
        rule: "registry-rate-limited",
        phase: (phase, "errored"),
        says: "asked to wait 1 h 00 m; at most 10.0 s are waited",
        advises: "retry_after_max",
    };
    let pushing = Case::new(&[UPLOADS], wait("3600"), limited("probe"));
    hold(Lab::open, [pushing, Case::new(&[MANIFEST_BACK], wait("3600"), limited("publish"))]);
}

#[test]
fn a_registry_that_always_fails_leaves_the_answer_open() {
    let all = &[UPLOADS, ARTIFACTS, BLOBS_DONE, MANIFEST, MANIFEST_BACK, BLOBS_BACK, (Method::HEAD, "/"), (Method::DELETE, "/")];
    let out = Case::new(all, answer(503), unavailable("probe", "503 Service Unavailable"));
    hold(Lab::open, [out, Case::new(&[MANIFEST], answer(502), unavailable("publish", "502 Bad Gateway"))]);
}

#[test]
fn a_read_that_fails_once_is_made_again() {
    let case = Case::new(&[MANIFEST_BACK, BLOBS_BACK, (Method::HEAD, "/blobs/sha256")], answer(500), Ends::Ships);
    hold(Lab::open, [Case { times: 1, ..case }]);
}

#[test]
fn a_connection_that_breaks_leaves_the_answer_open() {
    let probe = Case::new(&[UPLOADS], Trouble::HangUp, unavailable("probe", "the connection broke"));
    let push = Case::new(&[ARTIFACTS], Trouble::HangUp, unavailable("publish", "the connection broke"));
    let pull = Case::new(&[BLOBS_BACK], Trouble::Reset, unavailable("publish", "the connection broke"));
    hold(Lab::open, [probe, push, pull]);
}

#[test]
fn an_answer_that_is_lost_leaves_the_answer_open() {
    let lost = |on, phase| Case::new(on, Trouble::LoseAnswer, unavailable(phase, "whether it was done all the same is not known"));
    let publish = [&[ARTIFACTS], &[BLOBS_DONE], &[MANIFEST]].map(|on| lost(on, "publish"));
    hold(Lab::open, std::iter::once(lost(&[UPLOADS], "probe")).chain(publish));
}

#[test]
fn a_transfer_that_stalls_is_given_up_within_the_plans_bounds() {
    let hasty = |on, trouble| Case { timeouts: HASTY, ..Case::new(on, trouble, unavailable("publish", "nothing moved for 5.0 s")) };
    hold(Lab::open, [hasty(&[ARTIFACTS], Trouble::StopReading), hasty(&[BLOBS_BACK], Trouble::StopAnswer)]);
}
