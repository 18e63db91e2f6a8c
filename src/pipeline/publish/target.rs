//! Where a release can land.

macro_rules! targets {
    ($($variant:ident $name:literal $about:literal),* $(,)?) => {
        /// Where a release can land: a closed set; [`Target::about`] tells what each is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Target {
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
        }

        impl Target {
            /// Every target.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in output.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is, in a few words.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

targets! {
    Announce "announce" "Announcements by a release tool.",
    Aur "aur" "The Arch user repository.",
    Bcr "bcr" "The Bazel central registry.",
    Changesets "changesets" "Whatever changesets publishes.",
    ChromeWebStore "chrome-web-store" "The Chrome web store.",
    Chocolatey "chocolatey" "Chocolatey.",
    CloudflarePages "cloudflare-pages" "Cloudflare Pages.",
    CloudflareR2 "cloudflare-r2" "Cloudflare's object store.",
    ContainerImage "container-image" "A container image in a registry.",
    CratesIo "crates.io" "crates.io.",
    DockerOfficialImage "docker-official-image" "Docker's official images, which others build.",
    DocsRepo "docs-repo" "A repository of documentation.",
    Flathub "flathub" "Flathub.",
    Flatpak "flatpak" "A Flatpak repository.",
    Gcs "gcs" "Google's object store.",
    GithubPages "github-pages" "GitHub Pages.",
    GithubRelease "github-release" "A release at GitHub.",
    GitlabPages "gitlab-pages" "GitLab Pages.",
    GitlabPackage "gitlab-package" "GitLab's package registry.",
    GitlabRelease "gitlab-release" "A release at GitLab.",
    GnomeRelease "gnome-release" "GNOME's release service.",
    GooglePlay "google-play" "Google Play.",
    Goreleaser "goreleaser" "Whatever GoReleaser publishes.",
    GradlePluginPortal "gradle-plugin-portal" "Gradle's plugin portal.",
    HelmChart "helm-chart" "A Helm chart in a registry or repository.",
    HomebrewCore "homebrew-core" "Homebrew's own formulas.",
    HomebrewTap "homebrew-tap" "A Homebrew tap.",
    HttpUpload "http-upload" "A server that takes uploads by HTTP.",
    Jbang "jbang" "JBang.",
    Jreleaser "jreleaser" "Whatever JReleaser publishes.",
    Macports "macports" "MacPorts.",
    MavenCentral "maven-central" "Maven Central.",
    MavenStaging "maven-staging" "A staging repository for Maven.",
    Ngc "ngc" "NVIDIA's catalogue.",
    Npm "npm" "npm.",
    Nuget "nuget.org" "NuGet.",
    Pulp "pulp" "A Pulp server.",
    Pypi "pypi" "PyPI.",
    Rubygems "rubygems" "RubyGems.",
    S3 "s3" "An object store that speaks S3.",
    Scoop "scoop" "Scoop.",
    Sdkman "sdkman" "SDKMAN!.",
    SemanticRelease "semantic-release" "Whatever semantic-release publishes.",
    SiteRepo "site-repo" "A repository that is a site.",
    SlsaProvenance "slsa-provenance" "SLSA provenance.",
    Snap "snap" "The Snap store.",
    SparkleAppcast "sparkle-appcast" "A feed of updates for Sparkle.",
    Steam "steam" "Steam.",
    TestPypi "testpypi" "TestPyPI.",
    Unknown "unknown" "Somewhere that only another file knows.",
    VersionsRepo "versions-repo" "A repository that lists versions.",
    VscodeMarketplace "vscode-marketplace" "A marketplace of editor extensions.",
    Winget "winget" "winget.",
}

impl Target {
    /// Whether it is beside a release rather than one: sites are published all the time.
    pub(in crate::pipeline) fn is_beside(self) -> bool {
        matches!(
            self,
            Self::GithubPages
                | Self::GitlabPages
                | Self::CloudflarePages
                | Self::DocsRepo
                | Self::SiteRepo
                | Self::VersionsRepo
                | Self::Unknown
                | Self::Announce
        )
    }
}
