//! A drill that a drill elsewhere has asked for.

use crate::support::{Canship, Project, Services, project::Plan};

const NONCE: &str = "0f1e2d3c-4b5a";

#[test]
fn a_drill_that_was_asked_for_leaves_what_it_pushed_with_the_nonce_in_it() {
    let project = Project::new(&Plan::on_host(&Services::get()));
    let ran = Canship::drill(&project).argument("--spare").argument("by-hand").argument("--nonce").argument(NONCE).run();
    let ran = ran.ends(0, "can-ship");
    assert_eq!(ran.json["nonce"], NONCE);
    let handed = ran.json["handed_over"][0].as_str().unwrap();
    let tag = format!("canship-{}", ran.drill());
    assert!(handed.contains(&tag) && ran.stdout.contains(&tag), "{handed}\n{}", ran.stdout);
    let reference = ran.json["published"][0]["reference"].as_str().unwrap();
    let (name, tag) = reference.rsplit_once(':').unwrap();
    let (host, name) = name.split_once('/').unwrap();
    let manifest = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("http://{host}/v2/{name}/manifests/{tag}"));
        request.header("accept", "application/vnd.oci.image.manifest.v1+json").send().await.unwrap().text().await.unwrap()
    });
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["annotations"]["dev.canship.nonce"], NONCE);
    assert_eq!(manifest["annotations"]["org.opencontainers.image.revision"], ran.json["source"]["commit"]);
    assert_eq!(manifest["annotations"]["dev.canship.drill"], ran.drill());
}

#[test]
fn a_drill_that_was_asked_for_and_fails_leaves_nothing() {
    let plan = Plan { smoke: vec!["false".into()], ..Plan::on_host(&Services::get()) };
    let project = Project::new(&plan);
    let ran = Canship::drill(&project).argument("--nonce").argument(NONCE).run().ends(10, "cannot-ship");
    assert_eq!(ran.json["handed_over"].as_array().unwrap().len(), 0);
    assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
}

#[test]
fn a_nonce_that_a_shell_could_read_something_into_is_refused() {
    let project = Project::new(&Plan::on_host(&Services::get()));
    for nonce in ["$(reboot)", "short", "--cut"] {
        let ran = Canship::drill(&project).argument(format!("--nonce={nonce}")).run_as_is();
        assert_eq!(ran.code, Some(2), "{nonce}: {}", ran.stderr);
    }
}
