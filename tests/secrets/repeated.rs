//! Servers that repeat what they were given: it is no secret of the plan's, and shown nowhere all the same.

use std::fs;

use crate::{
    canary::Canary,
    echo, oci,
    support::{Canship, Project, Services, project::Plan},
    with_reports,
};

/// Nothing of it is in what the call told or wrote.
#[track_caller]
fn is_nowhere(canary: &Canary, canship: &Canship, ran: &crate::Ran) {
    canary.is_not_in("what was told", ran.stdout.clone() + &ran.stderr);
    canary.is_in_no_file_of(&canship.folder());
}

#[test]
fn a_git_server_that_repeats_the_password_of_its_address_is_not_quoted_with_it() {
    let password = Canary::plain();
    let server = echo::Registry::start();
    let project = Project::new(&Plan::on_host(&Services::get()));
    let plan = fs::read_to_string(project.plan_file()).unwrap();
    project.write("canship.yaml", &plan.replace("  mirror: ../mirror.git\n", ""));
    let origin = format!("http://bot:{}@{}/tool.git", password.value, server.address);
    project.git(&["remote", "set-url", "origin", &origin]);
    let canship = with_reports(Canship::drill(&project));
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
    assert!(server.heard().contains(&password.value) && ran.stdout.contains("you sent"), "{}", ran.stdout);
    is_nowhere(&password, &canship, &ran);
}

#[test]
fn a_git_server_that_repeats_a_header_of_gits_configuration_is_not_quoted_with_it() {
    let token = Canary::plain();
    let server = echo::Registry::start();
    let project = Project::new(&Plan::on_host(&Services::get()));
    let plan = fs::read_to_string(project.plan_file()).unwrap();
    project.write("canship.yaml", &plan.replace("  mirror: ../mirror.git\n", ""));
    project.git(&["remote", "set-url", "origin", &format!("http://{}/tool.git", server.address)]);
    let login = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("x-access-token:{}", token.value));
    // As checkouts of CI keep their token.
    project.git(&["config", &format!("http.http://{}/.extraheader", server.address), &format!("AUTHORIZATION: basic {login}")]);
    let canship = with_reports(Canship::drill(&project));
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
    assert!(server.heard().contains(&login) && ran.stdout.contains("you sent"), "{}", ran.stdout);
    is_nowhere(&token, &canship, &ran);
    assert!(!ran.stdout.contains(&login) && !ran.stderr.contains(&login), "{}", ran.stdout);
}

#[test]
fn a_registry_that_puts_a_login_of_dockers_where_an_upload_goes_on_has_it_in_no_journal_or_report() {
    let password = Canary::long();
    let registry = echo::Registry::taking();
    let project = Project::new(&Plan::on_host(&Services::get()).publish(oci(&registry.address, None)));
    let config = serde_json::json!({ "auths": { &registry.address: { "username": "bot", "password": password.value } } });
    fs::write(project.beside("config.json"), config.to_string()).unwrap();
    let canship = with_reports(Canship::drill(&project).variable("DOCKER_CONFIG", project.beside("")));
    let ran = canship.run_as_is();
    assert!(registry.heard().contains(&password.value), "{}", ran.stdout);
    assert!(ran.stdout.contains("upload"), "{}", ran.stdout);
    // What may be left there stays in the journal, and what is told of it is complete but for the login.
    let journal = canship.folder().join("home/.local/state/canship");
    assert!(fs::read_dir(journal.join("drills")).unwrap().count() == 1, "{}", ran.stdout);
    is_nowhere(&password, &canship, &ran);
}

#[test]
fn a_server_that_is_cut_short_in_the_middle_of_a_secret_is_not_quoted_with_half_of_it() {
    let token = Canary::long();
    for before in [540, 560, 580, 600] {
        let registry = echo::Registry::saying(&format!("{} {} and more {}", "x".repeat(before), token.value, "y".repeat(900)));
        let plan = Plan::on_host(&Services::get()).publish(oci(&registry.address, None)).secret("KEY", "{ env: TEST_KEY }");
        let project = Project::new(&plan);
        let canship = with_reports(Canship::drill(&project).variable("TEST_KEY", &token.value));
        let ran = canship.run_as_is();
        assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
        assert!(ran.stdout.contains("xxxx"), "{}", ran.stdout);
        is_nowhere(&token, &canship, &ran);
    }
}
