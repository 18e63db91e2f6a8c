//! `build.dockerfile` as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{
    de::{TextOrMap, text_or_map},
    raw::RawWord,
};

/// A Dockerfile: its path, or a map with more about it.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, rename = "Dockerfile")]
pub(super) enum RawDockerfile {
    /// The file, relative to the source's root.
    File(#[schemars(length(min = 1))] String),
    /// The file and how it is built.
    Map(RawDockerfileMap),
}

/// A Dockerfile with how it is built.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DockerfileMap")]
pub(super) struct RawDockerfileMap {
    /// The file, relative to the source's root.
    #[schemars(length(min = 1))]
    pub(super) file: String,
    /// The stage that is built. The last one if absent.
    #[schemars(length(min = 1))]
    pub(super) target: Option<String>,
    /// Build arguments. Everybody who has the image can read them: never a secret.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }))]
    pub(super) args: BTreeMap<String, RawWord>,
    /// The secrets that the build may read by `RUN --mount=type=secret,id=NAME`; needs `BuildKit`.
    #[schemars(length(min = 1))]
    pub(super) secrets: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for RawDockerfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_map(deserializer, "a file, or a map with `file`").map(|either| match either {
            TextOrMap::Text(file) => Self::File(file),
            TextOrMap::Map(map) => Self::Map(map),
        })
    }
}
