//! What the pipelines of a repository say: what is read, how sure it is, what is left open, and that nothing falls over.
#![cfg(test)]

mod github;
mod gitlab;
mod hostile;
#[path = "../support/mod.rs"]
mod support;
mod traps;
mod views;

use std::{collections::BTreeSet, fs, path::Path};

use canship::pipeline::{Pipeline, Sure, Topic, read};

/// A repository of these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        put(folder.path(), path, text.as_bytes());
    }
    folder
}

fn put(folder: &Path, path: &str, bytes: &[u8]) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}

/// What a repository of these files says.
fn pipeline(files: &[(&str, &str)]) -> Pipeline {
    read(repository(files).path())
}

/// What one workflow says, started by a tag unless it says otherwise.
fn workflow(text: &str) -> Pipeline {
    let on = if text.starts_with("on:") { "" } else { "on: { push: { tags: ['v*'] } }\n" };
    pipeline(&[(".github/workflows/release.yml", &format!("{on}{text}"))])
}

/// One job with these steps, and what it says.
fn steps(text: &str) -> Pipeline {
    let steps = text.lines().map(|line| format!("      {line}\n")).collect::<Vec<_>>().concat();
    workflow(&format!("jobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n      - run: gh release create v1\n{steps}"))
}

/// The values of a topic that are read or computed.
fn values(pipeline: &Pipeline, topic: Topic) -> Vec<String> {
    sure(pipeline, topic, |sure| matches!(sure, Sure::Read | Sure::Computed))
}

/// The values of a topic with a site that is as sure as this.
fn sure(pipeline: &Pipeline, topic: Topic, is: impl Fn(&Sure) -> bool) -> Vec<String> {
    pipeline
        .facts
        .of(topic)
        .filter(|(_, sites)| sites.iter().any(|site| is(&site.sure)))
        .map(|(value, _)| value.to_owned())
        .collect()
}

/// The files that start releases.
fn releases(pipeline: &Pipeline) -> Vec<&str> {
    pipeline.releases.iter().map(|release| release.file.as_str()).collect()
}

/// Where a value of a topic stands: file, line, column.
fn places(pipeline: &Pipeline, topic: Topic, value: &str) -> BTreeSet<(String, u32, u32)> {
    let sites = pipeline.facts.of(topic).find(|(found, _)| *found == value).map(|(_, sites)| sites.clone()).unwrap_or_default();
    sites.into_iter().map(|site| (site.at.file.to_string(), site.at.line, site.at.column)).collect()
}

/// Whether something is said to be open with these words in it.
fn is_open(pipeline: &Pipeline, words: &str) -> bool {
    pipeline.open.iter().any(|open| open.what.contains(words))
}
