//! `canship recover` of a plan that names no primary path.

#![cfg(test)]

use std::fs;

use canship::{
    record::{Claim, Control, DrillId, ForgeKind, HostId, Place},
    state::{Item, State},
};
use jiff::Timestamp;

use super::{plans::SMALL, support::Canship};

/// A call in a folder that has the smallest plan.
fn recover() -> Canship {
    let canship = Canship::new(&["recover"]);
    fs::write(canship.folder().join("canship.yaml"), SMALL).unwrap();
    canship
}

#[test]
fn a_plan_that_names_no_primary_path_has_nothing_to_give_back() {
    let ran = recover().run_as_is();
    let said = "Nothing to give back: the plan names no primary path.\n";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), said, ""));
}

#[test]
fn a_cut_of_another_plan_is_told_with_the_command_that_gives_it_back() {
    let canship = recover();
    let state = State::open(canship.folder().join("home/.local/state/canship")).unwrap();
    let claim = Claim { host: HostId::new(7), until: Timestamp::now() };
    let journal = state.begin(&DrillId::new(Timestamp::now(), 7), &claim).unwrap();
    let place = Place { kind: ForgeKind::Github, url: "https://api.github.com".parse().unwrap(), repository: "acme/web".into() };
    let control = Control::Workflow { id: 7, path: ".github/workflows/release.yml".into(), name: "release".into() };
    journal.put(&Item::Cut { place, control, by_hand: "echo 'turned on'".to_owned(), until: None }).unwrap();
    // As a drill that is killed leaves it.
    drop(journal);
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(30), "{}\n{}", ran.stdout, ran.stderr);
    for told in ["release.yml", "acme/web", "echo 'turned on'", "MAY STILL BE CUT"] {
        assert!(ran.stdout.contains(told), "{told}: {}", ran.stdout);
    }
}

#[test]
fn a_plan_that_is_missing_is_no_plan_without_a_primary_path() {
    let ran = Canship::new(&["recover"]).run_as_is();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
}

#[test]
fn a_token_that_is_set_but_empty_is_told_by_the_name_of_its_variable() {
    let canship = recover();
    let primary = "secrets: { TOKEN: { env: CANSHIP_TOKEN } }\nprimary:\n  github: { url: https://api.github.com, repository: acme/api, workflows: [release.yml], token: TOKEN }\n";
    fs::write(canship.folder().join("canship.yaml"), format!("{SMALL}{primary}")).unwrap();
    let ran = canship.variable("CANSHIP_TOKEN", "").run_as_is();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(20), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("`CANSHIP_TOKEN`") && ran.stderr.contains("TOKEN"), "{}", ran.stderr);
}
