//! The name of one drill.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Text;

/// Names a drill in container names, labels, tags and registries: `20261120-233512-1f0c9a7e`, sorted by time,
/// lower-case letters, digits and hyphens only, so that it is valid in all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DrillId(String);

/// The text is not a drill id.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a drill id")]
pub struct InvalidDrillId(Text);

impl DrillId {
    /// The id of a drill that starts at `at`; `random` keeps drills of the same second apart.
    #[must_use]
    pub fn new(at: jiff::Timestamp, random: u32) -> Self {
        Self(format!("{}-{random:08x}", at.strftime("%Y%m%d-%H%M%S")))
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DrillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DrillId {
    type Error = InvalidDrillId;

    fn try_from(text: String) -> Result<Self, InvalidDrillId> {
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'-'));
        if valid { Ok(Self(text)) } else { Err(InvalidDrillId(text.into())) }
    }
}

impl From<DrillId> for String {
    fn from(id: DrillId) -> Self {
        id.0
    }
}
