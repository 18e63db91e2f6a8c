//! Release images on a base: pulled from a registry, copied or mounted, and named when it is what is wrong.

use axum::http::Method;
use canship::registry::{Credentials, Image, Platform};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    interrupts::{NEVER, interrupted},
    lab::{Lab, drill, leftovers},
    registry::{PATIENT, client, noise, proxy::Trouble},
    support::{Project, Services, project::Plan, run::Ran, services::service},
};

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Pushes a base for this machine as `base/os:12`; gives its manifest's digest and size.
fn push_base(lab: &Lab) -> (String, u64) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("libc"), noise(7).take(100_000).collect::<Vec<u8>>()).unwrap();
    let platform = Platform { os: "linux".to_owned(), architecture: architecture().to_owned() };
    let there = client(&lab.registry.address, "base/os", Credentials::Anonymous, &PATIENT);
    lab.runtime.block_on(async {
        let image = Image::from_artifacts(folder.path(), platform).await.unwrap();
        let digest = there.push(&image, "12", &|_| {}).await.unwrap().digest;
        let url = format!("http://{}/v2/base/os/manifests/{digest}", lab.registry.address);
        let accept = ("accept", "application/vnd.oci.image.manifest.v1+json");
        let answer = http().get(url).header(accept.0, accept.1).send().await.unwrap();
        (digest.to_string(), answer.bytes().await.unwrap().len() as u64)
    })
}

/// Pushes an index of that base as `base/os:TAG`, for these architectures.
fn push_index(lab: &Lab, tag: &str, architectures: &[&str]) {
    let (digest, size) = push_base(lab);
    let entry = |architecture: &&str| -> Value {
        let platform = json!({ "os": "linux", "architecture": architecture });
        json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size, "platform": platform })
    };
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": architectures.iter().map(entry).collect::<Vec<_>>() });
    let url = format!("http://{}/v2/base/os/manifests/{tag}", lab.registry.address);
    let put = http().put(url).header("content-type", kind).body(index.to_string()).send();
    let answer = lab.runtime.block_on(put).unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn on_base(lab: &Lab, base: &str) -> Plan {
    lab.plan().publish(format!("{}    base: {base}\n", lab.target()))
}

fn drilled(lab: &Lab, base: &str) -> Ran {
    drill(&Project::new(&on_base(lab, base))).run()
}

#[test]
fn a_release_on_a_base_ships() {
    let lab = Lab::open();
    push_base(&lab);
    push_index(&lab, "multi", &["s390x", architecture()]);
    // Seen from another registry it is copied, from the same one it is mounted.
    for address in [&lab.registry.address, &lab.proxy.address] {
        for tag in ["12", "multi"] {
            let ran = drilled(&lab, &format!("{address}/base/os:{tag}")).ends(0, "can-ship");
            assert_eq!(leftovers(&ran), Vec::<String>::new());
            lab.is_empty();
        }
    }
}

#[test]
fn a_base_that_is_missing_is_named_and_not_the_target() {
    let lab = Lab::open();
    push_index(&lab, "multi", &["s390x"]);
    for (tag, phase, says) in [("nope", "probe", "not found"), ("multi", "publish", "only for linux/s390x")] {
        let base = format!("{}/base/os:{tag}", lab.registry.address);
        let ran = drilled(&lab, &base).ends(10, "cannot-ship");
        assert_eq!(ran.rules(), ["registry-refused"], "{}", ran.stdout);
        let summary = ran.json["findings"][0]["summary"].as_str().unwrap();
        assert!(summary.starts_with(&format!("the base image `{base}` cannot be had")) && summary.contains(says), "{summary}");
        assert!(!summary.contains("acme/"), "{summary}");
        assert!(ran.first_advice().contains("`base:`"), "{}", ran.first_advice());
        assert_eq!((ran.phase(phase), ran.phase("build"), ran.phase("publish")), ("failed", "passed", "failed"));
        lab.is_empty();
    }
}

#[test]
fn a_registry_that_lies_about_the_base_is_told_from_the_target() {
    let (lab, other) = (Lab::open(), Lab::open());
    push_base(&other);
    let base = format!("{}/base/os:12", other.proxy.address);
    other.proxy.always(
        Method::GET,
        "/blobs/sha256",
        Trouble::Body(|mut body| {
            let middle = body.len() / 2;
            body[middle] ^= 1;
            body
        }),
    );
    let ran = drilled(&lab, &base).ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["registry-lied"], "{}", ran.stdout);
    assert!(ran.json["findings"][0]["summary"].as_str().unwrap().contains(&base), "{}", ran.stdout);
    assert!(ran.first_advice().contains("on this base"), "{}", ran.first_advice());
    lab.all_left_is_listed(&ran);

    other.proxy.repent();
    drilled(&lab, &base).ends(0, "can-ship");
}

#[test]
fn a_signal_while_a_base_is_copied_leaves_nothing() {
    // The base's registry stops in the middle, or the target's does for a while.
    for (at_base, method, path, trouble) in [
        (true, Method::GET, "/blobs/sha256", Trouble::StopAnswer),
        (false, Method::PATCH, "/blobs/uploads/", Trouble::Hold),
        (false, Method::PUT, "/blobs/uploads/", Trouble::Hold),
    ] {
        let (lab, other) = (Lab::open(), Lab::open());
        push_base(&other);
        let plan = Plan { more: NEVER.into(), ..on_base(&lab, &format!("{}/base/os:12", other.proxy.address)) };
        let proxy = if at_base { &other.proxy } else { &lab.proxy };
        proxy.always(method.clone(), path, trouble);
        let project = Project::new(&plan);
        let mut running = drill(&project).start();
        // Of two: the base's and the artifacts'.
        proxy.await_seen(if at_base { 1 } else { 2 }, &method, path);
        running.signal(Signal::INT);
        running.await_event(interrupted);
        proxy.repent();
        let ran = running.finish();
        assert_eq!((ran.code, leftovers(&ran)), (Some(130), Vec::new()), "{}\n{}", ran.stderr, ran.stdout);
        lab.is_empty();
    }
}

#[test]
fn a_base_whose_registry_fails_leaves_the_answer_open() {
    let (lab, other) = (Lab::open(), Lab::open());
    push_base(&other);
    other.proxy.always(Method::GET, "/", Trouble::Answer(503, vec![], ""));
    let ran = drilled(&lab, &format!("{}/base/os:12", other.proxy.address)).ends(20, "unknown");
    assert_eq!(ran.rules(), ["registry-unavailable"], "{}", ran.stdout);
    assert!(ran.first_advice().contains("a copy of the base"), "{}", ran.first_advice());
    assert_eq!((ran.phase("probe"), ran.phase("publish")), ("errored", "errored"));
}

#[test]
fn a_program_that_its_image_cannot_start_is_a_gap_unless_there_is_a_base() {
    let lab = Lab::open();
    push_base(&lab);
    let shell = |plan: Plan| {
        let plan = Plan { artifacts: vec!["dist/sh".into()], smoke: vec!["./sh -c true".into()], ..plan };
        drill(&Project::new(&plan.run(&["mkdir dist", "cp /bin/sh dist/sh"]))).run()
    };
    let in_room = |image: String| Plan { image: Some(image), ..Plan::in_clean_room(&Services::get()).publish(lab.target()) };
    // The shell of this machine is linked dynamically, and so is that of the image.
    for plan in [lab.plan(), in_room(service("CANSHIP_TEST_IMAGE"))] {
        let ran = shell(plan).ends(11, "degraded");
        assert_eq!(ran.rules(), ["base-missing"], "{}", ran.stdout);
        let summary = ran.json["findings"][0]["summary"].as_str().unwrap();
        assert!(summary.starts_with("`/app/sh` cannot start in its image: it needs `/lib"), "{summary}");
        assert!(ran.first_advice().contains("statically") && ran.first_advice().contains("`base:`"), "{}", ran.first_advice());
        assert!(!ran.stdout.contains("artifacts alone, without a `base`, and may"), "{}", ran.stdout);
        assert_eq!((ran.phase("publish"), ran.phase("smoke")), ("passed", "passed"));
    }
    shell(on_base(&lab, &format!("{}/base/os:12", lab.registry.address))).ends(0, "can-ship");
    // That of the tiny image is linked statically.
    shell(in_room(Services::get().image)).ends(0, "can-ship");
}
