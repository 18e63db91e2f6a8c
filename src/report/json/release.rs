//! What a drill made, tagged and published, in the JSON report.

use schemars::JsonSchema;
use serde::Serialize;

use crate::record::{Artifact, BuiltFacts, PublishRecord, TagFacts};

/// A file that the build made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Artifact")]
pub(super) struct ArtifactView {
    /// Its path in the release.
    path: String,
    /// Its length.
    size_bytes: u64,
    /// The digest of its content.
    digest: String,
    /// Whether it may be executed.
    executable: bool,
}

impl From<&Artifact> for ArtifactView {
    fn from(artifact: &Artifact) -> Self {
        Self {
            path: artifact.path.to_string(),
            size_bytes: artifact.size,
            digest: artifact.digest.to_string(),
            executable: artifact.executable,
        }
    }
}

/// The image that the plan's Dockerfile made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BuiltImage")]
pub(super) struct BuiltView {
    /// The Dockerfile.
    dockerfile: String,
    /// What built it.
    builder: String,
    /// The engine's id of it.
    id: String,
}

impl From<&BuiltFacts> for BuiltView {
    fn from(built: &BuiltFacts) -> Self {
        Self { dockerfile: built.dockerfile.to_string(), builder: built.builder.to_string(), id: built.id.to_string() }
    }
}

/// The drilled tag.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tag")]
pub(super) struct TagView {
    /// What a release of this version is tagged.
    release_tag: String,
    /// The name it was drilled under.
    drill_tag: String,
    /// Where it was pushed to, without credentials.
    url: String,
    /// The tag object.
    object: String,
}

impl From<&TagFacts> for TagView {
    fn from(tag: &TagFacts) -> Self {
        Self {
            release_tag: tag.release_tag.to_string(),
            drill_tag: tag.drill_tag.to_string(),
            url: tag.url.to_string(),
            object: tag.object.to_string(),
        }
    }
}

/// An image that was pushed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Published")]
pub(super) struct PublishView {
    /// The publish target of the plan it stands for.
    target: String,
    /// Where it was pushed to.
    reference: String,
    /// The manifest's digest.
    digest: String,
    /// The digest under which it was pushed: with marks of the drill, by which no two drills push or delete the same.
    pushed_digest: String,
    /// Bytes that were sent.
    sent_bytes: u64,
    /// Whether the registry is on this machine's loopback: then only the mechanics are proved.
    loopback: bool,
    /// The digest of what was pulled back; null if it did not come back.
    pulled_digest: Option<String>,
    /// Bytes that came back and were hashed.
    pulled_bytes: Option<u64>,
}

impl From<&PublishRecord> for PublishView {
    fn from(published: &PublishRecord) -> Self {
        let pushed = &published.pushed;
        Self {
            target: pushed.target.to_string(),
            reference: pushed.reference.to_string(),
            digest: pushed.digest.to_string(),
            pushed_digest: pushed.as_pushed().to_string(),
            sent_bytes: pushed.bytes,
            loopback: pushed.loopback,
            pulled_digest: published.pulled.as_ref().map(|pulled| pulled.digest.to_string()),
            pulled_bytes: published.pulled.as_ref().map(|pulled| pulled.bytes),
        }
    }
}
