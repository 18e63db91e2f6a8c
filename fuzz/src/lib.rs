//! What is tried with bytes that nobody wrote: nothing may panic, whatever they say, and what is shown and drafted holds its promises.
//!
//! The fuzz targets call this with what libFuzzer makes, and an ordinary test with what it kept. The bytes are the files of a
//! small repository, one after the other, with a line `%%%` between them; a file that is not there is missing.

use std::{collections::BTreeMap, fs, path::Path};

use canship::{
    audit::{Subject, Written, check},
    draft, pipeline, plan,
    report::{CheckFormat, Colour, PipelineFormat, render_check, render_pipeline},
    source,
};

/// What stands between two files.
const BETWEEN: &[u8] = b"\n%%%\n";
/// The plan, in each of the repositories.
const PLAN: &str = "canship.yaml";

/// A repository on GitHub.
pub const GITHUB: &[&str] =
    &[".github/workflows/release.yml", ".github/workflows/called.yml", ".github/actions/own/action.yml", PLAN, "Dockerfile"];
/// A repository on GitLab.
pub const GITLAB: &[&str] = &[".gitlab-ci.yml", "ci/more.yml", PLAN, "Dockerfile"];

/// The reader of GitHub's workflows, and all that stands on it.
pub fn github(bytes: &[u8]) {
    look_at(GITHUB, bytes);
}

/// The reader of GitLab's CI files, and all that stands on it.
pub fn gitlab(bytes: &[u8]) {
    look_at(GITLAB, bytes);
}

/// The reader of plans: what is taken can be shown, and what is not is said without what a terminal would obey.
pub fn plan(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join(PLAN);
        write(&path, Some(bytes));
        match plan::load(&path) {
            Ok(loaded) => {
                assert_harmless(&loaded.show());
                assert!(loaded.to_json().is_object(), "a plan is an object");
            }
            Err(invalid) => assert_harmless(&invalid.to_string()),
        }
    });
}

fn look_at(paths: &[&str], bytes: &[u8]) {
    in_folder(|folder| {
        let mut texts = split(bytes).into_iter();
        for path in paths {
            write(&folder.join(path), texts.next());
        }
        look(folder);
    });
}

/// Reads, checks, shows and drafts all that there is to this repository.
pub fn look(folder: &Path) {
    let found = pipeline::read(folder);
    let path = folder.join(PLAN);
    let loaded = plan::load(&path).ok();
    let text = fs::read_to_string(&path).unwrap_or_default();
    let version = loaded.as_ref().and_then(|loaded| source::lacking(folder, &loaded.plan.source.version));
    let plan = loaded.as_ref().map(|loaded| Written { loaded, file: PLAN, text: &text, version: version.as_ref() });
    let subject = Subject { pipeline: &found, plan };
    let report = check(&subject);
    for format in [CheckFormat::Text, CheckFormat::Json, CheckFormat::Sarif, CheckFormat::Github, CheckFormat::Gitlab] {
        assert_harmless(&render_check(&report, &subject, format, Colour::Off));
    }
    for format in [PipelineFormat::Text, PipelineFormat::Json, PipelineFormat::Dot, PipelineFormat::Mermaid] {
        assert_harmless(&render_pipeline(&found, format));
    }
    let text = draft::draft(folder, &found, &BTreeMap::new()).text();
    if let Err(reason) = plan::parse(&text, PLAN) {
        panic!("what is drafted is no plan: {reason}\n{text}");
    }
}

fn assert_harmless(shown: &str) {
    assert!(!shown.contains('\u{1b}'), "an escape is shown: {shown:?}");
}

fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some(at) = bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        parts.push(&bytes[..at]);
        bytes = &bytes[at + BETWEEN.len()..];
    }
    parts.push(bytes);
    parts
}

fn write(path: &Path, content: Option<&[u8]>) {
    match content {
        Some(content) => fs::write(path, content).unwrap(),
        None => drop(fs::remove_file(path)),
    }
}

/// Does this in a folder with all that the files stand in: one for each thread, since a million are made in an hour.
fn in_folder(does: impl FnOnce(&Path)) {
    thread_local! {
        static FOLDER: tempfile::TempDir = {
            let folder = tempfile::tempdir().unwrap();
            for inner in [".git", ".github/workflows", ".github/actions/own", "ci"] {
                fs::create_dir_all(folder.path().join(inner)).unwrap();
            }
            let remote = "[remote \"origin\"]\n\turl = git@github.com:acme/api.git\n";
            fs::write(folder.path().join(".git/config"), remote).unwrap();
            folder
        };
    }
    FOLDER.with(|folder| does(folder.path()));
}
