//! What the primary path has released, and which secrets cannot publish.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    checks::Checks,
    cursor::Cursor,
    model::{Build, Login, Release, ReleaseAccess, ReleasePlace, SecretName, Template},
    names,
    raw::{RawPlan, RawRelease},
};

/// Stands for the version in names that are checked.
const SOME_VERSION: &str = "1";

/// Checks `primary.artifacts`; `at` is the plan's root.
pub(super) fn released(checks: &mut Checks, at: &Cursor<'_>, raw: &RawPlan, build: &Build) -> Vec<Release> {
    let Some(artifacts) = raw.primary.as_ref().and_then(|primary| primary.artifacts.as_deref()) else { return Vec::new() };
    let at = at.key("primary").key("artifacts");
    checks.list(&at, artifacts);
    artifacts.iter().enumerate().filter_map(|(index, raw)| release(checks, &at.item(index), raw, build)).collect()
}

fn release(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRelease, build: &Build) -> Option<Release> {
    let place = match (&raw.digest, &raw.url, &raw.image) {
        (Some(digest), None, None) => digest_place(checks, at, raw, digest)?,
        (None, Some(url), None) => url_place(checks, at, raw, url),
        (None, None, Some(image)) => image_place(checks, at, raw, image),
        _ => {
            checks.wrong(at, "must have exactly one of `digest`, `url` and `image`");
            return None;
        }
    };
    let artifact = artifact(checks, at, raw, build);
    if artifact.is_none() && raw.artifact.is_none() && raw.image.is_none() {
        let help = "name one of `build.artifacts` by its last name";
        checks.wrong(at, "does not say which `artifact` it is").help = Some(help.into());
    }
    Some(Release { artifact, place })
}

/// The artifact by its last name, if it is one of the build's.
fn artifact(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRelease, build: &Build) -> Option<String> {
    let name = raw.artifact.as_deref()?;
    let known: Vec<_> = build.artifacts.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    if known.contains(&name) {
        return Some(name.to_owned());
    }
    let help = names::suggestion(name, &known, "artifacts");
    checks.wrong(&at.key("artifact"), "is none of `build.artifacts`, by its last name").help = Some(help);
    None
}

fn digest_place(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRelease, digest: &str) -> Option<ReleasePlace> {
    refuse(
        checks,
        at,
        "digest",
        &[("inside", raw.inside.is_some()), ("login", raw.login.is_some()), ("token", raw.token.is_some())],
    );
    if let Some(version) = &raw.version {
        checks.line(&at.key("version"), version);
    }
    let Ok(digest) = digest.parse() else {
        checks.wrong(&at.key("digest"), "is no digest of the form `sha256:` and 64 hexadecimal digits");
        return None;
    };
    Some(ReleasePlace::Digest { digest, version: raw.version.clone() })
}

fn url_place(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRelease, url: &str) -> ReleasePlace {
    refuse(checks, at, "url", &[("version", raw.version.is_some())]);
    if raw.login.is_some() && raw.token.is_some() {
        checks.wrong(&at.key("token"), "and `login` exclude each other: keep one");
    }
    if let Some(flaw) = url_flaw(url) {
        // What is wrong may be a password in it.
        checks.wrong(&at.key("url"), flaw).hidden = true;
    }
    let login = login(checks, at, raw);
    let token = raw.token.as_deref().map(|token| checks.secret(&at.key("token"), token));
    let access = match (login, token) {
        (Some(login), _) => ReleaseAccess::Login(login),
        (None, Some(token)) => ReleaseAccess::Token(token),
        (None, None) => ReleaseAccess::Anyone,
    };
    ReleasePlace::Url { url: Template(url.to_owned()), inside: inside(checks, at, raw), access }
}

/// What keeps this from being where a release is fetched.
fn url_flaw(text: &str) -> Option<&'static str> {
    let Ok(url) = url::Url::parse(&text.replace("{version}", SOME_VERSION)) else { return Some("is no URL") };
    if !url.has_host() {
        return Some("has no host");
    }
    let host = text.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if !(url.scheme() == "https" || (url.scheme() == "http" && names::is_loopback(&url))) {
        Some("must be fetched by https; http is for this machine only")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("has a login in it: write `login: { username, password }` or `token:`, each with a secret's name")
    } else if host.contains('{') {
        Some("has `{version}` in the name of its host")
    } else {
        None
    }
}

fn image_place(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRelease, image: &str) -> ReleasePlace {
    refuse(checks, at, "image", &[("version", raw.version.is_some()), ("token", raw.token.is_some())]);
    let filled = image.replace("{version}", SOME_VERSION);
    checks.form(&at.key("image"), "image reference", names::image(&filled).err().as_deref());
    let login = login(checks, at, raw);
    ReleasePlace::Image { image: Template(image.to_owned()), inside: inside(checks, at, raw), login }
}

fn login(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRelease) -> Option<Login> {
    let login = raw.login.as_ref()?;
    let here = at.key("login");
    checks.line(&here.key("username"), &login.username);
    Some(Login { username: login.username.clone(), password: checks.secret(&here.key("password"), &login.password) })
}

fn inside(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRelease) -> Option<Template> {
    let text = raw.inside.as_deref()?;
    let path = text.trim_start_matches('/').replace("{version}", SOME_VERSION);
    checks.form(&at.key("inside"), "path in an archive or image", names::inner_path_flaw(&path));
    Some(Template(text.trim_start_matches('/').to_owned()))
}

fn refuse(checks: &mut Checks, at: &Cursor<'_>, kind: &str, keys: &[(&str, bool)]) {
    for (key, _) in keys.iter().filter(|(_, given)| *given) {
        checks.wrong(&at.key(key), &format!("has no meaning beside `{kind}`"));
    }
}

/// The secrets that are said to publish nothing; one that a publish target or the primary path needs cannot be. `at` is
/// the plan's root.
pub(super) fn harmless(checks: &mut Checks, at: &Cursor<'_>, raw: &RawPlan) -> BTreeSet<SecretName> {
    let publishing = publishing(raw);
    let mut harmless = BTreeSet::new();
    for (name, _) in raw.secrets.iter().filter(|(_, secret)| secret.publishes == Some(false)) {
        match publishing.get(name.as_str()) {
            Some(user) => {
                checks.wrong(&at.key("secrets").key(name).key("publishes"), &format!("is `false`, but `{user}` uses it"));
            }
            None => drop(harmless.insert(SecretName(name.clone()))),
        }
    }
    harmless
}

/// The secrets that are there to publish or to release, each with the key that uses it.
fn publishing(raw: &RawPlan) -> BTreeMap<&str, String> {
    let mut uses = BTreeMap::new();
    for (index, target) in raw.publish.iter().enumerate() {
        if let Some(login) = &target.login {
            uses.insert(login.password.as_str(), format!("publish[{index}].login"));
        }
        if let Some(token) = &target.token {
            uses.insert(token.as_str(), format!("publish[{index}].token"));
        }
    }
    let primary = raw.primary.as_ref();
    let github = primary.and_then(|primary| primary.github.as_ref()?.token.as_deref());
    let gitlab = primary.and_then(|primary| primary.gitlab.as_ref()?.token.as_deref());
    uses.extend(github.map(|token| (token, "primary.github.token".to_owned())));
    uses.extend(gitlab.map(|token| (token, "primary.gitlab.token".to_owned())));
    uses
}
