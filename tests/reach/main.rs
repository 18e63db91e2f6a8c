//! Every way to an engine, with real engines at its end: sshd on loopback, TLS with certificates of a private authority,
//! Docker's contexts as its own client makes them.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod contexts;
mod relay;
mod ssh;
mod sshd;
mod tls;

use support::{Canship, Project, Services, project::Plan};

/// A release that is worth moving: twenty megabytes out of the clean room, and back into another one.
fn plan(engine: &str) -> Plan {
    let services = Services::get();
    let container = if engine.is_empty() { String::from("{}") } else { format!("{{ engine: \"{engine}\" }}") };
    Plan {
        artifacts: vec!["dist/tool".into(), "dist/big".into()],
        spare: format!("{{ name: room, container: {container} }}"),
        ..Plan::in_clean_room(&services)
    }
    .run(&["mkdir -p dist && cp tool.sh dist/tool && chmod +x dist/tool", "yes canship | head -c 20000000 >dist/big"])
}

/// The digest of what a drill on the engine at `address` ships.
fn digest_on(address: &str) -> String {
    let project = Project::new(&plan(address));
    digest(&Canship::drill(&project).run().ends(0, "can-ship").json)
}

fn digest(json: &serde_json::Value) -> String {
    json["published"][0]["digest"].as_str().expect("a drill that can ship has published").to_owned()
}
