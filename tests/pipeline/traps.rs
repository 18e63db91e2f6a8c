//! What real pipelines trip readers with: of each, one that must be seen and one that only looks like it.

use super::*;

const TOKEN: &[&str] = &["TOKEN"];

#[test]
fn trap_1_a_path_from_the_repositorys_root_is_local() {
    let call = |uses: &str| {
        pipeline(&[
            (
                ".github/workflows/release.yml",
                &format!("on: {{push: {{tags: ['v*']}}}}\njobs: {{a: {{uses: {uses}, secrets: inherit}}}}\n"),
            ),
            (
                ".github/workflows/build.yml",
                "on: workflow_call\njobs: {b: {runs-on: x, steps: [{run: gh release create, env: {A: '${{ secrets.TOKEN }}'}}]}}\n",
            ),
        ])
    };
    let found = call("$/.github/workflows/build.yml");
    assert_eq!(releases(&found), [".github/workflows/release.yml"]);
    assert_eq!(values(&found, Topic::Secrets), TOKEN);
    assert!(values(&call("acme/other/.github/workflows/none.yml@v1"), Topic::Secrets).is_empty());
}

#[test]
fn trap_2_this_repository_by_its_full_name_is_local() {
    let call = |origin: &str| {
        pipeline(&[
            (".git/config", &format!("[remote \"origin\"]\n\turl = https://github.com/{origin}.git\n")),
            (
                ".github/workflows/release.yml",
                "on: {push: {tags: ['v*']}}\njobs: {a: {uses: acme/api/.github/workflows/build.yml@main}, b: {runs-on: x, steps: [{run: gh release create}]}}\n",
            ),
            (".github/workflows/build.yml", "on: workflow_call\njobs: {b: {runs-on: inner, steps: []}}\n"),
        ])
    };
    let own = call("acme/api");
    assert_eq!(values(&own, Topic::RunnerLabels), ["inner", "x"]);
    assert!(is_open(&own, "another ref may differ"));
    let others = call("other/api");
    assert_eq!(values(&others, Topic::RunnerLabels), ["x"]);
    assert_eq!(sure(&others, Topic::Remote, |sure| *sure == Sure::Outside).len(), 1);
}

#[test]
fn trap_3_a_local_action_is_found_below_a_checkouts_path() {
    let uses = |path: &str| {
        pipeline(&[
            (
                ".github/workflows/release.yml",
                &format!(
                    "on: {{push: {{tags: ['v*']}}}}\njobs: {{a: {{runs-on: x, steps: [{{uses: {path}}}, {{run: gh release create}}]}}}}\n"
                ),
            ),
            (".github/actions/sign/action.yaml", "runs: {using: composite, steps: [{uses: acme/sign@v1}]}\n"),
        ])
    };
    assert_eq!(values(&uses("./repo/.github/actions/sign"), Topic::ActionsThirdParty), ["acme/sign"]);
    let none = uses("./repo/.github/actions/other");
    assert!(values(&none, Topic::ActionsThirdParty).is_empty() && is_open(&none, "there is no action"));
}

#[test]
fn trap_4_a_login_with_secrets_that_are_not_passed_is_none() {
    let found = pipeline(&[
        (
            ".github/workflows/release.yml",
            "on: {push: {tags: ['v*']}}\njobs:\n  image:\n    uses: ./.github/workflows/image.yml\n    with: {quay: quay.io/a/b}\n    secrets: {quay_token: '${{ secrets.QUAY }}'}\n",
        ),
        (
            ".github/workflows/image.yml",
            "on:\n  workflow_call:\n    inputs: {quay: {}, ghcr: {}}\n    secrets: {quay_token: {}, ghcr_token: {}}\njobs:\n  push:\n    runs-on: x\n    steps:\n    - {uses: docker/login-action@v3, if: '${{ inputs.quay }}', with: {registry: quay.io, password: '${{ secrets.quay_token }}'}}\n    - {uses: docker/login-action@v3, if: '${{ inputs.ghcr }}', with: {registry: ghcr.io, password: '${{ secrets.ghcr_token }}'}}\n    - {uses: docker/build-push-action@v6, with: {push: true}}\n",
        ),
    ]);
    assert_eq!(values(&found, Topic::Registries), ["quay.io"]);
    assert_eq!(values(&found, Topic::Secrets), ["QUAY"]);
    assert!(is_open(&found, "`ghcr_token` is not passed"));
}

#[test]
fn trap_5_secrets_within_expressions_are_seen() {
    let found = steps("- run: x\n  env: { A: \"${{ vars.C && secrets.A || secrets['b-c'] }}\", D: \"${{ 'secrets.NO' }}\" }");
    assert_eq!(values(&found, Topic::Secrets), ["A", "b-c"]);
    assert_eq!(values(&found, Topic::Variables), ["C"]);
}

#[test]
fn trap_6_a_secret_is_told_by_its_own_name_and_not_the_variables() {
    let found =
        steps("- run: x\n  env: { GITHUB_TOKEN: '${{ secrets.RELEASE_PAT }}', NAME: '${{ steps.get-secrets.outputs.OTHER }}' }");
    assert_eq!(values(&found, Topic::Secrets), ["RELEASE_PAT"]);
}

#[test]
fn trap_7_a_variable_as_the_user_is_no_secret() {
    let found = steps("- uses: docker/login-action@v3\n  with: { username: '${{ vars.USER }}', password: '${{ secrets.PASS }}' }");
    assert_eq!(values(&found, Topic::Secrets), ["PASS"]);
    assert_eq!(values(&found, Topic::Variables), ["USER"]);
    assert_eq!(values(&found, Topic::Registries), ["docker.io"]);
}

#[test]
fn trap_8_a_registry_that_is_an_images_name_is_its_host() {
    let login = |registry: &str| {
        let text = format!(
            "env: {{ REGISTRY: {registry} }}\njobs: {{a: {{runs-on: x, steps: [{{run: gh release create}}, {{uses: docker/login-action@v3, with: {{registry: '${{{{ env.REGISTRY }}}}'}}}}]}}}}\n"
        );
        values(&workflow(&text), Topic::Registries)
    };
    assert_eq!(login("ghcr.io/acme/api"), ["ghcr.io"]);
    assert!(login("localhost:5000").is_empty());
}

#[test]
fn trap_9_a_push_may_hide_in_outputs() {
    let build =
        |with: &str| values(&steps(&format!("- uses: docker/build-push-action@v6\n  with: {{ {with} }}")), Topic::PublishTargets);
    assert_eq!(build("outputs: 'type=image,name=ghcr.io/a/b,push=true'"), ["container-image", "github-release"]);
    assert_eq!(build("outputs: 'type=docker'"), ["github-release"]);
    assert_eq!(build("push: false"), ["github-release"]);
    assert_eq!(build("push: \"${{ github.event_name != 'pull_request' }}\""), ["container-image", "github-release"]);
}

#[test]
fn trap_10_an_image_that_is_promoted_is_published() {
    let run = |run: &str| values(&steps(&format!("- run: {run}")), Topic::PublishTargets);
    assert_eq!(run("docker buildx imagetools create -t ghcr.io/a/b:1 ghcr.io/a/b:sha"), ["container-image", "github-release"]);
    assert_eq!(run("docker buildx imagetools inspect ghcr.io/a/b:1"), ["github-release"]);
}

#[test]
fn trap_11_of_a_choice_of_environments_the_empty_one_is_none() {
    let environment = |text: &str| {
        let job = format!("jobs: {{a: {{runs-on: x, environment: {{name: \"{text}\"}}, steps: [{{run: gh release create}}]}}}}\n");
        workflow(&job)
    };
    assert_eq!(values(&environment("${{ github.ref == 'x' && 'release' || '' }}"), Topic::Environments), ["release"]);
    let open = environment("${{ needs.a.outputs.name }}");
    assert!(values(&open, Topic::Environments).is_empty());
    assert_eq!(sure(&open, Topic::Environments, |sure| *sure == Sure::Dynamic), ["needs.a.outputs.name"]);
}

#[test]
fn trap_12_a_matrix_that_a_variable_holds_is_open() {
    let matrix = |matrix: &str| {
        workflow(&format!(
            "jobs: {{a: {{runs-on: '${{{{ matrix.os }}}}', strategy: {{matrix: {matrix}}}, steps: [{{run: gh release create}}]}}}}\n"
        ))
    };
    let open = matrix("{include: '${{ fromJSON(vars.MATRIX) }}'}");
    assert!(values(&open, Topic::RunnerLabels).is_empty() && is_open(&open, "vars.MATRIX"));
    assert_eq!(
        values(&matrix("{os: [a, b], include: [{os: c}, {os: a, x: 1}], exclude: [{os: b}]}"), Topic::RunnerLabels),
        ["a", "c"]
    );
    assert_eq!(values(&matrix("{os: \"${{ fromJSON('[\\\"a\\\",\\\"b\\\"]') }}\"}"), Topic::RunnerLabels), ["a", "b"]);
}

#[test]
fn trap_13_a_container_may_be_json_in_a_matrix() {
    let container = |value: &str| {
        let job = format!(
            "jobs: {{a: {{runs-on: x, container: \"${{{{ fromJSON(matrix.c || '{{\\\"image\\\":null}}') }}}}\", strategy: {{matrix: {{include: [{{c: '{value}'}}]}}}}, steps: [{{run: gh release create}}]}}}}\n"
        );
        values(&workflow(&job), Topic::Images)
    };
    assert_eq!(container("{\"image\":\"alpine:3\"}"), ["alpine:3"]);
    assert!(container("").is_empty());
}

#[test]
fn trap_14_negated_tags_start_nothing() {
    let on = |tags: &str| {
        releases(&workflow(&format!(
            "on: {{push: {{tags: {tags}}}}}\njobs: {{a: {{runs-on: x, steps: [{{run: gh release create}}]}}}}\n"
        )))
        .len()
    };
    assert_eq!(on("['v*', '!v1*']"), 1);
    assert_eq!(on("['!**']"), 0);
}

#[test]
fn trap_15_a_single_type_need_not_be_in_a_list() {
    let on = |types: &str| {
        releases(&pipeline(&[(".github/workflows/x.yml", &format!("on: {{release: {{types: {types}}}}}\njobs: {{a: {{runs-on: x, steps: [{{uses: pypa/gh-action-pypi-publish@v1}}]}}}}\n"))])).len()
    };
    assert_eq!(on("published"), 1);
    assert_eq!(on("deleted"), 0);
}

#[test]
fn trap_16_what_is_created_may_be_a_tag() {
    let on = |on: &str| {
        releases(&pipeline(&[(
            ".github/workflows/x.yml",
            &format!("on: {on}\njobs: {{a: {{runs-on: x, steps: [{{run: gh release create}}]}}}}\n"),
        )]))
        .len()
    };
    assert_eq!(on("create"), 1);
    assert_eq!(on("delete"), 0);
}

#[test]
fn trap_17_a_secret_that_only_a_caller_has_is_the_callers() {
    let publish = "on:\n  workflow_call: {secrets: {publish_token: {}}}\njobs: {a: {runs-on: x, steps: [{run: gh release create, env: {T: '${{ secrets.publish_token || secrets.OWN }}'}}]}}\n";
    let found = pipeline(&[
        (".github/workflows/publish.yml", publish),
        (
            ".github/workflows/release.yml",
            "on: {push: {tags: ['*']}}\njobs: {a: {uses: ./.github/workflows/publish.yml, secrets: {publish_token: '${{ secrets.CALLERS }}'}}}\n",
        ),
    ]);
    assert_eq!(values(&found, Topic::Secrets), ["CALLERS"]);
}

#[test]
fn trap_18_secrets_that_no_text_names_are_told() {
    assert!(is_open(&steps("- uses: hashicorp/vault-action@v3"), "secrets come from Vault"));
    assert!(!is_open(&steps("- uses: actions/cache@v4"), "secrets come from"));
}

#[test]
fn trap_19_another_ci_is_told() {
    let own = "on: {push: {branches: [main]}}\njobs: {a: {runs-on: x, steps: [{run: cargo test}]}}\n";
    let found = pipeline(&[(".github/workflows/ci.yml", own), (".azure-pipelines/publish.yml", "steps: []\n")]);
    assert!(releases(&found).is_empty() && is_open(&found, "Azure Pipelines"));
    assert!(pipeline(&[(".github/workflows/ci.yml", own)]).open.is_empty());
}

#[test]
fn trap_20_a_login_may_stand_in_an_actions_input() {
    let found = steps("- uses: nick-fields/retry@v3\n  with: { command: 'docker login -u a -p b ghcr.io' }");
    assert_eq!(values(&found, Topic::Registries), ["ghcr.io"]);
    assert!(values(&steps("- uses: acme/notes@v1\n  with: { text: 'docker login ghcr.io' }"), Topic::Registries).is_empty());
}

#[test]
fn trap_21_a_file_that_is_called_twice_is_read_twice() {
    let found = pipeline(&[
        (
            ".github/workflows/release.yml",
            "on: {push: {tags: ['*']}}\njobs:\n  a: {uses: ./.github/workflows/b.yml, with: {os: one}}\n  b: {uses: ./.github/workflows/b.yml, with: {os: two}}\n",
        ),
        (
            ".github/workflows/b.yml",
            "on: {workflow_call: {inputs: {os: {default: none}}}}\njobs: {x: {runs-on: '${{ inputs.os }}', steps: [{run: gh release create}]}}\n",
        ),
    ]);
    assert_eq!(values(&found, Topic::RunnerLabels), ["one", "two"]);
}

#[test]
fn trap_22_a_matrix_without_values_is_one_job() {
    let found = workflow("jobs: {a: {runs-on: here, strategy: {matrix: }, steps: [{run: gh release create}]}}\n");
    assert_eq!(values(&found, Topic::RunnerLabels), ["here"]);
}

#[test]
fn what_looks_like_a_release_and_is_none_is_left_out() {
    for (file, text) in [
        (
            "release-drafter.yml",
            "on: {push: {branches: [main]}}\njobs: {a: {runs-on: x, steps: [{uses: release-drafter/release-drafter@v6}]}}",
        ),
        (
            "nightly.yml",
            "on: {schedule: [{cron: '1 1 * * *'}], workflow_dispatch: }\njobs: {a: {runs-on: x, steps: [{run: npm publish}]}}",
        ),
        ("docs.yml", "on: {workflow_dispatch: }\njobs: {a: {runs-on: x, steps: [{uses: actions/deploy-pages@v4}]}}"),
        ("ci.yml", "on: {push: , pull_request: }\njobs: {a: {runs-on: x, steps: [{run: cargo publish --dry-run}]}}"),
        ("image.yml", "on: {push: {branches: [main]}, pull_request: }\njobs: {a: {runs-on: x, steps: [{run: docker push a/b}]}}"),
    ] {
        assert_eq!(releases(&pipeline(&[(&format!(".github/workflows/{file}"), text)])), Vec::<&str>::new(), "{file}");
    }
}

#[test]
fn what_makes_releases_under_any_name_is_found() {
    for (file, text) in [
        (
            "CICD.yml",
            "on: {push: {branches: [main], tags: ['*']}, pull_request: }\njobs: {a: {runs-on: x, steps: [{uses: softprops/action-gh-release@v2}]}}",
        ),
        ("build.yaml", "on: [push, pull_request]\njobs: {a: {runs-on: x, steps: [{run: gh release create}]}}"),
        ("main.yml", "on: {push: {branches: [main]}}\njobs: {a: {runs-on: x, steps: [{run: npx semantic-release}]}}"),
        ("cd.yml", "on: {push: {branches: [main]}}\njobs: {a: {runs-on: x, steps: [{uses: googleapis/release-please-action@v4}]}}"),
        (
            "bump.yml",
            "'on': {workflow_dispatch: {inputs: {tag_name: {}}}}\njobs: {a: {runs-on: x, steps: [{uses: mislav/bump-homebrew-formula-action@v3}]}}",
        ),
        ("ship.yml", "name: Release\non: workflow_dispatch\njobs: {a: {runs-on: x, steps: [{run: cargo publish}]}}"),
    ] {
        let found = pipeline(&[(&format!(".github/workflows/{file}"), text)]);
        assert_eq!(releases(&found).len(), 1, "{file}");
        assert!(!found.releases[0].reasons.is_empty());
    }
}

#[test]
fn every_fact_says_where_it_stands_and_how_sure_it_is() {
    let found = steps("- env:\n    A: ${{ secrets.A }}\n  run: |\n    echo start\n    curl -H \"x: ${{ secrets.B }}\" # c");
    assert_eq!(places(&found, Topic::Secrets, "A"), BTreeSet::from([(".github/workflows/release.yml".to_owned(), 8, 18)]));
    assert_eq!(places(&found, Topic::Secrets, "B"), BTreeSet::from([(".github/workflows/release.yml".to_owned(), 11, 27)]));
    let dynamic = workflow("jobs: {a: {runs-on: '${{ needs.b.outputs.os }}', steps: [{run: gh release create}]}}\n");
    assert_eq!(sure(&dynamic, Topic::RunnerLabels, |sure| *sure == Sure::Dynamic), ["needs.b.outputs.os"]);
    let delegated = steps("- uses: goreleaser/goreleaser-action@v6\n  with: { args: release --clean }\n  env: { GITHUB_TOKEN: x }");
    assert!(values(&delegated, Topic::PublishTargets).contains(&"goreleaser".to_owned()));
    let decides = |sure: &Sure| matches!(sure, Sure::Delegated(file) if file == ".goreleaser.yaml");
    assert_eq!(sure(&delegated, Topic::PublishTargets, decides), ["github-release"]);
}

#[test]
fn a_tool_that_only_builds_publishes_nothing() {
    for with in ["{ install-only: true }", "{ args: release --snapshot }", "{ args: build }"] {
        let found = steps(&format!("- uses: goreleaser/goreleaser-action@v6\n  with: {with}\n  env: {{ GITHUB_TOKEN: x }}"));
        assert_eq!(values(&found, Topic::PublishTargets), ["github-release"], "{with}");
    }
}

#[test]
fn the_path_of_a_release_is_what_it_waits_for() {
    let found = workflow(
        "jobs:\n  test: {runs-on: x, steps: [{run: 'true'}]}\n  lint: {runs-on: x, steps: [{run: 'true'}]}\n  ship: {needs: test, runs-on: x, steps: [{run: gh release create}]}\n",
    );
    let path: Vec<(&str, bool)> = found.releases[0].jobs.iter().map(|job| (job.id.as_str(), job.on_release_path)).collect();
    assert_eq!(path, [("test", true), ("lint", false), ("ship", true)]);
}

#[test]
fn tokens_that_the_forge_signs_are_seen_at_both_levels() {
    let permissions = |text: &str| {
        !values(&workflow(&format!("{text}\njobs: {{a: {{runs-on: x, steps: [{{run: gh release create}}]}}}}\n")), Topic::Oidc)
            .is_empty()
    };
    assert!(permissions("permissions: {id-token: write}") && permissions("permissions: write-all"));
    assert!(!permissions("permissions: {id-token: read}") && !permissions("permissions: {}"));
    let overridden = workflow(
        "permissions: {id-token: write}\njobs: {a: {permissions: {contents: write}, runs-on: x, steps: [{run: gh release create}]}}\n",
    );
    assert!(values(&overridden, Topic::Oidc).is_empty());
}
