//! The keys of later versions: their form is checked as strictly as that of any other, and what they leave open is said.

use super::{
    checks::Checks,
    cursor::Cursor,
    names,
    raw::{RawPeople, RawPlan},
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
