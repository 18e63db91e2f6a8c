//! GitHub's workflows: what a name comes to in the combinations of a job, and what an action's inputs tell.

use super::*;

/// A job with this matrix and these steps.
fn matrix(matrix: &str, steps: &str) -> Pipeline {
    workflow(&format!(
        "jobs:\n  a:\n    runs-on: x\n    strategy: {{matrix: {matrix}}}\n    steps:\n    - run: gh release create v1\n{steps}"
    ))
}

#[test]
fn a_name_with_a_matrix_in_it_is_all_that_it_comes_to() {
    let targets = "{target: [arm, amd64], registry: [ghcr.io, quay.io]}";
    let run = matrix(targets, "    - run: docker run ghcr.io/cross-rs/${{ matrix.target }}\n");
    assert_eq!(sure(&run, Topic::Images, |sure| *sure == Sure::Computed), ["ghcr.io/cross-rs/amd64", "ghcr.io/cross-rs/arm"]);
    assert!(!is_open(&run, "image"), "{:?}", run.open);
    let variable = matrix(targets, "    - run: docker run \"$IMAGE\" make\n      env: {IMAGE: 'a/${{ matrix.target }}'}\n");
    assert_eq!(values(&variable, Topic::Images), ["a/amd64", "a/arm"]);
    let copied = matrix(targets, "    - run: skopeo copy docker://${{ matrix.registry }}/a/b docker://docker.io/a/b\n");
    assert_eq!(values(&copied, Topic::Registries), ["docker.io", "ghcr.io", "quay.io"]);
    assert!(!is_open(&copied, "registry"), "{:?}", copied.open);
}

#[test]
fn a_name_that_only_a_run_knows_is_told_beside_what_is_known() {
    let part = matrix("{image: [a/b, '${{ vars.IMAGE }}']}", "    - run: docker run ${{ matrix.image }}\n");
    assert_eq!(values(&part, Topic::Images), ["a/b"]);
    assert!(is_open(&part, "the image that is run is decided by `${{ matrix.image }}`"), "{:?}", part.open);
    let shell = steps("- run: IMAGE=$(cat name); docker run $IMAGE");
    assert!(is_open(&shell, "the image that is run is decided by `$IMAGE`"), "{:?}", shell.open);
}

#[test]
fn the_registry_of_an_image_is_known_where_its_tag_is_not() {
    let push = |tags: &str| {
        matrix(
            "{target: [arm, amd64], registry: [ghcr.io, quay.io]}",
            &format!("    - uses: docker/build-push-action@v6\n      with: {{push: true, tags: \"{tags}\"}}\n"),
        )
    };
    let tag = push("ghcr.io/cross-rs/${{ matrix.target }}:${{ github.ref_name }}");
    assert_eq!(values(&tag, Topic::Registries), ["ghcr.io"]);
    assert!(!is_open(&tag, "the image"), "{:?}", tag.open);
    let owner = push("${{ matrix.registry }}/${{ github.repository }}:1");
    assert_eq!(values(&owner, Topic::Registries), ["ghcr.io", "quay.io"]);
    assert!(is_open(&owner, "the image that is pushed is named by `${{ matrix.registry }}/${{ github.repository }}:1`"));
    let two = push("acme/api:1\\n${{ steps.meta.outputs.tags }}");
    assert_eq!(values(&two, Topic::Registries), ["docker.io"]);
    assert!(is_open(&two, "the image that is pushed is named by `${{ steps.meta.outputs.tags }}`"), "{:?}", two.open);
}

#[test]
fn a_formula_of_homebrew_is_told_by_its_name_and_its_tap() {
    let brews = |uses: &str, with: &str| {
        let found = steps(&format!("- uses: {uses}\n  with:\n    {}\n    tag-name: v1", with.replace('\n', "\n    ")));
        let sites = found.facts.of(Topic::PublishTargets).filter(|(target, _)| target.starts_with("homebrew"));
        let told = |site: &canship::pipeline::Site| format!("{}:{} {}", site.at.line, site.at.column, site.role);
        sites.flat_map(|(target, sites)| sites.iter().map(move |site| format!("{target} {}", told(site)))).collect::<Vec<_>>()
    };
    let mislav = "mislav/bump-homebrew-formula-action@v3";
    assert_eq!(brews(mislav, "formula-name: gh"), ["homebrew-core 9:11 formula-name: gh"]);
    assert_eq!(
        brews(mislav, "homebrew-tap: acme/homebrew-tap\nformula-name: gh"),
        ["homebrew-tap 9:11 homebrew-tap: acme/homebrew-tap", "homebrew-tap 10:11 formula-name: gh"]
    );
    assert_eq!(brews(mislav, "push-to: me/homebrew-core"), ["homebrew-core 7:15 mislav/bump-homebrew-formula-action"]);
    assert_eq!(
        brews("dawidd6/action-homebrew-bump-formula@v3", "tap: homebrew/core\nformula: gh"),
        ["homebrew-core 10:11 formula: gh"]
    );
    assert_eq!(
        brews("macauley/action-homebrew-bump-cask@v1", "tap: acme/homebrew-cask\ncask: gh"),
        ["homebrew-tap 9:11 tap: acme/homebrew-cask", "homebrew-tap 10:11 cask: gh"]
    );
    assert_eq!(brews(mislav, "homebrew-tap: '${{ vars.TAP }}'"), ["homebrew-tap 9:11 homebrew-tap: ${{ vars.TAP }}"]);
}

#[test]
fn a_workflow_that_is_named_a_release_and_publishes_on_a_push_is_one() {
    let on = |on: &str, name: &str| {
        let text = format!("name: {name}\non: {on}\njobs: {{a: {{runs-on: x, steps: [{{run: npm publish}}]}}}}\n");
        !releases(&pipeline(&[(".github/workflows/ship.yml", &text)])).is_empty()
    };
    assert!(on("{push: {branches: [main], paths: [package.json]}}", "Release on npm"));
    assert!(!on("{push: {branches: [main], paths: [package.json]}}", "Build"));
    assert!(!on("{push: {branches: [main]}}", "Release docs"));
    assert!(!on("{push: {branches: [main]}, pull_request: }", "Release on npm"));
}

#[test]
fn a_remote_workflow_that_promises_a_release_and_is_given_secrets_is_one_somewhere() {
    let call = |rest: &str| {
        workflow(&format!(
            "jobs:\n  ship: {{uses: acme/meta/.github/workflows/{rest}}}\n  gh: {{runs-on: x, steps: [{{run: gh release create v1}}]}}\n"
        ))
    };
    let found = call("goreleaser.yml@main, secrets: {token: '${{ secrets.T }}'}");
    let by = sure(&found, Topic::PublishTargets, |sure| {
        *sure == Sure::Delegated("acme/meta/.github/workflows/goreleaser.yml@main".to_owned())
    });
    assert_eq!(by, ["unknown"]);
    assert!(found.path().any(|(_, job)| job.id == "ship"));
    for other in ["goreleaser.yml@main", "lint.yml@main, secrets: inherit"] {
        assert!(!call(other).path().any(|(_, job)| job.id == "ship"), "{other}");
    }
}

#[test]
fn where_nothing_is_seen_to_be_published_nothing_is_said_to_go_into_it() {
    let text = "name: Release\non: {push: {tags: ['v*']}}\njobs: {a: {uses: acme/meta/.github/workflows/all.yml@main}}\n";
    let folder = repository(&[(".github/workflows/release.yml", text)]);
    let shown = support::Canship::new(&["pipeline"]).argument(folder.path()).run_as_is().stdout;
    assert!(shown.contains("  and 1 more job, where nothing is seen to be published\n"), "{shown}");
    assert_eq!(values(&steps("- uses: canonical/action-publish@v1"), Topic::PublishTargets), ["github-release", "snap"]);
}
