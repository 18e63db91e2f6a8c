//! What `canship status` makes of what is on record.

use canship::record::{EventKind, Mode, Restored, Verdict};
use jiff::Timestamp;

use crate::{
    shelf::{Shelf, Was, other_digest},
    support::run::Ran,
};

#[track_caller]
fn ends(ran: &Ran, code: i32, told: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in told {
        assert!(text.contains(told), "`{told}` is missing in {}", ran.stdout);
    }
}

#[test]
fn the_last_drill_is_the_answer_and_its_verdict_the_exit_code() {
    for (verdict, code, told) in [
        (Verdict::CanShip, 0, "CAN SHIP: acme-api 1.4.2"),
        (Verdict::Degraded, 11, "CAN SHIP, DEGRADED: acme-api"),
        (Verdict::CannotShip, 10, "CANNOT SHIP: acme-api"),
        (Verdict::Unknown, 20, "UNKNOWN: acme-api"),
    ] {
        let mut shelf = Shelf::of_laptop();
        shelf.add(Verdict::CanShip, "laptop", 9);
        shelf.add(verdict, "laptop", 2);
        shelf.add(Verdict::CannotShip, "laptop", 30);
        ends(&shelf.status(&[]), code, &[told, "on spare `laptop`, 2 days ago", "all, each with its time to ship"]);
        ends(&shelf.status(&["--max-age", "30d"]), code, &[told]);
    }
    let mut shelf = Shelf::of_laptop();
    shelf.add(Verdict::Degraded, "laptop", 2);
    ends(&shelf.status(&["--accept", "degraded"]), 0, &["CAN SHIP, DEGRADED", "degraded, which was accepted"]);
}

#[test]
fn a_missing_or_stale_proof_ends_with_20_and_says_what_to_do() {
    let mut shelf = Shelf::of_laptop();
    let fix = "fix: run `canship drill --plan /";
    ends(&shelf.status(&[]), 20, &["UNKNOWN: no drill of acme-api is on record", fix, "there is no proof"]);
    shelf.add(Verdict::CanShip, "laptop", 31);
    ends(&shelf.status(&[]), 0, &["31 days ago"]);
    ends(
        &shelf.status(&["--max-age", "30d"]),
        20,
        &["UNKNOWN, STALE PROOF: acme-api", "its verdict: CAN SHIP", "it may be at most 30 days old", fix, "the proof is stale"],
    );
    std::fs::remove_dir_all(shelf.records()).unwrap();
    ends(&shelf.status(&["--max-age", "30d"]), 20, &["no drill of acme-api is on record"]);
}

#[test]
fn a_proof_from_the_future_is_never_fresh() {
    let mut shelf = Shelf::of_laptop();
    shelf.add(Verdict::CanShip, "laptop", -2);
    ends(&shelf.status(&["--max-age", "30d"]), 20, &["PROOF FROM THE FUTURE", "one of two clocks is wrong"]);
}

#[test]
fn one_spare_that_can_ship_is_enough_and_each_is_shown() {
    let mut shelf = Shelf::new();
    shelf.add(Verdict::CannotShip, "laptop", 1);
    ends(&shelf.status(&[]), 10, &["CANNOT SHIP: acme-api", "box: never drilled", "laptop: CANNOT SHIP 24 h ago"]);
    shelf.add(Verdict::CanShip, "box", 3);
    shelf.add(Verdict::CanShip, "attic", 0);
    let told = [
        "CAN SHIP: acme-api",
        "on spare `box`",
        "laptop: CANNOT SHIP",
        "attic: no longer in the plan, so what it has on record does not count: 1 drill",
    ];
    ends(&shelf.status(&[]), 0, &told);
    ends(&shelf.status(&["--spare", "laptop"]), 10, &["CANNOT SHIP: acme-api", "on spare `laptop`"]);
    ends(&shelf.status(&["--max-age", "2d"]), 10, &["on spare `laptop`", "box: CAN SHIP 3 days ago", "stale"]);
    let wrong = shelf.status(&["--spare", "attic"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stdout);
    assert!(wrong.stderr.contains("name one of `laptop`, `box`"), "{}", wrong.stderr);
}

#[test]
fn a_proof_of_an_older_plan_or_of_another_release_is_said_to_be_one() {
    let mut shelf = Shelf::of_laptop();
    let mut events = shelf.events(&Was { verdict: Verdict::CanShip, spare: "laptop", days_ago: 1 });
    let EventKind::DrillStarted(facts) = &mut events[0].kind else { panic!("no start") };
    facts.plan_digest = other_digest();
    shelf.put(&events, ".jsonl");
    let gap = "note: it is of another plan than today's, which is a gap: the plan has changed since";
    ends(&shelf.status(&[]), 11, &["CAN SHIP, DEGRADED: acme-api", gap]);
    ends(&shelf.status(&["--same-plan"]), 20, &["UNKNOWN, PROOF OF ANOTHER PLAN", "fix: run `canship drill --plan /"]);
    assert_eq!(shelf.json(&[])["spares"][0]["plan_changed"], true);
    let mut events = shelf.events(&Was { verdict: Verdict::CannotShip, spare: "laptop", days_ago: 0 });
    let EventKind::DrillStarted(facts) = &mut events[0].kind else { panic!("no start") };
    facts.release = "acme-web".into();
    shelf.put(&events, ".jsonl");
    ends(&shelf.status(&[]), 11, &["of other releases: 1 drill"]);
    ends(&shelf.status(&["--accept", "degraded"]), 0, &["degraded, which was accepted"]);
}

#[test]
fn a_yes_of_another_plan_takes_nothing_from_what_a_drill_of_todays_said() {
    let mut shelf = Shelf::of_laptop();
    let other = |shelf: &mut Shelf, verdict, days_ago| {
        let mut events = shelf.events(&Was { verdict, spare: "laptop", days_ago });
        let EventKind::DrillStarted(facts) = &mut events[0].kind else { panic!("no start") };
        facts.plan_digest = other_digest();
        shelf.put(&events, ".jsonl");
    };
    shelf.add(Verdict::CannotShip, "laptop", 9);
    other(&mut shelf, Verdict::CanShip, 8);
    ends(&shelf.status(&[]), 10, &["CANNOT SHIP: acme-api", "9 days ago"]);
    shelf.add(Verdict::CanShip, "laptop", 5);
    other(&mut shelf, Verdict::CanShip, 4);
    ends(&shelf.status(&[]), 0, &["CAN SHIP: acme-api", "5 days ago"]);
    other(&mut shelf, Verdict::CannotShip, 3);
    ends(&shelf.status(&[]), 10, &["CANNOT SHIP: acme-api", "3 days ago"]);
}

#[test]
fn a_proof_that_took_longer_than_todays_plan_allows_is_degraded() {
    let mut shelf = Shelf::of_laptop();
    let plan = std::fs::read_to_string(shelf.plan()).unwrap();
    std::fs::write(shelf.plan(), plan.replace("target: 30m", "target: 5s")).unwrap();
    shelf.add(Verdict::CanShip, "laptop", 1);
    ends(
        &shelf.status(&[]),
        11,
        &["CAN SHIP, DEGRADED: acme-api", "its verdict: CAN SHIP", "a hotfix may take 5.0 s, and it took"],
    );
    let json = shelf.json(&[]);
    assert_eq!((&json["verdict"], &json["spares"][0]["exit_code"]), (&"degraded".into(), &11.into()));
    ends(&shelf.status(&["--accept", "degraded"]), 0, &["degraded, which was accepted"]);
    shelf.add(Verdict::CannotShip, "laptop", 0);
    ends(&shelf.status(&[]), 10, &["CANNOT SHIP: acme-api"]);
}

#[test]
fn a_killed_drill_is_unknown_until_the_next_one() {
    let mut shelf = Shelf::of_laptop();
    shelf.add(Verdict::CanShip, "laptop", 3);
    let mut events = shelf.events(&Was { verdict: Verdict::CanShip, spare: "laptop", days_ago: 2 });
    events.truncate(12);
    shelf.put(&events, ".live.jsonl");
    ends(&shelf.status(&[]), 20, &["UNKNOWN: acme-api", "note: the drill was killed", "killed"]);
    shelf.add(Verdict::CanShip, "laptop", 1);
    ends(&shelf.status(&[]), 0, &["CAN SHIP: acme-api", "killed", "2 can-ship, 1 unknown"]);
}

#[test]
fn a_drill_that_runs_does_not_count_yet() {
    let mut shelf = Shelf::of_laptop();
    shelf.add(Verdict::CanShip, "laptop", 3);
    let events = shelf.events(&Was { verdict: Verdict::CannotShip, spare: "laptop", days_ago: 0 });
    let live = shelf.put(&events[..12], ".live.jsonl");
    let file = std::fs::File::open(live).unwrap();
    file.lock().unwrap();
    ends(&shelf.status(&[]), 0, &["CAN SHIP: acme-api", "running: "]);
    assert_eq!(shelf.json(&[])["running"].as_array().unwrap().len(), 1);
    drop(file);
    ends(&shelf.status(&[]), 20, &["note: the drill was killed"]);
}

#[test]
fn every_json_form_is_valid_against_the_schema() {
    let schema = serde_json::from_str(&canship::report::status_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut shelf = Shelf::new();
    let look = |shelf: &Shelf, options: &[&str]| {
        let json = shelf.json(options);
        let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        json
    };
    assert_eq!(look(&shelf, &[])["spares"][0]["proof"], "missing");
    for verdict in [Verdict::CanShip, Verdict::Degraded, Verdict::CannotShip, Verdict::Unknown] {
        shelf.add(verdict, "laptop", 4);
        shelf.add(verdict, "attic", 4);
    }
    std::fs::write(shelf.records().join("odd.jsonl"), "odd").unwrap();
    let json = look(&shelf, &["--max-age", "3d"]);
    assert_eq!((&json["spares"][0]["proof"], &json["verdict"]), (&"stale".into(), &"unknown".into()));
    assert_eq!(json["spares"][0]["drills"].as_array().unwrap().len(), 4);
    assert_eq!(json["damaged"].as_array().unwrap().len(), 1);
}

#[test]
fn a_rehearsal_that_found_nothing_leaves_the_drill_before_it_standing_and_a_killed_drill_does_not() {
    let mut shelf = Shelf::of_laptop();
    shelf.add(Verdict::CanShip, "laptop", 3);
    let rehearse = |shelf: &mut Shelf, verdict, days_ago| {
        let mut events = shelf.events(&Was { verdict, spare: "laptop", days_ago });
        if let EventKind::DrillStarted(facts) = &mut events[0].kind {
            facts.mode = Mode::Rehearsal;
        }
        shelf.put(&events, ".jsonl");
    };
    rehearse(&mut shelf, Verdict::Unknown, 2);
    assert_eq!(shelf.json(&[])["exit_code"], 0);
    rehearse(&mut shelf, Verdict::CannotShip, 1);
    assert_eq!(shelf.json(&[])["exit_code"], 10, "what a rehearsal finds counts");
}

#[test]
fn a_later_record_that_cannot_be_read_leaves_no_yes_standing() {
    let mut shelf = Shelf::of_laptop();
    let good = shelf.add(Verdict::CanShip, "laptop", 3);
    let torn = |name: &str| std::fs::write(good.with_file_name(name), "torn").unwrap();
    torn("20200101-000000-0000000a.jsonl");
    let told = |shelf: &Shelf| {
        let json = shelf.json(&[]);
        let said = shelf.status(&[]).stdout.contains("may say otherwise");
        (json["newer_damaged"].clone(), said, json["verdict"].clone(), json["exit_code"].clone())
    };
    assert_eq!(told(&shelf), (0.into(), false, "can-ship".into(), 0.into()));
    let newer = Timestamp::now().strftime("%Y%m%d-%H%M%S-0000000b.jsonl").to_string();
    torn(&newer);
    assert_eq!(told(&shelf), (1.into(), true, "unknown".into(), 20.into()));
    shelf.add(Verdict::CannotShip, "laptop", 0);
    assert_eq!(shelf.json(&[])["exit_code"], 10, "a no is no better for it");
}

#[test]
fn charts_are_blocks_only_on_a_terminal_that_shows_them_and_keep_to_its_width() {
    let mut shelf = Shelf::of_laptop();
    for days in 1..30 {
        shelf.add(if days % 7 == 0 { Verdict::CannotShip } else { Verdict::CanShip }, "laptop", days);
    }
    let plain = shelf.call(&[]).variable("LC_ALL", "C.UTF-8").run_as_is().stdout;
    assert!(plain.is_ascii() && plain.contains(" ###"), "{plain}");
    assert!(plain.contains("the last 20 of 29") && plain.contains("in all: 25 can-ship, 4 cannot-ship"), "{plain}");
    let blocks = shelf.call(&[]).variable("LC_ALL", "C.UTF-8").variable("NO_COLOR", "1").on_terminal();
    assert!(blocks.contains("██") && !blocks.contains("##") && !blocks.contains('\u{1b}'), "{blocks}");
    for ascii in [shelf.call(&[]).variable("LC_ALL", "C"), shelf.call(&[])] {
        assert!(!ascii.on_terminal().contains('█'));
    }
    let widest = blocks.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
    // A terminal that says nothing of its width counts as one of 100 columns.
    assert!(widest <= 100, "{widest}: {blocks}");
}

#[test]
fn a_plan_that_keeps_no_records_has_no_proof() {
    let shelf = Shelf::of_laptop();
    let plan = std::fs::read_to_string(shelf.plan()).unwrap();
    std::fs::write(shelf.plan(), format!("{plan}history: none\n")).unwrap();
    let ran = shelf.status(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(20), ""));
    assert!(ran.stderr.contains("`history: none`"), "{}", ran.stderr);
}

#[test]
fn a_path_that_may_still_be_cut_outranks_every_proof() {
    use canship::record::{Demand, Exit, Names, Of, Record, Status};
    let mut shelf = Shelf::new();
    let briefs: Vec<_> = ["laptop", "box"]
        .into_iter()
        .map(|spare| {
            let mut record = Record::fold(shelf.events(&Was { verdict: Verdict::CanShip, spare, days_ago: 1 })).unwrap();
            record.restored = if spare == "box" { Restored::No } else { Restored::NothingWasCut };
            record.into()
        })
        .collect();
    let demand = Demand {
        now: Timestamp::now(),
        max_age: None,
        accept: Verdict::CanShip,
        plan_digest: other_digest(),
        of: Of::Any,
        target: crate::shelf::LONG,
    };
    let all = ["laptop", "box"];
    let names = Names { release: "acme-api", plan: "", place: "", spares: &all, all: &all };
    let on_record = canship::record::Shelf { drills: briefs, ..Default::default() };
    assert_eq!(Status::new(demand, on_record, names).exit(), Exit::MayStillBeCut);
}
