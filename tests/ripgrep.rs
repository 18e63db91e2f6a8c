//! A real project: ripgrep 14.1.1 with vendored crates, built offline in the clean room.

mod support;

use std::{path::Path, process::Command};

use support::{Canship, Services};

#[test]
fn ripgrep_ships_twice_with_the_same_digest() {
    // Fails with what to do where the services are not there.
    Services::get();
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/ripgrep")).arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let drill = || {
        let plan = folder.path().join("ripgrep/canship.yaml");
        let ran = Canship::new(&["drill", "--plan"]).argument(plan).run().ends(0, "can-ship");
        assert_eq!(ran.phase("smoke"), "passed");
        assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
        assert!(ran.log.contains("ripgrep 14.1.1"), "the smoke step shows the version");
        ran.json["published"][0]["digest"].as_str().unwrap().to_owned()
    };
    assert_eq!(drill(), drill());
}
