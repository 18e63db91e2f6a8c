//! The Dockerfile, and what of the plan it stands for.

use std::path::PathBuf;

use super::{
    checks::Checks,
    cursor::Cursor,
    model::{BuildImage, Dockerfile, Version},
    names,
    problem::Flaw,
    raw::{RawBuild, RawDockerfile, RawDockerfileMap, RawTarget},
    resolve_build,
};

/// Checks `build.dockerfile`.
pub(super) fn image(checks: &mut Checks, at: &Cursor<'_>, raw: &RawDockerfile) -> BuildImage {
    let (file, more) = match raw {
        RawDockerfile::File(file) => (file_of(checks, at, file), None),
        RawDockerfile::Map(map) => (file_of(checks, &at.key("file"), &map.file), Some(map)),
    };
    BuildImage::Dockerfile(match more {
        None => Dockerfile { file, target: None, args: std::collections::BTreeMap::new(), secrets: Vec::new() },
        Some(map) => Dockerfile { file, ..long(checks, at, map) },
    })
}

fn file_of(checks: &mut Checks, at: &Cursor<'_>, file: &str) -> PathBuf {
    checks.form(at, "file of the source", names::inner_path_flaw(file));
    // Engines take the name of a file as it is.
    PathBuf::from(file).components().filter(|part| *part != std::path::Component::CurDir).collect()
}

fn long(checks: &mut Checks, at: &Cursor<'_>, raw: &RawDockerfileMap) -> Dockerfile {
    if let Some(target) = &raw.target {
        checks.line(&at.key("target"), target);
    }
    for name in raw.args.keys() {
        resolve_build::variable(checks, &at.key("args").key(name), name);
    }
    Dockerfile {
        file: PathBuf::new(),
        target: raw.target.clone(),
        args: raw.args.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect(),
        secrets: resolve_build::secrets(checks, &at.key("secrets"), raw.secrets.as_deref()),
    }
}

/// Steps and artifacts belong together, and only a Dockerfile can do without.
pub(super) fn steps_and_artifacts(checks: &mut Checks, at: &Cursor<'_>, raw: &RawBuild) {
    let (there, missing) = match (&raw.run, &raw.artifacts) {
        (Some(_), Some(_)) => return,
        (Some(_), None) => ("run", "artifacts"),
        (None, Some(_)) => ("artifacts", "run"),
        (None, None) if raw.dockerfile.is_some() => return,
        (None, None) => {
            let flaw =
                Flaw::new(at.key_place(), "`build` needs `run` and `artifacts`, or a `dockerfile` whose image is the release");
            checks.add(flaw);
            return;
        }
    };
    let flaw = Flaw::new(at.key(there).key_place(), format!("`build.{there}` needs `build.{missing}` beside it"));
    let help = if raw.dockerfile.is_some() {
        format!("add `{missing}`, or remove `{there}` if the image of the Dockerfile is what is released")
    } else {
        format!("add `{missing}`")
    };
    checks.add(flaw.help(help));
}

/// What has no place in a plan whose release is the image of a Dockerfile: a base, since it has its own, and a version
/// that a command tells, since there is no room to run it in.
pub(super) fn released(checks: &mut Checks, at: &Cursor<'_>, raw: &[RawTarget], version: &Version) {
    if matches!(version, Version::Command(_)) {
        let message = "has no room to run in: the image of the Dockerfile is the release";
        checks.wrong(&at.key("source").key("version").key("command"), message).help =
            Some("read the version from a file or a tag".into());
    }
    let at = at.key("publish");
    for (index, _) in raw.iter().enumerate().filter(|(_, target)| target.base.is_some()) {
        let message = "has no meaning here: the image of the Dockerfile is the release, and stands on its own `FROM`";
        checks.wrong(&at.item(index).key("base"), message).help = Some("remove it".into());
    }
}
