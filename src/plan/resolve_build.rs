//! How the release is built: image, steps, artifacts, limits.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    checks::{Checks, Zero},
    cursor::Cursor,
    model::{Build, BuildImage, Limits, SecretName, Spare, SpareKind, Step},
    names,
    problem::Flaw,
    raw::{RawBuild, RawLimits, RawStep, RawStepMap},
    resolve_dockerfile,
};

const TIME: Duration = Duration::from_mins(20);
const PIDS: u64 = 4096;
const DISK: u64 = 8 << 30;
const OUTPUT: u64 = 16 << 20;

/// Checks `build` and fills in its defaults.
pub(super) fn build(checks: &mut Checks, at: &Cursor<'_>, raw: &RawBuild, spares: &[Spare]) -> Build {
    let limits = limits(checks, &at.key("limits"), raw.limits.as_ref());
    let smoke = raw.smoke.as_deref().map(|smoke| steps(checks, &at.key("smoke"), smoke, limits.time));
    resolve_dockerfile::steps_and_artifacts(checks, at, raw);
    let run = raw.run.as_deref().map(|run| steps(checks, &at.key("run"), run, limits.time));
    let artifacts = raw.artifacts.as_deref().map(|list| artifacts(checks, &at.key("artifacts"), list));
    Build {
        image: image(checks, at, raw, spares),
        run: run.unwrap_or_default(),
        artifacts: artifacts.unwrap_or_default(),
        smoke: smoke.unwrap_or_default(),
        writable: writable(checks, &at.key("writable"), raw.writable.as_deref()),
        limits,
        output: checks
            .size(&at.key("limits").key("output"), raw.limits.as_ref().and_then(|raw| raw.output.as_ref()))
            .unwrap_or(OUTPUT),
    }
}

fn image(checks: &mut Checks, at: &Cursor<'_>, raw: &RawBuild, spares: &[Spare]) -> Option<BuildImage> {
    match (&raw.image, &raw.dockerfile) {
        (Some(image), None) => {
            checks.form(&at.key("image"), "image reference", names::image(image).err().as_deref());
            Some(BuildImage::Image(image.clone()))
        }
        (None, Some(raw)) => Some(resolve_dockerfile::image(checks, &at.key("dockerfile"), raw)),
        (Some(_), Some(_)) => {
            checks.wrong(&at.key("dockerfile"), "and `build.image` exclude each other: keep one");
            None
        }
        (None, None) => {
            let room = spares.iter().find(|spare| matches!(spare.kind, SpareKind::Container { .. }));
            if let Some(room) = room {
                let message = format!("`build` needs `image` or `dockerfile`: the spare `{}` is a clean room", room.name);
                checks.add(Flaw::new(at.key_place(), message).help("write for example `image: docker.io/library/debian:bookworm`"));
            }
            None
        }
    }
}

fn steps(checks: &mut Checks, at: &Cursor<'_>, raw: &[RawStep], limit: Duration) -> Vec<Step> {
    checks.list(at, raw);
    let each = raw.iter().enumerate().map(|(index, raw)| match raw {
        RawStep::Command(command) => {
            command_text(checks, &at.item(index), command);
            Step { run: command.clone(), secrets: Vec::new(), env: BTreeMap::new(), time: limit }
        }
        RawStep::Map(map) => step(checks, &at.item(index), map, limit),
    });
    each.collect()
}

fn command_text(checks: &mut Checks, at: &Cursor<'_>, command: &str) {
    if command.trim().is_empty() {
        checks.wrong(at, "is empty");
    } else if command.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#')) {
        checks.wrong(at, "does nothing: it has only comments");
    }
}

fn step(checks: &mut Checks, at: &Cursor<'_>, raw: &RawStepMap, limit: Duration) -> Step {
    command_text(checks, &at.key("run"), &raw.run);
    let secrets = secrets(checks, &at.key("secrets"), raw.secrets.as_deref());
    for name in raw.env.keys() {
        variable(checks, &at.key("env").key(name), name);
    }
    let time = checks.duration(&at.key("time"), raw.time.as_ref(), limit, Zero::Refused);
    let env = raw.env.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect();
    Step { run: raw.run.clone(), secrets, env, time }
}

/// The names of secrets, each once.
pub(super) fn secrets(checks: &mut Checks, at: &Cursor<'_>, named: Option<&[String]>) -> Vec<SecretName> {
    let Some(named) = named else { return Vec::new() };
    checks.list(at, named);
    let mut seen = BTreeSet::new();
    let mut secrets = Vec::new();
    for (index, name) in named.iter().enumerate() {
        let here = at.item(index);
        let secret = checks.secret(&here, name);
        if !seen.insert(name.as_str()) && checks.is_declared(name) {
            checks.wrong(&here, &format!("names `{name}` a second time"));
        }
        secrets.push(secret);
    }
    secrets
}

/// A variable's name is valid, and is not that of a secret: one of the two values would be lost.
pub(super) fn variable(checks: &mut Checks, at: &Cursor<'_>, name: &str) {
    if !names::is_variable(name) {
        let message = format!("`{}` is no name of an environment variable", names::short(name));
        checks.add(
            Flaw::new(at.key_place(), message).help("it has letters, digits and underscores only, and does not begin with a digit"),
        );
    } else if checks.is_declared(name) {
        let message = format!("`{name}` is a secret of this plan: it is handed out by `secrets`, never by a plain value");
        checks.add(Flaw::new(at.key_place(), message).hidden().help(format!("remove it here and write `secrets: [{name}]`")));
    }
}

fn artifacts(checks: &mut Checks, at: &Cursor<'_>, raw: &[String]) -> Vec<PathBuf> {
    checks.list(at, raw);
    let mut last_names = BTreeSet::new();
    for (index, path) in raw.iter().enumerate() {
        let here = at.item(index);
        let reason = names::inner_path_flaw(path);
        checks.form(&here, "file or folder of the source", reason);
        let last = Path::new(path).file_name();
        if reason.is_none() && !last_names.insert(last) {
            let name = last.unwrap_or_default().to_string_lossy();
            checks.wrong(&here, &format!("has the same last name, `{}`, as an earlier artifact", names::short(&name)));
        }
    }
    raw.iter().map(PathBuf::from).collect()
}

fn writable(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&[String]>) -> Vec<PathBuf> {
    let Some(raw) = raw else { return Vec::new() };
    checks.list(at, raw);
    let mut seen = BTreeSet::new();
    for (index, path) in raw.iter().enumerate() {
        let here = at.item(index);
        checks.form(&here, "path that can be made writable", names::writable_flaw(path));
        if !seen.insert(Path::new(path)) {
            checks.wrong(&here, "is there twice");
        }
    }
    raw.iter().map(PathBuf::from).collect()
}

fn limits(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&RawLimits>) -> Limits {
    let cpus = raw.and_then(|raw| raw.cpus);
    if cpus.is_some_and(|cpus| !(cpus.is_finite() && cpus > 0.0 && cpus <= 1e6)) {
        checks.wrong(&at.key("cpus"), "must be a number above 0");
    }
    let pids = raw.and_then(|raw| raw.pids);
    if pids.is_some_and(|pids| pids == 0 || i64::try_from(pids).is_err()) {
        checks.wrong(&at.key("pids"), "must be a whole number above 0");
    }
    Limits {
        time: checks.duration(&at.key("time"), raw.and_then(|raw| raw.time.as_ref()), TIME, Zero::Refused),
        cpus,
        memory: checks.size(&at.key("memory"), raw.and_then(|raw| raw.memory.as_ref())),
        pids: pids.unwrap_or(PIDS),
        disk: checks.size(&at.key("disk"), raw.and_then(|raw| raw.disk.as_ref())).unwrap_or(DISK),
    }
}
