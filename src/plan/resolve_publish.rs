//! Where the release must land.

use std::collections::BTreeMap;

use super::{
    checks::Checks,
    cursor::Cursor,
    model::{Login, OciTarget, Target},
    names,
    raw::RawTarget,
};

/// Checks `publish`.
pub(super) fn targets(checks: &mut Checks, at: &Cursor<'_>, raw: &[RawTarget]) -> Vec<Target> {
    checks.list(at, raw);
    let targets = raw.iter().enumerate().filter_map(|(index, raw)| target(checks, &at.item(index), raw)).collect();
    distinct(checks, at, raw);
    targets
}

fn target(checks: &mut Checks, at: &Cursor<'_>, raw: &RawTarget) -> Option<Target> {
    let others: Vec<(&str, &str)> = raw.others().collect();
    match (&raw.oci, others.as_slice()) {
        (Some(repository), []) => Some(Target::Oci(oci(checks, at, raw, repository))),
        (None, [(kind, name)]) => {
            other(checks, at, raw, kind, name);
            Some(Target::Other { kind: (*kind).to_owned(), name: (*name).to_owned() })
        }
        (None, []) => {
            checks.wrong(at, "does not say where to publish").help =
                Some("write `oci: registry.example/team/name`, or another kind".into());
            None
        }
        _ => {
            checks.wrong(at, "has more than one kind of place").help = Some("make each an entry of its own".into());
            None
        }
    }
}

fn oci(checks: &mut Checks, at: &Cursor<'_>, raw: &RawTarget, repository: &str) -> OciTarget {
    if raw.token.is_some() {
        checks.wrong(&at.key("token"), "has no meaning beside `oci`").help =
            Some("write `login: { username: …, password: … }`".into());
    }
    let own = names::repository(repository);
    checks.form(&at.key("oci"), "repository", own.as_ref().err().map(String::as_str));
    if let Some(scratch) = &raw.scratch {
        let scratch = names::repository(scratch);
        checks.form(&at.key("scratch"), "repository", scratch.as_ref().err().map(String::as_str));
    }
    if let Some(base) = &raw.base {
        checks.form(&at.key("base"), "image reference", names::image(base).err().as_deref());
    }
    let login = raw.login.as_ref().map(|login| {
        let here = at.key("login");
        checks.line(&here.key("username"), &login.username);
        Login { username: login.username.clone(), password: checks.secret(&here.key("password"), &login.password) }
    });
    OciTarget { repository: repository.to_owned(), login, scratch: raw.scratch.clone(), base: raw.base.clone() }
}

fn other(checks: &mut Checks, at: &Cursor<'_>, raw: &RawTarget, kind: &str, name: &str) {
    checks.line(&at.key(kind), name);
    let foreign = [("login", raw.login.is_some()), ("scratch", raw.scratch.is_some()), ("base", raw.base.is_some())];
    for (key, _) in foreign.iter().filter(|(_, given)| *given) {
        checks.wrong(&at.key(key), &format!("has a meaning only beside `oci`, not beside `{kind}`"));
    }
    if let Some(token) = &raw.token {
        checks.secret(&at.key("token"), token);
    }
    checks.unverified(at, &format!("this version cannot drill `{kind}: {}`", names::short(name)));
}

/// No repository is published to twice, and no drill writes into one that is published to.
fn distinct(checks: &mut Checks, at: &Cursor<'_>, raw: &[RawTarget]) {
    let mut published: BTreeMap<String, usize> = BTreeMap::new();
    for (index, target) in raw.iter().enumerate() {
        let Some(Ok(repository)) = target.oci.as_deref().map(names::repository) else { continue };
        if let Some(earlier) = published.get(&repository) {
            checks.wrong(&at.item(index).key("oci"), &format!("is the repository of `publish[{earlier}]`"));
        } else {
            published.insert(repository, index);
        }
    }
    for (index, target) in raw.iter().enumerate() {
        let Some(Ok(scratch)) = target.scratch.as_deref().map(names::repository) else { continue };
        if published.contains_key(&scratch) {
            checks.wrong(&at.item(index).key("scratch"), "is a repository that is published to").help =
                Some("a drill pushes to `scratch` and deletes there: name another repository".into());
        }
    }
}
