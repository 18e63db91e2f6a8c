//! `canship check` through the binary: every form of output, the gate, and that nothing from a file acts on who reads it.

use serde_json::Value;

use super::{repository, run, support::Canship};
use canship::{audit::RULES, record::Rule};

const WORKFLOW: (&str, &str) = (
    ".github/workflows/rele ase:.yml",
    "on: {push: {tags: ['v*']}}\njobs:\n  a:\n    runs-on: x\n    steps:\n    - uses: softprops/action-gh-release@v2\n    - uses: a/b@v1 # canship: ignore[not-pinned] ours\n",
);

fn parsed(world: super::World<'_>, form: &str) -> Value {
    let ran = run(repository(world).path(), &["--format", form, "--gate", "never"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    serde_json::from_str(&ran.stdout).unwrap()
}

fn holds_to(schema: &str, value: &Value) {
    let validator = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let wrong: Vec<String> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn sarif_holds_to_its_schema_and_knows_every_rule() {
    let value = parsed(&[WORKFLOW], "sarif");
    // The pattern of a language in the published schema has a bracket too many, and is none.
    let schema = include_str!("../fixtures/sarif-2.1.0.schema.json").replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    holds_to(&schema, &value);
    let run = &value["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), RULES.len());
    let results = run["results"].as_array().unwrap();
    let pinned: Vec<_> = results.iter().filter(|result| result["ruleId"] == "not-pinned").collect();
    let place = &pinned[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], ".github/workflows/rele%20ase%3A.yml");
    assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&6.into(), &13.into()));
    assert_eq!(pinned[1]["suppressions"][0]["justification"], "ours");
    for result in results {
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
    }
}

#[test]
fn json_holds_to_its_schema_which_is_the_one_that_is_printed() {
    let schema = include_str!("../../pipelines/check.schema.json");
    let value = parsed(&[WORKFLOW], "json");
    holds_to(schema, &value);
    assert_eq!(value["suppressed"][0]["by"], "comment");
    assert_eq!(Canship::new(&["schema", "check"]).run_as_is().stdout, schema);
}

#[test]
fn code_quality_has_what_gitlab_asks_for_and_fingerprints_differ_and_stay_when_lines_move() {
    let issues = |text: &str| parsed(&[(".github/workflows/r.yml", text)], "gitlab");
    let prints = |issues: &Value| -> Vec<String> {
        issues.as_array().unwrap().iter().map(|issue| issue["fingerprint"].as_str().unwrap().to_owned()).collect()
    };
    let (before, after) = (issues(WORKFLOW.1), issues(&format!("# a line\n{}", WORKFLOW.1)));
    for issue in before.as_array().unwrap() {
        assert!(issue["description"].is_string() && issue["check_name"].is_string() && issue["location"]["path"].is_string());
        assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() > 0);
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&issue["severity"].as_str().unwrap()));
    }
    let mut unique = prints(&before);
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), before.as_array().unwrap().len());
    let (mut before, mut after) = (prints(&before), prints(&after));
    before.sort();
    after.sort();
    assert_eq!(before, after);
}

#[test]
fn annotations_are_one_command_a_line_whatever_files_are_called() {
    let world: super::World<'_> = &[(
        ".github/workflows/a,b:c%0A.yml",
        "on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: cargo publish}, {uses: \"x/y@v\\n::error::z\\e[31m\"}]}}\n",
    )];
    let ran = run(repository(world).path(), &["--format", "github", "--gate", "never"]);
    assert_eq!(ran.code, Some(0));
    for line in ran.stdout.lines() {
        let properties = line.strip_prefix("::").and_then(|rest| rest.split("::").next()).unwrap();
        assert!(["error ", "warning ", "notice "].iter().any(|start| properties.starts_with(start)), "{line}");
        assert!(properties.contains("file=.github/workflows/a%2Cb%3Ac%250A.yml,line="), "{line}");
        assert!(!line.contains('\u{1b}'));
    }
    assert!(ran.stdout.contains("not-pinned"), "{}", ran.stdout);
}

#[test]
fn text_shows_the_line_and_no_escape_and_no_token() {
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let workflow = format!(
        "on: {{push: {{tags: ['v*']}}}}\njobs: {{a: {{runs-on: x, steps: [{{run: cargo publish}}, {{uses: \"x/y@\\e[31mv\"}}]}}}}\n# {token}\n"
    );
    let secret = format!(
        "on: {{push: {{tags: ['v*']}}}}\njobs: {{a: {{runs-on: x, steps: [{{run: 'gh release create --x {token}'}}, {{uses: x/z@v1, with: {{a: {token}}}}}]}}}}\n"
    );
    let folder = repository(&[(".github/workflows/a.yml", &workflow), (".github/workflows/b.yml", &secret)]);
    for form in ["text", "json", "sarif", "github", "gitlab"] {
        let ran = run(folder.path(), &["--format", form, "--gate", "never"]);
        assert!(!ran.stdout.contains(&token), "{form}");
        assert!(!ran.stdout.contains('\u{1b}'), "{form}");
    }
    let ran = run(folder.path(), &[]);
    assert!(
        ran.stdout.contains("warning[not-pinned]: ") && ran.stdout.contains("--> .github/workflows/a.yml:2:"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_gate_says_from_which_severity_on_it_ends_with_10() {
    let wrong_folder: super::World<'_> = &[("README.md", "x\n")];
    let warns: super::World<'_> = &[(".github/workflows/ci.yml", "on: push\njobs: {a: {runs-on: x, steps: [{run: make}]}}\n")];
    let errs: super::World<'_> = &[WORKFLOW];
    for (world, gate, code) in [
        (wrong_folder, "error", 10),
        (warns, "error", 0),
        (warns, "warning", 10),
        (warns, "note", 10),
        (errs, "error", 10),
        (errs, "never", 0),
    ] {
        assert_eq!(run(repository(world).path(), &["--gate", gate]).code, Some(code), "{gate}");
    }
    assert_eq!(run(repository(errs).path(), &[]).code, Some(10), "without --gate, errors count");
}

#[test]
fn a_plan_that_is_no_plan_is_told_as_one_and_checks_nothing() {
    let ran = run(repository(&[WORKFLOW, ("canship.yaml", "release: 1\nzzz: 2\n")]).path(), &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("canship.yaml:"), "{}", ran.stderr);
}

#[test]
fn every_rule_is_explained_and_one_that_is_none_is_told_with_the_nearest() {
    let list = Canship::new(&["explain"]).run_as_is();
    for rule in RULES {
        assert!(list.stdout.contains(rule.id), "{}", rule.id);
        let ran = Canship::new(&["explain", rule.id]).run_as_is();
        assert_eq!(ran.code, Some(0));
        for part in ["detects", "misses", "why", "what to do", "ignore["] {
            assert!(ran.stdout.contains(part), "{}: {part}", rule.id);
        }
    }
    for rule in Rule::ALL {
        assert!(canship::audit::rule(rule.id()).is_none(), "`{rule}` would be two rules");
        assert!(list.stdout.contains(&format!("  {rule} ")), "{rule}");
        let ran = Canship::new(&["explain", rule.id()]).run_as_is();
        let flat = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(ran.code == Some(0) && flat.contains(rule.meaning()), "{rule}: {}", ran.stdout);
    }
    let ran = Canship::new(&["explain", "not-pined"]).run_as_is();
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("did you mean `not-pinned`"), "{}", ran.stderr);
    let ran = Canship::new(&["explain", "over-targets"]).run_as_is();
    assert!(ran.stderr.contains("did you mean `over-target`"), "{}", ran.stderr);
}

#[test]
fn an_annotation_of_a_question_ends_with_its_mark_alone() {
    let plan = "release: a\nbuild: {image: rust, run: [make], artifacts: [x]}\npublish: [{oci: ghcr.io/a/b}]\n# QUESTION: how long may it take?\n";
    let ran = run(repository(&[WORKFLOW, ("canship.yaml", plan)]).path(), &["--format", "github", "--gate", "never"]);
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| line.contains("how long may it take?")).collect();
    assert!(lines.len() == 1 && lines[0].contains("how long may it take? "), "{}", ran.stdout);
    assert!(!ran.stdout.contains("?.") && !ran.stdout.contains(".."), "{}", ran.stdout);
}

#[test]
fn a_place_that_two_jobs_pass_is_shown_once() {
    let twice = "on: {push: {tags: ['v*']}}\njobs:\n  a: {uses: ./.github/workflows/called.yml}\n  b: {uses: ./.github/workflows/called.yml}\n";
    let called = "on: workflow_call\njobs:\n  c:\n    runs-on: x\n    container: docker.io/library/rust:1\n    steps:\n    - uses: other/action@v1\n    - run: cargo publish\n";
    let folder = repository(&[(".github/workflows/r.yml", twice), (".github/workflows/called.yml", called)]);
    let shown = run(folder.path(), &[]).stdout;
    assert!(shown.contains("[not-pinned]") && shown.contains("[image-not-pinned]"), "{shown}");
    assert!(!shown.contains("here too"), "{shown}");
    let value: Value = serde_json::from_str(&run(folder.path(), &["--format", "json"]).stdout).unwrap();
    for finding in value["findings"].as_array().unwrap().iter().filter(|one| one["rule"].as_str().unwrap().ends_with("not-pinned"))
    {
        assert_eq!(finding["related"].as_array().map(Vec::len), Some(0), "{finding}");
    }
}
