//! `canship check` and `canship explain`: each rule where it must speak and where it must not, suppressions, and every form
//! of output.
#![cfg(test)]

mod bounds;
mod formats;
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets are another crate")]
mod fuzzed;
mod init;
mod mutations;
mod replay;
mod rules;
#[path = "../support/mod.rs"]
mod support;
mod suppressions;

use std::{fs, path::Path};

use canship::{
    audit::{Report, Subject, Written, check},
    pipeline, plan, source,
};

/// The files of a repository; `canship.yaml` is the plan.
type World<'w> = &'w [(&'w str, &'w str)];

/// A repository of these files.
fn repository(world: World<'_>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in world {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

/// What is found in a repository.
fn checked(world: World<'_>) -> Report {
    let folder = repository(world);
    let pipeline = pipeline::read(folder.path());
    let text = world.iter().find(|(path, _)| *path == "canship.yaml").map(|(_, text)| *text);
    let loaded = text.map(|text| plan::parse(text, "canship.yaml").unwrap_or_else(|invalid| panic!("{invalid}")));
    let version = loaded.as_ref().and_then(|loaded| source::lacking(folder.path(), &loaded.plan.source.version));
    let (file, text) = ("canship.yaml", text.unwrap_or_default());
    let plan = loaded.as_ref().map(|loaded| Written { loaded, file, text, version: version.as_ref() });
    check(&Subject { pipeline: &pipeline, plan })
}

/// The binary's check of this folder.
fn run(folder: &Path, arguments: &[&str]) -> support::run::Ran {
    let mut call = support::Canship::new(&["check"]).argument(folder);
    for argument in arguments {
        call = call.argument(argument);
    }
    call.run_as_is()
}
