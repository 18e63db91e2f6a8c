//! Each rule in a repository where it fires, and in one like it where it must not. Only what the rule is about differs.

use std::collections::BTreeSet;

use canship::audit::{RULES, Severity};

use super::{World, checked};

/// A workflow started by tags, with these jobs.
macro_rules! on_tag {
    ($jobs:literal) => {
        &[(".github/workflows/release.yml", concat!("on: {push: {tags: ['v*']}}\njobs:\n", $jobs))]
    };
    ($jobs:literal, $plan:expr) => {
        &[(".github/workflows/release.yml", concat!("on: {push: {tags: ['v*']}}\njobs:\n", $jobs)), ("canship.yaml", $plan)]
    };
}

/// A plan with what is given put at its end.
macro_rules! plan {
    () => {
        plan!("")
    };
    ($more:literal) => {
        concat!(
            "release: a\nbuild: {image: 'rust@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', run: [make], artifacts: [x]}\n",
            "publish: [{oci: ghcr.io/a/b}]\n",
            $more
        )
    };
}

/// The rule, where it fires with which severity, and where it is silent.
pub(crate) struct Case {
    rule: &'static str,
    severity: Severity,
    pub(crate) fires: World<'static>,
    pub(crate) silent: World<'static>,
}

use Severity::{Error, Note, Warning};

pub(crate) const CASES: &[Case] = &[
    Case {
        rule: "announced-early",
        severity: Warning,
        fires: on_tag!("  a:\n    runs-on: x\n    steps:\n    - run: gh release create v1\n    - run: cargo publish\n"),
        silent: on_tag!("  a:\n    runs-on: x\n    steps:\n    - run: cargo publish\n    - run: gh release create v1\n"),
    },
    Case {
        rule: "announced-early",
        severity: Warning,
        fires: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - uses: softprops/action-gh-release@v2\n  b:\n    needs: a\n    runs-on: x\n    steps:\n    - run: cargo publish\n"
        ),
        silent: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - uses: softprops/action-gh-release@v2\n      with: {draft: true}\n  b:\n    needs: a\n    runs-on: x\n    steps:\n    - run: cargo publish\n"
        ),
    },
    Case {
        rule: "announced-early",
        severity: Note,
        fires: &[(
            ".github/workflows/release.yml",
            "on: {release: {types: [published]}}\njobs: {a: {runs-on: x, steps: [{run: cargo publish}]}}\n",
        )],
        silent: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - run: |\n        flags=(--draft)\n        gh release create v1 \"${flags[@]}\"\n    - run: cargo publish\n"
        ),
    },
    Case {
        rule: "announced-early",
        severity: Warning,
        fires: on_tag!(
            "  build: {runs-on: x, steps: [{run: make}]}\n  a: {needs: build, runs-on: x, steps: [{run: gh release create v1}]}\n  b: {needs: build, runs-on: x, steps: [{run: cargo publish}]}\n"
        ),
        silent: on_tag!(
            "  a: {needs: mid, runs-on: x, steps: [{run: gh release create v1}]}\n  mid: {needs: b, runs-on: x, steps: [{run: make}]}\n  b: {runs-on: x, steps: [{run: cargo publish}]}\n"
        ),
    },
    // What is called is over when its caller's followers begin.
    Case {
        rule: "announced-early",
        severity: Warning,
        fires: &[
            (
                ".github/workflows/release.yml",
                "on: {push: {tags: ['v*']}}\njobs:\n  call: {uses: ./.github/workflows/packages.yml}\n  a: {runs-on: x, steps: [{run: gh release create v1}]}\n",
            ),
            (".github/workflows/packages.yml", "on: {workflow_call: }\njobs: {b: {runs-on: x, steps: [{run: cargo publish}]}}\n"),
        ],
        silent: &[
            (
                ".github/workflows/release.yml",
                "on: {push: {tags: ['v*']}}\njobs:\n  call: {uses: ./.github/workflows/packages.yml}\n  a: {needs: call, runs-on: x, steps: [{run: gh release create v1}]}\n",
            ),
            (".github/workflows/packages.yml", "on: {workflow_call: }\njobs: {b: {runs-on: x, steps: [{run: cargo publish}]}}\n"),
        ],
    },
    // GitLab's stages order what `needs` does not.
    Case {
        rule: "announced-early",
        severity: Warning,
        fires: &[(
            ".gitlab-ci.yml",
            "push: {stage: deploy, script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\nrelease: {stage: deploy, script: [make], release: {tag_name: v1}, rules: [{if: $CI_COMMIT_TAG}]}\n",
        )],
        silent: &[(
            ".gitlab-ci.yml",
            "push: {stage: build, script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\nrelease: {stage: deploy, script: [make], release: {tag_name: v1}, rules: [{if: $CI_COMMIT_TAG}]}\n",
        )],
    },
    Case {
        rule: "announced-early",
        severity: Warning,
        fires: &[(
            ".gitlab-ci.yml",
            "release: {stage: build, script: [make], release: {tag_name: v1}, rules: [{if: $CI_COMMIT_TAG}]}\npush: {stage: deploy, script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n",
        )],
        silent: &[(
            ".gitlab-ci.yml",
            "release: {stage: deploy, needs: [push], script: [make], release: {tag_name: v1}, rules: [{if: $CI_COMMIT_TAG}]}\npush: {stage: deploy, script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n",
        )],
    },
    Case {
        rule: "build-differs",
        severity: Warning,
        fires: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - run: cp app.py dist/\n    - uses: docker/build-push-action@v6\n      with: {push: true, tags: 'ghcr.io/a/b:1'}\n",
            "release: a\nbuild: {dockerfile: Dockerfile}\npublish: [{oci: ghcr.io/a/b}]\n"
        ),
        silent: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - run: echo cp\n    - uses: docker/build-push-action@v6\n      with: {push: true, tags: 'ghcr.io/a/b:1'}\n    - run: cp app.py dist/\n",
            "release: a\nbuild: {dockerfile: Dockerfile}\npublish: [{oci: ghcr.io/a/b}]\n"
        ),
    },
    Case {
        rule: "build-differs",
        severity: Warning,
        fires: &[
            (
                ".gitlab-ci.yml",
                "make: {stage: build, script: [make], artifacts: {paths: [dist]}}\npush: {stage: deploy, script: [docker build -t a/b ., docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n",
            ),
            ("canship.yaml", "release: a\nbuild: {dockerfile: Dockerfile}\npublish: [{oci: ghcr.io/a/b}]\n"),
        ],
        silent: &[
            (
                ".gitlab-ci.yml",
                "make: {stage: build, script: [make], artifacts: {paths: [dist]}}\npush: {stage: deploy, dependencies: [], script: [docker build -t a/b ., docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n",
            ),
            ("canship.yaml", "release: a\nbuild: {dockerfile: Dockerfile}\npublish: [{oci: ghcr.io/a/b}]\n"),
        ],
    },
    Case {
        rule: "build-differs",
        severity: Warning,
        fires: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - run: make release\n    - run: docker push ghcr.io/a/b\n    - run: cargo build --release --locked\n",
            "release: a\nbuild: {image: rust, run: [cargo build --release], artifacts: [x]}\npublish: [{oci: ghcr.io/a/b}]\n"
        ),
        silent: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - run: docker push ghcr.io/a/b\n    - run: cargo build --locked --release\n",
            "release: a\nbuild: {image: rust, run: [cargo build --release --locked], artifacts: [x]}\npublish: [{oci: ghcr.io/a/b}]\n"
        ),
    },
    Case {
        rule: "environment-not-covered",
        severity: Note,
        fires: on_tag!("  a: {runs-on: x, environment: prod, steps: [{run: docker push ghcr.io/a/b}]}\n", plan!()),
        silent: on_tag!(
            "  a: {runs-on: x, environment: prod, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!("people: {release: [one, two]}\n")
        ),
    },
    Case {
        rule: "failure-ignored",
        severity: Warning,
        fires: on_tag!("  a:\n    runs-on: x\n    steps:\n    - run: cargo publish\n      continue-on-error: true\n"),
        silent: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - run: cargo publish\n      continue-on-error: false\n  lint: {runs-on: x, continue-on-error: true, steps: [{run: lint}]}\n"
        ),
    },
    Case {
        rule: "failure-ignored",
        severity: Warning,
        fires: &[(".gitlab-ci.yml", "push: {script: [docker push a/b], allow_failure: true, rules: [{if: $CI_COMMIT_TAG}]}\n")],
        silent: &[(".gitlab-ci.yml", "push: {script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n")],
    },
    Case {
        rule: "file-not-read",
        severity: Error,
        fires: &[(".github/workflows/release.yml", "on: push\njobs: [\n")],
        silent: on_tag!("  a: {runs-on: x, steps: [{run: cargo publish}]}\n"),
    },
    Case {
        rule: "forge-refuses",
        severity: Error,
        fires: &[(
            ".gitlab-ci.yml",
            "stages: [build, ship]\npush: {stage: release, script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n",
        )],
        silent: &[(
            ".gitlab-ci.yml",
            "stages: [build, ship]\npush: {stage: ship, script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\nend: {stage: .post, needs: [{job: lint, optional: true}, push], script: [true]}\n",
        )],
    },
    Case {
        rule: "forge-refuses",
        severity: Warning,
        fires: &[(
            ".gitlab-ci.yml",
            "include: {project: a/b, file: ci.yml}\npush: {stage: ship, script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n",
        )],
        silent: &[(".gitlab-ci.yml", "push: {stage: deploy, script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n")],
    },
    Case {
        rule: "forge-refuses",
        severity: Error,
        fires: on_tag!("  a: {needs: b, runs-on: x, steps: [{run: cargo publish}]}\n"),
        silent: on_tag!("  a: {needs: [B], runs-on: x, steps: [{run: cargo publish}]}\n  b: {runs-on: x, steps: [{run: make}]}\n"),
    },
    Case {
        rule: "forge-refuses",
        severity: Error,
        fires: &[(
            ".gitlab-ci.yml",
            "a: {needs: [b], script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\nb: {needs: [a], script: [make]}\n",
        )],
        silent: &[(
            ".gitlab-ci.yml",
            "a: {needs: [b], script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\nb: {needs: [], script: [make]}\n",
        )],
    },
    Case {
        rule: "image-differs",
        severity: Warning,
        fires: on_tag!(
            "  a: {runs-on: x, container: 'rust:1.95', steps: [{run: docker push ghcr.io/a/b}]}\n",
            "release: a\nbuild: {image: 'docker.io/library/rust:1.94', run: [make], artifacts: [x]}\npublish: [{oci: ghcr.io/a/b}]\n"
        ),
        silent: on_tag!(
            "  a: {runs-on: x, container: 'rust:1.95', steps: [{run: docker push ghcr.io/a/b}]}\n",
            "release: a\nbuild: {image: 'docker.io/library/rust:1.95', run: [make], artifacts: [x]}\npublish: [{oci: ghcr.io/a/b}]\n"
        ),
    },
    Case {
        rule: "image-not-pinned",
        severity: Warning,
        fires: &[
            (
                ".github/workflows/release.yml",
                "on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: docker push a/b}]}}\n",
            ),
            ("Dockerfile", "FROM alpine\n"),
        ],
        silent: &[
            (
                ".github/workflows/release.yml",
                "on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: docker push a/b}]}}\n",
            ),
            (
                "Dockerfile",
                "FROM alpine@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa AS base\nFROM base\nFROM scratch\n",
            ),
        ],
    },
    Case {
        rule: "images-one-registry",
        severity: Note,
        fires: on_tag!("  a: {runs-on: x, container: 'rust:1.95', steps: [{run: cargo publish}]}\n"),
        silent: on_tag!(
            "  a: {runs-on: x, container: 'rust:1.95', steps: [{run: cargo publish}]}\n  b: {runs-on: x, needs: a, container: 'quay.io/a/b:1', steps: [{run: cargo publish}]}\n"
        ),
    },
    Case {
        rule: "no-recover",
        severity: Warning,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!("secrets: {T: {env: T}}\nprimary: {github: {repository: a/b, workflows: [release.yml], token: T}}\n")
        ),
        silent: &[
            (
                ".github/workflows/release.yml",
                "on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}}\n",
            ),
            (
                ".github/workflows/recover.yml",
                "on: {schedule: [{cron: '*/15 * * * *'}]}\njobs: {a: {runs-on: x, steps: [{run: canship recover}]}}\n",
            ),
            (
                "canship.yaml",
                plan!("secrets: {T: {env: T}}\nprimary: {github: {repository: a/b, workflows: [release.yml], token: T}}\n"),
            ),
        ],
    },
    Case {
        rule: "no-release-found",
        severity: Warning,
        fires: &[(".github/workflows/ci.yml", "on: push\njobs: {a: {runs-on: x, steps: [{run: make test}]}}\n")],
        silent: &[("README.md", "nothing here\n")],
    },
    Case {
        rule: "no-spare",
        severity: Error,
        fires: on_tag!("  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n"),
        silent: on_tag!("  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n", plan!()),
    },
    Case { rule: "no-spare", severity: Error, fires: &[("README.md", "nothing here\n")], silent: &[("canship.yaml", plan!())] },
    Case {
        rule: "not-pinned",
        severity: Warning,
        fires: on_tag!("  a: {runs-on: x, steps: [{uses: softprops/action-gh-release@v2}]}\n"),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{uses: softprops/action-gh-release@0123456789abcdef0123456789abcdef01234567}, {uses: actions/checkout@v4}]}\n"
        ),
    },
    Case {
        rule: "oidc-only",
        severity: Warning,
        fires: on_tag!("  a: {runs-on: x, permissions: {id-token: write}, steps: [{uses: pypa/gh-action-pypi-publish@v1}]}\n"),
        silent: on_tag!(
            "  a: {runs-on: x, permissions: {id-token: write}, steps: [{uses: pypa/gh-action-pypi-publish@v1, with: {password: '${{ secrets.P }}'}}]}\n"
        ),
    },
    Case {
        rule: "oidc-only",
        severity: Error,
        fires: on_tag!(
            "  a: {runs-on: x, permissions: {id-token: write}, steps: [{run: npm publish}]}\n",
            "release: a\nbuild: {image: node, run: [npm pack], artifacts: [x]}\npublish: [{npm: a}]\n"
        ),
        silent: on_tag!(
            "  a: {runs-on: x, permissions: {id-token: write}, steps: [{run: npm publish, env: {NODE_AUTH_TOKEN: '${{ secrets.N }}'}}]}\n",
            "release: a\nbuild: {image: node, run: [npm pack], artifacts: [x]}\npublish: [{npm: a}]\n"
        ),
    },
    Case {
        rule: "oidc-only",
        severity: Note,
        fires: on_tag!(
            "  a: {runs-on: x, permissions: {id-token: write}, steps: [{uses: rust-lang/crates-io-auth-action@v1}, {run: cargo publish}]}\n",
            "release: a\nbuild: {image: node, run: [npm pack], artifacts: [x]}\npublish: [{crate: a, token: T}]\nsecrets: {T: {env: T}}\n"
        ),
        silent: on_tag!("  a: {runs-on: x, permissions: {id-token: write}, steps: [{run: cargo publish}]}\n"),
    },
    Case {
        rule: "one-approver",
        severity: Warning,
        fires: on_tag!(
            "  a: {runs-on: x, environment: prod, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!("people: {release: [one]}\n")
        ),
        silent: on_tag!(
            "  a: {runs-on: x, environment: prod, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!("people: {release: [one, two]}\n")
        ),
    },
    Case {
        rule: "one-approver",
        severity: Warning,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{uses: trstringer/manual-approval@v1, with: {approvers: somebody}}, {run: cargo publish}]}\n"
        ),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{uses: trstringer/manual-approval@v1, with: {approvers: 'one,two'}}, {run: cargo publish}]}\n"
        ),
    },
    Case {
        rule: "one-runner",
        severity: Note,
        fires: on_tag!(
            "  a: {runs-on: ubuntu-latest, steps: [{run: cargo publish}]}\n  b: {runs-on: macos-15, steps: [{run: cargo publish}]}\n"
        ),
        silent: on_tag!(
            "  a: {runs-on: ubuntu-latest, steps: [{run: cargo publish}]}\n  b: {runs-on: depot-ubuntu-24.04, steps: [{run: cargo publish}]}\n"
        ),
    },
    Case {
        rule: "plan-unfinished",
        severity: Error,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            "release: a\nbuild: {image: rust, run: [make], artifacts: [x]}\npublish: [{oci: registry.example/team/a}]\n"
        ),
        silent: on_tag!("  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n", plan!()),
    },
    Case {
        rule: "plan-unfinished",
        severity: Warning,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!("# QUESTION: how long may a hotfix take?\n")
        ),
        silent: on_tag!("  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n", plan!("# No QUESTION: all is decided.\n")),
    },
    Case {
        rule: "registry-not-covered",
        severity: Error,
        fires: on_tag!("  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}, {run: docker push quay.io/a/b}]}\n", plan!()),
        silent: on_tag!("  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n", plan!()),
    },
    Case {
        rule: "registry-unknown",
        severity: Warning,
        fires: on_tag!("  a: {runs-on: x, steps: [{run: docker push $REGISTRY/a}]}\n", plan!()),
        silent: on_tag!("  a: {runs-on: x, env: {REGISTRY: ghcr.io}, steps: [{run: docker push $REGISTRY/a}]}\n", plan!()),
    },
    Case {
        rule: "registry-unknown",
        severity: Warning,
        fires: &[(".gitlab-ci.yml", "push: {script: [docker push $REGISTRY/a], rules: [{if: $CI_COMMIT_TAG}]}\n")],
        silent: &[(
            ".gitlab-ci.yml",
            "variables: {REGISTRY: quay.io}\npush: {script: [docker push $REGISTRY/a, docker push $CI_REGISTRY_IMAGE], rules: [{if: $CI_COMMIT_TAG}]}\n",
        )],
    },
    Case {
        rule: "registry-unknown",
        severity: Warning,
        fires: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - uses: docker/login-action@v3\n      with: {registry: '${{ vars.REGISTRY }}'}\n    - uses: docker/build-push-action@v6\n      with: {push: true, tags: '${{ steps.meta.outputs.tags }}'}\n",
            plan!()
        ),
        silent: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - uses: docker/login-action@v3\n      with: {registry: ghcr.io}\n    - uses: docker/build-push-action@v6\n      with: {push: true, tags: '${{ steps.meta.outputs.tags }}'}\n",
            plan!()
        ),
    },
    Case {
        rule: "runner-os-not-covered",
        severity: Warning,
        fires: on_tag!(
            "  mac: {runs-on: macos-15, steps: [{run: make}, {uses: actions/upload-artifact@v4}]}\n  a: {needs: mac, runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!(
                "primary: {github: {repository: a/b, workflows: [r.yml], token: T}}\nsecrets: {T: {env: T}}\nspares: [{name: c, container: {}}, {name: r, runner: {labels: [Windows], workflow: w.yml}}]\n"
            )
        ),
        silent: on_tag!(
            "  mac: {runs-on: macos-15, steps: [{run: make}, {uses: actions/upload-artifact@v4}]}\n  a: {needs: mac, runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!(
                "primary: {github: {repository: a/b, workflows: [r.yml], token: T}}\nsecrets: {T: {env: T}}\nspares: [{name: c, container: {}}, {name: r, runner: {labels: [macOS], workflow: w.yml}}]\n"
            )
        ),
    },
    Case {
        rule: "runner-os-not-covered",
        severity: Note,
        fires: on_tag!(
            "  test: {runs-on: windows-latest, steps: [{run: make test}]}\n  a: {needs: test, runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!()
        ),
        silent: on_tag!(
            "  test: {runs-on: windows-latest, steps: [{run: make test}]}\n  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!()
        ),
    },
    Case {
        rule: "runner-os-not-covered",
        severity: Warning,
        fires: &[
            (".gitlab-ci.yml", "push: {tags: [saas-macos-medium-m1], script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n"),
            ("canship.yaml", plan!()),
        ],
        silent: &[
            (
                ".gitlab-ci.yml",
                "push: {tags: [saas-linux-small-amd64], script: [docker push a/b], rules: [{if: $CI_COMMIT_TAG}]}\n",
            ),
            ("canship.yaml", plan!()),
        ],
    },
    Case {
        rule: "runner-version-pinned",
        severity: Warning,
        fires: &[
            (
                ".github/workflows/release.yml",
                "on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: docker push a/b}]}}\n",
            ),
            ("Dockerfile", "FROM ghcr.io/actions/actions-runner:2.300.0\n"),
        ],
        silent: &[
            (
                ".github/workflows/release.yml",
                "on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: docker push a/b}]}}\n",
            ),
            ("Dockerfile", "FROM ghcr.io/actions/actions-runner:latest\n"),
        ],
    },
    Case {
        rule: "schedule-expires",
        severity: Warning,
        fires: &[(
            ".github/workflows/drill.yml",
            "on: {schedule: [{cron: '0 3 * * 1'}]}\njobs: {a: {runs-on: x, steps: [{run: canship drill}]}}\n",
        )],
        silent: &[(
            ".github/workflows/lint.yml",
            "on: {schedule: [{cron: '0 3 * * 1'}]}\njobs: {a: {runs-on: x, steps: [{run: make lint}]}}\n",
        )],
    },
    Case {
        rule: "secret-not-covered",
        severity: Error,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b, env: {P: '${{ secrets.REGISTRY_PASSWORD }}'}}]}\n",
            plan!()
        ),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b, env: {P: '${{ secrets.REGISTRY_PASSWORD }}', G: '${{ secrets.GITHUB_TOKEN }}'}}]}\n  test: {runs-on: x, steps: [{run: test, env: {P: '${{ secrets.OTHER }}'}}]}\n",
            plan!("secrets: {REGISTRY_PASSWORD: {env: P}}\n")
        ),
    },
    Case {
        rule: "secret-not-covered",
        severity: Note,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b, env: {P: '${{ secrets.SLACK_WEBHOOK }}'}}]}\n",
            plan!()
        ),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b, env: {P: '${{ secrets.SLACK_WEBHOOK }}'}}]}\n",
            plan!("secrets: {S: {command: [pass, show, ci/SLACK_WEBHOOK]}}\n")
        ),
    },
    Case {
        rule: "secret-other-name",
        severity: Warning,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{run: cargo publish, env: {CARGO_REGISTRY_TOKEN: '${{ secrets.CRATES }}'}}]}\n",
            plan!("secrets: {CARGO_REGISTRY_TOKEN: {env: CARGO_REGISTRY_TOKEN}}\n")
        ),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{run: cargo publish, env: {CARGO_REGISTRY_TOKEN: '${{ secrets.CRATES }}'}}]}\n",
            plan!("secrets: {CRATES: {env: CRATES}}\n")
        ),
    },
    Case {
        rule: "skipped-green",
        severity: Warning,
        fires: on_tag!(
            "  a:\n    runs-on: x\n    env: {T: '${{ secrets.TOKEN }}'}\n    steps:\n    - run: cargo publish\n      if: env.T != ''\n"
        ),
        silent: on_tag!(
            "  a:\n    runs-on: x\n    env: {T: '${{ github.ref }}'}\n    steps:\n    - run: cargo publish\n      if: env.T != ''\n    - run: exit 1\n      if: secrets.TOKEN == ''\n"
        ),
    },
    Case {
        rule: "skipped-green",
        severity: Warning,
        fires: &[(
            ".gitlab-ci.yml",
            "push:\n  rules: [{if: $CI_COMMIT_TAG}]\n  script:\n    - if [ -z \"$DEPLOY_KEY\" ]; then echo none; exit 0; fi\n    - docker push a/b\n    - echo $DEPLOY_KEY\n",
        )],
        silent: &[(
            ".gitlab-ci.yml",
            "push:\n  rules: [{if: $CI_COMMIT_TAG}]\n  script:\n    - if [ -z \"$DEPLOY_KEY\" ]; then echo none; exit 1; fi\n    - docker push a/b\n    - echo $DEPLOY_KEY\n",
        )],
    },
    Case {
        rule: "spare-same-control-plane",
        severity: Error,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!(
                "source: {mirror: 'https://git.example/a'}\nprimary: {github: {repository: a/b, workflows: [r.yml], token: T}}\nsecrets: {T: {env: T}}\nspares: [{name: r, runner: {labels: [x], workflow: w.yml}}]\n"
            )
        ),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!("source: {mirror: 'https://git.example/a'}\nspares: [{name: c, container: {}}]\n")
        ),
    },
    Case {
        rule: "spare-same-control-plane",
        severity: Warning,
        fires: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!("source: {mirror: 'https://github.com/a/mirror'}\n")
        ),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}\n",
            plan!("source: {mirror: 'ssh://git@git.example/a/mirror'}\n")
        ),
    },
    Case {
        rule: "suppression",
        severity: Warning,
        fires: on_tag!("  a: # canship: ignore[not-pinned] was so once\n    runs-on: x\n    steps: [{run: cargo publish}]\n"),
        silent: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    # canship: ignore[not-pinned] we trust them\n    - uses: softprops/action-gh-release@v2\n"
        ),
    },
    Case {
        rule: "tag-not-atomic",
        severity: Warning,
        fires: on_tag!("  a: {runs-on: x, steps: [{run: git push --follow-tags origin main}, {run: cargo publish}]}\n"),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{run: git push --atomic origin main v1}, {run: git push origin stable}, {run: cargo publish}]}\n"
        ),
    },
    Case {
        rule: "tag-not-atomic",
        severity: Warning,
        fires: on_tag!(
            "  a:\n    runs-on: x\n    steps:\n    - run: |\n        git push\n        git push --tags\n    - run: cargo publish\n"
        ),
        silent: on_tag!("  a:\n    runs-on: x\n    steps:\n    - run: git push --tags\n    - run: cargo publish\n"),
    },
    Case {
        rule: "target-not-covered",
        severity: Error,
        fires: on_tag!("  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}, {run: cargo publish}]}\n", plan!()),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}, {run: cargo publish}]}\n",
            "release: a\nbuild: {image: rust, run: [make], artifacts: [x]}\npublish: [{oci: ghcr.io/a/b}, {crate: a}]\n"
        ),
    },
    Case {
        rule: "third-party-code",
        severity: Note,
        fires: on_tag!("  a: {runs-on: x, steps: [{uses: softprops/action-gh-release@v2}]}\n"),
        silent: on_tag!(
            "  a: {runs-on: x, steps: [{uses: actions/checkout@v4}, {run: cargo publish}]}\n  lint: {runs-on: x, steps: [{uses: some/linter@v1}]}\n"
        ),
    },
    Case {
        rule: "version-not-found",
        severity: Error,
        fires: &[
            ("Cargo.toml", "[package]\nname = 'a'\nversion = '1.0.0'\n"),
            ("canship.yaml", plan!("source: {version: {file: Cargo.toml, key: package.verison}}\n")),
        ],
        silent: &[
            ("Cargo.toml", "[package]\nname = 'a'\nversion = '1.0.0'\n"),
            ("canship.yaml", plan!("source: {version: {file: ./Cargo.toml, key: package.version}}\n")),
        ],
    },
    Case {
        rule: "version-not-found",
        severity: Error,
        fires: &[("canship.yaml", plan!("source: {version: {file: VERSION}}\n"))],
        silent: &[("VERSION", "1.0.0\n"), ("canship.yaml", plan!("source: {version: {file: VERSION}}\n"))],
    },
];

#[test]
fn each_rule_speaks_where_it_must_and_is_silent_where_it_must() {
    let mut wrong = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let report = checked(case.fires);
        if !report.findings.iter().any(|finding| finding.rule.id == case.rule && finding.severity == case.severity) {
            let all: Vec<_> = report.findings.iter().map(|finding| (finding.rule.id, finding.severity)).collect();
            wrong.push(format!("case {number}: `{}` is silent: {all:?}", case.rule));
        }
        let report = checked(case.silent);
        let more = report.findings.iter().filter(|finding| finding.rule.id == case.rule && finding.severity >= case.severity);
        wrong.extend(more.map(|finding| format!("case {number}: `{}` speaks: {}", case.rule, finding.message)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case() {
    let cases: BTreeSet<&str> = CASES.iter().map(|case| case.rule).collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(cases, rules);
}

#[test]
fn no_finding_is_graver_than_its_rule_and_each_has_a_place_in_a_file() {
    for case in CASES {
        for finding in checked(case.fires).findings.iter().chain(&checked(case.silent).findings) {
            assert!(finding.severity <= finding.rule.severity, "{}", finding.rule.id);
            assert!(!finding.spot.at.file.is_empty() && finding.spot.at.line > 0, "{}: {}", finding.rule.id, finding.message);
        }
    }
}

#[test]
fn a_finding_points_at_what_it_is_about() {
    let report = checked(on_tag!("  a:\n    runs-on: x\n    steps:\n    - uses: softprops/action-gh-release@v2\n"));
    let finding = report.findings.iter().find(|finding| finding.rule.id == "not-pinned").unwrap();
    assert_eq!((finding.spot.at.line, finding.spot.at.column, finding.spot.length), (6, 13, 30));
}

/// What a rule says in a repository, and what it advises.
fn told(world: World<'_>, rule: &str) -> Vec<(String, String)> {
    let all = checked(world).findings.into_iter().filter(|finding| finding.rule.id == rule);
    all.map(|finding| (finding.message, finding.advice)).collect()
}

#[test]
fn a_version_that_is_not_there_is_told_with_the_keys_that_are() {
    let found = told(
        &[
            ("Cargo.toml", "[package]\nname = 'a'\nversion = '1.0.0'\n"),
            ("canship.yaml", plan!("source: {version: {file: Cargo.toml, key: package.verison}}\n")),
        ],
        "version-not-found",
    );
    let message = "there is no version where the plan takes it from: `Cargo.toml` has no key `package.verison`; up to there it has \
                   `name`, `version`";
    assert_eq!(found[0].0, message);
    assert!(found[0].1.contains("in `canship.yaml`"), "{found:?}");
}

#[test]
fn advice_names_the_key_and_the_file_that_it_is_about() {
    let ship = "  a: {runs-on: ubuntu-latest, permissions: {id-token: write}, steps: [{run: npm publish}, {uses: actions/attest@v1}, {run: choco push a}]}\n";
    let workflow = format!("on: {{push: {{tags: ['v*']}}}}\njobs:\n{ship}");
    let with = |plan: &str, rule: &str| {
        let mut world = vec![(".github/workflows/release.yml", workflow.as_str())];
        world.extend((!plan.is_empty()).then_some(("canship.yaml", plan)));
        told(&world, rule).into_iter().map(|(_, advice)| advice).collect::<Vec<_>>()
    };
    let npm = "release: a\nbuild: {image: node, run: [npm pack], artifacts: [x]}\npublish: [{npm: a}]\n";
    let token = with(npm, "oidc-only");
    assert!(token[0].contains("in `canship.yaml`: `token: NAME` at the `npm` entry of `publish`"), "{token:?}");
    assert!(token[1].contains("a step of `build.run` in `canship.yaml` that names it under its `secrets`"), "{token:?}");
    assert!(with("", "oidc-only")[0].contains("`canship init`"));
    let targets = with(plan!(), "target-not-covered");
    assert!(targets.iter().any(|advice| advice.starts_with("Add `- { npm: NAME }` to `publish` in `canship.yaml`")), "{targets:?}");
    let ignore = "in `canship.yaml` with that as the reason: `check: { ignore: [{ rule: target-not-covered, file: \
                  .github/workflows/release.yml, reason: … }] }`";
    assert!(targets.iter().any(|advice| advice.contains(ignore)), "{targets:?}");
    assert!(with(plan!(), "one-runner")[0].contains("`canship drill --spare container`"));
    assert!(with("", "one-runner")[0].contains("`canship init`"));
    let runner = plan!(
        "primary: {github: {repository: a/b, workflows: [r.yml], token: T}}\nsecrets: {T: {env: T}}\nspares: [{name: r, runner: {labels: [x], workflow: w.yml}}]\n"
    );
    assert!(with(runner, "one-runner")[0].contains("to `spares` in `canship.yaml`: `{ name: clean-room, container: {} }`"));
    let windows = told(
        on_tag!("  a: {runs-on: [self-hosted, Windows], steps: [{run: docker push ghcr.io/a/b}]}\n", plan!()),
        "runner-os-not-covered",
    );
    assert!(windows[0].1.contains("in a step of `build.run` in `canship.yaml`; or accept under `check.ignore`"), "{windows:?}");
}
