//! What the primary path has released at a URL, or under a digest.

use std::fs;

use canship::record::Digest;
use sha2::{Digest as _, Sha256};

use crate::{
    packing::{TOOL, gzip, tar, zip},
    server::{Answer, Server},
    support::{Canship, Project, Services, project::Plan, run::Ran},
};

/// A plan whose one artifact, the script `tool`, is compared with this.
pub(crate) fn plan(entry: &str) -> Plan {
    with_more(&format!("primary:\n  artifacts:\n    - {{ artifact: tool, {entry} }}\n"))
}

fn with_more(more: &str) -> Plan {
    Plan { more: more.to_owned(), ..Plan::on_host(&Services::get()) }
}

pub(crate) fn drill(plan: &Plan) -> Ran {
    Canship::drill(&Project::new(plan)).run()
}

/// The one comparison of a drill.
#[track_caller]
pub(crate) fn comparison(ran: &Ran) -> &serde_json::Value {
    let all = ran.json["comparisons"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{}", ran.json);
    &all[0]
}

/// Asserts that what was released is the same.
#[track_caller]
pub(crate) fn is_same(ran: Ran) {
    let ran = ran.ends(0, "can-ship");
    assert_eq!(comparison(&ran)["result"], "same", "{}", ran.json);
    assert_eq!((&comparison(&ran)["files"], &comparison(&ran)["bytes"]), (&1.into(), &TOOL.len().into()));
    assert_eq!(ran.phase("compare"), "passed");
}

/// Asserts that a gap says so, and gives the text of all differences.
#[track_caller]
pub(crate) fn differs(ran: Ran) -> String {
    let ran = ran.ends(11, "degraded");
    assert_eq!(ran.rules(), ["release-differs"], "{}", ran.stdout);
    assert_eq!((comparison(&ran)["result"].as_str(), ran.phase("compare")), (Some("differs"), "failed"));
    ran.json["findings"][0]["evidence"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned() + "\n").collect()
}

/// Asserts that a gap says that it was not compared, and gives the reason.
#[track_caller]
pub(crate) fn is_not_compared(ran: Ran) -> String {
    let ran = ran.ends(11, "degraded");
    assert_eq!(ran.rules(), ["release-not-compared"], "{}", ran.stdout);
    assert_eq!((comparison(&ran)["result"].as_str(), ran.phase("compare")), (Some("not-compared"), "errored"));
    assert!(!ran.first_advice().is_empty());
    comparison(&ran)["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_released_file_that_is_the_same_is_said_to_be_so_in_every_form_it_has() {
    let server = Server::start();
    let packed = tar(&[("tool-1.2.3/bin/tool", TOOL, 0o755), ("tool-1.2.3/README", b"read me", 0o644)]);
    for (path, content) in [
        ("/v1.2.3/tool", TOOL.to_vec()),
        ("/v1.2.3/tool.tar", packed.clone()),
        ("/v1.2.3/tool.tar.gz", gzip(&packed)),
        ("/v1.2.3/tool.zip", zip(&[("bin/tool", TOOL, 0o755)])),
    ] {
        let url = server.at(path, Answer::File(content)).replace("1.2.3", "{version}");
        is_same(drill(&plan(&format!("url: \"{url}\""))));
    }
    let digest = Digest::from_sha256(&Sha256::digest(TOOL));
    is_same(drill(&plan(&format!("digest: \"{digest}\", version: 1.2.3"))));
    let asked: Vec<_> = server.asked().into_iter().map(|(path, _)| path).collect();
    assert_eq!(asked.len(), 4, "each was fetched once: {asked:?}");
}

#[test]
fn a_released_file_that_differs_is_told_by_where_and_how() {
    let server = Server::start();
    let url = server.at("/tool", Answer::File(b"#!/bin/sh\necho tool 1.2.4\n".to_vec()));
    let told = differs(drill(&plan(&format!("url: \"{url}\""))));
    assert_eq!(told, "`tool` has other bytes (26 B in both), the first difference at byte 24: in line 2\n");

    let url = server.at("/tool.tar.gz", Answer::File(gzip(&tar(&[("bin/tool", TOOL, 0o644)]))));
    let told = differs(drill(&plan(&format!("url: \"{url}\""))));
    assert_eq!(told, "`tool` may be executed here, but not there\n");

    let told = differs(drill(&plan(&format!("digest: \"sha256:{}\"", "0a".repeat(32)))));
    assert!(told.starts_with("`tool` has other bytes"), "{told}");
}

#[test]
fn a_folder_is_compared_file_by_file() {
    let server = Server::start();
    let files: &[(&str, &[u8], u32)] =
        &[("x/tool", TOOL, 0o755), ("x/share/only-there", b"1", 0o644), ("x/share/both", b"one\ntwo", 0o644)];
    let url = server.at("/dist.tgz", Answer::File(gzip(&tar(files))));
    let plan = plan(&format!("url: \"{url}\"")).run(&[
        "mkdir -p dist/share && cp tool.sh dist/tool && chmod +x dist/tool && printf 'one\\nTwo' >dist/share/both",
        "printf x >dist/share/only-here && ln -s tool dist/link",
    ]);
    let plan = Plan { artifacts: vec!["dist".into()], smoke: vec!["./dist/tool".into()], ..plan };
    let plan = Plan { more: plan.more.replace("artifact: tool", "artifact: dist"), ..plan };
    let told = differs(drill(&plan));
    let expected = "`dist/link` is only here: the other build does not have it\n\
                    `dist/share/both` has other bytes (7 B in both), the first difference at byte 4: in line 2\n\
                    `dist/share/only-here` is only here: the other build does not have it\n\
                    `dist/share/only-there` is missing here: only the other build has it\n";
    assert_eq!(told, expected);
}

#[test]
fn every_view_shows_the_comparison() {
    let server = Server::start();
    let url = server.at("/tool", Answer::File(b"other".to_vec()));
    let project = Project::new(&plan(&format!("url: \"{url}\"")));
    let (markdown, junit) = (project.beside("a.md"), project.beside("a.xml"));
    let ran = Canship::drill(&project).argument("--markdown").argument(&markdown).argument("--junit").argument(&junit).run();
    let ran = ran.ends(11, "degraded");
    let (markdown, junit) = (fs::read_to_string(markdown).unwrap(), fs::read_to_string(junit).unwrap());
    for view in [&ran.stdout, &ran.stderr, &markdown, &junit, &ran.log] {
        let words = ["not the same", "is not what the primary path has released", "\"result\":\"differs\""];
        assert!(words.iter().any(|words| view.contains(words)), "{view}");
    }
    assert!(junit.contains("<testsuite name=\"comparisons\""), "{junit}");
    // Comparing goes on beside what ships, and is no part of its time.
    let time = |phase: &str, key: &str| {
        let phases = ran.json["phases"].as_array().unwrap();
        phases.iter().find(|one| one["phase"] == phase).unwrap()[key].as_str().unwrap().to_owned()
    };
    assert!(time("compare", "started") < time("smoke", "ended"), "{}", ran.json);
}

#[test]
fn what_is_not_released_yet_or_of_another_version_is_not_compared() {
    let server = Server::start();
    let url = format!("http://{}/v{{version}}/tool", server.address);
    let reason = is_not_compared(drill(&plan(&format!("url: \"{url}\""))));
    assert_eq!(reason, "it is not there (404 Not Found)");
    let digest = format!("sha256:{}", "0a".repeat(32));
    let reason = is_not_compared(drill(&plan(&format!("digest: \"{digest}\", version: 1.2.2"))));
    assert_eq!(reason, "the digest is of version 1.2.2, and 1.2.3 was built");
}

#[test]
fn a_version_that_was_released_from_another_commit_is_not_compared() {
    let server = Server::start();
    let url = server.at("/tool", Answer::File(TOOL.to_vec()));
    let project = Project::new(&plan(&format!("url: \"{url}\"")));
    project.git(&["tag", "v1.2.3"]);
    project.git(&["push", "-q", "origin", "v1.2.3"]);
    is_same(Canship::drill(&project).run());
    project.write("later", "");
    project.commit("Go on");
    project.git(&["push", "-q", "origin", "main"]);
    let reason = is_not_compared(Canship::drill(&project).run());
    assert!(reason.starts_with("`v1.2.3` is the commit "), "{reason}");
}

#[test]
fn which_file_of_several_is_meant_must_be_said() {
    let server = Server::start();
    let files: &[(&str, &[u8], u32)] = &[("linux/tool", TOOL, 0o755), ("mac/tool", b"other", 0o755)];
    let url = server.at("/tool.zip", Answer::File(zip(files)));
    let reason = is_not_compared(drill(&plan(&format!("url: \"{url}\""))));
    assert_eq!(reason, "there is more than one `tool` in it, `linux/tool`, `mac/tool`: say which with `inside`");
    is_same(drill(&plan(&format!("url: \"{url}\", inside: linux"))));
    let reason = is_not_compared(drill(&plan(&format!("url: \"{url}\", inside: windows/tool"))));
    assert_eq!(reason, "there is no `windows/tool` in it");
}

#[test]
fn a_login_opens_a_release_and_goes_nowhere_else() {
    let (server, other) = (Server::start(), Server::start());
    let secret = |entry: &str| plan(entry).secret("TOKEN", "{ env: TEST_TOKEN }");
    let run = |plan: &Plan| Canship::drill(&Project::new(plan)).variable("TEST_TOKEN", "hush-hush").run();

    let url = server.at("/tool", Answer::Guarded("Bearer hush-hush", TOOL.to_vec()));
    is_same(run(&secret(&format!("url: \"{url}\", token: TOKEN"))));
    let refused = run(&plan(&format!("url: \"{url}\"")));
    assert!(is_not_compared(refused).contains("refuses access (401 Unauthorized)"));
    // `me:hush-hush`
    let url = server.at("/basic", Answer::Guarded("Basic bWU6aHVzaC1odXNo", TOOL.to_vec()));
    is_same(run(&secret(&format!("url: \"{url}\", login: {{ username: me, password: TOKEN }}"))));

    let there = other.at("/elsewhere", Answer::File(TOOL.to_vec()));
    let url = server.at("/moved", Answer::Moved(there));
    is_same(run(&secret(&format!("url: \"{url}\", token: TOKEN"))));
    assert_eq!(other.asked(), [("/elsewhere".to_owned(), None)], "a login does not go along");
}
