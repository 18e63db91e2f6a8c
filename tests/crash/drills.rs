//! Drills that cut, as a person sees them.

use std::time::Duration;

use rustix::process::Signal;

use super::{
    rig::{Forge, Machine, Ran, Rig, Then, end, run, signal},
    simulator::{
        call::{Call, When},
        github::GitHub,
        gitlab::GitLab,
        state::differences,
        stop::Moment,
        trouble::{Refusal, Trouble},
        world::World as _,
    },
};

/// Asserts how a call ended, and shows all that it said otherwise.
#[track_caller]
pub(super) fn ends(ran: Ran, code: i32) -> Ran {
    assert_eq!(ran.code, code, "{}\n{}", ran.stderr, ran.stdout);
    ran
}

fn a_drill_takes_the_path_away_and_gives_it_back<F: Forge>() {
    let rig = Rig::<F>::new();
    let views = tempfile::tempdir().unwrap();
    let [json, markdown, junit] = ["json", "md", "xml"].map(|end| views.path().join(format!("drill.{end}")));
    let mut drill = rig.drill();
    drill.arg("--json").arg(&json).arg("--markdown").arg(&markdown).arg("--junit").arg(&junit);
    // The drill of nothing publishes nothing, so that its answer is open.
    let ran = ends(run(drill), 20);
    rig.assert_as_before("after the drill");
    let [json, markdown, junit] = [json, markdown, junit].map(|view| std::fs::read_to_string(view).unwrap());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["restored"].as_str(), &json["not_back"]), (Some("yes"), &serde_json::json!([])));
    let parts = json["primary"]["parts"].as_array().unwrap();
    let cut: Vec<_> = parts.iter().filter(|part| part["left"].is_null()).collect();
    assert!(!cut.is_empty() && cut.iter().all(|part| part["off_at"].is_string() && part["back_at"].is_string()), "{parts:?}");
    assert!(json["primary"]["back_at"].is_string() && json["primary"]["cut_by"].is_string(), "{json}");
    for view in [&markdown, &junit] {
        assert!(view.contains("then given back as it was"), "{view}");
    }
    assert!(ran.stdout.contains("primary path: was cut and is given back, which was read back"), "{}", ran.stdout);
    assert!(ran.stdout.contains("then given back as it was"), "{}", ran.stdout);
    rig.machine.await_watchdogs();
    let everything = format!("{}{}{json}{markdown}{junit}", ran.stdout, ran.stderr);
    assert!(!everything.contains(F::TOKEN), "{everything}");
    let off = rig.forge.history().into_iter().filter(|(_, state)| *state != rig.before).count();
    assert!(off > 2, "it was never away");
}

#[test]
fn a_cut_of_the_usual_plan_asks_github_for_at_most_forty_things() {
    let rig = Rig::<GitHub>::new();
    let plan = std::fs::read_to_string(rig.plan()).unwrap();
    std::fs::write(rig.plan(), plan.replace("release.yml, nightly.yml, old.yml", "release.yml")).unwrap();
    let ran = ends(run(rig.drill()), 20);
    let calls = rig.forge.calls();
    assert!(calls.len() <= 40, "{} calls: {calls:#?}", calls.len());
    assert!(ran.stdout.contains(" requests to the forge"), "{}", ran.stdout);
}

#[test]
fn a_drill_takes_the_path_away_and_gives_it_back_on_github() {
    a_drill_takes_the_path_away_and_gives_it_back::<GitHub>();
}

#[test]
fn a_drill_takes_the_path_away_and_gives_it_back_on_gitlab() {
    a_drill_takes_the_path_away_and_gives_it_back::<GitLab>();
}

#[test]
fn a_dry_run_shows_what_would_be_cut_and_changes_nothing() {
    let rig = Rig::<GitHub>::new();
    let ran = ends(run(rig.with_plan(&rig.machine, &["drill", "--cut", "--dry-run"])), 0);
    assert!(ran.stdout.contains("would cut     workflow `release.yml` (active)"), "{}", ran.stdout);
    assert!(ran.stdout.contains("would leave   workflow `old.yml` (disabled_manually)"), "{}", ran.stdout);
    assert!(rig.forge.history().iter().all(|(_, state)| *state == rig.before));
}

#[test]
fn a_cut_without_a_way_back_is_refused_with_the_right_that_is_missing() {
    let rig = Rig::<GitHub>::of(GitHub::usual().without("actions_variables"), "");
    let ran = ends(run(rig.drill()), 20);
    assert!(ran.stdout.contains("[cut-refused]") && ran.stdout.contains("variables"), "{}", ran.stdout);
    assert!(ran.stdout.contains("primary path: nothing was cut"), "{}", ran.stdout);
    assert!(rig.forge.history().iter().all(|(_, state)| *state == rig.before));
    ends(run(rig.with_plan(&rig.machine, &["drill", "--cut", "--dry-run"])), 20);
}

#[test]
fn a_release_in_flight_refuses_the_cut_or_is_cancelled_as_the_plan_says() {
    let rig = Rig::<GitHub>::of(GitHub::usual().run("release.yml", "in_progress"), "");
    let ran = ends(run(rig.drill()), 20);
    assert!(ran.stdout.contains("a release may be in flight"), "{}", ran.stdout);
    assert!(rig.forge.history().iter().all(|(_, state)| *state == rig.before));

    let rig = Rig::<GitHub>::of(GitHub::usual().run("release.yml", "in_progress"), "  running: cancel\n");
    let ran = ends(run(rig.drill()), 20);
    assert!(ran.stdout.contains("was cancelled, which nobody can give back"), "{}", ran.stdout);
    rig.assert_as_before("but for the run");
}

#[test]
fn nothing_is_cut_within_a_blackout() {
    let rig = Rig::<GitHub>::of(GitHub::usual(), "  blackout: [\"Mon 00:01 - Mon 00:00 UTC\"]\n");
    let ran = ends(run(rig.drill()), 20);
    assert!(ran.stdout.contains("blackout"), "{}", ran.stdout);
    assert!(rig.forge.history().iter().all(|(_, state)| *state == rig.before));
}

/// Both have looked before one of them creates the lease.
fn of_two_drills_at_once_exactly_one_cuts<F: Forge>() {
    let rig = Rig::<F>::new();
    let stop = rig.forge.stop(When::route("POST", "/variables"), Moment::Before);
    let other = Machine::new();
    let drills = [rig.drill().spawn().unwrap(), rig.with_plan(&other, &["drill", "--cut", "--yes"]).spawn().unwrap()];
    stop.reached_times(2);
    stop.go_on();
    let ran = drills.map(end);
    let cut = ran.iter().filter(|ran| ran.stdout.contains("was cut and is given back")).count();
    let refused = ran.iter().filter(|ran| ran.stdout.contains("[cut-refused]")).count();
    rig.assert_as_before("after both");
    assert!((cut, refused) == (1, 1), "{cut} cut, {refused} were refused: {ran:#?}");
}

#[test]
fn of_two_drills_at_once_exactly_one_cuts_github() {
    of_two_drills_at_once_exactly_one_cuts::<GitHub>();
}

#[test]
fn of_two_drills_at_once_exactly_one_cuts_gitlab() {
    of_two_drills_at_once_exactly_one_cuts::<GitLab>();
}

#[test]
fn a_lease_that_nobody_can_read_blocks_and_stays() {
    let forge = GitHub::usual();
    let rig = Rig::<GitHub>::of(forge, "");
    let token = GitHub::TOKEN;
    let made = std::process::Command::new("curl")
        .args(["-sf", "-X", "POST", "-H", &format!("Authorization: Bearer {token}"), "-H", "Content-Type: application/json"])
        .args(["-d", r#"{"name":"CANSHIP_LEASE","value":"somebody's own"}"#])
        .arg(format!("{}/repos/acme/api/actions/variables", rig.forge.url()))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let before = rig.forge.state();
    let ran = ends(run(rig.drill()), 20);
    assert!(ran.stdout.contains("[cut-refused]"), "{}", ran.stdout);
    let ran = ends(rig.recover_here(), 30);
    assert!(ran.stdout.contains("is not touched"), "{}", ran.stdout);
    assert_eq!(rig.forge.state(), before);
}

#[test]
fn recover_never_touches_a_drill_that_lives_and_gives_back_once_it_is_dead() {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(2), Moment::After));
    let ran = ends(rig.recover_here(), 0);
    assert!(ran.stdout.contains("it lives on this machine"), "{}", ran.stdout);
    let ran = ends(rig.recover_elsewhere(&[]), 0);
    assert!(ran.stdout.contains("may live on another machine"), "{}", ran.stdout);
    assert!(!rig.wrong().is_empty());

    rig.die(drill, &stop, Then::Recover);
    let ran = ends(rig.recover_here(), 0);
    rig.assert_as_before("after recover");
    assert!(ran.stdout.contains("given back    workflow `release.yml`") && ran.stdout.contains("had cut it at"), "{}", ran.stdout);
    let ran = ends(rig.recover_here(), 0);
    assert!(ran.stdout.contains("Nothing of"), "{}", ran.stdout);
}

#[test]
fn the_watchdog_gives_back_at_once_after_a_kill() {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(2), Moment::After));
    signal(&drill, Signal::KILL);
    let killed = std::time::Instant::now();
    stop.go_on();
    ends(end(drill), -9);
    rig.machine.await_watchdogs();
    rig.assert_as_before("after the watchdog");
    let workflows = |state: &serde_json::Value| state["workflows"].clone();
    let back = rig.forge.history().into_iter().rev().take_while(|(_, state)| workflows(state) == workflows(&rig.before)).last();
    let back = back.unwrap().0.duration_since(killed);
    // `ci/crash` tells how long it takes; here others run beside it.
    assert!(back < Duration::from_millis(7500), "it took {back:?}");
}

#[test]
fn the_watchdog_gives_back_at_the_deadline_though_the_drill_hangs() {
    let rig = Rig::<GitHub>::of(GitHub::usual(), "  max_cut: 10s\n");
    let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(2), Moment::After));
    signal(&drill, Signal::STOP);
    stop.go_on();
    let before = rig.before["workflows"].clone();
    let is_back = |world: &GitHub| world.state()["workflows"] == before;
    rig.forge.await_world(is_back);
    signal(&drill, Signal::CONT);
    let ran = end(drill);
    rig.machine.await_watchdogs();
    rig.assert_as_before("after the drill went on");
    assert_ne!(ran.code, 0, "{}", ran.stdout);
}

#[test]
fn a_part_that_cannot_be_given_back_ends_with_30_and_the_commands_that_do() {
    let rig = Rig::<GitHub>::new();
    // The proof of the way back exercises the same call before.
    rig.forge.trouble(When::route("PUT", "/enable").nth(3), Trouble::Refused(Refusal::Rights));
    let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(2), Moment::After));
    rig.forge.trouble(When::route("PUT", "/enable"), Trouble::Refused(Refusal::Rights));
    stop.go_on();
    let ran = ends(end(drill), 30);
    rig.machine.kill_watchdogs();
    assert!(!rig.wrong().is_empty());
    rig.forge.calm();
    assert!(Rig::<GitHub>::by_hand(&ran.stdout) >= 1, "{}", ran.stdout);
    let ran = ends(rig.recover_here(), 0);
    rig.assert_as_before(&ran.stdout);
}

#[test]
fn a_drill_whose_lease_was_taken_gives_back_only_what_is_its_own() {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(2), Moment::Before));
    // Another machine says that it is dead, and gives back; meanwhile its last call takes effect after all.
    let other = Machine::new();
    let recovery = rig.recovery_elsewhere(&other, &["--now"]).spawn().unwrap();
    rig.forge.await_world(|world| world.workflows.iter().any(|one| one.path.ends_with("release.yml") && one.state == "active"));
    stop.go_on();
    ends(end(recovery), 0);
    let ran = end(drill);
    rig.machine.await_watchdogs();
    rig.assert_as_before(&ran.stdout);
}

/// Somebody turns a part off while the drill's first call waits: it is neither turned off nor on by the drill.
fn what_somebody_else_turns_off_meanwhile_is_left_to_them<F: Forge>(first: When, turn_off: fn(&mut F), says: &str) {
    let rig = Rig::<F>::new();
    let (drill, stop) = rig.held(rig.drill(), (first, Moment::Before));
    rig.forge.with(turn_off);
    stop.go_on();
    let ran = ends(end(drill), 20);
    assert!(ran.stdout.contains("somebody else has turned") && ran.stdout.contains(says), "{}", ran.stdout);
    let mut wanted = F::usual();
    turn_off(&mut wanted);
    assert_eq!(differences(&wanted.state(), &rig.forge.state()), [] as [&str; 0], "{}", ran.stdout);
}

fn disable_nightly(world: &mut GitHub) {
    let nightly = world.workflows.iter_mut().find(|workflow| workflow.path.ends_with("nightly.yml"));
    nightly.unwrap().state = "disabled_manually".to_owned();
}

#[test]
fn what_somebody_else_turns_off_meanwhile_is_left_to_them_on_github() {
    let first = When::route("PUT", "/disable").nth(1);
    what_somebody_else_turns_off_meanwhile_is_left_to_them::<GitHub>(first, disable_nightly, "workflow `nightly.yml`");
}

#[test]
fn what_somebody_else_turns_off_meanwhile_is_left_to_them_on_gitlab() {
    // The proof of the way back exercises the same call before.
    let first = When::route("PUT", "/runners/").nth(2);
    let turn_off = |world: &mut GitLab| world.shared_runners_enabled = false;
    what_somebody_else_turns_off_meanwhile_is_left_to_them::<GitLab>(first, turn_off, "instance runners of the project");
}

#[test]
fn what_is_turned_off_by_nobody_knows_whom_is_not_given_back_and_ends_with_30() {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(2), Moment::Before));
    rig.forge.with(disable_nightly);
    stop.go_on();
    let ran = ends(end(drill), 30);
    let mut wanted = GitHub::usual();
    disable_nightly(&mut wanted);
    assert_eq!(differences(&wanted.state(), &rig.forge.state()), [] as [&str; 0], "all else is back: {}", ran.stdout);
    assert!(ran.stdout.contains("off when it came"), "{}", ran.stdout);
    rig.machine.await_watchdogs();
    assert_eq!(Rig::<GitHub>::by_hand(&ran.stdout), 1, "{}", ran.stdout);
    rig.assert_as_before("after the printed command");
}

/// A drill whose first part is off, dead with its watchdog.
fn dead_after_its_first_part() -> Rig<GitHub> {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(1), Moment::After));
    rig.die(drill, &stop, Then::Recover);
    rig
}

/// All is as it was, but for what somebody else has turned off.
#[track_caller]
fn only_nightly_is_off(rig: &Rig<GitHub>, ran: &Ran) {
    let mut wanted = GitHub::usual();
    disable_nightly(&mut wanted);
    assert_eq!(differences(&wanted.state(), &rig.forge.state()), [] as [&str; 0], "{}", ran.stdout);
}

#[test]
fn what_a_dead_drill_had_not_come_to_is_not_turned_on_by_recover() {
    for is_here in [true, false] {
        let rig = dead_after_its_first_part();
        rig.forge.with(disable_nightly);
        let ran = ends(if is_here { rig.recover_here() } else { rig.recover_elsewhere(&["--now"]) }, 0);
        only_nightly_is_off(&rig, &ran);
    }
}

/// The watchdog dies between two parts; then somebody turns off the one that the drill was about to.
#[test]
fn a_part_that_was_not_turned_off_since_the_watchdog_had_died_is_not_turned_on() {
    let rig = Rig::<GitHub>::new();
    // The second part was looked at; what comes next is written into the lease.
    let (drill, stop) = rig.held(rig.drill(), (When::route("PATCH", "/variables").nth(2), Moment::Before));
    rig.machine.kill_watchdogs();
    rig.forge.with(disable_nightly);
    stop.go_on();
    let ran = ends(end(drill), 20);
    assert!(ran.stdout.contains("the watchdog, which gives"), "{}", ran.stdout);
    only_nightly_is_off(&rig, &ran);
}

#[test]
fn recover_without_a_token_tells_what_the_journal_says_is_cut_and_ends_with_30() {
    let rig = dead_after_its_first_part();
    let mut recovery = rig.recovery();
    recovery.env_remove("FORGE_TOKEN");
    let ran = ends(run(recovery), 30);
    assert!(ran.stderr.contains("FORGE_TOKEN") && ran.stdout.contains("MAY STILL BE CUT"), "{}{}", ran.stderr, ran.stdout);
    assert_eq!(Rig::<GitHub>::by_hand(&ran.stdout), 2, "the part and the lease: {}", ran.stdout);
    rig.assert_as_before(&ran.stdout);
    ends(rig.recover_here(), 0);
}

#[test]
fn recover_that_cannot_read_its_state_ends_with_30_and_the_commands_of_the_lease() {
    let rig = Rig::<GitHub>::cut_and_dead();
    rig.machine.forget();
    std::fs::write(rig.machine.state().join("canship"), "no folder").unwrap();
    let ran = ends(rig.recover_here(), 30);
    assert!(!rig.wrong().is_empty(), "nothing is done where it is not known which drills live");
    assert!(ran.stdout.contains("had cut it at") && ran.stderr.contains("is no folder"), "{}{}", ran.stdout, ran.stderr);
    let commands: Vec<_> = ran.stdout.lines().filter(|line| line.contains(" | curl ")).collect();
    assert!(commands.len() == 3 && commands[2].contains("DELETE"), "the lease comes last: {}", ran.stdout);
    assert_eq!(Rig::<GitHub>::by_hand(&ran.stdout), 3, "{}", ran.stdout);
    rig.assert_as_before(&ran.stdout);
    // Nobody holds a lease any more, but nothing here says that all is back.
    let ran = ends(rig.recover_here(), 20);
    assert!(ran.stdout.contains("is NOT KNOWN"), "{}", ran.stdout);
    // Nor without a token.
    let mut recovery = rig.recovery();
    recovery.env_remove("FORGE_TOKEN");
    let ran = ends(run(recovery), 30);
    assert!(ran.stderr.contains("is not known either"), "{}", ran.stderr);
}

#[test]
fn a_journal_that_is_damaged_or_of_an_older_form_is_refused_and_ends_with_30() {
    for (from, to, says) in [("\"until\":", "\"unto\":", "unknown field `unto`"), ("\"put\":{", "{{", "cannot be read in line")] {
        let rig = Rig::<GitHub>::cut_and_dead();
        let drills = std::fs::read_dir(rig.machine.state().join("canship/drills")).unwrap();
        for drill in drills.flatten() {
            let journal = drill.path().join("journal.jsonl");
            let text = std::fs::read_to_string(&journal).unwrap();
            let (head, rest) = text.split_once('\n').unwrap();
            std::fs::write(&journal, format!("{head}\n{}", rest.replace(from, to))).unwrap();
        }
        let ran = ends(rig.recover_here(), 30);
        assert!(ran.stdout.contains(says) && ran.stdout.contains("is not touched"), "{}", ran.stdout);
        // What the lease says is given back all the same: the drill is known to be dead.
        rig.assert_as_before(&ran.stdout);
    }
}

#[test]
fn a_part_whose_call_was_answered_by_nobody_is_given_back() {
    for trouble in [Trouble::LostAnswer, Trouble::FaultAfter(502), Trouble::Reset] {
        let rig = Rig::<GitHub>::new();
        rig.forge.trouble(When::route("PUT", "/disable").nth(1), trouble);
        let ran = ends(run(rig.drill()), 20);
        assert!(ran.stdout.contains("then given back as it was"), "{}", ran.stdout);
        rig.assert_as_before(&ran.stdout);
    }
}

/// The plan with other bounds.
pub(super) fn bounded<F: Forge>(rig: &Rig<F>, api: &str, late_effect: &str) {
    let plan = std::fs::read_to_string(rig.plan()).unwrap();
    let plan = plan.replace("api: 5s", &format!("api: {api}")).replace("late_effect: 5s", &format!("late_effect: {late_effect}"));
    std::fs::write(rig.plan(), plan).unwrap();
}

/// A signal comes as the call is sent, which takes effect when the drill had to end long ago.
fn a_call_that_takes_effect_after_the_drill_has_ended_is_undone<F: Forge>(call: When, says: &str) {
    let rig = Rig::<F>::new();
    bounded(&rig, "5s", "30s");
    rig.forge.trouble(call.clone(), Trouble::Slow(Duration::from_secs(14)));
    let (drill, stop) = rig.held(rig.drill(), (call, Moment::Before));
    signal(&drill, Signal::TERM);
    stop.go_on();
    let ran = ends(end(drill), 30);
    assert!(ran.stdout.contains(says) && ran.stdout.contains("The watchdog looks until then"), "{}", ran.stdout);
    assert!(ran.stdout.contains("| curl ") && rig.machine.has_watchdog(), "{}", ran.stdout);
    rig.machine.await_watchdogs();
    rig.forge.await_effects();
    rig.assert_as_before(&ran.stdout);
    let ran = ends(rig.recover_here(), 0);
    assert!(ran.stdout.contains("Nothing of"), "{}", ran.stdout);
}

#[test]
fn a_part_that_is_turned_off_after_the_drill_has_ended_is_given_back_on_github() {
    let call = When::route("PUT", "/disable").nth(1);
    a_call_that_takes_effect_after_the_drill_has_ended_is_undone::<GitHub>(call, "it may be turned off yet");
}

#[test]
fn a_part_that_is_turned_off_after_the_drill_has_ended_is_given_back_on_gitlab() {
    // The proof of the way back exercises the same call before.
    let call = When::route("PUT", "/runners/").nth(2);
    a_call_that_takes_effect_after_the_drill_has_ended_is_undone::<GitLab>(call, "it may be turned off yet");
}

#[test]
fn a_lease_that_appears_after_the_drill_has_ended_is_deleted() {
    let call = When::route("POST", "/variables").nth(1);
    a_call_that_takes_effect_after_the_drill_has_ended_is_undone::<GitHub>(call.clone(), "it may appear yet");
    a_call_that_takes_effect_after_the_drill_has_ended_is_undone::<GitLab>(call, "it may appear yet");
}

#[test]
fn a_drill_whose_call_is_answered_too_late_goes_on_looking_until_it_has_undone_it() {
    let rig = Rig::<GitHub>::new();
    bounded(&rig, "1s", "20s");
    rig.forge.trouble(When::route("PUT", "/disable").nth(1), Trouble::Slow(Duration::from_secs(6)));
    let ran = ends(run(rig.drill()), 20);
    rig.forge.await_effects();
    rig.assert_as_before(&ran.stdout);
    assert!(ran.stdout.contains("was not answered, and may have taken effect"), "{}", ran.stdout);
    rig.machine.await_watchdogs();
}

/// A lease that somebody has written, which ran out long ago.
fn forged<F: Forge>(rig: &Rig<F>, was_on: &serde_json::Value) {
    let past = "2020-01-01T00:00:00Z";
    let lease = serde_json::json!({
        "canship_lease": 1, "drill": "20200101-000000-0000000a", "host": "0000000000000001", "who": "somebody", "why": "a drill",
        "cut_at": past, "deadline": past, "lease_until": past, "late_until": past, "was_on": was_on, "begun": was_on.as_array().map_or(0, Vec::len),
    });
    let made = std::process::Command::new("curl")
        .args(["-sf", "-X", "POST", "-H", &format!("Authorization: Bearer {}", F::TOKEN), "-H", "Content-Type: application/json"])
        .args(["-d", &serde_json::json!({ "name": "CANSHIP_LEASE", "value": lease.to_string() }).to_string()])
        .arg(format!("{}/repos/acme/api/actions/variables", rig.forge.url()))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn what_a_lease_names_and_the_plan_does_not_is_named_and_left() {
    let rig = Rig::<GitHub>::new();
    let id = |file: &str| rig.forge.with(|world| world.workflows.iter().find(|one| one.path.ends_with(file)).unwrap().id);
    rig.forge.with(|world| world.workflows.iter_mut().for_each(|one| one.state = "disabled_manually".to_owned()));
    let workflow = |id: u64, file: &str| serde_json::json!({ "kind": "workflow", "id": id, "path": format!(".github/workflows/{file}"), "name": file });
    // One that the plan names, one that it does not, and one that says of itself that it is another.
    let was_on = [
        workflow(id("release.yml"), "release.yml"),
        workflow(id("spare.yml"), "spare.yml"),
        workflow(id("spare.yml"), "nightly.yml"),
    ];
    forged(&rig, &serde_json::json!(was_on));
    let ran = ends(rig.recover_here(), 30);
    let state =
        |file: &str| rig.forge.with(|world| world.workflows.iter().find(|one| one.path.ends_with(file)).unwrap().state.clone());
    assert_eq!(["release.yml", "spare.yml", "nightly.yml"].map(state), ["active", "disabled_manually", "disabled_manually"]);
    assert!(ran.stdout.contains("the plan's `primary` does not name it: it is left as it is"), "{}", ran.stdout);
    assert!(ran.stdout.contains("is nothing that the plan's `primary` names"), "{}", ran.stdout);

    // Without a plan there is nothing to compare with, which is said.
    let ran = ends(rig.recover_elsewhere(&[]), 0);
    assert!(ran.stdout.contains("without a plan it is not known whether the lease names"), "{}", ran.stdout);
}

#[test]
fn a_lease_that_cannot_be_asked_for_is_not_known_and_nobody_is_told_to_delete_it() {
    for trouble in [Trouble::Refused(Refusal::Credentials), Trouble::Refused(Refusal::Hidden), Trouble::Fault(503)] {
        let rig = Rig::<GitHub>::new();
        rig.forge.trouble(When::always(), trouble);
        let ran = ends(rig.recover_here(), 20);
        assert!(ran.stdout.contains("is NOT KNOWN") && !ran.stdout.contains("DELETE"), "{}", ran.stdout);
    }
}

#[test]
fn status_says_that_it_is_cut_until_somebody_has_given_it_back() {
    for then in [Then::Watchdog, Then::Recover] {
        let rig = Rig::<GitHub>::new();
        let history = format!("history: \"{}\"", rig.machine.state().join("history").display());
        let plan = std::fs::read_to_string(rig.plan()).unwrap();
        std::fs::write(rig.plan(), plan.replace("history: none", &history)).unwrap();
        let status = || run(rig.with_plan(&rig.machine, &["status"]));
        let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(2), Moment::After));
        rig.die(drill, &stop, then);
        if then == Then::Watchdog {
            rig.machine.await_watchdogs();
        } else {
            ends(status(), 30);
            ends(rig.recover_here(), 0);
        }
        ends(status(), 20);
    }
}

/// A drill that has cut twenty workflows and is about to give them back, as its last disabling is held.
fn twenty() -> (Rig<GitHub>, std::process::Child, super::simulator::stop::Stop) {
    let names: Vec<_> = (0..20).map(|number| format!("w{number}.yml")).collect();
    let forge = names.iter().fold(GitHub::new("acme/api"), |forge, name| forge.workflow(name));
    let rig = Rig::<GitHub>::of(forge, "");
    let plan = std::fs::read_to_string(rig.plan()).unwrap();
    std::fs::write(rig.plan(), plan.replace("release.yml, nightly.yml, old.yml", &names.join(", "))).unwrap();
    let (drill, stop) = rig.held(rig.drill(), (When::route("PUT", "/disable").nth(20), Moment::Before));
    (rig, drill, stop)
}

#[test]
fn a_restore_of_twenty_workflows_gives_all_back_at_once() {
    let (rig, drill, last) = twenty();
    let enabling = rig.forge.stop(When::route("PUT", "/enable"), Moment::Before);
    last.go_on();
    enabling.reached_times(20);
    enabling.go_on();
    let ran = ends(end(drill), 20);
    rig.assert_as_before(&ran.stdout);
}

#[test]
fn a_workflow_whose_call_stalls_holds_up_none_of_the_others() {
    let (rig, drill, last) = twenty();
    let stalled = rig.forge.stop(When::route("PUT", "/enable").nth(1), Moment::Before);
    last.go_on();
    let active = |world: &GitHub| world.workflows.iter().filter(|workflow| workflow.state == "active").count();
    rig.forge.await_world(|world| active(world) >= 19);
    stalled.hang_up();
    let ran = ends(end(drill), 20);
    rig.assert_as_before(&ran.stdout);
}

/// How long it took from the first call of a restore of twenty workflows until everything was read back, and until all but
/// one workflow were set.
fn restore_of_twenty(first: Option<Trouble>) -> [Duration; 2] {
    let (rig, drill, last) = twenty();
    if let Some(trouble) = first {
        rig.forge.trouble(When::route("PUT", "/enable").nth(1), trouble);
    }
    rig.forge.trouble(When::always(), Trouble::Slow(Duration::from_millis(200)));
    last.go_on();
    let ran = ends(end(drill), 20);
    rig.assert_as_before(&ran.stdout);
    let calls = rig.forge.calls();
    let off = calls.iter().rposition(|call| call.path.contains("/disable")).unwrap();
    let enabling = |call: &&Call| call.path.contains("/enable");
    let begun = off + calls[off..].iter().position(|call| enabling(&call)).unwrap();
    let lease = |call: &&Call| call.path.contains("/variables/");
    let start = calls[..begun].iter().rfind(lease).unwrap().arrived;
    let after = |time: Option<std::time::Instant>| time.unwrap().duration_since(start);
    let all = calls[begun..].iter().rfind(lease).unwrap().answered;
    let mut set: Vec<_> = calls[begun..].iter().filter(enabling).filter_map(|call| call.answered).collect();
    set.sort();
    [after(all), after(set.get(18).copied())]
}

#[test]
#[expect(clippy::print_stderr, reason = "figures to read, which no machine has to reach")]
fn a_restore_of_twenty_workflows_is_timed_against_a_forge_that_takes_200_ms() {
    let [all, _] = restore_of_twenty(None);
    let [stalled, others] = restore_of_twenty(Some(Trouble::Stall));
    for (what, took) in [
        ("restore of 20 workflows, read back", all),
        ("the same while one call stalls", stalled),
        ("of that, until the other 19 are set", others),
    ] {
        eprintln!("timed: {what}: {} ms at 200 ms an answer", took.as_millis());
    }
}
