//! What libFuzzer found worth keeping: files that nobody wrote, each of which took another way through the readers. `ci/fuzz`
//! starts from these and says how new ones are kept.

use std::{fs, panic, path::Path};

use super::fuzzed;

/// Tries each kept input of a target, and says which of them something fell over.
fn replay(target: &str, look: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz").join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    let fell: Vec<_> = paths
        .iter()
        .filter(|path| {
            let bytes = fs::read(path).unwrap();
            panic::catch_unwind(|| look(&bytes)).is_err()
        })
        .collect();
    assert!(fell.is_empty(), "{fell:#?}");
}

#[test]
fn nothing_falls_over_what_was_kept_of_github() {
    replay("github", fuzzed::github);
}

#[test]
fn nothing_falls_over_what_was_kept_of_gitlab() {
    replay("gitlab", fuzzed::gitlab);
}

#[test]
fn nothing_falls_over_what_was_kept_of_plans() {
    replay("plan", fuzzed::plan);
}
