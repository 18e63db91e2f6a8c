//! Secrets of a Dockerfile's build.

use crate::{
    lab::{docker, engines, podman, project},
    support::{Canship, Project, project::Plan, run::Ran},
};

const CANARY: &str = "canary-4711-of-the-build";

fn plan(plan: Plan) -> Plan {
    let dockerfile = Some("{ file: Dockerfile, secrets: [TOKEN] }".to_owned());
    Plan { dockerfile, ..plan.secret("TOKEN", "{ env: TEST_TOKEN }") }
}

fn drill(project: &Project) -> Ran {
    Canship::drill(project).variable("TEST_TOKEN", CANARY).run()
}

#[test]
fn a_secret_is_mounted_and_what_the_build_prints_of_it_is_hidden() {
    let text = format!(
        "COPY tool.sh /\nRUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN && echo && test \"$(cat /run/secrets/TOKEN | wc -c)\" = {}",
        CANARY.len()
    );
    let ran = drill(&project(&plan(docker().plan()), &text)).ends(0, "can-ship");
    assert!(ran.log.contains("\"***\""), "{}", ran.log);
    assert!(!ran.everything().contains(CANARY));
}

#[test]
fn an_image_with_a_secret_in_it_is_not_published() {
    for (instruction, place) in [
        ("RUN --mount=type=secret,id=TOKEN cp /run/secrets/TOKEN /left", "layers:"),
        ("RUN --mount=type=secret,id=TOKEN gzip </run/secrets/TOKEN >/left", "layers, in something packed"),
        ("ENV LEFT=canary-4711-of-the-build", "configuration or history"),
    ] {
        let ran = drill(&project(&plan(docker().plan()), &format!("COPY tool.sh /\n{instruction}"))).ends(10, "cannot-ship");
        assert_eq!((ran.rules()[0], ran.phase("publish")), ("secret-in-image", "skipped"), "{}", ran.stdout);
        // The engine still has it.
        assert!(ran.first_advice().contains("docker builder prune"), "{}", ran.stdout);
        assert!(ran.stdout.contains(place), "{}", ran.stdout);
        assert!(!ran.everything().contains(CANARY));
        docker().has_nothing_of(&ran.drill());
    }
}

#[test]
fn the_proxies_lead_instructions_out_and_are_in_no_image() {
    for engine in engines() {
        let look = r#"RUN test "${HTTPS_PROXY##*@}" = 198.51.100.7:3128/ && test "${https_proxy##*@}" = 198.51.100.7:3128/"#;
        let project = project(&engine.plan(), &format!("COPY tool.sh /\n{look}"));
        // What has the login in it is refused: a yes says that the image has not.
        let proxy = format!("http://team:{CANARY}@198.51.100.7:3128");
        let ran = Canship::drill(&project).variable("HTTPS_PROXY", proxy).run().ends(0, "can-ship");
        assert!(!ran.everything().contains(CANARY));
    }
}

#[test]
fn a_builder_without_secrets_of_its_own_says_so() {
    let ran = drill(&project(&plan(podman().plan()), "COPY tool.sh /"));
    assert_eq!(ran.code, Some(20), "{}", ran.stdout);
    assert!(ran.stdout.contains("needs BuildKit"), "{}", ran.stdout);
}

#[test]
fn a_secret_that_is_missing_keeps_the_image_from_being_built() {
    let ran = Canship::drill(&project(&plan(docker().plan()), "COPY tool.sh /")).run().ends(10, "cannot-ship");
    assert!(ran.rules().contains(&"secret-missing") && ran.phase("build") == "failed", "{}", ran.stdout);
}
