//! Which action publishes what.

use super::Target;

/// What an action does for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Does {
    /// It publishes there.
    Publishes(Target),
    /// It publishes there if one of its inputs has one of these words in it.
    PublishesIf(Target, &'static [&'static str]),
    /// It prepares that another command publishes there, with what is delegated to that command.
    Prepares(Target),
    /// A tool whose own file decides where to.
    Tool(Target, &'static [&'static str]),
    /// It pushes an image if `push` or `outputs` says so.
    PushesImage,
    /// It pushes an image whatever it is told.
    PushesImageAlways,
    /// It logs in to the registry in this input; without it to this host.
    LogsIn(&'static str, &'static str),
    /// It checks out another repository, if `repository` names one.
    ChecksOut,
    /// It makes a token for the repositories it names.
    MakesToken,
    /// It publishes to `PyPI`, or to what `repository-url` says.
    Pypi,
    /// It changes the formula or cask in the first input, in Homebrew's own repository or in the tap in the second.
    Brews(&'static str, &'static str),
    /// It runs the command that is in this input.
    Runs(&'static str),
    /// It waits for a person.
    Asks,
    /// It fetches secrets from a store of this kind.
    Fetches(&'static str),
    /// It prepares npm's registry, if it is given one; whatever publishes then does so there.
    SetsUpNode,
}

/// Actions by their name in lower case; a name without a path stands for everything in that repository.
pub(in crate::pipeline) const ACTIONS: &[(&str, Does)] = &[
    // releases at GitHub
    ("softprops/action-gh-release", Does::Publishes(Target::GithubRelease)),
    ("ncipollo/release-action", Does::Publishes(Target::GithubRelease)),
    ("actions/create-release", Does::Publishes(Target::GithubRelease)),
    ("actions/upload-release-asset", Does::Publishes(Target::GithubRelease)),
    ("svenstaro/upload-release-action", Does::Publishes(Target::GithubRelease)),
    ("marvinpinto/action-automatic-releases", Does::Publishes(Target::GithubRelease)),
    ("yyx990803/release-tag", Does::Publishes(Target::GithubRelease)),
    ("taiki-e/upload-rust-binary-action", Does::Publishes(Target::GithubRelease)),
    ("taiki-e/create-gh-release-action", Does::Publishes(Target::GithubRelease)),
    ("shogo82148/actions-upload-release-asset", Does::Publishes(Target::GithubRelease)),
    ("alexellis/upload-assets", Does::Publishes(Target::GithubRelease)),
    ("meedamian/github-release", Does::Publishes(Target::GithubRelease)),
    ("elgohr/github-release-action", Does::Publishes(Target::GithubRelease)),
    ("johnwbyrd/update-release", Does::Publishes(Target::GithubRelease)),
    ("xresloader/upload-to-github-release", Does::Publishes(Target::GithubRelease)),
    ("googleapis/release-please-action", Does::Publishes(Target::GithubRelease)),
    ("google-github-actions/release-please-action", Does::Publishes(Target::GithubRelease)),
    ("huggingface/semver-release-action", Does::Publishes(Target::GithubRelease)),
    // tools with a file of their own
    (
        "goreleaser/goreleaser-action",
        Does::Tool(Target::Goreleaser, &[".goreleaser.yaml", ".goreleaser.yml", "goreleaser.yaml", "goreleaser.yml"]),
    ),
    (
        "jreleaser/release-action",
        Does::Tool(Target::Jreleaser, &["jreleaser.yml", "jreleaser.yaml", "jreleaser.toml", "jreleaser.json"]),
    ),
    ("cycjimmy/semantic-release-action", Does::Tool(Target::SemanticRelease, SEMANTIC_RELEASE)),
    ("codfish/semantic-release-action", Does::Tool(Target::SemanticRelease, SEMANTIC_RELEASE)),
    ("python-semantic-release/python-semantic-release", Does::Tool(Target::SemanticRelease, &["pyproject.toml"])),
    ("changesets/action", Does::Tool(Target::Changesets, &[".changeset/config.json"])),
    ("getsentry/craft", Does::Tool(Target::Unknown, &[".craft.yml"])),
    ("getsentry/action-prepare-release", Does::Tool(Target::Unknown, &[".craft.yml"])),
    // package registries
    ("pypa/gh-action-pypi-publish", Does::Pypi),
    ("js-devtools/npm-publish", Does::Publishes(Target::Npm)),
    ("rust-lang/crates-io-auth-action", Does::Prepares(Target::CratesIo)),
    ("katyo/publish-crates", Does::Publishes(Target::CratesIo)),
    ("rubygems/release-gem", Does::Publishes(Target::Rubygems)),
    ("rubygems/configure-rubygems-credentials", Does::Prepares(Target::Rubygems)),
    ("nuget/login", Does::Prepares(Target::Nuget)),
    ("samuelmeuli/action-maven-publish", Does::Publishes(Target::MavenCentral)),
    ("bazel-contrib/publish-to-bcr", Does::Publishes(Target::Bcr)),
    // package managers of systems
    ("vedantmgoyal9/winget-releaser", Does::Publishes(Target::Winget)),
    ("vedantmgoyal2009/winget-releaser", Does::Publishes(Target::Winget)),
    ("mislav/bump-homebrew-formula-action", Does::Brews("formula-name", "homebrew-tap")),
    ("dawidd6/action-homebrew-bump-formula", Does::Brews("formula", "tap")),
    ("macauley/action-homebrew-bump-cask", Does::Brews("cask", "tap")),
    ("snapcore/action-publish", Does::Publishes(Target::Snap)),
    ("canonical/action-publish", Does::Publishes(Target::Snap)),
    ("flatpak/flatpak-github-actions/flat-manager", Does::Publishes(Target::Flathub)),
    ("flathub-infra/flatpak-github-actions/flat-manager", Does::Publishes(Target::Flathub)),
    ("ksxgithub/github-actions-deploy-aur", Does::Publishes(Target::Aur)),
    ("haskell-actions/hackage-publish", Does::Publishes(Target::Unknown)),
    ("crazy-max/ghaction-chocolatey", Does::PublishesIf(Target::Chocolatey, &["push"])),
    // shops
    ("r0adkll/upload-google-play", Does::Publishes(Target::GooglePlay)),
    ("game-ci/steam-deploy", Does::Publishes(Target::Steam)),
    ("haaleo/publish-vscode-extension", Does::Publishes(Target::VscodeMarketplace)),
    ("mnao305/chrome-extension-upload", Does::Publishes(Target::ChromeWebStore)),
    // object stores and sites
    ("google-github-actions/upload-cloud-storage", Does::Publishes(Target::Gcs)),
    ("jakejarvis/s3-sync-action", Does::Publishes(Target::S3)),
    ("shallwefootball/upload-s3-action", Does::Publishes(Target::S3)),
    ("cloudflare/wrangler-action", Does::PublishesIf(Target::CloudflarePages, &["pages"])),
    ("cloudflare/pages-action", Does::Publishes(Target::CloudflarePages)),
    ("peaceiris/actions-gh-pages", Does::Publishes(Target::GithubPages)),
    ("jamesives/github-pages-deploy-action", Does::Publishes(Target::GithubPages)),
    ("actions/deploy-pages", Does::Publishes(Target::GithubPages)),
    ("helm/chart-releaser-action", Does::Publishes(Target::HelmChart)),
    // images
    ("docker/build-push-action", Does::PushesImage),
    ("depot/build-push-action", Does::PushesImage),
    ("docker/bake-action", Does::PushesImage),
    ("depot/bake-action", Does::PushesImage),
    ("useblacksmith/build-push-action", Does::PushesImage),
    ("docker/github-builder", Does::PushesImage),
    ("redhat-actions/push-to-registry", Does::PushesImageAlways),
    ("elgohr/publish-docker-github-action", Does::PushesImageAlways),
    ("mr-smithers-excellent/docker-build-push", Does::PushesImageAlways),
    ("docker/login-action", Does::LogsIn("registry", "docker.io")),
    ("redhat-actions/podman-login", Does::LogsIn("registry", "docker.io")),
    ("azure/docker-login", Does::LogsIn("login-server", "docker.io")),
    ("aws-actions/amazon-ecr-login", Does::LogsIn("registry", "*.dkr.ecr.*.amazonaws.com")),
    ("grafana/shared-workflows/actions/login-to-gar", Does::LogsIn("registry", "us-docker.pkg.dev")),
    // proofs of origin
    ("slsa-framework/slsa-github-generator", Does::Publishes(Target::SlsaProvenance)),
    // what lets other steps publish
    ("actions/checkout", Does::ChecksOut),
    ("actions/create-github-app-token", Does::MakesToken),
    ("tibdex/github-app-token", Does::MakesToken),
    ("nick-fields/retry", Does::Runs("command")),
    ("nick-invision/retry", Does::Runs("command")),
    ("wandalen/wretry.action", Does::Runs("command")),
    ("pyo3/maturin-action", Does::Runs("command")),
    ("actions-rs/cargo", Does::Runs("command")),
    ("trstringer/manual-approval", Does::Asks),
    ("actions/setup-node", Does::SetsUpNode),
    // where secrets come from that no text names
    ("hashicorp/vault-action", Does::Fetches("Vault")),
    ("grafana/shared-workflows/actions/get-vault-secrets", Does::Fetches("Vault")),
    ("azure/get-keyvault-secrets", Does::Fetches("Azure's key vault")),
    ("bitwarden/gh-actions/get-keyvault-secrets", Does::Fetches("Azure's key vault")),
    ("aws-actions/aws-secretsmanager-get-secrets", Does::Fetches("AWS's secrets manager")),
    ("google-github-actions/get-secretmanager-secrets", Does::Fetches("Google's secret manager")),
    ("1password/load-secrets-action", Does::Fetches("1Password")),
    ("dopplerhq/secrets-fetch-action", Does::Fetches("Doppler")),
    ("infisical/secrets-action", Does::Fetches("Infisical")),
];

const SEMANTIC_RELEASE: &[&str] = &[
    ".releaserc.json",
    ".releaserc",
    ".releaserc.yaml",
    ".releaserc.yml",
    "release.config.js",
    "release.config.cjs",
    "package.json",
];

/// What an action does: `name` is `owner/repository[/path]`.
pub(in crate::pipeline) fn does(name: &str) -> Option<Does> {
    let fits = |known: &str| {
        name.len() >= known.len()
            && name.is_char_boundary(known.len())
            && name[..known.len()].eq_ignore_ascii_case(known)
            && matches!(name.as_bytes().get(known.len()), None | Some(b'/'))
    };
    ACTIONS.iter().find(|(known, _)| fits(known)).map(|(_, does)| *does)
}

/// Whether an action or a workflow that nobody here knows promises by its name to publish.
pub(in crate::pipeline) fn promises(name: &str) -> bool {
    ["publish", "release", "deploy"].iter().any(|word| name.to_ascii_lowercase().contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_with_their_paths() {
        assert_eq!(does("NuGet/login"), Some(Does::Prepares(Target::Nuget)));
        assert_eq!(does("changesets/action/publish"), does("changesets/action"));
        assert_eq!(does("docker/login-action-fork"), None);
        assert_eq!(does("docker/login"), None);
    }
}
