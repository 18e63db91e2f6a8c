//! The primary path in the JSON report.

use schemars::JsonSchema;
use serde::Serialize;

use super::{view::millis, words};
use crate::record::{Missed, NotBack, PartFacts, PrimaryRecord};

/// The primary path, as the drill found it and what it did to it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Primary")]
pub(super) struct PrimaryView {
    /// `github` or `gitlab`.
    forge: String,
    /// The forge's address.
    url: String,
    /// The repository or project.
    repository: String,
    /// Its parts, in the plan's order.
    parts: Vec<PartView>,
    /// When the cut began, RFC 3339; null if there was none.
    cut_at: Option<String>,
    /// Who cut, as the lease said it; null without a cut.
    cut_by: Option<String>,
    /// When it would have been given back at the latest, RFC 3339; null without a cut.
    cut_until: Option<String>,
    /// When nothing of it was away any more, read back, RFC 3339; null if that was not seen.
    back_at: Option<String>,
    /// The longest that a part was away.
    longest_away_ms: Option<u64>,
    /// Runs that were cancelled; nobody can give them back.
    cancelled: Vec<String>,
    /// What happened while it was away, and started nothing.
    missed: Vec<MissedView>,
    /// Requests that were sent to the forge; null if they were not counted.
    requests: Option<u64>,
    /// Requests that the forge still allows; null if it did not say.
    requests_left: Option<u64>,
}

/// A part of the primary path.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Part")]
struct PartView {
    /// What it is, in words.
    name: String,
    /// The state that it was found in, in the forge's word.
    state: String,
    /// Why a cut leaves it; null if it does not.
    left: Option<String>,
    /// When it was read back as off, RFC 3339; null if it was not.
    off_at: Option<String>,
    /// When it was read back as it had been, RFC 3339; null if it was not.
    back_at: Option<String>,
    /// When it was seen that somebody had removed it meanwhile, RFC 3339; null if nobody had.
    gone_at: Option<String>,
}

/// Something that started nothing.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Missed")]
struct MissedView {
    /// What.
    what: String,
    /// How a person makes up for it.
    start: String,
}

/// Something of a primary path that could not be given back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NotBack")]
pub(super) struct NotBackView {
    /// What.
    what: String,
    /// Why not.
    reason: String,
    /// A command for `sh`, with the token in `CANSHIP_TOKEN`.
    by_hand: String,
}

impl From<&PrimaryRecord> for PrimaryView {
    fn from(primary: &PrimaryRecord) -> Self {
        let PrimaryRecord { found, cut, cancelled, back, missed, asked, .. } = primary;
        let part = |part: &PartFacts| {
            let taken = primary.taken.iter().find(|taken| taken.control == part.control);
            PartView {
                name: part.control.to_string(),
                state: part.control.word(&part.state).to_owned(),
                left: part.left.as_ref().map(ToString::to_string),
                off_at: taken.map(|taken| words::time(taken.off)),
                back_at: taken.and_then(|taken| taken.back).map(words::time),
                gone_at: primary.gone_at(&part.control).map(words::time),
            }
        };
        let cut = cut.as_ref();
        Self {
            forge: found.place.kind.to_string().to_ascii_lowercase(),
            url: found.place.url.to_string(),
            repository: found.place.repository.to_string(),
            parts: found.parts.iter().map(part).collect(),
            cut_at: cut.map(|(at, _)| words::time(*at)),
            cut_by: cut.map(|(_, cut)| cut.who.to_string()),
            cut_until: cut.map(|(_, cut)| words::time(cut.until)),
            back_at: back.map(words::time),
            longest_away_ms: primary.longest_away().map(millis),
            cancelled: super::view::strings(cancelled),
            missed: missed.iter().map(Into::into).collect(),
            requests: asked.map(|(requests, _)| requests),
            requests_left: asked.and_then(|(_, left)| left),
        }
    }
}

impl From<&Missed> for MissedView {
    fn from(missed: &Missed) -> Self {
        Self { what: missed.what.to_string(), start: missed.start.to_string() }
    }
}

impl From<&NotBack> for NotBackView {
    fn from(not: &NotBack) -> Self {
        Self { what: not.what.to_string(), reason: not.reason.to_string(), by_hand: not.by_hand.to_string() }
    }
}
