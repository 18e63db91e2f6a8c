//! The stable ids of what a drill can find.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Severity;

macro_rules! rules {
    ($($(#[doc = $doc:literal])* $name:ident = $id:literal, $severity:ident;)*) => {
        /// What was found; the id never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule {
            $($(#[doc = $doc])* #[serde(rename = $id)] $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The id in every view.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id),* }
            }

            /// What a finding of it says, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii()),* }
            }

            /// What a finding of this rule does to the verdict unless the finder knows better.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),* }
            }
        }
    };
}

rules! {
    /// The spare's engine does not answer.
    EngineUnreachable = "engine-unreachable", Blocker;
    /// The engine answers, but refused or broke something that was asked of it.
    EngineFailed = "engine-failed", Unverified;
    /// The build image is neither there nor can it be pulled.
    ImageMissing = "image-missing", Blocker;
    /// Less disk is free than the plan grants the build.
    DiskLow = "disk-low", Gap;
    /// A secret is absent, empty, or its source failed.
    SecretMissing = "secret-missing", Blocker;
    /// A secret is so short that it cannot be kept out of the output.
    SecretTooShort = "secret-too-short", Blocker;
    /// The value of a secret stands in an address that reports must show.
    SecretInAddress = "secret-in-address", Gap;
    /// The ref, mirror or origin does not give the source.
    SourceUnavailable = "source-unavailable", Blocker;
    /// The server that holds the source could not be reached or did not answer.
    SourceUnreachable = "source-unreachable", Unverified;
    /// The mirror lacks commits that the origin has.
    MirrorBehind = "mirror-behind", Gap;
    /// The mirror has commits that the origin lacks.
    MirrorAhead = "mirror-ahead", Gap;
    /// How far the mirror is behind could not be read.
    MirrorUnverified = "mirror-unverified", Gap;
    /// A submodule cannot be fetched.
    SubmoduleUnavailable = "submodule-unavailable", Blocker;
    /// Files of Git LFS are pointers only: their content was not fetched.
    LfsNotFetched = "lfs-not-fetched", Gap;
    /// The plan's version cannot be read.
    VersionUnreadable = "version-unreadable", Blocker;
    /// A build step ended with an error.
    BuildStepFailed = "build-step-failed", Blocker;
    /// A step ran into its limit of time, memory, processes or disk.
    LimitReached = "limit-reached", Blocker;
    /// A step printed more than is kept of it.
    OutputCut = "output-cut", Gap;
    /// An artifact that the plan names is not there after the build.
    ArtifactMissing = "artifact-missing", Blocker;
    /// An artifact has no content at all.
    ArtifactEmpty = "artifact-empty", Gap;
    /// An artifact would leave its place or is no file: path tricks, links out, devices.
    ArtifactRefused = "artifact-refused", Blocker;
    /// What would be published holds a secret of the plan: everybody who has it could read that.
    SecretInImage = "secret-in-image", Blocker;
    /// The server refused the tag.
    TagRefused = "tag-refused", Blocker;
    /// The tag that came back is not the one that was pushed.
    TagDiffers = "tag-differs", Blocker;
    /// The place of the tag could not be reached.
    TagUnreachable = "tag-unreachable", Unverified;
    /// The plan has a tag, but pushing it was not rehearsed.
    TagNotRehearsed = "tag-not-rehearsed", Gap;
    /// The registry does not accept the login.
    RegistryUnauthorized = "registry-unauthorized", Blocker;
    /// The login is accepted, but may not push.
    RegistryForbidden = "registry-forbidden", Blocker;
    /// The registry has no such repository or refuses what was pushed.
    RegistryRefused = "registry-refused", Blocker;
    /// The registry asked to wait longer than the plan allows.
    RegistryRateLimited = "registry-rate-limited", Unverified;
    /// The registry did not answer, or answered that it cannot right now.
    RegistryUnavailable = "registry-unavailable", Unverified;
    /// A server's certificate, or one in its chain, has expired.
    CertificateExpired = "certificate-expired", Blocker;
    /// A server's certificate is not valid yet.
    CertificateNotYetValid = "certificate-not-yet-valid", Blocker;
    /// A server's certificate is for other hosts.
    CertificateWrongHost = "certificate-wrong-host", Blocker;
    /// A server's certificate vouches for itself, and is not trusted.
    CertificateSelfSigned = "certificate-self-signed", Blocker;
    /// A server's certificate was issued by nobody who is trusted.
    CertificateUntrusted = "certificate-untrusted", Blocker;
    /// A server's certificate is wrong in another way: revoked, not signed by its issuer, not for servers.
    CertificateInvalid = "certificate-invalid", Blocker;
    /// A server's certificate expires soon.
    CertificateExpiring = "certificate-expiring", Gap;
    /// A proxy asks for a login that is missing, or does not accept the one there is.
    ProxyUnauthorized = "proxy-unauthorized", Blocker;
    /// A proxy does not let a server be reached.
    ProxyForbidden = "proxy-forbidden", Blocker;
    /// A proxy cannot be reached, or does not reach a server right now.
    ProxyUnavailable = "proxy-unavailable", Unverified;
    /// What came back is not what was pushed.
    RegistryLied = "registry-lied", Blocker;
    /// No scratch repository at the target's registry: push and pull-back were not rehearsed there.
    PushNotRehearsed = "push-not-rehearsed", Gap;
    /// A program needs a dynamic linker that its image, without a base, does not have: it ships, and cannot start.
    BaseMissing = "base-missing", Gap;
    /// A publish target of a kind that this version cannot drill.
    TargetNotVerified = "target-not-verified", Unverified;
    /// The plan has no smoke step: nothing was run on what came back.
    NoSmoke = "no-smoke", Gap;
    /// A smoke step failed on what came back from the registry.
    SmokeFailed = "smoke-failed", Blocker;
    /// What was built is not what the primary path has released of the same version.
    ReleaseDiffers = "release-differs", Gap;
    /// What was built could not be compared with what the primary path has released.
    ReleaseNotCompared = "release-not-compared", Gap;
    /// The same source, built twice, gave different files.
    NotReproducible = "not-reproducible", Gap;
    /// A rehearsal reads no credential that can push, and so leaves this unproved.
    NotRehearsed = "not-rehearsed", Unverified;
    /// The primary path was not cut, though that was asked for: the way back is not open, or it must not be cut now.
    CutRefused = "cut-refused", Unverified;
    /// The primary path could not be cut, or not for long enough.
    CutFailed = "cut-failed", Unverified;
    /// The lease on the primary path was taken from the drill, or has run out.
    LeaseLost = "lease-lost", Unverified;
    /// A part of the primary path was removed by somebody while it was cut: nobody can give it back.
    PartGone = "part-gone", Unverified;
    /// Every runner with the spare's labels is offline.
    RunnerOffline = "runner-offline", Blocker;
    /// No runner has all of the spare's labels.
    RunnerNoMatch = "runner-no-match", Blocker;
    /// Every runner with the spare's labels had another job for as long as it may take to pick one up.
    RunnerBusy = "runner-busy", Blocker;
    /// Every runner with the spare's labels is paused.
    RunnerPaused = "runner-paused", Blocker;
    /// The run waits for somebody to approve it.
    RunnerAwaitsApproval = "runner-awaits-approval", Unverified;
    /// The spare's workflow is disabled.
    WorkflowDisabled = "workflow-disabled", Blocker;
    /// The spare's workflow is not there, or cannot be started in this way.
    WorkflowUnusable = "workflow-unusable", Blocker;
    /// The forge could not make a run of the spare's workflow.
    StartupFailure = "startup-failure", Blocker;
    /// The runner was lost while it worked.
    RunnerLost = "runner-lost", Unverified;
    /// The forge accepted the run, and no runner got it, though nothing shows why.
    RunnerNeverRan = "runner-never-ran", Unverified;
    /// The run did not end in time.
    RunNotEnded = "run-not-ended", Unverified;
    /// Something else than the spare took the job, or would take a part of it.
    RunnerNotTheSpare = "runner-not-the-spare", Blocker;
    /// Whether the forge accepted the run is not known.
    RunUnclear = "run-unclear", Unverified;
    /// The run ended without an event log, or with one that is not what was asked for.
    RunNotBelieved = "run-not-believed", Unverified;
    /// The run ended badly although the drill in it did not.
    RunFailed = "run-failed", Gap;
    /// The token may not do at the forge what the spare needs.
    ForgeForbidden = "forge-forbidden", Blocker;
    /// The forge did not answer, or not as it should.
    ForgeUnavailable = "forge-unavailable", Unverified;
    /// The release took longer than the target.
    OverTarget = "over-target", Gap;
    /// The event log does not have as many events as were written to it: it is no proof.
    LogIncomplete = "log-incomplete", Unverified;
    /// Something that should have been done was not, because of an earlier finding or an interruption.
    NotReached = "not-reached", Unverified;
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}
