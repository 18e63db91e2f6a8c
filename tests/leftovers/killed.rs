//! A drill that was killed leaves nothing once somebody has cleaned.

use std::{
    fs,
    time::{Duration, Instant},
};

use axum::http::Method;

use crate::{
    ground::{Cleaned, ENDLESS, Host, Wanted, event, in_clean_room, kill, nothing_is_left, on_engine, phase, plans, processes_of},
    lab::{Lab, REPOSITORIES, held},
    registry::proxy::Trouble,
    support::{Project, engines::On, project::Plan},
};

/// Every phase and every kind of event after which something more is outside.
fn moments() -> Vec<(&'static str, Wanted)> {
    let phases = ["probe", "prepare", "fetch", "build", "tag", "publish", "smoke", "clean"];
    let events =
        ["room-ready", "source-fetched", "step-started", "artifact-collected", "tag-read-back", "image-pushed", "image-pulled"];
    let phases = phases.map(|name| (name, Box::new(phase(name)) as Wanted));
    phases.into_iter().chain(events.map(|name| (name, Box::new(event(name)) as Wanted))).collect()
}

#[test]
fn whatever_moment_a_drill_in_a_clean_room_is_killed_at_cleaning_leaves_nothing() {
    killed_at_any_moment(in_clean_room);
}

#[test]
fn whatever_moment_a_drill_on_this_machine_is_killed_at_cleaning_leaves_nothing() {
    killed_at_any_moment(Lab::plan);
}

#[track_caller]
fn killed_at_any_moment(plan: fn(&Lab) -> Plan) {
    for (at, wanted) in moments() {
        // One for each: what is open in another's registry is only named.
        let lab = Lab::open();
        let plan = plan(&lab);
        let (host, project) = (Host::new(), Project::new(&plan));
        // Else the last phase may be over before it is killed.
        project.hold_tags();
        let drill = host.kill_at(&project, &*wanted);
        project.let_tags_go();
        // What was on its way when it was killed may have come afterwards: it is still known whose that is.
        let left = [Cleaned::new(&host.clean(&project)), Cleaned::new(&host.clean(&project))].map(|cleaned| cleaned.left());
        assert_eq!(left[1], Vec::<String>::new(), "at {at}: {left:?}");
        if left[0].iter().any(|left| left.starts_with("perhaps an open upload")) {
            everything_but_uploads_is_gone(&host, &project, (&lab, &drill));
        } else {
            nothing_is_left(&host, &project, (&lab, &drill));
        }
    }
}

#[test]
fn what_a_killed_drill_left_on_podman_is_removed() {
    let lab = Lab::open();
    for on in [On::Podman, On::RootlessPodman] {
        for (at, wanted) in moments().into_iter().filter(|(at, _)| ["build", "step-started", "smoke"].contains(at)) {
            let (host, project) = (Host::new(), Project::new(&in_clean_room(&lab).on(on)));
            let drill = host.kill_at(&project, &*wanted);
            let cleaned = [host.cleans_all(&project), host.cleans_all(&project)];
            assert_eq!(on.containers(&drill), Vec::<String>::new(), "at {at}: {}", cleaned[0].ran.stdout);
            nothing_is_left(&host, &project, (&lab, &drill));
        }
    }
}

/// An upload whose address never came is named: no registry lists those.
fn everything_but_uploads_is_gone(host: &Host, project: &Project, (lab, drill): (&Lab, &str)) {
    assert_eq!(project.mirror_refs(), "refs/heads/main\n");
    assert_eq!((on_engine(drill), host.folders(), processes_of(drill)), (Vec::new(), Vec::new(), Vec::new()));
    assert!(REPOSITORIES.iter().all(|name| held(&lab.registry, name).iter().all(|(kind, _)| *kind == "upload")));
}

#[test]
fn the_next_drill_cleans_up_after_those_before_it_and_can_ship() {
    let lab = Lab::open();
    for plan in plans(&lab) {
        let (host, project) = (Host::new(), Project::new(&plan));
        // The second pushes the very same content, so that the two share blobs and a manifest.
        let killed = [host.kill_at(&project, event("image-pushed")), host.kill_at(&project, event("image-pulled"))];
        let ran = host.drill(&project).run().ends(0, "can-ship");
        assert_eq!(ran.phase("prepare"), "passed", "{}", ran.stdout);
        assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
        for drill in killed {
            nothing_is_left(&host, &project, (&lab, &drill));
        }
    }
}

#[test]
fn what_a_drill_has_left_is_removed_though_its_address_holds_a_secret() {
    let lab = Lab::open();
    // What canship names, what the plan names, and what stands in both.
    for value in ["canship", "acme", "drill"] {
        let (host, project) = (Host::new(), Project::new(&lab.plan().secret("WORD", "{ env: TEST_WORD }")));
        let drill = || host.drill(&project).variable("TEST_WORD", value);
        let mut running = drill().start();
        running.await_event(event("image-pushed"));
        let killed = kill(running);
        host.cleans_all(&project);
        nothing_is_left(&host, &project, (&lab, &killed));

        // Nobody is surprised by commands that cannot be copied.
        let ran = drill().run().ends(11, "degraded");
        assert_eq!(ran.rules(), ["secret-in-address"], "{}", ran.stdout);
        assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
    }
}

#[test]
fn what_a_step_has_left_running_on_this_machine_is_ended() {
    let lab = Lab::open();
    let plan = lab.plan().run(&["setsid sleep 100000 & nohup sleep 100000 & echo running; sleep 100000"]);
    let (host, project) = (Host::new(), Project::new(&plan));
    let drill = host.kill_at(&project, event("step-output"));
    assert!(processes_of(&drill).len() >= 3, "killing canship alone ends none of them");
    let cleaned = host.cleans_all(&project);
    assert!(cleaned.list("removed").iter().any(|what| what.contains("processes")), "{}", cleaned.ran.stdout);
    nothing_is_left(&host, &project, (&lab, &drill));
}

#[test]
fn two_that_clean_at_once_do_no_harm() {
    let lab = Lab::open();
    let [plan, _] = plans(&lab);
    let (host, project) = (Host::new(), Project::new(&plan.run(&[ENDLESS])));
    let drills: Vec<_> = (0..4).map(|_| host.kill_at(&project, event("step-output"))).collect();
    let calls = [host.clean(&project), host.clean(&project)];
    let running = calls.each_ref().map(|call| call.command().stdout(std::process::Stdio::piped()).spawn().unwrap());
    for cleaning in running {
        let output = cleaning.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    }
    for drill in drills {
        nothing_is_left(&host, &project, (&lab, &drill));
    }
}

#[test]
fn a_dry_run_tells_what_would_be_removed_and_removes_nothing() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let drill = host.kill_at(&project, event("image-pulled"));
    let before = REPOSITORIES.map(|name| held(&lab.registry, name));
    let looked = Cleaned::new(&host.clean(&project).argument("--dry-run"));
    assert_eq!(looked.ran.code, Some(0), "{}", looked.ran.stdout);
    let found = looked.list("would_remove").join("\n");
    for what in ["the folder", "canship-drill/", "manifest sha256:", "blob sha256:", "tag canship-"] {
        assert!(found.contains(what), "{what}: {found}");
    }
    assert_eq!(looked.list("removed"), Vec::<String>::new());
    assert_eq!(REPOSITORIES.map(|name| held(&lab.registry, name)), before);
    assert_eq!((host.folders().len(), host.journals()), (1, vec![drill.clone()]));
    assert!(project.mirror_refs().contains(&drill));
    host.cleans_all(&project);
    nothing_is_left(&host, &project, (&lab, &drill));
}

#[test]
fn a_drill_that_was_killed_leaves_no_file_beside_where_its_report_would_be() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let reports = tempfile::tempdir().unwrap();
    let mut running = host.drill(&project).argument("--junit").argument(reports.path().join("report.xml")).start();
    running.await_event(event("step-started"));
    kill(running);
    assert_eq!(fs::read_dir(reports.path()).unwrap().count(), 0);
    host.cleans_all(&project);
}

#[test]
fn a_push_that_was_killed_half_way_is_cancelled_or_named() {
    for (method, path) in [(Method::PATCH, "/blobs/uploads/"), (Method::PUT, "/blobs/uploads/"), (Method::PUT, "/manifests/")] {
        let lab = Lab::open();
        lab.proxy.always(method.clone(), path, Trouble::Hold);
        let plan = Plan { more: "timeouts: { api: 10m }\n".into(), ..lab.plan() };
        let (host, project) = (Host::new(), Project::new(&plan));
        let running = host.drill(&project).start();
        lab.proxy.await_seen(1, &method, path);
        let drill = kill(running);
        lab.proxy.repent();
        let cleaned = Cleaned::new(&host.clean(&project));
        let left = cleaned.left();
        for repository in REPOSITORIES {
            for (kind, id) in held(&lab.registry, repository) {
                assert!(left.iter().any(|left| left.contains(&id)), "{method} {path}: {kind} {id} is there: {left:?}");
            }
        }
        assert_eq!(cleaned.ran.code, Some(if left.is_empty() { 0 } else { 11 }));
        if left.is_empty() {
            nothing_is_left(&host, &project, (&lab, &drill));
        }
        // What nobody can find is told once and then no more.
        host.cleans_all(&project);
        assert_eq!(host.journals(), Vec::<String>::new());
    }
}

#[test]
fn an_upload_that_moved_on_unseen_is_told_by_its_drill_and_by_one_cleaning_and_then_no_more() {
    let lab = Lab::open();
    lab.proxy.always(Method::PATCH, "/blobs/uploads/", Trouble::LoseAnswer);
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let told = host.drill(&project).run().json["leftovers"].to_string();
    assert!(told.contains("the open upload"), "{told}");
    lab.proxy.repent();

    let cleaned = Cleaned::new(&host.clean(&project));
    assert_eq!((cleaned.ran.code, cleaned.left().len()), (Some(11), 1), "{}", cleaned.ran.stdout);
    assert_eq!(cleaned.list("removed"), Vec::<String>::new(), "nothing else ever was there");
    host.cleans_all(&project);
    assert_eq!(host.journals(), Vec::<String>::new());
}

#[test]
fn an_upload_that_nobody_can_look_for_is_told_by_its_drill_and_by_one_cleaning_and_then_no_more() {
    let lab = Lab::open();
    lab.proxy.always(Method::POST, "/blobs/uploads/", Trouble::Answer(500, vec![], "no registry"));
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let told = host.drill(&project).run().json["leftovers"].to_string();
    assert!(told.contains("perhaps an open upload"), "{told}");

    let looked = Cleaned::new(&host.clean(&project).argument("--dry-run"));
    assert_eq!(looked.list("would_remove"), Vec::<String>::new());
    assert!(looked.left()[0].starts_with("perhaps an open upload"), "{}", looked.ran.stdout);

    let cleaned = Cleaned::new(&host.clean(&project));
    assert_eq!((cleaned.ran.code, cleaned.left()), (Some(11), looked.left()));
    host.cleans_all(&project);
    assert_eq!(host.journals(), Vec::<String>::new());
}

#[test]
fn a_registry_that_lets_nothing_go_leaves_a_named_leftover_until_it_does() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let drill = host.kill_at(&project, event("image-pulled"));
    lab.proxy.always(Method::DELETE, "/", Trouble::Answer(405, vec![], ""));
    let cleaned = Cleaned::new(&host.clean(&project));
    assert_eq!(cleaned.ran.code, Some(11), "{}", cleaned.ran.stdout);
    assert!(cleaned.left().iter().any(|left| left.starts_with("manifest sha256:") && left.contains("405")), "{:?}", cleaned.left());
    assert_eq!(project.mirror_refs(), "refs/heads/main\n", "the rest is cleaned all the same");
    let ran = host.drill(&project).run();
    let told = ran.json["leftovers"].to_string();
    assert!(told.contains(&drill), "the next drill names it too: {told}");
    lab.proxy.repent();
    host.cleans_all(&project);
    nothing_is_left(&host, &project, (&lab, &drill));
}

/// Whether a process runs whose first two words are these.
fn runs(program: &str, argument: &str) -> bool {
    let line = format!("{program}\0{argument}\0");
    let all = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("cmdline"));
    all.filter_map(|line| fs::read(line).ok()).any(|of_process| of_process == line.as_bytes())
}

#[test]
fn a_process_of_a_killed_drill_that_has_thrown_its_environment_away_is_ended_by_cleaning() {
    let lab = Lab::open();
    let seconds = format!("9{}", std::process::id());
    let step = format!("env -i setsid sleep {seconds} </dev/null >/dev/null 2>&1 & {ENDLESS}");
    let (host, project) = (Host::new(), Project::new(&lab.plan().run(&[&step])));
    let mut running = host.drill(&project).start();
    running.await_event(event("step-output"));
    // The shell goes on before what it has started has become that.
    let begun = Instant::now();
    while !runs("sleep", &seconds) {
        assert!(begun.elapsed() < Duration::from_mins(1), "the test has nothing to find");
        std::thread::sleep(Duration::from_millis(10));
    }
    let drill = kill(running);
    host.cleans_all(&project);
    assert!(!runs("sleep", &seconds));
    nothing_is_left(&host, &project, (&lab, &drill));
}
