//! `trust:` in the plan: what is wrong with its files, and what steps are given of it.

use std::fs;

use crate::{
    lab::{drill, trusting},
    support::{Project, Services, project::Plan, run::Ran},
};

/// Says what tools find: how many certificates are in the file that each variable names.
const LOOK: &str = r#"for v in SSL_CERT_FILE CARGO_HTTP_CAINFO GIT_SSL_CAINFO GIT_PROXY_SSL_CAINFO CURL_CA_BUNDLE REQUESTS_CA_BUNDLE PIP_CERT \
    NODE_EXTRA_CA_CERTS DENO_CERT AWS_CA_BUNDLE; do eval "f=\$$v"; [ -n "$f" ] && [ -r "$f" ] && echo "found $v"; done; true"#;

/// Fails if anything but the step's own is in the source.
const CLEAN: &str = "git status --porcelain --ignored > /tmp/status || exit 1; cat /tmp/status; ! grep -q pem /tmp/status";

const OWN: &str = "{ run: 'echo \"own: $SSL_CERT_FILE\"', env: { SSL_CERT_FILE: /of/the/step } }";

fn with_steps(plan: Plan) -> Plan {
    let mut plan = plan;
    plan.run.extend([LOOK.to_owned(), CLEAN.to_owned(), OWN.to_owned()]);
    plan
}

fn write_authority(project: &Project) {
    fs::write(project.beside("ca.pem"), crate::certificates::Authority::new("Acme Test CA").pem()).unwrap();
}

#[track_caller]
fn gives_the_steps_their_file(plan: Plan) {
    let found = |ran: &Ran| ran.log.matches("\"line\":\"found ").count();
    let project = Project::new(&with_steps(plan.clone()));
    let ran = drill(&project).run().ends(0, "can-ship");
    assert_eq!(found(&ran), 0, "only when the plan asks for it");
    let project = Project::new(&with_steps(trusting(plan)));
    write_authority(&project);
    let ran = drill(&project).run().ends(0, "can-ship");
    assert_eq!(found(&ran), 10, "{}", ran.log);
    assert!(ran.log.contains("own: /of/the/step"), "a step's own variable outranks it");
    assert!(ran.json["limits"].to_string().contains("the plan's `trust`, in place of those"), "{}", ran.json["limits"]);
}

#[test]
fn the_steps_of_a_host_get_a_file_of_authorities_outside_of_the_source() {
    gives_the_steps_their_file(Plan::on_host(&Services::get()));
}

#[test]
fn the_steps_of_a_clean_room_get_a_file_of_authorities_outside_of_the_source() {
    // The image needs a git.
    let image = std::env::var("CANSHIP_TEST_IMAGE").ok();
    gives_the_steps_their_file(Plan { image, ..Plan::in_clean_room(&Services::get()) });
}

#[test]
fn a_file_that_cannot_be_used_is_told_at_its_line_before_anything_is_done() {
    let project = Project::new(&trusting(Plan::on_host(&Services::get())));
    let refused = |says: &str| {
        let ran = drill(&project).run_as_is();
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let plan = fs::read_to_string(project.plan_file()).unwrap();
        let line = plan.lines().position(|line| line.starts_with("trust:")).unwrap() + 1;
        assert!(ran.stderr.contains(&format!("canship.yaml:{line}:9: `trust[0]`: `../ca.pem` {says}")), "{}", ran.stderr);
        assert!(ran.stderr.contains("nothing was changed") && ran.stderr.contains("fix: "), "{}", ran.stderr);
    };
    refused("cannot be read: No such file");
    fs::create_dir(project.beside("ca.pem")).unwrap();
    refused("is no file");
    fs::remove_dir(project.beside("ca.pem")).unwrap();
    for (content, says) in [
        ("", "has no certificate in it"),
        ("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", "has no certificate in it"),
        ("-----BEGIN CERTIFICATE-----\nMC4=\n-----END CERTIFICATE-----\n", "has a certificate, the 1., that cannot be understood"),
        ("-----BEGIN CERTIFICATE-----\nMC4=\n", "is not in PEM form"),
    ] {
        fs::write(project.beside("ca.pem"), content).unwrap();
        refused(says);
    }
    write_authority(&project);
    drill(&project).run().ends(0, "can-ship");
}
