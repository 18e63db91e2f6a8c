//! The CI that usually ships: where it is, what of it a cut turns off, and within which bounds.

use std::time::Duration;

use url::Url;

use super::{
    Blackout, LATE_EFFECT, Primary, PrimaryParts, Running, SecretName,
    checks::{Checks, Zero},
    cursor::Cursor,
    names,
    raw::{RawGithub, RawGitlab, RawPrimary, RawRunning},
};
use crate::record::{ForgeKind, Place};

const MAX_CUT: Duration = Duration::from_mins(45);

/// Where a forge and what of it is meant, and who may ask.
struct Named {
    place: Option<Place>,
    parts: PrimaryParts,
    token: Option<SecretName>,
}

/// Checks `primary` but for what it has released.
pub(super) fn primary(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&RawPrimary>) -> Option<Primary> {
    let raw = raw?;
    let max_cut = checks.duration(&at.key("max_cut"), raw.max_cut.as_ref(), MAX_CUT, Zero::Refused);
    let late_effect = checks.duration(&at.key("late_effect"), raw.late_effect.as_ref(), LATE_EFFECT, Zero::Refused);
    let blackout = blackout(checks, &at.key("blackout"), raw.blackout.as_deref());
    let named = match (&raw.github, &raw.gitlab) {
        (Some(raw), None) => github(checks, &at.key("github"), raw),
        (None, Some(raw)) => gitlab(checks, &at.key("gitlab"), raw),
        // What was released can be compared with wherever it was built.
        (None, None) if raw.artifacts.is_some() => return None,
        _ => {
            checks.wrong(at, "must have exactly one of `github` and `gitlab`");
            return None;
        }
    };
    let running = match raw.running {
        Some(RawRunning::Cancel) => Running::Cancel,
        Some(RawRunning::Refuse) | None => Running::Refuse,
    };
    let Named { place, parts, token } = named;
    Some(Primary { place: place?, parts, token, running, max_cut, late_effect, blackout })
}

fn github(checks: &mut Checks, at: &Cursor<'_>, raw: &RawGithub) -> Named {
    let url = address(checks, &at.key("url"), raw.url.as_deref(), "https://api.github.com");
    project(checks, &at.key("repository"), &raw.repository, "repository of the form `owner/name`", |parts| parts == 2);
    let here = at.key("workflows");
    checks.lines(&here, &raw.workflows);
    let workflows = raw.workflows.iter().enumerate().map(|(index, name)| workflow(checks, &here.item(index), name)).collect();
    let labels = raw.labels.clone().unwrap_or_default();
    if raw.labels.is_some() {
        checks.lines(&at.key("labels"), &labels);
    }
    let token = raw.token.as_deref().map(|token| checks.secret(&at.key("token"), token));
    let place = url.map(|url| Place { kind: ForgeKind::Github, url, repository: raw.repository.as_str().into() });
    Named { place, parts: PrimaryParts::Github { workflows, labels }, token }
}

fn gitlab(checks: &mut Checks, at: &Cursor<'_>, raw: &RawGitlab) -> Named {
    let url = address(checks, &at.key("url"), raw.url.as_deref(), "https://gitlab.com");
    project(checks, &at.key("project"), &raw.project, "project of the form `group/name`", |parts| parts >= 2);
    if let Some(runners) = &raw.runners {
        checks.lines(&at.key("runners"), runners);
    }
    let token = raw.token.as_deref().map(|token| checks.secret(&at.key("token"), token));
    let place = url.map(|url| Place { kind: ForgeKind::Gitlab, url, repository: raw.project.as_str().into() });
    Named { place, parts: PrimaryParts::Gitlab { runners: raw.runners.clone(), schedules: raw.schedules.unwrap_or(false) }, token }
}

/// The last name of a workflow's file: all workflows are in one folder.
fn workflow(checks: &mut Checks, at: &Cursor<'_>, name: &str) -> String {
    let last = name.strip_prefix(".github/workflows/").unwrap_or(name);
    let is_file = last.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && matches!(end, "yml" | "yaml"));
    if (last.contains('/') || !is_file) && !last.trim().is_empty() {
        checks.wrong(at, "is no workflow file").help = Some("write its name, for example `release.yml`".into());
    }
    last.to_owned()
}

fn address(checks: &mut Checks, at: &Cursor<'_>, text: Option<&str>, default: &str) -> Option<Url> {
    let text = text.unwrap_or(default);
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let example = format!("write for example `{default}`");
    let Some(url) = url else {
        checks.wrong(at, "is no address of a server").help = Some(example);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let flaw = checks.wrong(at, "has a login in it: write `token:` with a secret's name");
        flaw.hidden = true;
    } else if url.query().is_some() || url.fragment().is_some() {
        checks.wrong(at, "has more than a path behind its host").help = Some(example);
    } else if url.scheme() == "http" && !names::is_loopback(&url) {
        checks.wrong(at, "must be reached by https, since the token goes there; http is for this machine only").help =
            Some(example);
    } else {
        return Some(url);
    }
    None
}

fn project(checks: &mut Checks, at: &Cursor<'_>, name: &str, what: &str, enough: fn(usize) -> bool) {
    let parts: Vec<&str> = name.split('/').collect();
    let plain = |part: &&str| {
        !matches!(*part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    if !(enough(parts.len()) && parts.iter().all(plain)) {
        checks.wrong(at, &format!("is no {what}"));
    }
}

fn blackout(checks: &mut Checks, at: &Cursor<'_>, windows: Option<&[String]>) -> Vec<Blackout> {
    let Some(windows) = windows else { return Vec::new() };
    checks.list(at, windows);
    let mut all = Vec::new();
    for (index, window) in windows.iter().enumerate() {
        match Blackout::parse(window) {
            Ok(window) => all.push(window),
            Err(reason) => checks.form(&at.item(index), "window of a week", Some(reason)),
        }
    }
    all
}
