//! The name of one drill, and of the host that it runs on.

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
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
    pub fn new(at: Timestamp, random: u32) -> Self {
        Self(format!("{}-{random:08x}", at.strftime("%Y%m%d-%H%M%S")))
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that a text is, if it has the form of those that [`DrillId::new`] makes: nothing else is ever taken for
    /// something of a drill's.
    #[must_use]
    pub fn made(text: &str) -> Option<Self> {
        let id = Self(text.to_owned());
        id.started().is_some().then_some(id)
    }

    /// When the drill started, by the clock of its host; none if the id has another form.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        let (time, random) = self.0.rsplit_once('-')?;
        let is_random = random.len() == 8 && random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let started = DateTime::strptime("%Y%m%d-%H%M%S", time).ok().filter(|_| is_random && time.len() == 15)?;
        started.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
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

/// Names a host in labels: drawn once and kept with canship's own state, since the ids of machines are cloned with them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostId(String);

/// The text is not a host id.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a host id")]
pub struct InvalidHostId(Text);

impl HostId {
    /// The id of these random bits.
    #[must_use]
    pub fn new(random: u64) -> Self {
        Self(format!("{random:016x}"))
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HostId {
    type Error = InvalidHostId;

    fn try_from(text: String) -> Result<Self, InvalidHostId> {
        let valid = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if valid { Ok(Self(text)) } else { Err(InvalidHostId(Text::new(&text))) }
    }
}

impl From<HostId> for String {
    fn from(id: HostId) -> Self {
        id.0
    }
}

/// Who uses what a drill puts outside, and until when: after that it is nobody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The host that the drill runs on.
    pub host: HostId,
    /// When the drill has ended, whatever became of it.
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_its_drill_started() {
        let at = Timestamp::from_second(1_795_691_791).unwrap();
        let id = DrillId::new(at, 0x1f0c_9a7e);
        assert_eq!(id.started(), Some(at));
        assert_eq!(DrillId::made(id.as_str()), Some(id));
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        for text in [
            "",
            "notes",
            "20261120-233512",
            "20261120-233512-1f0c9a7",
            "20261120-233512-1f0c9a7e0",
            "20261120-233512-1F0C9A7E",
            "20261320-233512-1f0c9a7e",
            "20261120-233512-notahexa",
            "120261120-233512-1f0c9a7e",
            "20261120-233512-1f0c9a7e-build",
            " 20261120-233512-1f0c9a7e",
        ] {
            assert_eq!(DrillId::made(text), None, "{text}");
        }
    }
}
