//! What events carry: facts of one drill, without any judgement.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, DrillId, Exit, Nonce, Text};

/// What is known when a drill starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFacts {
    /// The version of this event log's form, [`super::LOG_VERSION`].
    pub log: u32,
    /// The drill's name.
    pub drill: DrillId,
    /// The version of canship.
    pub canship: String,
    /// What is released.
    pub release: Text,
    /// The plan file as it was given.
    pub plan: Text,
    /// The digest of the plan file's bytes.
    pub plan_digest: Digest,
    /// Where the release is built.
    pub spare: SpareFacts,
    /// All spares of the plan, that one too; none in logs of versions that did not list them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spares: Vec<SpareFacts>,
    /// The time a hotfix may take, in milliseconds in the log.
    #[serde(rename = "target_ms", with = "millis")]
    pub target: Duration,
    /// Whether the network of the clean room was cut off from the named outages.
    pub seal: Seal,
    /// Whether anything may be published under the drill's name.
    #[serde(default)]
    pub mode: Mode,
    /// By which a drill elsewhere asked for this one, which reads back and deletes what this one pushes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
}

/// One spare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpareFacts {
    /// Its name in the plan.
    pub name: Text,
    /// What it is.
    pub kind: SpareKind,
    /// What it depends on.
    pub independence: Independence,
    /// Why that is so, where its kind does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Text>,
    /// Where its engine is sought; none for a spare without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EnginePlace>,
}

/// Where an engine is sought, before it was asked anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnginePlace {
    /// Its address; `unknown` if what names it is wrong.
    pub address: Text,
    /// Who says so: the plan, a variable, a Docker context, nobody.
    pub way: Text,
}

/// The kinds of spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpareKind {
    /// A clean room on a container engine.
    Container,
    /// A spare self-hosted runner of the forge.
    Runner,
    /// A clean checkout on this machine.
    Host,
}

/// How far a spare stands apart from the primary path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Independence {
    /// It is controlled by the forge it should replace.
    SameControlPlane,
    /// It depends on another vendor.
    OtherVendor,
    /// It depends on nobody else.
    NoVendor,
    /// Nobody has said on what.
    Unknown,
}

/// Whether the clean room could reach what the drill supposes to be out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seal {
    /// The network was not cut: what the outages would have broken is not known.
    Open,
}

/// What a drill may do outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Push under its own name, pull back, and delete.
    #[default]
    Drill,
    /// Nothing: no credential that can push is read.
    Rehearsal,
}

/// The engine a clean room runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFacts {
    /// `Docker`, `Podman`.
    pub name: Text,
    /// The engine's own version.
    pub version: Text,
    /// The API version that was agreed on.
    pub api: Text,
    /// Operating system and architecture of the engine, `linux/amd64`.
    pub platform: Text,
    /// Where it was reached.
    pub address: Text,
    /// Whether it has no root's rights on its machine, nor its containers; none if that was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rootless: Option<bool>,
}

/// The image a clean room is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The image as the plan names it.
    pub name: Text,
    /// The engine's id of it.
    pub id: Text,
    /// Whether it was there already, rather than pulled for this drill.
    pub warm: bool,
}

/// Where an engine keeps the images that drills make for themselves.
pub const DRILL_IMAGES: &str = "localhost/canship-drill";

impl ImageFacts {
    /// Whether the drill made it itself.
    #[must_use]
    pub fn is_of_drill(&self) -> bool {
        self.name.as_str().strip_prefix(DRILL_IMAGES).is_some_and(|rest| rest.starts_with(':'))
    }
}

/// A room in which steps run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomFacts {
    /// The engine; none for a room on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineFacts>,
    /// The image; none for a room on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFacts>,
    /// Bytes that are free where the build writes, if they could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_free: Option<u64>,
}

/// Where the source came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The repository's own origin.
    Origin,
    /// The plan's mirror.
    Mirror,
    /// The repository the plan lies in, which has no origin.
    Local,
}

/// The clean clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// What kind of place it came from.
    pub from: Origin,
    /// Its URL or path, without credentials.
    pub url: Text,
    /// The ref that was asked for.
    pub reference: Text,
    /// The commit it led to.
    pub commit: Text,
    /// When that commit was made.
    pub committed_at: Timestamp,
    /// By how many commits the mirror is behind the origin, if that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
    /// Submodules fetched along, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub submodules: Vec<Text>,
}

/// A file that the build made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its path in the release.
    pub path: Text,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its content.
    pub digest: Digest,
    /// Whether it may be executed.
    pub executable: bool,
}

/// The image that the plan's Dockerfile makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltFacts {
    /// The Dockerfile.
    pub dockerfile: Text,
    /// What built it: `BuildKit`, `Buildah`.
    pub builder: Text,
    /// The engine's id of the image.
    pub id: Text,
}

/// The drilled tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagFacts {
    /// What a release of this version is tagged.
    pub release_tag: Text,
    /// The name it was drilled under.
    pub drill_tag: Text,
    /// Where it was pushed to, without credentials.
    pub url: Text,
    /// The tag object.
    pub object: Text,
}

/// An image that was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedFacts {
    /// The publish target of the plan it stands for.
    pub target: Text,
    /// Where it was pushed to, with the drill's tag.
    pub reference: Text,
    /// The manifest's digest, as a release of the same content would have it.
    pub digest: Digest,
    /// The digest with the drill's own marks, under which it was pushed: no two drills push, or delete, the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked: Option<Digest>,
    /// Bytes that were sent; what the registry already had is not counted.
    pub bytes: u64,
    /// Whether the registry is on this machine's loopback: then only the mechanics are proved.
    pub loopback: bool,
}

impl PushedFacts {
    /// The digest under which it was pushed.
    #[must_use]
    pub fn as_pushed(&self) -> &Digest {
        self.marked.as_ref().unwrap_or(&self.digest)
    }
}

/// An image that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledFacts {
    /// The publish target of the plan it stands for.
    pub target: Text,
    /// The manifest's digest, computed from what came.
    pub digest: Digest,
    /// Bytes that came and were hashed.
    pub bytes: u64,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// A secret is there and not empty.
    Secret,
    /// Engine, image and disk of the spare.
    Spare,
    /// Login and push right at a registry.
    Registry,
    /// The place where the tag goes can be read.
    TagPlace,
}

/// One thing the drill put outside, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cleaning", rename_all = "kebab-case")]
pub enum Cleaning {
    /// Removed, and read back that it is gone.
    Gone {
        /// What it was.
        what: Text,
    },
    /// It could not be removed.
    Left(Leftover),
}

/// What cleaning could not remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// What it is and where.
    pub what: Text,
    /// Why it is still there.
    pub reason: Text,
    /// How a person removes it.
    pub remedy: Text,
}

/// The signals that end a drill early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Ctrl-C.
    Sigint,
    /// A polite request to end.
    Sigterm,
    /// The terminal is gone.
    Sighup,
    /// Ctrl-\.
    Sigquit,
}

impl Signal {
    /// How canship ends after it.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Self::Sigint => Exit::Interrupted,
            Self::Sigterm | Self::Sighup | Self::Sigquit => Exit::Terminated,
        }
    }
}

/// A time span as people read it: `850 ms`, `12.3 s`, `4 m 07 s`, `1 h 02 m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Measure(pub Duration);

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded in the unit that is shown, which may reach the next one.
        let rounded = |unit: Duration| (self.0.as_nanos() + unit.as_nanos() / 2) / unit.as_nanos();
        let (millis, tenths) = (rounded(Duration::from_millis(1)), rounded(Duration::from_millis(100)));
        let (seconds, minutes) = (rounded(Duration::from_secs(1)), rounded(Duration::from_mins(1)));
        let text = match (millis, tenths, seconds) {
            (..1000, ..) => format!("{millis} ms"),
            (_, ..600, _) => format!("{}.{} s", tenths / 10, tenths % 10),
            (.., ..3600) => format!("{} m {:02} s", seconds / 60, seconds % 60),
            _ => format!("{} h {:02} m", minutes / 60, minutes % 60),
        };
        f.pad(&text)
    }
}

/// A number of bytes as people read it: `512 B`, `1.5 MiB`, `8.0 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return f.pad(&format!("{} B", self.0));
        }
        // In tenths, so that no floating point is needed.
        let (mut tenths, mut unit) = (u128::from(self.0) * 10 / 1024, 0);
        while tenths >= 10_240 && unit + 1 < UNITS.len() {
            tenths /= 1024;
            unit += 1;
        }
        f.pad(&format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]))
    }
}

/// Durations as whole milliseconds.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_read_as_people_say_them() {
        let shown = |ms| Measure(Duration::from_millis(ms)).to_string();
        assert_eq!(shown(850), "850 ms");
        assert_eq!(shown(12_345), "12.3 s");
        assert_eq!(shown(247_000), "4 m 07 s");
        assert_eq!(shown(3_725_000), "1 h 02 m");
    }

    #[test]
    fn a_time_span_is_rounded_and_not_cut() {
        let shown = |us| Measure(Duration::from_micros(us)).to_string();
        assert_eq!([shown(1_499), shown(1_500)], ["1 ms", "2 ms"]);
        assert_eq!([shown(999_499), shown(999_500)], ["999 ms", "1.0 s"]);
        assert_eq!([shown(1_990_000), shown(1_949_999)], ["2.0 s", "1.9 s"]);
        assert_eq!([shown(59_949_999), shown(59_950_000)], ["59.9 s", "1 m 00 s"]);
        assert_eq!([shown(3_599_499_999), shown(3_599_500_000)], ["59 m 59 s", "1 h 00 m"]);
        assert_eq!(shown(7_170_000_000), "2 h 00 m");
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        let shown = |bytes| Bytes(bytes).to_string();
        assert_eq!(shown(512), "512 B");
        assert_eq!(shown(1_572_864), "1.5 MiB");
        assert_eq!(shown(8 << 30), "8.0 GiB");
    }
}
