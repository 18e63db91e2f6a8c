//! Where the records of drills are kept, as it is written: a place, or a map with how a store is reached.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

/// Where the records of drills are kept: a folder, relative to the plan's; `s3://bucket/prefix`; or `none`.
/// `.canship/history` if absent.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, rename = "History")]
pub(super) enum RawHistory {
    /// A folder, relative to the plan's; `s3://bucket/prefix`; or `none`.
    Place(#[schemars(length(min = 1))] String),
    /// An object store and how it is reached.
    Store(RawStore),
}

/// An object store that speaks S3, and how it is reached.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Store")]
pub(super) struct RawStore {
    /// The bucket and what every record's name begins with: `s3://bucket/prefix`.
    #[schemars(extend("pattern" = "^s3://."))]
    pub(super) store: String,
    /// The store's address. `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or AWS itself if absent.
    #[schemars(extend("pattern" = "^https?://."))]
    pub(super) endpoint: Option<String>,
    /// The region. `AWS_REGION`, `AWS_DEFAULT_REGION` or `us-east-1` if absent.
    #[schemars(length(min = 1))]
    pub(super) region: Option<String>,
    /// Whether the bucket is part of the path, rather than of the host's name. If absent: only where there is an
    /// endpoint.
    pub(super) path_style: Option<bool>,
    /// The name, under `secrets`, of the key's id. `AWS_ACCESS_KEY_ID` if absent.
    #[schemars(length(min = 1))]
    pub(super) key_id: Option<String>,
    /// The name, under `secrets`, of the key. `AWS_SECRET_ACCESS_KEY` if absent.
    #[schemars(length(min = 1))]
    pub(super) secret_key: Option<String>,
    /// The name, under `secrets`, of the session's token. `AWS_SESSION_TOKEN`, or none, if absent.
    #[schemars(length(min = 1))]
    pub(super) session_token: Option<String>,
}

impl<'de> Deserialize<'de> for RawHistory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HistoryVisitor;

        impl<'de> de::Visitor<'de> for HistoryVisitor {
            type Value = RawHistory;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a folder, `s3://bucket/prefix`, `none`, or a map with `store`")
            }

            fn visit_str<E>(self, place: &str) -> Result<RawHistory, E> {
                Ok(RawHistory::Place(place.to_owned()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<RawHistory, A::Error> {
                RawStore::deserialize(de::value::MapAccessDeserializer::new(map)).map(RawHistory::Store)
            }
        }

        deserializer.deserialize_any(HistoryVisitor)
    }
}
