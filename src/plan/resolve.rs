//! From the plan as written to the plan with every default: checks what no type can say, and reports all of it at once.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{
    checks::{Checks, Zero},
    cursor::Cursor,
    ignore,
    model::{Plan, SecretName, SecretSource, Source, Spare, SpareKind, TagAt, TagTemplate, Timeouts, Version},
    names,
    problem::Flaw,
    raw::{RawPlan, RawPrimary, RawSecret, RawSource, RawSpare, RawTagAt, RawTimeouts, RawVersion, RawVersionTag},
    resolve_build, resolve_dockerfile, resolve_history, resolve_later, resolve_primary, resolve_publish, resolve_release,
    resolve_runner,
    tree::{Node, Value},
};

const TARGET: Duration = Duration::from_mins(30);
const API: Duration = Duration::from_secs(30);
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);
/// Under this the drills of canship push their own tags.
const DRILL_TAGS: &str = "canship-drill/";

/// Refuses a plan of another version before its keys are looked at: they may mean something else there.
pub(super) fn version(root: &Node) -> Result<(), Flaw> {
    let Some(entry) = root.entry("version") else { return Ok(()) };
    match &entry.node.value {
        Value::Plain(raw) if raw == "1" => Ok(()),
        _ => Err(Flaw::new(entry.node.place, "this canship reads plans of version 1 only").help("write `version: 1`")),
    }
}

/// The plan with every default, or all that is wrong with it.
pub(super) fn plan(raw: &RawPlan, root: &Node) -> Result<Plan, Vec<Flaw>> {
    let at = Cursor::root(root);
    let mut checks = Checks::new(raw.secrets.keys().cloned());
    checks.line(&at.key("release"), &raw.release);
    let target = checks.duration(&at.key("target"), raw.target.as_ref(), TARGET, Zero::Refused);
    let source = source(&mut checks, &at.key("source"), raw.source.as_ref());
    let spares = spares(&mut checks, &at.key("spares"), raw);
    let build = resolve_build::build(&mut checks, &at.key("build"), &raw.build, &spares);
    let tag = tag(&mut checks, &at.key("tag"), raw.tag.as_deref());
    let tag_at = tag_at(&mut checks, &at.key("tag_at"), raw, source.mirror.is_some());
    let publish = resolve_publish::targets(&mut checks, &at.key("publish"), &raw.publish);
    if build.released_image().is_some() {
        resolve_dockerfile::released(&mut checks, &at, &raw.publish, &source.version);
    }
    let secrets = secrets(&mut checks, &at.key("secrets"), &raw.secrets);
    let trust = trust(&mut checks, &at.key("trust"), raw.trust.as_deref());
    resolve_later::keys(&mut checks, &at, raw);
    let primary = resolve_primary::primary(&mut checks, &at.key("primary"), raw.primary.as_ref());
    let released = resolve_release::released(&mut checks, &at, raw, &build);
    let harmless = resolve_release::harmless(&mut checks, &at, raw);
    let history = resolve_history::history(&mut checks, &at.key("history"), raw.history.as_ref());
    let ignored = ignore::ignored(&mut checks, &at.key("check"), raw.check.as_ref());
    let timeouts = timeouts(&mut checks, &at.key("timeouts"), raw.timeouts.as_ref());
    let unverified = checks.finish()?;
    let release = raw.release.clone();
    Ok(Plan {
        release,
        target,
        source,
        build,
        tag,
        tag_at,
        publish,
        secrets,
        harmless,
        primary,
        released,
        trust,
        spares,
        history,
        ignored,
        timeouts,
        unverified,
    })
}

fn source(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&RawSource>) -> Source {
    let reference = raw.and_then(|raw| raw.reference.as_deref()).unwrap_or("main");
    checks.form(&at.key("ref"), "name of a branch, tag or commit", names::ref_flaw(reference));
    let mirror = raw.and_then(|raw| raw.mirror.clone());
    if let Some(mirror) = &mirror {
        checks.form(&at.key("mirror"), "place of a git repository", names::mirror_flaw(mirror));
        if names::has_login(mirror) {
            let flaw =
                checks.wrong(&at.key("mirror"), "has a login in its address, where a token may stand; a plan never holds one");
            flaw.help = Some("name host and path alone: git asks your credential helpers for the login".into());
            flaw.hidden = true;
        }
    }
    let version = raw.and_then(|raw| raw.version.as_ref());
    let version = version.map_or(Version::Commit, |raw| version_source(checks, &at.key("version"), raw));
    Source { reference: reference.to_owned(), mirror, version }
}

fn version_source(checks: &mut Checks, at: &Cursor<'_>, raw: &RawVersion) -> Version {
    if raw.key.is_some() && raw.file.is_none() {
        checks.wrong(&at.key("key"), "has a meaning only beside `file`");
    }
    match (&raw.file, &raw.command, raw.tag) {
        (Some(file), None, None) => {
            checks.form(&at.key("file"), "file of the source", names::inner_path_flaw(file));
            if let Some(key) = &raw.key {
                checks.line(&at.key("key"), key);
            }
            Version::File { file: PathBuf::from(file), key: raw.key.clone() }
        }
        (None, Some(command), None) => {
            checks.command(&at.key("command"), command);
            Version::Command(command.clone())
        }
        (None, None, Some(RawVersionTag::Latest)) => Version::LatestTag,
        _ => {
            checks.wrong(at, "must have exactly one of `file`, `command` and `tag`");
            Version::Commit
        }
    }
}

fn tag(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&str>) -> Option<TagTemplate> {
    let text = raw?;
    if !text.contains("{version}") {
        checks.wrong(at, "must have `{version}` in it").help = Some("write for example `v{version}`".into());
    } else if text.starts_with(DRILL_TAGS) {
        checks.wrong(at, "begins with `canship-drill/`, where drills put their own tags");
    } else {
        checks.form(at, "name that git takes for a tag", names::ref_flaw(&text.replace("{version}", "1")));
    }
    Some(TagTemplate(text.to_owned()))
}

fn tag_at(checks: &mut Checks, at: &Cursor<'_>, raw: &RawPlan, has_mirror: bool) -> TagAt {
    let Some(place) = raw.tag_at else {
        return if has_mirror { TagAt::Mirror } else { TagAt::Nowhere };
    };
    if raw.tag.is_none() {
        checks.wrong(at, "says where the tag goes, but the plan has no `tag`");
    }
    match place {
        RawTagAt::Mirror if !has_mirror => {
            checks.wrong(at, "is `mirror`, but the plan has no `source.mirror`");
            TagAt::Nowhere
        }
        RawTagAt::Mirror => TagAt::Mirror,
        RawTagAt::Origin => TagAt::Origin,
        RawTagAt::Nowhere => TagAt::Nowhere,
    }
}

fn trust(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&[String]>) -> Vec<PathBuf> {
    let Some(files) = raw else { return Vec::new() };
    checks.lines(at, files);
    files.iter().map(PathBuf::from).collect()
}

fn secrets(checks: &mut Checks, at: &Cursor<'_>, raw: &BTreeMap<String, RawSecret>) -> BTreeMap<SecretName, SecretSource> {
    if raw.is_empty() && at.node().is_some() {
        checks.wrong(at, "is empty").help = Some("name a secret, or remove the key".into());
    }
    let mut secrets = BTreeMap::new();
    for (name, source) in raw {
        let here = at.key(name);
        if !names::is_variable(name) {
            let message = "a secret's name has letters, digits and underscores only, and does not begin with a digit";
            checks.add(Flaw::new(here.key_place(), message));
        }
        if let Some(source) = secret_source(checks, &here, source) {
            secrets.insert(SecretName(name.clone()), source);
        }
    }
    secrets
}

fn secret_source(checks: &mut Checks, at: &Cursor<'_>, raw: &RawSecret) -> Option<SecretSource> {
    match (&raw.env, &raw.file, &raw.command) {
        (Some(env), None, None) => {
            let here = at.key("env");
            if !names::is_variable(env) {
                checks.wrong(&here, "must be the name of an environment variable, never a value").hidden = true;
            }
            Some(SecretSource::Env(env.clone()))
        }
        (None, Some(file), None) => {
            checks.line(&at.key("file"), file);
            Some(SecretSource::File(PathBuf::from(file)))
        }
        (None, None, Some(command)) => {
            checks.command(&at.key("command"), command);
            Some(SecretSource::Command(command.clone()))
        }
        _ => {
            checks.wrong(at, "must have exactly one of `env`, `file` and `command`");
            None
        }
    }
}

fn spares(checks: &mut Checks, at: &Cursor<'_>, plan: &RawPlan) -> Vec<Spare> {
    let Some(raw) = plan.spares.as_deref() else {
        return vec![Spare { name: "container".to_owned(), kind: SpareKind::Container { engine: None } }];
    };
    checks.list(at, raw);
    let mut spares: Vec<Spare> = Vec::new();
    for (index, spare) in raw.iter().enumerate() {
        let here = at.item(index);
        if !names::is_spare(&spare.name) {
            checks.wrong(&here.key("name"), "must begin with a letter or digit and have only letters, digits, `-`, `_` and `.`");
        } else if spares.iter().any(|earlier| earlier.name == spare.name) {
            checks.wrong(&here.key("name"), &format!("is `{}`, as an earlier spare is: names must differ", spare.name));
        }
        if let Some(kind) = spare_kind(checks, &here, spare, plan.primary.as_ref()) {
            spares.push(Spare { name: spare.name.clone(), kind });
        }
    }
    spares
}

fn spare_kind(checks: &mut Checks, at: &Cursor<'_>, raw: &RawSpare, primary: Option<&RawPrimary>) -> Option<SpareKind> {
    match (&raw.container, &raw.runner, &raw.host) {
        (Some(container), None, None) => {
            if let Some(engine) = &container.engine {
                checks.form(&at.key("container").key("engine"), "address of an engine", names::engine_flaw(engine));
            }
            Some(SpareKind::Container { engine: container.engine.clone() })
        }
        (None, Some(runner), None) => Some(resolve_runner::runner(checks, at, runner, primary)),
        (None, None, Some(_)) => Some(SpareKind::Host),
        _ => {
            checks.wrong(at, "must have exactly one of `container`, `runner` and `host`");
            None
        }
    }
}

fn timeouts(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&RawTimeouts>) -> Timeouts {
    let api = raw.and_then(|raw| raw.api.as_ref());
    let retry = raw.and_then(|raw| raw.retry_after_max.as_ref());
    Timeouts {
        api: checks.duration(&at.key("api"), api, API, Zero::Refused),
        retry_after_max: checks.duration(&at.key("retry_after_max"), retry, RETRY_AFTER_MAX, Zero::Allowed),
    }
}
