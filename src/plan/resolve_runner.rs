//! A spare runner of the forge: by what it is chosen, and how long is waited for it.

use std::time::Duration;

use super::{
    checks::{Checks, Zero},
    cursor::Cursor,
    model::SpareKind,
    raw::{RawPrimary, RawRunner},
};

const PICK_UP: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_secs(5);

/// Checks a spare runner; the forge that it belongs to is the primary path's.
pub(super) fn runner(checks: &mut Checks, at: &Cursor<'_>, raw: &RawRunner, primary: Option<&RawPrimary>) -> SpareKind {
    let here = at.key("runner");
    checks.lines(&here.key("labels"), &raw.labels);
    checks.line(&here.key("workflow"), &raw.workflow);
    let pick_up = checks.duration(&here.key("pick_up"), raw.pick_up.as_ref(), PICK_UP, Zero::Refused);
    let poll = checks.duration(&here.key("poll"), raw.poll.as_ref(), POLL, Zero::Refused);
    let token = primary.and_then(|primary| {
        let github = primary.github.as_ref().and_then(|github| github.token.as_ref());
        github.or(primary.gitlab.as_ref().and_then(|gitlab| gitlab.token.as_ref()))
    });
    if token.is_none() {
        checks.wrong(&here, "needs the forge that it belongs to, and a token").help =
            Some("name both under `primary.github` or `primary.gitlab`".into());
    }
    SpareKind::Runner { labels: raw.labels.clone(), workflow: raw.workflow.clone(), pick_up, poll }
}
