//! What is wrong with one target or one deletion does not keep the rest from being shown; logins stay where they belong.

use std::fs;

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    lab::{Lab, REPOSITORIES, drill, held, leftovers},
    registry::{
        proxy::{Proxy, Trouble},
        server::{PASSWORD, USER},
    },
    support::{Project, project::Plan},
};

fn answer(status: u16) -> Trouble {
    Trouble::Answer(status, vec![], "")
}

#[test]
fn one_of_two_targets_that_is_broken_does_not_keep_the_other_from_being_rehearsed() {
    let faults = [
        (Method::POST, "/blobs/uploads/", answer(403), "registry-forbidden"),
        (Method::PUT, "/manifests/", answer(201), "registry-lied"),
    ];
    for (method, path, trouble, rule) in faults {
        for broken_first in [true, false] {
            let (broken, well) = (Lab::open(), Lab::open());
            let both = if broken_first { [&broken, &well] } else { [&well, &broken] };
            let project = Project::new(&broken.plan().publish(both.map(Lab::target).concat()));
            broken.proxy.always(method.clone(), path, trouble.clone());
            let ran = drill(&project).run().ends(10, "cannot-ship");
            assert!(ran.rules().iter().all(|found| *found == rule), "{:?}", ran.rules());
            let published: Vec<_> = ran.json["published"].as_array().unwrap().iter().collect();
            let [published] = published[..] else { panic!("{published:?}") };
            assert_eq!(published["target"], format!("{}/acme/tool", well.proxy.address));
            assert!(published["pulled_bytes"].is_u64(), "{published}");
            assert_eq!((ran.phase("publish"), ran.phase("smoke")), ("failed", "passed"));
            for address in [&broken.proxy.address, &well.proxy.address] {
                assert!(ran.stdout.contains(address.as_str()), "{address}: {}", ran.stdout);
            }
            assert_eq!(leftovers(&ran), Vec::<String>::new());
            well.is_empty();
            broken.is_empty();

            broken.proxy.repent();
            let ran = drill(&project).run().ends(0, "can-ship");
            assert_eq!(ran.json["published"].as_array().unwrap().len(), 2);
        }
    }
}

#[test]
fn a_refused_deletion_is_listed_and_no_failure() {
    let denied = r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;
    for (status, reason) in [(405, "405 Method Not Allowed: UNSUPPORTED"), (403, "lacks the right to delete")] {
        let lab = Lab::open();
        let project = Project::new(&lab.plan());
        lab.proxy.always(Method::DELETE, "/", Trouble::Answer(status, vec![], denied));
        let markdown = project.beside("report.md");
        let ran = drill(&project).argument("--markdown").argument(&markdown).run().ends(0, "can-ship");
        assert_eq!(ran.rules(), Vec::<&str>::new());
        assert_eq!(ran.phase("clean"), "passed");
        let left = lab.all_left_is_listed(&ran);
        for kind in ["manifest sha256:", "tag canship-", "blob sha256:", "the open upload "] {
            assert!(left.iter().any(|what| what.starts_with(kind)), "{left:?}");
        }
        // Each of the three reports has what is left, why, and what to do.
        let markdown = fs::read_to_string(markdown).unwrap();
        let plain = |text: &str| text.replace("&#39;", "'").replace(|c: char| c.is_whitespace() || "\\`*".contains(c), "");
        for one in ran.json["leftovers"].as_array().unwrap() {
            for key in ["what", "reason", "remedy"] {
                let text = plain(one[key].as_str().unwrap());
                assert!(plain(&ran.stdout).contains(&text), "{text}: {}", ran.stdout);
                assert!(plain(&markdown).contains(&text), "{text}: {markdown}");
            }
            let told = one["reason"].as_str().unwrap();
            assert!(told.contains(reason), "{told}");
        }

        lab.proxy.repent();
        let honest = drill(&Project::new(&lab.plan())).run().ends(0, "can-ship");
        // What the first drill had to leave was there before: the second leaves it alone.
        assert!(leftovers(&honest).iter().all(|what| what.starts_with("tag ")), "{:?}", leftovers(&honest));
    }
}

#[test]
fn what_another_drill_takes_away_meanwhile_is_pushed_again() {
    let lab = Lab::open();
    let project = Project::new(&lab.plan());
    let [_, scratch] = REPOSITORIES;
    // The layer goes before the manifest names it, the manifest before it is pulled back.
    for (method, path, kind, part) in
        [(Method::PUT, "/manifests/", "blob", "blobs"), (Method::GET, "/manifests/sha256", "manifest", "manifests")]
    {
        let before = lab.proxy.count(&method, path);
        lab.proxy.times(1, method.clone(), path, Trouble::Hold);
        let running = drill(&project).start();
        lab.proxy.await_seen(before + 1, &method, path);
        let taken: Vec<_> = held(&lab.registry, scratch).into_iter().filter(|(what, _)| *what == kind).collect();
        assert!(!taken.is_empty());
        for (_, digest) in taken {
            let url = format!("http://{}/v2/{scratch}/{part}/sha256:{digest}", lab.registry.address);
            let gone = lab.runtime.block_on(reqwest::Client::new().delete(url).send()).unwrap();
            assert!(gone.status().is_success(), "{gone:?}");
        }
        lab.proxy.repent();
        let ran = running.finish().ends(0, "can-ship");
        assert_eq!(ran.json["published"].as_array().unwrap().len(), 1);
        lab.is_empty();
    }
    // A registry that loses it each time is told of all the same.
    lab.proxy.always(Method::GET, "/manifests/sha256", answer(404));
    drill(&project).run().ends(10, "cannot-ship");
}

#[test]
fn a_scratch_repository_at_another_registry_leaves_a_gap() {
    let (lab, other) = (Lab::open(), Lab::open());
    let target = |scratch: &Lab| {
        let [release, drill] = REPOSITORIES;
        format!("  - oci: {}/{release}\n    scratch: {}/{drill}\n", lab.proxy.address, scratch.proxy.address)
    };
    let ran = drill(&Project::new(&lab.plan().publish(target(&other)))).run().ends(11, "degraded");
    assert_eq!(ran.rules(), ["push-not-rehearsed"]);
    assert!(ran.stdout.contains("rehearsed at another registry"), "{}", ran.stdout);
    drill(&Project::new(&lab.plan().publish(target(&lab)))).run().ends(0, "can-ship");
}

#[test]
fn a_login_does_not_go_along_to_where_a_registry_sends_us() {
    let lab = Lab::guarded();
    let login = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let elsewhere = lab.runtime.block_on(Proxy::presigned(&lab.registry.address, login));
    let project = Project::new(&lab.plan());
    lab.proxy.always(Method::GET, "/blobs/sha256", Trouble::SentTo(elsewhere.address.clone()));
    let ran = drill(&project).run().ends(0, "can-ship");
    assert_eq!(leftovers(&ran), Vec::<String>::new());
    let seen = elsewhere.seen();
    assert_eq!(seen.len(), 4, "configuration and layer, pulled, and looked for when they were deleted: {seen:?}");
    assert!(seen.iter().all(|seen| seen.login.is_none()), "{seen:?}");
    assert!(lab.proxy.seen().iter().any(|seen| seen.login.is_some()));
    lab.is_empty();

    lab.proxy.repent();
    drill(&project).run().ends(0, "can-ship");
    assert_eq!(elsewhere.seen().len(), 4);
}

/// A plan whose smoke step copies what the drill has pushed to another tag of the scratch repository.
fn copying(lab: &Lab, tag: &str, format: &str) -> Plan {
    let at = format!("docker://{}/{}", lab.registry.address, REPOSITORIES[1]);
    let copy = format!(
        "tag=$(skopeo list-tags --tls-verify=false {at} | grep -o 'canship-[^\"]*') && \
         skopeo copy -q --src-tls-verify=false --dest-tls-verify=false {format} {at}:$tag {at}:{tag}"
    );
    Plan { smoke: vec![copy], ..lab.plan() }
}

/// Whether a tag of the scratch repository leads to something.
fn has_tag(lab: &Lab, tag: &str) -> bool {
    held(&lab.registry, REPOSITORIES[1]).contains(&("tag", tag.to_owned()))
}

#[test]
fn nothing_is_deleted_where_what_others_have_tagged_cannot_be_read() {
    let lab = Lab::open();
    let project = Project::new(&copying(&lab, "keep", ""));
    lab.proxy.always(Method::GET, "/manifests/keep", answer(500));
    let ran = drill(&project).run().ends(0, "can-ship");
    assert!(has_tag(&lab, "keep"), "{}", ran.stdout);
    assert!(ran.json["leftovers"].to_string().contains("what else needs it could not be read"), "{}", ran.json["leftovers"]);
}

#[test]
fn what_others_tag_while_a_drill_looks_at_their_tags_is_kept() {
    let lab = Lab::open();
    let project = Project::new(&copying(&lab, "other", "--format v2s2"));
    lab.proxy.always(Method::GET, "/manifests/other", Trouble::Hold);
    let running = drill(&project).start();
    lab.proxy.await_seen(1, &Method::GET, "/manifests/other");
    let url = |tag: &str| format!("http://{}/v2/{}/manifests/{tag}", lab.registry.address, REPOSITORIES[1]);
    let own = held(&lab.registry, REPOSITORIES[1]).into_iter().find(|(kind, name)| *kind == "tag" && name.starts_with("canship-"));
    let own = url(&own.unwrap().1);
    lab.runtime.block_on(async {
        let oci = "application/vnd.oci.image.manifest.v1+json";
        let client = reqwest::Client::new();
        let manifest = client.get(own).header("accept", oci).send().await.unwrap().bytes().await.unwrap();
        let put = client.put(url("late")).header("content-type", oci).body(manifest).send().await.unwrap();
        assert!(put.status().is_success(), "{put:?}");
    });
    lab.proxy.repent();
    let ran = running.finish().ends(0, "can-ship");
    assert!(has_tag(&lab, "late"), "{}", ran.stdout);
}
