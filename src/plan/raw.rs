//! The plan as it is written: the one set of types that is read from the file and described by the JSON Schema.
//!
//! Doc comments here are what an editor shows. Values with units are still text; `resolve` checks what no type can say.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::de::{SCALAR, TextOrMap, text_or_map};
pub(super) use super::{
    raw_check::RawCheck,
    raw_dockerfile::{RawDockerfile, RawDockerfileMap},
    raw_history::RawHistory,
    raw_later::RawPeople,
    raw_primary::{RawGithub, RawGitlab, RawPrimary, RawRunning},
    raw_release::RawRelease,
    raw_runner::RawRunner,
};

/// What a release is, where it must land, what it needs, which spare paths exist, how long a hotfix may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "canship.yaml", rename = "Plan")]
pub(super) struct RawPlan {
    /// The version of the plan's form.
    #[schemars(extend("const" = 1, "default" = 1))]
    #[expect(dead_code, reason = "looked at in the tree, before the types of this version are applied")]
    pub(super) version: Option<u64>,
    /// The name of what is released.
    #[schemars(length(min = 1))]
    pub(super) release: String,
    /// The time a hotfix may take, from the decision to use a spare until what was released has been fetched back,
    /// verified and run. 30m if absent.
    pub(super) target: Option<RawDuration>,
    /// Where the source comes from.
    pub(super) source: Option<RawSource>,
    /// How the release is built.
    pub(super) build: RawBuild,
    /// What a release is tagged: text with `{version}` in it.
    #[schemars(extend("pattern" = r"\{version\}"))]
    pub(super) tag: Option<String>,
    /// Where the tag goes. If absent: the mirror if there is one, else nowhere.
    pub(super) tag_at: Option<RawTagAt>,
    /// Where the release must land.
    #[schemars(length(min = 1))]
    pub(super) publish: Vec<RawTarget>,
    /// Where each secret is found; never its value.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }))]
    pub(super) secrets: BTreeMap<String, RawSecret>,
    /// Files in PEM form, relative to the plan, with certificates of private authorities that are trusted beside the
    /// system's: for registries, git, and the tools of every step.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub(super) trust: Option<Vec<String>>,
    /// The CI that usually ships, which a cut takes away, and what it has released, to compare with.
    pub(super) primary: Option<RawPrimary>,
    /// The spare paths. One clean room named `container` if absent.
    #[schemars(length(min = 1))]
    pub(super) spares: Option<Vec<RawSpare>>,
    /// What is taken away in a drill: names like `github` and `docker-hub`, or hosts (not verified by this version).
    #[schemars(length(min = 1))]
    pub(super) outages: Option<Vec<String>>,
    /// Who may decide and release (not verified by this version).
    pub(super) people: Option<RawPeople>,
    /// Where the records of drills are kept: a folder, relative to the plan's; `s3://bucket/prefix`; or `none`.
    /// `.canship/history` if absent.
    pub(super) history: Option<RawHistory>,
    /// What `canship check` passes over.
    pub(super) check: Option<RawCheck>,
    /// Bounds for every wait.
    pub(super) timeouts: Option<RawTimeouts>,
}

/// Where the source comes from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Source")]
pub(super) struct RawSource {
    /// The branch, tag or commit of the repository's origin, or of the repository itself if it has none. `main` if
    /// absent.
    #[serde(rename = "ref")]
    #[schemars(length(min = 1))]
    pub(super) reference: Option<String>,
    /// The repository that is used when the forge is out: a URL without credentials, or a path relative to the plan.
    #[schemars(length(min = 1))]
    pub(super) mirror: Option<String>,
    /// How the version is read. If absent, the commit is the version.
    pub(super) version: Option<RawVersion>,
}

/// How the version is read: exactly one of `file`, `command` and `tag`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Version", extend("oneOf" = [{ "required": ["file"] }, { "required": ["command"] }, { "required": ["tag"] }]))]
pub(super) struct RawVersion {
    /// A TOML, JSON, YAML or text file, relative to the source's root.
    #[schemars(length(min = 1))]
    pub(super) file: Option<String>,
    /// The key in that file, dot by dot, as in `package.version`; the whole file if absent.
    #[schemars(length(min = 1))]
    pub(super) key: Option<String>,
    /// A command, program and arguments, that prints it.
    #[schemars(length(min = 1))]
    pub(super) command: Option<Vec<String>>,
    /// The newest tag that leads to the commit.
    pub(super) tag: Option<RawVersionTag>,
}

/// Which tag is the version.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "VersionTag")]
pub(super) enum RawVersionTag {
    /// The newest that leads to the commit.
    Latest,
}

/// How the release is built. `image` or `dockerfile` is needed if a spare is a clean room. `run` and `artifacts` belong
/// together; a `dockerfile` without them makes the image that is released.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Build", extend(
    "not" = { "required": ["image", "dockerfile"] },
    "oneOf" = [
        { "required": ["run", "artifacts"] },
        { "required": ["dockerfile"], "not": { "anyOf": [{ "required": ["run"] }, { "required": ["artifacts"] }] } },
    ],
))]
pub(super) struct RawBuild {
    /// The image of the clean room.
    #[schemars(length(min = 1))]
    pub(super) image: Option<String>,
    /// A Dockerfile, relative to the source's root, which is also its context. Without `run` and `artifacts`, the image
    /// that it makes is the release; with them, it is the image of the clean room.
    pub(super) dockerfile: Option<RawDockerfile>,
    /// The build steps, run one after the other by `/bin/sh -c`.
    #[schemars(length(min = 1))]
    pub(super) run: Option<Vec<RawStep>>,
    /// Files or folders that the build makes, relative to the source's root.
    #[schemars(length(min = 1))]
    pub(super) artifacts: Option<Vec<String>>,
    /// Steps that run in a second, fresh clean room on what came back from the registry.
    #[schemars(length(min = 1))]
    pub(super) smoke: Option<Vec<RawStep>>,
    /// Absolute paths of the image that the build must write to; home, temp and the source are writable anyway.
    #[schemars(length(min = 1), inner(regex(pattern = "^/.")))]
    pub(super) writable: Option<Vec<String>>,
    /// Hosts the build may need (not verified by this version).
    #[schemars(length(min = 1))]
    pub(super) needs: Option<Vec<String>>,
    /// What the build may use.
    pub(super) limits: Option<RawLimits>,
}

/// A step: a command, or a map with more about it.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, rename = "Step")]
pub(super) enum RawStep {
    /// The command, for `/bin/sh -c`.
    Command(#[schemars(length(min = 1))] String),
    /// The command and what it needs.
    Map(RawStepMap),
}

/// A step with what it needs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StepMap")]
pub(super) struct RawStepMap {
    /// The command, for `/bin/sh -c`.
    #[schemars(length(min = 1))]
    pub(super) run: String,
    /// The secrets it may read, each as the environment variable of that name.
    #[schemars(length(min = 1))]
    pub(super) secrets: Option<Vec<String>>,
    /// Environment variables of this step.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }))]
    pub(super) env: BTreeMap<String, RawWord>,
    /// How long it may take. `build.limits.time` if absent.
    pub(super) time: Option<RawDuration>,
}

impl<'de> Deserialize<'de> for RawStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_map(deserializer, "a command, or a map with `run`").map(|either| match either {
            TextOrMap::Text(command) => Self::Command(command),
            TextOrMap::Map(map) => Self::Map(map),
        })
    }
}

/// What the build may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(super) struct RawLimits {
    /// The time of all steps together. 20m if absent.
    pub(super) time: Option<RawDuration>,
    /// Processors. As many as the engine has if absent.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) cpus: Option<f64>,
    /// Memory. As much as the engine has if absent.
    pub(super) memory: Option<RawSize>,
    /// Processes and threads. 4096 if absent.
    #[schemars(range(min = 1))]
    pub(super) pids: Option<u64>,
    /// Disk. 8GiB if absent.
    pub(super) disk: Option<RawSize>,
    /// What is kept of the output of each step. 16MiB if absent.
    pub(super) output: Option<RawSize>,
}

/// Where the tag goes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TagAt")]
pub(super) enum RawTagAt {
    /// To the mirror.
    Mirror,
    /// To the origin.
    Origin,
    /// Nowhere: pushing the tag is not rehearsed.
    Nowhere,
}

macro_rules! target {
    ($($(#[$doc:meta])* $field:ident = $key:literal,)*) => {
        /// Where the release must land: exactly one kind. Only `oci` is drilled by this version.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(rename = "Target", extend("oneOf" = [{ "required": ["oci"] }, $({ "required": [$key] }),*]))]
        pub(super) struct RawTarget {
            /// A repository at an OCI registry, without tag or digest.
            #[schemars(length(min = 1))]
            pub(super) oci: Option<String>,
            /// Who logs in. If absent: what Docker's configuration knows, or nobody.
            pub(super) login: Option<RawLogin>,
            /// The repository that a drill pushes to, pulls back from and deletes in; without it only the push right
            /// is looked at.
            #[schemars(length(min = 1))]
            pub(super) scratch: Option<String>,
            /// The image below the artifacts. None if absent.
            #[schemars(length(min = 1))]
            pub(super) base: Option<String>,
            $($(#[$doc])* #[serde(rename = $key)] #[schemars(length(min = 1))] pub(super) $field: Option<String>,)*
            /// The secret that may publish there.
            #[schemars(length(min = 1))]
            pub(super) token: Option<String>,
        }

        impl RawTarget {
            /// The kinds that this version cannot drill, each with what the plan says of it.
            pub(super) fn others(&self) -> impl Iterator<Item = (&'static str, &str)> {
                [$(($key, self.$field.as_deref())),*].into_iter().filter_map(|(key, name)| Some((key, name?)))
            }
        }
    };
}

target! {
    /// A crate on crates.io (not verified by this version).
    krate = "crate",
    /// A package on npm (not verified by this version).
    npm = "npm",
    /// A project on `PyPI` (not verified by this version).
    pypi = "pypi",
    /// An artifact on Maven Central (not verified by this version).
    maven = "maven",
    /// A package on `NuGet` (not verified by this version).
    nuget = "nuget",
    /// A gem on `RubyGems` (not verified by this version).
    gem = "gem",
    /// A Homebrew formula (not verified by this version).
    homebrew = "homebrew",
    /// A winget package (not verified by this version).
    winget = "winget",
    /// A release on GitHub (not verified by this version).
    github_release = "github_release",
    /// A release on GitLab (not verified by this version).
    gitlab_release = "gitlab_release",
    /// A bucket (not verified by this version).
    s3 = "s3",
    /// A site (not verified by this version).
    pages = "pages",
}

/// Who logs in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Login")]
pub(super) struct RawLogin {
    /// The user's name.
    #[schemars(length(min = 1))]
    pub(super) username: String,
    /// The name, under `secrets`, of the password.
    #[schemars(length(min = 1))]
    pub(super) password: String,
}

/// Where a secret is found: exactly one source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Secret", extend("oneOf" = [{ "required": ["env"] }, { "required": ["file"] }, { "required": ["command"] }]))]
pub(super) struct RawSecret {
    /// An environment variable.
    #[schemars(extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub(super) env: Option<String>,
    /// A file; relative to the plan's folder.
    #[schemars(length(min = 1))]
    pub(super) file: Option<String>,
    /// A command, program and arguments, that prints it; run in the plan's folder without a shell.
    #[schemars(length(min = 1))]
    pub(super) command: Option<Vec<String>>,
    /// Whether whoever has it could publish something. `true` if absent; what is said to be `false` is all that a
    /// rehearsal reads.
    pub(super) publishes: Option<bool>,
}

/// One spare path: a name and exactly one kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Spare", extend("oneOf" = [{ "required": ["container"] }, { "required": ["runner"] }, { "required": ["host"] }]))]
pub(super) struct RawSpare {
    /// Its name.
    #[schemars(extend("pattern" = "^[A-Za-z0-9][A-Za-z0-9._-]*$"))]
    pub(super) name: String,
    /// A clean room on a container engine.
    pub(super) container: Option<RawContainer>,
    /// A spare runner of the forge that `primary` names.
    pub(super) runner: Option<RawRunner>,
    /// A clean checkout on this machine.
    pub(super) host: Option<RawHost>,
}

/// A clean room on a container engine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Container")]
pub(super) struct RawContainer {
    /// The engine's address, `ssh://build@spare.example`. The one that Docker's environment names if absent.
    #[schemars(length(min = 1))]
    pub(super) engine: Option<String>,
}

/// A clean checkout on this machine; nothing to set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Host")]
pub(super) struct RawHost {}

/// Bounds for every wait.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Timeouts")]
pub(super) struct RawTimeouts {
    /// For one answer of a server, and for a transfer to move on. 30s if absent.
    pub(super) api: Option<RawDuration>,
    /// The longest that a server may ask to wait before trying again. 60s if absent.
    pub(super) retry_after_max: Option<RawDuration>,
}

/// A text that may also be written as a number or truth value, and is then taken letter by letter.
macro_rules! scalar {
    ($($name:ident, $title:literal, $schema:expr;)*) => {$(
        #[derive(Clone, Debug)]
        pub(super) struct $name(pub(super) String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_newtype_struct(SCALAR, ScalarVisitor).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

scalar! {
    RawDuration, "Duration", json_schema!({
        "type": "string",
        "description": "A length of time: `45s`, `30m`, `1h30m`, `500ms`, `2d`.",
        "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
        "minLength": 2,
    });
    RawSize, "Size", json_schema!({
        "type": "string",
        "description": "A size: `4GiB` (by 1024), `500MB` (by 1000), `20G` (by 1024, as in Docker).",
        "pattern": "^[0-9]+(B|[KMGT]|[KMGT]B|[KMGT]iB)$",
    });
    RawWord, "EnvValue", json_schema!({
        "type": ["string", "number", "boolean"],
        "description": "The value of an environment variable, as it is written.",
    });
}

struct ScalarVisitor;

impl de::Visitor<'_> for ScalarVisitor {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
