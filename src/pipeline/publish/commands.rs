//! Which command publishes what.

use super::{
    Target, images,
    shell::{Command, base},
};

/// What a command does for a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Effect {
    /// It publishes there.
    Publishes(Target),
    /// A tool or a file of the repository decides; the file as far as it is known.
    Delegates(Target, String),
    /// It pushes this image, if its name is there.
    PushesImage(Option<String>),
    /// It pushes a Helm chart below this name.
    PushesChart(String),
    /// It copies from this registry.
    PullsFrom(String),
    /// It logs in to this registry, as it is written.
    LogsIn(String),
    /// It pushes a git repository.
    PushesGit,
    /// It clones this repository.
    Clones(String),
    /// It runs a file of the repository.
    RunsScript(String),
    /// It runs an image.
    RunsImage(String),
}

/// How a command is told: the words that follow each other in it, alternatives parted by `|`, and where it publishes.
const COMMANDS: &[(&[&str], Target)] = &[
    (&["gh", "release", "create|upload|edit"], Target::GithubRelease),
    (&["hub", "release", "create|edit"], Target::GithubRelease),
    (&["ghr"], Target::GithubRelease),
    (&["glab", "release", "create|upload"], Target::GitlabRelease),
    (&["release-cli", "create|update"], Target::GitlabRelease),
    (&["cargo", "publish|release"], Target::CratesIo),
    (&["cargo", "workspaces|ws", "publish"], Target::CratesIo),
    (&["npm|pnpm|yarn|bun", "publish"], Target::Npm),
    (&["yarn", "npm", "publish"], Target::Npm),
    (&["lerna", "publish"], Target::Npm),
    (&["twine", "upload"], Target::Pypi),
    (&["uv|poetry|flit|hatch|pdm", "publish"], Target::Pypi),
    (&["maturin", "publish|upload"], Target::Pypi),
    (&["gem", "push"], Target::Rubygems),
    (&["nuget", "push"], Target::Nuget),
    (&["goreleaser", "release"], Target::Goreleaser),
    (&["jreleaser", "full-release|release"], Target::Jreleaser),
    (&["semantic-release"], Target::SemanticRelease),
    (&["changeset", "publish"], Target::Changesets),
    (&["wrangler", "pages", "deploy|publish"], Target::CloudflarePages),
    (&["wingetcreate", "update|submit|new"], Target::Winget),
    (&["komac", "update|submit"], Target::Winget),
    (&["choco", "push"], Target::Chocolatey),
    (&["brew", "bump-formula-pr|bump-cask-pr"], Target::HomebrewCore),
    (&["snapcraft", "upload|push|release"], Target::Snap),
    (&["steamcmd"], Target::Steam),
    (&["flat-manager-client", "push|publish|commit"], Target::Flathub),
    (&["vsce|ovsx", "publish"], Target::VscodeMarketplace),
    (&["fastlane", "supply"], Target::GooglePlay),
    (&["gsutil", "cp|rsync"], Target::Gcs),
    (&["gcloud", "storage", "cp|rsync"], Target::Gcs),
    (&["s3cmd", "put|sync"], Target::S3),
    (&["mc", "cp|mirror"], Target::S3),
    (&["pulp"], Target::Pulp),
    (&["helm", "push"], Target::HelmChart),
];

/// Programs that only print, look or test.
const QUIET: &[&str] = &[
    "echo",
    "printf",
    "grep",
    "egrep",
    "sed",
    "awk",
    "cat",
    "test",
    "[",
    "[[",
    "Write-Host",
    "Write-Output",
    "which",
    "man",
    "help",
    "alias",
    "rm",
    "mkdir",
    "git-cliff",
];

/// What a command does, in the order of its words.
pub(in crate::pipeline) fn effects(command: &Command) -> Vec<Effect> {
    if QUIET.contains(&command.program()) || is_only_tried(command) {
        return Vec::new();
    }
    let mut found = images::effects(command);
    found.extend(stores(command));
    found.extend(java(command));
    found.extend(git(command));
    found.extend(COMMANDS.iter().filter(|(words, _)| tells(command, words)).map(|(_, target)| {
        let rubygems_or = if *target == Target::Pypi && is_test_pypi(command) { Target::TestPypi } else { *target };
        Effect::Publishes(rubygems_or)
    }));
    if found.is_empty() {
        found.extend(script(command));
    }
    found
}

fn is_only_tried(command: &Command) -> bool {
    command.words.iter().any(|word| matches!(word.as_str(), "--dry-run" | "--snapshot" | "--help" | "--dry-run=true" | "-WhatIf"))
}

fn is_test_pypi(command: &Command) -> bool {
    command.words.iter().any(|word| word.contains("test.pypi.org") || word == "testpypi")
}

/// Whether the words follow each other somewhere in the command; the first is a program, so its folder is left out.
fn tells(command: &Command, words: &[&str]) -> bool {
    let is = |word: &str, known: &str| known.split('|').any(|known| known == word);
    let Some((first, rest)) = words.split_first() else { return false };
    command.words.iter().enumerate().any(|(at, word)| {
        // `npx tool@1.2`
        let program = base(word).split('@').next().unwrap_or_default();
        if !is(program, first) || (at > 0 && rest.is_empty() && !runs_others(&command.words[..at])) {
            return false;
        }
        let mut follow = command.words[at + 1..].iter();
        rest.iter().all(|known| comes_next(&mut follow, |word| is(word, known)))
    })
}

/// Whether the word is the next, but for options and what may be their values.
fn comes_next<'w>(words: &mut impl Iterator<Item = &'w String>, is_it: impl Fn(&str) -> bool) -> bool {
    let mut may_be_value = false;
    for word in words {
        if word.starts_with('-') {
            may_be_value = !word.contains('=');
        } else if is_it(word) {
            return true;
        } else if !std::mem::take(&mut may_be_value) {
            return false;
        }
    }
    false
}

/// Programs that run the program after them.
fn runs_others(before: &[String]) -> bool {
    before.iter().all(|word| {
        word.starts_with('-')
            || matches!(
                base(word),
                "npx"
                    | "pnpm"
                    | "yarn"
                    | "bunx"
                    | "exec"
                    | "dlx"
                    | "run"
                    | "uv"
                    | "uvx"
                    | "poetry"
                    | "pipx"
                    | "python"
                    | "python3"
                    | "bundle"
                    | "xargs"
                    | "retry"
                    | "timeout"
                    | "tool"
                    | "node"
            )
    })
}

fn stores(command: &Command) -> Vec<Effect> {
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    match command.program() {
        "aws" if words.contains(&"s3") => {
            let Some(verb) = words.iter().position(|word| matches!(*word, "cp" | "sync" | "mv")) else { return Vec::new() };
            // `aws s3 cp FROM TO`: what goes out has its far place last.
            let places: Vec<&str> = words[verb + 1..].iter().filter(|word| !word.starts_with('-')).copied().collect();
            let far = places.iter().rposition(|word| word.starts_with("s3://"));
            let goes_out = far.is_some_and(|far| far > 0 && places.get(far + 1).is_none_or(|next| !next.starts_with(['.', '/'])));
            goes_out.then_some(Effect::Publishes(Target::S3)).into_iter().collect()
        }
        "aws" if words.contains(&"get-login-password") || words.contains(&"get-login") => Vec::new(),
        "aws" if words.contains(&"s3api") && words.contains(&"put-object") => vec![Effect::Publishes(Target::S3)],
        "rclone" if words.iter().any(|word| matches!(*word, "copy" | "sync" | "copyto" | "move")) => {
            vec![Effect::Delegates(Target::Unknown, "rclone's configuration".to_owned())]
        }
        "curl" => curl(command),
        _ => Vec::new(),
    }
}

fn curl(command: &Command) -> Vec<Effect> {
    let has = |part: &str| command.words.iter().any(|word| word.contains(part));
    let sends = command
        .words
        .iter()
        .any(|word| matches!(word.as_str(), "-T" | "--upload-file" | "PUT" | "POST" | "--data-binary" | "-F" | "--form"))
        || command.words.iter().any(|word| word.starts_with("--upload-file") || matches!(word.as_str(), "-XPUT" | "-XPOST"));
    if !sends {
        return Vec::new();
    }
    let target = if has("chromewebstore") {
        Target::ChromeWebStore
    } else if has("api.github.com/repos") && has("/releases") || has("uploads.github.com") {
        Target::GithubRelease
    } else if has("/packages/generic") {
        Target::GitlabPackage
    } else if has("upload-file") || command.has("-T") {
        Target::HttpUpload
    } else {
        return Vec::new();
    };
    vec![Effect::Publishes(target)]
}

fn java(command: &Command) -> Vec<Effect> {
    let has = |part: &str| command.words.iter().any(|word| word.contains(part));
    match command.program() {
        "mvn" | "mvnw" => {
            let deploys = command.words.iter().any(|word| {
                word == "deploy" || word.contains("deploy-staged") || word.contains("release:perform") || word.contains(":deploy")
            });
            if !deploys {
                return Vec::new();
            }
            let staged = has("nexus-staging") || has("apache-release");
            vec![Effect::Publishes(if staged { Target::MavenStaging } else { Target::MavenCentral })]
        }
        "gradlew" | "gradle" => {
            let task = |word: &str| word.rsplit(':').next().unwrap_or_default().to_owned();
            let tasks: Vec<String> = command.words.iter().skip(1).map(|word| task(word)).collect();
            let mut found = Vec::new();
            if tasks.iter().any(|task| task == "publishPlugins") {
                found.push(Effect::Publishes(Target::GradlePluginPortal));
            }
            if tasks.iter().any(|task| {
                task.starts_with("publishToSonatype")
                    || task.starts_with("publishToMavenCentral")
                    || task.starts_with("publishAndReleaseToMavenCentral")
                    || task.starts_with("closeAndRelease")
            }) {
                found.push(Effect::Publishes(Target::MavenCentral));
            }
            if tasks.iter().any(|task| task == "publish" || task.starts_with("publishAllPublications")) {
                found.push(Effect::Delegates(Target::MavenCentral, "build.gradle".to_owned()));
            }
            found
        }
        _ => Vec::new(),
    }
}

fn git(command: &Command) -> Vec<Effect> {
    if command.program() != "git" {
        return Vec::new();
    }
    if command.has("push") {
        return vec![Effect::PushesGit];
    }
    if command.has("clone") {
        return command
            .words
            .iter()
            .find(|word| word.contains("://") || word.starts_with("git@"))
            .map(|url| Effect::Clones(url.clone()))
            .into_iter()
            .collect();
    }
    Vec::new()
}

/// Words in the name of a script or of a task that promise a release.
const PROMISES: &[&str] = &["release", "publish", "deploy", "upload", "push", "choco", "winget"];

/// What package managers do that runs no task.
const INSTALLS: &[&str] = &["install", "i", "ci", "add", "update", "remove", "view"];

/// A file or a task of the repository that is run and by its name publishes.
fn script(command: &Command) -> Option<Effect> {
    let promises = |word: &str| {
        let word = word.to_ascii_lowercase();
        // `deployments/` is a folder of what is deployed elsewhere.
        PROMISES.iter().any(|promise| word.contains(promise)) && !word.contains("deployment")
    };
    match command.program() {
        "make" | "just" | "task" | "mage" => {
            let task = command.words.iter().skip(1).find(|word| promises(word) && !word.starts_with('-'))?;
            Some(Effect::Delegates(Target::Unknown, format!("{} {task}", command.program())))
        }
        "npm" | "pnpm" | "yarn" | "bun" if !command.words.get(1).is_some_and(|verb| INSTALLS.contains(&verb.as_str())) => {
            let task = command.words.iter().skip(1).find(|word| promises(word) && !word.starts_with('-'))?;
            Some(Effect::Delegates(Target::Unknown, format!("package.json ({task})")))
        }
        "bazel" if command.has("run") => {
            let label = command.words.iter().find(|word| word.contains("//") || word.starts_with(':'))?;
            promises(label).then(|| Effect::Delegates(Target::Unknown, format!("bazel run {label}")))
        }
        "bash" | "sh" | "python" | "python3" | "pwsh" | "node" | "ruby" | "perl" | "powershell" | "go" => {
            command.words.iter().skip(1).find(|word| is_file(word)).map(|file| Effect::RunsScript(file.clone()))
        }
        _ => command.words.first().filter(|word| is_file(word) && word.contains('/')).map(|file| Effect::RunsScript(file.clone())),
    }
}

fn is_file(word: &str) -> bool {
    !word.starts_with('-')
        && !word.contains("://")
        && !word.starts_with(['/', '$', '~'])
        && (word.starts_with("./")
            || [".sh", ".py", ".ps1", ".js", ".mjs", ".ts", ".rb", ".pl"].iter().any(|ending| word.ends_with(ending)))
}

#[cfg(test)]
mod tests {
    use super::{super::shell::commands, *};

    fn all(script: &str) -> Vec<Effect> {
        commands(script).iter().flat_map(effects).collect()
    }

    fn target(script: &str) -> Option<Target> {
        all(script).into_iter().find_map(|effect| if let Effect::Publishes(target) = effect { Some(target) } else { None })
    }

    #[test]
    fn commands_that_publish_are_seen() {
        for (script, expected) in [
            ("gh release create v1 a.tgz", Target::GithubRelease),
            ("gh release --repo a/b upload v1 x", Target::GithubRelease),
            ("retry 3 cargo publish --locked", Target::CratesIo),
            ("npx semantic-release@25.0.1", Target::SemanticRelease),
            ("python -m twine upload dist/*", Target::Pypi),
            ("twine upload --repository-url https://test.pypi.org/legacy/ x", Target::TestPypi),
            ("uv publish --publish-url https://test.pypi.org/legacy/ x", Target::TestPypi),
            ("./wingetcreate.exe update A.B -s", Target::Winget),
            ("aws s3 cp --recursive dist/ s3://bucket/x", Target::S3),
            ("dotnet nuget push x.nupkg", Target::Nuget),
            ("./mvnw org.sonatype.plugins:nexus-staging-maven-plugin:deploy-staged", Target::MavenStaging),
            ("./gradlew publishPlugins publish", Target::GradlePluginPortal),
            ("curl --upload-file x.rpm \"$URL\"", Target::HttpUpload),
        ] {
            assert_eq!(target(script), Some(expected), "{script}");
        }
    }

    #[test]
    fn what_only_looks_like_publishing_is_left_out() {
        for script in [
            "echo gh release create v1",
            "npm publish --dry-run",
            "cargo publish --dry-run",
            "gh release view v1",
            "winget install --id X",
            "aws s3 cp s3://bucket/x .",
            "fdroid publish",
            "curl -s https://example.com",
            "npm install semantic-release",
            "executor --destination ./check_reports",
        ] {
            assert_eq!(all(script), [], "{script}");
        }
    }

    #[test]
    fn a_login_names_its_host_or_means_docker_hub() {
        let host = |script: &str| all(script).first().cloned();
        assert_eq!(host("docker login -u a -p b"), Some(Effect::LogsIn(String::new())));
        assert_eq!(host("echo x | docker login quay.io -u a --password-stdin"), Some(Effect::LogsIn("quay.io".into())));
        assert_eq!(host("az acr login -n acme"), Some(Effect::LogsIn("acme.azurecr.io".into())));
        assert_eq!(host("regctl registry login \"$OUT\" -u a -p b"), Some(Effect::LogsIn("$OUT".into())));
    }

    #[test]
    fn images_are_pushed_in_many_ways() {
        let image = |script: &str| match all(script).into_iter().next() {
            Some(Effect::PushesImage(image)) => image,
            other => Some(format!("{other:?}")),
        };
        assert_eq!(image("docker push acme/api:1").as_deref(), Some("acme/api:1"));
        assert_eq!(image("docker buildx imagetools create -t ghcr.io/a/b:1 x").as_deref(), Some("ghcr.io/a/b:1"));
        assert_eq!(image("/kaniko/executor --context . --destination acme/api:$tag").as_deref(), Some("acme/api:$tag"));
        assert_eq!(image("regctl image copy ghcr.io/a/b:1 $OUT/b:1").as_deref(), Some("$OUT/b:1"));
    }

    #[test]
    fn what_a_file_decides_is_delegated_to_it() {
        assert_eq!(all("make -j push-image"), [Effect::Delegates(Target::Unknown, "make push-image".into())]);
        assert_eq!(all("python3 scripts/publish.py --x"), [Effect::RunsScript("scripts/publish.py".into())]);
    }
}
