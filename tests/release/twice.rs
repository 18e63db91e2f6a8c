//! A build that is done twice.

use crate::{
    support::{Canship, Project, Services, project::Plan, run::Ran},
    urls::comparison,
};

fn twice(plan: &Plan) -> Ran {
    Canship::drill(&Project::new(plan)).argument("--twice").run()
}

#[test]
fn a_reproducible_build_is_said_to_be_so() {
    let services = Services::get();
    for plan in [Plan::in_clean_room(&services), Plan::on_host(&services)] {
        let ran = twice(&plan).ends(0, "can-ship");
        assert_eq!(ran.phase("repeat"), "passed");
        assert_eq!((comparison(&ran)["with"].as_str(), comparison(&ran)["result"].as_str()), (Some("second-build"), Some("same")));
        assert_eq!(ran.json["artifacts"].as_array().unwrap().len(), 1, "what the second build made is no part of the release");
        assert!(ran.stdout.contains("a second build of the same commit, from nothing: the same (1 file"), "{}", ran.stdout);
        assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0);
        let ships = ran.json["time_to_ship_ms"].as_u64().unwrap();
        let repeat = ran.json["phases"].as_array().unwrap().iter().find(|phase| phase["phase"] == "repeat").unwrap();
        let all = ran.json["duration_ms"].as_u64().unwrap();
        assert!(ships + repeat["duration_ms"].as_u64().unwrap() <= all, "repeating is no part of the time to ship: {}", ran.json);
    }
}

#[test]
fn a_build_that_embeds_the_time_is_not_and_the_file_is_named() {
    let steps = [
        "mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool",
        "echo \"# $(date +%N) $(cat /proc/sys/kernel/random/uuid)\" >>dist/tool",
    ];
    let ran = twice(&Plan::in_clean_room(&Services::get()).run(&steps)).ends(11, "degraded");
    // The date of busybox knows no nanoseconds, the kernel's random number is always another.
    assert_eq!(ran.rules(), ["not-reproducible"], "{}", ran.stdout);
    assert_eq!(ran.phase("repeat"), "failed");
    let evidence = ran.json["findings"][0]["evidence"][0].as_str().unwrap();
    assert!(evidence.starts_with("`tool` has ") && evidence.ends_with("in line 3"), "{evidence}");
    assert!(ran.first_advice().contains("SOURCE_DATE_EPOCH"), "{}", ran.first_advice());
}

#[test]
fn the_time_of_the_commit_is_what_steps_get_for_the_time() {
    let steps = ["mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool", "echo \"# $SOURCE_DATE_EPOCH\" >>dist/tool"];
    let project = Project::new(&Plan::in_clean_room(&Services::get()).run(&[&steps[..], &["cat dist/tool"]].concat()));
    let ran = Canship::drill(&project).argument("--twice").run().ends(0, "can-ship");
    let committed = project.git(&["log", "-1", "--format=%ct"]);
    assert!(ran.stderr.contains(&format!("│ # {}", committed.trim())), "{}", ran.stderr);

    let own = "{ run: 'test $SOURCE_DATE_EPOCH = 7 && mkdir dist && cp tool.sh dist/tool', env: { SOURCE_DATE_EPOCH: 7 } }";
    twice(&Plan { smoke: vec!["sh ./tool".into()], ..Plan::in_clean_room(&Services::get()) }.run(&[own])).ends(0, "can-ship");
}

#[test]
fn a_second_build_that_fails_leaves_open_what_was_asked() {
    let project = Project::new(&Plan::on_host(&Services::get()));
    let once = format!("mkdir {} && mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool", project.beside("once").display());
    project.plan(&Plan::on_host(&Services::get()).run(&[&once]));
    let ran = Canship::drill(&project).argument("--twice").run().ends(20, "unknown");
    assert_eq!(ran.rules(), ["build-step-failed"], "{}", ran.stdout);
    assert_eq!((ran.json["findings"][0]["severity"].as_str(), ran.phase("repeat")), (Some("unverified"), "errored"));
    assert_eq!(ran.phase("smoke"), "passed", "it has shipped by then");
}

#[test]
fn where_nothing_was_built_repeating_is_skipped_with_the_reason() {
    let ran = twice(&Plan::on_host(&Services::get()).run(&["exit 3"])).ends(10, "cannot-ship");
    assert_eq!(ran.phase("repeat"), "skipped");
    let repeat = ran.json["phases"].as_array().unwrap().iter().find(|phase| phase["phase"] == "repeat").unwrap();
    assert_eq!(repeat["reason"], "nothing was built");
}
