//! What is accepted is accepted with a reason only, is told, and is told when it is no longer there.

use super::{World, checked};

const PLAN: &str = "release: a\nbuild: {image: rust, run: [make], artifacts: [x]}\npublish: [{crate: a}]\n";

fn world(uses: &str, more: &str) -> [(&'static str, String); 2] {
    let workflow =
        format!("on: {{push: {{tags: ['v*']}}}}\njobs:\n  a:\n    runs-on: x\n    steps:\n    - run: cargo publish\n{uses}");
    [(".github/workflows/release.yml", workflow), ("canship.yaml", format!("{PLAN}{more}"))]
}

fn ids(world: &[(&'static str, String)]) -> (Vec<&'static str>, Vec<(&'static str, String)>) {
    let world: Vec<(&str, &str)> = world.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let world: World<'_> = &world;
    let report = checked(world);
    let suppressed = report.suppressed.iter().map(|one| (one.finding.rule.id, one.reason.clone())).collect();
    (report.findings.iter().map(|finding| finding.rule.id).collect(), suppressed)
}

#[test]
fn a_comment_accepts_the_finding_on_its_line_or_the_next() {
    for uses in
        ["    - uses: a/b@v1 # canship: ignore[not-pinned] ours\n", "    # canship: ignore[not-pinned] ours\n    - uses: a/b@v1\n"]
    {
        let (found, accepted) = ids(&world(uses, ""));
        assert!(!found.contains(&"not-pinned") && !found.contains(&"suppression"), "{uses}: {found:?}");
        assert_eq!(accepted, [("not-pinned", "ours".to_owned())]);
    }
}

#[test]
fn a_comment_elsewhere_without_a_reason_or_of_another_rule_accepts_nothing() {
    for uses in [
        "    # canship: ignore[not-pinned] ours\n\n    - uses: a/b@v1\n",
        "    # canship: ignore[not-pinned]\n    - uses: a/b@v1\n",
        "    # canship: ignore[no-such-rule] ours\n    - uses: a/b@v1\n",
        "    # canship: ignore[one-approver] ours\n    - uses: a/b@v1\n",
    ] {
        let (found, accepted) = ids(&world(uses, ""));
        assert!(found.contains(&"not-pinned") && found.contains(&"suppression"), "{uses}: {found:?}");
        assert!(accepted.is_empty());
    }
}

#[test]
fn the_plan_accepts_a_rule_in_a_file_or_in_all() {
    let uses = "    - uses: a/b@v1\n";
    for file in ["", ", file: .github/workflows/release.yml", ", file: ./.github/workflows/release.yml"] {
        let (found, accepted) = ids(&world(uses, &format!("check: {{ignore: [{{rule: not-pinned, reason: ours{file}}}]}}\n")));
        assert!(!found.contains(&"not-pinned") && !found.contains(&"suppression"), "{file}: {found:?}");
        assert_eq!(accepted.len(), 1);
    }
    let (found, _) = ids(&world(uses, "check: {ignore: [{rule: not-pinned, reason: ours, file: other.yml}]}\n"));
    assert!(found.contains(&"not-pinned") && found.contains(&"suppression"), "{found:?}");
}
