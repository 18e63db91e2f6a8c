//! A version that is not where the plan says.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
    },
    source::VersionError,
};

pub(super) static RULE: Rule = Rule {
    id: "version-not-found",
    severity: Severity::Error,
    title: "the plan takes the version from a file or a key that is not there",
    detects: "`source.version` with a `file` that is not in the repository, cannot be read as what its name says, has no such `key`, or \
              has something there that cannot be a version.",
    misses: "Versions that a command or a tag tells; what the file has at the ref that a drill builds.",
    why: "Without a version a drill has nothing to tag, and a hotfix would be released under none.",
    advice: "Name the file and the key that have the version under `source.version`.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(written) = subject.plan else { return };
    let Some(error) = written.version else { return };
    let key = if matches!(error, VersionError::NoFile(_)) { "source.version.file" } else { "source.version.key" };
    let spot = subject.in_plan(key);
    let file = subject.plan_file();
    let message = match error {
        VersionError::NoFile(name) => format!("the version is to come from `{name}`, and there is no such file"),
        error => format!("there is no version where the plan takes it from: {error}"),
    };
    let _told = found
        .add(Severity::Error, spot, message)
        .doubt(format!("it is looked at as it stands here; a drill reads it from `{}`", written.loaded.plan.source.reference))
        .advise(format!(
            "Name the file and the key that have it in `{file}`: `version: {{ file: Cargo.toml, key: package.version }}`."
        ));
}
