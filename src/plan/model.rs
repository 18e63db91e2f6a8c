//! The plan with every default filled in: what the drill works from. Plain data, made only by [`super::load`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use super::{Ignore, Primary, names};
use crate::record::Digest;

/// What a release is, where it must land, what it needs, which spare paths exist, how long it may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is released.
    pub release: String,
    /// The time a hotfix may take.
    pub target: Duration,
    /// Where the source comes from.
    pub source: Source,
    /// How it is built.
    pub build: Build,
    /// What a release is tagged; none if releases are not tagged.
    pub tag: Option<TagTemplate>,
    /// Where the tag goes.
    pub tag_at: TagAt,
    /// Where the release must land.
    pub publish: Vec<Target>,
    /// Where each secret is found.
    pub secrets: BTreeMap<SecretName, SecretSource>,
    /// The secrets with which nothing can be published: all that a rehearsal reads.
    pub harmless: BTreeSet<SecretName>,
    /// The CI that usually ships; none if the plan names none.
    pub primary: Option<Primary>,
    /// What the primary path has released of the version that is drilled.
    pub released: Vec<Release>,
    /// Files with the certificates of private authorities, in PEM form; relative to the plan's folder.
    pub trust: Vec<PathBuf>,
    /// The spare paths, in the plan's order; never empty.
    pub spares: Vec<Spare>,
    /// Where the records of drills are kept.
    pub history: History,
    /// Findings of `canship check` that are accepted.
    pub ignored: Vec<Ignore>,
    /// Bounds for every wait.
    pub timeouts: Timeouts,
    /// Keys that this version reads but cannot verify yet, each with what that leaves open: one sentence.
    pub unverified: Vec<String>,
}

/// The name of a secret: letters, digits and underscores, not starting with a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(pub(super) String);

impl SecretName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SecretName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a secret is found; the value is never part of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; relative to the plan's folder.
    File(PathBuf),
    /// What a command prints; program and arguments, run in the plan's folder without a shell.
    Command(Vec<String>),
}

/// Where the source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The branch, tag or commit.
    pub reference: String,
    /// The repository that is used when the forge is out: a URL, or a path relative to the plan's folder.
    pub mirror: Option<String>,
    /// How the version is read.
    pub version: Version,
}

/// How the version of a release is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// A key of a TOML, JSON or YAML file, or a whole text file.
    File {
        /// The file, relative to the source's root.
        file: PathBuf,
        /// The key, dot by dot; none takes the whole file.
        key: Option<String>,
    },
    /// What a command prints, run in the room like a build step.
    Command(Vec<String>),
    /// The newest tag that leads to the commit.
    LatestTag,
    /// The commit itself, in twelve digits: what is used when the plan says nothing.
    Commit,
}

/// How a release is built.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    /// What the clean room is made from; none if every spare is a host.
    pub image: Option<BuildImage>,
    /// The steps; none if the image of a Dockerfile is the release.
    pub run: Vec<Step>,
    /// Files or folders the steps make, relative to the source's root, no two with one last name; none without steps.
    pub artifacts: Vec<PathBuf>,
    /// Steps that are run on what came back from the registry.
    pub smoke: Vec<Step>,
    /// Absolute paths of the image that the build must write to.
    pub writable: Vec<PathBuf>,
    /// What the build may use.
    pub limits: Limits,
    /// Bytes that are kept of the output of each step.
    pub output: u64,
}

impl Build {
    /// The Dockerfile whose image is the release, if it is one that is released.
    #[must_use]
    pub fn released_image(&self) -> Option<&Dockerfile> {
        self.dockerfile().filter(|_| self.run.is_empty())
    }

    /// The Dockerfile, if the plan has one.
    #[must_use]
    pub fn dockerfile(&self) -> Option<&Dockerfile> {
        match &self.image {
            Some(BuildImage::Dockerfile(dockerfile)) => Some(dockerfile),
            Some(BuildImage::Image(_)) | None => None,
        }
    }
}

/// What the clean room is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildImage {
    /// An image that is there or can be pulled.
    Image(String),
    /// What a Dockerfile makes.
    Dockerfile(Dockerfile),
}

/// A Dockerfile and how it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// The file, relative to the source's root.
    pub file: PathBuf,
    /// The stage that is built; none for the last.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The secrets that the build may mount, each by its name.
    pub secrets: Vec<SecretName>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The command, for `/bin/sh -c`.
    pub run: String,
    /// The secrets it may read, each as the environment variable of that name.
    pub secrets: Vec<SecretName>,
    /// Environment variables of this step.
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    pub time: Duration,
}

/// What a build may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The time of all steps together.
    pub time: Duration,
    /// Processors; none for as many as the engine has.
    pub cpus: Option<f64>,
    /// Memory in bytes; none for as much as the engine has.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: u64,
    /// Disk in bytes.
    pub disk: u64,
}

/// What a release is tagged: text with `{version}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate(pub(super) String);

impl TagTemplate {
    /// The tag of this version.
    #[must_use]
    pub fn tag(&self, version: &str) -> String {
        self.0.replace("{version}", version)
    }

    /// The text as the plan has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where the tag goes. Without `tag_at:` it is the mirror if the plan has one, else nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagAt {
    /// The mirror.
    Mirror,
    /// The origin.
    Origin,
    /// Nowhere: pushing the tag is not rehearsed.
    Nowhere,
}

/// Where a release must land.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An image at an OCI registry.
    Oci(OciTarget),
    /// A kind that this version cannot drill.
    Other {
        /// The kind: the key that names it, `crate`.
        kind: String,
        /// What it says.
        name: String,
    },
}

/// An image at an OCI registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciTarget {
    /// The repository a release goes to, `ghcr.io/acme/api`, without tag or digest.
    pub repository: String,
    /// Who logs in; none for what Docker's configuration knows, or nobody.
    pub login: Option<Login>,
    /// The repository that the drill pushes to; without it only the push right is probed.
    pub scratch: Option<String>,
    /// The release image's base; none for an image of nothing but the artifacts.
    pub base: Option<String>,
}

impl OciTarget {
    /// Whether what the drill pushes goes to another registry than the release.
    #[must_use]
    pub fn rehearses_elsewhere(&self) -> bool {
        self.scratch.as_ref().is_some_and(|scratch| !names::share_registry(scratch, &self.repository))
    }
}

/// Who logs in to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The secret that is the password.
    pub password: SecretName,
}

/// One spare path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spare {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SpareKind,
}

/// What a spare is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpareKind {
    /// A clean room on a container engine.
    Container {
        /// The engine's address; none for the one that Docker's environment names.
        engine: Option<String>,
    },
    /// A spare runner of the primary path's forge.
    Runner {
        /// The labels, or tags, by which a job chooses it.
        labels: Vec<String>,
        /// On GitHub the workflow file that is dispatched, on GitLab the job.
        workflow: String,
        /// How long it may take to pick the job up.
        pick_up: Duration,
        /// How long is waited between the first looks at its run.
        poll: Duration,
    },
    /// A clean checkout on this machine.
    Host,
}

/// Something that the primary path has released, to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The artifact of the build, by its last name; none for all of them.
    pub artifact: Option<String>,
    /// Where it is.
    pub place: ReleasePlace,
}

/// Where something released is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleasePlace {
    /// Only its digest is known.
    Digest {
        /// The digest of the file.
        digest: Digest,
        /// The version it is of, if the plan says.
        version: Option<String>,
    },
    /// A file, or an archive of files.
    Url {
        /// The address.
        url: Template,
        /// The artifact's path in the archive.
        inside: Option<Template>,
        /// Who may fetch it.
        access: ReleaseAccess,
    },
    /// An image.
    Image {
        /// Its reference.
        image: Template,
        /// The artifact's path in it.
        inside: Option<Template>,
        /// Who logs in; none for what Docker's configuration knows, or nobody.
        login: Option<Login>,
    },
}

/// Who may fetch what was released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseAccess {
    /// Everybody.
    Anyone,
    /// A user with a password.
    Login(Login),
    /// Whoever has this token.
    Token(SecretName),
}

/// Text in which `{version}` stands for the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub(super) String);

impl Template {
    /// The text for this version; none if it needs one and there is none.
    #[must_use]
    pub fn fill(&self, version: Option<&str>) -> Option<String> {
        match version {
            Some(version) => Some(self.0.replace("{version}", version)),
            None => (!self.0.contains("{version}")).then(|| self.0.clone()),
        }
    }

    /// The text as the plan has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where the records of drills are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// They are not kept.
    Nowhere,
    /// In a folder, relative to the plan's.
    Folder(PathBuf),
    /// In an object store, so that several machines share them.
    Store(Store),
}

/// An object store that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The bucket.
    pub bucket: String,
    /// What the name of every record begins with, without a slash at its ends; may be empty.
    pub prefix: String,
    /// Its address; none for what AWS's variables say, or AWS itself.
    pub endpoint: Option<String>,
    /// Its region; none for what AWS's variables say, or the first one.
    pub region: Option<String>,
    /// Where the bucket is named; none for the path if there is an endpoint, else the host.
    pub addressing: Option<Addressing>,
    /// The secrets that open it; none for AWS's variables.
    pub key: Option<StoreKey>,
}

/// Where in an address of a store the bucket is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// In the host's name, as AWS has it.
    Host,
    /// In the path, as most stores of one's own have it.
    Path,
}

/// The names of the secrets that open a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreKey {
    /// The key's id.
    pub id: SecretName,
    /// The key.
    pub secret: SecretName,
    /// The session's token, for keys that last a while.
    pub session: Option<SecretName>,
}

/// Bounds for every wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For one answer of a server, and for a transfer to move on.
    pub api: Duration,
    /// The longest that a server may ask to wait before trying again.
    pub retry_after_max: Duration,
}
