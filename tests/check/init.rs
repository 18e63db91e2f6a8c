//! `canship init`: the plan it writes is valid, says where each line comes from, and agrees with the pipelines it comes from.

use std::{fs, path::Path};

use canship::plan;

use super::{World, repository, support};

const CONFIG: (&str, &str) = (".git/config", "[remote \"origin\"]\n\turl = git@github.com:Acme/Api.git\n");

const WORKFLOW: (&str, &str) = (
    ".github/workflows/release.yml",
    "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: ubuntu-latest\n    container: docker.io/library/rust:1.95\n    environment: prod\n    steps:\n    - uses: docker/login-action@v3\n      with: {registry: quay.io, username: acme-bot, password: '${{ secrets.QUAY }}'}\n    - run: cargo build --release --locked\n    - run: docker push quay.io/acme/api:v1\n    - run: cargo publish\n      env: {CARGO_REGISTRY_TOKEN: '${{ secrets.CRATES }}'}\n",
);

const MANIFEST: (&str, &str) = ("Cargo.toml", "[package]\nname = \"api\"\nversion = \"1.2.3\"\n");

fn init(folder: &Path, arguments: &[&str]) -> support::run::Ran {
    let mut call = support::Canship::new(&["init"]).argument(folder);
    for argument in arguments {
        call = call.argument(argument);
    }
    call.run_as_is()
}

fn written(world: World<'_>) -> String {
    let folder = repository(world);
    let ran = init(folder.path(), &["--yes"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    fs::read_to_string(folder.path().join("canship.yaml")).unwrap()
}

#[test]
fn what_the_pipelines_say_is_in_the_plan_with_where_it_comes_from() {
    let text = written(&[CONFIG, WORKFLOW, MANIFEST, (".git/HEAD", "ref: refs/heads/trunk\n")]);
    let has = |line: &str, from: &str| {
        assert!(
            text.lines().any(|text| text.starts_with(line) && text.ends_with(from)),
            "`{line}` from `{from}` is not in\n{text}"
        );
    };
    has("release: api ", "# Cargo.toml");
    has("  ref: trunk ", "# the branch of this clone");
    has("  version: { file: Cargo.toml, key: package.version } ", "# Cargo.toml has it");
    has("  image: docker.io/library/rust:1.95 ", "# .github/workflows/release.yml:5");
    has("    - cargo build --release --locked", "# .github/workflows/release.yml:10");
    has("tag: \"v{version}\" ", "release.yml:1");
    has("  - oci: quay.io/acme/api ", "# .github/workflows/release.yml:11");
    has("    login: { username: acme-bot, password: QUAY }", "# the login at .github/workflows/release.yml:8");
    has("  - { crate: api, token: CRATES }", "(cargo publish)");
    has("  CRATES: { env: CRATES }", "as `CARGO_REGISTRY_TOKEN`");
    has("primary: { github: { repository: Acme/Api, workflows: [release.yml] } }", "release");
    assert!(text.contains("# QUESTION: a release waits at `prod`"), "{text}");
    let loaded = plan::parse(&text, "canship.yaml").unwrap_or_else(|invalid| panic!("{invalid}"));
    assert_eq!(loaded.plan.release, "api");
}

#[test]
fn the_plan_it_writes_passes_plan_and_lacks_nothing_that_check_asks_for() {
    let folder = repository(&[CONFIG, WORKFLOW, MANIFEST]);
    let ran = init(folder.path(), &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("secrets: CRATES, QUAY") && ran.stdout.contains("QUESTIONs"), "{}{}", ran.stderr, ran.stdout);
    let plan = support::Canship::new(&["plan", "--plan"]).argument(folder.path().join("canship.yaml")).run_as_is();
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    let check = super::run(folder.path(), &["--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&check.stdout).unwrap();
    let found: Vec<&str> = value["findings"].as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap()).collect();
    for rule in
        ["secret-not-covered", "secret-other-name", "registry-not-covered", "target-not-covered", "build-differs", "image-differs"]
    {
        assert!(!found.contains(&rule), "{rule}: {}", check.stdout);
    }
}

#[test]
fn a_dockerfile_that_a_job_pushes_the_image_of_is_the_release() {
    let text = written(&[
        CONFIG,
        (
            ".github/workflows/image.yml",
            "on: {release: {types: [published]}}\nenv: {REGISTRY: ghcr.io}\njobs:\n  a:\n    runs-on: x\n    steps:\n    - uses: docker/login-action@v3\n      with: {registry: '${{ env.REGISTRY }}', username: '${{ github.actor }}', password: '${{ secrets.GITHUB_TOKEN }}'}\n    - uses: docker/build-push-action@v6\n      with: {push: true, file: ./docker/Dockerfile, tags: '${{ env.REGISTRY }}/${{ github.repository }}:latest'}\n",
        ),
        ("docker/Dockerfile", "FROM scratch\n"),
    ]);
    assert!(text.contains("  dockerfile: docker/Dockerfile ") && text.contains("  - oci: ghcr.io/acme/api "), "{text}");
    // The forge's own token is of no use without the forge: another is asked for.
    assert!(text.contains("password: GHCR_IO_TOKEN }") && text.contains("  GHCR_IO_TOKEN: { env: GHCR_IO_TOKEN }"), "{text}");
    assert!(!text.contains("GITHUB_TOKEN"), "{text}");
}

#[test]
fn a_plan_that_is_there_stays_unless_it_is_forced() {
    let folder = repository(&[WORKFLOW, ("canship.yaml", "mine\n")]);
    let ran = init(folder.path(), &["--yes"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("nothing was changed") && ran.stderr.contains("--force"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("canship.yaml")).unwrap(), "mine\n");
    assert_eq!(init(folder.path(), &["--yes", "--force"]).code, Some(0));
    assert!(fs::read_to_string(folder.path().join("canship.yaml")).unwrap().contains("version: 1"));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_link_is_not_written_through() {
    let (folder, outside) = (repository(&[WORKFLOW]), tempfile::tempdir().unwrap());
    let target = outside.path().join("target");
    std::os::unix::fs::symlink(&target, folder.path().join("canship.yaml")).unwrap();
    assert_eq!(init(folder.path(), &["--yes"]).code, Some(2));
    assert!(!target.exists());
}

#[test]
fn whatever_the_files_say_the_plan_is_valid_and_has_no_token_in_it() {
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let hostile = format!(
        "name: \"x\\n# y: {{\"\non: {{push: {{tags: ['v*', '{{{{', \"a\\nb*\"]}}}}\njobs:\n  'a: {{b':\n    runs-on: x\n    container: 'not an image at all'\n    environment: \"p\\nversion: 2\"\n    steps:\n    - run: make 'x: [' {token}\n    - run: docker push ghcr.io/UPPER//bad..name/x\n    - run: docker push '{token}/x/y'\n    - uses: docker/login-action@v3\n      with: {{registry: ghcr.io, username: '{token}', password: '${{{{ secrets.gh-token }}}}'}}\n    - uses: actions/upload-artifact@v4\n      with: {{path: \"../../etc\"}}\n"
    );
    let worlds: [World<'_>; 5] = [
        &[(".github/workflows/r.yml", &hostile), ("Cargo.toml", "[package]\nname = \"a: b\\n#\"\nversion = \"1\"\n"), CONFIG],
        &[("README.md", "nothing\n")],
        &[(".github/workflows/r.yml", "on: [\n")],
        &[(".git/config", "[remote \"origin\"]\n\turl = https://evil\u{1b}[1m/a: {b}/c\n"), WORKFLOW],
        &[("package.json", "{\"name\": \"@scope/pkg\", \"version\": \"1.0.0\"}"), (".git/HEAD", "ref: refs/heads/a b..c\n")],
    ];
    for world in worlds {
        let text = written(world);
        assert!(plan::parse(&text, "canship.yaml").is_ok(), "{text}");
        assert!(!text.contains(&token), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn gitlab_projects_get_a_plan_too() {
    let text = written(&[
        (".git/config", "[remote \"origin\"]\n\turl = https://gitlab.com/acme/tools/api.git\n"),
        (
            ".gitlab-ci.yml",
            "release:\n  image: docker.io/library/golang:1.25\n  rules: [{if: $CI_COMMIT_TAG}]\n  script:\n    - go build -o dist/api ./cmd/api\n    - docker push $CI_REGISTRY_IMAGE:v1\n    - ./notify $DEPLOY_KEY\n",
        ),
        ("go.mod", "module gitlab.com/acme/tools/api/v2\n"),
    ]);
    for part in [
        "release: api ",
        "  image: docker.io/library/golang:1.25 ",
        "    - go build -o dist/api ./cmd/api ",
        "  - oci: registry.gitlab.com/acme/tools/api ",
        "  DEPLOY_KEY: { env: DEPLOY_KEY }",
        "primary: { gitlab: { project: acme/tools/api } }",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

#[test]
fn a_secret_has_the_name_that_its_owner_knows_and_installing_is_no_build() {
    let text = written(&[
        CONFIG,
        (
            ".github/workflows/release.yml",
            "on: {push: {tags: ['v*']}}\njobs:\n  push:\n    uses: ./.github/workflows/image.yml\n    secrets: {registry_password: '${{ secrets.QUAY_TOKEN }}'}\n",
        ),
        (
            ".github/workflows/image.yml",
            "on:\n  workflow_call: {secrets: {registry_password: {}}}\njobs:\n  a:\n    runs-on: x\n    steps:\n    - run: npm ci\n    - uses: docker/login-action@v3\n      with: {registry: quay.io, username: bot, password: '${{ secrets.registry_password }}'}\n    - run: docker push quay.io/acme/api:v1\n",
        ),
    ]);
    assert!(
        text.contains("login: { username: bot, password: QUAY_TOKEN }") && text.contains("  QUAY_TOKEN: { env: QUAY_TOKEN }"),
        "{text}"
    );
    assert!(!text.contains("registry_password:") && !text.contains("    - npm ci"), "{text}");
}

#[test]
fn a_build_runs_where_the_pipelines_run_it_and_documentation_is_none() {
    let workflow = "on: {push: {tags: ['v*']}}\ndefaults: {run: {working-directory: ./server}}\njobs:\n  docs:\n    runs-on: x\n    steps:\n    - run: |\n        cd docs\n        npm run build\n  ship:\n    needs: docs\n    runs-on: x\n    steps:\n    - run: |\n        cd api\n        make release\n    - run: go build ./tool\n      working-directory: tools\n    - run: gh release create v1\n";
    let text = written(&[CONFIG, (".github/workflows/release.yml", workflow)]);
    assert!(text.contains("    - \"cd server/api && make release\" "), "{text}");
    assert!(text.contains("    - \"cd tools && go build ./tool\" "), "{text}");
    assert!(!text.contains("npm run build") && !text.contains("is that what builds the release?"), "{text}");
}

#[test]
fn a_build_that_only_the_pipelines_can_do_is_asked_for_with_its_place() {
    let powershell = "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: x\n    steps:\n    - run: |\n        $env:X = 1\n        cmake --build . --target ($targets.Split(' '))\n    - run: gh release create v1\n";
    let matrix = "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: x\n    steps:\n    - run: cargo build --target ${{ matrix.target }}\n    - run: gh release create v1\n";
    for (workflow, line) in [(powershell, 8), (matrix, 6)] {
        let text = written(&[CONFIG, (".github/workflows/release.yml", workflow)]);
        let asked = format!(
            "# QUESTION: how is it built? The pipelines do (.github/workflows/release.yml:{line}), but with what only they know"
        );
        assert!(text.contains(&asked) && !text.contains("is that what builds the release?"), "{text}");
    }
}

#[test]
fn where_nothing_says_what_is_pushed_the_registries_are_named() {
    let workflow = "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: x\n    steps:\n    - uses: docker/login-action@v3\n      with: {registry: quay.io, username: a, password: '${{ secrets.B }}'}\n    - run: ./publish.sh\n";
    let text = written(&[CONFIG, (".github/workflows/release.yml", workflow)]);
    assert!(text.contains("where must a release land? The pipelines name `quay.io`, and not what is pushed there:"), "{text}");
}
