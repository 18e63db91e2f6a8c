//! What lives, belongs to others or only looks alike is never touched.

use std::fs;

use rustix::process::Signal;

use crate::{
    ground::{Cleaned, ENDLESS, Host, Wanted, docker, event, in_clean_room, nothing_is_left, on_engine, plans, processes_of, run},
    lab::{Lab, REPOSITORIES, held},
    support::{
        Project, Services,
        project::{Plan, unique},
    },
};

/// A drill that canship could have made long ago, which nobody knows.
const LONG_AGO: &str = "20200101-000000-deadbeef";

#[test]
fn a_drill_that_lives_keeps_everything() {
    let lab = Lab::open();
    for plan in plans(&lab) {
        let (host, project) = (Host::new(), Project::new(&plan.run(&[ENDLESS])));
        let mut running = host.drill(&project).start();
        // Nothing but the step is under way when all of them have come, in whatever order.
        let ended = |phase| move |seen: &serde_json::Value| seen["event"] == "phase-finished" && seen["phase"] == phase;
        let awaited: [Wanted; 4] = [
            Box::new(event("tag-read-back")),
            Box::new(event("step-output")),
            Box::new(ended("probe")),
            Box::new(ended("prepare")),
        ];
        let mut missing: Vec<_> = awaited.iter().collect();
        while !missing.is_empty() {
            let seen = running.await_event(|seen| missing.iter().any(|awaited| awaited(seen)));
            missing.retain(|awaited| !awaited(&seen));
        }
        let drill = running.drill().to_owned();
        let everything = || (on_engine(&drill), processes_of(&drill), host.folders(), project.mirror_refs(), host.journals());
        let before = everything();
        // On its own host, and on another one that knows nothing of it but its deadline.
        let other = host.beside();
        for host in [&host, &other] {
            let cleaned = Cleaned::new(&host.clean(&project));
            assert_eq!(cleaned.ran.code, Some(0), "{}", cleaned.ran.stdout);
            // On the shared engine it may find what another test has left there on purpose.
            assert!(cleaned.list("removed").iter().all(|removed| removed.contains(LONG_AGO)), "{}", cleaned.ran.stdout);
            assert_eq!(everything(), before);
        }
        running.signal(Signal::INT);
        let ran = running.finish().ends(130, "unknown");
        assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
        nothing_is_left(&host, &project, (&lab, &drill));
    }
}

#[test]
fn drills_of_the_same_content_at_once_take_away_their_own_and_nothing_of_the_others() {
    let lab = Lab::open();
    let project = Project::new(&lab.plan());
    let hosts = [Host::new(), Host::new(), Host::new()];
    let running = hosts.each_ref().map(|host| host.drill(&project).start());
    let drills = running.map(|running| running.finish().ends(0, "can-ship"));
    for ran in &drills {
        let left = ran.json["leftovers"].as_array().unwrap();
        let is_shared = |left: &serde_json::Value| left["what"].as_str().unwrap().starts_with("blob ");
        assert!(left.iter().all(is_shared), "layers may be shared, tags never: {left:?}");
        assert_eq!(ran.json["published"][0]["digest"], drills[0].json["published"][0]["digest"], "the release is the same");
    }
    for (host, ran) in hosts.iter().zip(&drills) {
        host.cleans_all(&project);
        assert_eq!((host.folders(), host.journals()), (Vec::new(), Vec::new()), "{}", ran.stdout);
    }
    nothing_is_left(&hosts[0], &project, (&lab, &drills[0].drill()));
}

#[test]
fn what_a_killed_drill_pushed_is_kept_by_others_until_its_deadline() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let drill = host.kill_at(&project, event("image-pulled"));
    let before = (project.mirror_refs(), REPOSITORIES.map(|name| held(&lab.registry, name)));
    let other = host.beside();
    let cleaned = Cleaned::new(&other.clean(&project));
    assert_eq!((cleaned.ran.code, cleaned.list("removed").len()), (Some(0), 0), "{}", cleaned.ran.stdout);
    assert_eq!((project.mirror_refs(), REPOSITORIES.map(|name| held(&lab.registry, name))), before);
    host.cleans_all(&project);
    nothing_is_left(&host, &project, (&lab, &drill));
}

#[test]
fn what_drills_of_lost_hosts_left_goes_after_their_deadline() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&in_clean_room(&lab)));
    let label = format!("dev.canship.drill={LONG_AGO}");
    let image = Services::get().image;
    let mount = format!("type=volume,dst=/v,volume-label={label}");
    docker(&[
        "run",
        "-d",
        "--net=none",
        "--name",
        &format!("canship-{LONG_AGO}-build"),
        "--label",
        &label,
        "--mount",
        &mount,
        &image,
        "sleep",
        "1000",
    ]);
    project.git(&["tag", "-a", "-m", "x", &format!("canship-drill/{LONG_AGO}")]);
    let mirror = project.beside("mirror.git");
    project.git(&["push", "-q", mirror.to_str().unwrap(), "--tags"]);
    fs::create_dir(host.temporary().join(format!("canship-{LONG_AGO}"))).unwrap();
    push_again(&lab, &host, &project, &format!("canship-{LONG_AGO}"), &[]);
    host.cleans_all(&project);
    nothing_is_left(&host, &project, (&lab, LONG_AGO));
}

/// Lets a drill push, kills it, and copies what it pushed to another tag of the scratch repository. Gives the drill.
fn push_again(lab: &Lab, host: &Host, project: &Project, tag: &str, options: &[&str]) -> String {
    let drill = host.kill_at(project, event("image-pulled"));
    let at = |tag: &str| format!("docker://{}/acme/drill:{tag}", lab.registry.address);
    let (from, to) = (at(&format!("canship-{drill}")), at(tag));
    let arguments = ["copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];
    run("skopeo", &[&arguments[..], options, &[&from, &to]].concat());
    drill
}

/// Fetches an image whole.
fn can_be_fetched(lab: &Lab, tag: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (format!("docker://{}/acme/drill:{tag}", lab.registry.address), format!("dir:{}", folder.path().display()));
    run("skopeo", &["copy", "--quiet", "--src-tls-verify=false", &from, &to]);
}

#[test]
fn what_somebody_else_has_tagged_while_a_drill_ran_stays_whole() {
    // This registry removes a tag only with its manifest: in the first case the drill's is named as left.
    for (tag, format) in [("keep", ""), ("mine", "--format v2s2")] {
        let lab = Lab::open();
        let (host, at) = (Host::new(), format!("docker://{}/acme/drill", lab.registry.address));
        let copies = format!(
            "tag=$(skopeo list-tags --tls-verify=false {at} | grep -o 'canship-[^\"]*') && \
             skopeo copy -q --src-tls-verify=false --dest-tls-verify=false {format} {at}:$tag {at}:{tag}"
        );
        let project = Project::new(&Plan { smoke: vec![copies], ..lab.plan() });
        host.drill(&project).run().ends(0, "can-ship");
        can_be_fetched(&lab, tag);
    }
}

#[test]
fn an_image_that_shares_blobs_with_a_killed_drills_stays_whole() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    // Another manifest that names the same blobs.
    let drill = push_again(&lab, &host, &project, "canship-notes", &["--format", "v2s2"]);
    host.cleans_all(&project);
    can_be_fetched(&lab, "canship-notes");
    let tags: Vec<_> = held(&lab.registry, "acme/drill").into_iter().filter(|(kind, _)| *kind == "tag").collect();
    assert_eq!(tags, [("tag", "canship-notes".to_owned())], "only that of {drill} is gone");
}

#[test]
fn an_image_that_is_the_same_as_a_killed_drills_stays_and_the_drills_tag_is_named() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let drill = push_again(&lab, &host, &project, "keep", &[]);
    let cleaned = Cleaned::new(&host.clean(&project));
    // This registry removes a tag only with its manifest.
    assert_eq!(cleaned.ran.code, Some(11), "{}", cleaned.ran.stdout);
    assert!(cleaned.left().iter().any(|left| left.contains(&format!("tag canship-{drill}"))), "{:?}", cleaned.left());
    can_be_fetched(&lab, "keep");
}

#[test]
fn what_only_looks_like_a_drills_is_never_touched() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&in_clean_room(&lab)));
    let (image, label) = (Services::get().image, format!("dev.canship.drill={LONG_AGO}"));
    let name = unique();
    // A user's image that was made from one of a drill carries its label; so does nothing of a drill with a name like this.
    let container = docker(&["create", "--label", "dev.canship.drill=notes", "--name", &format!("canship-{name}"), &image]);
    docker(&["commit", "--change", &format!("LABEL {label}"), container.trim(), &format!("{name}:1")]);
    docker(&["volume", "create", &format!("canship-{name}")]);
    for folder in ["canship-notes", "canship-20200101-000000-deadbeefs", "canship-20200101-000000"] {
        fs::create_dir(host.temporary().join(folder)).unwrap();
    }
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), host.temporary().join(format!("canship-{LONG_AGO}"))).unwrap();
    fs::write(elsewhere.path().join("mine"), "").unwrap();
    // Not annotated, or called otherwise.
    project.git(&["tag", &format!("canship-drill/{LONG_AGO}")]);
    project.git(&["tag", "-a", "-m", "x", "canship-drill-notes"]);
    project.git(&["tag", "-a", "-m", "x", "canship-drill/notes"]);
    project.git(&["push", "-q", project.beside("mirror.git").to_str().unwrap(), "--tags"]);
    let (refs, folders) = (project.mirror_refs(), host.folders());

    let cleaned = Cleaned::new(&host.clean(&project));
    // Tests beside this one leave what must go on the same engine.
    let removed = cleaned.list("removed").into_iter().filter(|what| !what.contains("on the engine") || what.contains(&name));
    assert_eq!(removed.collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!((project.mirror_refs(), host.folders()), (refs, folders));
    assert!(elsewhere.path().join("mine").exists());
    assert!(cleaned.left().iter().all(|left| left.contains(LONG_AGO)), "only the link is strange: {:?}", cleaned.left());
    docker(&["rm", container.trim()]);
    docker(&["rmi", &format!("{name}:1")]);
    docker(&["volume", "rm", &format!("canship-{name}")]);
}
