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
        "# QUESTION: the pipelines use secrets that no step or target above names: `DEPLOY_KEY` (.gitlab-ci.yml:7)",
        "primary: { gitlab: { project: acme/tools/api } }",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

#[test]
fn the_one_secret_that_a_script_reads_to_publish_is_its_token() {
    let text = written(&[
        (".git/config", "[remote \"origin\"]\n\turl = https://gitlab.com/acme/api.git\n"),
        (
            ".gitlab-ci.yml",
            "publish:\n  rules: [{if: $CI_COMMIT_TAG}]\n  script:\n    - echo //registry.npmjs.org/:_authToken=$NPM_TOKEN > .npmrc\n    - npm publish\nother:\n  rules: [{if: $CI_COMMIT_TAG}]\n  script: [docker push a/b, ./sign $SIGNING_KEY]\n",
        ),
        ("package.json", "{\"name\": \"api\", \"version\": \"1.0.0\"}\n"),
    ]);
    assert!(text.contains("  - { npm: api, token: NPM_TOKEN } ") && !text.contains("publish to npm?"), "{text}");
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
fn a_formula_has_the_name_that_its_workflow_gives_it() {
    let workflow = "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: x\n    steps:\n    - run: make release\n    - uses: mislav/bump-homebrew-formula-action@v3\n      with: {formula-name: gh}\n      env: {COMMITTER_TOKEN: '${{ secrets.BREW }}'}\n";
    let text = written(&[CONFIG, (".github/workflows/release.yml", workflow)]);
    assert!(text.contains("  - { homebrew: gh, token: BREW } ") && !text.contains("its name at homebrew"), "{text}");
}

#[test]
fn the_tags_of_a_gitlab_release_are_read_out_of_its_rules() {
    let job = |rule: &str| format!("ship:\n  rules: [{{if: '{rule}'}}]\n  script: [make release, glab release create x]\n");
    let told = |rule: &str| written(&[(".gitlab-ci.yml", &job(rule))]);
    let text = told(r"$CI_COMMIT_TAG =~ /^v\d+/");
    assert!(text.contains(r#"tag: "v{version}" "#), "{text}");
    let text = told(r"$CI_COMMIT_TAG =~ /^(old|new)-\d+/");
    assert!(text.contains("what is a release tagged?"), "{text}");
}

#[test]
fn where_nothing_says_what_is_pushed_the_registries_are_named() {
    let workflow = "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: x\n    steps:\n    - uses: docker/login-action@v3\n      with: {registry: quay.io, username: a, password: '${{ secrets.B }}'}\n    - run: ./publish.sh\n";
    let text = written(&[CONFIG, (".github/workflows/release.yml", workflow)]);
    assert!(text.contains("where must a release land? The pipelines name `quay.io`, and not what is pushed there:"), "{text}");
}

#[test]
fn a_step_is_given_the_secrets_that_its_pipeline_gives_it_and_others_are_asked_for() {
    let workflow = "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: x\n    steps:\n    - run: make release\n      env: {SIGN_KEY: '${{ secrets.ACME_KEY }}', MODE: fast}\n    - run: echo \"$PASSWORD\" | docker login quay.io -u bot --password-stdin\n      env: {PASSWORD: '${{ secrets.QUAY_TOKEN }}'}\n    - run: docker push quay.io/acme/api:v1\n    - run: ./notify\n      env: {HOOK: '${{ secrets.SLACK_HOOK }}'}\n";
    let text = written(&[CONFIG, (".github/workflows/release.yml", workflow)]);
    for line in [
        "    - { run: make release, secrets: [SIGN_KEY] } ",
        "    login: { username: bot, password: QUAY_TOKEN } ",
        "  SIGN_KEY: { env: ACME_KEY } ",
        "  QUAY_TOKEN: { env: QUAY_TOKEN } ",
        "no step or target above names: `SLACK_HOOK` (.github/workflows/release.yml:12, as `HOOK`). ",
    ] {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
    assert!(!text.contains("  SLACK_HOOK:") && !text.contains("which user is that"), "{text}");
    assert!(plan::parse(&text, "canship.yaml").is_ok(), "{text}");
}

/// Runs a program on a terminal of its own: types the next answer at each prompt, ends the input where none is left, and shows
/// what the terminal showed.
const TERMINAL: &str = r#"
import os, pty, sys
answers = sys.argv[1].split("|")
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b""
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:
        break
    if not read:
        break
    shown += read
    if shown.endswith(b"] "):
        os.write(terminal, answers.pop(0).encode() + b"\n" if answers else b"\x04")
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// `init` on a terminal, with these answers.
fn asked(folder: &Path, answers: &str) -> support::run::Ran {
    let terminal = ["python3", "-c", TERMINAL, answers].map(str::to_owned).to_vec();
    support::Canship::new(&["init"]).wrapped(terminal).argument(folder).run_as_is()
}

#[test]
fn at_a_terminal_a_person_is_asked_and_again_where_an_answer_fits_no_plan() {
    let plain = ("Makefile", "all:\n");
    let folder = repository(&[CONFIG, plain]);
    let answers = "acme api|soon|45m|10m|ssh://git@spare.example/acme/api.git|not an image|docker.io/library/debian:13";
    let ran = asked(folder.path(), answers);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let text = fs::read_to_string(folder.path().join("canship.yaml")).unwrap();
    for line in [
        "release: acme api ",
        "target: \"45m\" ",
        "  mirror: ssh://git@spare.example/acme/api.git ",
        "  image: docker.io/library/debian:13 ",
    ] {
        assert!(
            text.lines().any(|found| found.starts_with(line) && found.ends_with("# as you said")),
            "`{line}` is not in\n{text}"
        );
    }
    // The question stands before the answer, on its line.
    let shown = ran.stdout.replace('\r', "");
    assert!(shown.contains("what is it called that is released? [Api] acme api\n"), "{shown}");
    for question in [
        "how long may a hotfix take, from the decision until users can have it? [30m] ",
        "where is a copy of this repository that does not need the forge? [leave it open] ",
        "in which image is it built? [docker.io/library/debian:stable] ",
    ] {
        assert_eq!(shown.matches(question).count(), 2, "{question}: {shown}");
    }
    assert!(shown.contains("that fits no plan: `10m` is no address, and there is no folder of that name"), "{shown}");
    assert!(shown.contains("not an image\nthat fits no plan: ") && shown.contains("is written"), "{shown}");
}

#[test]
fn at_a_terminal_whoever_leaves_leaves_the_rest_open() {
    let folder = repository(&[CONFIG, ("Makefile", "all:\n")]);
    let ran = asked(folder.path(), "acme");
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let text = fs::read_to_string(folder.path().join("canship.yaml")).unwrap();
    assert!(text.contains("release: acme ") && text.contains("# QUESTION: where is a copy of this repository"), "{text}");
}

#[test]
fn a_secret_that_a_local_action_hands_on_is_the_one_that_its_caller_gives() {
    let text = written(&[
        CONFIG,
        (
            ".github/workflows/release.yml",
            "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: x\n    steps:\n    - uses: ./login\n      with: {token: '${{ secrets.QUAY }}'}\n    - run: docker push quay.io/acme/api:v1\n",
        ),
        (
            "login/action.yml",
            "inputs: {token: {}}\nruns:\n  using: composite\n  steps:\n  - uses: docker/login-action@v3\n    with: {registry: quay.io, username: bot, password: '${{ inputs.token }}'}\n",
        ),
    ]);
    assert!(text.contains("login: { username: bot, password: QUAY }") && text.contains("  QUAY: { env: QUAY } "), "{text}");
}

#[test]
fn what_an_earlier_stage_makes_is_how_a_gitlab_release_is_built() {
    let ci = "build:\n  stage: build\n  image: golang:1.24\n  script: [go build -o dist/app .]\n  artifacts:\n    paths: [dist/app]\n\
              release:\n  stage: deploy\n  image: registry.gitlab.com/gitlab-org/release-cli\n  rules: [{if: $CI_COMMIT_TAG}]\n  script: [curl --upload-file dist/app https://files.example/]\n  release: {tag_name: $CI_COMMIT_TAG, description: x}\n";
    let text = written(&[(".gitlab-ci.yml", ci), ("go.mod", "module example.com/app\n")]);
    for line in ["  image: golang:1.24 ", "    - go build -o dist/app . ", "  artifacts: [dist/app] "] {
        assert!(text.lines().any(|text| text.starts_with(line)), "`{line}` is not in\n{text}");
    }
}

#[test]
fn a_job_whose_files_a_gitlab_release_is_not_given_is_not_how_it_is_built() {
    let ci = |more: &str| {
        format!(
            "lib:\n  stage: build\n  script: [make lib]\n  artifacts:\n    paths: [lib.a]\nrelease:\n  stage: deploy\n{more}  rules: [{{if: $CI_COMMIT_TAG}}]\n  script: [cargo build --release, curl --upload-file target/release/app https://files.example/]\n"
        )
    };
    let of =
        |more: &str| written(&[(".gitlab-ci.yml", &ci(more)), ("Cargo.toml", "[package]\nname = \"app\"\nversion = \"1.0.0\"\n")]);
    assert!(of("").contains("    - make lib "), "{}", of(""));
    for kept_out in ["  dependencies: []\n", "  needs: [{job: lib, artifacts: false}]\n"] {
        let text = of(kept_out);
        assert!(text.contains("    - cargo build --release ") && !text.contains("make lib") && !text.contains("lib.a"), "{text}");
    }
}

#[test]
fn an_image_is_named_whatever_pushes_it() {
    let pushed_by = |script: &str, more: &str| {
        let workflow = format!(
            "on: {{push: {{tags: ['v*']}}}}\njobs:\n  ship:\n    runs-on: x\n    env: {{KO_DOCKER_REPO: ghcr.io/acme/ko}}\n    steps:\n    - run: {script}\n{more}"
        );
        written(&[CONFIG, (".github/workflows/r.yml", &workflow)])
    };
    for (script, name) in [
        ("oras push --artifact-type a/b ghcr.io/acme/bundle:1 ./x.tar:application/x-tar", "ghcr.io/acme/bundle"),
        ("oras cp ghcr.io/acme/staging:1 quay.io/acme/bundle:1", "quay.io/acme/bundle"),
        ("skopeo copy --all docker://ghcr.io/acme/staging:1 docker://quay.io/acme/api:1", "quay.io/acme/api"),
        ("skopeo copy --dest-creds a:b oci:out docker://quay.io/acme/api:1", "quay.io/acme/api"),
        ("regctl image copy ghcr.io/acme/staging:1 quay.io/acme/api:1", "quay.io/acme/api"),
        ("crane push image.tar quay.io/acme/api:1", "quay.io/acme/api"),
        ("crane tag quay.io/acme/api:1 latest", "quay.io/acme/api"),
        ("ko build --bare ./cmd/api", "ghcr.io/acme/ko"),
        ("ko build -B ./cmd/api", "ghcr.io/acme/ko/api"),
        ("helm push dist/k8s-api-1.2.3.tgz oci://ghcr.io/acme/charts", "ghcr.io/acme/charts/k8s-api"),
        ("podman push localhost/api docker://quay.io/acme/api:1", "quay.io/acme/api"),
        ("docker buildx build --push -t quay.io/acme/api:1 .", "quay.io/acme/api"),
        ("/kaniko/executor --context . --destination=quay.io/acme/api:1", "quay.io/acme/api"),
        ("flux push artifact oci://ghcr.io/acme/manifests:1 --path .", "ghcr.io/acme/manifests"),
    ] {
        let text = pushed_by(script, "");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("  - oci: ")).collect();
        assert!(lines.len() == 1 && lines[0].starts_with(&format!("  - oci: {name} ")), "{script}: {lines:?}");
        assert!(!text.contains("is that its name?") && !text.contains("which other images"), "{script}: {text}");
    }
    for local in ["oras attach ghcr.io/acme/a:1 x", "skopeo copy docker://ghcr.io/acme/a:1 dir:out", "ko build --local ./cmd/api"] {
        let text = pushed_by(local, "    - run: docker push quay.io/acme/api\n");
        assert!(!text.contains("  - oci: ghcr.io/"), "{local}: {text}");
    }
}

#[test]
fn what_of_an_image_s_name_is_not_known_is_asked_for() {
    let of = |script: &str| {
        let workflow = format!(
            "on: {{push: {{tags: ['v*']}}}}\njobs: {{ship: {{runs-on: x, steps: [{{run: \"{script}\"}}, {{run: docker push quay.io/acme/tool:1}}]}}}}\n"
        );
        written(&[CONFIG, (".github/workflows/r.yml", &workflow)])
    };
    for (script, name) in [
        ("docker push ghcr.io/acme/$NAME:1", "ghcr.io/acme/Api"),
        ("docker push ghcr.io/$OWNER/server", "ghcr.io/Acme/server"),
        ("docker push ghcr.io/$IMAGE", "ghcr.io/Acme/Api"),
        ("helm push out/*.tgz oci://ghcr.io/acme/charts", "ghcr.io/acme/charts/Api"),
    ] {
        let text = of(script);
        assert!(text.contains(&format!("  - oci: {} ", name.to_ascii_lowercase())), "{script}: {text}");
        assert!(text.contains("is that its name? .github/workflows/r.yml:2 says a part of it only while it runs"), "{text}");
    }
    assert!(of("docker push $IMAGE").contains("which other images belong to a release? One is pushed under a name"));
    assert!(of("helm push a-1.0.0.tgz oci://ghcr.io/acme/charts").contains("who packs and pushes the Helm chart"));
}

#[test]
fn what_runs_before_an_image_is_built_is_asked_for() {
    let steps = |first: &str| {
        format!(
            "on: {{push: {{tags: ['v*']}}}}\njobs:\n  ship:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@v4\n{first}    - uses: docker/build-push-action@v6\n      with: {{push: true, tags: 'quay.io/acme/api:v1'}}\n"
        )
    };
    let asked = |first: &str| {
        let workflow = steps(first);
        let text = written(&[(".github/workflows/r.yml", &workflow), ("Dockerfile", "FROM scratch\nCOPY dist/app.py /\n")]);
        assert!(text.contains("  dockerfile: Dockerfile "), "{text}");
        text.lines().find(|line| line.contains("does the Dockerfile build everything itself?")).map(str::to_owned)
    };
    let told = asked("    - run: mkdir -p dist && cp app.py dist/\n").unwrap();
    assert!(told.contains("`mkdir -p dist` (.github/workflows/r.yml:7)") && told.contains("`cp app.py dist/`"), "{told}");
    assert_eq!(asked("    - run: echo building\n"), None);
    assert_eq!(asked(""), None);
}

#[test]
fn a_folder_without_pipelines_is_read_for_what_it_says_itself() {
    let text = written(&[("Dockerfile", "FROM scratch\n"), ("VERSION", "1.2.3\n")]);
    assert!(
        text.lines().any(|line| line.starts_with("  dockerfile: Dockerfile ") && line.ends_with("no pipeline says otherwise")),
        "{text}"
    );
    assert!(text.lines().any(|line| line.starts_with("  version: { file: VERSION } ")), "{text}");
    let bare = written(&[("README.md", "x")]);
    for text in [&text, &bare] {
        assert!(!text.contains("The pipelines do") && !text.contains("The jobs run on"), "{text}");
    }
    assert!(bare.contains("There are no pipelines here"), "{bare}");
}

#[test]
fn a_placeholder_is_told_as_one_when_the_questions_are_gone() {
    let workflow = "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: docker/login-action@v3\n      with: {registry: ghcr.io, username: '${{ github.actor }}', password: '${{ secrets.GITHUB_TOKEN }}'}\n    - uses: docker/build-push-action@v6\n      with: {push: true, tags: '${{ steps.meta.outputs.tags }}'}\n";
    let folder = repository(&[(".github/workflows/r.yml", workflow), ("Dockerfile", "FROM scratch\n")]);
    assert_eq!(init(folder.path(), &["--yes"]).code, Some(0));
    let plan = folder.path().join("canship.yaml");
    let text = fs::read_to_string(&plan).unwrap();
    let kept = text.lines().filter(|line| !line.contains("QUESTION")).map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
    fs::write(&plan, &kept).unwrap();
    let checked = super::run(folder.path(), &["--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    let told: Vec<&str> = value["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["rule"] == "plan-unfinished")
        .map(|one| one["message"].as_str().unwrap())
        .collect();
    for path in ["`publish[0].oci`", "`publish[0].login.username`"] {
        assert!(told.iter().any(|told| told.contains(path)), "{path} is not in {told:?}\n{kept}");
    }
}

const RELEASES: &str =
    "on: {push: {tags: ['v*']}}\njobs:\n  ship:\n    runs-on: ubuntu-latest\n    env: {CARGO: cargo}\n    steps:\n";

/// The plan of a crate of this manifest whose one job has these steps and makes a release at last.
fn of_crate(manifest: &str, steps: &str) -> String {
    let workflow = format!("{RELEASES}{steps}    - run: gh release create v1\n");
    written(&[CONFIG, ("Cargo.toml", manifest), (".github/workflows/r.yml", &workflow), ("script/release", ""), ("ci/build", "")])
}

/// A line of a plan without where it comes from.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split(" # ").next().unwrap_or_default().trim_end()).collect()
}

#[test]
fn what_cargo_makes_has_the_name_of_the_program_and_lies_where_the_command_puts_it() {
    let package = "[package]\nname = \"ripgrep\"\nversion = \"1.0.0\"\n";
    let bin = format!("{package}[[bin]]\nname = \"rg\"\npath = \"a.rs\"\n");
    let two = format!("{bin}[[bin]]\nname = \"rga\"\npath = \"b.rs\"\n[[bin]]\nname = \"x\"\nrequired-features = [\"x\"]\n");
    let default = two.replacen("[[bin]]", "default-run = \"rga\"\n[[bin]]", 1);
    for (manifest, command, artifacts) in [
        (package, "cargo build --release", "[target/release/ripgrep]"),
        (&bin, "cargo build --release", "[target/release/rg]"),
        (&two, "cargo build --release", "[target/release/rg, target/release/rga]"),
        (&default, "cargo build --release", "[target/release/rga]"),
        (&bin, "cargo build --profile dist --target=x86_64-unknown-linux-musl", "[target/x86_64-unknown-linux-musl/dist/rg]"),
        (&bin, "cargo build", "[target/debug/rg]"),
        (&bin, "make release", "[target/release/rg]"),
    ] {
        let text = of_crate(manifest, &format!("    - run: {command}\n"));
        assert!(lines(&text).contains(&format!("  artifacts: {artifacts}").as_str()), "{command}: {artifacts}\n{text}");
    }
}

#[test]
fn a_build_by_the_tool_that_a_variable_names_is_told_before_one_to_debug() {
    let manifest = "[package]\nname = \"api\"\nversion = \"1.0.0\"\n";
    let steps = "    - run: cargo build --target $TARGET\n    - run: ${{ env.CARGO }} build --release ${{ env.FLAGS }}\n";
    let text = of_crate(manifest, steps);
    assert!(text.contains("how is it built? The pipelines do (.github/workflows/r.yml:8), but with what only they know"), "{text}");
}

#[test]
fn what_is_stripped_between_the_build_and_the_upload_is_stripped_in_the_plan() {
    let manifest = "[package]\nname = \"api\"\nversion = \"1.0.0\"\n";
    let of = |strip: &str| {
        of_crate(manifest, &format!("    - run: strip early\n    - run: cargo build --release\n    - run: {strip}\n"))
    };
    for strip in
        ["strip target/release/api", "llvm-strip --strip-all target/release/api", "x86_64-linux-gnu-strip target/release/api"]
    {
        let text = of(strip);
        let found: Vec<&str> = lines(&text).into_iter().filter(|line| line.starts_with("    - ")).collect();
        assert_eq!(found, ["    - cargo build --release", &format!("    - {strip}")], "{text}");
        assert!(!text.contains("stripped"), "{text}");
    }
    let text = of("strip \"$BIN\"");
    assert!(
        text.contains("must what is built be stripped? The pipelines do (.github/workflows/r.yml:9), with what only they know"),
        "{text}"
    );
    assert!(!of("make install").contains("stripped"));
}

#[test]
fn a_script_of_the_repository_that_builds_is_how_it_is_built() {
    let manifest = "[package]\nname = \"api\"\nversion = \"1.0.0\"\n";
    let of = |script: &str| of_crate(manifest, &format!("    - run: {script}\n"));
    for script in ["script/release --local --platform linux", "./ci/build --all"] {
        assert!(lines(&of(script)).contains(&format!("    - {script}").as_str()), "{}", of(script));
    }
    assert!(of("script/release --local \"$TAG_NAME\"").contains("The pipelines do (.github/workflows/r.yml:7), but"));
    for other in ["script/release --publish", "script/build --all"] {
        assert!(!of(other).contains("    - script/"), "{}", of(other));
    }
}

#[test]
fn the_registry_of_a_forge_of_one_s_own_is_asked_for() {
    let of = |host: &str, image: &str| {
        let config = format!("[remote \"origin\"]\n\turl = https://{host}/acme/api.git\n");
        let ci = format!(
            "release:\n  rules: [{{if: $CI_COMMIT_TAG}}]\n  script:\n    - docker login -u bot -p $PUSH $CI_REGISTRY\n    - docker push {image}:v1\n"
        );
        written(&[(".git/config", &config), (".gitlab-ci.yml", &ci)])
    };
    for (image, name) in [("$CI_REGISTRY_IMAGE", "acme/api"), ("${CI_REGISTRY}/acme/other", "acme/other")] {
        let text = of("git.example", image);
        assert!(lines(&text).contains(&format!("  - oci: registry.git.example/{name}").as_str()), "{text}");
        assert!(text.contains("# QUESTION: is `registry.git.example` the registry of the forge?"), "{text}");
        assert!(text.contains("login: { username: bot, password: PUSH }"), "{text}");
        let text = of("gitlab.com", image);
        assert!(
            text.contains(&format!("  - oci: registry.gitlab.com/{name} ")) && !text.contains("the registry of the forge?"),
            "{text}"
        );
    }
    let text = of("git.example", "$CI_REGISTRY_USER/api");
    assert!(!text.contains("registry.git.example_USER"), "{text}");
}

#[test]
fn whoever_takes_what_is_usual_has_answered() {
    let folder = repository(&[CONFIG, ("Makefile", "all:\n")]);
    let ran = asked(folder.path(), "|||");
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let text = fs::read_to_string(folder.path().join("canship.yaml")).unwrap();
    let found = lines(&text);
    for line in ["release: Api", "target: 30m", "  image: docker.io/library/debian:stable"] {
        assert!(found.iter().any(|found| found.replace('"', "") == line), "`{line}` is not in\n{text}");
    }
    for question in ["how long may a hotfix take", "in which image"] {
        assert!(!text.contains(question), "{question}: {text}");
    }
    // What has no usual answer stays open.
    assert!(text.contains("# QUESTION: where is a copy of this repository"), "{text}");
}

#[test]
fn what_is_said_to_do_next_names_the_plan_where_it_is_not_looked_for() {
    let next = |arguments: &[&str], file: &str| {
        let folder = repository(&[CONFIG]);
        let there = ["env".to_owned(), format!("--chdir={}", folder.path().display())];
        let mut call = support::Canship::new(&["init"]).wrapped(there.to_vec());
        for argument in arguments {
            call = call.argument(argument);
        }
        let ran = call.run_as_is();
        assert!(folder.path().join(file).is_file(), "{}{}", ran.stdout, ran.stderr);
        ran.stdout.lines().last().unwrap().to_owned()
    };
    let next_is = |plan: &str, check: &str| {
        format!(
            "Next: canship plan{plan} (what it means) · canship check{check} (where it and the pipelines come apart) · canship drill{plan}"
        )
    };
    assert_eq!(next(&[], "canship.yaml"), next_is("", ""));
    assert_eq!(next(&["--plan", "my plan.yaml"], "my plan.yaml"), next_is(" --plan 'my plan.yaml'", " --plan 'my plan.yaml'"));
    assert_eq!(next(&[".git"], ".git/canship.yaml"), next_is(" --plan .git/canship.yaml", " .git"));
    assert_eq!(next(&[".git", "--plan", "a.yaml"], "a.yaml"), next_is(" --plan a.yaml", " .git --plan a.yaml"));
}
