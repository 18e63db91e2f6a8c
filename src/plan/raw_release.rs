//! What the primary path has released, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::RawLogin;

/// Something that the primary path has released: exactly one of `digest`, `url` and `image`. `{version}` stands for the
/// version that is drilled.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Release", extend("oneOf" = [{ "required": ["digest"] }, { "required": ["url"] }, { "required": ["image"] }]))]
pub(super) struct RawRelease {
    /// The artifact of the build that it is compared with, by its last name. Needed but for an `image`, which then has
    /// all of them.
    #[schemars(length(min = 1))]
    pub(super) artifact: Option<String>,
    /// The digest of the released file.
    #[schemars(extend("pattern" = "^sha256:[0-9a-f]{64}$"))]
    pub(super) digest: Option<String>,
    /// The version that the digest is of. If another one is drilled, there is nothing to compare.
    #[schemars(length(min = 1))]
    pub(super) version: Option<String>,
    /// Where the released file can be fetched: https, or http on this machine. A `.tar.gz`, `.tgz`, `.tar` or `.zip`
    /// is looked into, unless the artifact is such a file itself.
    #[schemars(extend("pattern" = "^https?://."))]
    pub(super) url: Option<String>,
    /// The released image, by tag or digest.
    #[schemars(length(min = 1))]
    pub(super) image: Option<String>,
    /// The artifact's path in the archive or image. If absent: the only place there with the artifact's name.
    #[schemars(length(min = 1))]
    pub(super) inside: Option<String>,
    /// Who may fetch it. If absent: nobody, and for an `image` what Docker's configuration knows.
    pub(super) login: Option<RawLogin>,
    /// The secret that is sent as a bearer token to the host of `url`.
    #[schemars(length(min = 1))]
    pub(super) token: Option<String>,
}
