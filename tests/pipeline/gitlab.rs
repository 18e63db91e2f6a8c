//! GitLab's CI files, read as GitLab reads them.

use super::*;

/// What this CI file says.
fn ci(text: &str) -> Pipeline {
    pipeline(&[(".gitlab-ci.yml", text)])
}

/// The secrets of one job that publishes with this script.
fn secrets(script: &str) -> Vec<String> {
    let lines: String = script.lines().map(|line| format!("      {line}\n")).collect::<Vec<_>>().concat();
    values(
        &ci(&format!(
            "ship:\n  stage: release\n  variables: {{OWN: x, RENAMED: $OUTER}}\n  script:\n    - docker push a/b\n    - |\n{lines}"
        )),
        Topic::Secrets,
    )
}

#[test]
fn a_secret_is_read_and_neither_declared_nor_given() {
    assert_eq!(
        secrets("curl -u $USER_NAME:${PASS} $OWN $CI_JOB_TOKEN $HOME\nX=1; echo $X $LOCAL_VERSION"),
        ["LOCAL_VERSION", "OUTER", "PASS", "USER_NAME"]
    );
    assert_eq!(secrets("export TOKEN=$(cat x)\necho $TOKEN\n[[ -v TESTED ]] && echo \\$ESCAPED"), ["OUTER", "TESTED"]);
}

#[test]
fn a_switch_in_rules_is_no_secret() {
    let found = ci("ship:\n  stage: release\n  script: [docker push a/b]\n  rules: [{if: $SWITCH}, {if: $CI_COMMIT_TAG}]\n");
    assert!(values(&found, Topic::Secrets).is_empty());
    assert_eq!(releases(&found), [".gitlab-ci.yml"]);
}

#[test]
fn a_job_is_what_it_extends_with_itself_over_it() {
    let found = ci(
        "default: {tags: [d]}\n.a: {tags: [a], variables: {X: '1', Y: $ONE}}\n.b: {variables: {Y: $TWO}}\nship:\n  extends: [.a, .b]\n  stage: release\n  script: [docker push a/b]\nother:\n  stage: release\n  script: [docker push a/b]\n",
    );
    assert_eq!(values(&found, Topic::RunnerLabels), ["a", "d"]);
    assert_eq!(values(&found, Topic::Secrets), ["TWO"]);
    assert!(is_open(&ci("ship: {extends: .none, script: [docker push a/b]}\n"), "`.none`, which is not in this repository"));
}

#[test]
fn references_stand_anywhere() {
    let found = ci(
        ".s: {script: [docker push a/b, echo $FROM_S]}\n.t: [one, two]\n.r: {if: $CI_COMMIT_TAG}\nship:\n  script: [!reference [.s, script], echo $OWN_ONE]\n  tags: [!reference [.t]]\n  rules: [{if: !reference [.r, if]}]\n",
    );
    assert_eq!(values(&found, Topic::Secrets), ["FROM_S", "OWN_ONE"]);
    assert_eq!(values(&found, Topic::RunnerLabels), ["one", "two"]);
    assert_eq!(found.releases[0].triggers[0].filters, ["tags"]);
}

#[test]
fn includes_are_followed_in_every_local_form() {
    for include in ["ci/a.yml", "[/ci/a.yml]", "{local: ci/a.yml}", "[{local: '/ci/*.yml'}]", "[{local: 'ci/**/*.yml'}]"] {
        let found = pipeline(&[
            (".gitlab-ci.yml", &format!("include: {include}\nship: {{variables: {{B: $OVER}}}}\n")),
            ("ci/a.yml", "ship: {script: [docker push a/b], variables: {A: $UNDER, B: $LOST}}\n"),
        ]);
        assert_eq!(values(&found, Topic::Secrets), ["OVER", "UNDER"], "{include}");
        assert_eq!(found.releases[0].files, ["ci/a.yml"]);
    }
}

#[test]
fn what_others_have_is_told_and_not_read() {
    let found = ci(
        "include:\n- {project: a/b, file: [x.yml, y.yml]}\n- {remote: 'https://x/y.yml'}\n- {template: T.yml}\n- {component: g/c@1}\nship: {script: [docker push a/b]}\n",
    );
    let remote = sure(&found, Topic::Remote, |sure| *sure == Sure::Outside);
    assert_eq!(remote, ["T.yml", "a/b: x.yml, y.yml", "g/c@1", "https://x/y.yml"]);
    let nothing = ci("include: [{project: a/b, file: x.yml}]\n");
    assert!(releases(&nothing).is_empty() && is_open(&nothing, "not in this repository"));
}

#[test]
fn of_two_includes_that_exclude_each_other_one_is_read() {
    let found = pipeline(&[
        (
            ".gitlab-ci.yml",
            "include:\n- {local: canonical.yml, rules: [{if: $CI_PROJECT_PATH == 'a/b'}]}\n- {local: fork.yml, rules: [{if: $CI_PROJECT_PATH == 'a/b', when: never}]}\nship: {tags: [!reference [.tag]], script: [docker push a/b]}\n",
        ),
        ("canonical.yml", ".tag: canonical\n"),
        ("fork.yml", ".tag: fork\n"),
    ]);
    assert_eq!(values(&found, Topic::RunnerLabels), ["canonical"]);
}

#[test]
fn a_header_gives_inputs() {
    let found = pipeline(&[
        (".gitlab-ci.yml", "include: [{local: c.yml, inputs: {job: ship}}]\n"),
        (
            "c.yml",
            "spec: {inputs: {job: {}, tag: {default: big}}}\n---\n$[[ inputs.job ]]: {tags: ['$[[ inputs.tag ]]'], script: [docker push a/b]}\n",
        ),
    ]);
    assert_eq!(values(&found, Topic::RunnerLabels), ["big"]);
    assert_eq!(found.releases[0].jobs[0].id, "ship");
}

#[test]
fn of_a_key_that_is_there_twice_the_last_holds_with_a_warning() {
    let found = ci("ship: {script: [echo]}\nship: {script: [docker push a/b], tags: [last]}\n");
    assert_eq!(values(&found, Topic::RunnerLabels), ["last"]);
    assert!(
        found
            .problems
            .iter()
            .any(|problem| problem.what.contains("`ship` is there twice") && !problem.broken && problem.at.line == 2)
    );
}

#[test]
fn child_pipelines_are_read_or_told() {
    let found = pipeline(&[
        (
            ".gitlab-ci.yml",
            "c: {trigger: {include: [{local: child.yml}]}}\nd: {trigger: {include: [{artifact: x.yml, job: make}]}}\n",
        ),
        ("child.yml", "ship: {script: [docker push a/b]}\n"),
    ]);
    assert_eq!(releases(&found), [".gitlab-ci.yml"]);
    assert!(is_open(&found, "while the pipeline runs"));
}

#[test]
fn tags_come_from_the_jobs_matrix() {
    let found = ci("ship: {script: [docker push a/b], tags: ['arch:$ARCH', $OTHER], parallel: {matrix: [{ARCH: [x, y]}]}}\n");
    assert_eq!(values(&found, Topic::RunnerLabels), ["arch:x", "arch:y"]);
    assert_eq!(sure(&found, Topic::RunnerLabels, |sure| *sure == Sure::Dynamic), ["$OTHER"]);
}

#[test]
fn registries_are_found_through_variables() {
    let found = ci(
        "variables: {STAGING: ghcr.io/acme, TOOL: regctl}\ncopy:\n  stage: release\n  variables: {FROM: $STAGING, TO: $INTERNAL}\n  script:\n  - ${TOOL} registry login \"${FROM}\" -u a\n  - ${TOOL} registry login $TO -u a\n  - ${TOOL} image copy x y\nkaniko:\n  script: ['/kaniko/executor --destination acme/api:$tag --destination $CI_REGISTRY_IMAGE:1']\n",
    );
    let all = sure(&found, Topic::Registries, |_| true);
    assert_eq!(all, ["$CI_REGISTRY", "$INTERNAL", "docker.io", "ghcr.io"]);
    assert!(values(&found, Topic::PublishTargets).contains(&"container-image".to_owned()));
    assert_eq!(values(&found, Topic::Secrets), ["INTERNAL"]);
}

#[test]
fn releases_pages_tokens_and_people_are_seen() {
    let found = ci(
        "ship:\n  release: {tag_name: $CI_COMMIT_TAG}\n  script: [echo]\n  when: manual\n  environment: {name: live/$CI_COMMIT_REF_NAME}\n  id_tokens: {MY_TOKEN: {aud: x}}\npages: {script: [make], artifacts: {paths: [public]}}\n",
    );
    assert_eq!(values(&found, Topic::PublishTargets), ["gitlab-pages", "gitlab-release"]);
    assert_eq!(values(&found, Topic::Oidc), ["MY_TOKEN"]);
    assert_eq!(values(&found, Topic::Approvals), ["ship"]);
    assert_eq!(sure(&found, Topic::Environments, |_| true), ["live/$CI_COMMIT_REF_NAME"]);
}

#[test]
fn a_release_that_rules_start_by_a_tag_is_started_by_tags() {
    let folder = repository(&[(
        ".gitlab-ci.yml",
        "ship:\n  script: [docker push a/b]\n  rules:\n  - if: $CI_COMMIT_TAG =~ /^v\\d+/\n  - if: $CI_COMMIT_TAG && $NIGHTLY\n  - if: $CI_COMMIT_BRANCH == \"main\"\n  - if: $CI_COMMIT_TAG == \"no\"\n    when: never\nold: {script: [docker push a/b], only: [tags, main]}\n",
    )]);
    let shown = support::Canship::new(&["pipeline"]).argument(folder.path()).run_as_is().stdout;
    let told: Vec<&str> = shown.lines().filter(|line| line.starts_with("  started by ")).collect();
    assert_eq!(
        told,
        [
            "  started by push tags: /^v\\d+/",
            "  started by push tags; $NIGHTLY",
            "  started by rules $CI_COMMIT_BRANCH == \"main\"",
            "  started by push tags",
            "  started by only main"
        ]
    );
}

#[test]
fn a_job_that_is_called_like_a_keyword_is_told_and_pages_is_a_job() {
    let shown = |text: &str| {
        let folder = repository(&[(".gitlab-ci.yml", &format!("ship: {{script: [docker push a/b]}}\n{text}\n"))]);
        support::Canship::new(&["pipeline"]).argument(folder.path()).run_as_is().stdout
    };
    for (name, does) in [("image", "script: [docker push c/d]"), ("cache", "trigger: a/b"), ("default", "script: [make]")] {
        let told = format!(
            "  `{name}` with a `{}` is no job: GitLab keeps that name for itself, and refuses the whole pipeline  .gitlab-ci.yml:2:1\n",
            does.split(':').next().unwrap()
        );
        let shown = shown(&format!("{name}: {{stage: deploy, {does}}}"));
        assert!(shown.contains(&told), "{shown}");
    }
    let deploy = shown("'pages:deploy': {script: [make]}");
    assert!(deploy.contains("`pages:deploy` with a `script` is no job: GitLab keeps that name for itself  "), "{deploy}");
    let pages = shown("pages: {script: [make], artifacts: {paths: [public]}}");
    assert!(pages.contains("job pages  ⇒ gitlab-pages") && !pages.contains("is no job"), "{pages}");
    for none in [
        "image: {name: rust}",
        "variables: {script: make, run: {value: x}}",
        "default: {before_script: [make]}",
        "include: {local: a.yml}",
    ] {
        assert!(!shown(none).contains("is no job"), "{none}");
    }
}

#[test]
fn a_ci_file_of_another_name_is_found_by_its_looks() {
    let text = "stages: [release]\nship: {stage: release, script: [docker push a/b]}\n";
    assert_eq!(releases(&pipeline(&[(".acme-ci.yml", text)])), [".acme-ci.yml"]);
    assert!(releases(&pipeline(&[(".acme-ci.yml", "rules: [a]\n")])).is_empty());
}

#[test]
fn what_a_release_waits_for_brings_its_secrets_and_images_and_other_jobs_do_not() {
    let found = ci(
        "build: {image: golang:1.25, script: [./build $SIGNING_KEY], needs: [prepare]}\nprepare: {script: [./prepare $LICENCE]}\nlint: {image: lint:1, script: [./lint $LINT_TOKEN]}\nship: {needs: [build], script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n",
    );
    assert_eq!(values(&found, Topic::Secrets), ["LICENCE", "SIGNING_KEY"]);
    assert_eq!(values(&found, Topic::Images), ["golang:1.25"]);
}

/// A build in the stage before the release, which says nothing of what it needs but what is put in.
fn staged(says: &str) -> String {
    format!(
        "build:\n  stage: build\n  image: golang:1.24\n  script: [go build -o dist/app .]\n  artifacts: {{paths: [dist/app]}}\n\
         lint:\n  stage: build\n  script: [golangci-lint run]\n\
         review:\n  stage: build\n  script: [go build -o dist/review .]\n  artifacts: {{paths: [dist]}}\n  rules: [{{if: $CI_PIPELINE_SOURCE == \"merge_request_event\"}}]\n\
         release:\n  stage: deploy\n  image: registry.gitlab.com/gitlab-org/release-cli\n{says}  rules: [{{if: $CI_COMMIT_TAG}}]\n  script: [release-cli create --tag-name $CI_COMMIT_TAG]\n  release: {{tag_name: $CI_COMMIT_TAG, description: x}}\n"
    )
}

#[test]
fn a_job_without_needs_waits_for_what_earlier_stages_make() {
    let path = |says: &str| {
        let found = ci(&staged(says));
        let jobs: Vec<String> = found.path().map(|(_, job)| format!("{} after {}", job.id, job.needs.join(", "))).collect();
        jobs
    };
    assert_eq!(path(""), ["build after ", "release after build"]);
    assert_eq!(path("  dependencies: []\n"), ["build after ", "release after build"]);
    assert_eq!(path("  needs: []\n"), ["release after "]);
    assert_eq!(path("  needs: [lint]\n"), ["lint after ", "release after lint"]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".gitlab-ci.yml"), staged("")).unwrap();
    let shown = support::Canship::new(&["pipeline"]).argument(folder.path()).run_as_is().stdout;
    assert!(shown.contains("  job release  after build  ⇒ gitlab-release\n"), "{shown}");
    assert!(shown.contains("  only if these succeed in earlier stages: lint\n"), "{shown}");
    assert!(shown.contains("  and 1 more job, from which nothing goes"), "{shown}");
}

#[test]
fn a_job_of_an_earlier_stage_that_must_succeed_is_a_gate_though_nothing_of_it_is_released() {
    // The gates of a release in the last stage, with a job `lint` before it that says this.
    let gates = |lint: &str, release: &str| {
        let text = format!(
            "lint: {{stage: build, script: [lint], {lint}}}\n\
             release: {{stage: deploy, script: [docker push a/b], {release}}}\n\
             after: {{stage: .post, script: [tell]}}\n"
        );
        let found = ci(&text);
        found.releases[0].gates.iter().map(|(name, at)| format!("{name} {}", at.line)).collect::<Vec<_>>()
    };
    let tag = "rules: [{if: $CI_COMMIT_TAG}]";
    for lint in [
        "",
        "needs: []",
        "when: manual, allow_failure: false",
        "rules: [{if: $CI_COMMIT_TAG, when: manual}]",
        "allow_failure: true, rules: [{if: $CI_COMMIT_TAG, allow_failure: false}]",
        "allow_failure: {exit_codes: [137]}",
        "rules: [{if: $CI_COMMIT_BRANCH != 'main'}]",
        "rules: [{if: $CI_COMMIT_BRANCH || $CI_COMMIT_TAG}]",
        "only: [tags]",
    ] {
        assert_eq!(gates(lint, tag), ["lint 1"], "{lint}");
    }
    for lint in [
        "allow_failure: true",
        "when: manual",
        "when: on_failure",
        "when: never",
        "stage: deploy",
        "stage: .post",
        "rules: [{if: $CI_COMMIT_TAG, when: manual, allow_failure: true}]",
        "rules: [{if: $CI_PIPELINE_SOURCE == \"merge_request_event\"}, {if: $CI_COMMIT_TAG, allow_failure: true}]",
        "rules: [{if: $CI_COMMIT_TAG, when: never}]",
        "rules: [{if: $CI_COMMIT_BRANCH == 'main'}]",
        "except: [tags]",
    ] {
        assert!(gates(lint, tag).is_empty(), "{lint}");
    }
    // Of a release that is made on branches, a job for branches is a gate.
    assert_eq!(gates("only: [branches]", "rules: [{if: $CI_COMMIT_BRANCH == 'main'}]"), ["lint 1"]);
    assert!(gates("", "needs: []").is_empty());
    assert!(gates("", "when: always").is_empty());
    assert!(gates("", "rules: [{if: $CI_COMMIT_TAG, when: always}]").is_empty());
    assert_eq!(gates("", "rules: [{if: $CI_COMMIT_TAG, when: manual}]"), ["lint 1"]);
}

#[test]
fn jobs_that_all_wait_for_all_earlier_ones_are_told_and_end() {
    let job = |at: usize| {
        let (stage, script) = if at < 2500 { ("build", "make") } else { ("deploy", "docker push a/b") };
        format!("j{at}: {{stage: {stage}, script: [{script}], artifacts: {{paths: [x{at}]}}}}\n")
    };
    let jobs = (0..5000).map(job).collect::<Vec<_>>().concat();
    let found = ci(&jobs);
    assert!(found.problems.iter().any(|problem| problem.what.contains("more jobs of earlier stages")), "{:?}", found.problems);
    assert!(found.path().all(|(_, job)| job.needs.len() <= 100));
}
