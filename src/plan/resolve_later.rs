//! The keys of later versions: their form is checked as strictly as that of any other, and what they leave open is said.

use std::time::Duration;

use super::{
    checks::{Checks, Zero},
    cursor::Cursor,
    names,
    raw::{RawDuration, RawPeople, RawPlan, RawPrimary, RawRunner},
};

/// Checks every key that this version reads but does not verify, except for spares and publish targets.
pub(super) fn keys(checks: &mut Checks, at: &Cursor<'_>, raw: &RawPlan) {
    if let Some(needs) = &raw.build.needs {
        let here = at.key("build").key("needs");
        checks.list(&here, needs);
        for (index, host) in needs.iter().enumerate() {
            checks.form(&here.item(index), "host", names::host_flaw(host));
        }
        checks.unverified(&here, "this version does not verify which hosts the build reaches");
    }
    if let Some(raw) = &raw.primary {
        let here = at.key("primary");
        primary(checks, &here, raw);
        if raw.github.is_some() || raw.gitlab.is_some() {
            checks.unverified(&here, "this version does not take the primary path away");
        }
    }
    if let Some(outages) = &raw.outages {
        let here = at.key("outages");
        checks.list(&here, outages);
        for (index, outage) in outages.iter().enumerate() {
            checks.form(&here.item(index), "named outage or host", names::host_flaw(outage));
        }
        checks.unverified(&here, "this version does not cut the network off");
    }
    if let Some(raw) = &raw.people {
        let here = at.key("people");
        people(checks, &here, raw);
        checks.unverified(&here, "this version does not verify who may release");
    }
}

fn primary(checks: &mut Checks, at: &Cursor<'_>, raw: &RawPrimary) {
    match (&raw.github, &raw.gitlab) {
        (Some(github), None) => {
            let here = at.key("github");
            address(checks, &here.key("url"), github.url.as_deref());
            project(checks, &here.key("repository"), &github.repository, "repository of the form `owner/name`", |parts| parts == 2);
            checks.lines(&here.key("workflows"), &github.workflows);
            if let Some(token) = &github.token {
                checks.secret(&here.key("token"), token);
            }
        }
        (None, Some(gitlab)) => {
            let here = at.key("gitlab");
            address(checks, &here.key("url"), gitlab.url.as_deref());
            project(checks, &here.key("project"), &gitlab.project, "project of the form `group/name`", |parts| parts >= 2);
            if let Some(runners) = &gitlab.runners {
                checks.lines(&here.key("runners"), runners);
            }
            if let Some(token) = &gitlab.token {
                checks.secret(&here.key("token"), token);
            }
        }
        // What was released can be compared with wherever it was built.
        (None, None) if raw.artifacts.is_some() => {}
        _ => {
            checks.wrong(at, "must have exactly one of `github` and `gitlab`");
        }
    }
    wait(checks, &at.key("max_cut"), raw.max_cut.as_ref());
    if let Some(windows) = &raw.blackout {
        let here = at.key("blackout");
        checks.list(&here, windows);
        for (index, window) in windows.iter().enumerate() {
            checks.form(&here.item(index), "window of a week", names::blackout_flaw(window));
        }
    }
}

fn address(checks: &mut Checks, at: &Cursor<'_>, url: Option<&str>) {
    let Some(text) = url else { return };
    let valid = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !valid {
        checks.wrong(at, "is no address of a server").help = Some("write for example `https://api.github.com`".into());
    }
}

fn project(checks: &mut Checks, at: &Cursor<'_>, name: &str, what: &str, enough: fn(usize) -> bool) {
    let parts: Vec<&str> = name.split('/').collect();
    let plain =
        |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !(enough(parts.len()) && parts.iter().all(plain)) {
        checks.wrong(at, &format!("is no {what}"));
    }
}

fn people(checks: &mut Checks, at: &Cursor<'_>, raw: &RawPeople) {
    if raw.decide.is_none() && raw.release.is_none() {
        checks.wrong(at, "must have `decide`, `release` or both");
    }
    if let Some(decide) = &raw.decide {
        checks.line(&at.key("decide"), decide);
    }
    if let Some(release) = &raw.release {
        checks.lines(&at.key("release"), release);
    }
}

/// Checks a spare runner of the forge.
pub(super) fn runner(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRunner) {
    let here = at.key("runner");
    checks.lines(&here.key("labels"), &raw.labels);
    checks.line(&here.key("workflow"), &raw.workflow);
    wait(checks, &here.key("pick_up"), raw.pick_up.as_ref());
    checks.unverified(at, "this version cannot drill a spare runner");
}

fn wait(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&RawDuration>) {
    checks.duration(at, raw, Duration::from_mins(10), Zero::Refused);
}
