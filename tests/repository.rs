//! What holds for the repository as a whole: no machine's paths, workflows that run only what was looked at, scripts that
//! stop at the first error.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What is not part of the repository.
const NOT_OURS: &[&str] = &[".git", "target", ".canship", "corpus", "artifacts"];

/// The clean room's own folders look like a machine's, and are the only ones that may.
const OF_THE_ROOM: &[&str] = &["src", "out", "home", "tmp"];

/// Every text file of the repository, with its path from the root.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    let done = walk(root, &mut paths);
    assert!(done.is_ok() && paths.len() > 10, "the repository cannot be read: {done:?}, {} files", paths.len());
    let name = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    paths.iter().filter_map(|path| Some((name(path), fs::read_to_string(path).ok()?))).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // `.git` is a file in a further work tree.
        if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), paths)?;
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}

/// The text files whose path starts and ends so; there must be some.
fn texts_in(start: &str, end: &str) -> Vec<(String, String)> {
    let found: Vec<_> = texts().into_iter().filter(|(path, _)| path.starts_with(start) && path.ends_with(end)).collect();
    assert!(!found.is_empty(), "no {start}*{end}");
    found
}

/// The paths of somebody's machine that a text names.
fn machine_paths(text: &str) -> Vec<&str> {
    // In two parts, so that this file does not find itself.
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Use", "rs/"), concat!("/wo", "rk/")];
    let mut found = Vec::new();
    for home in homes {
        for (at, _) in text.match_indices(home) {
            // `/work/home/x` or `https://example.com/root/x` are the inner part of another path.
            if text[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.}".contains(c)) {
                continue;
            }
            let path = text[at..].split(|c: char| c.is_whitespace() || "\"'`,;:)>".contains(c)).next().unwrap_or_default();
            let first = path[home.len()..].split('/').next().unwrap_or_default();
            if home.starts_with("/w") && (first.is_empty() || OF_THE_ROOM.contains(&first)) {
                continue;
            }
            found.push(path);
        }
    }
    found
}

/// Actions of a workflow that are not pinned to a commit with its version beside it.
fn loose_actions(workflow: &str) -> Vec<&str> {
    workflow
        .lines()
        .map(|line| line.trim().trim_start_matches("- "))
        .filter_map(|line| line.strip_prefix("uses:"))
        .map(str::trim)
        .filter(|action| !action.starts_with("./") && !is_pinned(action))
        .collect()
}

fn is_pinned(action: &str) -> bool {
    let Some((place, comment)) = action.split_once(" # v") else { return false };
    let Some((_, commit)) = place.trim_end().split_once('@') else { return false };
    let is_commit = commit.len() == 40 && commit.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    is_commit && comment.split('.').count() == 3 && comment.split('.').all(|part| part.parse::<u32>().is_ok())
}

/// The first line of a script that does something.
fn first_command(script: &str) -> &str {
    script.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default()
}

#[test]
fn no_file_names_a_path_of_some_machine() {
    for (file, text) in texts() {
        assert_eq!(machine_paths(&text), Vec::<&str>::new(), "in {file}");
    }
}

#[test]
fn a_path_of_some_machine_is_caught() {
    for (text, count) in [
        (concat!("see /ho", "me/somebody/x"), 1),
        (concat!("\"/ro", "ot/.cargo\""), 1),
        (concat!("=/wo", "rk/main/ci, /wo", "rk/src/ci"), 1),
        ("/work/src/target and /work/home", 0),
        ("https://example.com/work/x, ./home/x, $HOME/x, <root/>", 0),
    ] {
        assert_eq!(machine_paths(text).len(), count, "{text}");
    }
}

#[test]
fn workflows_run_only_actions_that_were_looked_at() {
    for (file, text) in texts_in(".github/workflows/", ".yml") {
        assert_eq!(loose_actions(&text), Vec::<&str>::new(), "in {file}");
    }
}

#[test]
fn a_loose_action_is_caught() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (uses, loose) in [
        ("owner/action@v5".to_owned(), true),
        (format!("owner/action@{commit}"), true),
        (format!("owner/action@{commit} # v5"), true),
        (format!("owner/action@{} # v5.0.0", &commit[1..]), true),
        (format!("owner/action@{commit} # v5.0.0"), false),
        ("./.github/actions/own".to_owned(), false),
    ] {
        assert_eq!(loose_actions(&format!("    steps:\n      - uses: {uses}\n")).len(), usize::from(loose), "{uses}");
    }
}

#[test]
fn workflows_may_only_read() {
    for (file, text) in texts_in(".github/workflows/", ".yml") {
        assert!(
            text.contains("\npermissions:\n  contents: read\n\n"),
            "{file} gives its jobs more than they need, or whatever the default is"
        );
        assert!(!text.contains("pull_request_target"), "{file} runs with rights what a stranger has sent");
        assert!(!text.contains(": write"), "{file} gives the right to write");
    }
}

#[test]
fn scripts_stop_at_the_first_error() {
    for (file, text) in texts() {
        let interpreter = text.lines().next().unwrap_or_default();
        if interpreter.starts_with("#!") && interpreter.ends_with("bash") {
            assert_eq!(first_command(&text), "set -euo pipefail", "in {file}");
        }
    }
}

#[test]
fn the_workflow_builds_with_the_oldest_rust_that_is_promised() {
    let manifest = include_str!("../Cargo.toml");
    let promised = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let workflow = include_str!("../.github/workflows/ci.yml");
    assert!(workflow.contains(&format!("RUSTUP_TOOLCHAIN: {promised}.")), "the manifest promises {promised}");
}

#[test]
fn both_licences_are_there_and_the_changelog_has_a_place_for_the_next_change() {
    assert!(include_str!("../Cargo.toml").contains("license = \"MIT OR Apache-2.0\""));
    assert!(include_str!("../LICENSE-MIT").starts_with("MIT License\n"));
    assert!(include_str!("../LICENSE-APACHE").contains("Version 2.0, January 2004"));
    assert!(include_str!("../CHANGELOG.md").contains("\n## [Unreleased]\n"));
}
